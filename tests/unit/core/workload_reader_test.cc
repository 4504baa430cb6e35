#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <tuple>

#include "compiler/frontend/address.h"
#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

ir::Workload read(const std::string& text) {
  const std::string path = testing::TempDir() + "weft_workload_test.yaml";
  std::ofstream(path) << text;
  auto workload = frontend::read_workload(path);
  std::filesystem::remove(path);
  if (!workload) throw std::runtime_error(test::errors(workload.error()));
  return std::move(*workload);
}

TEST(WorkloadReader, Quickstart) {
  const auto w = frontend::read_workload(test::source("graphs/workloads/quickstart.yaml"));
  ASSERT_TRUE(w) << test::errors(w.error());
  EXPECT_EQ(w->name, "quickstart");
  EXPECT_EQ(w->host.mac, 0x027765667402U);
  EXPECT_EQ(w->host.address, 0x0a070002U);
  EXPECT_EQ(w->host.prefix_length, 24U);
  EXPECT_EQ(w->host.routes, (std::vector<ir::Route>{{0, 0, 0x0a070001}}));
  EXPECT_EQ(w->host.vlan_id, 0U);
  EXPECT_EQ(w->host.mtu, 1500U);
  EXPECT_FALSE(w->host.forwarding);
  EXPECT_EQ(w->queues, 4U);
  ASSERT_EQ(w->endpoints.size(), 1U);
  EXPECT_EQ(w->endpoints[0].port, 7U);
  EXPECT_EQ(w->endpoints[0].rate, 1000);
  ASSERT_EQ(w->flows.size(), 40U);
  EXPECT_EQ(w->flows[39].src_port, 40039U);
  EXPECT_EQ(w->flows[39].src, 0x0a070001U);
  EXPECT_EQ(w->flows[39].dst_port, 7U);
  EXPECT_EQ(w->flows[39].rate, 100);
}

TEST(WorkloadReader, WhatTheChooserGoesBy) {
  const ir::Workload w = read(R"(
workload: wishes
host: {mac: 02:00:00:00:00:02, address: 10.7.0.2/24}
queues: 8
policy: gold
gold_queues: 2
endpoints:
  db: {udp: 7, app: a, class: gold, cost: 500, size: 200, p99: 0.05ms, queue: 4-5, core: 1}
  web: {udp: 8, app: a, exclusive: on, trust: bank}
flows:
  - {endpoint: db, from: 10.7.0.1, port: 1, class: normal, queue: 5}
  - {endpoint: db, from: 10.7.0.1, port: 2}
)");
  EXPECT_EQ(w.policy, ir::Policy::gold);
  EXPECT_EQ(w.gold_queues, 2u);
  const ir::Endpoint& db = w.endpoints.at(0);
  EXPECT_TRUE(db.gold);
  EXPECT_EQ(db.cost, 500);
  EXPECT_EQ(db.size, 200u);
  EXPECT_NEAR(db.p99_us, 50, 1e-9);
  EXPECT_EQ(db.queues, (ir::QueueRange{4, 5}));
  EXPECT_EQ(db.core, 1u);
  EXPECT_TRUE(w.endpoints.at(1).exclusive);
  EXPECT_EQ(w.endpoints.at(1).trust, "bank");
  EXPECT_FALSE(w.flows.at(0).gold);
  EXPECT_EQ(w.flows.at(0).queue, 5u);
  EXPECT_TRUE(w.flows.at(1).gold);
}

// RFC 3168, RFC 9438: of TCP alone.
TEST(WorkloadReader, CongestionOfTcp) {
  const auto with = [](const std::string& endpoint) {
    return read(
               "workload: tcp\nhost: {mac: 02:00:00:00:00:02, address: 10.7.0.2/24}\n"
               "endpoints:\n  a: {" +
               endpoint + ", app: a}\n")
        .endpoints.at(0);
  };
  EXPECT_FALSE(with("tcp: 80").ecn);
  EXPECT_EQ(with("tcp: 80").congestion, ir::Congestion::cubic);
  EXPECT_TRUE(with("tcp: 80, ecn: on").ecn);
  EXPECT_FALSE(with("tcp: 80, ecn: off").ecn);
  EXPECT_EQ(with("tcp: 80, congestion: newreno").congestion, ir::Congestion::newreno);
  EXPECT_EQ(with("tcp: 80, congestion: cubic").congestion, ir::Congestion::cubic);
  for (const char* bad : {"udp: 80, ecn: on", "udp: 80, congestion: cubic", "tcp: 80, ecn: 1",
                          "tcp: 80, congestion: reno"}) {
    EXPECT_THROW(with(bad), std::runtime_error) << bad;
  }
}

std::string with_flows(const std::string& flows) {
  return "workload: sets\nhost: {mac: 02:00:00:00:00:02, address: 10.7.0.2/24}\n"
         "endpoints: {db: {udp: 7, app: a}, web: {udp: 8-9, app: a, class: gold}}\nflows:\n" +
         flows;
}

TEST(WorkloadReader, FlowsByPrefixAndWithAnyPort) {
  const auto w = read(with_flows(
      "  - {endpoint: db, from: 10.9.0.0/16, rate: 100}\n"
      "  - {endpoint: web, from: 10.9.0.0/16, to_port: 9, ports: 40000-40039, rate: 80, queue: 2}\n"
      "  - {endpoint: db, from: 10.8.0.1-10.8.0.2, port: any}\n"
      "  - {endpoint: db, from: 10.9.1.1, port: 5}\n"));
  ASSERT_EQ(w.sets.size(), 5u);
  EXPECT_EQ(ir::sources_of(w.sets[0]), "10.9.0.0/16");
  EXPECT_EQ(w.sets[0].rate, 100);
  EXPECT_FALSE(w.sets[0].gold);
  EXPECT_EQ(ir::sources_of(w.sets[1]), "10.9.0.0/16 ports 40000-40031");
  EXPECT_EQ(ir::sources_of(w.sets[2]), "10.9.0.0/16 ports 40032-40039");
  EXPECT_EQ(w.sets[1].rate + w.sets[2].rate, 80);
  EXPECT_EQ(w.sets[2].rate, 16);
  EXPECT_EQ(w.sets[2].dst_port, 9);
  EXPECT_TRUE(w.sets[2].gold);
  EXPECT_EQ(w.sets[2].queue, 2u);
  EXPECT_EQ(ir::sources_of(w.sets[4]), "10.8.0.2 any port");
  EXPECT_EQ(w.flows.size(), 1u) << "one flow of a prefix may be named by itself";
}

// What each port of a range meets is one block, and nothing beside the range.
TEST(WorkloadReader, RangesOfPortsAreBlocks) {
  const std::pair<unsigned, unsigned> ranges[] = {{1, 65535},   {40000, 40039}, {1, 1},
                                                  {1023, 1024}, {32768, 65535}, {7, 50000}};
  for (const auto& [first, last] : ranges) {
    const auto w = read(with_flows(
        fmt::format("  - {{endpoint: db, from: 10.9.0.0/16, ports: {}-{}}}\n", first, last)));
    for (unsigned port = 0; port < 65536; ++port) {
      unsigned found = 0;
      for (const auto& s : w.sets) found += s.has(0x0a090001, static_cast<std::uint16_t>(port));
      ASSERT_EQ(found, port >= first && port <= last ? 1u : 0u) << port;
    }
    EXPECT_LE(w.sets.size(), 30u);
  }
}

TEST(WorkloadReader, RefusesPrefixesThatCannotBe) {
  for (const char* flows :
       {"  - {endpoint: db, from: 10.9.1.0/16}\n", "  - {endpoint: db, from: 10.9.0.0/33}\n",
        "  - {endpoint: db, from: 224.0.0.0/8}\n", "  - {endpoint: db, from: 0.0.0.0/0}\n",
        "  - {endpoint: db, from: 127.0.0.0/9}\n",
        "  - {endpoint: db, from: 10.9.0.0/16}\n"
        "  - {endpoint: db, from: 10.9.1.0/24}\n",
        "  - {endpoint: db, from: 10.9.0.1, port: 1, ports: 2-3}\n",
        "  - {endpoint: db, from: 2001:db8::g}\n", "  - {endpoint: db, from: 'ff02::1', port: 7}\n",
        "  - {endpoint: db, from: '2001:db8::1/32'}\n", "  - {endpoint: db, from: '::1'}\n"})
    EXPECT_THROW(read(with_flows(flows)), std::runtime_error) << flows;
}

TEST(WorkloadReader, FlowsOverIpv6AreReadAndNoted) {
  const auto w =
      read(with_flows("  - {endpoint: db, from: 10.9.0.1, port: 4}\n"
                      "  - {endpoint: db, from: '2001:db8::/32'}\n"
                      "  - {endpoint: db, from: '2001:db8::1', port: 7}\n"));
  ASSERT_TRUE(w.ipv6);
  EXPECT_EQ(w.ipv6->line, 6u);
  EXPECT_EQ(w.flows.size(), 1u);
}

TEST(WorkloadReader, FlowsFromACsvFile) {
  const std::string folder = testing::TempDir();
  std::ofstream(folder + "weft_flows_test.csv")
      << "endpoint,from,port,rate,class\n\n# a comment\ndb,10.7.0.1,40000,2.5,gold\n"
         ",10.7.0.9, 40001 ,,\n,10.9.0.0/16,any,70,\n";
  const std::string text = R"(
workload: listed
host: {mac: 02:00:00:00:00:02, address: 10.7.0.2/24}
endpoints: {db: {udp: 7, app: a}, web: {udp: 8, app: a}}
flows: [{csv: weft_flows_test.csv, endpoint: web, rate: 9}]
)";
  const ir::Workload w = read(text);
  ASSERT_EQ(w.flows.size(), 2u);
  EXPECT_EQ(w.flows[0].endpoint, 0u);
  EXPECT_EQ(w.flows[0].rate, 2.5);
  EXPECT_TRUE(w.flows[0].gold);
  EXPECT_EQ(w.flows[1].endpoint, 1u);
  EXPECT_EQ(w.flows[1].src, 0x0a070009u);
  EXPECT_EQ(w.flows[1].src_port, 40001);
  EXPECT_EQ(w.flows[1].dst_port, 8);
  EXPECT_EQ(w.flows[1].rate, 9);
  ASSERT_EQ(w.sets.size(), 1u);
  EXPECT_EQ(ir::sources_of(w.sets[0]), "10.9.0.0/16");
  EXPECT_EQ(w.sets[0].rate, 70);
  std::ofstream(folder + "weft_flows_test.csv", std::ios::app) << "db,10.7.0.1,40002,1,\n";
  EXPECT_NE(read(text).digest, w.digest) << "the list is part of the workload";
  std::ofstream(folder + "weft_flows_test.csv", std::ios::app) << "db,10.7.0.1,40002,1,\n";
  EXPECT_THROW(read(text), std::runtime_error) << "the same flow twice";
  std::filesystem::remove(folder + "weft_flows_test.csv");
}

TEST(WorkloadReader, EveryKey) {
  const ir::Workload w = read(R"(
workload: all
host:
  mac: 02:00:00:00:00:02
  address: 192.168.0.10/255.255.255.128
  vlan: 17
  mtu: 9000
  forwarding: on
  routes:
    - {to: 10.0.0.0/8, via: 192.168.0.1}
    - {to: 172.16.0.0/12, via: link}
queues: 8
cores: 2
endpoints:
  echo: {udp: 7, app: udp_echo}
  "no": {udp: 9, app: ./discard.so, rate: 1.5}
flows:
  - {endpoint: "no", from: 192.168.0.20-192.168.0.22, ports: 5-6}
  - {endpoint: echo, from: 10.1.2.3, port: 5, rate: 0.25}
)");
  EXPECT_EQ(w.host.mac, 0x020000000002U);
  EXPECT_EQ(w.host.prefix_length, 25U);
  EXPECT_EQ(w.host.vlan_id, 17U);
  EXPECT_EQ(w.host.mtu, 9000U);
  EXPECT_TRUE(w.host.forwarding);
  ASSERT_EQ(w.host.routes.size(), 2U);
  EXPECT_EQ(w.host.routes[0], (ir::Route{0x0a000000, 8, 0xc0a80001}));
  EXPECT_EQ(w.host.routes[1].via, 0U);
  EXPECT_EQ(w.cores, 2U);
  EXPECT_EQ(w.endpoints[1].name, "no");
  ASSERT_EQ(w.flows.size(), 7U);
  EXPECT_EQ(w.flows[5].src, 0xc0a80016U);
  EXPECT_EQ(w.flows[5].src_port, 6U);
  EXPECT_EQ(w.flows[5].endpoint, 1U);
  EXPECT_EQ(w.flows[5].rate, 1);
  EXPECT_EQ(w.flows[6].rate, 0.25);
}

constexpr const char* several = R"(
workload: several
host:
  mac: 02:00:00:00:00:02
  address: 10.7.0.2/24
  multicast: on
  secondary: [10.7.0.3/24, 192.168.5.5/28, 10.8.0.10-10.8.0.12/16]
  gateway: 192.168.5.1
endpoints:
  all: {udp: 7, app: a}
  one: {udp: 7, app: a, address: 10.7.0.3}
  many: {udp: 1000-60000, app: a, address: 10.8.0.10-10.8.0.12}
flows:
  - {endpoint: all, from: 10.7.0.9, port: 1}
  - {endpoint: all, from: 10.7.0.9, port: 1, to: 192.168.5.5}
  - {endpoint: one, from: 10.7.0.9, port: 1}
  - {endpoint: many, from: 10.7.0.9, port: 1, to: 10.8.0.12, to_port: 60000}
)";

TEST(WorkloadReader, SeveralAddresses) {
  const ir::Workload w = read(several);
  EXPECT_TRUE(w.host.multicast);
  ASSERT_EQ(w.host.secondary.size(), 5U);
  EXPECT_EQ(w.host.secondary[1], (ir::OwnAddress{0xc0a80505, 28}));
  EXPECT_EQ(w.host.secondary[4], (ir::OwnAddress{0x0a08000c, 16}));
  EXPECT_EQ(w.host.addresses().front(), (ir::OwnAddress{0x0a070002, 24}));
  EXPECT_EQ(w.endpoints[2].last_port(), 60000U);
  EXPECT_EQ(w.endpoints[2].addresses, 3U);
  EXPECT_EQ(w.local_address(w.flows[0]), 0x0a070002U);
  EXPECT_EQ(w.local_address(w.flows[1]), 0xc0a80505U);
  EXPECT_EQ(w.local_address(w.flows[2]), 0x0a070003U);
  EXPECT_EQ(w.flows[3].dst_port, 60000U);
  // One that is bound goes before one for all addresses.
  EXPECT_EQ(ir::endpoint_at(w.endpoints, 0x0a070003, 7), 1U);
  EXPECT_EQ(ir::endpoint_at(w.endpoints, 0x0a070002, 7), 0U);
  EXPECT_EQ(ir::endpoint_at(w.endpoints, 0x0a08000b, 1000), 2U);
  EXPECT_EQ(ir::endpoint_at(w.endpoints, 0x0a070002, 1000), std::nullopt);
}

TEST(WorkloadReader, NeighboursAndProbing) {
  const auto with = [](const std::string& neighbours) {
    std::string text = several;
    return text.insert(text.find("endpoints:"),
                       "  probe: on\n  neighbours: [" + neighbours + "]\n");
  };
  const std::string one = "{address: 10.7.0.9, mac: \"02:00:00:00:00:09\"}";
  const ir::Workload good = read(with(one));
  EXPECT_TRUE(good.host.probe);
  EXPECT_EQ(good.host.neighbours, (std::vector<ir::Neighbour>{{0x0a070009, 0x020000000009}}));
  const auto refused = [&](const std::string& neighbours, const std::string& code) {
    try {
      read(with(neighbours));
    } catch (const std::runtime_error& e) {
      return std::string(e.what()).find(code) != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refused(one + ", " + one, "E0277"));
  EXPECT_TRUE(refused("{address: 10.9.0.9, mac: \"02:00:00:00:00:09\"}", "E0252")) << "elsewhere";
  EXPECT_TRUE(refused("{address: 10.7.0.3, mac: \"02:00:00:00:00:09\"}", "E0252")) << "its own";
  EXPECT_TRUE(refused("{address: 10.7.0.9, mac: \"03:00:00:00:00:09\"}", "E0253")) << "a group";
  EXPECT_TRUE(refused("{address: 10.7.0.9}", "E0108"));
}

TEST(WorkloadReader, AddressesThatDoNotFit) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = several;
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::logic_error(from);
    return text.replace(at, from.size(), to);
  };
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"10.7.0.3/24", "10.7.0.2/24", "E0270"},      // twice
      {"10.7.0.3/24", "192.168.5.15/24", "E0270"},  // broadcast address of another
      {"10.7.0.3/24", "10.7.0.255/24", "E0250"},    // ... of its own
      {"10.7.0.3/24", "10.7.0.0/24", "E0250"},      // network
      {"10.7.0.3/24", "224.0.0.9/24", "E0250"},     // group
      {"10.7.0.3/24", "10.7.0.3", "E0251"},         // no prefix
      {"10.7.0.3/24", "10.7.0.3/0", "E0251"},       //
      {"10.8.0.10-10.8.0.12/16", "10.8.0.10-10.8.0.9/16", "E0256"},
      {"10.8.0.10-10.8.0.12/16", "10.7.255.250-10.8.0.2/16", "E0250"},  // a network inside
      {"gateway: 192.168.5.1", "gateway: 192.168.5.15", "E0252"},
      {"gateway: 192.168.5.1", "gateway: 192.168.6.1", "E0252"},
      {"gateway: 192.168.5.1", "gateway: 10.7.0.3", "E0252"},
      {"address: 10.7.0.3}", "address: 10.7.0.4}", "E0271"},
      {"address: 10.8.0.10-10.8.0.12}", "address: 10.8.0.10-10.8.0.13}", "E0271"},
      {"address: 10.7.0.3}",
       "address: 10.8.0.11}\n  two: {udp: 7-1000, app: a, address: 10.8.0.12}", "E0254"},
      {"udp: 1000-60000, app: a, address: 10.8.0.10-10.8.0.12", "udp: 5-9, app: a", "E0254"},
      {"to: 192.168.5.5", "to: 192.168.5.6", "E0271"},
      {"to_port: 60000", "to_port: 60001", "E0271"},
      {"to: 10.8.0.12", "to: 10.7.0.2", "E0271"},
      {"from: 10.7.0.9, port: 1}", "from: 192.168.5.5, port: 1}", "E0250"},
      {"from: 10.7.0.9, port: 1}", "from: 192.168.5.15, port: 1}", "E0250"},
  };
  for (const auto& [from, to, code] : cases) {
    try {
      read(with(from, to));
      ADD_FAILURE() << to << " was taken";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(code), std::string::npos) << to << error.what();
    }
  }
}

// RFC 3021: both addresses of a prefix of 31 bits are hosts', and none is for broadcasts.
TEST(WorkloadReader, ALinkOfTwoHosts) {
  for (const auto& [own, other] :
       {std::pair{"10.7.0.2", "10.7.0.3"}, std::pair{"10.7.0.3", "10.7.0.2"}}) {
    const ir::Workload w = read(fmt::format(R"(
workload: two
host: {{mac: "02:00:00:00:00:02", address: {}/31, gateway: {}}}
endpoints:
  echo: {{udp: 7, app: a}}
flows:
  - {{endpoint: echo, from: {}, port: 1}}
)",
                                            own, other, other));
    EXPECT_EQ(w.host.broadcast(), 0xffffffffU);
    EXPECT_EQ(w.flows.size(), 1U);
  }
}

// Ports by range and flows by range: what counts is the number of lines.
TEST(WorkloadReader, AHundredThousandSocketsAndFlows) {
  std::string text = R"(
workload: large
host: {mac: "02:00:00:00:00:02", address: 10.7.0.2/16, secondary: [10.7.1.0-10.7.1.9/16]}
endpoints:
)";
  for (unsigned i = 0; i < 10'000; ++i)
    text += "  e" + std::to_string(i) + ": {udp: " + std::to_string(1000 + i) +
            ", app: a, address: 10.7.1.0-10.7.1.9}\n";
  text += "flows:\n  - {endpoint: e0, from: 10.7.2.0-10.7.2.99, ports: 1-1000, to: 10.7.1.3}\n";
  const ir::Workload w = read(text);
  std::size_t sockets = 0;
  for (const auto& e : w.endpoints) sockets += std::size_t{e.ports} * e.addresses;
  EXPECT_EQ(sockets, 100'000U);
  EXPECT_EQ(w.flows.size(), 100'000U);
}

TEST(Address, Parsing) {
  EXPECT_EQ(frontend::parse_ipv4("255.255.255.255"), 0xffffffffU);
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4",
                          "1.2.3.4 ", " 1.2.3.4", "1..2.3", "a.b.c.d", "1.2.3."}) {
    EXPECT_FALSE(frontend::parse_ipv4(bad)) << bad;
  }
  EXPECT_EQ(frontend::parse_mac("0A:0b:00:00:00:ff"), 0x0a0b000000ffU);
  for (const char* bad : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02-00-00-00-00-01",
                          "02:00:00:00:00:0g", "02:00:00:00:00:01:", "+2:00:00:00:00:01"}) {
    EXPECT_FALSE(frontend::parse_mac(bad)) << bad;
  }
  EXPECT_EQ(frontend::netmask_length(0xffffff00), 24U);
  EXPECT_EQ(frontend::netmask_length(0), 0U);
  EXPECT_EQ(frontend::netmask_length(0xffffffff), 32U);
  EXPECT_FALSE(frontend::netmask_length(0xffffe100));
  EXPECT_EQ(frontend::format_mac(0x020000000001), "02:00:00:00:00:01");
  EXPECT_EQ(frontend::format_ipv4(0x0a070002), "10.7.0.2");
}

}  // namespace
}  // namespace weft
