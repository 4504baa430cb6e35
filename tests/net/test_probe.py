#!/usr/bin/env python3
"""`weft nic probe` of ports that are there: what DPDK says of them, which rules they take, and a model that the
compiler accepts and proves a plan for.

    test_probe.py [-k PART_OF_A_NAME]
"""
import json
import unittest

import lib


class Probe(unittest.TestCase):
    def setUp(self):
        self.lab = lib.Lab()
        self.lab.__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)

    def probe(self, port, *arguments, space=None):
        """What it found, as JSON; the model it wrote is checked, and a plan made for it."""
        run = space.run if space else lib.sh
        model = self.lab.folder / "found.yaml"
        done = run(lib.WEFT, "nic", "probe", port, "--json", "-o", model, *arguments,
                   env=self.lab.environment)
        lib.sh(lib.WEFT, "check", model, env=self.lab.environment)
        self.lab.compile(model, "quickstart", "--queues", "2")
        return json.loads(done.stdout)

    def test_tap(self):
        found = self.probe("tap:weft0", space=self.lab.space("t"))
        self.assertEqual(found["driver"], "net_tap")
        self.assertIn("TX_UDP_CKSUM", found["tx_offloads"])
        self.assertEqual(found["catalogue"], {"model": "tap", "differences": []})
        flow = next(rule for rule in found["rules"] if rule["rule"] == "flow")
        self.assertTrue(flow["validates"])
        if not flow["creates"]:  # a kernel without cls_flower: validate said yes all the same
            self.assertIn("Kernel too old", flow["says"])

    def test_af_packet(self):
        mine, peer = self.lab.space("w"), self.lab.space("p")
        # As a pair is when it is made: down, and the peer would leave checksums unfinished.
        self.lab.veth(mine, peer, finish_checksums=False)
        mine.run("ip", "link", "set", "weft0", "down")
        found = self.probe("af_packet:weft0", space=mine)
        self.assertEqual(found["driver"], "net_af_packet")
        self.assertFalse(any(rule["creates"] for rule in found["rules"]))
        self.assertEqual(found["catalogue"]["model"], "af_packet")

    def test_memif(self):
        found = self.probe(f"memif:{self.lab.folder}/probe.sock")
        self.assertEqual((found["driver"], found["rss"]["types"]), ("net_memif", []))
        self.assertEqual(found["catalogue"]["model"], "memif")

    def test_ring(self):
        self.assertEqual(self.probe("ring:probe")["catalogue"]["model"], "ring")

    def test_emulated(self):
        found = self.probe("emulated:intel_82599")
        self.assertEqual(found["catalogue"], {"model": "intel_82599", "differences": []})
        fit = {rule["rule"]: rule.get("fit") for rule in found["rules"]}
        self.assertEqual(fit["flow + protocol, priority 1"], 128)
        self.assertEqual(found["one_mask"], "port")

    def test_completion(self):
        """What weft hands over as written is completed, too: weft-runtime says what there is."""
        script = lib.sh(lib.WEFT, "completion", "bash", env=self.lab.environment).stdout
        for words in ("'weft run --wire')", "'weft nic probe --rules')", "'weft run --card') words='emulated port'"):
            self.assertIn(words, script)

    def test_what_is_no_port(self):
        for port, code, words in (("sim:a,b", 64, "no port"), ("emulated:nothing", 1, "no NIC model"),
                                  ("tap:", 1, "E0600")):
            done = lib.sh(lib.WEFT, "nic", "probe", port, check=False, env=self.lab.environment)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    lib.main()
