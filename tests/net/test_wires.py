#!/usr/bin/env python3
"""Every card model on every live wire, with the kernel as peer: everything is answered, no checksum
is wrong, and every packet is accounted for on both sides of the wire.

    test_wires.py [-k PART_OF_A_NAME]      WEFT_NIGHTLY=1: all models on cores
"""
import json
import unittest

import accounts
import frames
import lib
import raw_peer
import traffic

MODELS = ("none", "tap", "intel_82599", "intel_e810", "ideal")
EVERY_SIZE = range(traffic.LARGEST + 1)
SOME_SIZES = sorted({*range(0, 64), *range(64, traffic.LARGEST, 29),
                     *range(traffic.LARGEST - 8, traffic.LARGEST + 1)})
CLOSED = (1, 9, 53, 8, 6, 40000, 65535)


def start(lab, wire, plan, *arguments):
    """A stack on a wire, and the kernel at its other end with an address: (stack, peer)."""
    peer_space = lab.space("p")
    if wire == "tap":
        stack = lab.start(peer_space, plan, "tap:weft0", *arguments)
        return stack, lib.Peer(peer_space, "weft0")
    mine = lab.space("w")
    lab.veth(mine, peer_space)
    return lab.start(mine, plan, "af_packet:weft0", *arguments), lib.Peer(peer_space, "peer0")


class Traffic(unittest.TestCase):
    def exchange(self, lab, stack, peer, pings, sizes, vlan=None):
        """All kinds of traffic; then what must be true of it, on both sides."""
        lost = stack.announced()
        earlier = peer.space.counters(peer.interface)["received"]
        peer.join(vlan)
        capture = lab.capture(peer.space, peer.interface)
        answered, summary = traffic.pings(peer.space, pings)
        self.assertEqual(answered, pings, summary)
        big, _ = traffic.pings(peer.space, 20, size=1472)
        self.assertEqual(big, 20)
        arps = traffic.arpings(peer.space, peer.talks_by, 10)
        self.assertEqual(arps, 10)
        right, sent = traffic.udp_echo(peer.space, sizes)
        self.assertEqual((right, sent), (len(sizes), len(sizes)))
        refused = traffic.closed_ports(peer.space, CLOSED)
        self.assertEqual(refused, len(CLOSED))

        given, got = peer.leave(stack)
        seen = capture.stop()
        self.assertEqual(lib.bad_checksums(seen), [])
        self.assertEqual(len(seen), got - earlier,
                         "tcpdump has seen all that the interface counted")
        stats = stack.stop()
        accounts.check_inside(self, stats)
        accounts.check_peer(self, stats, given, got)
        self.assertEqual(accounts.count(stats, "icmp_answered"), pings + 20)
        self.assertGreaterEqual(accounts.count(stats, "arp_answered"), 10)
        self.assertEqual(accounts.count(stats, "udp_deliver"), len(sizes))
        self.assertEqual(accounts.port(stats, "port_unreachable", "sent"), len(CLOSED))
        self.assertEqual(accounts.drops(stats), {"drop_udp_no_endpoint": len(CLOSED), **lost})
        print(f"{stack.wire} {stats['nic']} {stats['engine']}: {summary}; {arps} arpings, {right} "
              f"datagrams, {refused} refused; {given} sent = {stats['wire']['received']} received "
              f"+ {stats['wire']['dropped_by_wire']} dropped", flush=True)
        return stats

    def everything(self, wire, model, *arguments, workload="quickstart", vlan=None, full=False,
                   compile_with=()):
        with lib.Lab() as lab:
            plan = lab.compile(model, workload(lab) if callable(workload) else workload,
                               *compile_with)
            stack, peer = start(lab, wire, plan, *arguments)
            return self.exchange(lab, stack, peer, 10_000 if full else 1_000,
                                 EVERY_SIZE if full else SOME_SIZES, vlan)


class Wires(Traffic):
    """test_<wire>_<model>, made below."""


for _wire in ("tap", "af_packet"):
    for _model in MODELS:
        def _test(self, wire=_wire, model=_model):
            self.everything(wire, model, full=True)
        setattr(Wires, f"test_{_wire}_{_model}", _test)


class Variants(Traffic):
    def tagged(self, lab):
        """A workload whose host is a member of VLAN 7."""
        return lab.workload(gateway="gateway: 10.7.0.1\n  vlan: 7")

    def test_vlan_of_the_kernel(self):
        with lib.Lab() as lab:
            if "Unknown" in lab.space("v").run("ip", "link", "add", "link", "lo", "name", "v7",
                                               "type", "vlan", "id", "7", check=False).stderr:
                self.skipTest("SKIPPED: this kernel has no VLAN devices (8021q)")
        for wire, model in (("tap", "none"), ("af_packet", "intel_82599")):
            self.everything(wire, model, vlan=7, workload=self.tagged)

    def test_vlan(self):
        """The same by frames made here: answers have our tag, other VLANs are named drops."""
        for wire, model in (("tap", "none"), ("af_packet", "intel_82599")):
            with lib.Lab() as lab:
                stack, peer = start(lab, wire, lab.compile(model, self.tagged(lab)))
                stack.announced()
                capture = lab.capture(peer.space, peer.interface)
                with raw_peer.RawPeer(peer.space, peer.interface) as raw:
                    self.assertEqual(raw.ask(frames.tag(frames.arp(), 7))[12:14], b"\x08\x06")
                    for n in range(50):
                        asked = frames.eth(frames.echo_request(n))
                        answer = raw.ask(frames.tag(asked, 7))
                        self.assertEqual(answer[34:36], b"\0\0", "an echo reply")
                        self.assertEqual(answer[38:], asked[38:])
                        data = traffic.payload(n * 29, n)
                        answer = raw.ask(frames.tag(frames.eth(frames.udp(data, 40000 + n)), 7))
                        self.assertEqual(answer[42:42 + len(data)], data)
                    raw.send(frames.eth(frames.echo_request(1)))
                    raw.send(frames.tag(frames.eth(frames.echo_request(1)), 8))
                    wanted = {"drop_vlan_not_member": 2}
                    if wire == "tap":  # a veth's kernel drops a frame that ends in its tag
                        raw.send(frames.tag(frames.eth(frames.echo_request(1)), 7)[:16])
                        wanted["drop_vlan_truncated"] = 1
                    lib.wait_for("all arrive", lambda: stack.stats()["wire"]["received"]
                                 == 101 + sum(wanted.values()))
                    self.assertEqual(raw.vlans, {7}, "all that came is in VLAN 7")
                seen = capture.stop()
                self.assertEqual(lib.bad_checksums(seen), [])
                self.assertEqual(sum("vlan 7, p 0, " in f for f in seen), 101, seen[:3])
                stats = stack.stop()
                accounts.check_inside(self, stats)
                self.assertEqual(accounts.drops(stats), wanted)

    def test_interpreted(self):
        for wire in ("tap", "af_packet"):
            self.everything(wire, "intel_82599", "--interpret")

    def test_own_port(self):
        """Without an emulated card: the plan is for the wire's own DPDK port."""
        with lib.Lab() as lab:
            plan = lab.compile("tap", "quickstart", "--queues", "1")
            stack, peer = start(lab, "tap", plan, "--card", "port")
            peer.join()
            self.assertEqual(traffic.pings(peer.space, 500)[0], 500)
            right, sent = traffic.udp_echo(peer.space, SOME_SIZES)
            self.assertEqual(right, sent)
            given, got = peer.leave(stack)
            stats = stack.stop()
            self.assertTrue(stats["balance"]["exact"], stats["balance"])
            self.assertEqual(sum(stats["card"]["queue_received"]), given)
            self.assertEqual(stats["card"]["transmitted"], got)

    def test_fragments(self):
        """Datagrams in pieces are put together, and their echoes are cut again."""
        with lib.Lab() as lab:
            plan = lab.compile("intel_82599")
            stack, peer = start(lab, "tap", plan)
            peer.join()
            with traffic.udp_socket(peer.space) as s:
                s.connect((lib.WEFT_IP, lib.ECHO_PORT))
                s.settimeout(5)
                for size in (1473, 3000, 9000):
                    s.send(traffic.payload(size, 1))
                    self.assertEqual(s.recv(65535), traffic.payload(size, 1))
            pieces = 2 + 3 + 7
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertEqual(accounts.entries(stats, "ipv4_reassembled"), 3)
            self.assertEqual(accounts.count(stats, "ipv4_held"), pieces)
            self.assertEqual(accounts.entries(stats, "ipv4_piece"), pieces)
            self.assertEqual(accounts.drops(stats), {})

    def test_flood_is_counted(self):
        """More than fits anywhere: what is lost is lost with a name, and nothing else."""
        for wire in ("tap", "af_packet"):
            with lib.Lab() as lab:
                plan = lab.compile("intel_82599")
                stack, peer = start(lab, wire, plan, "--interpret")
                peer.join()
                traffic.pings(peer.space, 1)
                sent = traffic.flood(peer.space, seconds=1.5)
                given, got = peer.leave(stack)
                stats = stack.stop()
                accounts.check_inside(self, stats)
                accounts.check_peer(self, stats, given, got)
                print(f"{wire}: {sent} datagrams at once; {given} sent by the peer, "
                      f"{stats['wire']['received']} received, "
                      f"{accounts.drops(stats)}", flush=True)


class Cores(Traffic):
    """4 queues on 2 and on 4 net cores (more threads than this machine may have CPUs)."""

    def steered(self, wire, model, cores, *arguments):
        with lib.Lab() as lab:
            split = ("--queues", "4", "--cores", str(cores))
            plan = lab.compile(model, "quickstart", *split)
            told = json.loads(lib.sh(lib.WEFT, "compile", "host_udp_ipv4", "--nic", model,
                                     "--workload", "quickstart", *split, "--json").stdout)
            stack, peer = start(lab, wire, plan, *arguments)
            peer.join()
            rounds = 5
            right, sent = traffic.udp_echo(peer.space, [100] * rounds * len(lib.FLOW_PORTS),
                                           others=0)
            self.assertEqual(right, sent)
            stats = stack.stats()
            self.assertEqual(len(stats["cores"]), cores)
            self.assertEqual(len({q["core"] for q in stats["queues"]}), cores)
            planned = [0] * 4
            for flow in told["flows"]:
                planned[flow["queue"]] += rounds
            self.assertEqual(sum(planned), sent)
            self.assertEqual([q["nodes"].get("udp_deliver", 0) for q in stats["queues"]], planned)
            self.assertGreater(sum(n > 0 for n in planned), 1, "flows are on several queues")
            self.assertEqual(accounts.entries(stats, "rx"), stats["wire"]["received"])
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            print(f"{wire} {model} on {cores} cores: datagrams per queue {planned}", flush=True)

    def test_flows_on_planned_queues(self):
        for cores in (2, 4):
            for arguments in ((), ("--interpret",)):
                for model in (MODELS[2:] if lib.NIGHTLY else ("intel_82599",)):
                    with self.subTest(cores=cores, model=model, arguments=arguments):
                        self.steered("af_packet" if cores == 2 else "tap", model, cores,
                                     *arguments)

    def test_all_traffic_2_cores(self):
        self.everything("tap", "intel_82599", compile_with=("--queues", "4", "--cores", "2"))

    def test_all_traffic_4_cores(self):
        self.everything("af_packet", "intel_e810", compile_with=("--queues", "4", "--cores", "4"))

    def test_all_traffic_4_cores_interpreted(self):
        self.everything("tap", "ideal", "--interpret",
                        compile_with=("--queues", "4", "--cores", "4"))


class TheTestsThemselves(unittest.TestCase):
    def test_bad_checksums_would_be_found(self):
        way = {"src": lib.WEFT_IP, "dst": lib.PEER_IP}
        quoted = bytes(4) + frames.udp(b"", 5, 9)
        fine = [frames.udp(b"abc", 7, 5, **way), frames.icmp(0, 0, bytes(4), **way),
                frames.icmp(3, 3, quoted, **way)]
        wrong = [frames.udp(b"abc", 7, 5, wrong=4, **way),
                 frames.icmp(0, 0, bytes(4), wrong=4, **way),
                 frames.icmp(3, 3, quoted, wrong=4, **way),
                 frames.ipv4(bytes(9), 17, wrong=4, **way),
                 fine[1][:11] + bytes([fine[1][11] ^ 1]) + fine[1][12:],
                 fine[2][:11] + bytes([fine[2][11] ^ 1]) + fine[2][12:]]
        with lib.Lab() as lab:
            for packets, bad in ((fine, 0), (wrong, len(wrong))):
                frames.write(lab.folder / "t.pcap", [frames.eth(p) for p in packets])
                read = lib.read_capture(lab.folder / "t.pcap")
                self.assertEqual(len(read), len(packets))
                self.assertEqual(len(lib.bad_checksums(read)), bad, "\n".join(read))


if __name__ == "__main__":
    lib.main()
