#!/usr/bin/env python3
"""TCP sessions as they come in life, against the kernel: socat both ways, long silences, very many short
ones, peers that are killed or vanish at any moment, af_xdp; a browser that loads a page of 200 objects.

    test_sessions.py [-k PART_OF_A_NAME]      WEFT_NIGHTLY=1: an hour of silence (or WEFT_SILENCE seconds),
                                              100,000 short connections, Chromium
"""
import hashlib
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import accounts
import lib
import test_http
import test_tcp
from test_tcp import CHARGEN, DISCARD, ECHO
from test_wires import start

SHORT = 100_000 if lib.NIGHTLY else 400
SILENCE = float(os.environ.get("WEFT_SILENCE", 3600 if lib.NIGHTLY else 1.5))
OBJECTS = 200

# A peer that is to be killed: connects to a port and sends, reads what comes late, says when it began.
VICTIM = """\
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
print("connected", flush=True)
while True:
    s.sendall(b"x" * 5000)
    s.recv(1000)
"""


class Stack:
    """tcp_echo's services on a wire."""

    def __init__(self, lab, wire="tap", model="tap"):
        file = lab.folder / "tcp.yaml"
        file.write_text(test_tcp.WORKLOAD.format(mac=lib.WEFT_MAC, queues=1))
        plan = lab.compile(model, file, graph="host_ipv4")
        if wire == "af_xdp":
            mine, there = lab.space("w"), lab.space("p")
            lab.veth(mine, there)
            self.stack = lab.start(mine, plan, "af_xdp:weft0")
            self.peer = lib.Peer(there, "peer0")
        else:
            self.stack, self.peer = start(lab, wire, plan)
        self.peer.join()
        self.space = self.peer.space

    def settled(self, test):
        """Ends it: nothing is held any more, and every packet is accounted for."""
        stats = self.stack.stop()
        accounts.check_inside(test, stats)
        for app in stats["apps"]:
            test.assertEqual(app["held"], 0, app)
        return stats


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lib.Lab()
        cls.side = Stack(cls.lab)
        cls.space = cls.side.space
        # (Its ports would run out: each waits for a minute else.)
        cls.space.run("sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=1024 65000")

    @classmethod
    def tearDownClass(cls):
        try:
            cls.side.settled(cls("test_socat"))
        finally:
            cls.lab.__exit__()

    def test_socat(self):
        """A file through socat to the echo and back; one to discard; one from the generator."""
        data = random.Random(1).randbytes(3_000_000)
        there, back = self.lab.folder / "there", self.lab.folder / "back"
        there.write_bytes(data)
        self.space.run("socat", "-t", "20", f"OPEN:{there},rdonly!!CREATE:{back}",
                       f"TCP:{lib.WEFT_IP}:{ECHO}")
        self.assertEqual(hashlib.sha256(back.read_bytes()).digest(), hashlib.sha256(data).digest())
        self.space.run("socat", "-u", f"OPEN:{there},rdonly", f"TCP:{lib.WEFT_IP}:{DISCARD}")
        count = self.space.run("sh", "-c", f"socat -u TCP:{lib.WEFT_IP}:{CHARGEN} - | head -c 1000000 "
                                           "| wc -c", check=False).stdout
        self.assertEqual(int(count), 1_000_000)

    def test_silence(self):
        """A connection that says nothing for long is there when it does, and those of others, too."""
        quiet = [test_tcp.connected(self.space, ECHO) for _ in range(5)]
        for s in quiet:
            s.sendall(b"before")
            self.assertEqual(s.recv(6, socket.MSG_WAITALL), b"before")
        print(f"{SILENCE:.0f} s of silence", flush=True)
        time.sleep(SILENCE)
        for s in quiet:
            s.sendall(b"behind")
            self.assertEqual(s.recv(6, socket.MSG_WAITALL), b"behind")
            s.close()

    def test_short_ones_in_turn(self):
        begin = time.monotonic()
        with self.space.inside():
            for i in range(SHORT):
                with socket.create_connection((lib.WEFT_IP, ECHO), 20) as s:
                    text = b"%08d" % i
                    s.sendall(text)
                    self.assertEqual(s.recv(8, socket.MSG_WAITALL), text)
        print(f"{SHORT} one after another: {SHORT / (time.monotonic() - begin):.0f} a second", flush=True)

    def test_short_ones_at_full_rate(self):
        """Eight at a time, as fast as they go; ends by the peer's FIN and, each fourth, by a reset."""
        wrong, begin = [], time.monotonic()

        def some(first):
            with self.space.inside():
                for i in range(first, SHORT, 8):
                    try:
                        with socket.create_connection((lib.WEFT_IP, ECHO), 20) as s:
                            if i % 4 == 3:
                                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                            text = b"%08d" % i
                            s.sendall(text)
                            if s.recv(8, socket.MSG_WAITALL) != text:
                                wrong.append(i)
                    except OSError as error:
                        wrong.append((i, error))
        threads = [threading.Thread(target=some, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong[:5], [])
        print(f"{SHORT} at full rate: {SHORT / (time.monotonic() - begin):.0f} a second", flush=True)

    def test_killed_at_any_moment(self):
        """kill -9, from before the connection is there until long after text goes both ways."""
        for i in range(60 if lib.NIGHTLY else 8):
            for port in (ECHO, CHARGEN) if lib.NIGHTLY else (ECHO if i % 2 else CHARGEN,):
                victim = subprocess.Popen(
                    self.space.words(sys.executable, "-c", VICTIM, lib.WEFT_IP, port),
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
                if i % 4:
                    victim.stdout.readline()
                time.sleep(0.003 * (i // 4))
                victim.send_signal(signal.SIGKILL)
                victim.wait(10)
                victim.stdout.close()
        self.assertEqual(test_tcp.echoed(self.space, b"still there"), b"still there")

    def test_peer_vanishes(self):
        """The peer answers nothing any more in the middle of all its streams; others are served, and
        when it comes back its streams go on."""
        streams = [test_tcp.connected(self.space, CHARGEN, 30) for _ in range(20)]
        for s in streams:
            s.recv(1000)
        interface = self.side.peer.interface
        self.space.run("nft", "add table netdev v; add chain netdev v i { type filter hook ingress device "
                              f"{interface} priority 0; }}; add rule netdev v i tcp sport {CHARGEN} drop")
        time.sleep(0.5)
        self.assertEqual(test_tcp.echoed(self.space, bytes(100_000)), bytes(100_000))
        self.space.run("nft", "delete table netdev v")
        for s in streams:
            got = 0
            while got < 1_000_000:
                part = s.recv(65536)
                self.assertTrue(part)
                got += len(part)
            s.close()


class AfXdp(unittest.TestCase):
    def test_streams(self):
        with lib.Lab() as lab:
            side = Stack(lab, "af_xdp", "none")
            rng = random.Random(3)
            for size in (1, 1448, 1449, 300_000):
                data = rng.randbytes(size)
                self.assertEqual(test_tcp.echoed(side.space, data), data, f"{size} bytes")
            side.settled(self)


@unittest.skipUnless(lib.NIGHTLY, "LEFT OUT: a browser (WEFT_NIGHTLY=1)")
class Browser(unittest.TestCase):
    """Chromium loads a page whose script counts the objects that have come, and their bytes."""

    PAGE = """<!doctype html><title>waiting</title><body><script>
const seen = [];
for (let i = 0; i < %d; ++i)
  seen.push(fetch("object" + i + ".bin").then(r => r.arrayBuffer()).then(b => b.byteLength));
Promise.all(seen).then(sizes => {
  document.title = "all";
  document.body.innerText = "objects " + sizes.length + " bytes " + sizes.reduce((a, b) => a + b, 0);
});
</script>"""

    def check(self, secure):
        if shutil.which("chromium") is None:
            print("!!! LEFT OUT: there is no chromium (apt-get install chromium)", flush=True)
            self.skipTest("no chromium")
        with lib.Lab() as lab:
            if secure:
                certificate, key = lab.folder / "cert.pem", lab.folder / "key.pem"
                lib.sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=weft",
                       "-keyout", key, "-out", certificate)
                lab.environment["WEFT_HTTPS_CERTIFICATE"] = str(certificate)
                lab.environment["WEFT_HTTPS_KEY"] = str(key)
            site = lab.folder / "pages"
            site.mkdir()
            rng = random.Random(11)
            total = 0
            for i in range(OBJECTS):
                size = rng.choice([0, 1, 500, 1448, 20_000, 200_000])
                (site / f"object{i}.bin").write_bytes(rng.randbytes(size))
                total += size
            (site / "index.html").write_text(self.PAGE % OBJECTS)
            lab.environment["WEFT_HTTP_ROOT"] = str(site)
            file = lab.folder / "http.yaml"
            file.write_text((test_http.SECURE if secure else test_http.WORKLOAD).format(mac=lib.WEFT_MAC))
            stack, peer = start(lab, "tap", lab.compile("tap", file, graph="host_ipv4"))
            peer.join()
            done = peer.space.run(
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--ignore-certificate-errors",
                f"--user-data-dir={lab.folder}/profile", "--virtual-time-budget=60000",
                "--host-resolver-rules=MAP weft.test " + lib.WEFT_IP, "--dump-dom",
                f"http{'s' if secure else ''}://weft.test/", timeout=150,
                env=dict(os.environ, HOME=str(lab.folder)))
            self.assertIn(f"objects {OBJECTS} bytes {total}", done.stdout, done.stderr[-2000:])
            stats = stack.stop()
            accounts.check_inside(self, stats)
            print(f"chromium, {'TLS' if secure else 'plain'}: {OBJECTS} objects, {total} bytes", flush=True)

    def test_plain(self):
        self.check(False)

    def test_tls(self):
        self.check(True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    lib.main()
