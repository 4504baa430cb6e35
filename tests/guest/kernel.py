"""The guest's kernel and its one static program: Debian's packages, unpacked under the build folder.

    kernel.py        fetches them, if they are not there

Nothing is installed: the kernel's package would make itself a place in /boot. `apt-get download` wants
no rights and checks signatures as ever.
"""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
import lib

FOLDER = lib.BUILD / "guest"
# Modules that the tests load, by the names that `modprobe` knows.
MODULES = ("uio_pci_generic", "vfio-pci", "vfio_iommu_type1", "virtio_net", "virtio_pci")


class Missing(Exception):
    """What this machine lacks, in words."""


def kernel_package():
    """The newest kernel for virtual machines: what Debian's metapackage depends on."""
    told = lib.sh("apt-cache", "depends", "linux-image-cloud-amd64", check=False).stdout
    names = [line.split()[-1] for line in told.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise Missing("apt knows no linux-image-cloud-amd64 (apt-get update)")
    return names[0]


def fetch():
    """Gives the folder that the packages are unpacked in."""
    there = FOLDER / "unpacked"
    if (there / "done").exists():
        return there
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for package in (kernel_package(), "busybox-static"):
        got = lib.sh("apt-get", "-q", "download", package, check=False, cwd=FOLDER, timeout=300)
        if got.returncode != 0:
            raise Missing(f"cannot fetch {package}: {got.stderr.strip()}")
    for package in FOLDER.glob("*.deb"):
        lib.sh("dpkg", "-x", package, there)
        package.unlink()
    (there / "done").touch()
    return there


def image(there):
    return next((there / "boot").glob("vmlinuz-*"))


def release(there):
    return next((there / "lib/modules").iterdir()).name


def modules(there):
    """Files of MODULES and of all that they need, as the kernel's own index says."""
    root = there / "lib/modules" / release(there)
    if not (root / "modules.dep").exists():
        lib.sh(there / "bin/busybox", "depmod", "-b", there, release(there))
    needs = {}
    for line in (root / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[pathlib.Path(file).stem.replace("-", "_")] = [file, *others.split()]
    found = set()
    for name in MODULES:
        found.update(needs.get(name.replace("-", "_"), ()))
    return sorted(root / f for f in found)


if __name__ == "__main__":
    try:
        print(fetch())
    except Missing as why:
        sys.exit(str(why))
