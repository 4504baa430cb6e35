#!/usr/bin/env python3
"""Starts that must be refused, with the command that mends it; and every way to end.

    test_lifecycle.py [-k PART_OF_A_NAME]
"""
import glob
import os
import re
import shlex
import signal
import subprocess
import time
import unittest

import accounts
import lib
import traffic

NOT_READY, INPUT_ERROR = 5, 1


def mending(text):
    """The commands that a refusal prints."""
    return [line.split("mend:", 1)[1].strip() for line in text.splitlines() if "mend:" in line]


def leftovers(lab):
    """Files and interfaces of this lab's stacks that are still there."""
    names = [s.name for s in lab.stacks]
    found = [f for folder in ("/run/weft", "/dev/hugepages", "/var/run/dpdk", "/dev/shm")
             for f in glob.glob(f"{folder}/**", recursive=True) if any(n in f for n in names)]
    for space in lab.spaces:
        links = space.run("ip", "-o", "link").stdout.splitlines()
        found += [f"{space.name}: {line}" for line in links
                  if re.match(r"\d+: (?!lo:|weft0@|peer0@)", line)]
    return found


class Refused(unittest.TestCase):
    def refused(self, stack, code, *words):
        self.assertEqual(stack.wait(30), code, stack.said())
        for word in words:
            self.assertIn(word, stack.said())
        self.assertFalse(stack.stats_file.exists(), "nothing ran")
        return stack.said()

    def runs(self, lab, stack, space):
        """It starts and answers; then it ends well."""
        stack.ready()
        self.assertEqual(traffic.pings(space, 20)[0], 20)
        accounts.check_inside(self, stack.stop())
        self.assertEqual(leftovers(lab), [])

    def test_kernel_holds_the_address(self):
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("none"), lab.space("w"), lab.space("p")
            lab.veth(mine, peer)
            peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            mine.run("ip", "addr", "add", f"{lib.WEFT_IP}/24", "dev", "weft0")
            said = self.refused(lab.start(mine, plan, "af_packet:weft0", ready=False), NOT_READY,
                                lib.WEFT_IP, "weft0")
            commands = mending(said)
            self.assertEqual(commands, [f"ip addr del {lib.WEFT_IP}/24 dev weft0"])
            mine.run(*shlex.split(commands[0]))
            self.runs(lab, lab.start(mine, plan, "af_packet:weft0"), peer)

    def test_peer_sends_unfinished_checksums(self):
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("none"), lab.space("w"), lab.space("p")
            lab.veth(mine, peer, finish_checksums=False)
            peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            said = self.refused(lab.start(mine, plan, "af_packet:weft0", ready=False), NOT_READY,
                                "unfinished checksums")
            doctor = mine.run(lib.WEFT, "doctor", plan, "--wire", "af_packet:weft0", check=False)
            self.assertEqual(doctor.returncode, NOT_READY)
            self.assertEqual(mending(doctor.stdout), mending(said))
            commands = mending(said)
            self.assertEqual(commands,
                             [f"ip netns exec {peer.name} ethtool -K peer0 tx off"])
            lib.sh(*shlex.split(commands[0]))
            stack = lab.start(mine, plan, "af_packet:weft0")
            self.assertEqual(traffic.udp_echo(peer, range(50, 90)), (40, 40))
            accounts.check_inside(self, stack.stop())

    def test_doctor_leads_to_a_running_stack(self):
        """From nothing: its commands one after the other, both ends in one namespace."""
        with lib.Lab() as lab:
            plan, space = lab.compile("none"), lab.space("p")
            asked = ("doctor", plan, "--wire", "af_packet:weft0")
            said = []
            for _ in range(6):
                doctor = space.run(lib.WEFT, *asked, check=False)
                if doctor.returncode == 0:
                    break
                self.assertEqual(doctor.returncode, NOT_READY)
                said.append(mending(doctor.stdout)[0])
                space.run(*shlex.split(said[-1]))
            self.assertEqual(doctor.returncode, 0, doctor.stdout)
            self.assertIn("ip link add weft0 type veth peer name weft0-peer", said)
            self.assertIn("ethtool -K weft0-peer tx off", said)
            space.run("ip", "link", "set", "weft0-peer", "up")
            space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "weft0-peer")
            stack = lab.start(space, plan, "af_packet:weft0")
            self.assertEqual(traffic.pings(space, 20)[0], 20)
            self.assertEqual(traffic.udp_echo(space, range(50, 90)), (40, 40))
            accounts.check_inside(self, stack.stop())

    def test_checksums_spoiled_while_running(self):
        """The peer turns its offload on later: said at once, and dropped with a name."""
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("none"), lab.space("w"), lab.space("p")
            lab.veth(mine, peer)
            peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            stack = lab.start(mine, plan, "af_packet:weft0")
            self.assertEqual(traffic.pings(peer, 5)[0], 5)
            peer.run("ethtool", "-K", "peer0", "tx", "on")
            with traffic.udp_socket(peer) as s:
                s.connect((lib.WEFT_IP, lib.ECHO_PORT))
                s.send(b"unfinished")
            lib.wait_for("a word about it", lambda: "ethtool -K" in stack.said())
            stats = stack.stop()
            accounts.check_inside(self, stats)
            self.assertEqual(accounts.drops(stats), {"drop_udp_checksum": 1})

    def test_missing_down_and_taken_interfaces(self):
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("none"), lab.space("w"), lab.space("p")
            self.refused(lab.start(mine, plan, "af_packet:weft0", ready=False), NOT_READY,
                         "there is no interface weft0", "ip link add weft0")
            lab.veth(mine, peer)
            mine.run("ip", "link", "set", "weft0", "down")
            self.refused(lab.start(mine, plan, "af_packet:weft0", ready=False), NOT_READY,
                         "weft0 is down", "ip link set weft0 up")
            self.refused(lab.start(mine, plan, "tap:weft0", ready=False), NOT_READY,
                         "the name weft0 is taken")
            mine.run("ip", "link", "set", "weft0", "up", "mtu", "1400")
            self.refused(lab.start(mine, plan, "af_packet:weft0", ready=False), NOT_READY,
                         "ip link set weft0 mtu 1500")

    def test_plans_that_must_not_run(self):
        with lib.Lab() as lab:
            space, plan = lab.space("p"), lab.compile("intel_82599")
            text = plan.read_text()
            edited = lab.folder / "edited.yaml"
            edited.write_text(text.replace("queue: 1", "queue: 0", 1))
            self.assertNotEqual(edited.read_text(), text)
            unproved = lab.compile("intel_82599", "quickstart", "--no-proof")
            others = lab.compile("none")  # for the workload `quickstart`
            for bad, code in ((edited, "E0453"), (unproved, "E0457")):
                self.refused(lab.start(space, bad, "tap:weft0", ready=False), INPUT_ERROR, code)
                # The runtime itself refuses, too: not only the command before it.
                done = space.run(lib.BUILD / "weft-runtime", bad, "--wire", "tap:weft0",
                                 check=False)
                self.assertEqual(done.returncode, INPUT_ERROR, done.stderr)
                self.assertIn(code, done.stderr)
            self.assertEqual(leftovers(lab), [])
            done = lib.sh(lib.WEFT, "verify", others, "--workload", "echo", check=False)
            self.assertEqual(done.returncode, INPUT_ERROR, done.stderr)
            self.assertIn("E0454", done.stderr)
            # An unproved plan runs when the user says so.
            stack = lab.start(space, unproved, "tap:weft0", "--unproved")
            self.assertIn("no proof", stack.said() + "no proof" * ("not proved" in stack.said()))
            accounts.check_inside(self, stack.stop())

    def test_two_at_once(self):
        with lib.Lab() as lab:
            plan, one, two = lab.compile("intel_82599"), lab.space("a"), lab.space("b")
            first = lab.start(one, plan, "tap:weft0")
            second = lab.start(two, plan, "tap:weft0")  # --name differs
            for space in (one, two):
                lib.Peer(space, "weft0").join()
                self.assertEqual(traffic.pings(space, 200)[0], 200)
            self.assertEqual(first.stats()["pid"], first.process.pid)
            self.assertEqual(second.stats()["pid"], second.process.pid)
            # The same name a third time is refused with the process that holds it.
            third = lab.start(lab.space("c"), plan, "tap:weft0", name=first.name, ready=False)
            self.refused(third, NOT_READY, str(first.process.pid))
            for stack in (first, second):
                accounts.check_inside(self, stack.stop())
            self.assertEqual(leftovers(lab), [])


class Ends(unittest.TestCase):
    """After each end the next start works and nothing is left."""

    def again(self, wire, end, cleans_up=True):
        """Starts, ends by `end`, starts again: in the same namespaces, by the same name."""
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("intel_82599"), lab.space("w"), lab.space("p")
            took = []
            for how in (end, end, lambda stack, _: stack.stop()):
                if wire == "tap":
                    stack = lab.start(peer, plan, "tap:weft0", name=lab.name)
                    lib.Peer(peer, "weft0").join()
                else:
                    lab.veth(mine, peer)
                    peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
                    stack = lab.start(mine, plan, "af_packet:weft0", name=lab.name)
                self.assertEqual(traffic.pings(peer, 50)[0], 50, f"start {len(took) + 1}")
                began = time.monotonic()
                how(stack, peer)
                took.append(time.monotonic() - began)
                self.assertLess(took[-1], 5, "an end takes no longer than a moment")
                if wire != "tap":
                    peer.run("ip", "link", "del", "peer0", check=False)
                # Who is killed can't tidy up; then the next start does it.
                if cleans_up or how is not end:
                    self.assertEqual(leftovers(lab), [])
            print(f"{wire}: ended and started again twice, {max(took):.2f} s to end", flush=True)

    def test_sigint(self):
        for wire in ("tap", "af_packet"):
            self.again(wire, lambda stack, _: accounts.check_inside(self, stack.stop()))

    def test_sigterm(self):
        for wire in ("tap", "af_packet"):
            self.again(wire, lambda stack, _: accounts.check_inside(
                self, stack.stop(signal.SIGTERM)))

    def test_sigint_under_load(self):
        def end(stack, space):
            load = subprocess.Popen(space.words("ping", "-q", "-f", "-c", "100000", lib.WEFT_IP),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.5)
                stats = stack.stop()
                self.assertTrue(stats["balance"]["exact"], stats["balance"])
                self.assertGreater(accounts.count(stats, "icmp_answered"), 100)
            finally:
                load.kill()
                load.wait()
        for wire in ("tap", "af_packet"):
            self.again(wire, end)

    def test_kill_9(self):
        def end(stack, _):
            stack.kill()
            self.assertEqual(stack.process.returncode, -signal.SIGKILL)
        for wire in ("tap", "af_packet"):
            self.again(wire, end, cleans_up=False)

    def test_same_name_after_kill_9(self):
        with lib.Lab() as lab:
            plan, space = lab.compile("none"), lab.space("p")
            first = lab.start(space, plan, "tap:weft0")
            first.kill()
            second = lab.start(space, plan, "tap:weft0", name=first.name)
            self.assertIn(f'"pid": {second.process.pid}',
                          lib.sh(lib.WEFT, "stats", first.name, "--json").stdout)
            accounts.check_inside(self, second.stop())
            self.assertEqual(leftovers(lab), [])

    def vanish(self, stack, remove):
        remove()
        self.assertEqual(stack.wait(5), NOT_READY, stack.said())
        self.assertIn("interface weft0 is gone", stack.said())
        self.assertIn("accounted for", stack.said())

    def test_vanished_veth(self):
        self.again("af_packet", lambda stack, peer: self.vanish(
            stack, lambda: peer.run("ip", "link", "del", "peer0")))

    def test_vanished_tap(self):
        self.again("tap", lambda stack, space: self.vanish(
            stack, lambda: space.run("ip", "link", "del", "weft0")))

    def test_vanished_under_load(self):
        def end(stack, peer):
            load = subprocess.Popen(peer.words("ping", "-q", "-f", "-c", "100000", lib.WEFT_IP),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.3)
                self.vanish(stack, lambda: peer.run("ip", "link", "del", "peer0"))
            finally:
                load.kill()
                load.wait()
        self.again("af_packet", end)

    def test_duration(self):
        with lib.Lab() as lab:
            stack = lab.start(lab.space("p"), lab.compile("none"), "tap:weft0", "--duration", "1")
            self.assertEqual(stack.wait(10), 0, stack.said())
            self.assertEqual(leftovers(lab), [])


if __name__ == "__main__":
    lib.main()
