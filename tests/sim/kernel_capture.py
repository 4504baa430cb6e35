#!/usr/bin/env python3
"""Records what a Linux kernel sends to a host with the address and MAC of weft's test host.

Two network namespaces of its own, joined by a veth pair without offloads: on one side clients (ping,
UDP sockets of all kinds, closed ports), on the other a kernel that plays the host, so that ARP and
answers are real. tcpdump on the host's side keeps the frames that come in. Needs root; everything is
gone when it ends.

    kernel_capture.py OUT.pcap
"""
import os
import socket
import subprocess
import sys
import time

HOST_MAC = "02:77:65:66:74:02"
HOST = "10.7.0.2"
PEER_MAC = "02:00:0a:07:00:01"
PEER = "10.7.0.1"


def sh(*words, **how):
    return subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **how)


def inside(pid, *words):
    return ("nsenter", "-t", str(pid), "-n", *words)


def record(out):
    # This process is in a namespace of its own already (unshare -n); the host's is a child's.
    host = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    time.sleep(0.2)
    dump = None
    try:
        sh("ip", "link", "add", "peer", "address", PEER_MAC, "type", "veth", "peer", "name", "host",
           "address", HOST_MAC)
        sh("ip", "link", "set", "host", "netns", str(host.pid))
        sh("ip", "address", "add", PEER + "/24", "dev", "peer")
        sh("ip", "link", "set", "lo", "up")
        for words in (("ip", "address", "add", HOST + "/24", "dev", "host"),
                      ("ip", "link", "set", "host", "up"),
                      ("ethtool", "-K", "host", "rx", "off", "tx", "off", "gro", "off", "gso", "off", "tso", "off")):
            sh(*inside(host.pid, *words))
        sh("ethtool", "-K", "peer", "rx", "off", "tx", "off", "gro", "off", "gso", "off", "tso", "off")
        sh("ip", "link", "set", "peer", "up")
        dump = subprocess.Popen(inside(host.pid, "tcpdump", "-i", "host", "-Q", "in", "-s", "0", "-B", "16384",
                                       "-U", "-w", out), stderr=subprocess.PIPE, text=True)
        dump.stderr.readline()  # "listening on ..."
        send()
        time.sleep(0.5)
    finally:
        if dump is not None:
            dump.terminate()
            dump.wait()
        host.terminate()
        host.wait()


def send():
    sh("ping", "-c", "60", "-i", "0.002", HOST)
    for size in (0, 1, 7, 8, 55, 56, 100, 576, 1000, 1471, 1472, 1473, 2000, 2959, 3000, 8000, 65507):
        subprocess.run(["ping", "-c", "2", "-i", "0.01", "-W", "0.05", "-s", str(size), HOST],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["ping", "-c", "3", "-i", "0.01", "-W", "0.05", "-b", "10.7.0.255"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    known = []
    for port in range(40000, 40040):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((PEER, port))
        known.append(s)
    others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]

    def to(s, data, address):
        for _ in range(3):  # an ICMP error about an earlier datagram ends a send
            try:
                s.sendto(data, address)
                return
            except ConnectionRefusedError:
                pass

    for size in range(0, 1473):
        to(known[size % 40], bytes(size), (HOST, 7))
    for size in range(1, 1473, 7):
        to(others[size % 20], bytes(i & 255 for i in range(size)), (HOST, 7 if size % 2 else 9))
    for size in (1473, 1480, 2952, 2953, 4000, 9000, 30000, 65507):
        to(known[size % 40], bytes(size), (HOST, 7))
    for i in range(60):
        to(others[i % 20], b"closed", (HOST, 4))
    others[0].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for i in range(20):
        to(others[0], b"to all", ("10.7.0.255", 7 if i % 2 else 4))
    others[1].setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    others[1].setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01\x01\x01\x01\x01\x01\x01\x00")
    for i in range(20):
        to(others[1], b"options and ttl", (HOST, 7))
    others[2].setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK: UDP without checksum
    for i in range(20):
        to(others[2], b"without checksum", (HOST, 7))
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.settimeout(0.1)
    try:
        tcp.connect((HOST, 7))
    except OSError:
        pass
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
    for i in range(10):
        raw.sendto(b"generic", (HOST, 0))


def main():
    if os.geteuid() != 0:
        sys.exit("needs root")
    if len(sys.argv) == 2:
        os.execvp("unshare", ["unshare", "-n", sys.executable, __file__, sys.argv[1], "inside"])
    try:
        record(sys.argv[1])
    except subprocess.CalledProcessError as e:
        sys.exit("%s: %s" % (" ".join(e.cmd), e.stderr.decode().strip()))


if __name__ == "__main__":
    main()
