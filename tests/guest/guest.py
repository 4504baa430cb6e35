"""A guest with network cards that QEMU emulates, and weft in it."""
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
import initramfs
import kernel
import lib

HERE = pathlib.Path(__file__).resolve().parent
DRIVERS = "bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_vmxnet3", "net_virtio"
DRIVER_FOLDER = "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"
QEMU = "qemu-system-x86_64"


def end_with_parent():
    """In the child: killed when this process goes, also when that is killed itself (prctl(2))."""
    lib._libc.prctl(1, signal.SIGKILL)


class Card:
    """One emulated card, its TAP on the host, and a kernel at the other end of the wire.

    TAP and veth meet in a bridge. The veth there finishes checksums that the card left to the host
    (offloads off), so what the peer sees is what a wire would carry; the peer's own end leaves
    its checksums unfinished, as a neighbouring guest would.
    """

    def __init__(self, number, device, options="", queues=1):
        self.number, self.device, self.options, self.queues = number, device, options, queues
        self.address = f"0000:00:{number + 4:02x}.0"
        self.tap, self.bridge, self.port = f"tap{number}", f"br{number}", f"port{number}"

    def words(self):
        more = f",queues={self.queues},vhost=off" if self.queues > 1 else ""
        mq = f",mq=on,vectors={2 * self.queues + 2}" if self.queues > 1 else ""
        return ["-netdev", f"tap,id=n{self.number},ifname={self.tap},script=no,downscript=no,"
                           f"vnet_hdr=on{more}",
                "-device", f"{self.device},netdev=n{self.number},mac=52:54:00:00:00:"
                           f"{self.number:02x},addr={self.number + 4}{mq}{self.options}"]

    def connect(self, lab, space):
        """Once QEMU has made the TAP: joins it with a namespace of its own; gives the peer."""
        peer = lab.space(f"p{self.number}")
        lab.veth(space, peer, name=self.port, finish_checksums=False)
        run = space.run
        run("ethtool", "-K", self.port, "tx", "off", "tso", "off", "gso", "off")
        run("ip", "link", "add", self.bridge, "type", "bridge", "mcast_snooping", "0")
        # A bridge with the firewall's hooks would drop wrong IPv4 headers before the card sees them.
        run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", check=False)
        for interface in (self.tap, self.port):
            run("ip", "link", "set", interface, "master", self.bridge)
            run("ip", "link", "set", interface, "up")
        run("ip", "link", "set", self.bridge, "up")
        return lib.Peer(peer, "peer0")


def root_file_system(image, plans):
    """`plans`: {name in /plans: file}, also objects of generated code."""
    there = kernel.fetch()
    archive = initramfs.Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "root", "plans"):
        archive.folder(folder)
    archive.copy(there / "bin/busybox", "bin/busybox")
    archive.link("bin/sh", "busybox")
    archive.file("init", (HERE / "init.sh").read_bytes(), 0o755)
    root = f"lib/modules/{kernel.release(there)}"
    for module in kernel.modules(there):
        archive.copy(module, str(module.relative_to(there)))
    for name in ("modules.order", "modules.builtin"):
        archive.copy(there / root / name, f"{root}/{name}")
    # EAL loads NAME.so.23.0 from its folder, and each library may be there only once: the other
    # names, and those in the linker's own folder, are links. They come first, or the linker's needs
    # would bring second copies.
    for driver in DRIVERS:
        name = f"librte_{driver}.so.23"
        archive.link(f"{DRIVER_FOLDER}/{name}", f"{name}.0")
        archive.link(f"/usr/lib/x86_64-linux-gnu/{name}", f"dpdk/pmds-23.0/{name}.0")
    for driver in DRIVERS:
        library = f"{DRIVER_FOLDER}/librte_{driver}.so.23.0"
        archive.program(library, library)
    archive.program(lib.BUILD / "weft-runtime", "weft/bin/weft-runtime")
    for application in sorted((lib.BUILD / "apps").glob("*.so")):
        archive.program(application, f"weft/bin/apps/{application.name}")
    archive.tree(lib.SOURCE / "nicmodels", "weft/nicmodels")
    archive.tree(lib.SOURCE / "graphs/headers", "weft/graphs/headers")
    libgcc = next(l for l in initramfs.libraries_of(lib.BUILD / "weft-runtime") if "libgcc" in l)
    archive.copy(libgcc)  # threads load it when they end
    for name, file in plans.items():
        archive.copy(file, f"plans/{name}")
    archive.write(image)


class Guest:
    """A running guest; ends with the `with` block, whatever happened."""

    def __init__(self, lab, cards, plans, iommu=False, kernel_words=""):
        self.lab, self.cards = lab, cards
        self.space = lab.space("g")
        self.log, self.line = lab.folder / "console.log", lab.folder / "line"
        image = lab.folder / "root.cpio"
        root_file_system(image, plans)
        command = [QEMU, "-M", "q35,kernel-irqchip=split" if iommu else "q35",
                   "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2", "-m", "1024",
                   "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-kernel", str(kernel.image(kernel.fetch())), "-initrd", str(image),
                   "-append", "console=ttyS0 quiet panic=-1 mitigations=off hugepages=200 "
                              + kernel_words,
                   "-chardev", f"file,id=log,path={self.log}", "-serial", "chardev:log",
                   "-chardev", f"socket,id=line,path={self.line},server=on,wait=off",
                   "-serial", "chardev:line"]
        if iommu:
            command += ["-device", "intel-iommu,intremap=on"]
        for card in cards:
            command += card.words()
        self.errors = lab.folder / "qemu.log"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(self.space.words(*command), stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors, start_new_session=True,
                                            preexec_fn=end_with_parent)
        lab.stacks.append(self)  # killed with everything else, by its process id
        self.socket, self.text = None, b""

    def start(self):
        """Waits until it does what it is told; gives the peers of its cards."""
        begin = time.monotonic()
        lib.wait_for("QEMU starts", lambda: self.line.exists() or not self.alive(), 30)
        self.must_live()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(self.line))
        self.answer("boot", 120)
        peers = [card.connect(self.lab, self.space) for card in self.cards]
        self.seconds = time.monotonic() - begin
        return peers

    def alive(self):
        return self.process.poll() is None

    def must_live(self):
        if not self.alive():
            raise AssertionError(f"QEMU ended: {self.errors.read_text()}\n{self.console()}")

    def console(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()

    def answer(self, what, seconds):
        """All that comes until the line that says how a command ended: (text, exit code)."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(rb"(?:^|\n)@@ (\d+)\r?\n", self.text)
            if found:
                text, self.text = self.text[:found.start()], self.text[found.end():]
                return text.decode(errors="replace").strip(), int(found.group(1))
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, ConnectionError):
                more = b""
            if not more:
                self.must_live()
                raise AssertionError(f"guest: `{what}` did not end within {seconds} s\n"
                                     f"{self.text.decode(errors='replace')}\n{self.console()}")
            self.text += more

    def run(self, command, seconds=60):
        """One line of shell in the guest: (what it said, exit code)."""
        self.socket.sendall(command.encode() + b"\n")
        return self.answer(command, seconds)

    def must(self, command, seconds=60):
        text, code = self.run(command, seconds)
        if code != 0:
            raise AssertionError(f"guest: `{command}` ended with {code}\n{text}")
        return text


class Stack:
    """weft-runtime in the guest, on one of its cards."""
    made = 0

    def __init__(self, guest, card, plan, *arguments):
        Stack.made += 1
        self.guest, self.name = guest, f"stack{Stack.made}"
        self.log, self.stats_file = f"/tmp/{self.name}.log", f"/tmp/{self.name}.json"
        words = " ".join(map(str, arguments))
        self.pid = int(guest.must(
            f"weft-runtime /plans/{plan} --wire pci:{card.address} --name {self.name} --stats-file "
            f"{self.stats_file} {words} >{self.log} 2>&1 & echo $!"))

    def said(self):
        return self.guest.must(f"cat {self.log}")

    def ready(self, seconds=60):
        for _ in range(seconds * 5):
            if self.guest.run(f"grep -q ' runs on ' {self.log}")[1] == 0:
                return self
            if self.guest.run(f"kill -0 {self.pid}")[1] != 0:
                break
            time.sleep(0.2)
        raise AssertionError(f"{self.name} does not run\n{self.said()}")

    def stop(self):
        """Ends it cleanly; gives its final accounting."""
        said, code = self.guest.run(f"kill -INT {self.pid}; wait {self.pid}")
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}: {said}\n{self.said()}")
        return json.loads(self.guest.must(f"cat {self.stats_file}"))


def lacking():
    """What this machine lacks for a guest, "" when nothing."""
    if shutil.which(QEMU) is None:
        return f"there is no {QEMU} (tests/packages.sh test)"
    try:
        kernel.fetch()
    except kernel.Missing as missing:
        return str(missing)
    return ""
