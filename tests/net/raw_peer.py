"""A peer that is not the kernel's: frames are made and read here, on a packet socket."""
import socket
import struct
import time

from frames import PEER_MAC, mac

SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 0x10


class RawPeer:
    def __init__(self, space, interface):
        with space.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((interface, 3))
        # The kernel takes the tag out of a frame and tells of it beside.
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.vlans = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        self.socket.send(frame)

    def ask(self, frame, seconds=3):
        """Sends a frame; gives the next that is addressed to us, without its tag."""
        self.send(frame)
        return self.next(seconds)

    def next(self, seconds=3):
        """The next frame that is addressed to us, without its tag."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                answer, beside, _, _ = self.socket.recvmsg(65535, 256)
            except TimeoutError:
                break
            if answer[:6] != mac(PEER_MAC):
                continue  # our own, as the kernel shows it to us
            for level, kind, data in beside:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data)
                    self.vlans.add(tci & 0xFFF if status & VLAN_VALID else None)
            return answer
        raise AssertionError("no answer")

    def whole(self, frame):
        """Like ask(), but an answer in pieces, which come in order, is put together."""
        answer = self.ask(frame)
        piece = answer
        while struct.unpack("!H", piece[20:22])[0] & 0x2000:
            piece = self.next()
            answer += piece[34:14 + struct.unpack("!H", piece[16:18])[0]]
        return answer
