#!/usr/bin/env python3
"""How much of a stream arrives in a second, with losses, beside Linux: the same wire (veth,
offloads off), the same losses in both directions, the same congestion control (cubic), one
connection.

    tests/bench/run goodput --runs=5 --loss=0,1,10,30,100 --seconds=1.5 --way=down,up --seed=1

`down`: the measured stack sends, the kernel receives; `up`: the other way. Losses are in
thousandths. Every run measures weft and Linux, one right after the other, and each loses the frames
of the same numbers; another run, others. Medians. As root.
"""
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "net"))
import lib  # noqa: E402

DISCARD, CHARGEN = 9, 19
PIECE = 1 << 20
PATTERN = 50_000  # frames, then the same ones are lost again
SPARED = 2  # of these, the first

WORKLOAD = """\
workload: goodput
host: {{mac: "{mac}", address: {ip}/24}}
queues: 1
cores: 1
endpoints:
  discard: {{tcp: 9, app: tcp_echo, rate: 1000}}
  chargen: {{tcp: 19, app: tcp_echo, rate: 1000}}
"""


class Wire:
    """Two veth pairs, and in their middle who passes frames on, or loses them. (A sender is told of
    what is dropped where it leaves, and a packet socket sees what is dropped where it arrives.)"""

    def __init__(self, lab, letters):
        self.here, self.middle, self.peer = (lab.space(letter) for letter in letters)
        self.rules = lab.folder / f"{letters}.nft"
        lab.veth(self.here, self.middle, "weft0", "left")
        lab.veth(self.peer, self.middle, "peer0", "right")
        # (Both ends whole: what a sender leaves to a card would not be cut on this wire.)
        for space, end in ((self.here, "weft0"), (self.peer, "peer0")):
            space.run("ethtool", "-K", end, "tx", "off", "gso", "off", "tso", "off", "gro", "off")
            # (What one connection has learned of the path is nothing that the next one knows.)
            space.run("sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
        self.lose(0)

    def lose(self, thousandth, seed=0):
        """Which frames of each direction are lost is in `seed`. They are counted from now on,
        without those that open a connection: how long that takes is not what is measured."""
        chance = random.Random(seed)
        rules = "add table netdev t; delete table netdev t; add table netdev t\n"
        for end, other in (("left", "right"), ("right", "left")):
            rules += (f"add chain netdev t {end} {{ type filter hook ingress device {end} "
                      "priority 0; }\n")
            if thousandth:
                lost = chance.sample(range(SPARED, PATTERN), PATTERN * thousandth // 1000)
                rules += (f"add rule netdev t {end} tcp flags & syn == 0 numgen inc mod {PATTERN} "
                          f"{{ {', '.join(map(str, lost))} }} counter drop\n")
            rules += f"add rule netdev t {end} fwd to {other}\n"
        self.rules.write_text(rules)
        self.middle.run("nft", "-f", self.rules)


def cubic(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return s


class Linux:
    """The same two services by the kernel, in a process of its own."""

    def __init__(self, lab):
        self.wire = Wire(lab, "klm")
        self.wire.here.run("ip", "addr", "add", f"{lib.WEFT_IP}/24", "dev", "weft0")
        self.wire.peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
        with self.wire.here.inside():
            listeners = [cubic(socket.create_server(("", port))) for port in (DISCARD, CHARGEN)]
        self.process = os.fork()
        if self.process == 0:
            os.setsid()
            try:
                self.serve(*listeners)
            finally:
                os._exit(0)
        for s in listeners:
            s.close()

    @staticmethod
    def serve(discard, chargen):
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for listener, work in ((discard, receive), (chargen, send)):
            if os.fork() != 0:
                continue
            while True:
                s, _ = listener.accept()
                try:
                    work(s, time.monotonic() + 3600)
                except OSError:
                    pass
                s.close()
        signal.pause()

    def close(self):
        os.killpg(self.process, signal.SIGKILL)  # with the two that serve
        os.waitpid(self.process, 0)


class Weft:
    def __init__(self, lab):
        self.wire = Wire(lab, "wxy")
        file = lab.folder / "goodput.yaml"
        file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC, ip=lib.WEFT_IP))
        plan = lab.compile("af_packet", file, graph="host_ipv4")
        self.stack = lab.start(self.wire.here, plan, "af_packet:weft0", "--card", "port")
        self.wire.peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")

    def close(self):
        return self.stack.stop()


def receive(s, until):
    into, got = bytearray(PIECE), 0
    while time.monotonic() < until and (n := s.recv_into(into)):
        got += n
    return got


def send(s, until):
    text = bytes(PIECE)
    while time.monotonic() < until:
        s.send(text)


def counted(s, offset):
    return struct.unpack_from("<Q", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), offset)[0]


def acked(s):
    return counted(s, 120)  # tcp_info's tcpi_bytes_acked


def received(s):
    return counted(s, 128)  # tcpi_bytes_received


def measure(stack, way, thousandth, seconds, seed):
    """Bytes in a second; what is in buffers when time is over does not count."""
    stack.wire.lose(thousandth, seed)
    service = CHARGEN if way == "down" else DISCARD
    with stack.wire.peer.inside():
        s = cubic(socket.create_connection((lib.WEFT_IP, service), 10))
    with s:
        s.settimeout(seconds)
        until = time.monotonic() + seconds
        try:
            if way == "down":
                got = receive(s, until)
            else:
                send(s, until)
                got = acked(s)
        except TimeoutError:
            got = received(s) if way == "down" else acked(s)
        finally:
            stack.wire.lose(0)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return got / seconds


def main():
    options = dict(word[2:].split("=", 1) if "=" in word else (word[2:], "")
                   for word in sys.argv[1:] if word.startswith("--"))
    runs = int(options.get("runs", 3))
    seconds = float(options.get("seconds", 1.5))
    seed = int(options.get("seed", 1))
    ways = options.get("way", "down,up").split(",")
    rates = [int(x) for x in options.get("loss", "0,1,10,30,100").split(",")]
    if why := lib.lacking():
        sys.exit(f"goodput: {why}")
    rows = []
    with lib.Lab() as lab:
        stacks = {"weft": Weft(lab), "linux": Linux(lab)}
        try:
            for way in ways:
                for rate in rates:
                    seen = {name: [] for name in stacks}
                    for run in range(runs):
                        for name, stack in stacks.items():
                            seen[name].append(measure(stack, way, rate, seconds, seed + run))
                    middle = {name: statistics.median(values) for name, values in seen.items()}
                    for name, values in seen.items():
                        peer = f"{way}/{rate / 10:g}%/linux" if name == "weft" else ""
                        rows.append({"bench": "goodput", "case": f"{way}/{rate / 10:g}%/{name}",
                                     "metric": "goodput", "value": middle[name] / 1e6,
                                     "unit": "MB/s", "peer": peer,
                                     "ratio": middle[name] / middle["linux"] if peer else 0,
                                     "runs": [v / 1e6 for v in values]})
                        show(rows[-1], "json" in options)
        finally:
            for stack in stacks.values():
                stack.close()


def show(row, as_json):
    if as_json:
        print(json.dumps(row), flush=True)
        return
    beside = f"  {row['ratio']:.2f} of {row['peer']}" if row["peer"] else ""
    spread = " ".join(f"{v:.1f}" for v in row["runs"])
    print(f"{row['case']:<22} {row['value']:9.2f} {row['unit']}{beside}   [{spread}]", flush=True)


if __name__ == "__main__":
    main()
