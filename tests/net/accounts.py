"""Is every packet accounted for? Recomputed from the counters here, not believed from `balance`."""

# Reasons of the transmit part: what goes there has been answered or delivered before.
TRANSMIT_DROPS = {"drop_ipv4_no_route", "drop_arp_queue_full", "drop_ipv4_loopback_full"}
# Of datagrams, not of packets: their pieces have been counted when they came, or were to leave.
OF_DATAGRAMS = {"drop_ipv4_fragment_timeout", "drop_ipv4_fragment_timeout_quiet",
                "drop_ipv4_cut_full"}
ERRORS = ["port_unreachable", "protocol_unreachable", "time_exceeded", "parameter_problem",
          "source_route_failed", "reassembly_exceeded"]
DELIVERED = ["udp_deliver", "udp_error"]
ANSWERED = ["icmp_answered", "arp_answered"]
TAKEN = ["arp_learned", "ipv4_held", "igmp_heard", "tcp_kept", "tcp_done", "tcp_error"]
HANDED = ["handed_flow", "handed_error", "handed_fragment", "handed_segment",
          "handed_kept"]  # entries of what another core handed over


def nodes(stats):
    return {n["node"]: n for n in stats["nodes"]}


def count(stats, node):
    return nodes(stats).get(node, {"packets": 0})["packets"]


def port(stats, node, name):
    """Packets that left a node by a port."""
    found = nodes(stats).get(node, {"ports": []})["ports"]
    return sum(p["packets"] for p in found if p["port"] == name)


def drops(stats, where=None):
    return {d["reason"]: d["count"] for d in stats["drops"]
            if d["count"] and where in (None, d["where"])}


def entries(stats, name):
    return sum(q["entries"].get(name, 0) for q in stats["queues"])


def check_inside(test, stats, own_port=False):
    """From the wire to the last node, sum by sum. A port of its own is wire and card in one."""
    wire, card = stats["wire"], stats["card"]
    if own_port:
        wire = {"received": card["received"], "sent": card["transmitted"],
                "send_failed": card["transmit_failed"]}
    queued = sum(card["queue_received"])
    test.assertEqual(wire["received"], card["received"], "wire -> card")
    test.assertEqual(card["received"], queued + sum(d["count"] for d in card["drops"]),
                     "card -> queues + the card's drops")
    fetched = sum(q["received"] for q in stats["queues"])
    unreadable = sum(q["unreadable"] for q in stats["queues"])
    before = sum(q["before_use"] for q in stats["queues"])
    test.assertEqual(queued, fetched, "queues -> engine: nothing is left behind")
    test.assertEqual(fetched, entries(stats, "rx") + unreadable + before, "engine -> graph")
    graph_drops = {r: n for r, n in drops(stats, "graph").items() if r not in TRANSMIT_DROPS | OF_DATAGRAMS}
    ended = (sum(count(stats, n) for n in DELIVERED + ANSWERED + TAKEN)
             + sum(graph_drops.values()))
    taken_over = sum(entries(stats, slot) for slot in HANDED)
    handed_over = count(stats, "handed_over")
    test.assertEqual(handed_over, taken_over, "handed over = taken over")
    came = sum(entries(stats, e) for e in ("rx", "ipv4_reassembled", "udp_copy", "loopback"))
    test.assertEqual(came, ended,
                     f"received = delivered + answered + taken + dropped {graph_drops}")
    # What leaves: answers, errors, datagrams, and ARP requests of our own. Pieces take the place of
    # datagrams that were cut.
    cut = count(stats, "ipv4_fragment") - entries(stats, "ipv4_rest")
    made = (sum(count(stats, n) for n in ANSWERED)
            + entries(stats, "udp_send") - count(stats, "udp_send_refused")
            + sum(port(stats, n, "sent") for n in ERRORS)
            + entries(stats, "arp_request") + entries(stats, "igmp_send") + entries(stats, "tcp_send")
            + sum(q["probes"] for q in stats["queues"])
            - cut + entries(stats, "ipv4_piece") + entries(stats, "tcp_piece") + stats["card"]["cut"])
    lost = sum(n for r, n in drops(stats, "graph").items() if r in TRANSMIT_DROPS)
    waiting = sum(q["waiting_for_arp"] + q["arp_given_up"] for q in stats["queues"])
    lost += count(stats, "ipv4_looped") + sum(q["transmit_down"] + q["transmit_full"]
                                              for q in stats["queues"])
    test.assertEqual(made - lost - waiting, wire["sent"] + wire["send_failed"],
                     "made = dropped on transmit + to itself + waiting for ARP + sent")
    test.assertTrue(stats["balance"]["exact"], stats["balance"])
    test.assertFalse(stats["running"])


def check_peer(test, stats, sent_by_peer, received_by_peer):
    """The same packets counted by the kernel at the other end of the wire."""
    wire = stats["wire"]
    test.assertEqual(sent_by_peer, wire["received"] + wire["dropped_by_wire"],
                     f"sent by the peer = received + dropped by the wire: {wire}")
    test.assertEqual(received_by_peer, wire["sent"], "sent = received by the peer")
