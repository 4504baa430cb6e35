#!/usr/bin/env python3
"""IPv4 as a host must do it, against the kernel: datagrams up to 65,535 bytes both ways, fragments in
any order, options, ICMP errors sent and heard, path MTU discovery from both ends and through weft.

    test_ipv4.py [-k PART_OF_A_NAME]
"""
import contextlib
import random
import re
import socket
import struct
import unittest

import accounts
import frames
import lib
import raw_peer
import traffic
from test_wires import start

TELLER = lib.BUILD / "tests/apps/teller.so"
TELL_PORT = 9
FAR_IP = "10.8.0.2"
LARGEST = 65507
SIZES = (1472, 1473, 2000, 2952, 2953, 8192, 30000, 65000, 65499, 65506, LARGEST)

WORKLOAD = """\
workload: ipv4
host:
  mac: "{mac}"
  address: 10.7.0.2/24
  mtu: {mtu}
  forwarding: {forwarding}
  routes: [{{to: 10.8.0.0/24, via: 10.7.0.9}}]
queues: {queues}
cores: 1
endpoints:
  echo: {{udp: 7, app: udp_echo, rate: 1000}}
  tell: {{udp: 9, app: {teller}, rate: 1000}}
flows:
  - {{endpoint: echo, from: 10.7.0.1, ports: 40000-40039, rate: 100}}
"""


def workload(lab, mtu=1500, forwarding="off", queues=1):
    file = lab.folder / "ipv4.yaml"
    file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC, mtu=mtu, forwarding=forwarding,
                                    queues=queues, teller=TELLER))
    return file


def pattern(size):
    return bytes(i % 251 for i in range(size))


def large_socket(space, to, port=0):
    s = traffic.udp_socket(space, port)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    s.connect((lib.WEFT_IP, to))
    s.settimeout(5)
    return s


def ask(s, text):
    s.send(text.encode())
    return s.recv(65535)


def errors(s):
    """What the application has heard, line by line."""
    return ask(s, "errors").decode().splitlines()


class Sizes(unittest.TestCase):
    """Everything up to the largest datagram, each way by itself and both together."""

    def exchange(self, wire, model, *arguments, queues=1):
        with lib.Lab() as lab:
            plan = lab.compile(model, workload(lab, queues=queues))
            stack, peer = start(lab, wire, plan, *arguments)
            peer.join()
            capture = lab.capture(peer.space, peer.interface)
            pings = 0
            for size, count in ((65000, 50), (65507, 20), (1473, 20), (1480, 20), (4000, 20)):
                answered, summary = traffic.pings(peer.space, count, size)
                self.assertEqual(answered, count, f"ping -s {size}: {summary}")
                pings += answered
            with large_socket(peer.space, lib.ECHO_PORT) as s:
                for n, size in enumerate(SIZES):
                    s.send(traffic.payload(size, n))
                    self.assertEqual(s.recv(65535), traffic.payload(size, n), size)
            with large_socket(peer.space, lib.ECHO_PORT, 40003) as s:  # a known flow
                s.send(traffic.payload(LARGEST, 5))
                self.assertEqual(s.recv(65535), traffic.payload(LARGEST, 5))
            with large_socket(peer.space, TELL_PORT) as s:
                for size in SIZES:
                    self.assertEqual(ask(s, f"send {size}"), pattern(size), size)
            given, got = peer.leave(stack)
            self.assertEqual(lib.bad_checksums(capture.stop()), [])
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertEqual(accounts.drops(stats), {})
            self.assertEqual(accounts.count(stats, "icmp_answered"), pings)
            print(f"{wire} {model}: {pings} large pings, {2 * len(SIZES)} datagrams up to "
                  f"{LARGEST} bytes; {accounts.count(stats, 'ipv4_held')} fragments came, "
                  f"{accounts.entries(stats, 'ipv4_piece')} left", flush=True)

    def test_unknown_neighbour(self):
        """All pieces wait until the peer, which never asked who weft is, has said who it is."""
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("none", workload(lab)))
            peer.join()
            peer.space.run("ip", "neigh", "replace", lib.WEFT_IP, "lladdr", frames.WEFT_MAC, "dev",
                           peer.interface, "nud", "permanent")
            with large_socket(peer.space, TELL_PORT) as s:
                self.assertEqual(ask(s, f"send {LARGEST}"), pattern(LARGEST))
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertEqual(accounts.drops(stats), {})
            self.assertEqual(accounts.count(stats, "arp_waiting"), 45)

    def test_tap(self):
        self.exchange("tap", "none")

    def test_tap_interpreted(self):
        self.exchange("tap", "intel_82599", "--interpret", queues=4)

    def test_af_packet(self):
        self.exchange("af_packet", "none")

    def test_af_packet_82599(self):
        self.exchange("af_packet", "intel_82599", queues=4)

    def test_af_packet_ideal(self):
        self.exchange("af_packet", "ideal", queues=4)


class Pieces(unittest.TestCase):
    """Fragments as no kernel sends them."""

    def pieces(self, payload, number, sizes=512):
        """An echo's datagram in pieces: [(offset, bytes, more)] as frames."""
        data = frames.udp(payload, 5000 + number)[20:]
        return [self.piece(data[at:at + sizes], number, at, at + sizes < len(data))
                for at in range(0, len(data), sizes)]

    @staticmethod
    def piece(data, number, offset, more):
        return frames.eth(frames.ipv4(data, 17, fragment=offset // 8 | (0x2000 if more else 0),
                                      number=number))

    def test_any_order_copies_and_overlaps(self):
        chance = random.Random(7)
        for wire, model in (("tap", "none"), ("af_packet", "intel_82599")):
            with lib.Lab() as lab:
                stack, peer = start(lab, wire, lab.compile(model, workload(lab)))
                with raw_peer.RawPeer(peer.space, peer.interface) as raw:
                    raw.ask(frames.arp())
                    copies = 0
                    for number in range(1, 60):  # any order, with exact copies in between
                        payload = traffic.payload(chance.randrange(600, 20000), number)
                        parts = self.pieces(payload, number)
                        again = [p for p in parts if chance.random() < 0.2]
                        chance.shuffle(parts)
                        last = parts.pop()
                        for part in parts + [p for p in again if p != last]:
                            raw.send(part)
                        copies += sum(p != last for p in again)
                        answer = raw.whole(last)
                        self.assertEqual(answer[42:42 + len(payload)], payload)
                    overlaps = 0
                    for number in range(100, 130):  # teardrop and its relatives: nothing comes back
                        parts = self.pieces(traffic.payload(3000, number), number)
                        data = frames.udp(traffic.payload(3000, number), 5000 + number)[20:]
                        at = 8 * chance.randrange(0, 120)
                        bad = self.piece(data[at:at + 256 + 8 * (at % 512 == 0)], number, at, True)
                        for part in parts[:4] + [bad] + parts[4:]:
                            raw.send(part)
                        overlaps += 1 + len(parts) - 4
                    for number in range(200, 210):  # ping of death: beyond 65,535 bytes
                        raw.send(self.piece(bytes(800), number, 65528, False))
                    raw.ask(frames.eth(frames.echo_request(1)))
                stats = stack.stop()
                self.assertTrue(stats["balance"]["exact"], stats["balance"])
                self.assertEqual(accounts.count(stats, "udp_deliver"), 59)
                self.assertEqual(accounts.drops(stats), {
                    "drop_ipv4_fragment_duplicate": copies,
                    "drop_ipv4_fragment_overlap": overlaps, "drop_ipv4_fragment_bad": 10})
                print(f"{wire}: 59 datagrams in {accounts.count(stats, 'ipv4_held')} fragments, "
                      f"{copies} copies, {overlaps} overlapping", flush=True)

    def test_time_exceeded(self):
        """RFC 1122 3.3.2: about fragment zero, after 30 s; never without it."""
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("none", workload(lab)))
            with raw_peer.RawPeer(peer.space, peer.interface) as raw:
                raw.ask(frames.arp())
                first = self.pieces(bytes(1000), 1)
                raw.send(first[0])
                raw.send(self.pieces(bytes(1000), 2)[1])
                answer = raw.next(seconds=36)
                self.assertEqual(answer[34:36], b"\x0b\x01", "time exceeded, code 1")
                self.assertEqual(answer[42:], first[0][14:], "it quotes fragment zero")
                with self.assertRaises(AssertionError):
                    raw.next(seconds=2)
            stats = stack.stop()
            self.assertEqual(accounts.drops(stats), {"drop_ipv4_fragment_timeout": 1})
            self.assertTrue(stats["balance"]["exact"], stats["balance"])


class Options(unittest.TestCase):
    def test_ping_with_options(self):
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("intel_82599", workload(lab)))
            peer.join()
            for words in (("-R",), ("-T", "tsonly"), ("-T", "tsandaddr"), ("-R", "-s", "3000")):
                done = peer.space.run("ping", "-n", "-c", "5", "-i", "0.02", "-W", "2", *words,
                                      lib.WEFT_IP, check=False)
                self.assertIn(" 5 received", done.stdout, f"ping {words}: {done.stdout}")
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertEqual(accounts.drops(stats), {})

    def test_wrong_ones_and_source_routes(self):
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("none", workload(lab)))
            with raw_peer.RawPeer(peer.space, peer.interface) as raw:
                raw.ask(frames.arp())

                def udp(options, **more):
                    return frames.eth(frames.with_options(frames.udp(b"option", 5000), options),
                                      **more)

                for options, at in ((b"\x07\x00\x00\x00", 21), (b"\x01\x01\x01\x07", 23),
                                    (b"\x07\x28\x04\x00", 21), (b"\x07\x03\x03\x00", 22)):
                    answer = raw.ask(udp(options))
                    self.assertEqual(answer[34:36], b"\x0c\x00", "parameter problem")
                    self.assertEqual(answer[38], at, "the pointer")
                    self.assertEqual(answer[42:], udp(options)[14:])
                answer = raw.ask(udp(b"\x83\x07\x04\x0a\x07\x00\x09\x00"))
                self.assertEqual(answer[34:36], b"\x03\x05", "source route failed")
                for fine in (b"\x83\x07\x08\x0a\x07\x00\x09\x00", b"\xde\x04\x01\x02",
                             b"\x94\x04\x00\x00"):  # at its end; unknown; router alert
                    self.assertEqual(raw.ask(udp(fine))[42:48], b"option")
                broadcast = "ff:ff:ff:ff:ff:ff"  # no error about a broadcast
                raw.send(frames.eth(frames.with_options(
                    frames.udp(b"x", 5000, dst="10.7.0.255"), b"\x07\x00\x00\x00"),
                    dst=broadcast))
                self.assertEqual(raw.ask(udp(b"\x01\x01\x01\x01"))[42:48], b"option")
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(accounts.drops(stats), {
                "drop_ipv4_options": 4, "drop_ipv4_options_quiet": 1,
                "drop_ipv4_source_route": 1})


class Bridged(contextlib.AbstractContextManager):
    """weft, the kernel as peer (10.7.0.1) and as router (10.7.0.9) on one link, and a host far
    behind the router (10.8.0.2), over a link of `far_mtu` bytes."""

    def __init__(self, model="none", far_mtu=1500, arguments=(), **options):
        self.lab = lab = lib.Lab()
        try:
            self.space = mine = lab.space("w")
            self.peer, self.router, self.far = lab.space("p"), lab.space("r"), lab.space("f")
            # A bridge that snoops sends reports of its own groups; then no count would be exact.
            mine.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
            mine.run("ip", "link", "set", "br0", "up")
            for space, name in ((mine, "weft"), (self.peer, "peer"), (self.router, "link")):
                lab.veth(mine, space, f"b{name}", f"{name}0")
                mine.run("ip", "link", "set", f"b{name}", "master", "br0")
            lab.veth(self.router, self.far, "far0", "far1")
            for space, name, address in ((self.peer, "peer0", "10.7.0.1/24"),
                                         (self.router, "link0", "10.7.0.9/24"),
                                         (self.router, "far0", "10.8.0.1/24"),
                                         (self.far, "far1", f"{FAR_IP}/24")):
                space.run("ip", "addr", "add", address, "dev", name)
            self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1",
                            "net.ipv4.icmp_ratelimit=0")
            for space, name in ((self.router, "far0"), (self.far, "far1")):
                space.run("ip", "link", "set", name, "mtu", far_mtu)
            self.far.run("ip", "route", "add", "default", "via", "10.8.0.1")
            self.stack = lab.start(mine, lab.compile(model, workload(lab, **options)),
                                   "af_packet:weft0", *arguments)
        except BaseException:
            lab.__exit__()
            raise

    def __exit__(self, *_):
        self.lab.__exit__()


class Errors(unittest.TestCase):
    """What is said on the way reaches the application, and the size of the next datagrams."""

    def test_refused_by_the_receiver(self):
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("none", workload(lab)))
            peer.join()
            with large_socket(peer.space, TELL_PORT) as s:
                self.assertEqual(errors(s), [])
                s.send(b"send 100 port 4444")  # nobody listens there
                lib.wait_for("the error is told",
                             lambda: accounts.count(stack.stats(), "udp_error") == 1)
                self.assertEqual(errors(s),
                                 ["ECONNREFUSED type 3 code 3 mtu 0 from 10.7.0.1"])
                peer.space.run("nft", "add table ip t; add chain ip t in { type filter hook input "
                               "priority 0 ; }; add rule ip t in udp dport 4445 reject with icmp "
                               "type admin-prohibited")
                s.send(b"send 9000 port 4445")  # about its first fragment, or the whole
                lib.wait_for("the error is told",
                             lambda: accounts.count(stack.stats(), "udp_error") == 2)
                self.assertEqual(errors(s),
                                 ["EHOSTUNREACH type 3 code 13 mtu 0 from 10.7.0.1"])
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertEqual(stats["apps"][1]["errors"], 2)

    def test_forged_ones_are_ignored(self):
        with lib.Lab() as lab:
            stack, peer = start(lab, "tap", lab.compile("none", workload(lab)))
            peer.join()
            with large_socket(peer.space, TELL_PORT) as s, \
                    raw_peer.RawPeer(peer.space, peer.interface) as raw:
                port = s.getsockname()[1]
                way = {"src": lib.WEFT_IP, "dst": lib.PEER_IP}

                def about(quoted, kind=3, code=4, word=68):
                    return frames.eth(frames.icmp(kind, code, struct.pack("!I", word) + quoted))

                sent = frames.udp(bytes(1400), 9, port, **way)
                for frame, reason in (
                        (about(sent), "drop_icmp_quote"),  # it had leave to be cut
                        (about(frames.dont_fragment(sent), word=1428), "drop_icmp_quote"),  # it fits
                        (about(frames.udp(bytes(1400), 9, port)), "drop_icmp_quote"),  # not ours
                        (about(sent[:27]), "drop_icmp_quote_truncated"),
                        (about(frames.udp(b"", 8, port, **way), code=1), "drop_icmp_no_endpoint"),
                        (about(frames.ipv4(bytes(8), 6, **way), code=1), "drop_icmp_quote_other"),
                        (about(sent, kind=4, code=0), "drop_icmp_type")):  # source quench
                    before = accounts.drops(stack.stats()).get(reason, 0)
                    raw.send(frame)
                    lib.wait_for(reason, lambda r=reason, b=before: accounts.drops(
                        stack.stats()).get(r, 0) == b + 1)
                # One that could be true: believed, but not below 552 bytes.
                raw.send(about(frames.dont_fragment(sent)))
                lib.wait_for("it is told", lambda: accounts.count(stack.stats(), "udp_error") == 1)
                self.assertEqual(errors(s), ["EMSGSIZE type 3 code 4 mtu 552 from 10.7.0.1"])
                self.assertEqual(ask(s, "send 1400"), pattern(1400))
                self.assertEqual(ask(s, "send 524 df"), pattern(524))
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(accounts.entries(stats, "ipv4_piece"), 3)

    def test_path_mtu(self):
        """A router with a narrow link behind it: one datagram is lost, then sizes are right."""
        for model, arguments in (("none", ()), ("intel_82599", ("--interpret",))):
            with Bridged(model, far_mtu=1000, arguments=arguments) as net:
                with large_socket(net.far, TELL_PORT) as s:
                    self.assertEqual(ask(s, "send 972 df"), pattern(972))
                    s.send(b"send 1400 df")
                    lib.wait_for("the router's word is heard", lambda: accounts.count(
                        net.stack.stats(), "icmp_learn_path") == 1)
                    self.assertEqual(errors(s),
                                     ["EMSGSIZE type 3 code 4 mtu 1000 from 10.7.0.9"])
                    s.send(b"send 1400 df")  # now the stack itself knows
                    lib.wait_for("it is refused", lambda: accounts.count(
                        net.stack.stats(), "udp_send_refused") == 1)
                    self.assertEqual(errors(s), ["EMSGSIZE type 3 code 4 mtu 1000 from 0.0.0.0"])
                    capture = net.lab.capture(net.router, "link0")
                    for size in (972, 973, 1400, 5000, LARGEST):
                        self.assertEqual(ask(s, f"send {size}"), pattern(size), size)
                    self.assertEqual(ask(s, "send 972 df"), pattern(972))
                    seen = capture.stop()
                lengths = [int(re.search(r"proto \w+ \(\d+\), length (\d+)", frame).group(1))
                           for frame in seen if " > 10.8.0.2" in frame]
                self.assertGreater(len(lengths), 70)
                self.assertEqual(max(lengths), 1000, "nothing is left for the router to cut")
                with large_socket(net.peer, TELL_PORT) as s:  # others' paths are as wide as ever
                    self.assertEqual(ask(s, "send 1472 df"), pattern(1472))
                stats = net.stack.stop()
                self.assertTrue(stats["balance"]["exact"], stats["balance"])
                self.assertEqual(accounts.drops(stats, "graph"), {})
                print(f"{model}: path MTU 1000 learned, {len(lengths)} frames of at most "
                      f"{max(lengths)} bytes", flush=True)


class Ways(unittest.TestCase):
    """traceroute and tracepath, to weft and through it."""

    def traced(self, space, *words):
        done = space.run("traceroute", "-n", "-q", "2", "-w", "2", "-N", "4", *words, timeout=90)
        return [re.findall(r"\d+\.\d+\.\d+\.\d+", line) for line in done.stdout.splitlines()[1:]]

    def pathed(self, space, to):
        done = space.run("tracepath", "-n", "-m", "8", to, timeout=90)
        found = re.search(r"Resume: pmtu (\d+) hops (\d+)", done.stdout)
        self.assertTrue(found, done.stdout)
        return int(found.group(1)), int(found.group(2)), done.stdout

    def test_to_weft(self):
        with Bridged("intel_82599", far_mtu=1200) as net:
            for kind in ((), ("-I",), ("-U", "-p", "9999"), ("-F", "--mtu")):
                self.assertEqual([h[:1] for h in self.traced(net.peer, *kind, lib.WEFT_IP)],
                                 [[lib.WEFT_IP]], kind)
            self.assertEqual([h[:1] for h in self.traced(net.far, lib.WEFT_IP)],
                             [["10.8.0.1"], [lib.WEFT_IP]])
            self.assertEqual(self.pathed(net.peer, lib.WEFT_IP)[:2], (1500, 1))
            self.assertEqual(self.pathed(net.far, lib.WEFT_IP)[:2], (1200, 2))
            stats = net.stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])

    def test_through_weft(self):
        """weft forwards between the peer and the far host, over a link of 1,400 bytes."""
        with Bridged(mtu=1400, forwarding="on") as net:
            net.peer.run("ip", "route", "add", "10.8.0.0/24", "via", lib.WEFT_IP)
            # A router on one link sends redirects, if it is Linux; weft does not.
            self.assertEqual([h[:1] for h in self.traced(net.peer, FAR_IP)],
                             [[lib.WEFT_IP], ["10.7.0.9"], [FAR_IP]])
            mtu, hops, text = self.pathed(net.peer, FAR_IP)
            self.assertEqual((mtu, hops), (1400, 3), text)
            # Larger than weft's link: cut on the way where that is allowed.
            net.peer.run("ip", "route", "flush", "cache")
            for size in (1372, 1373, 1472, 5000, 65000):
                done = net.peer.run("ping", "-n", "-M", "dont", "-c", "3", "-i", "0.05", "-W", "2",
                                    "-s", size, FAR_IP, check=False)
                self.assertIn(" 3 received", done.stdout, f"{size}: {done.stdout}")
            done = net.peer.run("ping", "-n", "-R", "-M", "dont", "-c", "2", "-i", "0.05", "-W",
                                "2", "-s", "1440", FAR_IP, check=False)
            self.assertIn(" 2 received", done.stdout, done.stdout)
            unroutable = net.peer.run("ip", "route", "add", "192.0.2.0/24", "via", lib.WEFT_IP)
            self.assertEqual(unroutable.stdout, "")
            done = net.peer.run("ping", "-n", "-c", "1", "-W", "1", "192.0.2.1", check=False)
            self.assertIn("Destination Net Unreachable", done.stdout)
            stats = net.stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertGreater(accounts.count(stats, "drop_ipv4_too_big"), 0)
            self.assertGreater(accounts.entries(stats, "ipv4_piece"), 50)
            print(f"through weft: pmtu {mtu}, {hops} hops; "
                  f"{accounts.entries(stats, 'ipv4_piece')} pieces", flush=True)


if __name__ == "__main__":
    lib.main()
