#include "compiler/frontend/host_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

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

// "10.7.0.2/24" or "10.7.0.2/255.255.255.0", from the given place of the text on.
Prefix read_prefix(const Value& at, std::size_t from = 0) {
  const std::size_t before = at.error_count();
  std::string text = at.text();
  Prefix out;
  if (!at.present() || at.error_count() != before) return out;
  text.erase(0, from);
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
  diag::Diagnostic bad{.code = "E0251", .span = at.place(from + slash + 1, bits.size())};
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

// Can a host have this address, with this prefix?
bool check_own(const Value& at, const Prefix& prefix) {
  if (prefix.length == 0) {
    at.error("E0251", "a prefix of 0 bits is not supported for a host", "",
             "1 to 30 bits, 31 for a link of two hosts (RFC 3021), or 32 for a host without "
             "neighbours on its link");
    return false;
  }
  std::string why = not_a_host(prefix.address);
  const bool hopeless = !why.empty();
  const std::uint32_t mask = prefix_mask(prefix.length);
  if (why.empty() && prefix.length < 31) {
    const std::uint32_t rest = prefix.address & ~mask;
    if (rest == 0) why = "the network address of its own prefix";
    if (rest == ~mask) why = "the broadcast address of its own prefix";
  }
  if (why.empty()) return true;
  at.error("E0250", fmt::format("no host can be `{}`: it is {}", format_ipv4(prefix.address), why),
           "",
           prefix.length < 31 && !hopeless
               ? fmt::format("hosts are {} to {}", format_ipv4((prefix.address & mask) + 1),
                             format_ipv4((prefix.address | ~mask) - 1))
               : "");
  return false;
}

void read_address(const Value& at, ir::HostConfig& host) {
  const Prefix prefix = read_prefix(at);
  if (!prefix.good) return;
  host.prefix_length = prefix.length;
  if (check_own(at, prefix)) host.address = prefix.address;
}

// "10.7.0.3/24", or a range: "10.7.1.0-10.7.1.99/16".
class Secondary {
 public:
  explicit Secondary(ir::HostConfig& host) : host_(host), seen_{host.address} {}

  void read(const Value& at) {
    const std::size_t before = at.error_count();
    const std::string text = at.text();
    if (!at.present() || at.error_count() != before) return;
    const std::size_t dash = text.find('-');
    const auto first = parse_ipv4(std::string_view(text).substr(0, dash));
    if (dash == std::string::npos || !first) {
      const Prefix prefix = read_prefix(at);
      if (prefix.good) add(at, prefix);
      return;
    }
    const Prefix last = read_prefix(at, dash + 1);
    if (!last.good) return;
    if (*first > last.address || last.address - *first >= most_addresses) {
      at.error("E0256", fmt::format("the range `{}` is reversed, or has more than {} addresses",
                                    text.substr(0, text.find('/')), most_addresses));
      return;
    }
    for (std::uint64_t a = *first; a <= last.address && at.error_count() == before; ++a)
      add(at, {static_cast<std::uint32_t>(a), last.length, true});
  }

  // Where one subnet's broadcast address would be another one's host.
  void done(const Value& at) {
    for (const ir::OwnAddress& own : host_.addresses()) {
      const std::uint32_t broadcast = own.address | ~prefix_mask(own.prefix_length);
      if (own.prefix_length >= 31 || !seen_.contains(broadcast)) continue;
      at.error("E0270", fmt::format("{} is the broadcast address of {}/{}", format_ipv4(broadcast),
                                    format_ipv4(own.address), own.prefix_length));
      return;
    }
  }

 private:
  static constexpr std::uint32_t most_addresses = 1'000'000;

  void add(const Value& at, const Prefix& prefix) {
    if (!check_own(at, prefix)) return;
    if (!seen_.insert(prefix.address).second || host_.secondary.size() >= most_addresses) {
      at.error("E0270",
               host_.secondary.size() >= most_addresses
                   ? fmt::format("more than {} addresses", most_addresses)
                   : fmt::format("{} is there twice", format_ipv4(prefix.address)),
               "", "name each address of the host once");
      return;
    }
    host_.secondary.push_back({prefix.address, prefix.length});
  }

  ir::HostConfig& host_;
  std::unordered_set<std::uint32_t> seen_;
};

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
  std::string why =
      fmt::format("outside the subnet {}/{}", format_ipv4(host.address & mask), host.prefix_length);
  const auto all = host.addresses();
  const bool own_one = std::any_of(all.begin(), all.end(), [address](const ir::OwnAddress& own) {
    return own.address == address;
  });
  if (own_one) why = "the own address";
  for (const ir::OwnAddress& own : all) {
    const std::uint32_t its_mask = prefix_mask(own.prefix_length);
    if (own_one) break;
    if (((address ^ own.address) & its_mask) != 0) continue;
    if (own.prefix_length < 31 && address == (own.address | ~its_mask)) {
      why = "the broadcast address of the subnet";
    } else if (own.prefix_length < 31 && address == (own.address & its_mask)) {
      why = "the network address of the subnet";
    } else {
      return true;
    }
  }
  at.error("E0252", fmt::format("{} {} is {}", what, format_ipv4(address), why), "",
           host.prefix_length < 31
               ? fmt::format("neighbours are {} to {}", format_ipv4((host.address & mask) + 1),
                             format_ipv4(host.broadcast() - 1))
               : "a prefix of 32 bits has no neighbours");
  return false;
}

// {address: 10.7.0.9, mac: "02:..."}
void read_neighbour(const Value& at, ir::HostConfig& host) {
  constexpr std::size_t most = 512;  // half of a table: the rest is for those that are asked for
  Mapping m(at, "the neighbour");
  const Value address = m.required("address");
  const Value mac = m.required("mac");
  m.done();
  ir::Neighbour out;
  out.mac = read_mac(mac);
  const auto its = read_ipv4(address);
  if (!its || !check_neighbour(address, *its, host, "the neighbour")) return;
  out.address = *its;
  const bool twice = std::any_of(host.neighbours.begin(), host.neighbours.end(),
                                 [&](const ir::Neighbour& n) { return n.address == out.address; });
  if (twice || host.neighbours.size() == most) {
    address.error("E0277",
                  twice ? fmt::format("neighbour {} is there twice", format_ipv4(out.address))
                        : fmt::format("more than {} neighbours", most));
    return;
  }
  host.neighbours.push_back(out);
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
  const auto secondary = m.optional("secondary");
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
  if (const auto multicast = m.optional("multicast")) host.multicast = multicast->flag();
  if (secondary) {
    Secondary more(host);
    for (const Value& address : secondary->list()) more.read(address);
    more.done(*secondary);
  }
  if (const auto probe = m.optional("probe")) host.probe = probe->flag();
  const auto routes = m.optional("routes");
  const auto neighbours = m.optional("neighbours");
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
  if (neighbours) {
    for (const Value& neighbour : neighbours->list()) read_neighbour(neighbour, host);
  }
  return host;
}

}  // namespace weft::frontend
