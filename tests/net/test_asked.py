#!/usr/bin/env python3
"""Flows and endpoints that an application asks for while the kernel sends to the stack: what becomes
of each, with and without a planner, and what the stack runs then.

    test_asked.py [-k PART_OF_A_NAME]
"""
import errno
import re
import signal
import socket
import struct
import subprocess
import unittest

import accounts
import lib
import test_live
import traffic

ASKER = lib.BUILD / "tests/apps/asker.so"
DONE, REFUSED, TAKEN_BACK, NO_PLANNER, UNKNOWN = range(1, 6)
GOLD, QUEUE = 1, 4
OTHER_PORT = 1007
weft = test_live.weft


def number(address):
    return struct.unpack("!I", socket.inet_aton(address))[0]


def served(test, lab, stack):
    """A planner beside the stack, which may be asked now."""
    log = lab.folder / "planner.log"
    with open(log, "wb") as out:
        planner = subprocess.Popen([lib.WEFT, "plan", "--serve", "--stack", stack.name],
                                   stdout=out, stderr=subprocess.STDOUT, env=lab.environment)
    test.addCleanup(lambda: planner.poll() is None and (planner.kill(), planner.wait()))
    lib.wait_for("the planner serves", lambda: b"plans for" in log.read_bytes(), 60)
    return planner


class Asked(unittest.TestCase):
    def setUp(self):
        self.lab = lib.Lab()
        self.addCleanup(self.lab.__exit__)
        self.space = self.lab.space("p")
        plan = self.lab.compile("intel_82599", test_live.workload(self.lab, ["40000-40009"], (
            f'echo: {{udp: {lib.ECHO_PORT}, app: "{ASKER}", rate: 1000}}',
            f"other: {{udp: {OTHER_PORT}, app: udp_echo, rate: 10}}"), wish=", queue: 1"))
        self.stack = self.lab.start(self.space, plan, "tap:weft0", "--interpret", "--no-huge")
        self.space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "weft0")
        self.space.run("ip", "link", "set", "weft0", "up")
        traffic.pings(self.space, 3)
        self.asking = traffic.udp_socket(self.space, 0)
        self.addCleanup(self.asking.close)
        self.asking.settimeout(30)
        self.asking.connect((lib.WEFT_IP, lib.ECHO_PORT))

    def serve(self):
        return served(self, self.lab, self.stack)

    def send(self, verb, port, source=lib.PEER_IP, own="0.0.0.0", own_port=0, rate=100, flags=0,
             queue=0, endpoint=0):
        self.asking.send(b"%s %d %d %d %d %d %d %d %d" % (
            verb.encode(), number(source), port, number(own), own_port, rate, flags, queue,
            endpoint))

    def ask(self, *words, **more):
        """Outcome, queue and reason; or the error of the command."""
        self.send(*words, **more)
        return self.told()

    def told(self):
        line = self.asking.recv(2000).decode()
        if line.startswith("failed "):
            return int(line.split()[1])
        outcome, queue, reason = line.split(" ", 2)
        return int(outcome), int(queue), reason

    def queues(self):
        """Of the rules that run, by source port."""
        text = weft("plan", "--stack", self.stack.name).stdout
        return {int(m[2]): int(m[1]) for m in re.finditer(
            r"table: \w+, queue: (\d+).*?udp\.src_port: (\d+)", text)}

    def received(self, queue):
        return next(q["received"] for q in self.stack.stats()["queues"] if q["queue"] == queue)

    def test_flows(self):
        stream = test_live.Stream(self.space, 40003)
        before = self.queues()
        self.assertEqual(sorted(before), list(range(40000, 40010)))

        outcome, _, reason = self.ask("add", 42000)
        self.assertEqual(outcome, NO_PLANNER)
        self.assertIn(f"weft plan --serve --stack {self.stack.name}", reason)
        self.assertEqual(self.queues(), before)

        planner = self.serve()
        outcome, queue, reason = self.ask("add", 42000)
        self.assertEqual((outcome, reason), (DONE, ""))
        self.assertEqual(self.queues(), {**before, 42000: queue})
        with traffic.udp_socket(self.space, 42000) as s:
            s.connect((lib.WEFT_IP, lib.ECHO_PORT))
            s.settimeout(3)
            arrived = self.received(queue)
            for _ in range(100):
                s.send(b"hello")
                self.assertEqual(s.recv(100), b"hello")
        self.assertGreaterEqual(self.received(queue) - arrived, 100)
        self.assertEqual(self.ask("add", 42001, flags=QUEUE, queue=3), (DONE, 3, ""))
        self.assertEqual(self.queues()[42001], 3)
        self.assertEqual(self.ask("add", 42002, flags=GOLD)[::2], (DONE, ""))
        self.assertRegex(weft("plan", "--stack", self.stack.name).stdout,
                         r"from: 10\.7\.0\.1:42002.*class: gold")

        for more in ({"port": 42000}, {"port": 42003, "flags": QUEUE, "queue": 99},
                     {"port": 42004, "source": "10.7.0.255"}):
            with self.subTest(**more):
                outcome, _, reason = self.ask("add", **more)
                self.assertEqual(outcome, REFUSED)
                words = [f"{more.get('source', lib.PEER_IP)}:{more['port']}", "rate", "100"]
                words += ["queue", "99"] if "queue" in more else []
                self.assertEqual(reason, weft("flow", "add", "echo", *words, "--stack",
                                              self.stack.name, code=1).stderr)
        self.not_its_own()
        self.endpoints()

        for port in (42000, 42001, 42002, 40009):
            self.assertEqual(self.ask("remove", port)[::2], (DONE, ""))
        del before[40009]
        self.assertEqual(self.queues(), before)
        self.assertEqual(self.ask("remove", 42000)[0], REFUSED)

        # The planner is kept from answering, and dies.
        planner.send_signal(signal.SIGSTOP)
        self.send("add", 42005)
        lib.wait_for("the request is on its way", lambda: f"{self.stack.name}.planner" in
                     self.space.run("cat", "/proc/net/unix").stdout)
        planner.kill()
        planner.wait()
        outcome, _, reason = self.told()
        self.assertEqual(outcome, UNKNOWN, reason)
        self.assertEqual(self.ask("add", 42005)[0], NO_PLANNER)
        self.assertEqual(self.queues(), before)
        stream.stop()
        self.assertEqual((len(stream.returned), stream.late), (stream.sent, 0))
        accounts.check_inside(self, self.stack.stop())

    def listen(self, name, port, verb="listen", flags=0):
        self.asking.send(f"{verb} {name} {port} {flags}".encode())
        return self.told()

    def endpoints(self):
        """One more of its own, with a flow, until it gives it up."""
        outcome, number, _ = self.listen("more", 1008)
        self.assertEqual((outcome, number), (DONE, 2))
        with traffic.udp_socket(self.space, 43000) as s:
            s.settimeout(3)
            s.connect((lib.WEFT_IP, 1008))
            s.send(b"hello")
            self.assertEqual(s.recv(100), b"hello")
            self.assertEqual(self.ask("add", 43000, endpoint=number)[::2], (DONE, ""))
            s.send(b"again")
            self.assertEqual(s.recv(100), b"again")
            outcome, _, reason = self.listen("more", 1009)
            self.assertEqual((outcome, reason), (REFUSED, weft(
                "endpoint", "add", "more", "udp", "1009", "app", ASKER, "--stack",
                self.stack.name, code=5).stderr))
            for name, verb, error in (("other", "unlisten", errno.EPERM),
                                      ("no-name", "listen", errno.EINVAL)):
                self.assertEqual(self.listen(name, 1010, verb), error)
            self.assertEqual(self.listen("more", 0, "unlisten")[::2], (DONE, ""))
            s.send(b"gone")
            with self.assertRaises(ConnectionRefusedError):
                s.recv(100)
        self.assertNotIn(43000, self.queues())

    def not_its_own(self):
        """Another application's endpoint; sockets where its own does not listen."""
        weft("flow", "add", "other", f"{lib.PEER_IP}:42000", "--stack", self.stack.name)
        for verb in ("add", "remove"):
            for more, error in (({"endpoint": 1}, errno.EPERM), ({"endpoint": 2}, errno.EINVAL),
                                ({"own_port": OTHER_PORT}, errno.EADDRNOTAVAIL),
                                ({"own": "10.7.0.3"}, errno.EADDRNOTAVAIL),
                                ({"flags": 8}, errno.EINVAL)):
                self.assertEqual(self.ask(verb, 42000, **more), error, (verb, more))
        weft("flow", "remove", f"{lib.PEER_IP}:42000", "to", f"{lib.WEFT_IP}:{OTHER_PORT}",
             "--stack", self.stack.name)


class Lanes(unittest.TestCase):
    def test_lanes(self):
        """examples/06_lanes: without a planner, with one, and given back."""
        lab = lib.Lab()
        self.addCleanup(lab.__exit__)
        space = lab.space("p")
        stack = lab.start(space, lab.compile("intel_82599", "lanes"), "tap:weft0", "--interpret",
                          "--no-huge")
        space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "weft0")
        space.run("ip", "link", "set", "weft0", "up")
        asking = traffic.udp_socket(space, 42000)
        self.addCleanup(asking.close)
        asking.settimeout(30)
        asking.connect((lib.WEFT_IP, 9000))

        def told(word):
            asking.send(word)
            return asking.recv(2000).decode()

        self.assertEqual(told(b"golden"), "golden")
        self.assertIn("no: error[E0677]", told(b"gold"))
        served(self, lab, stack)
        answer = told(b"gold\n")
        self.assertRegex(answer, r"^gold, on queue \d\n$")
        self.assertIn("no: error[E0676]", told(b"gold"))  # it has one
        queue = int(answer.split()[-1])
        plan = weft("plan", "--stack", stack.name).stdout
        self.assertEqual(re.findall(r"from: 10\.7\.0\.1:(\d+)[^\n]*queue: (\d)", plan),
                         [("41000", str(queue)), ("42000", str(queue))])
        before = [q["received"] for q in stack.stats()["queues"]]
        for _ in range(50):
            self.assertEqual(told(b"hello"), "hello")
        grown = [q["received"] - b for q, b in zip(stack.stats()["queues"], before)]
        self.assertEqual((grown[queue], sum(grown)), (50, 50))
        self.assertEqual(told(b"normal"), "normal\n")
        self.assertIn("no: error[E0676]", told(b"normal"))
        accounts.check_inside(self, stack.stop())


if __name__ == "__main__":
    lib.main()
