#!/usr/bin/env python3
"""AF_XDP with the kernel as peer; memif, virtio_user and vhost with dpdk-testpmd between weft and the
kernel. As test_wires.py: everything is answered, every packet is accounted for on both sides.

    test_more_wires.py [-k PART_OF_A_NAME]      WEFT_NIGHTLY=1: all models
"""
import json
import shlex
import shutil
import signal
import time
import unittest

import accounts
import lib
import test_wires
import traffic
from test_lifecycle import NOT_READY, mending
from testpmd import Bridge

SOME_SIZES = test_wires.SOME_SIZES
EVERY_SIZE = test_wires.EVERY_SIZE


def xdp_program(space, interface="weft0"):
    return "prog/xdp" in space.run("ip", "link", "show", interface).stdout


def socket_of(lab):
    return lab.folder / "wire.sock"


class Sockets:
    """A wire over a socket: weft's name for it, the other side's device, and who starts first."""

    def __init__(self, wire, device, weft_first):
        self.wire, self.device, self.weft_first = wire, device, weft_first

    def start(self, lab, plan, *arguments, mtu=None):
        """(stack, bridge, peer): the kernel at the other end of testpmd's TAP."""
        space = lab.space("p")
        wire, device = (text.format(socket_of(lab)) for text in (self.wire, self.device))
        bridge = stack = None
        if self.weft_first:
            stack = lab.start(None, plan, wire, *arguments)
        bridge = Bridge(lab, space, device, mtu).ready()
        if not self.weft_first:
            stack = lab.start(None, plan, wire, *arguments)
        space.run("ip", "link", "set", "tap0", "up")
        return stack, bridge, lib.Peer(space, "tap0")


SOCKETS = {
    "memif_server": Sockets("memif:{}", "net_memif0,role=client,socket={},socket-abstract=no", True),
    "memif_client": Sockets("memif:{},client", "net_memif0,role=server,socket={},socket-abstract=no",
                            False),
    "virtio_user": Sockets("virtio_user:{}", "net_vhost0,iface={},queues=1", False),
    "vhost": Sockets("vhost:{}", "net_virtio_user0,path={},queue_size=1024", True),
}


ZERO_COPY = Sockets("memif:{},client,zero-copy",
                    "net_memif0,role=server,socket={},socket-abstract=no", False)


class Traffic(test_wires.Traffic):
    def own_port(self, lab, stack, peer, count=2_000):
        """Without an emulated card: pings and datagrams, and the port's own counters."""
        stack.announced()
        earlier = stack.stats()["card"]["transmitted"] - peer.counts()[1]
        self.assertIn(earlier, (0, 1, 2), "before the peer took anything")
        peer.join()
        capture = lab.capture(peer.space, peer.interface)
        self.assertEqual(traffic.pings(peer.space, count)[0], count)
        right, sent = traffic.udp_echo(peer.space, SOME_SIZES)
        self.assertEqual(right, sent)
        given, got = peer.leave(stack)
        self.assertEqual(lib.bad_checksums(capture.stop()), [])
        stats = stack.stop()
        self.assertTrue(stats["balance"]["exact"], stats["balance"])
        self.assertEqual(sum(stats["card"]["queue_received"]), given)
        self.assertEqual(stats["card"]["transmitted"] - earlier, got)
        print(f"{stack.wire} {stats['nic']} by its own port: {count} pings, {right} datagrams; "
              f"{given} sent = {stats['card']['received']} received", flush=True)
        return stats


class AfPacketPort(Traffic):
    def test_own_port(self):
        """The interface keeps its address: the stack's is one more, as long as it runs."""
        with lib.Lab() as lab:
            plan = lab.compile("af_packet", "quickstart", "--queues", "1")
            mine, peer = lab.space("w"), lab.space("p")
            lab.veth(mine, peer)
            before = self.address(mine)
            stack = lab.start(mine, plan, "af_packet:weft0", "--card", "port")
            self.assertEqual(self.address(mine), before)
            self.rests(stack)
            self.own_port(lab, stack, lib.Peer(peer, "peer0"))
            self.assertEqual(self.address(mine), before)

    def rests(self, stack):
        """An idle core lies until its socket is readable: it does not look every 200 us."""
        stack.announced()
        before = stack.stats()["cores"][0]["sleeps"]
        time.sleep(0.3)
        self.assertLess(stack.stats()["cores"][0]["sleeps"] - before, 100)

    def address(self, space):
        return json.loads(space.run("ip", "-j", "link", "show", "weft0").stdout)[0]["address"]


class AfXdp(Traffic):
    def start(self, lab, model, *arguments, compile_with=()):
        plan = lab.compile(model, "quickstart", *compile_with)
        mine, peer = lab.space("w"), lab.space("p")
        lab.veth(mine, peer)
        stack = lab.start(mine, plan, "af_xdp:weft0", *arguments)
        return mine, stack, lib.Peer(peer, "peer0")

    def everything(self, model, *arguments, full=False):
        with lib.Lab() as lab:
            mine, stack, peer = self.start(lab, model, *arguments)
            self.assertTrue(xdp_program(mine))
            self.exchange(lab, stack, peer, 10_000 if full else 1_000,
                          EVERY_SIZE if full else SOME_SIZES)
            self.assertFalse(xdp_program(mine), "the program goes with the stack")

    def test_all_traffic(self):
        self.everything("intel_82599", full=True)

    def test_all_traffic_interpreted(self):
        self.everything("none", "--interpret")

    def test_own_port(self):
        with lib.Lab() as lab:
            _, stack, peer = self.start(lab, "af_xdp", "--card", "port",
                                        compile_with=("--queues", "1"))
            self.own_port(lab, stack, peer, 500)

    def test_flood_is_counted(self):
        """More than fits: what the kernel could not put into the socket's ring is counted."""
        with lib.Lab() as lab:
            _, stack, peer = self.start(lab, "none", "--interpret")
            peer.join()
            traffic.pings(peer.space, 1)
            sent = traffic.flood(peer.space, seconds=1.5)
            given, got = peer.leave(stack)
            stats = stack.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            print(f"af_xdp: {sent} datagrams at once; {given} sent by the peer, "
                  f"{stats['wire']['received']} received, {accounts.drops(stats)}", flush=True)

    def test_stopped_stack_is_counted(self):
        """The stack stands still, the ring overflows: every frame that is lost has been counted."""
        with lib.Lab() as lab:
            _, stack, peer = self.start(lab, "none")
            peer.join()
            traffic.pings(peer.space, 1)
            pid = stack.process.pid
            stack.process.send_signal(signal.SIGSTOP)
            try:
                traffic.flood(peer.space, seconds=0.5)
            finally:
                stack.process.send_signal(signal.SIGCONT)
            given, got = peer.leave(stack)
            stats = stack.stop()
            self.assertEqual(stats["pid"], pid)
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given, got)
            self.assertGreater(stats["wire"]["dropped_by_wire"], 1000)


class OverSockets(Traffic):
    """test_<wire> and test_<wire>_own_port, made below."""

    def everything(self, name, model="intel_82599", pings=500):
        with lib.Lab() as lab:
            stack, bridge, peer = SOCKETS[name].start(lab, lab.compile(model))
            self.exchange(lab, stack, peer, pings, SOME_SIZES)
            bridge.stop()

    def own(self, name):
        with lib.Lab() as lab:
            model = SOCKETS[name].wire.split(":")[0]
            plan = lab.compile(model, "quickstart", "--queues", "1")
            stack, bridge, peer = SOCKETS[name].start(lab, plan, "--card", "port")
            self.own_port(lab, stack, peer, 500)
            bridge.stop()


    def test_zero_copy(self):
        """weft's own buffers are what the peer reads and writes. (Before weft has polled the ring for
        the first time there is no buffer in it: what comes then stays with the peer, and is
        counted there.)
        """
        with lib.Lab() as lab:
            stack, bridge, peer = ZERO_COPY.start(lab, lab.compile("intel_82599"))
            lost = stack.announced()
            peer.join()
            self.assertEqual(traffic.pings(peer.space, 2000)[0], 2000)
            right, sent = traffic.udp_echo(peer.space, SOME_SIZES)
            self.assertEqual(right, sent)
            given, got = peer.leave(stack)
            refused = bridge.refused_by_wire()
            stats = stack.stop()
            bridge.stop()
            accounts.check_inside(self, stats)
            accounts.check_peer(self, stats, given - refused, got)
            self.assertEqual(accounts.drops(stats), lost)


for _name in SOCKETS:
    setattr(OverSockets, f"test_{_name}", lambda self, n=_name: self.everything(n))
    setattr(OverSockets, f"test_{_name}_own_port", lambda self, n=_name: self.own(n))


class Jumbo(Traffic):
    """Frames of 9,000 bytes."""
    MTU = 9000
    SIZES = sorted({0, 1, 1472, 1473, 2000, 2001, *range(1900, 2100, 7), *range(64, 8972, 211),
                    *range(3900, 4300, 19), 8971, 8972})

    def compile(self, lab, model):
        return lab.compile(model, lab.workload(gateway=f"gateway: 10.7.0.1\n  mtu: {self.MTU}"))

    def exchange_long(self, stack, peer):
        lost = stack.announced()
        peer.join()
        self.assertEqual(traffic.pings(peer.space, 200, size=self.MTU - 28)[0], 200)
        self.assertEqual(traffic.pings(peer.space, 200)[0], 200)
        right, sent = traffic.udp_echo(peer.space, self.SIZES)
        self.assertEqual(right, sent)
        given, got = peer.leave(stack)
        stats = stack.stop()
        accounts.check_inside(self, stats)
        accounts.check_peer(self, stats, given, got)
        self.assertEqual(accounts.drops(stats), lost)
        joined = sum(q["linearised"] for q in stats["queues"])
        print(f"{stack.wire} {stats['nic']} MTU {self.MTU}: 400 pings, {right} datagrams; {given} "
              f"sent = {stats['wire']['received']} received, {joined} of them in several buffers",
              flush=True)
        return joined

    def test_af_packet(self):
        for model, arguments in (("ideal", ()), ("intel_82599", ("--interpret",))):
            with self.subTest(model), lib.Lab() as lab:
                plan, mine, peer = self.compile(lab, model), lab.space("w"), lab.space("p")
                lab.veth(mine, peer)
                for space, interface in ((mine, "weft0"), (peer, "peer0")):
                    space.run("ip", "link", "set", interface, "mtu", self.MTU)
                stack = lab.start(mine, plan, "af_packet:weft0", *arguments)
                self.assertEqual(self.exchange_long(stack, lib.Peer(peer, "peer0")), 0)

    def test_scattered(self):
        """Over virtio they come in buffers of 2 KiB, several for one frame."""
        for name in ("virtio_user", "vhost"):
            with self.subTest(name), lib.Lab() as lab:
                plan = self.compile(lab, "intel_82599")
                stack, bridge, peer = SOCKETS[name].start(lab, plan, mtu=self.MTU)
                long_ones = 200 + sum(size + 42 > 2048 for size in self.SIZES)
                self.assertEqual(self.exchange_long(stack, peer), long_ones)
                bridge.stop()

    def test_what_cannot_carry_them(self):
        with lib.Lab() as lab:
            plan, space = self.compile(lab, "ideal"), lab.space("p")
            for wire, most in (("tap:weft0", 1522), ("af_xdp:weft0", 3522)):
                stack = lab.start(space, plan, wire, ready=False)
                self.assertEqual(stack.wait(30), NOT_READY, stack.said())
                self.assertIn("E0612", stack.said())
                self.assertIn(f"frames of at most {most} bytes", stack.said())


class Refused(unittest.TestCase):
    """What the doctor finds, and that its command mends it."""

    def refused(self, stack, *words):
        self.assertEqual(stack.wait(30), NOT_READY, stack.said())
        for word in words:
            self.assertIn(word, stack.said())
        self.assertFalse(stack.stats_file.exists(), "nothing ran")
        return mending(stack.said())

    def test_af_xdp(self):
        with lib.Lab() as lab:
            plan, mine, peer = lab.compile("none"), lab.space("w"), lab.space("p")
            self.refused(lab.start(mine, plan, "af_xdp:weft0", ready=False), "no interface weft0")
            lab.veth(mine, peer)
            peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
            mine.run("ip", "link", "set", "weft0", "down")
            more = mine.run("ethtool", "-L", "weft0", "rx", "2", check=False).returncode == 0
            commands = self.refused(lab.start(mine, plan, "af_xdp:weft0", ready=False), "is down")
            self.assertEqual(commands, ["ip link set weft0 up"] +
                             ["ethtool -L weft0 rx 1"] * more)
            for command in commands:
                mine.run(*shlex.split(command))
            stack = lab.start(mine, plan, "af_xdp:weft0")
            self.assertEqual(traffic.pings(peer, 20)[0], 20)
            # A run that was killed leaves its program behind.
            stack.kill()
            self.assertTrue(xdp_program(mine))
            commands = self.refused(lab.start(mine, plan, "af_xdp:weft0", ready=False),
                                    "left over")
            self.assertEqual(commands, ["ip link set dev weft0 xdp off"])
            mine.run(*shlex.split(commands[0]))
            stack = lab.start(mine, plan, "af_xdp:weft0")
            self.assertEqual(traffic.pings(peer, 20)[0], 20)
            accounts.check_inside(self, stack.stop())

    def test_rule_that_only_validates(self):
        """net_tap calls a rule valid that the kernel then cannot have: found out, and undone."""
        with lib.Lab() as lab:
            space = lab.space("p")
            plan = lab.compile("tap", "quickstart", "--queues", "1")
            rule = ("  filters:\n    - {id: f0, table: flower, queue: 0, priority: 0, match: "
                    f"{{ipv4.dst: {lib.WEFT_IP}, ipv4.protocol: 17, ipv4.src: {lib.PEER_IP}, "
                    "udp.dst_port: 7, udp.src_port: 40000}}\n")
            edited = lab.folder / "rule.plan.yaml"
            edited.write_text(plan.read_text().replace("  tx_queues: 1\n", "  tx_queues: 1\n" + rule))
            stack = lab.start(space, edited, "tap:weft0", "--card", "port", "--unproved",
                              ready=False)
            self.refused(stack, "E0613", "filter `f0` valid and then cannot create it",
                         "taken off the card again")
            self.assertNotIn("weft0", space.run("ip", "-o", "link").stdout)
            # The same plan without the rule runs.
            stack = lab.start(space, plan, "tap:weft0", "--card", "port")
            lib.Peer(space, "weft0").join()
            self.assertEqual(traffic.pings(space, 20)[0], 20)
            self.assertTrue(stack.stop()["balance"]["exact"])

    def test_sockets(self):
        with lib.Lab() as lab:
            plan, path = lab.compile("none"), socket_of(lab)
            nobody = lab.start(None, plan, f"virtio_user:{path}", ready=False)
            self.assertEqual(self.refused(nobody, "nobody to talk to"),
                             ["start the other side first"])
            for kind in ("memif", "vhost"):
                with self.subTest(kind):
                    nobody = lab.start(None, plan, f"{kind}:{path},client", ready=False)
                    self.assertIn(f"--wire {kind}:{path},server",
                                  self.refused(nobody, "nobody to talk to")[0])
                    self.refused(lab.start(None, plan, f"{kind}:{lab.folder}/no/such,server",
                                           ready=False), "cannot be used")
                    path.write_text("no socket")
                    self.refused(lab.start(None, plan, f"{kind}:{path},server", ready=False),
                                 "no socket")
                    path.unlink()

    def test_left_over_sockets(self):
        with lib.Lab() as lab:
            plan, path = lab.compile("none"), socket_of(lab)
            for kind in ("memif", "vhost"):
                with self.subTest(kind):
                    first = lab.start(None, plan, f"{kind}:{path}")
                    self.refused(lab.start(None, plan, f"{kind}:{path}", ready=False),
                                 "another process listens")
                    first.kill()
                    commands = self.refused(lab.start(None, plan, f"{kind}:{path}", ready=False),
                                            "left over")
                    self.assertEqual(commands, [f"rm {path}"])
                    lib.sh(*shlex.split(commands[0]))
                    accounts.check_inside(self, lab.start(None, plan, f"{kind}:{path}").stop())
                    self.assertFalse(path.exists(), "the socket goes with the stack")


class Ends(unittest.TestCase):
    def test_vanished_veth(self):
        with lib.Lab() as lab:
            plan = lab.compile("intel_82599")
            for _ in range(2):
                mine, peer = lab.space("w"), lab.space("p")
                lab.veth(mine, peer)
                peer.run("ip", "addr", "add", f"{lib.PEER_IP}/24", "dev", "peer0")
                stack = lab.start(mine, plan, "af_xdp:weft0")
                self.assertEqual(traffic.pings(peer, 50)[0], 50)
                peer.run("ip", "link", "del", "peer0")
                self.assertEqual(stack.wait(10), NOT_READY, stack.said())
                self.assertIn("interface weft0 is gone", stack.said())
                self.assertIn("every packet is accounted for", stack.said())
                mine.run("ip", "link", "del", "weft0", check=False)
                for space in (mine, peer):
                    space.remove()
                    lab.spaces.remove(space)

    def test_the_other_side_dies(self):
        """Who went to a peer ends when that is gone for good; who waits for peers goes on."""
        for name in ("memif_client", "virtio_user"):
            with self.subTest(name), lib.Lab() as lab:
                stack, bridge, peer = SOCKETS[name].start(lab, lab.compile("none"))
                peer.join()
                self.assertEqual(traffic.pings(peer.space, 50)[0], 50)
                bridge.kill()
                self.assertEqual(stack.wait(10), NOT_READY, stack.said())
                self.assertIn("the other side of", stack.said())
                self.assertIn("every packet is accounted for", stack.said())

    def test_another_comes(self):
        for name in ("memif_server", "vhost"):
            with self.subTest(name), lib.Lab() as lab:
                stack, bridge, peer = SOCKETS[name].start(lab, lab.compile("none"))
                for _ in range(2):
                    peer.join()
                    self.assertEqual(traffic.pings(peer.space, 50)[0], 50)
                    bridge.kill()
                    device = SOCKETS[name].device.format(socket_of(lab))
                    bridge = Bridge(lab, peer.space, device).ready()
                    peer.space.run("ip", "link", "set", "tap0", "up")
                peer.join()
                self.assertEqual(traffic.pings(peer.space, 50)[0], 50)
                bridge.stop()
                stats = stack.stop()
                accounts.check_inside(self, stats)
                self.assertEqual(accounts.count(stats, "icmp_answered"), 150)


if __name__ == "__main__":
    if shutil.which("dpdk-testpmd") is None:
        raise SystemExit("dpdk-testpmd is missing: tests/packages.sh test")
    lib.main()
