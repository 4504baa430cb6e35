#!/usr/bin/env python3
"""Connections that applications open where there are several queues: the answers of the kernel reach
the core whose connection it is, because the source port was picked so, or by handover; every byte is
right, and what can't be done is refused with its reason.

    test_connect.py [-k PART_OF_A_NAME]
"""
import errno
import socket
import struct
import threading
import unittest

import accounts
import lib

OPENER = lib.BUILD / "tests/apps/opener.so"
ASK, SERVER = 5000, 9000
FIRST_PORT, LAST_PORT = 32768, 60999

WORKLOAD = """\
workload: connect
host:
  mac: "{mac}"
  address: 10.7.0.2/24
queues: {queues}
cores: {cores}
endpoints:
  opener: {{tcp: {ask}, app: "{app}", rate: 1000}}
"""


class Server(threading.Thread):
    """Sends back what comes, of any number of connections; remembers who connected."""

    def __init__(self, space, backlog=512):
        super().__init__(daemon=True)
        self.peers, self.open = [], []
        with space.inside():
            self.listener = socket.create_server((lib.PEER_IP, SERVER), backlog=backlog)
        self.start()

    def run(self):
        while True:
            try:
                s, peer = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s:
            try:
                while part := s.recv(65536):
                    s.sendall(part)
            except ConnectionError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(space, to=lib.PEER_IP, port=SERVER, source=0, count=1, size=1000, own=0, at=ASK):
    """Has the core that the connection from `own` to the port `at` arrives on open connections."""
    address = struct.unpack("!I", socket.inet_aton(to))[0]
    with space.inside():
        s = socket.create_connection((lib.WEFT_IP, at), 20, ("", own))
    with s:
        s.settimeout(30)
        s.sendall(b"%d %d %d %d %d\n" % (address, port, source, count, size))
        said = bytearray()
        while part := s.recv(1000):
            said.extend(part)
    return {what: int(count) for what, count in (part.split(": ") for part in
                                                 said.decode().rstrip("\n").split(", "))}


class Connect(unittest.TestCase):
    def start(self, lab, model, queues, cores, *arguments):
        """Over a veth pair, whose other end has its address before the stack begins."""
        file = lab.folder / "connect.yaml"
        file.write_text(WORKLOAD.format(mac=lib.WEFT_MAC, queues=queues, cores=cores, ask=ASK,
                                        app=OPENER))
        plan = lab.compile(model, file, "--queues", str(queues), "--cores", str(cores),
                           graph="host_ipv4")
        mine, space = lab.space("w"), lab.space("p")
        lab.veth(mine, space)
        peer = lib.Peer(space, "peer0")
        peer.join()
        return lab.start(mine, plan, "af_packet:weft0", "--interpret", *arguments), peer

    def many(self, model, queues, cores, *arguments):
        """Several hundred, asked for on all cores; the final accounting."""
        with lib.Lab() as lab:
            stack, peer = self.start(lab, model, queues, cores, *arguments)
            server = Server(peer.space)
            asks, each = 16, 20
            for _ in range(asks):
                self.assertEqual(ask(peer.space, count=each), {"right": each})
            self.assertEqual(len(server.peers), asks * each)
            ports = {port for _, port in server.peers}
            self.assertEqual(len(ports), asks * each, "each has a port of its own")
            self.assertTrue(all(FIRST_PORT <= port <= LAST_PORT for port in ports))
            steps = [b[1] - a[1] for a, b in zip(server.peers, server.peers[1:])]
            self.assertGreater(len(set(steps)), asks * each // 4, "nobody counts them")
            if queues == 4:
                self.errors(peer.space)
            server.close()
            stats = stack.stop()
            accounts.check_inside(self, stats, own_port="--card" in arguments)
            self.assertEqual(len({q["core"] for q in stats["queues"]}), cores)
            return stats

    def predicted(self, model, queues, cores):
        stats = self.many(model, queues, cores)
        self.assertEqual(sum(q["taken_over"] for q in stats["queues"]), 0, "nothing is handed over")
        self.assertEqual(accounts.count(stats, "drop_tcp_closed"), 0, "all know their connection")
        received = {core: 0 for core in range(cores)}
        for queue in stats["queues"]:
            received[queue["core"]] += queue["received"]
        self.assertTrue(all(n > 80 for n in received.values()), received)

    @unittest.skipUnless(lib.NIGHTLY, "WEFT_NIGHTLY=1")
    def test_82599_2(self):
        self.predicted("intel_82599", 2, 2)

    def test_82599_4(self):
        self.predicted("intel_82599", 4, 2)

    def errors(self, space):
        """Each by the command or the event, soon, and with its reason."""
        # Ports are given: each core takes those whose answers it gets, the other one none of them,
        # and a second connection by the same port is refused.
        for source in (20000, 20001, 20002, 20003):
            said = [ask(space, source=source, own=40000 + i) for i in range(8)]
            took = [words for words in said if words == {"right": 1}]
            self.assertIn({f"connect {errno.EXDEV}": 1}, said)
            self.assertEqual(len(took), 1, said)
            self.assertTrue(all(list(words) in (["right"], [f"connect {errno.EXDEV}"],
                                                [f"connect {errno.EADDRINUSE}"])
                                for words in said), said)
        for what, end, more in (
                ("a closed port", f"ended {errno.ECONNREFUSED}", {"port": SERVER + 1}),
                ("nobody there", f"ended {errno.EHOSTUNREACH}", {"to": "10.7.0.77"}),
                ("no route", f"connect {errno.ENETUNREACH}", {"to": "192.0.2.1"}),
                ("a broadcast", f"connect {errno.EINVAL}", {"to": "10.7.0.255"}),
                ("a group", f"connect {errno.EINVAL}", {"to": "239.1.2.3"}),
                ("never on a wire", f"connect {errno.EINVAL}", {"to": "127.0.0.1"}),
                ("port 0", f"connect {errno.EINVAL}", {"port": 0})):
            with self.subTest(what):
                self.assertEqual(ask(space, **more), {end: 1})

    def test_af_packet_port(self):
        """The kernel picks the queue, by a hash that nobody can predict."""
        stats = self.many("af_packet", 2, 2, "--card", "port")
        self.assertGreater(accounts.port(stats, "tcp_receive_handover", "away"), 0)
        self.assertEqual(accounts.count(stats, "drop_tcp_closed"), 0)


if __name__ == "__main__":
    lib.main()
