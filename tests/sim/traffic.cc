#include "tests/sim/traffic.h"

#include <algorithm>

#include "stack-nodes/table/neighbour_table.h"
#include "tests/sim/mutate.h"
#include "tests/sim/traffic_ipv4.h"

namespace weft::sim {
namespace {

class Traffic : public Ipv4Traffic {
 public:
  using Ipv4Traffic::Ipv4Traffic;

  std::vector<ports::Frame> run() {
    kernel();
    cut_at_every_length();
    for (unsigned i = 0; i < 12; ++i) {
      link_oddities();
      arp_oddities();
      own_addresses();
      groups();
      to_itself();
      ip_oddities();
      udp_oddities();
      icmp_oddities();
      fragment_oddities();
      oversize();
      option_oddities();
      quotes();
      to_be_forwarded();
    }
    all_of_size();
    many_to_be_cut();
    for (unsigned i = 0; i < 12; ++i) unknown_host(100 + i);
    for (unsigned i = 0; i < 12; ++i) crowd_for_one_host(130 + i);
    for (unsigned i = 0; i < 12; ++i) silent_host(160 + i);
    full_fragment_table();
    over_the_limit();
    while (schedule_.size() + 200 < options_.packets) {
      ordinary();
      if (one_in(3)) mutated();
      if (one_in(12)) whole_in_pieces(below(4000), one_in(2));
      if (one_in(60)) fragment_oddities();
    }
    while (schedule_.size() < options_.packets) ordinary();
    auto frames = schedule_.frames();
    frames.resize(options_.packets);
    return frames;
  }

 private:
  // ---- what a kernel sends --------------------------------------------------------------------
  void kernel() {
    for (const Bytes& frame : options_.kernel) {
      Bytes f = frame;
      if (options_.vlan >= 0) {
        const Bytes tag = {0x81, 0, static_cast<std::uint8_t>(options_.vlan >> 8),
                           static_cast<std::uint8_t>(options_.vlan)};
        f.insert(f.begin() + 12, tag.begin(), tag.end());
      }
      if (f.size() <= 1514) add(std::move(f));
    }
  }

  void ordinary() {
    const std::uint32_t from = peer();
    Ip ip{.src = from, .id = id()};
    ip.dst = any({own_address, own_address, own_address, own_second, own_third});
    switch (below(12)) {
      case 0:
      case 1:
      case 2:  // a known flow
        ip.src = on_link(1);
        return add(udp_frame(link(), ip,
                             {.src_port = static_cast<std::uint16_t>(40000 + below(40))},
                             payload(below(1460))));
      case 3:
        ip.src = on_link(3);
        return add(
            udp_frame(link(ip.src), ip,
                      {.src_port = static_cast<std::uint16_t>(41000 + below(8)), .dst_port = 9},
                      payload(below(1460))));
      case 4:  // known flows' addresses and ports, mixed up
        ip.src = on_link(any({1u, 3u}));
        return add(
            udp_frame(link(ip.src), ip,
                      {.src_port = static_cast<std::uint16_t>(any({40000u, 41000u}) + below(50)),
                       .dst_port = any<std::uint16_t>({7, 9})},
                      payload(below(200))));
      case 5:
        return add(udp_frame(link(from), ip,
                             {.src_port = port(), .dst_port = any<std::uint16_t>({7, 9})},
                             payload(below(1460))));
      case 6:  // nobody listens
        return add(udp_frame(link(from), ip, {.src_port = port(), .dst_port = port()},
                             payload(below(1460))));
      case 7:
        ip.src = any({0xc6336405u, 0xc0000207u}) + below(20);  // behind a gateway
        return add(udp_frame(link(), ip, {.src_port = port()}, payload(below(600))));
      case 8:
      case 9:
        return add(icmp_frame(link(from), ip, {.word = below(1u << 31)}, payload(below(1460))));
      case 10:  // to be forwarded, where the host does that
        ip.dst = one_in(4) ? 0xcb007100 + below(256)
                           : any({0xc6336405u, 0xc0000207u, on_link(4), on_link(17)});
        ip.ttl = static_cast<std::uint8_t>(one_in(3) ? below(4) : below(256));
        return add(udp_frame(link(from), ip, {.src_port = port()}, payload(below(1460))));
      default: {
        const Arp arp{.sender_mac = mac_of(from), .sender = from};
        return add(arp_frame(
            {.dst = one_in(2) ? to_all : own_mac, .src = mac_of(from), .vlan = options_.vlan},
            arp));
      }
    }
  }

  // ---- what is wrong on purpose -----------------------------------------------------------------
  void cut_at_every_length() {
    const Link tagged{.vlan = options_.vlan < 0 ? 0 : options_.vlan};
    const std::vector<Bytes> whole = {
        udp_frame(link(), {}, {}, payload(20)),
        udp_frame(tagged, {}, {.src_port = 50001}, payload(20)),
        udp_frame(link(), {.ihl = 8}, {}, payload(20)),
        icmp_frame(link(), {}, {}, payload(20)),
        arp_frame(link(), {}),
        arp_frame(tagged, {}),
        ip_frame(link(), {.protocol = 6}, payload(40)),
    };
    for (const Bytes& frame : whole) {
      for (std::size_t n = 1; n <= frame.size(); ++n) {
        Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n));
        add(cut);
        // The same with lengths that fit, so that the next check is the one to find it.
        const std::size_t l3 = network_header(cut);
        if (network_type(cut) == 0x0800 && cut.size() >= l3 + 20) {
          put16(cut, l3 + 2, static_cast<std::uint32_t>(cut.size() - l3));
          fix_ip_checksum(cut);
          add(std::move(cut));
        }
      }
    }
  }

  void link_oddities() {
    const Bytes p = payload(below(100));
    Link l = link();
    l.dst = any<std::uint64_t>({0x027765667403, 0x01005e000001, 0x333300000001, 0, 0x027765667302});
    add(udp_frame(l, {}, {}, p));
    add(arp_frame(l, {}));
    l = link();
    l.src |= 0x010000000000;
    add(udp_frame(l, {}, {}, p));
    l.src = to_all;
    add(icmp_frame(l, {}, {}, p));
    l = link();
    l.type = any<std::uint16_t>({0x86dd, 0x88cc, 0x0100, 0x9100, 0, 0xffff, 0x0801});
    add(ip_frame(l, {}, p));
    for (const int vlan : {-1, 0, 5, 6, 0x2005, 0xe000, 4095}) {
      l = link();
      l.vlan = vlan;
      add(udp_frame(l, {}, {.src_port = port()}, p));
      add(icmp_frame(l, {}, {}, p));
    }
    l = {.vlan = 5, .type = 0x8100};
    add(udp_frame(l, {}, {}, p));
    for (const std::size_t n : {14u, 15u, 17u}) {  // the tag is cut off
      Bytes f = udp_frame({.vlan = 5}, {}, {}, p);
      f.resize(n);
      add(std::move(f));
    }
  }

  void arp_oddities() {
    const Link all{.dst = to_all, .src = mac_of(on_link(4)), .vlan = options_.vlan};
    const Arp good{.sender_mac = mac_of(on_link(4)), .sender = on_link(4)};
    const auto changed = [&](auto&& change) {
      Arp arp = good;
      change(arp);
      add(arp_frame(all, arp));
    };
    add(arp_frame(all, good));
    changed([](Arp& a) { a.hardware = 6; });
    changed([](Arp& a) { a.protocol = 0x86dd; });
    changed([](Arp& a) { a.hardware_length = 8; });
    changed([](Arp& a) { a.protocol_length = 16; });
    changed([](Arp& a) { a.sender_mac = 0; });
    changed([](Arp& a) { a.sender_mac = to_all; });
    changed([](Arp& a) { a.sender = own_address; });
    changed([](Arp& a) { a.sender = 0xe0000001; });
    changed([](Arp& a) { a.sender = 0xffffffff; });
    changed([](Arp& a) { a.target = on_link(77); });
    changed([](Arp& a) { a.operation = 3; });
    changed([](Arp& a) { a.operation = 2; });  // an answer to everybody
    Arp answer = good;
    answer.operation = 2;
    answer.target_mac = own_mac;
    add(arp_frame(link(on_link(4)), answer));
    answer.sender = on_link(99);  // nobody asked for it
    add(arp_frame(link(on_link(99)), answer));
    Bytes padded = arp_frame(all, good);
    padded.resize(60);
    add(std::move(padded));
  }

  // Everything that the primary address gets, to the others; and what names them wrongly.
  void own_addresses() {
    const std::uint32_t from = peer();
    const Bytes p = payload(below(200));
    for (const std::uint32_t own : {own_second, own_third}) {
      const Link all{.dst = to_all, .src = mac_of(on_link(4)), .vlan = options_.vlan};
      Arp arp{.sender_mac = mac_of(on_link(4)), .sender = on_link(4), .target = own};
      add(arp_frame(all, arp));
      arp.sender = 0;  // a probe
      add(arp_frame(all, arp));
      arp.sender = own;
      add(arp_frame(all, arp));
      arp.sender_mac = own_mac;  // the host's own message comes back
      add(arp_frame(all, arp));
      for (const std::uint16_t to : {7, 8, 9, 4})
        add(udp_frame(link(from), {.src = from, .dst = own}, {.src_port = port(), .dst_port = to},
                      p));
      for (const unsigned flow : {41000u, 41100u, 41103u, 41200u, 41203u}) {
        add(udp_frame(link(on_link(3)), {.src = on_link(3), .dst = own},
                      {.src_port = static_cast<std::uint16_t>(flow)}, p));
      }
      add(icmp_frame(link(from), {.src = from, .dst = own}, {}, p));
      add(ip_frame(link(from), {.src = from, .dst = own, .protocol = 47}, p));
      add(udp_frame(link(from), {.src = own}, {.src_port = port()}, p));
      add(udp_frame(all, {.src = from, .dst = own}, {.src_port = port()}, p));
      Ip ip{.src = from, .dst = own, .id = id()};
      const Bytes whole = udp_segment(ip, {.src_port = port()}, payload(200));
      for (auto& part : pieces(ip, whole, 128, from)) add(std::move(part));
    }
    Link shared = link(from);
    shared.dst = to_all;
    for (const std::uint32_t dst : {third_broadcast, 0xe0000001u}) {
      add(udp_frame(shared, {.src = from, .dst = dst}, {.src_port = port()}, p));
      add(udp_frame(shared, {.src = from, .dst = dst}, {.src_port = port(), .dst_port = 4}, p));
      add(icmp_frame(shared, {.src = from, .dst = dst}, {}, p));
      add(ip_frame(shared, {.src = from, .dst = dst, .protocol = 47}, p));
    }
    add(udp_frame(link(from), {.src = third_broadcast}, {.src_port = port()}, p));
  }

  // The host takes part in multicast, in some workloads: 239.1.2.3 for all sources and 232.1.1.1
  // from 10.7.0.1 alone, both on port 9.
  void groups() {
    const std::uint32_t from = on_link(3);
    const Bytes p = payload(below(200));
    const auto to_group = [&](std::uint32_t group) {
      Link l = link(from);
      l.dst = 0x01005e000000 | (group & 0x7fffff);
      return l;
    };
    for (const std::uint32_t group :
         {0xef010203u, 0xe8010101u, 0xe0000001u, 0xef010204u, 0xe00000fbu}) {
      for (const std::uint16_t to : {9, 7, 4}) {
        add(udp_frame(to_group(group), {.src = from, .dst = group, .ttl = 1},
                      {.src_port = port(), .dst_port = to}, p));
      }
      add(icmp_frame(to_group(group), {.src = from, .dst = group}, {}, p));
      add(ip_frame(to_group(group), {.src = from, .dst = group, .protocol = 47}, p));
    }
    Link l = link();
    l.dst = 0x01005e010101;
    add(udp_frame(l, {.dst = 0xe8010101}, {.src_port = port(), .dst_port = 9}, p));
    // What queriers ask, and what they do not.
    const auto igmp = [&](std::uint8_t type, std::uint8_t code, std::uint32_t group, Bytes more,
                          Ip ip = {.src = on_link(3), .dst = 0xe0000001, .protocol = 2, .ttl = 1},
                          bool right = true) {
      Bytes m = {type, code, 0, 0};
      m.resize(8);
      put32(m, 4, group);
      m.insert(m.end(), more.begin(), more.end());
      put16(m, 2, ~sum16(m.data(), m.size()) ^ (right ? 0u : 0x0101u));
      add(ip_frame(to_group(ip.dst), ip, m));
      schedule_.next_burst();
    };
    igmp(0x11, 20, 0, {2, 125, 0, 0});
    igmp(0x11, 20, 0xef010203, {2, 125, 0, 0});
    igmp(0x11, 20, 0xe8010101, {2, 125, 0, 1, 10, 7, 0, 1});
    igmp(0x11, 20, 0xef010209, {2, 125, 0, 0});
    igmp(0x11, 20, 0, {2, 125});
    igmp(0x16, 0, 0xef010203, {});
    igmp(0x22, 0, 1, {4, 0, 0, 0, 239, 1, 2, 3});
    igmp(0x17, 0, 0xef010203, {});
    igmp(0x11, 20, 0, {2, 125, 0, 0},
         {.src = on_link(3), .dst = 0xe0000001, .protocol = 2, .ttl = 2});
    igmp(0x11, 20, 0, {2, 125, 0, 0},
         {.src = on_link(3), .dst = 0xe0000001, .protocol = 2, .ttl = 1}, false);
    add(ip_frame(to_group(0xe0000001), {.src = from, .dst = 0xe0000001, .protocol = 2, .ttl = 1},
                 {0x11, 0, 0, 0}));
    schedule_.silence(4);
  }

  // The application sends to the host itself: where somebody listens, where nobody does, and more
  // than is taken.
  void to_itself() {
    for (const auto& [times, to] : {std::pair{1, 9}, {2, 4}, {100, 9}}) {
      Bytes p = payload(100);
      std::copy_n(loop_word, 4, p.begin() + 4);
      p[8] = static_cast<std::uint8_t>(times);
      p[9] = static_cast<std::uint8_t>(to);
      schedule_.next_burst();
      schedule_.add(udp_frame(link(), {}, {.src_port = 5004}, p));
      schedule_.next_burst();
    }
  }

  void ip_oddities() {
    const Bytes p = payload(8 + below(100));
    const auto ip = [&](auto&& change, std::size_t padding = 0) {
      Ip h{.src = peer(), .id = id()};
      change(h);
      Bytes f = udp_frame(link(h.src), h, {.src_port = port()}, p);
      f.resize(f.size() + padding);
      add(std::move(f));
    };
    ip([](Ip& h) { h.version = 6; });
    ip([](Ip& h) { h.version = 0; });
    ip([&](Ip& h) { h.ihl = below(5); });
    ip([](Ip& h) { h.total_length = 19; });
    ip([](Ip& h) { h.total_length = 1400; });
    ip([](Ip& h) { h.total_length = 0xffff; });
    ip([&](Ip& h) { h.total_length = static_cast<std::uint16_t>(20 + below(16)); });
    ip([](Ip& h) { h.bad_checksum = true; });
    ip([](Ip& h) {
      h.bad_checksum = true;
      h.fragment = 0x2000;
    });
    ip([](Ip&) {}, 18);  // padded
    ip([&](Ip& h) { h.ihl = 5 + below(11); }, below(8));
    ip([&](Ip& h) { h.ttl = static_cast<std::uint8_t>(below(3)); });
    for (const std::uint32_t src : {0u, 0x7f000001u, 0xe0000001u, 0xffffffffu, own_address,
                                    own_broadcast, 0x00000005u, 0xf0000001u})
      ip([&](Ip& h) { h.src = src; });
    for (const std::uint32_t dst : {0xffffffffu, own_broadcast, 0xe00000fbu, 0x7f000001u,
                                    on_link(4), 0xc6336409u, 0xcb007101u, 0u})
      ip([&](Ip& h) {
        h.dst = dst;
        h.ttl = static_cast<std::uint8_t>(1 + below(3));
      });
    ip([](Ip& h) { h.src = 0xcb007105; });  // no way back
    // In a broadcast frame: to all, to us alone, to somebody else.
    Link all = link();
    all.dst = to_all;
    for (const std::uint32_t dst :
         {own_broadcast, 0xffffffffu, own_address, 0xc6336409u, 0xe00000fbu}) {
      add(udp_frame(all, {.dst = dst}, {.src_port = port()}, p));
      add(udp_frame(all, {.dst = dst}, {.src_port = port(), .dst_port = 4}, p));
      add(ip_frame(all, {.dst = dst, .protocol = 2}, p));
      add(icmp_frame(all, {.dst = dst}, {}, p));
    }
    for (const std::uint8_t protocol : {2, 6, 47, 50, 132, 255, 0})
      add(ip_frame(link(), {.protocol = protocol}, payload(below(60))));
    // Forwarded, too large for a smaller MTU.
    add(udp_frame(link(), {.dst = 0xc6336409}, {}, payload(room() - 28)));
  }

  void udp_oddities() {
    const std::uint32_t from = peer();
    const Bytes p = payload(below(200));
    const auto udp = [&](Udp u, Ip h = {}) {
      h.src = from;
      add(udp_frame(link(from), h, u, p));
    };
    udp({.sum = Udp::Sum::wrong});
    udp({.src_port = 40003, .dst_port = 7, .sum = Udp::Sum::wrong});
    udp({.src_port = port(), .dst_port = 4, .sum = Udp::Sum::wrong});
    udp({.src_port = port(), .sum = Udp::Sum::none});
    udp({.src_port = port(), .dst_port = 4, .sum = Udp::Sum::none});
    udp({.length = 7});
    udp({.length = 0});
    udp({.length = static_cast<std::uint16_t>(9 + p.size())});
    udp({.length = 0xffff});
    udp({.length = 8});  // shorter than the datagram
    udp({.src_port = 0});
    udp({.dst_port = 0});
    udp({.src_port = port()}, {.ihl = 6});
    udp({.src_port = port(), .sum = Udp::Sum::wrong}, {.ihl = 15});
    udp({.src_port = 40005, .sum = Udp::Sum::wrong}, {.bad_checksum = true});
    for (unsigned n = 0; n < 8; ++n) add(ip_frame(link(from), {.src = from}, payload(n)));
    if (p.size() >= 2) {
      Ip h{.src = from};
      Bytes f = udp_frame(link(from), h, {.src_port = port()}, p);
      f.resize(f.size() - 2);  // the last bytes are missing
      add(std::move(f));
    }
  }

  void icmp_oddities() {
    const std::uint32_t from = peer();
    const Bytes p = payload(below(200));
    const auto icmp = [&](Icmp m, Ip h = {}) {
      h.src = from;
      add(icmp_frame(link(from), h, m, p));
    };
    icmp({.bad_checksum = true});
    icmp({.code = 1});
    for (const std::uint8_t type : {0, 3, 4, 5, 11, 12, 13, 14, 17, 255}) icmp({.type = type});
    icmp({}, {.ihl = 7});
    icmp({}, {.bad_checksum = true});
    icmp({}, {.ttl = 1});
    icmp({}, {.dst = own_broadcast});
    icmp({}, {.dst = 0xffffffff});
    for (unsigned n = 0; n < 8; ++n)
      add(ip_frame(link(from), {.src = from, .protocol = 1}, payload(n)));
    add(icmp_frame(link(from), {.src = from}, {.word = 0}, Bytes(40, 0)));
    add(icmp_frame(link(from), {.src = from}, {.word = 0xffffffff}, Bytes(40, 0xff)));
  }

  // ---- datagrams in pieces
  // ------------------------------------------------------------------------
  void whole_in_pieces(std::size_t bytes, bool shuffled) {
    Ip ip{.src = peer()};
    const Bytes content = datagram(ip, bytes);
    Pieces parts = pieces(ip, content, any<std::size_t>({8, 64, 256, 512, 1024, 1480 - 8}), ip.src);
    if (parts.size() > 40) parts = pieces(ip, content, 1024, ip.src);
    if (shuffled) std::shuffle(parts.begin(), parts.end(), random_);
    schedule_.next_burst();
    for (auto& part : parts) add(std::move(part));
    if (parts.size() == 1) return;
  }

  void fragment_oddities() {
    const std::uint32_t from = peer();
    Ip ip{.src = from};
    Bytes content = datagram(ip, 400);
    Pieces parts = pieces(ip, content, 128, ip.src);
    // An exact copy in between.
    add(parts[0]);
    add(parts[0]);
    for (std::size_t i = parts.size(); i-- > 1;) add(parts[i]);
    // Half of it again, with other bytes; then the rest.
    content = datagram(ip, 400);
    parts = pieces(ip, content, 128, ip.src);
    add(parts[1]);
    ip.fragment = static_cast<std::uint16_t>(0x2000 | (128 + 64) / 8);
    add(ip_frame(link(ip.src), ip, payload(128)));
    for (auto& part : parts) add(part);
    schedule_.unfinished();
    // Ends that do not agree.
    ip.id = id();
    ip.fragment = 8;
    add(ip_frame(link(ip.src), ip, payload(64)));
    ip.fragment = 0x2000 | 32;
    add(ip_frame(link(ip.src), ip, payload(64)));
    schedule_.unfinished();
    // Lengths that no fragment has.
    ip.id = id();
    ip.fragment = 0x2000;
    add(ip_frame(link(ip.src), ip, payload(13)));
    ip.fragment = 0x2001;
    add(ip_frame(link(ip.src), ip, {}));
    ip.fragment = 0x1fff;
    add(ip_frame(link(ip.src), ip, payload(600)));
    // A first piece that never gets a second one, a wrong header checksum on a piece.
    ip.id = id();
    ip.fragment = 0x2000;
    add(ip_frame(link(ip.src), ip, payload(64)));
    schedule_.unfinished();
    ip.bad_checksum = true;
    add(ip_frame(link(ip.src), ip, payload(64)));
    // The same to all: nobody is told that it stayed in pieces.
    ip.bad_checksum = false;
    ip.dst = own_broadcast;
    ip.id = id();
    add(ip_frame(link(ip.src), ip, payload(64)));
    schedule_.unfinished();
    // To all, in pieces.
    Ip broadcast{.src = from, .dst = own_broadcast, .id = id()};
    const Bytes to_everybody = udp_segment(broadcast, {.src_port = port()}, payload(100));
    for (auto& part : pieces(broadcast, to_everybody, 64, from)) add(part);
  }

  // Answers that are larger than the MTU, and larger than a frame.
  void oversize() {
    whole_in_pieces(1600 + below(8000), one_in(2));
    Ip ip{.src = peer(), .protocol = 1, .id = id()};
    for (auto& part : pieces(ip, icmp_message({}, payload(2000)), 1000, ip.src)) add(part);
    ip = {.src = peer(), .id = id()};
    for (auto& part :
         pieces(ip, udp_segment(ip, {.src_port = port()}, payload(2000)), 1000, ip.src))
      add(part);
  }

  // ---- what fills tables and limits -------------------------------------------------------------
  Bytes from_host(unsigned last, std::uint16_t src_port) {
    return udp_frame(link(on_link(last)), {.src = on_link(last)}, {.src_port = src_port},
                     payload(30));
  }

  void unknown_host(unsigned last) {
    schedule_.together({from_host(last, 5000), from_host(last, 5000)});
    Arp answer{.operation = 2,
               .sender_mac = mac_of(on_link(last)),
               .sender = on_link(last),
               .target_mac = own_mac};
    schedule_.add(arp_frame(link(on_link(last)), answer));
    schedule_.together({from_host(last, 5000)});
  }

  void crowd_for_one_host(unsigned last) {
    Pieces crowd;
    for (unsigned i = 0; i < NeighbourTable::held_per_entry + 3; ++i)
      crowd.push_back(from_host(last, 5001));
    schedule_.together(std::move(crowd));
    Arp answer{.operation = 2,
               .sender_mac = mac_of(on_link(last)),
               .sender = on_link(last),
               .target_mac = own_mac};
    schedule_.add(arp_frame(link(on_link(last)), answer));
  }

  void silent_host(unsigned last) {
    schedule_.together({from_host(last, 5002)});
    schedule_.silence(1);
  }

  void full_fragment_table() {
    schedule_.silence(32);
    Ip ip{.src = on_link(5)};
    for (unsigned i = 0; i < 32 + 16; ++i) {
      ip.id = id();
      ip.fragment = 0x2000;
      schedule_.add(ip_frame(link(ip.src), ip, payload(64)));
    }
    schedule_.silence(32);
  }

  // 80 errors at once are more than the 50 that may be sent: one flow, one pair of addresses.
  void over_the_limit() {
    const Bytes wrong = options({7, 0}), routed = options({131, 7, 4, 10, 7, 0, 9});
    for (const unsigned what : {0u, 1u, 2u, 3u, 4u, 5u}) {
      schedule_.silence(1);
      Pieces flood;
      for (unsigned i = 0; i < 80; ++i) {
        const Bytes p = payload(40);
        flood.push_back(
            what == 0   ? udp_frame(link(), {}, {.src_port = 5003, .dst_port = 4}, p)
            : what == 1 ? ip_frame(link(), {.protocol = 47}, p)
            : what == 2 ? udp_frame(link(), {.dst = 0xc6336409, .ttl = 1}, {.src_port = 5003}, p)
            : what == 3 ? udp_frame(link(), {.options = wrong}, {.src_port = 5003}, p)
            : what == 4
                ? udp_frame(link(), {.options = routed}, {.src_port = 5003}, p)
                : error(on_link(1), {.type = 3, .code = 1}, quoted({}, {.src_port = 7}, 40)));
      }
      schedule_.together(std::move(flood));
    }
  }

  void mutated() {
    if (samples_.empty()) return;
    for (unsigned tries = 0; tries < 8; ++tries) {
      Bytes f = mutate(samples_[below(static_cast<std::uint32_t>(samples_.size()))], random_);
      if (Schedule::strays(f)) continue;
      if (network_type(f) == 0x0800 && (get16(f, network_header(f) + 6) & 0x3fff) != 0)
        schedule_.unfinished();
      return schedule_.add(std::move(f));
    }
  }
};

}  // namespace

std::vector<ports::Frame> traffic(const TrafficOptions& options) { return Traffic(options).run(); }

}  // namespace weft::sim
