"""What the kernel sends to weft in these tests, each with the count of what must have happened."""
import contextlib
import errno
import re
import select
import socket
import time

from lib import ECHO_PORT, FLOW_PORTS, WEFT_IP

LARGEST = 1500 - 20 - 8  # payload of the largest datagram that fits into one frame


def echo_replies(space):
    """ICMP echo replies that the space's kernel has taken."""
    names, values = [line.split() for line in space.run("cat", "/proc/net/snmp").stdout.splitlines()
                     if line.startswith("Icmp:")]
    return int(values[names.index("InEchoReps")])


def pings(space, count, size=56):
    """`count` pings as fast as the answers come; returns (answered, ping's last lines).

    ping goes when twice its longest round trip has passed, a few milliseconds: answers that come
    later than that, on a busy machine, are counted by the kernel alone.
    """
    before = echo_replies(space)
    done = space.run("ping", "-n", "-q", "-f", "-c", count, "-s", size, "-W", 2, WEFT_IP,
                     check=False, timeout=300)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    if not found:
        raise AssertionError(f"ping: {done.stdout}{done.stderr}")
    if "DUP" in done.stdout or "corrupt" in done.stdout or "+" in found.group(0):
        raise AssertionError(f"ping: {done.stdout}")
    until = time.monotonic() + 2
    while echo_replies(space) - before < count and time.monotonic() < until:
        time.sleep(0.02)
    return echo_replies(space) - before, " ".join(done.stdout.split("---")[-1].split())


def arpings(space, interface, count):
    """ARP requests that were answered."""
    done = space.run("arping", "-c", count, "-W", "0.02", "-i", interface, WEFT_IP, check=False,
                     timeout=60)
    answered = re.search(r"(\d+) packets received", done.stdout)
    if not answered:
        raise AssertionError(f"arping: {done.stdout}{done.stderr}")
    return int(answered.group(1))


def udp_socket(space, port=0):
    with space.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    return s


def connected(space, port, seconds=10, own_port=0):
    with space.inside():
        s = socket.create_connection((WEFT_IP, port), seconds, ("", own_port))
    s.settimeout(seconds)
    return s


def payload(size, salt):
    return bytes((i * 7 + salt * 31 + size) & 0xFF for i in range(size))


def udp_echo(space, sizes, ports=FLOW_PORTS, others=24, window=16):
    """One datagram of each size, from the workload's ports and `others` that nobody knew of.

    Each answer must be what that socket sent; sockets take turns and `window` datagrams are under
    way at a time. Returns how many came back right of how many.
    """
    sockets = [udp_socket(space, p) for p in ports] + [udp_socket(space) for _ in range(others)]
    right, work = 0, list(enumerate(sizes))
    try:
        for s in sockets:
            s.connect((WEFT_IP, ECHO_PORT))
            s.setblocking(False)
        waits = select.poll()
        for s in sockets:
            waits.register(s, select.POLLIN)
        by_file = {s.fileno(): s for s in sockets}
        for start in range(0, len(work), window):
            expected = {}
            for number, size in work[start:start + window]:
                s = sockets[number % len(sockets)]
                s.send(payload(size, number))
                expected.setdefault(s.fileno(), []).append(payload(size, number))
            while expected:
                ready = waits.poll(3000)
                if not ready:
                    missing = [len(p) for some in expected.values() for p in some]
                    raise AssertionError(f"no echo of datagrams with sizes {missing}")
                for file, _ in ready:
                    came = by_file[file].recv(65535)
                    wanted = expected.get(file, [b""])
                    if came != wanted[0]:
                        raise AssertionError(f"a datagram of {len(wanted[0])} bytes came back as "
                                             f"{len(came)} others")
                    right += 1
                    wanted.pop(0)
                    if not wanted:
                        del expected[file]
    finally:
        for s in sockets:
            s.close()
    return right, len(work)


def closed_ports(space, ports):
    """A datagram to each port that nobody listens on; returns how many were refused by ICMP."""
    refused = 0
    for port in ports:
        with udp_socket(space) as s:
            s.connect((WEFT_IP, port))
            s.settimeout(3)
            s.send(b"is anybody there?")
            try:
                s.recv(100)
            except OSError as error:
                refused += error.errno == errno.ECONNREFUSED
    return refused


def flood(space, seconds):
    """Datagrams to the echo port, as fast as one socket sends; nobody reads the answers."""
    sent, end = 0, time.monotonic() + seconds
    with udp_socket(space, FLOW_PORTS[0]) as s:
        s.connect((WEFT_IP, ECHO_PORT))
        data = payload(64, 1)
        while time.monotonic() < end:
            for _ in range(64):
                with contextlib.suppress(OSError):  # ENOBUFS: not sent
                    s.send(data)
                    sent += 1
    return sent
