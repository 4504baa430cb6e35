#!/usr/bin/env python3
"""A UDP client on kernel sockets: sends one datagram from each port and checks the echo.

  udp_client.py 10.7.0.2 7 --from-ports 40000-40039
  udp_client.py --pcap in.pcap --from-ports 40000-40039    writes the same datagrams as frames
  udp_client.py --count out.pcap                           counts the frames of a capture
"""
import argparse
import socket
import struct
import sys


def talk(host, port, ports):
    right = 0
    for source in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("0.0.0.0", source))
            s.settimeout(2)
            s.connect((host, port))
            said = f"hello from port {source}".encode()
            s.send(said)
            try:
                right += s.recv(2048) == said
            except OSError as error:
                print(f"port {source}: {error}", file=sys.stderr)
    print(f"{right} of {len(ports)} datagrams came back unchanged")
    return 0 if right == len(ports) else 1


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source, mine=bytes([10, 7, 0, 1]), theirs=bytes([10, 7, 0, 2])):
    """A UDP frame as the kernel would send it, to the address of the quickstart's workload."""
    data = f"hello from port {source}".encode()
    udp = struct.pack("!HHHH", source, 7, 8 + len(data), 0) + data
    pseudo = mine + theirs + struct.pack("!BBH", 0, 17, len(udp))
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), source, 0, 64, 17, 0, mine, theirs)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\x02\x77\x65\x66\x74\x02" + b"\x02\0\0\0\0\x01" + b"\x08\0" + ip + udp


def arp_reply(mine=bytes([10, 7, 0, 1]), theirs=bytes([10, 7, 0, 2])):
    """Who 10.7.0.1 is: asked for us, so that the stack learns it and need not ask."""
    ethernet = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06"
    return ethernet + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, b"\x02\0\0\0\0\x01", mine, b"\0" * 6, theirs)


def write_pcap(path, ports):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate([arp_reply()] + [frame(p) for p in ports]):
            f.write(struct.pack("<IIII", 0, number * 1000, len(data), len(data)) + data)
    print(f"{len(ports)} datagrams and an ARP request written to {path}")


def count(path):
    with open(path, "rb") as f:
        f.read(24)
        frames = 0
        while header := f.read(16):
            f.read(struct.unpack("<IIII", header)[2])
            frames += 1
    print(frames)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host", nargs="?")
    parser.add_argument("port", nargs="?", type=int)
    parser.add_argument("--from-ports", default="40000-40039")
    parser.add_argument("--pcap")
    parser.add_argument("--count")
    args = parser.parse_args()
    first, last = (int(p) for p in args.from_ports.split("-"))
    ports = range(first, last + 1)
    if args.count:
        return count(args.count)
    if args.pcap:
        return write_pcap(args.pcap, ports)
    if not args.host or not args.port:
        parser.error("give a host and a port")
    return talk(args.host, args.port, ports)


if __name__ == "__main__":
    sys.exit(main())
