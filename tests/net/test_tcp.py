#!/usr/bin/env python3
"""TCP against the kernel: bytes exact both ways at sizes around the segment's, half-close, resets,
closed ports, many connections, losses in both directions; every packet accounted for.

    test_tcp.py [-k PART_OF_A_NAME]
"""
import hashlib
import random
import re
import socket
import struct
import threading
import time
import unittest

import accounts
import lib
from test_wires import start
from traffic import connected

ECHO, DISCARD, CHARGEN = 7, 9, 19
SIZES = (1, 2, 536, 1447, 1448, 1449, 1460, 1461, 2896, 65535, 65536, 1000000)

WORKLOAD = """\
workload: tcp
host:
  mac: "{mac}"
  address: 10.7.0.2/24
  gateway: 10.7.0.1
queues: {queues}
cores: 1
endpoints:
  echo: {{tcp: 7, app: tcp_echo, rate: 1000}}
  discard: {{tcp: 9, app: tcp_echo, rate: 1000}}
  chargen: {{tcp: 19, app: tcp_echo, rate: 1000}}
  udp: {{udp: 7, app: udp_echo, rate: 1000}}
"""


GOLD_PORT = 11211
GOLD = """\
workload: gold
host:
  mac: "{mac}"
  address: 10.7.0.2/24
queues: 4
cores: 2
policy: gold
endpoints:
  store: {{tcp: 11211, app: tcp_echo, rate: 1000, class: gold, queue: 3, core: 1}}
  echo: {{tcp: 7, app: tcp_echo, rate: 1000}}
"""


def echoed(space, data, seconds=30, own_port=0):
    """What comes back, until the stack closes."""
    with connected(space, ECHO, seconds, own_port) as s:
        got = bytearray()

        def read():
            while part := s.recv(65536):
                got.extend(part)
        reader = threading.Thread(target=read)
        reader.start()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        reader.join(seconds)
        return bytes(got)


def loss(space, interface, thousandth):
    space.run("nft", "delete table netdev t", check=False)
    if thousandth == 0:
        return
    for name, hook in (("i", "ingress"), ("e", "egress")):
        space.run("nft", f"add table netdev t; add chain netdev t {name} {{ type filter hook {hook} "
                         f"device {interface} priority 0; }}; add rule netdev t {name} numgen "
                         f"random mod 1000 < {thousandth} counter drop")


class Kernel(unittest.TestCase):
    def stack(self, lab, wire, model, *arguments, queues=1):
        file = lab.folder / "tcp.yaml"
        file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC, queues=queues))
        stack, peer = start(lab, wire, lab.compile(model, file, graph="host_ipv4"), *arguments)
        peer.join()
        return stack, peer

    def check_all(self, wire, model, *arguments, queues=1):
        with lib.Lab() as lab:
            stack, peer = self.stack(lab, wire, model, *arguments, queues=queues)
            space = peer.space
            rng = random.Random(7)
            for size in SIZES:
                data = rng.randbytes(size)
                self.assertEqual(hashlib.sha256(echoed(space, data)).digest(),
                                 hashlib.sha256(data).digest(), f"{size} bytes")
            self.closed_port(space)
            self.half_closed(space)
            self.reset(space)
            self.generated(space)
            for i in range(30):
                self.assertEqual(echoed(space, b"%d" % i), b"%d" % i)
            self.at_once(space, 50)
            stats = stack.stop()
            accounts.check_inside(self, stats, own_port="--card" in arguments)
            self.assertEqual(sum(q["transmit_full"] for q in stats["queues"]), 0,
                             "connections send what the card has room for")
            for app in (a for a in stats["apps"] if a["protocol"] == "tcp"):
                self.assertEqual(app["held"], 0, app)
                self.assertEqual(app["received"], app["recv_done"], app)
            echo = next(app for app in stats["apps"] if app["endpoint"] == "echo")
            self.assertGreaterEqual(echo["received"], len(SIZES) + 80, "a piece for each stream")
            self.assertGreaterEqual(echo["sent"], len(SIZES) + 80)

    def closed_port(self, space):
        with self.assertRaises(ConnectionRefusedError):
            connected(space, 81)

    def half_closed(self, space):
        """What was sent is read to its end, after the other direction has been closed."""
        with connected(space, DISCARD) as s:
            s.sendall(bytes(300000))
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(s.recv(1), b"")

    def reset(self, space):
        """A reset takes the connection and nothing else."""
        s = connected(space, CHARGEN)
        s.recv(1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        self.assertEqual(echoed(space, b"still there"), b"still there")

    def generated(self, space):
        """A stream without end, of the right text."""
        with connected(space, CHARGEN) as s:
            text = bytearray()
            while len(text) < 2_000_000:
                text.extend(s.recv(65536))
        lines = bytes(text).split(b"\r\n")[:-1]
        self.assertTrue(all(len(line) == 72 for line in lines))

    def at_once(self, space, count):
        sockets = [connected(space, ECHO) for _ in range(count)]
        for i, s in enumerate(sockets):
            s.sendall(b"%06d" % i)
        for i, s in enumerate(sockets):
            self.assertEqual(s.recv(6, socket.MSG_WAITALL), b"%06d" % i)
            s.close()

    def test_tap(self):
        self.check_all("tap", "tap")

    def test_tap_interpreted(self):
        self.check_all("tap", "tap", "--interpret")

    def test_tap_82599(self):
        self.check_all("tap", "intel_82599")

    def test_af_packet(self):
        """By its own port, where the kernel cuts what is sent into segments."""
        self.check_all("af_packet", "af_packet", "--card", "port")

    def test_gold_connections_have_their_queue(self):
        """A rule of the card brings them there, and nobody else: on a core of its own."""
        with lib.Lab() as lab:
            file = lab.folder / "gold.yaml"
            file.write_text(GOLD.format(mac=lib.WEFT_MAC))
            plan = lab.compile("intel_82599", file, graph="host_ipv4")
            stack, peer = start(lab, "af_packet", plan)
            peer.join()

            def received():
                """By gold's queue, and by the others."""
                *others, gold = stack.stats()["card"]["queue_received"]
                return gold, sum(others)

            def use(port):
                """Twenty connections, of so many segments that come in at the least."""
                sockets = [connected(peer.space, port) for _ in range(20)]
                for s in sockets:
                    s.sendall(b"asked")
                    self.assertEqual(s.recv(5, socket.MSG_WAITALL), b"asked")
                    s.close()
                return 4 * len(sockets)
            gold, _ = received()
            use(ECHO)
            self.assertEqual(received()[0], gold, "it is for others")
            _, others = received()
            segments = use(GOLD_PORT)
            self.assertGreaterEqual(received()[0] - gold, segments)
            self.assertLess(received()[1] - others, 10, "ARP at the most")
            stats = stack.stop()
            accounts.check_inside(self, stats)
            self.assertEqual({q["core"] for q in stats["queues"] if q["queue"] == 3}, {1})

    def test_all_are_reset_when_it_stops(self):
        """Many more than leave at once, of two queues."""
        with lib.Lab() as lab:
            stack, peer = self.stack(lab, "tap", "intel_82599", "--interpret", queues=2)
            sockets = [connected(peer.space, ECHO) for _ in range(400)]
            for s in sockets:
                s.sendall(b"x")
                self.assertEqual(s.recv(1), b"x")
            accounts.check_inside(self, stack.stop())
            time.sleep(0.2)
            ends = []
            for s in sockets:
                s.setblocking(False)
                try:
                    ends.append(s.recv(1))
                except OSError as error:
                    ends.append(type(error))
                s.close()
            self.assertEqual(set(ends), {ConnectionResetError})

    def test_losses(self):
        """Exact bytes at 1, 3 and 10 % loss in each direction."""
        with lib.Lab() as lab:
            _, peer = self.stack(lab, "tap", "tap")
            for thousandth, size in ((10, 1_000_000), (30, 300_000), (100, 60_000)):
                loss(peer.space, "weft0", thousandth)
                data = random.Random(thousandth).randbytes(size)
                self.assertEqual(echoed(peer.space, data, 60), data, f"{thousandth / 10} % loss")
            loss(peer.space, "weft0", 0)

    def test_what_the_path_says(self):
        """A router with a narrow link behind it, and one that marks instead of dropping."""
        with lib.Lab() as lab:
            stack, peer = self.stack(lab, "tap", "tap")
            router, far = peer.space, lab.space("f")
            router.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1")
            router.run("nft", "add table netdev m; add chain netdev m c { type filter hook ingress "
                              "device weft0 priority 0; }; add rule netdev m c tcp flags & cwr == "
                              "cwr counter; add rule netdev m c ip ecn ect0 counter; add rule netdev "
                              "m c ip ecn ect0 numgen inc mod 300 < 1 ip ecn set ce")
            self.generated(router)
            said = router.run("nft", "list table netdev m").stdout
            answered, capable = map(int, re.findall(r"packets (\d+)", said))
            self.assertGreater(capable, 1000, said)
            self.assertGreater(answered, 1, "it says that it has heard of the marks")

            self.beyond(lab, router, far)
            router.run("ip", "link", "set", "far0", "mtu", 1000)  # the far end knows nothing of it
            begin = time.monotonic()
            self.generated(far)
            self.assertGreater(accounts.count(stack.stats(), "tcp_error"), 0)
            # (Without a word of the router it takes three timeouts until smaller ones are tried.)
            self.assertLess(time.monotonic() - begin, 1.2)
            accounts.check_inside(self, stack.stop())

    def beyond(self, lab, router, far):
        """Another host behind the kernel that is the stack's neighbour."""
        lab.veth(router, far, "far0", "far1")
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")
        router.run("ip", "addr", "add", "10.8.0.1/24", "dev", "far0")
        far.run("ip", "addr", "add", "10.8.0.2/24", "dev", "far1")
        far.run("ip", "route", "add", "default", "via", "10.8.0.1")

    def test_in_pieces(self):
        """A router cuts the segments of a host that allows it, on their way to several queues."""
        with lib.Lab() as lab:
            stack, peer = self.stack(lab, "tap", "intel_82599", "--interpret", queues=2)
            router, far = peer.space, lab.space("f")
            self.beyond(lab, router, far)
            far.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1")
            router.run("ip", "link", "set", "weft0", "mtu", 600)
            rng = random.Random(3)
            for _ in range(8):  # (The kernel's own choices of ports would be next to each other.)
                data = rng.randbytes(50_000)
                self.assertEqual(echoed(far, data, own_port=rng.randrange(20000, 60000)), data)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            ways = {name: accounts.port(stats, "ipv4_reassembled_handover", name)
                    for name in ("here", "away", "full")}
            self.assertGreater(min(ways["here"], ways["away"]), 30, ways)
            self.assertEqual(ways["away"], sum(q["taken_over"] for q in stats["queues"]))


if __name__ == "__main__":
    lib.main()
