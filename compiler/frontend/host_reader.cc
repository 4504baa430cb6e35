#include "compiler/frontend/host_reader.h"

#include <fmt/format.h>

#include "compiler/frontend/address.h"

namespace weft::frontend {
namespace {

struct Prefix {
  std::uint32_t address = 0;
  unsigned length = 0;
  bool good = false;
};

std::optional<std::uint32_t> read_ipv4(const Value& at) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  if (!at.present() || at.error_count() != before) return std::nullopt;
  const auto address = parse_ipv4(text);
  if (!address) {
    at.error("E0107", fmt::format("`{}` is not an IPv4 address", text), "",
             "four numbers from 0 to 255: 10.7.0.2");
  }
  return address;
}

// The netmask that was probably meant: by spelling, those of whole bytes first.
std::string nearest_mask(const std::string& text) {
  std::vector<std::string> masks;
  for (const unsigned length : {24, 16, 8}) masks.push_back(format_ipv4(prefix_mask(length)));
  for (unsigned length = 1; length <= 32; ++length)
    masks.push_back(format_ipv4(prefix_mask(length)));
  return diag::nearest(text, masks);
}

// "10.7.0.2/24" or "10.7.0.2/255.255.255.0".
Prefix read_prefix(const Value& at) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  Prefix out;
  if (!at.present() || at.error_count() != before) return out;
  const std::size_t slash = text.find('/');
  const auto address = parse_ipv4(std::string_view(text).substr(0, slash));
  if (!address) {
    at.error("E0107", fmt::format("`{}` is not an IPv4 address", text.substr(0, slash)), "",
             "address and prefix length: 10.7.0.2/24");
    return out;
  }
  out.address = *address;
  if (slash == std::string::npos) {
    at.error("E0251", fmt::format("`{}` has no prefix length", text), "",
             fmt::format("write {}/24", text));
    return out;
  }
  const std::string bits = text.substr(slash + 1);
  diag::Diagnostic bad{.code = "E0251", .span = at.place(slash + 1, bits.size())};
  if (const auto mask = parse_ipv4(bits)) {
    const auto length = netmask_length(*mask);
    if (!length) {
      bad.message = fmt::format("netmask {} is not contiguous", bits);
      const std::string near = nearest_mask(bits);
      if (!near.empty()) bad.label = fmt::format("did you mean {}?", near);
      bad.help = "a netmask is ones, then zeros";
      at.report(std::move(bad));
      return out;
    }
    out.length = *length;
  } else if (const auto length = parse_prefix_length(bits)) {
    out.length = *length;
  } else {
    bad.message = fmt::format("`{}` is not a prefix length", bits);
    bad.help = "a number from 0 to 32";
    at.report(std::move(bad));
    return out;
  }
  out.good = true;
  return out;
}

void read_address(const Value& at, ir::HostConfig& host) {
  const Prefix prefix = read_prefix(at);
  if (!prefix.good) return;
  host.address = prefix.address;
  host.prefix_length = prefix.length;
  if (prefix.length == 0 || prefix.length == 31) {
    host.address = 0;
    at.error("E0251", fmt::format("a prefix of {} bits is not supported for a host", prefix.length),
             "", "1 to 30 bits, or 32 for a host without neighbours on its link");
    return;
  }
  std::string why = not_a_host(prefix.address);
  const bool hopeless = !why.empty();
  const std::uint32_t mask = prefix_mask(prefix.length);
  if (why.empty() && prefix.length < 31) {
    const std::uint32_t rest = prefix.address & ~mask;
    if (rest == 0) why = "the network address of its own prefix";
    if (rest == ~mask) why = "the broadcast address of its own prefix";
  }
  if (why.empty()) return;
  host.address = 0;
  at.error("E0250", fmt::format("no host can be `{}`: it is {}", format_ipv4(prefix.address), why),
           "",
           prefix.length < 31 && !hopeless
               ? fmt::format("hosts are {} to {}", format_ipv4((prefix.address & mask) + 1),
                             format_ipv4((prefix.address | ~mask) - 1))
               : "");
}

std::uint64_t read_mac(const Value& at) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  if (!at.present() || at.error_count() != before) return 0;
  const auto mac = parse_mac(text);
  if (!mac) {
    at.error("E0253", fmt::format("`{}` is not an Ethernet address", text), "",
             "six bytes of two hex digits: 02:00:00:00:00:02");
    return 0;
  }
  if ((*mac >> 40 & 1) != 0) {
    at.error("E0253", fmt::format("`{}` is a group address", text), "",
             "the first byte of a host's address is even: 02:...");
  } else if (*mac == 0) {
    at.error("E0253", "a host's Ethernet address is not zero");
  }
  return *mac;
}

// An address to which frames can be sent on the host's link.
bool check_neighbour(const Value& at, std::uint32_t address, const ir::HostConfig& host,
                     const std::string& what) {
  if (host.address == 0) return true;  // reported already
  const std::uint32_t mask = host.netmask();
  std::string why;
  if ((address & mask) != (host.address & mask)) {
    why = fmt::format("outside the subnet {}/{}", format_ipv4(host.address & mask),
                      host.prefix_length);
  } else if (address == host.address) {
    why = "the own address";
  } else if (host.prefix_length < 31 && address == host.broadcast()) {
    why = "the broadcast address of the subnet";
  } else if (host.prefix_length < 31 && address == (host.address & mask)) {
    why = "the network address of the subnet";
  }
  if (why.empty()) return true;
  at.error("E0252", fmt::format("{} {} is {}", what, format_ipv4(address), why), "",
           host.prefix_length < 31
               ? fmt::format("neighbours are {} to {}", format_ipv4((host.address & mask) + 1),
                             format_ipv4(host.broadcast() - 1))
               : "a prefix of 32 bits has no neighbours");
  return false;
}

void read_route(const Value& at, ir::HostConfig& host) {
  Mapping m(at, "the route");
  const Value to = m.required("to");
  const Value via = m.required("via");
  m.done();
  ir::Route route;
  const Prefix prefix = read_prefix(to);
  if (prefix.good && (prefix.address & ~prefix_mask(prefix.length)) != 0) {
    to.error(
        "E0251",
        fmt::format("`{}` has bits set behind its {} prefix bits", to.node()->text, prefix.length),
        "",
        fmt::format("write {}/{}", format_ipv4(prefix.address & prefix_mask(prefix.length)),
                    prefix.length));
  }
  route.prefix = prefix.address;
  route.length = prefix.length;
  if (via.is_scalar() && via.node()->text == "link") {
    route.via = 0;
  } else if (const auto address = read_ipv4(via)) {
    route.via = *address;
    check_neighbour(via, *address, host, "the next hop");
  }
  for (const ir::Route& other : host.routes) {
    if (prefix.good && other.prefix == route.prefix && other.length == route.length) {
      to.error(
          "E0258",
          fmt::format("there is a route to {}/{} already", format_ipv4(route.prefix), route.length),
          "", route.length == 0 ? "the gateway is the route to 0.0.0.0/0" : "");
    }
  }
  host.routes.push_back(route);
}

}  // namespace

std::string not_a_host(std::uint32_t address) {
  if (address >> 24 == 0) return "in 0.0.0.0/8, `this network`";
  if (address >> 24 == 127) return "a loopback address";
  if (address == 0xffffffff) return "the broadcast address";
  if (address >> 28 == 14) return "a group address";
  if (address >> 28 == 15) return "in 240.0.0.0/4, which is reserved";
  return "";
}

ir::HostConfig read_host(const Value& at) {
  ir::HostConfig host;
  Mapping m(at, "`host`");
  host.mac = read_mac(m.required("mac"));
  read_address(m.required("address"), host);
  const auto gateway = m.optional("gateway");
  if (const auto vlan = m.optional("vlan")) {
    const bool none = vlan->is_scalar() && vlan->node()->text == "none";
    if (!none) host.vlan_id = static_cast<std::uint16_t>(vlan->number(1, 4094));
  }
  // RFC 791 section 3.2: every link carries datagrams of 68 bytes.
  if (const auto mtu = m.optional("mtu")) {
    host.mtu = static_cast<std::uint16_t>(mtu->number(68, 65535));
  }
  if (const auto forwarding = m.optional("forwarding")) host.forwarding = forwarding->flag();
  const auto routes = m.optional("routes");
  m.done();
  if (gateway) {
    if (const auto address = read_ipv4(*gateway)) {
      if (check_neighbour(*gateway, *address, host, "gateway")) {
        host.routes.push_back({.prefix = 0, .length = 0, .via = *address});
      }
    }
  }
  if (routes) {
    for (const Value& route : routes->list()) read_route(route, host);
  }
  return host;
}

}  // namespace weft::frontend
