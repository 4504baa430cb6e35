#!/usr/bin/env python3
"""A stack that answers one question on the socket given, with the document of
runtime/observe/README.md, cut short; `fake_stack.py SOCKET [ANSWER]` runs in the background. With
`growing` as ANSWER it answers three times, half a second of its own clock and some packets apart."""
import json
import os
import socket
import sys

DOCUMENT = {
    "format": 1, "plan": "demo", "graph": "host_udp_ipv4", "nic": "none", "engine": "generated",
    "pid": 1, "running": True, "time_ns": 12_340_000_000,
    "wire": {"name": "tap:weft0", "received": 5, "dropped_by_wire": 0, "sent": 3, "send_failed": 0},
    "card": {"name": "emulated none", "received": 5, "transmitted": 3, "rules": [
        {"table": "flows", "rules": 9, "counted": 2, "counted_at_work": 1, "frames_counted": 4,
         "queues": 1, "queues_at_work": 1, "frames_of_queues": 5, "also_fed_by": ["syn"],
         "unconfirmed": 3},
        {"table": "syn", "rules": 1, "counted": 0, "counted_at_work": 0, "frames_counted": 0,
         "queues": 0, "queues_at_work": 0, "frames_of_queues": 0, "also_fed_by": [],
         "unconfirmed": 1}]},
    "cores": [{"core": 0, "polls": 100, "empty_polls": 95, "sleeps": 0}],
    "queues": [{"queue": 0, "core": 0, "residue": "816e613f8a13", "received": 5, "transmitted": 3}],
    "nodes": [
        {"node": "udp_port", "packets": 3, "ports": [
            {"port": "hit", "to": "udp_deliver", "packets": 2},
            {"port": "miss", "to": "udp_unicast", "packets": 1}]},
        {"node": "arp_ok", "packets": 0, "ports": []}],
    "drops": [
        {"reason": "drop_udp_no_endpoint", "where": "graph", "count": 1,
         "meaning": "no such port, ICMP error sent"},
        {"reason": "spawn_lost", "where": "engine", "count": 0, "meaning": "a list was full"}],
    "apps": [{"endpoint": "echo", "app": "udp_echo", "protocol": "udp", "received": 2, "sent": 2}],
    "balance": {"exact": False, "equations": []},
}

path = sys.argv[1]
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen(1)
if os.fork():
    sys.exit(0)
os.close(1)
os.close(2)
server.settimeout(60)
growing = sys.argv[2:] == ["growing"]
for n in range(3 if growing else 1):
    client, _ = server.accept()
    question = client.recv(100)
    answer = sys.argv[2] if len(sys.argv) > 2 and not growing else json.dumps(DOCUMENT)
    client.sendall(answer.encode() if question == b"stats\n" else b'{"error": "what?"}')
    client.close()
    DOCUMENT["time_ns"] += 500_000_000
    for counters, key, more in (("cores", "polls", 1000), ("cores", "empty_polls", 750 + 100 * n),
                                ("queues", "received", 300), ("queues", "transmitted", 200),
                                ("drops", "count", 5 * n)):
        DOCUMENT[counters][0][key] += more
