#!/usr/bin/env python3
"""Plans that change while the kernel talks to the stack: by plan, by workload, flow by flow.

    test_live.py [-k PART_OF_A_NAME]
"""
import json
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import accounts
import lib
import traffic
from live import Numbers, Stream, echoed, weft
from traffic import connected

CHANGES = 2
CORES = ("--no-huge",)


def workload(lab, ports, endpoints=("echo: {udp: 7, app: udp_echo, rate: 1000}",), endpoint="echo",
             wish=""):
    text = (lib.SOURCE / "graphs/workloads/quickstart.yaml").read_text()
    head = text[text.index("workload:"):text.index("endpoints:")].replace("cores: 1", "cores: 2")
    file = lab.folder / f"live-{len(list(lab.folder.glob('live-*')))}.yaml"
    lines = "".join(f"  {line}\n" for line in endpoints)
    file.write_text(f"{head}endpoints:\n{lines}flows:\n" + "".join(
        f"  - {{endpoint: {endpoint}, from: {lib.PEER_IP}, ports: {p}, rate: 100{wish}}}\n"
        for p in ports))
    return file


TCP = """workload: tcp
host: {mac: "02:77:65:66:74:02", address: 10.7.0.2/24}
queues: 2
cores: 2
endpoints:
  echo: {tcp: 7, app: tcp_echo}
"""


def alone_with(stack, *words):
    """What weft says on stderr where this stack is the only one: other tests' are hidden from it."""
    hide = ('f=$(mktemp -d) && mount -t tmpfs none $f && touch $f/$0.sock && '
            'mount --bind /run/weft/$0.sock $f/$0.sock && mount --rbind $f /run/weft && exec "$@"')
    return lib.sh("unshare", "--mount", "sh", "-c", hide, stack.name, lib.WEFT, *words).stderr


class Live(unittest.TestCase):
    def lab(self, file, nic="intel_82599", graph="host_udp_ipv4"):
        lab = lib.Lab()
        self.addCleanup(lab.__exit__)
        space = lab.space("p")
        plan = lab.compile(nic, file(lab), graph=graph)
        stack = lab.start(space, plan, "tap:weft0", "--interpret", *CORES)
        space.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "weft0")
        space.run("ip", "link", "set", "weft0", "up")
        traffic.pings(space, 3)
        return lab, space, plan, stack

    def running(self, stack):
        return weft("plan", "--stack", stack.name).stdout

    def rules(self, text):
        return {(m[1], m[2]) for m in re.finditer(
            r"table: (\w+), queue: \d+.*?udp\.src_port: (\d+)", text)}

    def end(self, stack, *streams):
        for stream in streams:
            stream.stop()
            self.assertEqual(stream.lost(), 0)
        accounts.check_inside(self, stack.stop())

    def test_workload(self):
        """Another list of flows: shown, proved, applied; those that stay lose nothing."""
        lab, space, _, stack = self.lab(lambda lab: workload(lab, ["40000-40019"]))
        more = workload(lab, ["40000-40009", "40030-40049"])
        stays, goes = Stream(space, 40003), Stream(space, 40013)
        lib.wait_for("rules are seen at work", lambda: stack.stats()["card"]["rules"][0]["frames_of_queues"])
        rules = stack.stats()["card"]["rules"]
        self.assertEqual([(r["table"], r["rules"], r["counted"]) for r in rules],
                         [("ntuple5", 20, 0)])
        self.assertLessEqual(rules[0]["queues_at_work"], rules[0]["queues"])
        self.assertIn("that only rules feed got", weft("stats", stack.name).stdout)
        before = self.running(stack)
        dry = weft("apply", more, "--stack", stack.name, "--dry-run", "--detailed-exitcode",
                   "--all", code=CHANGES)
        self.assertIn("+ flow      10.7.0.1:40030", dry.stdout)
        self.assertIn("- flow      10.7.0.1:40013", dry.stdout)
        self.assertEqual(self.running(stack), before)
        weft("apply", more, "--stack", stack.name)
        now = self.running(stack)
        self.assertEqual({port for _, port in self.rules(now)},
                         {str(p) for p in [*range(40000, 40010), *range(40030, 40050)]})
        # What runs is a plan like any other, and it is the one that a compile makes.
        file = lab.folder / "now.plan.yaml"
        weft("plan", "--stack", stack.name, "-o", file)
        weft("verify", file, "--workload", more)
        fresh = lab.compile("intel_82599", more)
        self.assertEqual(self.rules(now), self.rules(fresh.read_text()))
        self.assertEqual(weft("apply", more, "--stack", stack.name, "--detailed-exitcode").stdout,
                         "")
        self.assertIn(f"stack {stack.name} (pid {stack.stats()['pid']})\n",
                      alone_with(stack, "apply", more, "--dry-run"))
        time.sleep(0.3)
        self.end(stack, stays, goes)
        self.assertEqual(stays.late, 0)

    @unittest.skipUnless(lib.NIGHTLY, "choose_beside_test.cc has it by day: WEFT_NIGHTLY=1")
    def test_prefixes(self):
        """Flows by prefix come, grow and go; who is in them loses nothing."""
        def flows(lab, *prefixes):
            file = workload(lab, ["40000-40003"])
            text = file.read_text().replace("endpoints:", "policy: gold\nendpoints:")
            lines = "".join(f"  - {{endpoint: echo, from: {p}, rate: 100}}\n" for p in prefixes)
            file.write_text((text + lines).replace("rate: 100}", "rate: 100, class: gold}"))
            return file

        def rules(stack):
            text = self.running(stack)
            return sorted(m[1] for m in re.finditer(r"table: flows, .*?ipv4\.src: ([^,]+),", text))

        def change(*prefixes):
            weft("apply", flows(lab, *prefixes), "--stack", stack.name)

        lab, space, _, stack = self.lab(lambda lab: flows(lab, "10.9.0.0/16"), "mellanox_connectx5")
        known, stranger = Stream(space, 40001), Stream(space, 41000)
        self.assertEqual(rules(stack), ["0xa090000/0xffff0000"] + 4 * ["10.7.0.1"])
        change("10.9.0.0/16", "10.7.0.0/28")  # brings the known flows, too
        self.assertEqual(rules(stack), ["0xa070000/0xfffffff0", "0xa090000/0xffff0000"])
        change("10.9.0.0/16")
        self.assertEqual(rules(stack), ["0xa090000/0xffff0000"] + 4 * ["10.7.0.1"])
        self.end(stack, known, stranger)

    def test_plan(self):
        """A plan that was compiled before; and one that a running stack cannot become."""
        lab, space, plan, stack = self.lab(lambda lab: workload(lab, ["40000-40019"]))
        stream = Stream(space, 40003)
        other = lab.compile("intel_82599", workload(lab, ["40000-40004", "41000-41004"]))
        weft("apply", other, "--stack", stack.name)
        self.assertEqual(weft("diff", other, self.saved(lab, stack), "--detailed-exitcode")
                         .returncode, 0)
        weft("apply", plan, "--stack", stack.name)
        self.assertEqual(weft("diff", plan, self.saved(lab, stack), "--detailed-exitcode")
                         .returncode, 0)
        elsewhere = lab.compile("intel_82599", workload(lab, ["40000-40004"]), "--queues", "2")
        refused = weft("apply", elsewhere, "--stack", stack.name, code=1)
        self.assertIn("E0670", refused.stderr)
        self.assertIn("number of queues", refused.stderr)
        edited = lab.folder / "edited.plan.yaml"
        edited.write_text(other.read_text().replace("queue: 2", "queue: 3", 1))
        self.assertIn("E0453", weft("apply", edited, "--stack", stack.name, code=1).stderr)
        self.end(stack, stream)

    def saved(self, lab, stack):
        file = lab.folder / f"saved-{time.monotonic_ns()}.plan.yaml"
        weft("plan", "--stack", stack.name, "-o", file)
        return file

    @staticmethod
    def asked(space, port, own=0):
        """The answer from this port; None where it is refused."""
        with traffic.udp_socket(space, own) as s:
            s.settimeout(3)
            s.connect((lib.WEFT_IP, port))
            s.send(b"hello")
            try:
                return s.recv(100)
            except ConnectionRefusedError:
                return None

    def planner(self, lab, stack):
        with open(lab.folder / "planner.log", "wb") as log:
            planner = subprocess.Popen(
                [lib.WEFT, "plan", "--serve", "--stack", stack.name, "--watch", "0.3"],
                stdout=log, stderr=subprocess.STDOUT, env=lab.environment)
        self.addCleanup(lambda: planner.poll() is None and (planner.kill(), planner.wait()))
        lib.wait_for("the planner serves", lambda: b"plans for" in
                     (lab.folder / "planner.log").read_bytes(), 60)
        return planner

    def test_tcp_endpoints(self):
        """They come, and go with their connections; the others' stay. Numbers are used again."""
        def tcp(lab):
            file = lab.folder / "tcp.yaml"
            file.write_text(TCP)
            return file
        lab, space, _, stack = self.lab(tcp, graph="host_ipv4")
        self.planner(lab, stack)
        stays = connected(space, 7)
        with self.assertRaises(ConnectionRefusedError):
            connected(space, 1007)
        weft("endpoint", "add", "more", "tcp", 1007, "app", "tcp_echo", "--stack", stack.name)
        theirs = [connected(space, 1007) for _ in range(100)]
        self.assertTrue(all(echoed(s) for s in theirs))
        self.assertIn("listens there", weft("endpoint", "add", "twice", "tcp", 1007, "app",
                                            "tcp_echo", "--stack", stack.name, code=5).stderr)
        theirs[0].sendall(bytes(500_000))  # much is on its way, both ways
        weft("endpoint", "remove", "more", "--stack", stack.name)
        for s in theirs[1:]:
            with self.assertRaises(ConnectionResetError):
                s.recv(1)
        with self.assertRaises(ConnectionRefusedError):
            connected(space, 1007)
        self.assertTrue(echoed(stays))
        weft("endpoint", "add", "again", "tcp", 1008, "app", "tcp_echo", "--stack", stack.name)
        with connected(space, 1008) as s:
            self.assertTrue(echoed(s))
        # By workload: one goes, another comes.
        other = lab.folder / "other.yaml"
        other.write_text(TCP + "  web: {tcp: 80, app: tcp_echo, rate: 100}\n")
        weft("apply", other, "--stack", stack.name)
        with connected(space, 80) as s:
            self.assertTrue(echoed(s))
        with self.assertRaises(ConnectionRefusedError):
            connected(space, 1008)
        self.assertTrue(echoed(stays))
        for s in (stays, *theirs):
            s.close()
        stats = stack.stop()
        self.assertEqual({a["endpoint"]: a["held"] for a in stats["apps"]},
                         {"echo": 0, "web": 0, "(removed)": 0})
        accounts.check_inside(self, stats)

    def file(self, lab, text, name="tcp.yaml"):
        file = lab.folder / name
        file.write_text(text)
        return file

    def queue_of(self, stack, connection, words=500):
        """The queue that gets most of what a stream sends now."""
        received = []
        for _ in range(2):
            received.append([q["received"] for q in stack.stats()["queues"]])
            connection.more(words)
        received.append([q["received"] for q in stack.stats()["queues"]])
        grown = [b - a for a, b in zip(received[1], received[2])]
        return grown.index(max(grown))

    def test_tcp_rules(self):
        """The first endpoint of TCP comes; rules come, move and go under a stream."""
        udp = TCP.replace("tcp: 7, app: tcp_echo", "udp: 7, app: udp_echo")
        lab, space, _, stack = self.lab(lambda lab: self.file(lab, udp), graph="host_ipv4")
        self.planner(lab, stack)
        weft("endpoint", "add", "store", "tcp", 7, "app", "tcp_echo", "--stack", stack.name)
        words = Numbers(connected(space, 7, own_port=40000))
        weft("flow", "add", "store", "10.7.0.1:40000", "queue", 0, "--stack", stack.name)
        self.assertEqual(self.queue_of(stack, words), 0)
        weft("flow", "move", "10.7.0.1:40000", "queue", 1, "--stack", stack.name)
        self.assertEqual(self.queue_of(stack, words), 1)
        with connected(space, 7) as other:
            self.assertTrue(echoed(other))
        weft("flow", "remove", "10.7.0.1:40000", "--stack", stack.name)
        self.assertIn("E0676", weft("flow", "remove", "10.7.0.1:40000", "--stack", stack.name,
                                    code=1).stderr)
        words.more()
        self.assertIsNone(words.stop())
        words.connection.close()
        stats = stack.stop()
        self.assertGreater(accounts.entries(stats, "handed_kept"), 20)
        self.assertEqual(accounts.drops(stats).get("drop_tcp_closed", 0), 0)
        accounts.check_inside(self, stats)

    @unittest.skipUnless(lib.NIGHTLY, "test_tcp_rules has one flow: WEFT_NIGHTLY=1")
    def test_tcp_wishes(self):
        """A network's connections have a rule; by workload the endpoint has one queue, or two."""
        lab, space, _, stack = self.lab(lambda lab: self.file(lab, TCP), graph="host_ipv4")
        words = Numbers(connected(space, 7))
        weft("flow", "add", "echo", "10.7.0.0/24", "queue", 1, "--stack", stack.name)
        self.assertEqual(self.queue_of(stack, words), 1)
        late = [Numbers(connected(space, 7)) for _ in range(3)]
        weft("flow", "remove", "10.7.0.0/24", "--stack", stack.name)
        for queue in (1, 0):
            wish = TCP.replace("tcp_echo}", f"tcp_echo, queue: {queue}}}")
            weft("apply", self.file(lab, wish, f"on-{queue}.yaml"), "--stack", stack.name)
            self.assertEqual(self.queue_of(stack, words), queue)
        alone = TCP.replace("tcp_echo}", "tcp_echo, exclusive: on}")
        alone += "  more: {udp: 7, app: udp_echo}\n"
        weft("apply", self.file(lab, alone, "alone.yaml"), "--stack", stack.name)
        for stream in (words, *late):
            stream.more()
            self.assertIsNone(stream.stop())
            stream.connection.close()
        stats = stack.stop()
        self.assertEqual(accounts.drops(stats).get("drop_tcp_closed", 0), 0)
        accounts.check_inside(self, stats)

    @unittest.skipUnless(lib.NIGHTLY, "test_tcp_rules does a few: WEFT_NIGHTLY=1")
    def test_tcp_rules_storm(self):
        """Rules change all the time; streams go on, others come and go: nobody is reset."""
        lab, space, _, stack = self.lab(lambda lab: self.file(lab, TCP), graph="host_ipv4")
        self.planner(lab, stack)
        ports = range(40000, 40008)
        streams = [Numbers(connected(space, 7, own_port=p)) for p in ports]
        opened, faults, ending = [0], [], threading.Event()

        def visit():
            while not ending.is_set():
                try:
                    with connected(space, 7) as s:
                        if not (echoed(s, bytes(20_000), exact=True) and echoed(s)):
                            raise AssertionError("not what was sent")
                    opened[0] += 1
                except (OSError, AssertionError) as e:
                    faults.append(e)

        visitors = [threading.Thread(target=visit) for _ in range(3)]
        for v in visitors:
            v.start()
        chance, there = random.Random(7), {}
        everybody = [f"10.7.0.1:{p}" for p in ports] + ["10.7.0.0/24", "10.7.0.1:32768-60999"]
        for _ in range(60):
            who, queue = chance.choice(everybody), chance.randrange(2)
            if who not in there:
                words = ("add", "echo", who, "queue", queue)
            elif there[who] != queue and chance.random() < 0.5:
                words = ("move", who, "queue", queue)
            else:
                words = ("remove", who)
            done = lib.sh(lib.WEFT, "flow", *words, "--stack", stack.name, check=False)
            if done.returncode == 0 and words[0] == "remove":
                del there[who]
            elif done.returncode == 0:
                there[who] = queue
            else:  # a wide rule and a narrow one have no order in one table
                self.assertIn("no rule for", done.stderr)
        ending.set()
        for v in visitors:
            v.join()
        self.assertEqual(faults, [])
        self.assertEqual([s.stop() for s in streams], [None] * len(streams))
        self.assertGreater(opened[0], 100)
        for s in streams:
            s.connection.close()
        stats = stack.stop()
        self.assertGreater(accounts.entries(stats, "handed_kept"), 200)
        self.assertEqual(accounts.drops(stats).get("drop_tcp_closed", 0), 0)
        accounts.check_inside(self, stats)

    def test_flows(self):
        """One by one, by hand and by a planner that stays; endpoints come and go."""
        lab, space, _, stack = self.lab(lambda lab: workload(lab, ["40000-40019"]))
        stays = Stream(space, 40003)
        add = weft("flow", "add", "echo", "10.7.0.1:42000", "--stack", stack.name)
        self.assertEqual([line.split()[:2] for line in add.stdout.splitlines()],
                         [["+", "flow"], ["+", "rule"]])
        self.assertIn("E0676", weft("flow", "add", "echo", "10.7.0.1:42000", "--stack", stack.name,
                                    code=1).stderr)
        planner = self.planner(lab, stack)
        times = []
        for port in range(43000, 43040):
            done = json.loads(weft("flow", "add", "echo", f"10.7.0.1:{port}", "--stack",
                                   stack.name, "--json").stdout)
            times.append(done["proved_us"])
        self.assertLess(sorted(times)[len(times) // 2], 5000, "proved without a solver")
        for queue in ("2", "3"):
            moved = weft("flow", "move", "10.7.0.1:43000", "queue", queue, "--stack", stack.name)
        self.assertIn("queue 3", moved.stdout)
        for name, port in (("more", 1007), ("third", 1008)):
            weft("endpoint", "add", name, "udp", port, "app", "udp_echo", "--stack", stack.name)
            self.assertEqual(self.asked(space, port), b"hello")
        weft("flow", "add", "more", "10.7.0.1:44000", "--stack", stack.name)
        weft("flow", "add", "third", "10.7.0.1:44001", "--stack", stack.name)
        # The one in the middle goes, and another takes its place.
        weft("endpoint", "remove", "more", "--stack", stack.name)
        self.assertIsNone(self.asked(space, 1007))
        self.assertEqual(self.asked(space, 1008, 44001), b"hello")
        weft("endpoint", "add", "fourth", "udp", 1009, "app", "udp_echo", "--stack", stack.name)
        self.assertEqual([self.asked(space, port) for port in (7, 1007, 1008, 1009)],
                         [b"hello", None, b"hello", b"hello"])
        for name in ("third", "fourth"):
            weft("endpoint", "remove", name, "--stack", stack.name)
        self.assertIn("only one", weft("endpoint", "remove", "echo", "--stack", stack.name,
                                       code=1).stderr)
        for port in range(43000, 43040):
            weft("flow", "remove", f"10.7.0.1:{port}", "--stack", stack.name)
        # The planner dies in the middle of its life; the stack goes on with what it has.
        now = self.running(stack)
        planner.kill()
        planner.wait()
        self.assertEqual(self.running(stack), now)
        weft("flow", "remove", "10.7.0.1:42000", "--stack", stack.name)
        self.assertEqual({port for _, port in self.rules(self.running(stack))},
                         {str(p) for p in range(40000, 40020)})
        file = self.saved(lab, stack)
        self.assertIn("proved", file.read_text())
        self.end(stack, stays)
        self.assertEqual(stays.late, 0)

    def test_killed_in_the_middle(self):
        """Whoever prepares a change dies at any moment: the old plan runs, or the new one."""
        lab, space, plan, stack = self.lab(lambda lab: workload(lab, ["40000-40019"]))
        stream = Stream(space, 40003)
        many = workload(lab, ["40000-40019", "45000-45099"])
        old = {str(p) for p in range(40000, 40020)}
        new = old | {str(p) for p in range(45000, 45100)}
        started = time.monotonic()
        weft("apply", many, "--stack", stack.name, "--dry-run")
        whole = time.monotonic() - started
        for part in (0.1, 0.5, 0.8, 0.95, 1.0):
            process = subprocess.Popen([lib.WEFT, "apply", many, "--stack", stack.name],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=lab.environment)
            time.sleep(whole * part)
            process.send_signal(signal.SIGKILL)
            process.wait()
            ports = {port for _, port in self.rules(self.running(stack))}
            self.assertIn(ports, (old, new))
        weft("apply", plan, "--stack", stack.name)
        self.assertEqual({port for _, port in self.rules(self.running(stack))}, old)
        self.end(stack, stream)

    def test_only_its_user(self):
        """Others cannot even see the socket; one that is told nonsense changes nothing."""
        lab, _, _, stack = self.lab(lambda lab: workload(lab, ["40000-40003"]))
        path = pathlib.Path(f"/run/weft/{stack.name}.sock")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(path.parent.stat().st_mode & 0o777, 0o700)
        before = self.running(stack)
        for question in (b"change 0 +12\nnot: a change"[:25], b"change 9 +3\nx\n\n",
                         b"change 0 +19\noperations: [oops]\n", b"change 0 +15\noperations: []\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(15)
                s.connect(str(path))
                s.sendall(question)
                self.assertIn(b'"ok":false', s.recv(1000))
        self.assertEqual(self.running(stack), before)
        accounts.check_inside(self, stack.stop())


if __name__ == "__main__":
    lib.main()
