"""Ethernet frames of one kind or another, as bytes, and capture files of them."""
import socket
import struct

from lib import ECHO_PORT, PEER_IP, WEFT_IP, WEFT_MAC

PEER_MAC = "02:00:00:00:00:01"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(payload, src=PEER_MAC, dst=WEFT_MAC, kind=0x0800):
    return mac(dst) + mac(src) + struct.pack("!H", kind) + payload


def tag(frame, vlan):
    """The frame with an 802.1Q tag."""
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


def ipv4(payload, protocol, src=PEER_IP, dst=WEFT_IP, wrong=0, fragment=0, number=1):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head) ^ wrong) + head[12:] + payload


def with_options(packet, options):
    """The IPv4 packet with options, a multiple of 4 bytes of them."""
    head = bytearray(packet[:20] + options)
    head[0] = 0x40 | len(head) // 4
    head[2:4] = struct.pack("!H", len(packet) + len(options))
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return bytes(head) + packet[20:]


def dont_fragment(packet):
    """The IPv4 packet with the flag set that forbids to cut it."""
    head = bytearray(packet[:20])
    head[6] |= 0x40
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return bytes(head) + packet[20:]


def udp(data, src_port, dst_port=ECHO_PORT, src=PEER_IP, dst=WEFT_IP, wrong=0):
    head = struct.pack("!HHHH", src_port, dst_port, 8 + len(data), 0)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!HH", 17, 8 + len(data))
    total = checksum(pseudo + head + data) or 0xFFFF
    return ipv4(head[:6] + struct.pack("!H", total ^ wrong) + data, 17, src, dst)


def icmp(kind, code, rest, src=PEER_IP, dst=WEFT_IP, wrong=0):
    total = checksum(struct.pack("!BBH", kind, code, 0) + rest) ^ wrong
    return ipv4(struct.pack("!BBH", kind, code, total) + rest, 1, src, dst)


def echo_request(number, data=b"weft"):
    return icmp(8, 0, struct.pack("!HH", 77, number) + data)


def arp(operation=1, target=WEFT_IP, sender=PEER_IP):
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac(PEER_MAC),
                       socket.inet_aton(sender), bytes(6), socket.inet_aton(target))
    return eth(body, dst="ff:ff:ff:ff:ff:ff", kind=0x0806)


def write(path, frames, apart_us=100):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, data in enumerate(frames):
            at = i * apart_us
            f.write(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(data), len(data)))
            f.write(data)


def read(path):
    """The frames of a capture that weft wrote; their times are left out."""
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def is_announcement(frame):
    """ARP in which sender and target are one address (RFC 5227 section 2.3)."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42]


def answers(path):
    """All that weft sent but the announcements of its own addresses."""
    return [frame for frame in read(path) if not is_announcement(frame)]
