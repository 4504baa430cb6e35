#include <gtest/gtest.h>

#include <fstream>

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
