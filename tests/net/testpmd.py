"""dpdk-testpmd at the other end of a wire: between that wire and a TAP of the kernel, whose frames it
passes on both ways as they are. So the kernel is the peer over memif, virtio and vhost as well.
"""
import re
import signal
import subprocess

import lib


class Bridge:
    """testpmd forwarding between `device` and the interface `tap0` of a namespace.

    That is a TAP; with `mtu`, one end of a veth whose other end testpmd has by af_packet, because
    DPDK's TAP sends no long frames.
    """

    def __init__(self, lab, space, device, mtu=None):
        kernel = "net_tap0,iface=tap0"
        if mtu is not None:
            kernel = "net_af_packet0,iface=under0,framesz=9472,blocksz=151552,framecnt=512"
            space.run("ip", "link", "add", "tap0", "type", "veth", "peer", "name", "under0")
            for interface in ("tap0", "under0"):
                space.run("ip", "link", "set", interface, "mtu", mtu, "up")
                space.run("ethtool", "-K", interface, "tx", "off", "gso", "off", "gro", "off",
                          "tso", "off", check=False)
        self.log = lab.folder / f"testpmd-{len(lab.captures)}.log"
        command = space.words(
            "stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "384", "--no-pci",
            "--no-telemetry", "--no-shconf", "--file-prefix", f"{lab.name}t{len(lab.captures)}",
            "--lcores", "0@(0,1),1@(0,1)", "--vdev", device, "--vdev", kernel, "--",
            "--mbuf-size=9728", "--forward-mode=io", "--auto-start", "--total-num-mbufs=8192",
            "--no-lsc-interrupt", "--disable-link-check", "--interactive")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        lab.captures.append(self)  # ended with the lab

    def ready(self):
        lib.wait_for("testpmd forwards", lambda: "testpmd>" in self.said() or self.ended(), 30)
        if self.ended():
            raise AssertionError(self.said())
        return self

    def said(self):
        return self.log.read_text(errors="replace")

    def ended(self):
        return self.process.poll() is not None

    def stop(self):
        if not self.ended():
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def refused_by_wire(self):
        """Frames that the device did not take from testpmd: the peer's own count. Forwarding ends
        with it, and has to end before weft does: memif takes away the rings of a peer that has
        gone while testpmd still polls them.
        """
        self.process.stdin.write(b"stop\n")
        self.process.stdin.flush()
        lib.wait_for("testpmd counts", lambda: "statistics for all ports" in self.said(), 30)
        found = re.search(r"statistics for port 0 .*?TX-dropped: (\d+)", self.said(), re.DOTALL)
        return int(found.group(1))

    def kill(self):
        if not self.ended():
            self.process.kill()
            self.process.wait()
