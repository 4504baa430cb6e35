// Node bodies against their own declarations, which the compiler proves with: on random packets a
// node changes no field beside its `writes`, gives the fields of `assigns` exactly those values,
// and does not depend on a field beside its `reads`.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <optional>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/evaluate.h"
#include "stack-nodes/registry.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using Values = std::map<std::string, ir::Bits>;

const ir::FieldTable& table() {
  static const ir::FieldTable fields = [] {
    auto read = frontend::read_headers(frontend::source_root() + "/graphs/headers");
    if (!read) throw std::runtime_error(diag::render(read.error(), false));
    return *read;
  }();
  return fields;
}

// The names of names.yaml, as its `storage` says.
std::map<std::string, std::function<std::uint64_t(const Packet&, const Core&)>> stored() {
  using P = const Packet&;
  using C = const Core&;
  return {
      {"pkt.len", [](P p, C) { return std::uint64_t{p.len}; }},
      {"l3.room", [](P p, C) { return std::uint64_t{wire::l3_room(p)}; }},
      {"l4.room", [](P p, C) { return std::uint64_t{p.l4 != 0 ? wire::l4_room(p) : 0}; }},
      {"meta.ethertype", [](P p, C) { return std::uint64_t{wire::ethertype(p)}; }},
      {"meta.vlan_id", [](P p, C) { return std::uint64_t{p.vlan_id}; }},
      {"meta.endpoint", [](P p, C) { return std::uint64_t{p.endpoint}; }},
      {"meta.connected", [](P p, C) { return std::uint64_t{p.connected}; }},
      {"meta.cast", [](P p, C) { return static_cast<std::uint64_t>(p.cast); }},
      {"meta.icmp_type", [](P p, C) { return std::uint64_t{p.icmp_type}; }},
      {"meta.icmp_code", [](P p, C) { return std::uint64_t{p.icmp_code}; }},
      {"meta.icmp_word", [](P p, C) { return std::uint64_t{p.icmp_word}; }},
      {"meta.dont_fragment", [](P p, C) { return std::uint64_t{p.dont_fragment}; }},
      {"meta.mtu", [](P p, C) { return std::uint64_t{p.mtu}; }},
      {"meta.src", [](P p, C) { return std::uint64_t{p.src}; }},
      {"meta.dst", [](P p, C) { return std::uint64_t{p.dst}; }},
      {"meta.src_port", [](P p, C) { return std::uint64_t{src_port(p)}; }},
      {"meta.dst_port", [](P p, C) { return std::uint64_t{dst_port(p)}; }},
      {"meta.protocol", [](P p, C) { return std::uint64_t{p.protocol}; }},
      {"meta.ttl", [](P p, C) { return std::uint64_t{p.ttl}; }},
      {"meta.next_hop", [](P p, C) { return std::uint64_t{p.next_hop}; }},
      {"meta.next_mac", [](P p, C) { return p.next_mac; }},
      {"desc.ip_cksum", [](P p, C) { return static_cast<std::uint64_t>(ip_cksum(p)); }},
      {"desc.l4_cksum", [](P p, C) { return static_cast<std::uint64_t>(l4_cksum(p)); }},
      {"desc.mark_valid", [](P p, C) { return std::uint64_t{marked(p)}; }},
      {"desc.mark", [](P p, C) { return std::uint64_t{p.mark}; }},
      {"desc.tx_ip_cksum", [](P p, C) { return std::uint64_t{p.tx_ip_cksum}; }},
      {"meta.segment", [](P p, C) { return std::uint64_t{p.segment}; }},
      {"desc.tx_l4_cksum", [](P p, C) { return std::uint64_t{asks_udp(p)}; }},
      {"desc.tx_tcp_cksum", [](P p, C) { return std::uint64_t{asks_tcp(p)}; }},
      {"desc.tx_segment", [](P p, C) { return std::uint64_t{asks_cut(p)}; }},
      {"desc.tx_vlan", [](P p, C) { return std::uint64_t{asks_vlan(p)}; }},
      {"meta.dscp", [](P p, C) { return std::uint64_t{dscp(p)}; }},
      {"meta.ecn", [](P p, C) { return std::uint64_t{ecn(p)}; }},
      {"host.mac", [](P, C c) { return c.host.mac; }},
      {"host.address", [](P, C c) { return std::uint64_t{c.host.address}; }},
      {"host.broadcast", [](P, C c) { return std::uint64_t{c.host.broadcast}; }},
      {"host.vlan_id", [](P, C c) { return std::uint64_t{c.host.vlan_id}; }},
      {"host.mtu", [](P, C c) { return std::uint64_t{c.host.mtu}; }},
      {"host.forwarding", [](P, C c) { return std::uint64_t{c.host.forwarding}; }},
      {"host.multicast", [](P, C c) { return std::uint64_t{c.host.multicast}; }},
  };
}

// Where the header begins that has the field; nothing where the field is not all in the packet, as
// in what is left behind a datagram's last cut.
std::optional<unsigned> place(const std::string& header, const ir::Field& f, const Packet& p) {
  unsigned at = p.l4;
  if (header == "eth") {
    at = 0;
  } else if (header == "vlan") {
    at = 14;
  } else if (header == "arp" || header == "ipv4") {
    at = p.l3;
  } else if (p.l4 == 0) {
    return std::nullopt;
  }
  if (at * 8 + f.offset + f.width > p.len * 8) return std::nullopt;
  return at;
}

ir::Bits bits_at(const std::uint8_t* header, unsigned offset, unsigned width) {
  ir::Bits value = 0;
  for (unsigned i = offset; i < offset + width; ++i) {
    value = value << 1 | (header[i / 8] >> (7 - i % 8) & 1);
  }
  return value;
}

// All fields that exist in the packet; `l4.payload` is a hash of its bytes.
Values values_of(const Packet& p, const Core& core, const std::set<std::string>& headers) {
  Values values;
  for (const auto& [name, get] : stored()) values[name] = get(p, core);
  for (const auto& [name, f] : table().fields) {
    const std::string header = name.substr(0, name.find('.'));
    if (f.layer == ir::Layer::none || headers.count(header) == 0) continue;
    if (const auto at = place(header, f, p)) {
      values[name] = bits_at(p.data + *at, f.offset, f.width);
    }
  }
  if (p.l4 != 0) {
    std::uint64_t hash = 14695981039346656037u;
    const std::uint32_t header = headers.count("tcp") != 0 ? 20 : 8;
    for (std::uint32_t i = p.l4 + header; i < wire::datagram_end(p); ++i) {
      hash = (hash ^ p.data[i]) * 1099511628211u;
    }
    values["l4.payload"] = hash;
  }
  return values;
}

bool listed(const std::vector<std::string>& list, const std::string& name) {
  const std::string all = name.substr(0, name.find('.')) + ".*";
  for (const std::string& entry : list) {
    if (entry == name || entry == all) return true;
  }
  return false;
}

Bytes random_bytes(Random& random, std::size_t count) {
  Bytes bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
  return bytes;
}

bool of_segments(const nodes::NodeDecl& decl) {
  return (decl.name.substr(0, 4) == "tcp." && decl.name != "tcp.quoted") ||
         decl.name == "handover.segment" || decl.name == "handover.whole" ||
         decl.name == "handover.kept";
}

// For a node: ARP, UDP, ICMP, IGMP (for TCP's nodes: TCP) or a fragment, tagged or not, with
// options or not; fields random where they may be.
Bytes random_frame(Random& random, std::set<std::string>& headers, const nodes::NodeDecl& decl) {
  const bool tagged = random.below(3) == 0;
  headers = {"eth"};
  if (tagged) headers.insert("vlan");
  PacketBuilder b;
  std::uint16_t type = 0x0800;
  if (random.below(4) == 0) {
    headers.insert("arp");
    type = 0x0806;
    b.arp(static_cast<std::uint16_t>(1 + random.below(2)), random.next() >> 17 << 1, peer_address,
          random.next() >> 16, our_address);
  } else {
    headers.insert("ipv4");
    Ipv4Parts ip;
    ip.src = peer_address + random.below(200);
    ip.dst = random.below(2) == 0 ? our_address : static_cast<std::uint32_t>(random.next());
    ip.id = static_cast<std::uint16_t>(random.next());
    ip.ttl = static_cast<std::uint8_t>(random.below(256));
    ip.more = random.below(6) == 0;
    ip.offset = random.below(6) == 0 ? 8 * random.below(100) : 0;
    if (random.below(3) == 0) ip.options = random_bytes(random, 4 * (1 + random.below(10)));
    b = PacketBuilder(random_bytes(random, random.below(random.below(2) == 0 ? 30 : 1400)));
    if (of_segments(decl)) {
      headers.insert("tcp");
      ip.protocol = 6;
      Bytes segment = random_bytes(random, 20 + random.below(1400));
      segment[12] = static_cast<std::uint8_t>((4 + random.below(4)) << 4);
      b = PacketBuilder(segment);
    } else if (random.below(2) == 0) {
      headers.insert("udp");
      b.udp(static_cast<std::uint16_t>(random.next()), random.below(10), ip);
    } else if (random.below(4) == 0) {  // laid out as ICMP is
      headers.insert("igmp");
      ip.protocol = 2;
      b.icmp(random.below(2) == 0 ? 0x11 : 0x16, 0, 0xef000000 + random.below(3));
    } else {
      headers.insert("icmp");
      ip.protocol = 1;
      b.icmp(random.below(2) == 0 ? 8 : static_cast<std::uint8_t>(random.next()), 0,
             static_cast<std::uint32_t>(random.next()));
    }
    b.ipv4(ip);
  }
  if (tagged) b.vlan(static_cast<std::uint16_t>(random.next()), type);
  b.eth(tagged ? 0x8100 : type, random.below(8) == 0 ? 0xffffffffffff : our_mac);
  return b.pad(random.below(2) == 0 ? 64 : 0).bytes();
}

Packet random_packet(TestCore& core, const Bytes& frame, Random random) {
  Packet p = core.opened(frame);
  say_ip_cksum(p, static_cast<weft::Answer>(random.below(4)));
  say_l4_cksum(p, static_cast<weft::Answer>(random.below(4)));
  p.mark = 1 + random.below(1000);
  if (random.below(2) != 0) say_mark(p, p.mark);
  p.endpoint = static_cast<std::uint16_t>(random.next());
  p.connected = static_cast<std::uint8_t>(random.below(2));
  p.cast = static_cast<Cast>(random.below(4));
  p.icmp_type = static_cast<std::uint8_t>(random.next());
  p.icmp_code = static_cast<std::uint8_t>(random.next());
  p.icmp_word = static_cast<std::uint32_t>(random.next());
  p.src = static_cast<std::uint32_t>(random.next());
  p.dst = static_cast<std::uint32_t>(random.next());
  p.ports = static_cast<std::uint32_t>(random.next());
  p.protocol = static_cast<std::uint8_t>(random.next());
  p.ttl = static_cast<std::uint8_t>(random.next());
  p.tos = static_cast<std::uint8_t>(random.next());
  p.dont_fragment = static_cast<std::uint8_t>(random.below(2));
  p.mtu = static_cast<std::uint16_t>(random.below(3) == 0 ? 0 : 68 + random.below(1500));
  p.next_hop = peer_address + random.below(3);
  p.next_mac = random.next() >> 16;
  return p;
}

// Tables with something in them, so that lookups hit and miss.
void fill(TestCore& core, const Packet& p, Random random) {
  core.host.vlan_id = static_cast<std::uint16_t>(random.below(4096));
  core.host.mtu = static_cast<std::uint16_t>(100 + random.below(2000));
  core.routes.add(our_address, 24, 0);
  core.neighbours.learn(core, peer_address, peer_mac, true);
  if (random.below(2) == 0) core.paths.learn(p.dst, 600, core.host.mtu, core.now_ns);
  core.table_of_owners.datagrams = {0, 1};
  core.table_of_owners.segments = {0, 1};
  core.owners = &core.table_of_owners;
  if (random.below(2) == 0)
    core.table_of_owners.flows.insert({p.dst, p.src, dst_port(p), src_port(p)},
                                      static_cast<std::uint16_t>(random.below(2)));
  for (std::uint16_t port = 0; port < 5; ++port) core.udp_ports.insert(port, port);
  core.groups.set(0xef000001, {1, 1, 5, {true, {}}});
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t i = 0; i < GroupTable::most_sources; ++i) wanted.push_back(peer_address + i);
  core.groups.set(our_address, {2, 1, 5, {false, wanted}});  // no group, but datagrams come there
  if (p.l4 != 0 && random.below(2) == 0) {
    core.udp_flows.insert({get<field::ipv4::src>(p), get<field::ipv4::dst>(p),
                           get<field::udp::src_port>(p), get<field::udp::dst_port>(p)},
                          9);
    core.table_of_owners.flows.insert({get<field::ipv4::src>(p), get<field::ipv4::dst>(p),
                                       get<field::udp::src_port>(p), get<field::udp::dst_port>(p)},
                                      static_cast<std::uint16_t>(random.below(2)));
  }
}

// Half of the time what an ICMP error quotes is a UDP datagram of ours.
void quote_ours(Packet& p, const Core& core) {
  std::uint8_t* const quoted = p.data + p.l4 + 8;
  if ((quoted[4] & 1) != 0) return;
  quoted[0] = 0x45;
  wire::store16(quoted + 6, 0x4000);
  constexpr std::array<std::uint8_t, 4> protocols = {17, 17, 6, 1};
  quoted[9] = protocols[quoted[5] % protocols.size()];
  wire::store32(quoted + 12, core.host.address);
}

// Takes the packet to where the node stands in a graph: nodes that open a header see none behind
// it. False for packets that do not come there, by their headers or by `requires_`.
bool brought_to(const nodes::NodeDecl& decl, Packet& p, const Core& core,
                std::set<std::string>& headers) {
  const std::string name(decl.name);
  const std::string folder = name.substr(0, name.find('.'));
  if (name == "eth.open" || name == "vlan.pop") {
    if (name == "vlan.pop" && headers.count("vlan") == 0) return false;
    p.l3 = 14;
    p.l4 = 0;
    p.end = 0;
    for (const char* behind : {"arp", "ipv4", "udp", "icmp", "igmp"}) headers.erase(behind);
  } else if (name == "vlan.push") {
    if (headers.count("vlan") != 0) return false;
  } else if ((folder == "arp" && name != "arp.resolve") || name == "handover.neighbour") {
    if (headers.count("arp") == 0) return false;
  } else if (name != "vlan.push_request") {
    if (headers.count("ipv4") == 0) return false;
    const bool of_quote =
        name == "icmp.read_quote" || name == "tcp.quoted" || name == "handover.connection";
    if (of_quote && p.l4 != 0 && wire::l4_room(p) >= 36) quote_ours(p, core);
    if ((folder == "udp" || name == "handover.flow") && headers.count("udp") == 0) return false;
    if (folder == "igmp" && headers.count("igmp") == 0) return false;
    if (of_segments(decl) && headers.count("tcp") == 0) return false;
    if ((name == "icmp.checksum_ok" || name == "icmp.echo_reply" || of_quote) &&
        headers.count("icmp") == 0) {
      return false;
    }
  }
  if (name == "ipv4.open" || name == "ipv4.checksum_ok") {
    p.l4 = 0;
    p.end = 0;
    headers.erase("udp");
    headers.erase("icmp");
    headers.erase("igmp");
  }
  auto needs = frontend::parse_expr(decl.requires_, table(), {});
  if (!needs) throw std::runtime_error(diag::render(needs.error(), false));
  const Values values = values_of(p, core, headers);
  return ir::holds(*needs, [&](const std::string& n) { return values.at(n); });
}

struct Outcome {
  unsigned port = 0;
  Values was, is;
};

Outcome run_node(const nodes::Entry& e, TestCore& core, Packet p, std::set<std::string> headers) {
  Outcome r;
  r.was = values_of(p, core, headers);
  r.port = e.run(p, core);
  headers.erase("vlan");
  if (wire::load16(p.data + 12) == 0x8100) headers.insert("vlan");
  if (e.decl->name == "icmp.error") {  // an ICMP header is in front of what was there
    headers.erase("udp");
    headers.erase("igmp");
    headers.insert("icmp");
  }
  r.is = values_of(p, core, headers);
  return r;
}

constexpr int rounds = 300;

TEST(declarations, mention_only_declared_fields) {
  for (const nodes::Entry& e : nodes::all()) {
    for (const auto list :
         {e.decl->reads, e.decl->writes, e.decl->key, e.decl->result, e.decl->flag}) {
      for (const std::string& name : nodes::split(list)) {
        if (name.size() > 2 && name.substr(name.size() - 2) == ".*") {
          EXPECT_NE(table().header(name.substr(0, name.size() - 2)), nullptr)
              << e.decl->name << ": " << name;
        } else {
          EXPECT_NE(table().find(name), nullptr) << e.decl->name << ": " << name;
        }
      }
    }
    EXPECT_TRUE(frontend::parse_expr(e.decl->requires_, table(), {}).has_value()) << e.decl->name;
  }
}

struct Assignment {
  std::string field;
  ir::ExprPtr value;
};
std::vector<Assignment> assignments(const nodes::NodeDecl& decl) {
  std::vector<Assignment> list;
  std::string_view text = decl.assigns;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = one.find('=');
    auto value = frontend::parse_expr(one.substr(equals + 1), table(), {});
    if (!value) throw std::runtime_error(diag::render(value.error(), false));
    list.push_back({nodes::split(one.substr(0, equals)).at(0), *value});
  }
  return list;
}

TEST(declarations, what_is_assigned_is_written_and_made_of_what_is_read) {
  for (const nodes::Entry& e : nodes::all()) {
    const auto reads = nodes::split(e.decl->reads);
    const auto writes = nodes::split(e.decl->writes);
    for (const Assignment& a : assignments(*e.decl)) {
      EXPECT_TRUE(listed(writes, a.field)) << e.decl->name << " assigns " << a.field;
      for (const std::string& name : ir::names_in(a.value)) {
        EXPECT_TRUE(listed(reads, name)) << e.decl->name << " makes " << a.field << " of " << name;
      }
    }
  }
}

TEST(declarations, writes_and_assigned_values) {
  std::map<std::string, std::set<unsigned>> taken;
  for (const nodes::Entry& e : nodes::all()) {
    const auto writes = nodes::split(e.decl->writes);
    const auto assigned = assignments(*e.decl);
    int runs = 0;
    for (std::uint64_t seed = 1; runs < rounds && seed < 100 * rounds; ++seed) {
      TestCore core;
      Random random(seed);
      std::set<std::string> headers;
      const Bytes frame = random_frame(random, headers, *e.decl);
      Packet p = random_packet(core, frame, random);
      fill(core, p, random);
      if (!brought_to(*e.decl, p, core, headers)) continue;
      ++runs;
      const Outcome r = run_node(e, core, p, headers);
      taken[std::string(e.decl->name)].insert(r.port);
      ASSERT_LT(r.port, nodes::split(e.decl->ports).size()) << e.decl->name;
      for (const auto& [name, value] : r.is) {
        const auto was = r.was.find(name);
        if (was == r.was.end() || listed(writes, name)) continue;
        ASSERT_TRUE(value == was->second)
            << e.decl->name << " changed " << name << " from " << ir::format_bits(was->second)
            << " to " << ir::format_bits(value) << ", seed " << seed;
      }
      for (const Assignment& a : assigned) {
        const auto is = r.is.find(a.field);
        if (is == r.is.end()) continue;  // a header that this packet does not have
        const ir::Bits expected =
            ir::evaluate(a.value, [&](const std::string& n) { return r.was.at(n); }) &
            ir::mask_of(table().find(a.field)->width);
        ASSERT_TRUE(is->second == expected)
            << e.decl->name << " gave " << a.field << " the value " << ir::format_bits(is->second)
            << ", declared " << ir::format_bits(expected) << ", seed " << seed;
      }
    }
    EXPECT_EQ(runs, rounds) << e.decl->name << ": too few packets suit it";
  }
  // Packets are varied enough to take these ports.
  EXPECT_EQ(taken["udp.find_flow"].size(), 2u);
  EXPECT_EQ(taken["udp.find_port"].size(), 2u);
  EXPECT_EQ(taken["udp.find_members"].size(), 3u);
  EXPECT_EQ(taken["igmp.take"].size(), 2u);
  EXPECT_EQ(taken["ipv4.local"].size(), 2u);
  EXPECT_EQ(taken["ipv4.route"].size(), 2u);
  EXPECT_EQ(taken["icmp.port_unreachable"].size(), 2u);
  EXPECT_GE(taken["arp.resolve"].size(), 2u);
  EXPECT_GE(taken["ipv4.reassemble"].size(), 2u);
  EXPECT_EQ(taken["ipv4.options_ok"].size(), 2u);
  EXPECT_GE(taken["icmp.read_quote"].size(), 4u);
  EXPECT_EQ(taken["icmp.parameter_problem"].size(), 2u);
  EXPECT_EQ(taken["handover.flow"].size(), 2u);
  EXPECT_EQ(taken["handover.quoted"].size(), 2u);
  EXPECT_EQ(taken["handover.datagram"].size(), 2u);
}

// Gives one field that is not in `reads` another value; "" where there is none.
std::string change_one(Packet& p, const std::set<std::string>& headers,
                       const std::vector<std::string>& reads, Random& random) {
  const std::vector<std::pair<std::string, std::function<void()>>> members = {
      {"meta.endpoint", [&] { p.endpoint ^= 1; }},
      {"meta.connected", [&] { p.connected ^= 1; }},
      {"meta.cast", [&] { p.cast = static_cast<Cast>(static_cast<unsigned>(p.cast) ^ 1); }},
      {"meta.icmp_type", [&] { p.icmp_type ^= 1; }},
      {"meta.icmp_code", [&] { p.icmp_code ^= 1; }},
      {"meta.icmp_word", [&] { p.icmp_word ^= 1; }},
      {"meta.dont_fragment", [&] { p.dont_fragment ^= 1; }},
      {"meta.mtu", [&] { p.mtu ^= 1; }},
      {"meta.src", [&] { p.src ^= 1; }},
      {"meta.dst", [&] { p.dst ^= 1; }},
      {"meta.src_port", [&] { p.ports ^= 1 << 16; }},
      {"meta.dst_port", [&] { p.ports ^= 1; }},
      {"meta.protocol", [&] { p.protocol ^= 1; }},
      {"meta.ttl", [&] { p.ttl ^= 1; }},
      {"meta.dscp", [&] { p.tos ^= 4; }},
      {"meta.ecn", [&] { p.tos ^= 1; }},
      {"meta.next_hop", [&] { p.next_hop ^= 64; }},
      {"meta.next_mac", [&] { p.next_mac ^= 1; }},
      {"meta.vlan_id", [&] { p.vlan_id ^= 1; }},
      {"desc.mark", [&] { p.mark ^= 1; }},
      {"desc.ip_cksum", [&] { say_ip_cksum(p, weft::Answer::bad); }},
      {"desc.l4_cksum", [&] { say_l4_cksum(p, weft::Answer::bad); }},
  };
  std::vector<std::pair<std::string, std::function<void()>>> choices;
  for (const auto& member : members) {
    if (!listed(reads, member.first)) choices.push_back(member);
  }
  for (const auto& [name, f] : table().fields) {
    const std::string header = name.substr(0, name.find('.'));
    if (f.layer == ir::Layer::none || headers.count(header) == 0 || listed(reads, name)) continue;
    const auto at = place(header, f, p);
    if (!at) continue;
    const unsigned bit = *at * 8 + f.offset + random.below(f.width);
    choices.emplace_back(
        name, [&p, bit] { p.data[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8); });
  }
  if (choices.empty()) return "";
  const auto& [name, change] = choices[random.below(static_cast<std::uint32_t>(choices.size()))];
  change();
  return name;
}

// In front of a new IPv4 header there is room for a frame's header, with whatever was there: it
// is written ("unknown") as far as the compiler is concerned, and eth.build comes before anyone
// looks.
bool left_over(const nodes::NodeDecl& decl, const std::string& name) {
  return (decl.name == "ipv4.build" || decl.name == "ipv4.fragment") &&
         (name.substr(0, 4) == "eth." || name == "meta.ethertype");
}

// Changes one field that a node does not read: it must take the same port and write the same.
TEST(declarations, nothing_else_is_read) {
  for (const nodes::Entry& e : nodes::all()) {
    const auto reads = nodes::split(e.decl->reads);
    const auto writes = nodes::split(e.decl->writes);
    int runs = 0;
    for (std::uint64_t seed = 1; runs < rounds && seed < 100 * rounds; ++seed) {
      TestCore one, two;
      Random random(seed);
      std::set<std::string> headers;
      const Bytes frame = random_frame(random, headers, *e.decl);
      Packet p = random_packet(one, frame, random);
      fill(one, p, random);
      Packet q = random_packet(two, frame, random);
      fill(two, q, random);
      std::set<std::string> same = headers;
      if (!brought_to(*e.decl, p, one, headers) || !brought_to(*e.decl, q, two, same)) continue;
      ++runs;
      const std::string changed = change_one(q, headers, reads, random);
      if (changed.empty()) continue;
      const Outcome a = run_node(e, one, p, headers);
      const Outcome b = run_node(e, two, q, headers);
      ASSERT_EQ(a.port, b.port) << e.decl->name << " reads " << changed;
      for (const auto& [name, value] : a.is) {
        if (!listed(writes, name) || name == changed || left_over(*e.decl, name)) continue;
        const auto other = b.is.find(name);
        if (other == b.is.end()) continue;
        ASSERT_TRUE(value == other->second)
            << e.decl->name << " makes " << name << " of " << changed << ", seed " << seed;
      }
    }
    EXPECT_EQ(runs, rounds) << e.decl->name << ": too few packets suit it";
  }
}

}  // namespace
}  // namespace weft::test
