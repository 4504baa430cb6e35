#!/usr/bin/env python3
"""Addresses: several of the host's own, groups and IGMP, ARP announcements and conflicts, a link
that comes and goes, very many sockets and flows. The kernel, and frames made here, are the peer.

    test_addresses.py [-k PART_OF_A_NAME]
"""
import contextlib
import pathlib
import re
import socket
import struct
import time
import unittest

import accounts
import frames
import lib
import raw_peer

SECOND, THIRD, THIRD_PEER = "10.7.0.3", "192.168.5.5", "192.168.5.1"
WIRES = (("tap", "none"), ("af_packet", "intel_82599"), ("af_xdp", "none"))
GROUP, ONLY_GROUP = "239.1.2.3", "232.1.1.1"
OTHER_PEER = "10.7.0.9"
IGMP_QUERY, ALL_HOSTS = 0x11, "224.0.0.1"

SEVERAL = f"""workload: several
host:
  mac: "{lib.WEFT_MAC}"
  address: {lib.WEFT_IP}/24
  secondary: [{SECOND}/24, {THIRD}/24]
queues: 2
endpoints:
  echo:
    udp: 7
    app: udp_echo
    groups: ["{GROUP}", {{group: {ONLY_GROUP}, only: [{lib.PEER_IP}]}}]
  bound: {{udp: 1000-1009, app: udp_echo, address: {SECOND}, groups: ["{GROUP}"]}}
flows:
  - {{endpoint: echo, from: {lib.PEER_IP}, ports: 40000-40003}}
  - {{endpoint: echo, from: {lib.PEER_IP}, ports: 40000-40003, to: {THIRD}}}
"""


def ask(space, to, port, data=b"weft", source=None, seconds=3.0, connected=True):
    """What came back, and from whom; None where nothing came."""
    with space.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(s):
        s.bind(source or ("0.0.0.0", 0))
        s.settimeout(seconds)
        if connected:  # then the kernel takes answers from that address alone
            s.connect((to, port))
            s.send(data)
        else:
            s.sendto(data, (to, port))
        try:
            return s.recvfrom(65535)
        except TimeoutError:
            return None


def igmp(kind, code, group, tail=b"", ttl=1, src=lib.PEER_IP, dst=ALL_HOSTS):
    """A frame with an IGMP message, as queriers send it: with the Router Alert option."""
    body = struct.pack("!BBH4s", kind, code, 0, socket.inet_aton(group)) + tail
    body = body[:2] + struct.pack("!H", frames.checksum(body)) + body[4:]
    head = struct.pack("!BBHHHBBH4s4sI", 0x46, 0xC0, 24 + len(body), 1, 0, ttl, 2, 0,
                       socket.inet_aton(src), socket.inet_aton(dst), 0x94040000)
    head = head[:10] + struct.pack("!H", frames.checksum(head)) + head[12:]
    low = socket.inet_aton(dst)
    mac = bytes([1, 0, 0x5E, low[1] & 0x7F, low[2], low[3]]).hex(":")
    return frames.eth(head + body, dst=mac)


def total(stats, key):
    return sum(queue[key] for queue in stats["queues"])


class Addresses(unittest.TestCase):
    @contextlib.contextmanager
    def running(self, wire, model="intel_82599", workload=SEVERAL, arguments=()):
        """A stack, and the kernel at the other end: (lab, stack, peer). Accounts must balance."""
        with lib.Lab() as lab:
            file = lab.folder / "several.yaml"
            file.write_text(workload)
            plan = lab.compile(model, file)
            space = lab.space("p")
            if wire == "tap":
                stack, peer = lab.start(space, plan, "tap:weft0", *arguments), "weft0"
            else:
                mine = lab.space("w")
                lab.veth(mine, space)
                stack, peer = lab.start(mine, plan, f"{wire}:weft0", *arguments), "peer0"
            for address in (f"{lib.PEER_IP}/24", f"{OTHER_PEER}/24", f"{THIRD_PEER}/24"):
                space.run("ip", "addr", "add", address, "dev", peer)
            yield lab, stack, lib.Peer(space, peer)
            accounts.check_inside(self, stack.stop())

    def test_secondary(self):
        """Everything that the primary address does, the others do; answers come from the one asked."""
        for wire, model in WIRES:
            with self.running(wire, model) as (_, stack, peer):
                space = peer.space
                for own in (lib.WEFT_IP, SECOND, THIRD):
                    done = space.run("ping", "-n", "-q", "-c", 20, "-i", "0.01", "-W", 2, own)
                    self.assertIn("20 received", done.stdout)
                    self.assertEqual(ask(space, own, 7), (b"weft", (own, 7)))
                    self.assertEqual(ask(space, own, 7, source=("0.0.0.0", 40001))[1], (own, 7))
                    with self.assertRaises(ConnectionRefusedError):  # the ICMP error comes from it
                        ask(space, own, 9)
                    space.run("arping", "-c", 2, "-W", "0.02", "-i", peer.interface, own)
                self.assertEqual(ask(space, SECOND, 1005), (b"weft", (SECOND, 1005)))
                for elsewhere in (lib.WEFT_IP, THIRD):
                    with self.assertRaises(ConnectionRefusedError):
                        ask(space, elsewhere, 1005)
                self.assertEqual(accounts.count(stack.stats(), "icmp_answered"), 60)

    def test_broadcast(self):
        """Broadcasts of each subnet reach the endpoint for all addresses, which answers from the
        address of the subnet that the asker is in."""
        with self.running("tap") as (_, _, peer):
            for to, own in (("10.7.0.255", lib.WEFT_IP), ("192.168.5.255", THIRD)):
                with peer.space.inside():
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                with contextlib.closing(s):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                    s.settimeout(3)
                    s.sendto(b"all", (to, 7))
                    self.assertEqual(s.recvfrom(100), (b"all", (own, 7)))

    def send_to_group(self, space, group, port, source=lib.PEER_IP, answers=1):
        with space.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        got = []
        with contextlib.closing(s):
            s.bind((source, 0))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
            s.settimeout(2 if answers else 0.5)
            s.sendto(b"group", (group, port))
            with contextlib.suppress(TimeoutError):
                while len(got) < max(answers, 1):
                    got.append(s.recvfrom(100)[1])
        return sorted(got)

    def test_groups(self):
        for wire, model in WIRES:
            with self.running(wire, model) as (lab, stack, peer):
                space = peer.space
                self.assertEqual(self.send_to_group(space, GROUP, 7), [(lib.WEFT_IP, 7)])
                self.assertEqual(self.send_to_group(space, GROUP, 1003), [(SECOND, 1003)])
                self.assertEqual(self.send_to_group(space, ONLY_GROUP, 7), [(lib.WEFT_IP, 7)])
                self.assertEqual(self.send_to_group(space, ONLY_GROUP, 7, OTHER_PEER, 0), [])
                self.assertEqual(self.send_to_group(space, ALL_HOSTS, 7), [(lib.WEFT_IP, 7)])
                self.assertEqual(self.send_to_group(space, "239.1.2.4", 7, answers=0), [])
                stats = stack.stats()
                self.assertEqual(accounts.count(stats, "drop_udp_source_filtered"), 1)
                self.assertEqual(accounts.count(stats, "drop_ipv4_group"), 1)

    def reports(self, lab, peer, act, seconds):
        """IGMP messages that weft sends within so many seconds of `act()`, as tcpdump says them."""
        capture = lab.capture(peer.space, peer.interface)
        act()
        time.sleep(seconds)
        seen = [f for f in capture.stop() if " igmp " in f]
        self.assertEqual(lib.bad_checksums(seen), [])
        for frame in seen:
            self.assertIn("ttl 1,", frame)
            self.assertIn("options (RA)", frame)
        return [re.search(r"igmp (.*)", f).group(1) for f in seen]

    def test_igmp(self):
        """Joins are reported, queries answered, in the querier's version."""
        with self.running("af_packet") as (lab, stack, peer):
            raw = raw_peer.RawPeer(peer.space, peer.interface)
            with contextlib.closing(raw.socket):
                def query(code, group="0.0.0.0", tail=b"\x02\x7d\0\0"):
                    return lambda: raw.send(igmp(IGMP_QUERY, code, group, tail))
                lib.wait_for("joins are told twice",
                             lambda: total(stack.stats(), "igmp_reports") >= 2)
                time.sleep(1.2)
                seen = self.reports(lab, peer, query(10), 1.5)
                self.assertEqual(len(seen), 1, seen)
                self.assertIn("v3 report, 2 group record(s)", seen[0])
                self.assertIn(f"[gaddr {GROUP} is_ex {{ }}]", seen[0])
                self.assertIn(f"[gaddr {ONLY_GROUP} is_in {{ {lib.PEER_IP} }}]", seen[0])
                seen = self.reports(lab, peer, query(10, GROUP), 1.5)
                self.assertEqual(len(seen), 1, seen)
                self.assertIn(f"[gaddr {GROUP} is_ex {{ }}]", seen[0])
                wanted = b"\x02\x7d\0\x01" + socket.inet_aton(OTHER_PEER)
                self.assertEqual(self.reports(lab, peer, query(10, ONLY_GROUP, wanted), 1.5), [])
                self.assertEqual(self.reports(lab, peer, query(10, "239.9.9.9"), 1.5), [])
                seen = self.reports(lab, peer, query(10, tail=b""), 1.5)  # version 2
                self.assertEqual(sorted(seen), [f"v2 report {ONLY_GROUP}", f"v2 report {GROUP}"])
                raw.send(igmp(IGMP_QUERY, 10, "0.0.0.0", b"\x02\x7d\0\0", ttl=2))
                lib.wait_for("what is from beyond the link is dropped",
                             lambda: accounts.count(stack.stats(), "drop_igmp_ttl") == 1)

    def test_joins_are_seen_by_the_kernel(self):
        """A bridge of the kernel that listens to IGMP learns who wants which group."""
        with lib.Lab() as lab:
            file = lab.folder / "several.yaml"
            file.write_text(SEVERAL)
            plan = lab.compile("none", file)
            mine, space = lab.space("w"), lab.space("p")
            lab.veth(mine, space)
            made = space.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "1",
                             "mcast_querier", "1", "mcast_igmp_version", "3", check=False)
            if made.returncode != 0:
                self.skipTest(f"SKIPPED: no bridge with IGMP here: {made.stderr.strip()}")
            space.run("ip", "link", "set", "peer0", "master", "br0")
            space.run("ip", "link", "set", "br0", "up")
            stack = lab.start(mine, plan, "af_packet:weft0")

            def known():
                return space.run("bridge", "mdb", "show", "dev", "br0").stdout
            lib.wait_for("the bridge knows the groups",
                         lambda: GROUP in known() and ONLY_GROUP in known(), 20)
            self.assertRegex(known(), rf"port peer0 grp {re.escape(GROUP)}")
            accounts.check_inside(self, stack.stop())

    def test_announcements_and_conflicts(self):
        """RFC 5227: told twice at the start; defended once in 10 s; kept, whatever others say."""
        with lib.Lab() as lab:
            file = lab.folder / "several.yaml"
            file.write_text(SEVERAL)
            plan = lab.compile("intel_82599", file)
            mine, space = lab.space("w"), lab.space("p")
            lab.veth(mine, space)
            space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            capture = lab.capture(space, "peer0")
            stack = lab.start(mine, plan, "af_packet:weft0")
            lib.wait_for("all are announced",
                         lambda: total(stack.stats(), "arp_announced") == 6)
            seen = [f for f in capture.stop() if "Announcement" in f or "who-has" in f]
            for own in (lib.WEFT_IP, SECOND, THIRD):
                told = [f for f in seen if re.search(rf"(Announcement|tell) {re.escape(own)}\b", f)]
                self.assertEqual(len(told), 2, seen)

            with raw_peer.RawPeer(space, "peer0") as raw:
                probe = raw.ask(frames.arp(target=SECOND, sender="0.0.0.0"))
                self.assertEqual(probe[20:22], b"\0\x02", "a probe is answered")
                self.assertEqual(probe[28:32], socket.inet_aton(SECOND))
                capture = lab.capture(space, "peer0")
                for _ in range(5):
                    raw.send(frames.arp(operation=2, target=lib.WEFT_IP, sender=lib.WEFT_IP))
                lib.wait_for("conflicts are counted",
                             lambda: total(stack.stats(), "arp_conflicts") == 5)
                told = [f for f in capture.stop() if lib.WEFT_IP in f and "Request" in f]
                self.assertEqual(len(told), 1, told)
            # The kernel's table was poisoned, and is right again.
            done = space.run("ping", "-n", "-q", "-c", 5, "-i", "0.05", "-W", 2, lib.WEFT_IP)
            self.assertIn("5 received", done.stdout)
            # And by the kernel's own means.
            space.run("arping", "-c", 3, "-U", "-i", "peer0", "-S", lib.WEFT_IP, lib.WEFT_IP,
                      check=False)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            self.assertEqual(accounts.count(stats, "drop_arp_conflict"), 1)
            self.assertGreaterEqual(accounts.count(stats, "drop_arp_conflict_quiet"), 4)
            print(f"{total(stats, 'arp_conflicts')} conflicts, {total(stats, 'arp_defended')} "
                  f"defended", flush=True)

    def probing(self, lab, **more):
        """A stack that asks first, on one end of a veth; the kernel is at the other."""
        file = lab.folder / "probing.yaml"
        file.write_text(SEVERAL.replace("queues: 2", "  probe: on\nqueues: 2"))
        mine, space = lab.space("w"), lab.space("p")
        lab.veth(mine, space)
        space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
        return mine, space, lab.compile("intel_82599", file)

    def test_an_address_in_use(self):
        """RFC 5227 section 2.1: the kernel has one of the addresses; nothing is taken into use."""
        with lib.Lab() as lab:
            mine, space, plan = self.probing(lab)
            space.run("ip", "addr", "add", f"{SECOND}/24", "dev", "peer0")
            its = space.run("cat", "/sys/class/net/peer0/address").stdout.strip()
            capture = lab.capture(space, "peer0")
            stack = lab.start(mine, plan, "af_packet:weft0", "--interpret", ready=False)
            self.assertEqual(stack.wait(60), 5, stack.said())
            self.assertIn(f"error[E0663]: {SECOND} is in use: {its} has it", stack.said())
            sent = [f for f in capture.stop() if lib.WEFT_MAC in f.split(" > ")[0]]
            self.assertEqual([f for f in sent if "who-has" not in f or "tell 0.0.0.0" not in f], [])

    @unittest.skipUnless(lib.NIGHTLY, "LEFT OUT: addresses that are free take 4 to 9 s (WEFT_NIGHTLY=1)")
    def test_addresses_that_are_free(self):
        """Each is asked for three times, then announced and used; what came before is counted."""
        with lib.Lab() as lab:
            mine, space, plan = self.probing(lab)
            capture = lab.capture(space, "peer0")
            stack = lab.start(mine, plan, "af_packet:weft0", "--interpret", ready=False)
            lib.wait_for("it asks", lambda: "asking" in stack.said(), 60)
            self.assertIsNone(ask(space, lib.WEFT_IP, 7, seconds=1), "not in use yet")
            stack.ready()
            self.assertEqual(ask(space, SECOND, 7), (b"weft", (SECOND, 7)))
            lib.wait_for("all are announced",
                         lambda: total(stack.stats(), "arp_announced") == 6)
            seen = capture.stop()
            for own in (lib.WEFT_IP, SECOND, THIRD):
                asked = [f for f in seen if f"who-has {own} tell 0.0.0.0" in f or
                         re.search(rf"Probe {re.escape(own)}\b", f)]
                self.assertEqual(len(asked), 3, seen)
            stats = stack.stop()
            self.assertEqual(total(stats, "probes"), 9)
            self.assertGreater(total(stats, "before_use"), 0)
            accounts.check_inside(self, stats)

    def test_static_neighbours(self):
        """Nobody is asked for them, and nobody believed about them."""
        with lib.Lab() as lab:
            mine, space = lab.space("w"), lab.space("p")
            lab.veth(mine, space)
            space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            its = space.run("cat", "/sys/class/net/peer0/address").stdout.strip()
            file = lab.folder / "static.yaml"
            file.write_text(SEVERAL.replace("queues: 2", "  neighbours: [{address: %s, mac: \"%s\"}]"
                                            "\nqueues: 2" % (lib.PEER_IP, its)))
            stack = lab.start(mine, lab.compile("intel_82599", file), "af_packet:weft0",
                              "--interpret")
            space.run("ip", "neigh", "add", lib.WEFT_IP, "lladdr", lib.WEFT_MAC, "dev", "peer0",
                      "nud", "permanent")
            capture = lab.capture(space, "peer0")
            with raw_peer.RawPeer(space, "peer0") as raw:
                raw.ask(frames.arp(target=lib.WEFT_IP))  # from another Ethernet address
            self.assertEqual(ask(space, lib.WEFT_IP, 7), (b"weft", (lib.WEFT_IP, 7)))
            stats = stack.stop()
            asked = [f for f in capture.stop() if f"who-has {lib.PEER_IP}" in f]
            self.assertEqual(asked, [])
            self.assertEqual(total(stats, "arp_requests"), 0)
            accounts.check_inside(self, stats)

    def test_link_flaps(self):
        """The link goes and comes: announced again, groups reported again, pings go on."""
        for wire, _ in WIRES:
            with self.running(wire) as (_, stack, peer):
                space, flaps = peer.space, 4

                def ping():
                    return space.run("ping", "-n", "-q", "-c", 3, "-i", "0.05", "-W", 2,
                                     lib.WEFT_IP, check=False).stdout
                self.assertIn("3 received", ping())
                lib.wait_for("all are announced",
                             lambda: total(stack.stats(), "arp_announced") == 6)
                before = stack.stats()
                for n in range(flaps):
                    space.run("ip", "link", "set", peer.interface, "down")
                    lib.wait_for("the stack sees it",
                                 lambda: not stack.stats()["cores"][0]["link_up"])
                    space.run("ip", "link", "set", peer.interface, "up")
                    lib.wait_for("and sees it come back",
                                 lambda: stack.stats()["cores"][0]["link_up"])
                    lib.wait_for("pings are answered again", lambda: "3 received" in ping())
                    lib.wait_for("addresses are announced again", lambda n=n: total(
                        stack.stats(), "arp_announced") >= 6 + 3 * (n + 1))
                now = stack.stats()
                self.assertEqual(now["cores"][0]["link_changes"], 2 * flaps)
                self.assertGreaterEqual(total(now, "igmp_reports"),
                                        total(before, "igmp_reports") + flaps)
                print(f"{wire}: {flaps} flaps, {total(now, 'arp_announced')} announcements, "
                      f"{total(now, 'igmp_reports')} reports, "
                      f"{total(now, 'transmit_down')} not sent while down", flush=True)

    def test_link_of_two(self):
        """A prefix of 31 bits (RFC 3021): the all-ones address is the peer's, or the host's."""
        for own, peers in (("10.7.0.2", "10.7.0.3"), ("10.7.0.3", "10.7.0.2")):
            workload = f"""workload: two
host: {{mac: "{lib.WEFT_MAC}", address: {own}/31, gateway: {peers}}}
endpoints:
  echo: {{udp: 7, app: udp_echo}}
"""
            with lib.Lab() as lab:
                file = lab.folder / "two.yaml"
                file.write_text(workload)
                space = lab.space("p")
                stack = lab.start(space, lab.compile("tap", file), "tap:weft0")
                space.run("ip", "addr", "add", f"{peers}/31", "dev", "weft0")
                done = space.run("ping", "-n", "-q", "-c", 10, "-i", "0.01", "-W", 2, own)
                self.assertIn("10 received", done.stdout)
                self.assertEqual(ask(space, own, 7), (b"weft", (own, 7)))
                with self.assertRaises(ConnectionRefusedError):
                    ask(space, own, 9)
                stats = stack.stop()
                self.assertEqual(accounts.count(stats, "drop_ipv4_source"), 0)
                accounts.check_inside(self, stats)

    def test_very_many(self):
        """118,002 sockets on two addresses and 100,000 flows: compiled, proved, run."""
        workload = f"""workload: many
host: {{mac: "{lib.WEFT_MAC}", address: {lib.WEFT_IP}/16, secondary: [10.7.0.3/16]}}
queues: 2
endpoints:
  many: {{udp: 1000-60000, app: udp_echo, address: 10.7.0.2-10.7.0.3}}
flows:
  - {{endpoint: many, from: 10.7.1.0-10.7.1.99, ports: 20000-20999, rate: 1}}
"""
        with lib.Lab() as lab:
            file = lab.folder / "many.yaml"
            file.write_text(workload)
            begin = time.monotonic()
            plan = lab.compile("intel_82599", file)
            compiled = time.monotonic()
            space = lab.space("p")
            stack = lab.start(space, plan, "tap:weft0")
            started = time.monotonic()
            space.run("ip", "addr", "add", "10.7.1.7/16", "dev", "weft0")
            for own in (lib.WEFT_IP, SECOND):
                for port in (1000, 33333, 60000):
                    self.assertEqual(ask(space, own, port), (b"weft", (own, port)))
                for port in (999, 60001):
                    with self.assertRaises(ConnectionRefusedError):
                        ask(space, own, port)
            self.assertEqual(ask(space, lib.WEFT_IP, 1000, source=("10.7.1.7", 20500))[1],
                             (lib.WEFT_IP, 1000))
            stats = stack.stats()
            self.assertGreaterEqual(accounts.port(stats, "udp_flow", "hit"), 1)
            status = pathlib.Path(f"/proc/{stats['pid']}/status").read_text(encoding="ascii")
            memory = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) // 1024
            print(f"118,002 sockets, 100,000 flows: compiled and proved in {compiled - begin:.1f} s,"
                  f" running after {started - compiled:.1f} s more (code generated and compiled), "
                  f"{memory} MB resident", flush=True)
            accounts.check_inside(self, stack.stop())


if __name__ == "__main__":
    lib.main()
