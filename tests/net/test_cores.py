#!/usr/bin/env python3
"""Several queues whose packets the kernel spreads as it likes: what arrives on a core that does not
own its state is handed over, counted and answered; idle cores sleep.

    test_cores.py [-k PART_OF_A_NAME]
"""
import os
import socket
import struct
import time
import unittest

import accounts
import frames
import lib
import raw_peer
import traffic

SIZES = [100] * (5 * len(lib.FLOW_PORTS))
UNKNOWN = 50000  # a port of no flow
STRANGERS = [f"10.7.0.{n}" for n in range(50, 58)]
HANDOVERS = ("udp_flow_handover", "icmp_endpoint_handover", "ipv4_reassemble_handover")


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
            # In pieces, from somebody unknown. (A port that the kernel picks may be a flow's.)
            with traffic.udp_socket(space, UNKNOWN) as s:
                s.connect((lib.WEFT_IP, lib.ECHO_PORT))
                for size in (1473, 3000, 9000):
                    s.send(bytes(size))
            lib.wait_for("three datagrams are put together", lambda: accounts.entries(
                stack.stats(), "ipv4_reassembled") == 3)
            self.strangers(space, peer)
            self.errors(stack, space)
            given, _ = peer.leave(stack)
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(sum(stats["card"]["queue_received"]), given)
            self.assertEqual(len(stats["queues"]), queues)
            self.assertEqual(len({q["core"] for q in stats["queues"]}), cores)
            used = sum(n > 0 for n in stats["card"]["queue_received"])
            ways = {node: accounts.port(stats, node, "away") for node in HANDOVERS}
            away = sum(ways.values())
            taken = sum(q["taken_over"] for q in stats["queues"])
            self.assertEqual(away, taken)
            self.assertGreater(used, 1, "the kernel used several queues")
            for node in ("udp_flow_handover", "icmp_endpoint_handover"):
                self.assertGreater(ways[node], 0, f"some arrived elsewhere: {ways}")
            # Who owns a path or a neighbour? Nobody: all have heard of them.
            self.assertEqual(accounts.port(stats, "icmp_learn_path_handover", "told"), 1)
            self.assertEqual(sum(q["path_mtus"] for q in stats["queues"]), queues)
            self.assertEqual(accounts.port(stats, "arp_take_handover", "told"), len(STRANGERS))
            self.assertEqual(sum(q["learning_lost"] for q in stats["queues"]), 0)
            # All flows were found, wherever they arrived: none was served by its port alone.
            found = accounts.port(stats, "udp_flow", "hit")
            of_flows = len([n for n in range(len(SIZES)) if n % (len(lib.FLOW_PORTS) + 8)
                            < len(lib.FLOW_PORTS)])
            self.assertEqual(found, of_flows)
            print(f"tap, {queues} queues, {cores} cores: received {stats['card']['queue_received']}"
                  f", handed over {ways}, {found} datagrams of flows", flush=True)

    def strangers(self, space, peer):
        """They know weft's address, and weft must ask for theirs: the answer comes on any queue."""
        for address in STRANGERS:
            space.run("ip", "addr", "add", f"{address}/24", "dev", peer.interface)
        for address in STRANGERS:
            with space.inside():
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with s:
                s.bind((address, 0))
                s.connect((lib.WEFT_IP, lib.ECHO_PORT))
                s.settimeout(3)
                s.send(b"who am I?")
                self.assertEqual(s.recv(100), b"who am I?")
        for address in STRANGERS:
            space.run("ip", "addr", "del", f"{address}/24", "dev", peer.interface)

    def errors(self, stack, space):
        """About each flow: its application hears of it on the core that has the flow."""
        before = accounts.count(stack.stats(), "udp_error")
        way = {"src": lib.WEFT_IP, "dst": lib.PEER_IP}
        with raw_peer.RawPeer(space, "weft0") as raw:
            for port in lib.FLOW_PORTS:
                quoted = frames.udp(bytes(8), lib.ECHO_PORT, port, **way)
                raw.send(frames.eth(frames.icmp(3, 3, bytes(4) + quoted)))
            large = frames.dont_fragment(
                frames.udp(bytes(1400), lib.ECHO_PORT, lib.FLOW_PORTS[0], **way))
            raw.send(frames.eth(frames.icmp(3, 4, struct.pack("!I", 1000) + large)))
        lib.wait_for("all errors are told", lambda: accounts.count(
            stack.stats(), "udp_error") == before + len(lib.FLOW_PORTS) + 1)

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
            peer.leave(stack)
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
