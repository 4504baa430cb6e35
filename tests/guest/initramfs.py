"""A root file system for the guest: an archive in the kernel's `newc` form of cpio, made here.

(Linux, Documentation/driver-api/early-userspace/buffer-format.rst.)
"""
import os
import pathlib
import re
import stat
import subprocess


def placed(path):
    """Where a path really is: /lib and /lib64 are links to what is below /usr, as in Debian."""
    path = path.strip("/")
    return f"usr/{path}" if path.split("/")[0] in ("lib", "lib64") else path


class Archive:
    """Files by their path in the guest; folders come by themselves."""

    def __init__(self):
        self.entries = {}  # path -> (mode, bytes)
        for name in ("lib", "lib64"):
            self.folder(f"usr/{name}")
            self.entries[name] = (stat.S_IFLNK | 0o777, f"usr/{name}".encode())

    def folder(self, path):
        path = placed(path)
        while path:
            self.entries.setdefault(path, (stat.S_IFDIR | 0o755, b""))
            path = path.rpartition("/")[0]

    def file(self, path, data, mode=0o644):
        self.folder(os.path.dirname(path))
        self.entries[placed(path)] = (stat.S_IFREG | mode, data)

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries[placed(path)] = (stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source, path=None):
        """A file of this machine, by default to where it is here; links are followed."""
        source = pathlib.Path(source)
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self.file(path or str(source), source.read_bytes(), mode)

    def tree(self, source, path):
        for one in sorted(pathlib.Path(source).rglob("*")):
            if one.is_file():
                self.copy(one, f"{path}/{one.relative_to(source)}")

    def program(self, source, path):
        """A program or library, with the libraries that it needs."""
        self.copy(source, path)
        for library in libraries_of(source):
            if placed(library) not in self.entries:
                self.copy(library)

    def write(self, path):
        with open(path, "xb") as out:  # a new file, never over one that is there
            items = sorted(self.entries.items(), key=lambda e: (e[0].count("/"), e[0]))
            for number, (name, (mode, data)) in enumerate(items, 1):
                out.write(record(number, name, mode, data))
            out.write(record(0, "TRAILER!!!", 0, b""))


def record(number, name, mode, data):
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    return padded(head) + padded(data)


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def libraries_of(program):
    """What the dynamic linker would load, as it says itself."""
    told = subprocess.run(["ldd", str(program)], text=True, capture_output=True, check=True).stdout
    return re.findall(r"(?:=> )?(/\S+) \(0x", told)
