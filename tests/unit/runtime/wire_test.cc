// Wires by name, captures, the simulated wire, the stats socket.
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/observe/stats_socket.h"
#include "runtime/ports/sim_wire.h"
#include "runtime/ports/wire_name.h"
#include "tests/unit/runtime/eal.h"

namespace weft::test {
namespace {

using ports::Frame;

std::string scratch(const std::string& name) { return testing::TempDir() + "weft_" + name; }

TEST(WireName, SaysWhatItIs) {
  const auto tap = ports::wire_name("tap:weft0");
  ASSERT_TRUE(tap);
  EXPECT_EQ(tap->interface, "weft0");
  EXPECT_TRUE(tap->live());
  const auto sim = ports::wire_name("sim:a.pcap,b.pcap");
  ASSERT_TRUE(sim);
  EXPECT_EQ(sim->in, "a.pcap");
  EXPECT_EQ(sim->out, "b.pcap");
  EXPECT_FALSE(sim->live());
  EXPECT_TRUE(ports::wire_name("pcap:a.pcap"));
  for (const char* pci : {"pci:0000:5e:00.1", "pci:5e:00.1", "pci:5E:00.1"}) {
    const auto card = ports::wire_name(pci);
    ASSERT_TRUE(card) << pci;
    EXPECT_EQ(card->interface, "0000:5e:00.1");
    EXPECT_EQ(card->text, "pci:0000:5e:00.1");
    EXPECT_TRUE(card->live());
  }
  for (const char* bad :
       {"", "tap", "tap:", "tap:a name", "tap:sixteen-letters-", "tap:a,mac=x", "tap:..",
        "sim:", "pcap:,b", "pcap:a,b,c", "eth:x", "pci:", "pci:04.0", "pci:0000:00:04",
        "pci:0000:00:04.8", "pci:0000:00:04.0,x", "pci:eth0", "pci:0000:00:0g.0"})
    EXPECT_FALSE(ports::wire_name(bad)) << bad;
}

TEST(WireName, SocketsSayWhoListens) {
  const auto memif = ports::wire_name("memif:/run/a.sock");
  ASSERT_TRUE(memif);
  EXPECT_EQ(memif->socket, "/run/a.sock");
  EXPECT_TRUE(memif->server && memif->live() && memif->on_socket());
  EXPECT_FALSE(memif->zero_copy || memif->on_interface());
  EXPECT_TRUE(ports::wire_name("memif:a,client,zero-copy")->zero_copy);
  EXPECT_FALSE(ports::wire_name("virtio_user:a")->server);
  EXPECT_FALSE(ports::wire_name("virtio_user:a,server"));
  EXPECT_TRUE(ports::wire_name("vhost:a")->server);
  EXPECT_FALSE(ports::wire_name("vhost:a,client")->server);
  EXPECT_TRUE(ports::wire_name("af_xdp:eth0")->on_interface());
  EXPECT_EQ(ports::wire_name("ring:r")->interface, "r");
  EXPECT_TRUE(ports::wire_name("memif:" + std::string(107, 'a')));
  for (const std::string bad :
       {std::string("memif:"), std::string("memif:a,sever"), std::string("vhost:a,zero-copy"),
        std::string("memif:a,zero-copy"), std::string("vhost:a=b"), std::string("vhost:a b"),
        "memif:" + std::string(108, 'a'), std::string("af_xdp:a/b")})
    EXPECT_FALSE(ports::wire_name(bad)) << bad;
}

TEST(Pcap, WhatIsWrittenIsRead) {
  const std::string path = scratch("trip.pcap");
  {
    auto writer = ports::PcapWriter::open(path);
    ASSERT_TRUE(writer);
    const std::uint8_t bytes[] = {1, 2, 3};
    writer->write(5'000'000'007, bytes, 3);
    writer->write(5'000'000'008, bytes, 0);
    EXPECT_TRUE(writer->flush());
  }
  const auto frames = ports::read_pcap(path);
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 2u);
  EXPECT_EQ((*frames)[0].time_ns, 5'000'000'007u);
  EXPECT_EQ((*frames)[0].bytes, (std::vector<std::uint8_t>{1, 2, 3}));
  EXPECT_TRUE((*frames)[1].bytes.empty());
}

TEST(Pcap, OtherByteOrderAndMicroseconds) {
  const std::string path = scratch("big.pcap");
  const std::vector<std::uint8_t> file = {
      0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0,
      0,    0,    1,    0,    0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1,    0xee};
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<long>(file.size()));
  const auto frames = ports::read_pcap(path);
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 1u);
  EXPECT_EQ((*frames)[0].time_ns, 1'000'002'000u);
}

// Every proper prefix of a capture that ends inside a header or a frame is refused.
TEST(Pcap, BrokenFilesAreRefused) {
  const std::string path = scratch("whole.pcap"), cut = scratch("cut.pcap");
  {
    auto writer = ports::PcapWriter::open(path);
    const std::uint8_t bytes[] = {1, 2, 3, 4};
    writer->write(1, bytes, 4);
  }
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_EQ(whole.size(), 24u + 16 + 4);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    std::ofstream(cut, std::ios::binary).write(whole.data(), static_cast<long>(n));
    EXPECT_EQ(ports::read_pcap(cut).has_value(), n == 24 || n == whole.size()) << n;
  }
  std::string lies = whole;
  lies[32] = lies[33] = lies[34] = 0x7f;  // a frame of 8 MB
  std::ofstream(cut, std::ios::binary).write(lies.data(), static_cast<long>(lies.size()));
  EXPECT_FALSE(ports::read_pcap(cut));
  std::string other = whole;
  other[20] = 101;  // raw IP
  std::ofstream(cut, std::ios::binary).write(other.data(), static_cast<long>(other.size()));
  EXPECT_FALSE(ports::read_pcap(cut));
  EXPECT_FALSE(ports::read_pcap("/nowhere/at.pcap"));
  EXPECT_FALSE(ports::PcapWriter::open("/nowhere/at.pcap"));
}

TEST(SimWire, FramesArriveAtTheirTime) {
  ports::VirtualClock clock{1000};
  // The second is out of order: it arrives with the first.
  ports::SimWire wire("sim", {{500, {1}}, {400, {2, 2}}, {700, {3, 3, 3}}}, clock, packet_pool());
  EXPECT_EQ(wire.next_time(), 1000u);
  rte_mbuf* frames[8];
  ASSERT_EQ(wire.receive(frames, 8), 2);
  EXPECT_EQ(frames[0]->data_len, 1);
  EXPECT_EQ(frames[1]->data_len, 2);
  EXPECT_EQ(wire.next_time(), 1200u);
  EXPECT_FALSE(wire.ended());
  rte_mbuf* more[8];
  EXPECT_EQ(wire.receive(more, 8), 0);
  clock.now_ns = 1200;
  ASSERT_EQ(wire.receive(more, 8), 1);
  EXPECT_TRUE(wire.ended());
  EXPECT_EQ(wire.counters().received, 3u);

  // Two segments leave as one frame.
  frames[0]->next = more[0];
  frames[0]->nb_segs = 2;
  frames[0]->pkt_len = 4;
  clock.now_ns = 5000;
  EXPECT_EQ(wire.transmit(frames, 2), 2);
  ASSERT_EQ(wire.out().size(), 2u);
  EXPECT_EQ(wire.out()[0].bytes, (std::vector<std::uint8_t>{1, 3, 3, 3}));
  EXPECT_EQ(wire.out()[0].time_ns, 5000u);
  EXPECT_EQ(wire.counters().sent, 2u);
}

TEST(SimWire, AFrameThatFitsNoBufferIsCounted) {
  ports::VirtualClock clock;
  ports::SimWire wire("sim", {{0, std::vector<std::uint8_t>(70000)}, {0, {1}}}, clock,
                      packet_pool());
  rte_mbuf* frames[8];
  ASSERT_EQ(wire.receive(frames, 8), 1);
  rte_pktmbuf_free(frames[0]);
  EXPECT_EQ(wire.counters().dropped_by_wire, 1u);
}

std::string ask(const std::string& path, const std::string& line) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  std::string text;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    char buffer[256];
    for (ssize_t n = 0; (n = read(fd, buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
  }
  close(fd);
  return text;
}

TEST(StatsSocket, AnswersOneNameOneInstance) {
  const std::string name = "unit-" + std::to_string(getpid());
  std::string path;
  {
    const auto answer = [](const observe::Question& q) {
      if (q.line == "change 7") return q.body;
      return q.line == "stats" ? std::string(100'000, 'x') : std::string();
    };
    auto first = observe::StatsSocket::open(name, answer);
    ASSERT_TRUE(first) << diag::render(first.error(), false);
    path = (*first)->path();
    EXPECT_EQ(ask(path, "stats\n").size(), 100'001u);
    EXPECT_NE(ask(path, "what\n").find("error"), std::string::npos);
    EXPECT_EQ(ask(path, "change 7 +12\nthe\nchange\n\n"), "the\nchange\n\n\n");
    EXPECT_NE(ask(path, "change 7 +x\n").find("error"), std::string::npos);
    EXPECT_EQ(observe::holder_of(name), getpid());
    auto second = observe::StatsSocket::open(name, answer);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().list.front().code, "E0660");
    EXPECT_EQ(std::filesystem::status(observe::socket_folder()).permissions(),
              std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(observe::holder_of(name), 0);
}

// One byte now and then keeps nobody waiting for longer than one that says nothing at all.
TEST(StatsSocket, ASlowClientHoldsUpNobodyForLong) {
  const std::string name = "unit-slow-" + std::to_string(getpid());
  auto socket = observe::StatsSocket::open(name, [](const observe::Question&) { return "fine"; });
  ASSERT_TRUE(socket);
  std::atomic<bool> stop{false};
  const int slow = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (*socket)->path().c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(connect(slow, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  std::thread dripping([&] {
    for (unsigned i = 0; i < 100 && !stop; ++i) {
      if (send(slow, "x", 1, MSG_NOSIGNAL) != 1) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask((*socket)->path(), "stats\n"), "fine\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  stop = true;
  dripping.join();
  close(slow);
}

TEST(StatsSocket, ASocketOfAKilledInstanceIsNoHindrance) {
  const std::string name = "unit-stale-" + std::to_string(getpid());
  std::filesystem::create_directories(observe::socket_folder());
  std::filesystem::permissions(observe::socket_folder(), std::filesystem::perms::owner_all);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, observe::socket_path(name).c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);  // nobody listens any more, the file stays
  ASSERT_TRUE(std::filesystem::exists(observe::socket_path(name)));
  EXPECT_TRUE(observe::StatsSocket::open(name, [](const observe::Question&) { return "x"; }));
}

}  // namespace
}  // namespace weft::test
