#!/usr/bin/env python3
"""Captures in, captures out: the simulated wire and pcap files. Needs no rights.

    test_sim_pcap.py [-k PART_OF_A_NAME]
"""
import collections
import json
import os
import pwd
import stat
import subprocess
import unittest

import accounts
import frames
import lib
import traffic

MODELS = ("none", "tap", "intel_82599", "intel_e810", "ideal")


def questions():
    """Frames with an answer each, and how many of which kind."""
    asked = [frames.arp()]
    asked += [frames.eth(frames.echo_request(i, bytes(i))) for i in range(50)]
    asked += [frames.eth(frames.udp(traffic.payload(i * 12, i), 40000 + i % 60))
              for i in range(120)]
    asked += [frames.eth(frames.udp(b"closed", 50000 + i, dst_port=9)) for i in range(10)]
    return asked, {"arp": 1, "echo": 50, "udp": 120, "unreachable": 10}


def nonsense():
    """Frames that must be dropped, each with the reason."""
    good = frames.eth(frames.udp(b"data", 40000))
    return [
        (good[:10], "drop_eth_truncated"),
        (frames.eth(frames.udp(b"x", 5), dst="02:00:00:00:00:99"), "drop_eth_not_for_us"),
        (frames.eth(frames.udp(b"x", 5), src="03:00:00:00:00:01"), "drop_eth_source"),
        (frames.eth(b"whatever", kind=0x88B5), "drop_eth_type"),
        (frames.tag(good, 5), "drop_vlan_not_member"),
        (good[:30], "drop_ipv4_truncated"),
        (good[:14] + b"\x65" + good[15:], "drop_ipv4_version"),
        (frames.eth(frames.ipv4(bytes(20), 17, wrong=9)), "drop_ipv4_checksum"),
        (frames.eth(frames.udp(b"x", 5, src="127.0.0.1")), "drop_ipv4_source"),
        (frames.eth(frames.udp(b"x", 5, dst="10.7.0.9")), "drop_ipv4_not_for_us"),
        (frames.eth(frames.icmp(8, 0, bytes(4), wrong=9)), "drop_icmp_checksum"),
        (frames.eth(frames.icmp(13, 0, bytes(4))), "drop_icmp_type"),
        (frames.eth(frames.udp(b"x", 40001, wrong=9)), "drop_udp_checksum"),
        (frames.arp(target="10.7.0.77"), "drop_arp_not_for_us"),
    ]


def kinds(answers):
    """What is in a capture of answers."""
    found = collections.Counter()
    for f in answers:
        if f[12:14] == b"\x08\x06":
            found["arp"] += 1
        elif f[23] == 17:
            found["udp"] += 1
        else:
            found[{0: "echo", 3: "unreachable"}.get(f[34], "other")] += 1
    return dict(found)


class Captures(unittest.TestCase):
    def play(self, lab, plan, wire, asked, *arguments):
        """Runs frames through a stack: (what it sent but announcements, its accounting)."""
        n = len(list(lab.folder.glob("in-*.pcap")))
        into, out = lab.folder / f"in-{n}.pcap", lab.folder / f"out-{n}.pcap"
        frames.write(into, asked)
        stack = lab.start(None, plan, f"{wire}:{into},{out}", *arguments, ready=False)
        self.assertEqual(stack.wait(120), 0, stack.said())
        self.assertNotIn("NOT", stack.said())
        sent, stats = frames.answers(out), json.loads(stack.stats_file.read_text())
        announced = sum(queue["arp_announced"] for queue in stats["queues"])
        self.assertEqual(stats["wire"]["sent"], len(sent) + announced)
        if wire == "sim":
            self.assertEqual(announced, 2, "its time goes on until all has been said")
        return sent, stats

    def test_answers(self):
        asked, wanted = questions()
        with lib.Lab() as lab:
            for model in MODELS:
                plan = lab.compile(model)
                for wire in ("sim", "pcap"):
                    for arguments in ((), ("--interpret",)):
                        with self.subTest(model=model, wire=wire, arguments=arguments):
                            sent, stats = self.play(lab, plan, wire, asked, *arguments)
                            self.assertEqual(kinds(sent), wanted)
                            accounts.check_inside(self, stats)
                            self.assertEqual(stats["wire"]["received"], len(asked))
                            self.assertEqual(accounts.drops(stats), {"drop_udp_no_endpoint": 10})

    def test_no_checksum_is_wrong(self):
        asked, _ = questions()
        with lib.Lab() as lab:
            for model in MODELS:
                sent, _ = self.play(lab, lab.compile(model), "sim", asked)
                frames.write(lab.folder / "sent.pcap", sent)
                self.assertEqual(lib.bad_checksums(lib.read_capture(lab.folder / "sent.pcap")), [])

    def test_drops_by_name(self):
        bad = nonsense()
        wanted = collections.Counter(reason for _, reason in bad for _ in range(3))
        with lib.Lab() as lab:
            for model in MODELS:
                plan = lab.compile(model)
                for arguments in ((), ("--interpret",)):
                    with self.subTest(model=model, arguments=arguments):
                        sent, stats = self.play(lab, plan, "sim", [f for f, _ in bad] * 3,
                                                *arguments)
                        self.assertEqual(sent, [])
                        accounts.check_inside(self, stats)
                        # What the card drops counts under the reason that it stands for.
                        found = collections.Counter(accounts.drops(stats, "graph"))
                        for drop in stats["card"]["drops"]:
                            found[drop["stands_for"] or drop["reason"]] += drop["count"]
                        self.assertEqual(+found, wanted)

    def test_repeats_exactly(self):
        asked, _ = questions()
        asked += [f for f, _ in nonsense()]
        with lib.Lab() as lab:
            plan = lab.compile("intel_82599", "quickstart", "--cores", "2")
            for arguments in ((), ("--interpret",)):
                one, two, other = [self.play(lab, plan, "sim", asked, "--seed", seed, *arguments)[0]
                                   for seed in ("7", "7", "8")]
                self.assertEqual(one, two, "same seed, same bytes")
                self.assertNotEqual(one, other, "identifications of IPv4 come from the seed")
            files = sorted(lab.folder.glob("out-*.pcap"))
            self.assertEqual(files[0].read_bytes(), files[1].read_bytes(), "also the times")

    def test_unknown_neighbour_is_asked_for(self):
        """Without ARP from the peer the answer waits, its next hop is asked for, and it is given
        up with a name; nobody else's answer comes instead."""
        with lib.Lab() as lab:
            sent, stats = self.play(lab, lab.compile("none"), "sim",
                                    [frames.eth(frames.echo_request(1))])
            self.assertGreaterEqual(kinds(sent).get("arp", 0), 1)
            self.assertEqual(set(kinds(sent)), {"arp"})
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(accounts.drops(stats), {"arp_given_up": 1})

    def test_bad_captures(self):
        with lib.Lab() as lab:
            plan, junk = lab.compile("none"), lab.folder / "junk.pcap"
            junk.write_bytes(b"this is no capture")
            for wire, words in ((f"sim:{junk},{lab.folder}/o.pcap", "junk.pcap"),
                                (f"sim:{lab.folder}/none.pcap,{lab.folder}/o.pcap", "none.pcap"),
                                (f"pcap:{junk},{lab.folder}/o.pcap", "junk.pcap")):
                stack = lab.start(None, plan, wire, ready=False)
                self.assertEqual(stack.wait(60), 1, stack.said())
                self.assertIn(words, stack.said())


@unittest.skipUnless(os.geteuid() == 0, "already an ordinary user")
class OrdinaryUser(unittest.TestCase):
    """All that needs no rights works without any; what needs them says so."""

    def as_nobody(self, lab, *command, check=True):
        nobody = pwd.getpwnam("nobody")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_COLOR": "1"}
        return lib.sh("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
                      "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
                      *command, check=check, cwd=self.home, env=environment, timeout=120)

    def test_ordinary_user(self):
        with lib.Lab() as lab:
            lab.folder.chmod(0o755)
            self.home = lab.folder / "home"
            self.home.mkdir()
            os.chown(self.home, pwd.getpwnam("nobody").pw_uid, -1)
            if self.as_nobody(lab, "test", "-x", lib.WEFT, check=False).returncode != 0:
                self.skipTest(f"SKIPPED: {lib.WEFT} is in a folder that only its owner may enter")
            asked, wanted = questions()
            frames.write(self.home / "in.pcap", asked)
            os.chmod(self.home / "in.pcap", stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
            self.as_nobody(lab, lib.WEFT, "check", "host_udp_ipv4", "intel_82599", "quickstart")
            self.as_nobody(lab, lib.WEFT, "compile", "host_udp_ipv4", "--nic", "intel_82599",
                           "--workload", "quickstart", "-o", "plan.yaml")
            self.as_nobody(lab, lib.WEFT, "verify", "plan.yaml")
            self.as_nobody(lab, lib.WEFT, "build", "plan.yaml")
            done = self.as_nobody(lab, lib.WEFT, "run", "plan.yaml", "--wire",
                                  "sim:in.pcap,out.pcap")
            self.assertIn("every packet is accounted for", done.stdout)
            self.assertEqual(kinds(frames.answers(self.home / "out.pcap")), wanted)
            for wire in ("tap:weft0", "af_packet:lo"):
                done = self.as_nobody(lab, lib.WEFT, "run", "plan.yaml", "--wire", wire,
                                      check=False)
                self.assertEqual(done.returncode, 5, done.stderr)
                self.assertIn("CAP_NET_ADMIN", done.stderr)
                self.assertIn("sudo", done.stderr)
                self.assertIn("sim:", done.stderr)
            done = self.as_nobody(lab, lib.WEFT, "doctor", "plan.yaml", "--wire", "tap:weft0",
                                  check=False)
            self.assertEqual(done.returncode, 5)
            left = subprocess.run(["find", self.home, "-name", "*.sock"], capture_output=True,
                                  text=True, check=True).stdout
            self.assertEqual(left, "")


if __name__ == "__main__":
    lib.main(needs_root=False)
