"""Streams that go on while a plan changes, and look at what comes back."""
import json
import socket
import threading
import time

import lib


def dropped(space):
    """Frames that the kernel threw away before the TAP: the stack had no CPU for too long."""
    link = json.loads(space.run("ip", "-s", "-j", "link", "show", "weft0").stdout)
    return link[0]["stats64"]["tx"]["dropped"]


class Stream(threading.Thread):
    """Numbered datagrams from one port of the kernel, until stopped: what comes back, in order?"""

    def __init__(self, space, port, rate=400):
        super().__init__(daemon=True)
        self.rate, self.sent, self.returned, self.late = rate, 0, set(), 0
        self.space, self.dropped_before = space, dropped(space)
        with space.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((lib.PEER_IP, port))
        self.socket.connect((lib.WEFT_IP, lib.ECHO_PORT))
        self.socket.setblocking(False)
        self.ending = False
        self.start()

    def take(self):
        while True:
            try:
                number = int(self.socket.recv(100))
            except (BlockingIOError, ConnectionRefusedError):
                return
            if self.returned and number < max(self.returned):
                self.late += 1
            self.returned.add(number)

    def run(self):
        while not self.ending:
            try:
                self.socket.send(b"%d" % self.sent)
                self.sent += 1
            except (BlockingIOError, ConnectionRefusedError):
                pass
            time.sleep(1 / self.rate)
            self.take()
        end = time.monotonic() + 3
        while len(self.returned) < self.sent and time.monotonic() < end:
            time.sleep(0.02)
            self.take()

    def stop(self):
        self.ending = True
        self.join()
        self.socket.close()
        return self

    def lost(self):
        """Datagrams without an answer that the kernel does not count as its own loss."""
        return max(0, self.sent - len(self.returned) - (dropped(self.space) - self.dropped_before))


def weft(*words, code=0):
    done = lib.sh(lib.WEFT, *words, check=False, timeout=120)
    if done.returncode != code:
        raise AssertionError(f"weft {' '.join(map(str, words))}: {done.returncode}, not {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Numbers(threading.Thread):
    """Numbered words on one connection until stopped: do all come back, in order?"""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection, self.echoed, self.fault, self.ending = connection, 0, None, False
        self.start()

    def run(self):
        try:
            while not self.ending:
                words = b"".join(n.to_bytes(4, "big") for n in range(self.echoed, self.echoed + 50))
                if not echoed(self.connection, words, exact=True):
                    raise AssertionError(f"not what was sent, from word {self.echoed} on")
                self.echoed += 50
                time.sleep(0.002)
        except (OSError, AssertionError) as e:
            self.fault = e

    def more(self, words=500):
        """Waits until so many more have come back."""
        until = self.echoed + words
        lib.wait_for(f"{words} more words", lambda: self.fault or self.echoed >= until, 20)

    def stop(self):
        self.ending = True
        self.join()
        return self.fault


def echoed(connection, text=b"hello", exact=False):
    connection.sendall(text)
    back = connection.recv(len(text), socket.MSG_WAITALL)
    while exact and len(back) < len(text):  # (it waits for all of little alone)
        more = connection.recv(len(text) - len(back))
        if not more:
            raise ConnectionResetError("it was ended")
        back += more
    return back == text
