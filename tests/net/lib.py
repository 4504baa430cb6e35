"""Network namespaces, wires and running stacks for the tests in this folder. See README.md.

Everything that is made here has a name that begins with `wn` and this process's id, is made inside
namespaces of its own, and goes away with the `Lab` that made it, also when a test fails. Only
processes that were started here are ended, each by its id.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEFT_BUILD", SOURCE / "build")).absolute()
WEFT = BUILD / "weft"
NIGHTLY = os.environ.get("WEFT_NIGHTLY") == "1"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

# Of graphs/workloads/quickstart.yaml.
WEFT_IP, WEFT_MAC = "10.7.0.2", "02:77:65:66:74:02"
PEER_IP, ECHO_PORT, FLOW_PORTS = "10.7.0.1", 7, range(40000, 40040)

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def sh(*command, check=True, timeout=60, **more):
    """Runs a command to its end; its output is text. Fails with all that it said."""
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def wait_for(what, condition, seconds=10.0):
    """Until `condition()` is true, or an error that says what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


class Namespace:
    def __init__(self, name):
        self.name = name
        sh("ip", "netns", "add", name)
        # The kernel would send IPv6 discovery of its own; then no count would be exact.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                 "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")

    def words(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, **more):
        return sh(*self.words(*command), **more)

    def remove(self):
        sh("ip", "netns", "del", self.name, check=False)

    @contextlib.contextmanager
    def inside(self):
        """This thread in the namespace. Sockets stay in the one that they were made in."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if _libc.setns(there, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            if _libc.setns(home, _CLONE_NEWNET) != 0:
                os._exit(70)  # never go on in the wrong namespace
            os.close(home)
            os.close(there)

    def counters(self, interface):
        """The kernel's own statistics of an interface."""
        text = self.run("ip", "-j", "-s", "link", "show", interface).stdout
        stats = json.loads(text)[0]["stats64"]
        return {"sent": stats["tx"]["packets"], "sent_dropped": stats["tx"]["dropped"],
                "received": stats["rx"]["packets"], "received_dropped": stats["rx"]["dropped"]}


class Stack:
    """A running `weft run`, in a session (and process group) of its own."""

    def __init__(self, lab, space, plan, wire, *arguments, name=None):
        self.name = name or f"{lab.name}-{len(lab.stacks)}"
        self.space, self.wire = space, wire
        self.stats_file = lab.folder / f"stack-{len(lab.stacks)}.json"
        self.log = lab.folder / f"stack-{len(lab.stacks)}.log"
        command = [WEFT, "run", plan, "--wire", wire, "--name", self.name, "--stats-file",
                   self.stats_file, *arguments]
        command = [str(c) for c in command]
        self.command = space.words(*command) if space else command
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            env=lab.environment)

    def said(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def ready(self, seconds=120):
        """Waits until it runs; the time is for the compiler of generated code."""
        wait_for(f"{' '.join(self.command)} starts",
                 lambda: " runs on " in self.said() or not self.running(), seconds)
        if not self.running():
            raise AssertionError(f"{' '.join(self.command)}: ended with {self.process.returncode}"
                                 f"\n{self.said()}")
        return self

    def wait(self, seconds=20):
        """Its exit code; a stack that does not end is a failure, and is ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s\n{self.said()}")

    def stop(self, number=signal.SIGINT):
        """Ends it cleanly; gives its final accounting."""
        self.process.send_signal(number)
        code = self.wait()
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}\n{self.said()}")
        return json.loads(self.stats_file.read_text())

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def stats(self):
        return json.loads(sh(WEFT, "stats", self.name, "--json").stdout)

    def announced(self):
        """Waits until the host has told its one address twice: from then on it only answers. What
        of that was lost: a peer in another process takes nothing before it has begun to poll.
        """
        wait_for("the address is announced twice", lambda: sum(
            queue["arp_announced"] for queue in self.stats()["queues"]) >= 2)
        lost = {d["reason"]: d["count"] for d in self.stats()["drops"]
                if d["count"] and d["reason"] == "wire_send"}
        on_socket = any(kind in self.wire for kind in ("memif", "vhost", "virtio_user"))
        assert sum(lost.values()) <= (2 if on_socket else 0), lost
        return lost


class Peer:
    """The kernel's end of a wire, and what it has counted there."""

    def __init__(self, space, interface):
        self.space, self.interface, self.talks_by = space, interface, interface

    def join(self, vlan=None):
        """Gives it an address, directly or on a VLAN, and a queue that counts what is sent."""
        run = self.space.run
        run("tc", "qdisc", "replace", "dev", self.interface, "root", "pfifo", "limit", "10000")
        if vlan is not None:
            self.talks_by = f"{self.interface}.{vlan}"
            run("ip", "link", "add", "link", self.interface, "name", self.talks_by, "type", "vlan",
                "id", vlan)
            run("ip", "link", "set", self.talks_by, "up")
        run("ip", "addr", "add", f"{PEER_IP}/24", "dev", self.talks_by)

    def leave(self, stack):
        """As `quiet`; what the stack sends by itself, twice at its start, is among them."""
        stack.announced()
        return self.quiet()

    def quiet(self):
        """Takes the address away, so that nothing is sent any more, and waits until all has
        arrived; gives the frames that went into the wire, and those that came out of it.

        The first number is the queueing discipline's: a TAP itself counts as sent only what the
        other side has read.
        """
        self.space.run("ip", "addr", "del", f"{PEER_IP}/24", "dev", self.talks_by)
        before, now = None, self.counts()
        for _ in range(100):
            before, now = now, self.counts()
            if before == now:
                return now
            time.sleep(0.1)
        raise AssertionError("packets still come in 10 s after the last was sent")

    def counts(self):
        queues = self.space.run("tc", "-j", "-s", "qdisc", "show", "dev", self.interface).stdout
        return (sum(q["packets"] for q in json.loads(queues)),
                self.space.counters(self.interface)["received"])


class Capture:
    """tcpdump at the peer's end, to a file that is read afterwards."""

    def __init__(self, lab, space, interface):
        self.file = lab.folder / f"capture-{len(lab.captures)}.pcap"
        self.errors = lab.folder / f"{self.file.name}.log"
        with open(self.errors, "wb") as log:
            self.process = subprocess.Popen(
                space.words("tcpdump", "-n", "-i", interface, "-w", self.file,
                            "--immediate-mode", "-s", "2000", "-B", "65536", "-Z", "root"),
                stdout=subprocess.DEVNULL, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for("tcpdump listens", lambda: b"listening" in self.errors.read_bytes())

    def stop(self):
        """Ends it; gives the lines of `tcpdump -vv` for frames that weft has sent."""
        if self.process.poll() is None:
            time.sleep(0.2)  # what it has not read yet
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
        lost = re.search(r"(\d+) packets dropped by kernel", self.errors.read_text())
        if not lost or int(lost.group(1)):
            raise AssertionError(f"tcpdump lost packets: {self.errors.read_text()}")
        return read_capture(self.file, f"ether src {WEFT_MAC}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def read_capture(file, *expression):
    """One string for each frame. `-vv` checks all checksums of frames that are whole."""
    text = sh("tcpdump", "-n", "-e", "-vv", "-t", "-r", file, *expression, timeout=120).stdout
    frames = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")) and frames:
            frames[-1] += "\n" + line
        else:
            frames.append(line)
    return frames


def bad_checksums(frames):
    """Frames in which tcpdump finds a checksum wrong: `bad cksum`, `bad udp cksum`, `(wrong ...`.

    What an ICMP error quotes is not looked at: only the first bytes of it are there.
    """
    bad = []
    for frame in frames:
        own = re.split(r"\n\s+\d+\.\d+\.\d+\.\d+(?:\.\d+)? > .*?ICMP .*?unreachable", frame)[0]
        if "unreachable" in frame:
            own = frame.split("unreachable")[0]
            own += " wrong" if re.search(r"unreachable, length \d+ \(wrong", frame) else ""
        if re.search(r"bad (?:udp |icmp |ip )?cksum|wrong", own):
            bad.append(frame)
    return bad


class Lab:
    """Everything of one test; leaving it removes everything, whatever happened."""
    made = 0

    def __init__(self):
        Lab.made += 1
        self.name = f"wn{os.getpid()}x{Lab.made}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.stacks, self.captures, self.spaces = [], [], []
        self.environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for running in self.stacks + self.captures:
            running.kill()
        for space in self.spaces:
            space.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def space(self, letter):
        self.spaces.append(Namespace(f"{self.name}{letter}"))
        return self.spaces[-1]

    def veth(self, mine, peer, name="weft0", peer_name="peer0", finish_checksums=True):
        """A veth pair with one end in each namespace, both up, the peer's without an address."""
        sh("ip", "link", "add", name, "netns", mine.name, "type", "veth", "peer", "name",
           peer_name, "netns", peer.name)
        if finish_checksums:
            peer.run("ethtool", "-K", peer_name, "tx", "off", "gso", "off", "tso", "off")
            mine.run("ethtool", "-K", name, "tx", "off", "gso", "off", "gro", "off")
        for space, interface in ((mine, name), (peer, peer_name)):
            space.run("ip", "link", "set", interface, "up")

    def workload(self, **changes):
        """The quickstart's workload with lines replaced: workload(cores="cores: 2")."""
        text = (SOURCE / "graphs/workloads/quickstart.yaml").read_text()
        for key, line in changes.items():
            text, n = re.subn(rf"(?m)^( *){key}:.*$", lambda m, l=line: m.group(1) + l, text)
            if not n:
                raise AssertionError(f"no `{key}` in the workload")
        file = self.folder / f"workload-{len(list(self.folder.glob('workload-*')))}.yaml"
        file.write_text(text)
        return file

    def compile(self, model, workload="quickstart", *arguments, graph="host_udp_ipv4"):
        plan = self.folder / f"{model}-{len(list(self.folder.glob('*.plan.yaml')))}.plan.yaml"
        sh(WEFT, "compile", graph, "--nic", model, "--workload", workload, "-o", plan,
           *arguments, timeout=120, env=self.environment)
        return plan

    def start(self, space, plan, wire, *arguments, ready=True, **more):
        self.stacks.append(Stack(self, space, plan, wire, *arguments, **more))
        return self.stacks[-1].ready() if ready else self.stacks[-1]

    def capture(self, space, interface):
        self.captures.append(Capture(self, space, interface))
        return self.captures[-1]


def main(needs_root=True, also=lambda: ""):
    """Runs the tests of the calling file; `-k NAME` picks some, as ever with unittest.

    `also` says what else this machine lacks, "" when nothing.
    """
    for program in (WEFT, BUILD / "weft-runtime"):
        if not program.exists():
            sys.exit(f"{program} is not there: build it, or name the folder in WEFT_BUILD")
    if why := (lacking() if needs_root else "") or also():
        print(f"SKIPPED: {why}", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    unittest.main(verbosity=2)


def lacking():
    """What this machine lacks for namespaces and wires, "" when nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root (sudo tests/net/...)"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun (modprobe tun)"
    probe = f"wn{os.getpid()}probe"
    made = sh("ip", "netns", "add", probe, check=False)
    sh("ip", "netns", "del", probe, check=False)
    return "" if made.returncode == 0 else f"no network namespaces here: {made.stderr.strip()}"
