"""dpdk-testpmd at the other end of a wire: between that wire and a TAP of the kernel, whose frames it
passes on both ways as they are. So the kernel is the peer over memif, virtio and vhost as well.
"""
import signal
import subprocess

import lib


class Bridge:
    """testpmd forwarding between `device` and the TAP `tap0` of a namespace."""

    def __init__(self, lab, space, device):
        self.log = lab.folder / f"testpmd-{len(lab.captures)}.log"
        command = space.words(
            "dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", "--no-shconf",
            "--file-prefix", f"{lab.name}t{len(lab.captures)}", "--lcores", "0@(0,1),1@(0,1)",
            "--vdev", device, "--vdev", "net_tap0,iface=tap0", "--", "--forward-mode=io",
            "--auto-start", "--total-num-mbufs=8192", "--no-lsc-interrupt", "--stats-period=600")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        lab.captures.append(self)  # ended with the lab

    def ready(self):
        lib.wait_for("testpmd forwards", lambda: "Throughput" in self.said() or self.ended(), 30)
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

    def kill(self):
        if not self.ended():
            self.process.kill()
            self.process.wait()
