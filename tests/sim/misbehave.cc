#include "tests/sim/misbehave.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "compiler/passes/steer.h"
#include "stack-nodes/table/neighbour_table.h"
#include "tests/sim/mutate.h"

namespace weft::sim {

namespace {

// An ICMP error is for the core that has the flow it is about.
std::string heard(const plan::Plan& plan, const Walked& walk) {
  const FlowKey& key = walk.about;
  for (const plan::FlowEntry& f : plan.flows) {
    const bool same = f.src == key.src && f.dst == key.dst && f.src_port == key.src_port &&
                      f.dst_port == key.dst_port;
    if (same && f.queue != walk.queue) return "an error, on another core than its flow";
  }
  return fmt::format("an error, endpoint {}", walk.endpoint);
}

}  // namespace

Seen see(const plan::Plan& plan, const passes::Inputs& inputs, const std::vector<Bytes>& frames,
         const Answers& answers, const Bytes& about, std::size_t apart, const Places& places) {
  Seen seen;
  std::vector<ports::Frame> in;
  for (std::size_t i = 0; i < frames.size(); ++i)
    in.push_back({.time_ns = std::min(i, apart) * 20'000'000, .bytes = frames[i]});
  StackOptions options{.trace = true};
  if (!answers.empty()) {
    options.policy = emulator::DescriptorPolicy::forced(
        [answers, about](std::uint64_t, std::span<const std::uint8_t> frame,
                         emulator::Answers said) {
          if (!std::equal(frame.begin(), frame.end(), about.begin(), about.end())) return said;
          const auto set = [&answers](const char* field, emulator::Verdict& verdict) {
            if (const auto at = answers.find(field); at != answers.end())
              verdict = static_cast<emulator::Verdict>(at->second);
          };
          set("desc.ip_cksum", said.ip);
          set("desc.l4_cksum", said.l4);
          return said;
        });
  }
  if (!places.empty())
    options.policy.place = [places](std::uint64_t, std::span<const std::uint8_t> frame) {
      for (const auto& [bytes, queue] : places) {
        if (std::equal(frame.begin(), frame.end(), bytes.begin(), bytes.end())) return queue;
      }
      return places.front().second;
    };
  auto stack = Stack::make(plan, inputs, std::move(in), options);
  if (!stack) {
    seen.refused = diag::render(stack.error(), false);
    return seen;
  }
  // Behind the last frame neighbours (3 s) and fragments (30 s) are given up.
  (*stack)->run(31'000'000'000);
  seen.ends = (*stack)->ends();
  seen.flows = by_flow((*stack)->out(), plan.host);
  seen.wrong = wrong_among((*stack)->out(), plan.host, plan.host.mtu);
  for (const Walked& walk : (*stack)->walks) {
    for (const auto& node : walk.path) seen.queues[node].insert(walk.queue);
    if (walk.path.back() == "udp_deliver")
      seen.deliveries.push_back(fmt::format("endpoint {}, {}", walk.endpoint,
                                            walk.connected ? "connected" : "unconnected"));
    if (walk.path.back() == "udp_error") seen.deliveries.push_back(heard(plan, walk));
  }
  return seen;
}

std::string difference(const Seen& expected, const Seen& actual) {
  if (!actual.refused.empty()) return "can't run: " + actual.refused;
  if (expected.wrong != actual.wrong) return actual.wrong;
  if (expected.ends != actual.ends) {
    std::string a, b;
    for (const auto& [end, n] : expected.ends) a += fmt::format(" {}:{}", end, n);
    for (const auto& [end, n] : actual.ends) b += fmt::format(" {}:{}", end, n);
    return fmt::format("ends{} instead of{}", b, a);
  }
  for (std::size_t i = 0; i < expected.deliveries.size(); ++i) {
    if (expected.deliveries[i] != actual.deliveries.at(i))
      return fmt::format("delivered to {} instead of {}", actual.deliveries[i],
                         expected.deliveries[i]);
  }
  return difference(expected.flows, actual.flows);
}

namespace {

// Who gets what is sent to `address`: the first hop, or the host itself on the link.
std::uint32_t next_hop(std::uint32_t address, const ir::HostConfig& host) {
  std::uint32_t hop = address;
  unsigned longest = 0;
  for (const ir::Route& route : host.routes) {
    const std::uint32_t mask = route.length == 0 ? 0 : ~std::uint32_t{0} << (32 - route.length);
    if ((address & mask) != route.prefix || route.length < longest || route.via == 0) continue;
    hop = route.via;
    longest = route.length;
  }
  return (address & host.netmask()) == (host.address & host.netmask()) ? address : hop;
}

// The solver knows options and quoted datagrams as one opaque value each: what the frame really has
// there is tried out.
void with_options(const Bytes& frame, std::size_t l3, std::vector<Situation>& out) {
  const std::size_t bytes = (frame[l3] & 15u) * 4;
  if (bytes <= 20 || frame.size() < l3 + bytes) return;
  const std::pair<const char*, Bytes> kinds[] = {
      {"with a wrong option", {7, 0}}, {"with a source route that goes on", {131, 4, 4, 0}}};
  for (const auto& [name, option] : kinds) {
    Bytes f = frame;
    std::fill_n(f.begin() + static_cast<long>(l3 + 20), bytes - 20, 0);
    std::copy(option.begin(), option.end(), f.begin() + static_cast<long>(l3 + 20));
    fix_ip_checksum(f);
    out.push_back({name, {f}});
    out.push_back({std::string(name) + ", 60 times at once", std::vector<Bytes>(60, f), 0});
  }
}

void with_quotes(const Bytes& frame, std::size_t l3, const ir::Workload& workload,
                 std::vector<Situation>& out) {
  const int vlan = workload.host.vlan_id == 0 ? -1 : workload.host.vlan_id;
  const std::size_t l4 = l3 + (frame[l3] & 15u) * 4;
  if (frame[l3 + 9] != 1 || frame.size() < l4 + 8) return;
  const std::uint8_t type = frame[l4];
  if (type != 3 && type != 11 && type != 12) return;
  const auto about = [&](const Ip& ip, const Udp& udp, std::uint8_t code, std::uint32_t word) {
    Bytes quoted = udp_frame({}, ip, udp, Bytes(1300, 5));
    quoted.erase(quoted.begin(), quoted.begin() + 14);
    Bytes f(frame.begin(), frame.begin() + static_cast<long>(l4));
    const Bytes message = icmp_message({.type = type, .code = code, .word = word}, quoted);
    f.insert(f.end(), message.begin(), message.end());
    put16(f, l3 + 2, static_cast<std::uint32_t>(f.size() - l3));
    fix_ip_checksum(f);
    return f;
  };
  const Ip ours{.src = own_address, .dst = on_link(4)};
  Ip whole = ours, tcp = ours, tunnel = ours, others{.src = on_link(9)};
  whole.fragment = 0x4000;
  tcp.protocol = 6;
  tunnel.protocol = 47;
  const Udp udp{.src_port = 9, .dst_port = 51000}, closed{.src_port = 4};
  const Bytes large = udp_frame({.src = mac_of(on_link(4)), .vlan = vlan}, {.src = on_link(4)},
                                {.src_port = 51000}, Bytes(1300, 6));
  out.push_back({"about a datagram of ours", {about(ours, udp, 1, 0), large}});
  out.push_back({"about its size", {about(whole, udp, 4, 600), large}});
  out.push_back({"about a port without endpoint", {about(ours, closed, 1, 0)}});
  out.push_back({"about TCP", {about(tcp, udp, 1, 0)}});
  out.push_back({"about another protocol", {about(tunnel, udp, 1, 0)}});
  out.push_back({"about others' datagrams", {about(others, udp, 1, 0)}});
  out.push_back({"60 about ours at once", std::vector<Bytes>(60, about(ours, udp, 1, 0)), 0});
  // About flows: each is heard where the flow is, wherever the card brings it.
  std::vector<Bytes> of_flows, of_sizes;
  for (const ir::Flow& flow : workload.flows) {
    const Udp its{.src_port = flow.dst_port, .dst_port = flow.src_port};
    Ip sent{.src = workload.local_address(flow), .dst = flow.src};
    of_flows.push_back(about(sent, its, 1, 0));
    sent.fragment = 0x4000;
    of_sizes.push_back(about(sent, its, 4, 600));
  }
  const std::vector<Bytes> once = of_sizes;
  of_sizes.insert(of_sizes.end(), once.begin(), once.end());
  out.push_back({"about known flows", std::move(of_flows)});
  out.push_back({"about their sizes, twice", std::move(of_sizes)});
}

// What an ARP message did is seen when it comes again, and when its sender has something to say.
void with_arp(const Bytes& frame, std::size_t l3, std::vector<Situation>& out) {
  if (network_type(frame) != 0x0806 || frame.size() < l3 + 28) return;
  out.push_back({"twice", {frame, frame}});
  const int vlan = l3 == 18 ? static_cast<int>(get16(frame, 14) & 0xfff) : -1;
  for (const std::uint32_t sender : {get32(frame, l3 + 14), on_link(4)}) {
    Bytes said = frame;
    put32(said, l3 + 14, sender);
    out.push_back({"then a ping from there",
                   {said, icmp_frame({.vlan = vlan}, {.src = sender}, {}, Bytes(8, 1))}});
  }
}

Link to_group(Link link, std::uint32_t group) {
  link.dst = 0x01005e000000 | (group & 0x7fffff);
  return link;
}

// Datagrams to the groups of the workloads, and to one that nobody has joined.
void with_groups(const Bytes& frame, std::size_t l3, std::vector<Situation>& out) {
  if (get32(frame, l3 + 16) >> 28 != 14 || frame[l3 + 9] != 17) return;
  const int vlan = l3 == 18 ? static_cast<int>(get16(frame, 14) & 0xfff) : -1;
  for (const std::uint32_t group : {0xef010203u, 0xe8010101u, 0xef010204u}) {
    for (const std::uint16_t port : {7, 9, 4}) {
      for (const unsigned last : {1u, 3u}) {
        const Link link = to_group({.src = mac_of(on_link(last)), .vlan = vlan}, group);
        out.push_back({fmt::format("from {} to port {} of a group", last, port),
                       {udp_frame(link, {.src = on_link(last), .dst = group, .ttl = 1},
                                  {.src_port = 51000, .dst_port = port}, Bytes(8, 1))}});
      }
    }
  }
}

// What the host's other addresses, its groups and the host itself send and are sent.
void addresses_and_groups(const std::function<Link(unsigned)>& link, std::vector<Bytes>& frames) {
  const Bytes text = {'o', 't', 'h', 'e', 'r', 's'};
  const std::uint32_t from = on_link(4);
  for (const std::uint32_t own : {own_second, own_third}) {
    for (const std::uint16_t port : {7, 9, 4})
      frames.push_back(udp_frame(link(4), {.src = from, .dst = own},
                                 {.src_port = 51000, .dst_port = port}, text));
    frames.push_back(icmp_frame(link(4), {.src = from, .dst = own}, {}, text));
    frames.push_back(ip_frame(link(4), {.src = from, .dst = own, .protocol = 47}, text));
    Link all = link(4);
    all.dst = to_all;
    Arp arp{.sender_mac = mac_of(from), .sender = from, .target = own};
    frames.push_back(arp_frame(all, arp));
    arp.sender = 0;  // a probe
    frames.push_back(arp_frame(all, arp));
    arp.sender = own;  // a conflict
    for (unsigned i = 0; i < 2; ++i) frames.push_back(arp_frame(all, arp));
  }
  for (const std::uint32_t group : {0xef010203u, 0xe8010101u, 0xef010204u, 0xe0000001u}) {
    for (const unsigned last : {1u, 3u}) {
      for (const std::uint16_t port : {7, 9, 4})
        frames.push_back(udp_frame(to_group(link(last), group),
                                   {.src = on_link(last), .dst = group, .ttl = 1},
                                   {.src_port = 51000, .dst_port = port}, text));
    }
  }
  for (const std::uint32_t group : {0u, 0xef010203u, 0xef010204u}) {  // a querier asks
    Bytes query = {0x11, 20, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0};
    put32(query, 4, group);
    put16(query, 2, ~sum16(query.data(), query.size()));
    frames.push_back(ip_frame(to_group(link(3), 0xe0000001),
                              {.src = on_link(3), .dst = 0xe0000001, .protocol = 2, .ttl = 1},
                              query));
  }
  // The application sends to the host itself: to one that listens, to nobody, and in pieces.
  // The last time it is more than waits.
  for (const std::uint32_t own : {own_address, own_second}) {
    for (const std::uint16_t port : {9, 4}) {
      for (const std::size_t bytes : {100u, 1400u, 200u}) {
        Bytes loop(bytes, 1);
        std::copy_n(loop_word, 4, loop.begin() + 4);
        loop[8] = bytes == 200 ? 100 : 2;
        loop[9] = static_cast<std::uint8_t>(port);
        frames.push_back(udp_frame(link(4), {.src = from, .dst = own}, {.src_port = 51000}, loop));
      }
    }
  }
}

}  // namespace

std::vector<Situation> situations(const Bytes& frame, const passes::Inputs& inputs) {
  std::vector<Situation> out = {{"alone", {frame}}};
  const std::size_t l3 = network_header(frame);
  with_arp(frame, l3, out);
  if (network_type(frame) == 0x0806 && frame.size() >= l3 + 28) {
    // What was learned of the sender a moment ago is not told to the others again.
    Bytes question = frame;
    put16(question, l3 + 6, 1);
    out.push_back({"behind its sender's question", {question, frame}});
  }
  if (network_type(frame) != 0x0800 || frame.size() < l3 + 20) return out;
  const int vlan = inputs.workload.host.vlan_id == 0 ? -1 : inputs.workload.host.vlan_id;
  const std::uint32_t src = get32(frame, l3 + 12);
  // Those who answers and forwarded datagrams go to have said where they are.
  std::vector<Bytes> hellos;
  for (const std::uint32_t address : {src, get32(frame, l3 + 16)}) {
    const std::uint32_t hop = next_hop(address, inputs.workload.host);
    if (hop == inputs.workload.host.address) continue;
    const std::uint64_t mac = 0x020000000099 + hellos.size();
    hellos.push_back(
        arp_frame({.dst = to_all, .src = mac, .vlan = vlan}, {.sender_mac = mac, .sender = hop}));
  }
  const auto with_neighbours = [&](const std::string& name, unsigned times, bool at_once) {
    std::vector<Bytes> frames = hellos;
    frames.insert(frames.end(), times, frame);
    out.push_back({name, std::move(frames), at_once ? hellos.size() : all_apart});
  };
  with_neighbours("from a known neighbour", 1, false);
  with_neighbours("twice", 2, false);
  with_neighbours("60 times at once", 60, true);
  out.push_back({"60 times, to neighbours unknown", std::vector<Bytes>(60, frame), 0});
  with_options(frame, l3, out);
  with_groups(frame, l3, out);
  if ((get16(frame, l3 + 6) & 0x3fff) == 0) {
    with_quotes(frame, l3, inputs.workload, out);
    return out;
  }
  // Of a fragment: another one in the same place, a crowd, and lengths that no fragment has.
  Bytes other = frame;
  const std::size_t end = l3 + get16(frame, l3 + 2);
  if (end <= other.size() && end > l3 + 20) other[end - 1] ^= 0xff;
  out.push_back({"behind an overlapping one", {other, frame}});
  Situation crowd{"behind 64 others", {}};
  for (unsigned i = 1; i <= 64; ++i) {
    Bytes one = ip_frame({.vlan = vlan},
                         {.src = src,
                          .dst = get32(frame, l3 + 16),
                          .id = static_cast<std::uint16_t>(40000 + i),
                          .fragment = 0x2000},
                         Bytes(64, 1));
    std::copy_n(frame.begin(), 6, one.begin());
    crowd.frames.push_back(std::move(one));
  }
  crowd.frames.push_back(frame);
  out.push_back(std::move(crowd));
  out.push_back({"with a bad length",
                 {ip_frame({.vlan = vlan}, {.src = src, .fragment = 0x2000}, Bytes(13, 1))}});
  return out;
}

std::vector<Bytes> stimuli(const passes::Inputs& inputs) {
  const int vlan = inputs.workload.host.vlan_id == 0 ? -1 : inputs.workload.host.vlan_id;
  std::vector<Bytes> frames;
  const auto link = [vlan](unsigned last) {
    return Link{.src = mac_of(on_link(last)), .vlan = vlan};
  };
  const auto hello = [&](unsigned last) {
    Link all = link(last);
    all.dst = to_all;
    frames.push_back(
        arp_frame(all, {.sender_mac = mac_of(on_link(last)), .sender = on_link(last)}));
  };
  for (const unsigned last : {1u, 3u, 4u, 9u}) hello(last);
  const Bytes text = {'w', 'h', 'a', 't', 'e', 'v', 'e', 'r', 0xff, 0x80, 1};
  const auto udp = [&](std::uint32_t src, std::uint16_t from, std::uint16_t to, unsigned by = 1) {
    frames.push_back(udp_frame(link(by), {.src = src}, {.src_port = from, .dst_port = to}, text));
  };
  for (const auto& flow : inputs.workload.flows)
    if (flow.src != on_link(88))
      frames.push_back(udp_frame(link(flow.src & 255),
                                 {.src = flow.src, .dst = inputs.workload.local_address(flow)},
                                 {.src_port = flow.src_port, .dst_port = flow.dst_port}, text));
  for (std::uint16_t port = 51000; port < 51016; ++port) udp(on_link(4), port, port % 2 ? 7 : 9, 4);
  for (std::uint16_t port = 51000; port < 51016; ++port) udp(on_link(4), port, 4, 4);  // closed
  udp(0xc6336405, 51000, 7);  // behind a gateway
  udp(0xcb007105, 51000, 7);  // no way back
  for (unsigned last : {1u, 3u, 4u})
    frames.push_back(icmp_frame(link(last), {.src = on_link(last)}, {}, text));
  for (unsigned last : {1u, 3u, 4u})
    frames.push_back(ip_frame(link(last), {.src = on_link(last), .protocol = 47}, text));
  // In pieces: of known flows and of a stranger, a ping, and ones too large to be answered.
  const auto pieces = [&](Ip ip, const Bytes& content, std::size_t each) {
    static std::uint16_t id = 0;
    ip.id = ++id;
    for (std::size_t at = 0; at < content.size(); at += each) {
      const std::size_t n = std::min(each, content.size() - at);
      ip.fragment = static_cast<std::uint16_t>((at + n < content.size() ? 0x2000 : 0) | at / 8);
      frames.push_back(ip_frame(link(ip.src & 255), ip,
                                Bytes(content.begin() + static_cast<long>(at),
                                      content.begin() + static_cast<long>(at + n))));
    }
  };
  const Bytes more(200, 7), large(3000, 9);
  for (const auto& flow : inputs.workload.flows) {
    const Ip ip{.src = flow.src, .dst = inputs.workload.local_address(flow)};
    pieces(ip, udp_segment(ip, {.src_port = flow.src_port, .dst_port = flow.dst_port}, more), 64);
  }
  for (const auto& flow : inputs.workload.flows) {
    const Ip ip{.src = flow.src, .dst = inputs.workload.local_address(flow)};
    if (flow.src != on_link(88))
      pieces(ip, udp_segment(ip, {.src_port = flow.src_port, .dst_port = flow.dst_port}, large),
             1000);
  }
  const Ip known{.src = on_link(1)};  // but not by this port
  pieces(known, udp_segment(known, {.src_port = 50001}, more), 64);
  const Ip stranger{.src = on_link(4)};
  pieces(stranger, udp_segment(stranger, {.src_port = 51000}, more), 64);
  pieces(stranger, udp_segment(stranger, {.src_port = 51000, .dst_port = 4}, more), 64);
  pieces(stranger, udp_segment(stranger, {.src_port = 51000, .sum = Udp::Sum::wrong}, more), 64);
  pieces(stranger, udp_segment(stranger, {.src_port = 51000}, large), 1000);
  Ip ping{.src = on_link(4), .protocol = 1};
  pieces(ping, icmp_message({}, more), 64);
  pieces(ping, icmp_message({}, large), 1000);
  pieces(ping, icmp_message({.bad_checksum = true}, more), 64);
  ping.protocol = 47;
  pieces(ping, more, 64);
  addresses_and_groups(link, frames);
  // Neighbours that are not known yet: too many packets for each, then its answer.
  constexpr unsigned too_many = NeighbourTable::held_per_entry + 2;
  const auto unknown = [&](unsigned last, std::uint16_t port) {
    for (unsigned i = 0; i < too_many; ++i) udp(on_link(last), port, 7, last);
    frames.push_back(arp_frame(link(last), {.operation = 2,
                                            .sender_mac = mac_of(on_link(last)),
                                            .sender = on_link(last),
                                            .target_mac = own_mac}));
    udp(on_link(last), port, 7, last);
  };
  unknown(77, 51001);
  unknown(88, 43000);  // a known flow
  // From now on all cores know it, so that it is not asked for wherever its packets may arrive. (On
  // a card that spreads by itself they would have to be told by each other: that is to be seen.)
  const ir::Node* rss = passes::rss_node(inputs.nic);
  if (rss == nullptr || rss->config.rss->predictable) hello(88);
  // Others' datagrams.
  for (const std::uint8_t ttl : {1, 2, 64}) {
    for (const std::uint32_t dst : {0xc6336409u, on_link(3), 0xcb007101u})
      frames.push_back(udp_frame(link(4), {.src = on_link(4), .dst = dst, .ttl = ttl}, {}, text));
  }
  for (const std::uint16_t fragment : {0, 0x4000}) {
    Ip ip{.src = on_link(4), .dst = 0xc6336409, .fragment = fragment};
    frames.push_back(udp_frame(link(4), ip, {}, Bytes(1440, 3)));
  }
  // Answers beyond 552 bytes; then the path is narrow, says its router.
  const auto answers = [&](std::uint32_t src) {
    for (const std::size_t n : {600u, 1300u})
      for (const std::uint16_t to : {7, 9, 4})
        frames.push_back(
            udp_frame(link(1), {.src = src}, {.src_port = 52000, .dst_port = to}, Bytes(n, 4)));
    for (const std::size_t n : {600u, 1300u})
      frames.push_back(icmp_frame(link(1), {.src = src}, {}, Bytes(n, 4)));
  };
  answers(0xc6336405);
  // Of known flows too, and errors about what they send with an option that is none.
  const auto of_flows = [&] {
    for (const auto& flow : inputs.workload.flows) {
      for (const std::size_t n : {40u, 600u, 1300u}) {
        for (const bool wrong : {false, true}) {
          Ip ip{.src = flow.src, .dst = inputs.workload.local_address(flow)};
          if (wrong) ip.options = {7, 0, 0, 0};
          frames.push_back(udp_frame(link(flow.src & 255), ip,
                                     {.src_port = flow.src_port, .dst_port = flow.dst_port},
                                     Bytes(n, 4)));
        }
      }
    }
  };
  const auto narrow = [&](std::uint32_t src, std::uint32_t dst, std::uint16_t from,
                          std::uint16_t to, unsigned mtu) {
    Ip sent{.src = src, .dst = dst, .fragment = 0x4000};
    Bytes quoted = udp_frame({}, sent, {.src_port = from, .dst_port = to}, Bytes(1300, 4));
    quoted.erase(quoted.begin(), quoted.begin() + 14);
    frames.push_back(
        icmp_frame(link(1), {.src = on_link(1)}, {.type = 3, .code = 4, .word = mtu}, quoted));
  };
  of_flows();
  narrow(own_address, 0xc6336405, 9, 52000, 1000);
  for (const auto& flow : inputs.workload.flows)
    narrow(inputs.workload.local_address(flow), flow.src, flow.dst_port, flow.src_port, 560);
  of_flows();
  answers(0xc6336405);
  const Bytes huge(65000, 8);
  for (const std::uint32_t src : {on_link(4), 0xc6336405u, 0xcb007105u}) {  // the last: no way back
    Ip big{.src = src, .protocol = 1};
    pieces(big, icmp_message({}, huge), 1400);
  }
  pieces(stranger, udp_segment(stranger, {.src_port = 51000}, huge), 1400);
  // Some that stay in pieces, and are given up after 30 s; about one to all nobody is told.
  frames.push_back(
      ip_frame(link(4), {.src = on_link(4), .dst = own_broadcast, .id = 998, .fragment = 0x2000},
               Bytes(64, 1)));
  frames.push_back(
      ip_frame(link(4), {.src = on_link(4), .id = 999, .fragment = 0x2000}, Bytes(64, 1)));
  return frames;
}

}  // namespace weft::sim
