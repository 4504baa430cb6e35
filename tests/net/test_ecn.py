#!/usr/bin/env python3
"""Explicit congestion notification (RFC 3168) with the kernel: asked for by either side, what the
network marks is told back and heard, whoever does not know it is talked to all the same.

    test_ecn.py [-k PART_OF_A_NAME]
"""
import re
import unittest

import accounts
import lib
from test_connect import ASK, OPENER, Server, ask

WORKLOAD = """\
workload: ecn
host:
  mac: "{mac}"
  address: 10.7.0.2/24
endpoints:
  opener: {{tcp: {ask}, app: "{app}", rate: 1000, ecn: {ecn}}}
"""
ECE, CWR = "E", "W"  # as tcpdump writes them


class Ecn(unittest.TestCase):
    def run_one(self, weft_asks, kernel, marks):
        """20 connections of 16 KiB each way; gives the flags and ECN fields of weft's segments."""
        with lib.Lab() as lab:
            file = lab.folder / "ecn.yaml"
            file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC, ask=ASK, app=OPENER,
                                            ecn="on" if weft_asks else "off"))
            plan = lab.compile("af_packet", file, graph="host_ipv4")
            mine, space = lab.space("w"), lab.space("p")
            lab.veth(mine, space)
            peer = lib.Peer(space, "peer0")
            peer.join()
            space.run("sysctl", "-qw", f"net.ipv4.tcp_ecn={kernel}")
            if marks:
                space.run("nft", "add table ip t; "
                          "add chain ip t i { type filter hook prerouting priority -150; }; "
                          "add chain ip t o { type filter hook postrouting priority -150; }; "
                          "add rule ip t i ip ecn ect0 numgen inc mod 4 0 ip ecn set ce; "
                          "add rule ip t o ip ecn ect0 numgen inc mod 4 0 ip ecn set ce")
            stack = lab.start(mine, plan, "af_packet:weft0", "--interpret")
            server = Server(space)
            capture = lab.capture(space, "peer0")
            self.assertEqual(ask(space, count=20, size=16384), {"right": 20})
            frames = capture.stop()
            server.close()
            accounts.check_inside(self, stack.stop())
            self.assertEqual(lib.bad_checksums(frames), [])
            seen = []
            for frame in frames:
                if not (flags := re.search(r"Flags \[([^\]]*)\]", frame)):
                    continue
                length = int(re.search(r"length (\d+)$", frame.strip()).group(1))
                to_server = f".{9000}: Flags" in frame
                tos = int(re.search(r"tos 0x([0-9a-f]+)", frame).group(1), 16)
                seen.append((flags.group(1), tos & 3, length, to_server))
            return seen

    def test_asked_for(self):
        seen = self.run_one(True, 1, True)
        syns = [s for s in seen if "S" in s[0] and s[3]]
        self.assertEqual(len(syns), 20)
        for flags, ecn, _, _ in syns:
            self.assertEqual((flags, ecn), ("SEW", 0))
        text = [s for s in seen if s[2] and s[3]]
        self.assertTrue(all(ecn == 0 for _, ecn, length, _ in seen if length == 0))
        self.assertGreater(sum(ecn == 2 for _, ecn, _, _ in text), 20 * 11)
        self.assertTrue(any(CWR in flags for flags, _, _, _ in text), "what was marked was told us")
        self.assertTrue(any(ECE in flags for flags, _, length, to in seen
                            if to and length == 0 and "S" not in flags), "and the other way")

    def test_granted(self):
        seen = self.run_one(False, 1, True)
        answers = [s for s in seen if "S" in s[0] and not s[3]]
        self.assertEqual({(flags, ecn) for flags, ecn, _, _ in answers}, {("S.E", 0)})
        self.assertTrue(all(flags == "S" for flags, _, _, to in seen if to and "S" in flags))
        self.assertTrue(all(ecn == 0 for _, ecn, _, to in seen if to))

    def test_a_peer_without(self):
        seen = self.run_one(True, 0, False)
        self.assertIn(("SEW", 0, 0, True), seen)
        self.assertTrue(all(ecn == 0 for _, ecn, _, _ in seen))


if __name__ == "__main__":
    lib.main()
