#!/usr/bin/env python3
"""weft drives QEMU's own network cards in a guest: what the catalogue says of them is what they do,
and their offloads and queues are used as planned.

    test_cards.py [-k PART_OF_A_NAME]
"""
import json
import pathlib
import socket
import sys
import unittest

import guest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
import accounts
import frames
import lib
import traffic

SIZES = [*range(0, 40), *range(40, traffic.LARGEST, 61), traffic.LARGEST]
CLOSED = (1, 9, 53, 40000, 65535)
PINGS, BIG_PINGS, RIGHT, WRONG_UDP, WRONG_IP, FOREIGN = 200, 10, 30, 20, 10, 5
ECHOED = 100_000  # bytes of text that a peer sends over a connection
ANNOUNCED = 2  # frames that the stack sends by itself
# Plans that run as generated code; the others are interpreted.
GENERATED = ("qemu_e1000e", "virtio_rss")

# Cards that sum up segments of TCP: do they cut them, too?
TCP = {"qemu_e1000e": False, "vmxnet3": False, "virtio": True}

# Model, QEMU's device with options, queues of the plan and of the TAP.
CARDS = {
    "qemu_e1000e": ("e1000e", "", 1),
    "vmxnet3": ("vmxnet3", "", 1),
    "virtio": ("virtio-net-pci", ",disable-legacy=on", 1),
    "virtio_rss": ("virtio-net-pci", ",disable-legacy=on,rss=on", 4),
}


class Cards(unittest.TestCase):
    """One guest with all cards; weft runs on one after the other."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lib.Lab()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.cards, plans, cls.told = {}, {}, {}
        for number, (model, (device, options, queues)) in enumerate(CARDS.items()):
            cls.cards[model] = guest.Card(number, device, options, queues)
            words = ("--queues", str(queues), "--cores", str(min(queues, 2)))
            plan = cls.lab.compile(model, "quickstart", *words)
            plans[f"{model}.yaml"] = plan
            cls.told[model] = json.loads(lib.sh(lib.WEFT, "compile", "host_udp_ipv4", "--nic", model,
                                                "--workload", "quickstart", *words, "--json").stdout)
            if model in GENERATED:
                plans[f"{model}.so"] = cls.build(plan, "x86-64-v2")
        for model in TCP:
            plans[f"{model}_tcp.yaml"] = cls.lab.compile(model, "tcp_echo", graph="host_ipv4")
        plans["v4.so"] = cls.build(plans["qemu_e1000e.yaml"], "x86-64-v4")
        cls.guest = guest.Guest(cls.lab, list(cls.cards.values()), plans)
        cls.peers = dict(zip(CARDS, cls.guest.start()))
        print(f"the guest is up after {cls.guest.seconds:.1f} s", flush=True)

    @staticmethod
    def build(plan, cpu):
        """The object of a plan's generated code, for a CPU that QEMU has or lacks."""
        built = lib.sh(lib.WEFT, "build", plan, "--cpu", cpu, timeout=300)
        return built.stdout.split("object ")[1].strip()

    def refused(self, plan, model, *arguments):
        """What weft-runtime says when it does not start: exit code 5."""
        said, code = self.guest.run(f"weft-runtime /plans/{plan}.yaml --wire "
                                    f"pci:{self.cards[model].address} {' '.join(arguments)}")
        self.assertEqual(code, 5, said)
        return said

    def bind(self, model):
        """Binds the card with the command that the doctor gives, which is then content."""
        wire = f"pci:{self.cards[model].address}"
        ask = f"weft-runtime --doctor /plans/{model}.yaml --wire {wire} --json"
        said, code = self.guest.run(ask)
        self.assertEqual(code, 5, said)
        bad = [c for c in json.loads(said)["checks"] if not c["ok"]]
        self.assertEqual([c["name"] for c in bad], ["binding"], said)
        self.guest.must(bad[0]["mend"])
        said, code = self.guest.run(ask)
        self.assertEqual(code, 0, said)

    def wrong_frames(self, peer):
        """Frames made by hand, from sockets that read the answers: only the right ones have one."""
        own = peer.space.run("cat", f"/sys/class/net/{peer.interface}/address").stdout.strip()
        with peer.space.inside():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind((peer.interface, 0))
        answers = traffic.udp_socket(peer.space, 41000)
        with raw, answers:
            answers.settimeout(5)

            def send(data, dst=lib.WEFT_MAC, **how):
                packet = frames.udp(data, 41000, **how)
                raw.send(frames.eth(packet, src=own, dst=dst))

            for n in range(RIGHT):
                if n < WRONG_UDP:
                    send(b"wrong", wrong=0x0101 + n)
                if n < WRONG_IP:
                    head = frames.ipv4(frames.udp(b"wrong", 41000)[20:], 17, wrong=1 + n)
                    raw.send(frames.eth(head, src=own))
                if n < FOREIGN:
                    send(b"foreign", dst="02:00:00:00:77:77")
                data = traffic.payload(n * 45, n)
                send(data)
                self.assertEqual(answers.recv(2000), data, "answered as it was sent")

    def start(self, model):
        how = ("--object", f"/plans/{model}.so") if model in GENERATED else ("--interpret",)
        return guest.Stack(self.guest, self.cards[model], f"{model}.yaml", *how).ready()

    def everything(self, model):
        peer = self.peers[model]
        self.bind(model)
        peer.join()
        before = peer.counts()
        stack = self.start(model)
        lib.wait_for("the address is announced twice",
                     lambda: peer.counts()[1] == before[1] + ANNOUNCED)
        # What the kernel sends must not be the peer's: it leaves its checksums unfinished.
        self.assertIn("tx-checksumming: on",
                      peer.space.run("ethtool", "-k", peer.interface).stdout)
        capture = self.lab.capture(peer.space, peer.interface)
        self.assertEqual(traffic.pings(peer.space, PINGS)[0], PINGS)
        self.assertEqual(traffic.pings(peer.space, BIG_PINGS, size=1472)[0], BIG_PINGS)
        self.assertEqual(traffic.udp_echo(peer.space, SIZES), (len(SIZES), len(SIZES)))
        self.assertEqual(traffic.closed_ports(peer.space, CLOSED), len(CLOSED))
        self.wrong_frames(peer)
        given, got = (after - b for after, b in zip(peer.quiet(), before))
        seen = capture.stop()
        self.assertEqual(lib.bad_checksums(seen), [])
        self.assertEqual(len(seen), got - ANNOUNCED)
        stats = stack.stop()
        self.account(model, stats, given, got)
        return stats

    def account(self, model, stats, given, got):
        self.assertTrue(stats["balance"]["exact"], stats["balance"])
        card = stats["card"]
        self.assertEqual([d for d in card["drops"] if d["count"]], [])
        # Frames for others end at the card, which has no counter for them.
        self.assertEqual(sum(card["queue_received"]), given - FOREIGN, card)
        self.assertEqual(card["transmitted"], got)
        self.assertEqual(accounts.drops(stats), {"drop_udp_checksum": WRONG_UDP,
                                                 "drop_ipv4_checksum": WRONG_IP,
                                                 "drop_udp_no_endpoint": len(CLOSED)})
        self.assertEqual(accounts.count(stats, "icmp_answered"), PINGS + BIG_PINGS)
        self.assertEqual(accounts.count(stats, "udp_deliver"), len(SIZES) + RIGHT)
        self.assertEqual(accounts.port(stats, "port_unreachable", "sent"), len(CLOSED))

    def knobs(self, model):
        return {k for k, on in self.told[model]["configuration"]["knobs"].items() if on}

    def test_0_a_card_in_use_is_left_alone(self):
        self.guest.must("modprobe virtio_pci && modprobe virtio_net")
        address = self.cards["virtio"].address
        interface = self.guest.must(f"ls /sys/bus/pci/devices/{address}/virtio*/net")
        self.guest.must(f"ifconfig {interface} 10.99.0.1")
        said = self.refused("virtio", "virtio", "--interpret")
        self.assertIn(f"is {interface}, which this kernel uses: it has", said)
        self.assertNotIn("unbind", said)
        self.guest.must(f"ifconfig {interface} | grep -q 10.99.0.1")
        self.guest.must(f"ifconfig {interface} 0.0.0.0 down")

    def test_1_qemu_e1000e(self):
        """Its word proves nothing on receive; on transmit it does both sums."""
        self.assertEqual(self.knobs("qemu_e1000e"), {"tx.ipv4_cksum", "tx.udp_cksum"})
        self.everything("qemu_e1000e")
        said = self.refused("qemu_e1000e", "qemu_e1000e", "--object", "/plans/v4.so")
        self.assertRegex(said, "compiled for a CPU with .*avx512f.*, which this one lacks")
        said = self.refused("qemu_e1000e", "qemu_e1000e", "--interpret", "--no-huge")
        self.assertIn("only huge pages keep in place", said)
        said = self.refused("vmxnet3", "qemu_e1000e", "--interpret")
        self.assertIn("the plan is for a card of net_vmxnet3", said)

    def test_2_vmxnet3(self):
        self.assertEqual(self.knobs("vmxnet3"), {"rx.l4_cksum", "tx.udp_cksum"})
        self.everything("vmxnet3")

    def test_3_virtio(self):
        """Datagrams of the peer come with their checksum unfinished, and are read as `none`."""
        self.assertEqual(self.knobs("virtio"), {"rx.l4_cksum", "tx.udp_cksum"})
        self.everything("virtio")
        said = self.refused("virtio_rss", "virtio", "--interpret")
        self.assertIn("the plan has 4 receive queues", said)

    def test_4_virtio_rss(self):
        """Key and table of the plan are in the card: each flow arrives on its planned queue."""
        told = self.told["virtio_rss"]
        self.assertEqual(told["configuration"]["rx_queues"], 4)
        stats = self.everything("virtio_rss")
        self.assertEqual(len({q["core"] for q in stats["queues"]}), 2)
        self.assertEqual(min(stats["card"]["queue_received"]) > 0, True, "every queue is used")
        stack, peer = self.start("virtio_rss"), self.peers["virtio_rss"]
        peer.join()
        rounds = 3
        sizes = [100] * rounds * len(lib.FLOW_PORTS)
        self.assertEqual(traffic.udp_echo(peer.space, sizes, others=0), (len(sizes), len(sizes)))
        peer.quiet()
        planned = [0] * 4
        for flow in told["flows"]:
            planned[flow["queue"]] += rounds
        arrived = [q["nodes"].get("udp_deliver", 0) for q in stack.stop()["queues"]]
        self.assertEqual(arrived, planned)
        print("datagrams per queue, as planned:", planned, flush=True)

    def test_5_tcp(self):
        """Checksums of segments, and cutting (TSO), are used as planned: the right bytes, no wrong
        sum; where the card cuts, it is given more in a frame than a segment holds. The peer leaves
        its sums to whom they concern: virtio hands them over unfinished.
        """
        for model, cuts in TCP.items():
            with self.subTest(model):
                peer = self.peers[model]
                peer.join()
                stack = guest.Stack(self.guest, self.cards[model], f"{model}_tcp.yaml",
                                    "--interpret").ready()
                self.assertIn("tx-checksumming: on",
                              peer.space.run("ethtool", "-k", peer.interface).stdout)
                capture = self.lab.capture(peer.space, peer.interface)
                text = self.generated(peer.space)
                self.echoed(peer.space)
                seen = capture.stop()
                peer.quiet()
                stats = stack.stop()
                self.assertTrue(all(len(line) == 72 for line in text.split(b"\r\n")[:-1]))
                self.assertEqual(lib.bad_checksums(seen), [])
                # (What comes when the reader of an endless text has gone is dropped, by other names.)
                self.assertNotIn("drop_tcp_checksum", accounts.drops(stats))
                frames_given = sum(q["transmitted"] for q in stats["queues"])
                per_frame = (len(text) + ECHOED) / frames_given
                self.assertEqual(per_frame > 2000, cuts, f"{per_frame} bytes in a frame")
                print(f"{model}: {per_frame:.0f} bytes of text in a frame given to it", flush=True)

    def echoed(self, space):
        """Text of the peer's comes back as it was: its segments were taken."""
        sent = traffic.payload(ECHOED, 5)
        with space.inside():
            s = socket.create_connection((lib.WEFT_IP, 7), 20)
        with s:
            s.settimeout(20)
            back = bytearray()
            for at in range(0, ECHOED, 10_000):  # no more on its way than both sides hold
                s.sendall(sent[at:at + 10_000])
                while len(back) < min(at + 10_000, ECHOED):
                    back.extend(s.recv(65536))
        self.assertEqual(bytes(back), sent)

    def generated(self, space, size=400_000):
        with space.inside():
            s = socket.create_connection((lib.WEFT_IP, 19), 20)
        with s:
            s.settimeout(20)
            text = bytearray()
            while len(text) < size:
                text.extend(s.recv(65536))
        return bytes(text)


@unittest.skipUnless(lib.NIGHTLY, "nightly: another guest")
class BehindAnIommu(unittest.TestCase):
    """vfio-pci gives a card nothing but weft's own memory, so no huge pages are needed."""

    def test_without_huge_pages(self):
        devices = {"qemu_e1000e": ("e1000e", ""),
                   "virtio": ("virtio-net-pci", ",disable-legacy=on,iommu_platform=on")}
        with lib.Lab() as lab:
            plans = {f"{model}.yaml": lab.compile(model, "quickstart", "--queues", "1")
                     for model in devices}
            cards = [guest.Card(n, *how) for n, how in enumerate(devices.values())]
            machine = guest.Guest(lab, cards, plans, iommu=True, kernel_words="intel_iommu=on")
            peers = machine.start()
            machine.must("modprobe vfio_iommu_type1 && modprobe vfio-pci")
            for model, card, peer in zip(devices, cards, peers):
                ask = f"weft-runtime --doctor /plans/{model}.yaml --wire pci:{card.address} --json"
                said, _ = machine.run(ask)
                mend = [c["mend"] for c in json.loads(said)["checks"] if not c["ok"]]
                self.assertEqual(len(mend), 1, said)
                self.assertIn("vfio-pci", mend[0])
                machine.must(mend[0])
                stack = guest.Stack(machine, card, f"{model}.yaml", "--interpret", "--no-huge").ready()
                peer.join()
                self.assertEqual(traffic.pings(peer.space, PINGS)[0], PINGS)
                self.assertEqual(traffic.udp_echo(peer.space, SIZES), (len(SIZES), len(SIZES)))
                peer.leave()
                self.assertTrue(stack.stop()["balance"]["exact"])


if __name__ == "__main__":
    lib.main(also=guest.lacking)
