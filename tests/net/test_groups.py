#!/usr/bin/env python3
"""Rules that name a group of queues, with the kernel as peer: who comes to which of them, and groups
that change while it sends. Behind an emulated ConnectX-5 on a TAP.

    test_groups.py [-k PART_OF_A_NAME]
"""
import re
import unittest

import accounts
import lib
import traffic
from live import Numbers, Stream, echoed, weft
from traffic import connected

HOST = """workload: group
host: {mac: "02:77:65:66:74:02", address: 10.7.0.2/24}
queues: 6
cores: 2
endpoints:
"""
STORE = 11211


class Card:
    """What the plan has the card do with one connection: computed here, from its text alone."""

    def __init__(self, text):
        rule = re.search(r"table: flows, queues: \[([\d, ]+)\], entries: (\d+)[^\n]*tcp\.dst_port",
                         text)
        self.group = [int(q) for q in rule[1].split(",")]
        self.entries = int(rule[2])
        self.key = int(re.search(r"key: \"?([0-9a-f]{80})", text)[1], 16)

    def queue_of(self, source_port):
        """Toeplitz over addresses and ports, then the group's table: its queues in turn."""
        octets = [*map(int, f"{lib.PEER_IP}.{lib.WEFT_IP}".split("."))]
        octets += [*source_port.to_bytes(2, "big"), *STORE.to_bytes(2, "big")]
        data, total = int.from_bytes(bytes(octets), "big"), 0
        for bit in range(96):
            if data >> (95 - bit) & 1:
                total ^= self.key >> (320 - 32 - bit) & 0xFFFFFFFF
        return self.group[total % self.entries % len(self.group)]


class Groups(unittest.TestCase):
    def file(self, lab, *endpoints, more=""):
        file = lab.folder / f"group-{len(list(lab.folder.glob('group-*')))}.yaml"
        file.write_text(HOST + "".join(f"  {line}\n" for line in endpoints) + more)
        return file

    def lab(self, *endpoints, more=""):
        lab = lib.Lab()
        self.addCleanup(lab.__exit__)
        space = lab.space("p")
        plan = lab.compile("mellanox_connectx5", self.file(lab, *endpoints, more=more),
                           graph="host_ipv4")
        stack = lab.start(space, plan, "tap:weft0", "--interpret", "--no-huge")
        space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "weft0")
        space.run("ip", "link", "set", "weft0", "up")
        traffic.pings(space, 1)
        return lab, space, plan, stack

    def received(self, stack):
        return [q["received"] for q in stack.stats()["queues"]]

    def test_every_queue(self):
        """Gold connections come to the queues of the group, each to the one that its hash picks."""
        _, space, plan, stack = self.lab(
            f"store: {{tcp: {STORE}, app: tcp_echo, class: gold, rate: 2000}}",
            "web: {tcp: 80, app: tcp_echo, rate: 2000}", more="policy: gold\ngold_queues: 2\n")
        card = Card(plan.read_text())
        self.assertEqual(len(card.group), 2)
        before = self.received(stack)
        connections = [connected(space, STORE) for _ in range(48)]
        for size in (100, 5000):
            self.assertTrue(all(echoed(s, bytes(size), exact=True) for s in connections))
        planned = [card.queue_of(s.getsockname()[1]) for s in connections]
        self.assertEqual({*planned}, {*card.group}, "every queue of the group is used")
        grown = [b - a for a, b in zip(before, self.received(stack))]
        # Each took at least three segments: what was asked, and its acknowledgements.
        for queue in card.group:
            self.assertGreaterEqual(grown[queue], 3 * planned.count(queue))
        self.assertEqual([q for q in range(6) if grown[q] > 10], sorted(card.group))
        rules = stack.stats()["card"]["rules"]
        self.assertEqual([(r["rules"], r["counted"], r["counted_at_work"]) for r in rules],
                         [(1, 1, 1)])
        self.assertEqual(rules[0]["frames_counted"],
                         sum(self.received(stack)[q] for q in card.group))
        # One of them alone: the queue that was foretold gets what it sends, and nobody else.
        one, queue = connections[0], planned[0]
        before = self.received(stack)
        self.assertTrue(all(echoed(one, bytes(1000), exact=True) for _ in range(20)))
        grown = [b - a for a, b in zip(before, self.received(stack))]
        self.assertGreaterEqual(grown[queue], 20)
        self.assertEqual([q for q in card.group if grown[q] >= 20], [queue])
        for s in connections:
            s.close()
        stats = stack.stop()
        self.assertEqual(accounts.entries(stats, "handed_kept"), 0)
        accounts.check_inside(self, stats)

    def test_live(self):
        """A group grows and shrinks, to one queue and back, under streams of both kinds."""
        def wish(queues):
            return (f"store: {{tcp: {STORE}, app: tcp_echo, rate: 1000, queue: {queues}}}",
                    f"echo: {{udp: 7, app: udp_echo, rate: 1000, queue: {queues}}}")
        lab, space, _, stack = self.lab(*wish("4-5"))
        words = [Numbers(connected(space, STORE)) for _ in range(6)]
        datagrams = [Stream(space, 40000 + n, rate=200) for n in range(6)]

        def targets():
            text = weft("plan", "--stack", stack.name).stdout
            return sorted(m[1] or m[2] for m in re.finditer(
                r"table: flows, (?:queues: \[([\d, ]+)\]|queue: (\d+))", text))

        def change(queues, now):
            weft("apply", self.file(lab, *wish(queues)), "--stack", stack.name)
            self.assertEqual(targets(), [now, now])
            for s in words:
                s.more(100)
            with connected(space, STORE) as new:
                self.assertTrue(echoed(new, bytes(100)))

        change("2-5", "2, 3, 4, 5")
        if lib.NIGHTLY:  # each proves a plan with TCP twice
            change("4-5", "4, 5")
            change("4", "4")
            change("4-5", "4, 5")
        self.assertEqual([s.stop() for s in words], [None] * len(words))
        for s in words:
            s.connection.close()
        for s in datagrams:
            s.stop()
            self.assertEqual(s.lost(), 0)
        stats = stack.stop()
        self.assertEqual(accounts.drops(stats).get("drop_tcp_closed", 0), 0)
        self.assertGreater(accounts.entries(stats, "handed_kept"), 20)
        accounts.check_inside(self, stats)


if __name__ == "__main__":
    lib.main()
