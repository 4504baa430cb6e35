#!/usr/bin/env python3
"""The key-value store of examples/04_kv: memcached's own checks and load generators, and the same
commands to it and to memcached, which must answer alike.

    test_kv.py [-k PART_OF_A_NAME]
"""
import os
import random
import re
import socket
import subprocess
import time
import unittest

import accounts
import lib
from test_wires import start

PORT = 11211
WORKLOAD = """\
workload: kv
host:
  mac: "{mac}"
  address: 10.7.0.2/24
queues: 1
cores: 1
endpoints:
  kv: {{tcp: 11211, app: kv, rate: 1000}}
"""


class Client:
    """A socket that sends commands and an `mn` after them, and reads until all of it is answered."""

    def __init__(self, space, address, port):
        with space.inside():
            self.socket = socket.create_connection((address, port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(20)
        self.rest = b""

    def ask(self, text, pieces=None):
        sent = text + b"mn\r\n"
        step = pieces or len(sent)
        for at in range(0, len(sent), step):
            self.socket.sendall(sent[at:at + step])
        asked = len(re.findall(rb"^mn\r\n", sent, re.MULTILINE))
        while len(re.findall(rb"^MN\r\n", self.rest, re.MULTILINE)) < asked:
            part = self.socket.recv(1 << 16)
            if not part:
                raise AssertionError(f"closed after {text[:100]!r}: {self.rest[-100:]!r}")
            self.rest += part
        got, self.rest = self.rest[:-4], b""
        return got

    def close(self):
        self.socket.close()


class Kv(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lib.Lab()
        cls.lab.environment["WEFT_KV_MEMORY"] = "64"
        file = cls.lab.folder / "kv.yaml"
        file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC))
        cls.stack, cls.peer = start(cls.lab, "tap", cls.lab.compile("tap", file, graph="host_ipv4"))
        cls.peer.join()
        cls.space = cls.peer.space
        cls.other = subprocess.Popen(
            cls.space.words("memcached", "-u", "root", "-l", "127.0.0.1", "-p", PORT, "-U", 0,
                            "-m", 64), stdin=subprocess.DEVNULL)
        lib.wait_for("memcached listens",
                     lambda: str(PORT) in cls.space.run("ss", "-tlnH").stdout)

    @classmethod
    def tearDownClass(cls):
        cls.other.kill()
        cls.other.wait()
        cls.lab.__exit__()

    def client(self):
        client = Client(self.space, lib.WEFT_IP, PORT)
        self.addCleanup(client.close)
        return client

    def both(self):
        other = Client(self.space, "127.0.0.1", PORT)
        self.addCleanup(other.close)
        return self.client(), other

    def tool(self, *command, seconds=100):
        done = self.space.run(*command, check=False, timeout=seconds)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, text)
        return text

    def test_capable(self):
        for protocol, tests in (("-a", 27), ("-b", 27)):
            text = self.tool("memccapable", "-h", lib.WEFT_IP, "-p", PORT, protocol)
            self.assertNotIn("FAIL", text)
            self.assertGreaterEqual(text.count("[pass]"), tests, text)

    def test_load(self):
        for more in ((), ("--binary",)):
            for kind in ("set", "get", "mget"):
                self.tool("memcslap", f"--servers={lib.WEFT_IP}:{PORT}", f"--test={kind}",
                          "--concurrency=8", "--execute-number=500", *more)
        text = self.tool("memcaslap", "-s", f"{lib.WEFT_IP}:{PORT}", "-T", 1, "-c", 32, "-t", "1s")
        self.assertGreater(int(re.search(r"TPS: (\d+)", text).group(1)), 100, text)
        self.assertEqual(re.search(r"get_misses: (\d+)", text).group(1), "0", text)
        print(re.search(r"Run time.*", text).group(0), flush=True)

    def compare(self, commands, pieces=None):
        """Answers are the same but for cas numbers, which are counted from other beginnings."""
        mine, other = self.both()
        for c in (mine, other):
            c.ask(b"flush_all\r\n")
        for text in commands:
            got, expected = mine.ask(text, pieces), other.ask(text)
            self.assertEqual(self.alike(got), self.alike(expected), text[:200])

    @staticmethod
    def alike(answer):
        answer = re.sub(rb"(VALUE \S+ \d+ \d+) \d+\r", rb"\1 CAS\r", answer)
        answer = re.sub(rb"(\d) +\r\n", rb"\1\r\n", answer)  # what decr leaves behind a number
        return re.sub(rb" c\d+", b" cCAS", answer)

    def test_text_like_memcached(self):
        self.compare([
            b"set a 1 0 3\r\nabc\r\nget a\r\ngets a b a\r\nget  a\r\n",
            b"set a 4294967295 0 0\r\n\r\nget a\r\nset a -1 0 1\r\nx\r\n",
            b"add a 0 0 1\r\nx\r\nadd n 5 0 1\r\nx\r\nreplace n 6 0 2\r\nyy\r\nget n\r\n",
            b"replace none 0 0 1\r\nx\r\nappend none 0 0 1\r\nx\r\nprepend none 0 0 1\r\nx\r\n",
            b"append n 9 0 2\r\nzz\r\nprepend n 9 0 2\r\naa\r\nget n\r\n",
            b"set x 0 0 3 noreply\r\nabc\r\nget x\r\ndelete x\r\ndelete x\r\nget x\r\n",
            b"set x 0 0 1\r\n1\r\ndelete x noreply\r\nget x\r\ndelete x 0\r\ndelete x 5\r\n",
            b"set i 0 0 2\r\n10\r\nincr i 5\r\ndecr i 20\r\nincr i 18446744073709551615\r\n"
            b"incr i 1\r\nincr i x\r\nincr i -1\r\nincr none 1\r\ndecr none 1\r\n",
            b"set i 0 0 2\r\nab\r\nincr i 1\r\nincr i 1 noreply\r\nincr i\r\nincr\r\n",
            b"set i 7 0 20\r\n18446744073709551615\r\nincr i 1\r\n",
            b"cas a 0 0 1 1\r\nx\r\ncas none 0 0 1 1\r\nx\r\ncas a 0 0 1\r\n",
            b"set t 0 100 1\r\nx\r\ntouch t 0\r\ntouch none 0\r\ntouch t\r\ntouch t x\r\n",
            b"set t 0 -1 1\r\nx\r\nget t\r\nset t 3 100 1\r\nx\r\ngat 10 t none\r\ngats 0 t\r\n",
            b"gat t\r\ngat x t\r\ngat\r\n", b"get\r\ngets\r\nset\r\nset a\r\nset a 0 0\r\n",
            b"get " + b"k" * 250 + b"\r\n", b"get " + b"k" * 251 + b"\r\n",
            b"set " + b"k" * 250 + b" 0 0 1\r\nx\r\nget " + b"k" * 250 + b"\r\n",
            b"bogus\r\n\r\n \r\nGET a\r\nset a x 0 1\r\n", b"set a 0 x 1\r\n",
            b"verbosity 1\r\nverbosity\r\nflush_all\r\nget a\r\nflush_all 0\r\nflush_all x\r\n",
            b"set big 0 0 1048000\r\n" + b"v" * 1048000 + b"\r\nget big\r\n",
            b"set big 0 0 2000000\r\n" + b"v" * 2000000 + b"\r\nget big\r\n",
            b"set bad 0 0 3\r\nabcde\r\nget bad\r\n", b"set bad 0 0 -1\r\n",
        ])

    def test_meta_like_memcached(self):
        self.compare([
            b"mg none\r\nmg none v\r\nmg none v q\r\nmn\r\n",
            b"ms a 3\r\nabc\r\nmg a\r\nmg a v\r\nmg a s v f t k\r\nmg a k s O123 q\r\n",
            b"ms a 3 F5 T100\r\nxyz\r\nmg a f t s v\r\nmg a h v\r\n",
            b"ms b 2 I\r\nab\r\nms b 1 MA\r\nc\r\nms b 1 MP\r\nx\r\nmg b v\r\nms b 1 ME\r\nx\r\n",
            b"ms c 1 MR\r\nx\r\nms c 1 Mreplace\r\nx\r\nms c 1 Mx\r\nx\r\nmg c v\r\n",
            b"ms c 1 Z\r\nx\r\nmg c Z\r\nmg c v v\r\n",
            b"ms d 1 q\r\nx\r\nms d 1 ME q\r\nx\r\nms d 1 k O9\r\nx\r\n",
            b"md d\r\nmd d\r\nmd d q\r\nms d 1\r\nx\r\nmd d q\r\nmg d\r\nmd d k O1\r\n",
            b"ma n\r\nma n N0\r\nma n\r\nma n v\r\nma n D10 v\r\nma n MD D5 v t\r\nma n M- D100 v\r\n",
            b"ma n N0 J13 v\r\nma m N0 J13 v\r\nma m Dx\r\nma m Mx\r\nma a\r\nma m q\r\nma none q\r\n",
            b"mg v N30 v\r\nmg v N30 v\r\nmg v v t\r\nms v 1 T0\r\nx\r\nmg v v t\r\n",
            b"ms s 1 T0\r\nx\r\nmd s I T30\r\nmg s v t\r\nmg s v\r\nms s 1\r\ny\r\nmg s v\r\n",
            b"ms r 1 T20\r\nx\r\nmg r R30 v\r\nmg r R30 v\r\nmg r R1 v\r\n",
            b"ms Zm9v 3 b\r\nbar\r\nget foo\r\nmg Zm9v b v\r\nmg !!! b\r\n",
            b"ms e 1 C1\r\nx\r\nms e 1\r\nx\r\nms e 1 C999999999999\r\ny\r\nmd e C999999999999\r\n",
            b"mg none k O1 q\r\nmg none k O1\r\nmd none k O1\r\nms Q 1 MR k O1\r\nx\r\n",
            b"ms\r\nms a\r\nms a x\r\nms a S1\r\nms a -1\r\nmz a\r\n",
            b"me none\r\n",
        ])

    def test_any_split(self):
        text = [b"set a 1 0 10\r\n0123456789\r\nget a\r\n", b"ms b 3 T0\r\nabc\r\nmg b v\r\n",
                b"set c 0 0 0\r\n\r\nget c a\r\n", b"incr a 1\r\ndelete b\r\nget b\r\n"]
        for pieces in (1, 2, 3, 5):
            self.compare(text, pieces)

    def test_at_random(self):
        """Commands of all kinds about a few keys."""
        rng = random.Random(11)
        keys = [b"k%d" % i for i in range(6)]

        def command():
            key = rng.choice(keys)
            value = b"%d" % rng.randrange(1000) if rng.random() < 0.6 else b"v" * rng.randrange(20)
            quiet = rng.choice([b"", b" noreply"])
            return rng.choice([
                lambda: b"get " + b" ".join(rng.sample(keys, 3)) + b"\r\n",
                lambda: b"%s %s %d 0 %d%s\r\n%s\r\n" % (
                    rng.choice([b"set", b"add", b"replace", b"append", b"prepend"]), key,
                    rng.randrange(9), len(value), quiet, value),
                lambda: b"delete %s%s\r\n" % (key, quiet),
                lambda: b"%s %s %d%s\r\n" % (rng.choice([b"incr", b"decr"]), key,
                                             rng.randrange(300), quiet),
                lambda: b"touch %s %d\r\n" % (key, rng.choice([0, 1000, -1])),
                lambda: b"gat %d %s\r\n" % (rng.choice([0, 1000]), key),
                lambda: b"mg %s %s\r\n" % (key, rng.choice([b"v", b"s f t", b"k v O1 q", b"v N100"])),
                lambda: b"ms %s %d M%s T%d\r\n%s\r\n" % (key, len(value), rng.choice(
                    [b"S", b"E", b"R", b"A", b"P"]), rng.choice([0, 500]), value),
                lambda: b"md %s %s\r\n" % (key, rng.choice([b"", b"q", b"I T100"])),
                lambda: b"ma %s %s\r\n" % (key, rng.choice([b"v", b"D7", b"MD v", b"N0 J5 v t"])),
            ])()
        # (decr pads with spaces there; then lengths differ, so values are set anew after it.)
        self.compare([b"".join(c for _ in range(10) if not (c := command()).startswith(b"decr"))
                      for _ in range(300)])

    def test_time(self):
        client = self.client()
        client.ask(b"set soon 0 2 1\r\nx\r\nset late 0 100 1\r\nx\r\nflush_all 4\r\n")
        self.assertIn(b"VALUE soon", client.ask(b"get soon\r\n"))
        lib.wait_for("the first is over", lambda: client.ask(b"get soon\r\n") == b"END\r\n", 5)
        self.assertIn(b"VALUE late", client.ask(b"get late\r\n"))
        lib.wait_for("all is flushed", lambda: client.ask(b"get late\r\n") == b"END\r\n", 5)
        at = int(time.time()) + 1000
        self.assertIn(b"VALUE late", client.ask(b"set late 0 %d 1\r\nx\r\nget late\r\n" % at))

    def test_memory(self):
        """Within its limit the least recently used go; what is used stays."""
        client = self.client()
        client.ask(b"flush_all\r\nset kept 0 0 4\r\nhere\r\n")
        value = bytes(500_000)
        for i in range(200):
            client.ask(b"set large%d 0 0 %d noreply\r\n%s\r\n" % (i, len(value), value))
            self.assertIn(b"here", client.ask(b"get kept\r\n"))
        stats = dict(re.findall(rb"STAT (\S+) (\S+)", client.ask(b"stats\r\n")))
        self.assertGreater(int(stats[b"evictions"]), 60)
        self.assertLessEqual(int(stats[b"bytes"]), int(stats[b"limit_maxbytes"]))
        # (By shards: which of two that are near in age goes first is chance.)
        first, last = (sum(client.ask(b"mg large%d\r\n" % i) == b"HD\r\n" for i in range(at, at + 50))
                       for at in (0, 150))
        self.assertLess(first, 30)
        self.assertGreater(last, 40)

    def test_large_values_to_many(self):
        """A value is sent to clients that read late, while it is replaced: each gets one whole."""
        writer = self.client()
        values = [bytes([65 + i]) * 1_000_000 for i in range(4)]
        clients = []
        for value in values:
            writer.ask(b"set v 0 0 %d\r\n%s\r\n" % (len(value), value))
            for _ in range(3):
                clients.append((self.client(), value))
                clients[-1][0].socket.sendall(b"get v\r\n")
            time.sleep(0.2)
        writer.ask(b"delete v\r\n")
        for client, value in clients:
            self.assertEqual(client.ask(b""), b"VALUE v 0 1000000\r\n" + value + b"\r\nEND\r\n")

    def test_quit(self):
        for text in (b"quit\r\n", b"\x80\x07" + bytes(22)):
            client = self.client()
            client.socket.sendall(text)
            while client.socket.recv(100):
                pass

    def test_zz_accounts(self):
        accounts.check_inside(self, self.stack.stop())


if __name__ == "__main__":
    lib.main()
