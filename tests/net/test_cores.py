#!/usr/bin/env python3
"""Several queues whose packets the kernel spreads as it likes: what arrives on a core that does not
own its state is handed over, counted and answered; idle cores sleep.

    test_cores.py [-k PART_OF_A_NAME]
"""
import os
import time
import unittest

import accounts
import lib
import traffic

SIZES = [100] * (5 * len(lib.FLOW_PORTS))


def cpu_seconds(pid):
    """What all threads of a process have used."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def runtime_of(stack):
    """The process that runs the net cores: `weft run` and `ip netns exec` become it."""
    return stack.process.pid


class TapQueues(unittest.TestCase):
    """The plan is for the TAP's own port: the kernel picks the queue by a hash of its own."""

    def run_on(self, queues, cores, *arguments):
        with lib.Lab() as lab:
            plan = lab.compile("tap", "quickstart", "--queues", str(queues), "--cores", str(cores))
            space = lab.space("p")
            stack = lab.start(space, plan, "tap:weft0", "--card", "port", *arguments)
            peer = lib.Peer(space, "weft0")
            peer.join()
            answered, summary = traffic.pings(space, 500)
            self.assertEqual(answered, 500, summary)
            right, sent = traffic.udp_echo(space, SIZES, others=8)
            self.assertEqual((right, sent), (len(SIZES), len(SIZES)))
            with traffic.udp_socket(space) as s:  # in pieces, from somebody unknown
                s.connect((lib.WEFT_IP, lib.ECHO_PORT))
                for size in (1473, 3000, 9000):
                    s.send(bytes(size))
            lib.wait_for("three datagrams are put together", lambda: accounts.entries(
                stack.stats(), "ipv4_reassembled") == 3)
            given, got = peer.leave()
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(sum(stats["card"]["queue_received"]), given)
            self.assertEqual(len(stats["queues"]), queues)
            self.assertEqual(len({q["core"] for q in stats["queues"]}), cores)
            used = sum(n > 0 for n in stats["card"]["queue_received"])
            away = (accounts.port(stats, "udp_flow_handover", "away")
                    + accounts.port(stats, "ipv4_reassemble_handover", "away"))
            taken = sum(q["taken_over"] for q in stats["queues"])
            self.assertEqual(away, taken)
            self.assertGreater(used, 1, "the kernel used several queues")
            self.assertGreater(away, 0, "some packets arrived elsewhere")
            # All flows were found, wherever they arrived: none was served by its port alone.
            found = accounts.port(stats, "udp_flow", "hit")
            of_flows = len([n for n in range(len(SIZES)) if n % (len(lib.FLOW_PORTS) + 8)
                            < len(lib.FLOW_PORTS)])
            self.assertEqual(found, of_flows)
            print(f"tap, {queues} queues, {cores} cores: received {stats['card']['queue_received']}"
                  f", {away} handed over, {found} datagrams of flows", flush=True)

    def test_2_queues(self):
        self.run_on(2, 2)

    def test_4_queues(self):
        self.run_on(4, 2)

    def test_4_queues_interpreted(self):
        self.run_on(4, 2, "--interpret")


class Idle(unittest.TestCase):
    """More threads than CPUs, and nothing to do: nobody may notice, nor wait when something comes."""

    def idle(self, wire, model, *arguments):
        with lib.Lab() as lab:
            plan = lab.compile(model, "quickstart", "--queues", "4", "--cores", "4")
            space = lab.space("p")
            if wire == "tap":
                stack = lab.start(space, plan, "tap:weft0", *arguments)
                peer = lib.Peer(space, "weft0")
            else:
                mine = lab.space("w")
                lab.veth(mine, space)
                stack = lab.start(mine, plan, "af_packet:weft0", *arguments)
                peer = lib.Peer(space, "peer0")
            peer.join()
            traffic.pings(space, 10)
            time.sleep(1)
            pid, seconds = runtime_of(stack), 5.0
            before, start = cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            used = (cpu_seconds(pid) - before) / (time.monotonic() - start)
            sleeps = sum(c["sleeps"] for c in stack.stats()["cores"])
            # Each of these finds all cores asleep.
            answered, summary = 0, ""
            for _ in range(10):
                time.sleep(0.2)
                one, summary = traffic.pings(space, 1)
                answered += one
            self.assertEqual(answered, 10)
            peer.leave()
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertGreater(sleeps, 0)
            self.assertLess(used, 0.05, "of one CPU, four cores idle")
            print(f"{wire} {model} {' '.join(arguments)}: 4 idle cores use {100 * used:.2f} % of a "
                  f"CPU, after idle {summary}", flush=True)

    def test_tap_own_port(self):
        self.idle("tap", "tap", "--card", "port")

    def test_tap_emulated(self):
        self.idle("tap", "intel_82599")

    def test_af_packet_emulated(self):
        self.idle("af_packet", "intel_82599")


if __name__ == "__main__":
    lib.main()
