#!/usr/bin/env python3
"""Too little memory, and two at once: clear words, never a crash, and the next start works. Needs no rights.

    test_memory.py [-k PART_OF_A_NAME]
"""
import json
import subprocess
import unittest

import accounts
import frames
import lib
import traffic

MEGABYTE = 1 << 20


def limited(megabytes, *command):
    """Runs a command that may use so much address space."""
    return subprocess.run(["prlimit", f"--as={megabytes * MEGABYTE}", *map(str, command)],
                          capture_output=True, text=True, timeout=120, check=False)


class Memory(unittest.TestCase):
    def setUp(self):
        self.lab = lib.Lab()
        self.lab.__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.asked = [frames.arp()] + [frames.eth(frames.udp(traffic.payload(20, i), 40000 + i))
                                       for i in range(40)]
        frames.write(self.lab.folder / "in.pcap", self.asked)

    def check_end(self, done, megabytes):
        """Done, or refused in words; no signal, no bug."""
        said = done.stdout + done.stderr
        self.assertIn(done.returncode, (0, 5), f"{megabytes} MB: {done.returncode}\n{said}")
        self.assertNotIn("bug", said)
        if done.returncode == 5:
            self.assertRegex(said, "memory|Memory|does not start|no C\\+\\+ compiler", said)
        return done.returncode

    def test_run_with_too_little(self):
        plan = self.lab.compile("intel_82599")
        out = self.lab.folder / "out.pcap"
        command = (lib.WEFT, "run", plan, "--interpret", "--wire",
                   f"sim:{self.lab.folder}/in.pcap,{out}")
        ends = [self.check_end(limited(n, *command), n) for n in range(100, 1500, 50)]
        self.assertEqual(ends[0], 5, "100 MB are too little")
        self.assertEqual(ends[-1], 0, "1450 MB are enough")
        self.assertEqual(ends, sorted(ends, reverse=True), "more memory is never worse")
        self.assertEqual(len(frames.answers(out)), len(self.asked))

    def test_compile_with_too_little(self):
        plan = self.lab.folder / "little.yaml"
        command = (lib.WEFT, "compile", "host_udp_ipv4", "--nic", "intel_82599", "--workload",
                   "quickstart", "-o", plan)
        done = 0
        for megabytes in range(60, 400, 10):  # (the loader alone needs 49)
            plan.unlink(missing_ok=True)
            end = self.check_end(limited(megabytes, *command), megabytes)
            self.assertEqual(plan.exists(), end == 0, "a plan that is written is whole")
            done += end == 0
        self.assertGreater(done, 0)

    def test_two_at_once(self):
        plan = self.lab.compile("intel_82599", "quickstart", "--cores", "2")
        stacks = [self.lab.start(None, plan, f"sim:{self.lab.folder}/in.pcap,"
                                 f"{self.lab.folder}/out-{i}.pcap", ready=False) for i in range(3)]
        for i, stack in enumerate(stacks):
            self.assertEqual(stack.wait(120), 0, stack.said())
            stats = json.loads(stack.stats_file.read_text())
            accounts.check_inside(self, stats)
            answers = frames.answers(self.lab.folder / f"out-{i}.pcap")
            self.assertEqual(len(answers), len(self.asked))


if __name__ == "__main__":
    lib.main(needs_root=False)
