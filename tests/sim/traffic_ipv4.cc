#include "tests/sim/traffic_ipv4.h"

#include "tests/sim/mutate.h"

namespace weft::sim {

Bytes Ipv4Traffic::options(std::initializer_list<std::uint8_t> bytes) {
  Bytes b(bytes);
  b.resize((b.size() + 3) / 4 * 4);
  return b;
}

void Ipv4Traffic::option_oddities() {
  const std::vector<Bytes> good = {
      options({7, 7, 4, 0, 0, 0, 0}), options({68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
      options({148, 4, 0, 0}),        options({1, 1, 0xde, 5, 1, 2, 3}),
      options({0, 0xff, 0xff, 0xff}), options({131, 7, 8, 10, 7, 0, 9})};
  const std::vector<Bytes> wrong = {options({7, 0}),         options({7, 1}),
                                    options({1, 1, 1, 7}),   options({0xde, 5, 1, 2}),
                                    options({7, 7, 3}),      options({68, 3, 5}),
                                    options({131, 7, 3, 0}), options({131, 3, 4, 137, 3, 4})};
  const std::vector<Bytes> routed = {options({131, 7, 4, 10, 7, 0, 9}),
                                     options({1, 137, 11, 8, 10, 7, 0, 9, 10, 7, 0, 4})};
  for (const auto* list : {&good, &wrong, &routed}) {
    for (const Bytes& o : *list) {
      const std::uint32_t from = peer();
      const Ip ip{.src = from, .id = id(), .options = o};
      add(udp_frame(link(from), ip, {.src_port = port()}, payload(below(100))));
      add(icmp_frame(link(from), ip, {}, payload(below(100))));
    }
    Ip all{.dst = own_broadcast,
           .options = list->at(below(static_cast<std::uint32_t>(list->size())))};
    add(udp_frame(link(), all, {.src_port = port()}, payload(20)));
  }
  Ip fragment{.fragment = 0x2000, .options = good[0]};
  whole_in_pieces_with(fragment);
}

void Ipv4Traffic::whole_in_pieces_with(Ip ip) {
  ip.id = id();
  const Bytes content = udp_segment(ip, {.src_port = port()}, payload(300));
  for (auto& part : pieces(ip, content, 104, ip.src)) add(part);
}

Bytes Ipv4Traffic::error(std::uint32_t from, Icmp icmp, const Bytes& quoted) {
  return icmp_frame(link(), {.src = from}, icmp, quoted);
}
Bytes Ipv4Traffic::quoted(Ip ip, Udp udp, std::size_t bytes, bool whole_only) {
  ip.src = ip.src == on_link(1) ? own_address : ip.src;
  if (ip.dst == own_address) ip.dst = 0xc6336406;
  if (whole_only) ip.fragment = static_cast<std::uint16_t>(ip.fragment | 0x4000);
  Bytes b = udp_frame({}, ip, udp, Bytes(bytes, 7));
  b.erase(b.begin(), b.begin() + 14);
  return b;
}

void Ipv4Traffic::quotes() {
  constexpr std::uint32_t router = on_link(1), far = 0xc6336406;
  const Udp ours{.src_port = 7, .dst_port = port()};
  for (std::uint8_t code = 0; code < 16; ++code) {
    if (code != 4) add(error(router, {.type = 3, .code = code}, quoted({}, ours, 40)));
  }
  add(error(router, {.type = 11}, quoted({}, ours, 40)));
  add(error(router, {.type = 11, .code = 1}, quoted({.fragment = 0x2000}, ours, 40)));
  add(error(router, {.type = 12, .word = 20u << 24}, quoted({.ihl = 7}, ours, 40)));
  add(error(router, {.type = 3, .code = 3}, quoted({}, {.src_port = 4}, 40)));  // whose?
  add(error(router, {.type = 3, .code = 3}, quoted({.src = far}, ours, 40)));   // not ours
  for (const std::uint8_t protocol : {6, 47})
    add(error(router, {.type = 3, .code = 1}, quoted({.protocol = protocol}, ours, 40)));
  add(error(router, {.type = 3, .code = 1}, quoted({.fragment = 5}, ours, 40)));
  add(error(router, {.type = 3, .code = 1}, quoted({.version = 6}, ours, 40)));
  for (std::size_t n : {0u, 19u, 20u, 27u, 28u}) {
    Bytes some = quoted({}, ours, 40);
    some.resize(n);
    add(error(router, {.type = 11}, some));
  }
  Bytes all = error(router, {.type = 11}, quoted({}, ours, 40));
  put32(all, network_header(all) + 16, own_broadcast);
  fix_ip_checksum(all);
  add(std::move(all));
  // Sizes: what is believed, what is not, and what happens to large datagrams then.
  const std::uint32_t to = far + below(8);
  const auto too_large = [&](std::uint32_t mtu, bool whole_only, std::size_t bytes) {
    add(error(router, {.type = 3, .code = 4, .word = mtu},
              quoted({.dst = to}, {.src_port = 9}, bytes, whole_only)));
  };
  too_large(1000, false, 1300);  // it could be cut
  too_large(1400, true, 1300);   // it would fit
  too_large(any<std::uint32_t>({0, 1, 68, 576, 1000, 1300}), true, 1300);
  schedule_.next_burst();
  for (const std::size_t n : {100u, 500u, 900u, 1300u, 1460u}) {
    const Ip ip{.src = to, .id = id()};
    add(udp_frame(link(), ip, {.src_port = port()}, payload(n)));
    add(udp_frame(link(), ip, {.src_port = port(), .dst_port = 9}, payload(n)));
    add(icmp_frame(link(), ip, {}, payload(n)));
  }
}

void Ipv4Traffic::to_be_forwarded() {
  for (const std::uint32_t dst : {0xc6336409u, 0xc0000207u, on_link(4)}) {
    Ip ip{.src = on_link(3), .dst = dst, .id = id()};
    const std::size_t n = 1380 + below(static_cast<std::uint32_t>(room() - 28 - 1380));
    add(udp_frame(link(ip.src), ip, {.src_port = port()}, payload(n)));
    ip.options = options({7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0});
    add(udp_frame(link(ip.src), ip, {.src_port = port()}, payload(1440)));
    ip.fragment = 0x4000;
    add(udp_frame(link(ip.src), ip, {.src_port = port()}, payload(1440)));
    ip.options.clear();
    add(udp_frame(link(ip.src), ip, {.src_port = port()}, payload(n)));
    add(icmp_frame(link(ip.src), ip, {.type = 3, .code = 3},
                   payload(1440)));  // no error to error
    ip.fragment = 0x2000;
    add(ip_frame(link(ip.src), ip, payload(1440)));
  }
  Ip nowhere{.src = on_link(3), .dst = 0xcb007109, .id = id()};
  add(udp_frame(link(nowhere.src), nowhere, {.src_port = port()}, payload(40)));
  add(icmp_frame(link(nowhere.src), nowhere, {.type = 11}, payload(40)));
}

void Ipv4Traffic::all_of_size() {
  for (const std::size_t n : {1473u, 2000u, 9000u, 32768u, 65000u, 65506u, 65507u}) {
    for (const std::uint16_t to : {7, 9, 4}) {
      Ip ip{.src = on_link(5), .id = id()};
      add_all(pieces(ip, udp_segment(ip, {.src_port = port(), .dst_port = to}, payload(n)), 1400,
                     ip.src));
    }
    Ip ip{.src = on_link(5), .protocol = 1, .id = id()};
    add_all(pieces(ip, icmp_message({}, payload(n)), 1400, ip.src));
  }
  for (unsigned i = 0; i < 12; ++i) {
    Ip ip{.src = 0xcb007105, .protocol = 1, .id = id()};  // no way back
    add_all(pieces(ip, icmp_message({}, payload(2000)), 1000, on_link(1)));
  }
}
void Ipv4Traffic::add_all(const Pieces& parts) {
  schedule_.next_burst();
  for (const auto& part : parts) add(part);
}

void Ipv4Traffic::many_to_be_cut() {
  schedule_.silence(32);
  Pieces last;
  for (unsigned i = 0; i < 30; ++i) {
    Ip ip{.src = on_link(9), .protocol = 1, .id = id()};
    Pieces parts = pieces(ip, icmp_message({}, payload(30000)), 1400, ip.src);
    last.push_back(parts.back());
    parts.pop_back();
    add_all(parts);
  }
  if (options_.whole_at_once)
    schedule_.together(std::move(last));
  else
    add_all(last);
  schedule_.silence(32);
}

}  // namespace weft::sim
