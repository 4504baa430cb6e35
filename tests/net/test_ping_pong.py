#!/usr/bin/env python3
"""The ping-pong of examples/05_ping_pong with its peer on the kernel's sockets: every byte is looked at
by both ends, in place and copied; who says something else than agreed on is reset.

    test_ping_pong.py [-k PART_OF_A_NAME]      WEFT_NIGHTLY=1: messages up to 8 MiB
"""
import socket
import struct
import unittest

import accounts
import lib
from test_wires import start

IN_PLACE, COPIED = 5002, 5003
MOST = 8 << 20 if lib.NIGHTLY else 256 << 10


class PingPong(unittest.TestCase):
    def check(self, wire, model):
        with lib.Lab() as lab:
            stack, peer = start(lab, wire, lab.compile(model, "ping_pong", graph="host_ipv4"))
            peer.join()
            for port in (IN_PLACE, COPIED):
                text = peer.space.run(lib.BUILD / "apps" / "ping", lib.WEFT_IP, port, MOST, 0).stdout
                rows = [line.split() for line in text.splitlines()]
                sizes = [int(row[0]) for row in rows]
                self.assertEqual((sizes[0], sizes[-1]), (1, MOST))
                self.assertGreater(len(sizes), 50 if lib.NIGHTLY else 40)
                self.assertTrue(all(int(row[1]) >= 3 for row in rows), rows)
                print(f"{wire}, port {port}: {rows[0][2]} us; {rows[-1][4]} Mbit/s", flush=True)
                self.wrong(peer.space, port)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            self.assertEqual([app["held"] for app in stats["apps"]], [0, 0])

    def wrong(self, space, port):
        """A wrong byte, a length of nothing or of too much, more than a message before the answer."""
        whole = struct.pack(">I", 1)
        for text in (whole + b"\0", bytes(4), struct.pack(">I", (8 << 20) + 1) + b"x"):
            with space.inside():
                s = socket.create_connection((lib.WEFT_IP, port), 10)
            s.sendall(text)
            with self.assertRaises(ConnectionResetError):
                s.recv(1)
            s.close()

    def test_tap(self):
        self.check("tap", "tap")

    def test_af_packet(self):
        self.check("af_packet", "none")


if __name__ == "__main__":
    lib.main()
