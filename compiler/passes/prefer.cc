#include "compiler/passes/prefer.h"
#include "compiler/passes/flow_terms.h"
#include "compiler/passes/hash_terms.h"

#include <algorithm>

#include "compiler/passes/addresses.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

using smt::Outcome;
using smt::Term;

namespace {

class Prefer {
 public:
  Prefer(Symbolic& symbolic, const Inputs& inputs, const plan::Plan& plan)
      : symbolic_(symbolic), session_(symbolic.session()), inputs_(inputs), plan_(plan) {}

  bool run(bool hashed) {
    for (const unsigned limit : {64u, 128u, 512u}) {
      if (have(session_.less_equal(symbolic_.initial("pkt.len"), session_.number(limit, 16))))
        break;
    }
    have(session_.less_equal(session_.number(1, 16), symbolic_.initial("pkt.len")));
    have(is("eth.src", 0x020000000001));
    beginning();
    reachable("ipv4.src");
    reachable("ipv4.dst");
    fragment();
    // Headers of fewer than 5 words overlap with what follows; the solver does not know that.
    bool real = have(session_.less_equal(session_.number(5, 4), symbolic_.initial("ipv4.ihl")));
    for (const char* field : {"ipv4.dst", "arp.target", "arp.sender"})
      real = have(answered_as_is(symbolic_, inputs_.workload, field)) && real;
    real = have(peer_as_is(symbolic_, inputs_.workload)) && real;
    real = members() && igmp() && have(port_of("arp.conflict", "defended")) && real;
    real = endpoint() && real;
    real = flow() && real;
    if (hashed) real = hash() && real;
    session_.check("the packet to show");
    return real;
  }

 private:
  // Adds what leaves a model.
  bool have(const Term& wish) {
    session_.push();
    session_.add(wish);
    const bool can = session_.check("a packet to show") == Outcome::sat;
    session_.pop();
    if (can) session_.add(wish);
    return can;
  }

  Term is(const std::string& field, ir::Bits value) {
    const Term t = symbolic_.initial(field);
    return session_.equal(t, session_.number(value, session_.width(t)));
  }

  // What nodes tell each other is 0 when a packet begins.
  void beginning() {
    for (const auto& [name, field] : inputs_.fields.fields) {
      if (name.starts_with("meta.")) have(is(name, 0));
    }
  }

  // The answer, or a datagram that is forwarded, has somewhere to go: a host of the link or behind
  // a route. (A destination may also be the host itself, which is asked for first.)
  void reachable(const char* field) {
    const ir::HostConfig& host = inputs_.workload.host;
    const bool destination = std::string_view(field) == "ipv4.dst";
    if (destination && have(is(field, host.address))) return;
    const Term address = symbolic_.initial(field);
    const auto number = [this](std::uint32_t a) { return session_.number(a, 32); };
    const auto inside = [&](std::uint32_t prefix, std::uint32_t mask) {
      return session_.equal(session_.arithmetic(ir::Op::bit_and, address, number(mask)),
                            number(prefix & mask));
    };
    std::vector<Term> near = {inside(host.address, host.netmask())};
    for (const ir::Route& route : host.routes) {
      if (route.length != 0)
        near.push_back(inside(route.prefix, ~std::uint32_t{0} << (32 - route.length)));
    }
    std::vector<Term> all = {session_.any_of(near)};
    const std::uint32_t network =
        host.prefix_length < 31 ? host.address & host.netmask() : host.address;
    for (const std::uint32_t a : {host.address, host.broadcast(), network})
      all.push_back(session_.negate(session_.equal(address, number(a))));
    if (!destination) {
      have(session_.all_of(all));
      return;
    }
    // The table of routes answers for it as it does when the stack runs.
    const auto* decl = decl_of("ipv4.route");
    const Lookup route = symbolic_.default_lookup(*decl, symbolic_.terms(decl->key, State{}));
    const bool all_routed = std::any_of(host.routes.begin(), host.routes.end(),
                                        [](const ir::Route& r) { return r.length == 0; });
    std::vector<Term> ways = {session_.all_of({route.hit, session_.all_of(all)})};
    if (!all_routed)
      ways.push_back(session_.negate(session_.any_of({route.hit, session_.any_of(near)})));
    have(session_.any_of(ways));
  }

  // A piece with something in it: what is empty is refused whatever else is held.
  void fragment() {
    const Term whole =
        session_.all_of({is("ipv4.more_fragments", 0), is("ipv4.fragment_offset", 0)});
    have(session_.any_of(
        {whole, session_.all_of({is("ipv4.ihl", 5), is("ipv4.total_length", 28)})}));
  }

  // The endpoint's table answers for the datagram's port as it does when the stack runs.
  bool endpoint() {
    const auto* decl = decl_of("udp.find_port");
    const Lookup port = symbolic_.default_lookup(*decl, symbolic_.terms(decl->key, State{}));
    std::vector<Term> ways, others;
    const auto& endpoints = inputs_.workload.endpoints;
    for (unsigned i = 0; i < endpoints.size(); ++i) {
      if (endpoints[i].vacant() || endpoints[i].tcp) continue;
      const Term here = listens(endpoints[i]);
      others.push_back(session_.negate(here));
      if (ways.size() >= most_ways) continue;
      std::vector<Term> all = {port.hit, here, session_.equal(port.result, session_.number(i, 16))};
      for (const ir::Endpoint& other : endpoints) {  // one that is bound goes first
        if (!endpoints[i].bound() && other.bound() && !other.tcp)
          all.push_back(session_.negate(listens(other)));
      }
      ways.push_back(session_.all_of(all));
    }
    others.push_back(session_.negate(port.hit));
    ways.push_back(session_.all_of(others));
    // Not the first one, if it can be helped: that is what a packet has that was never looked up.
    return (ways.size() > 2 && have(session_.any_of({ways.begin() + 1, ways.end()}))) ||
           have(session_.any_of(ways));
  }

  // The condition under which a node that keeps state, and has not been asked before, takes a port.
  Term port_of(const char* impl, std::string_view port) {
    const auto* decl = decl_of(impl);
    const auto names = nodes::split(decl->ports);
    for (const Branch& branch : symbolic_.effect(*decl, State{})) {
      if (names[branch.port] == port) return branch.condition;
    }
    return session_.truth(false);
  }

  // A datagram to a group finds the members that it has when the stack starts.
  bool members() {
    constexpr const char* node = "udp.find_members";
    std::vector<Term> listened;
    for (const ir::Endpoint& e : inputs_.workload.endpoints) {
      if (e.vacant() || e.tcp) continue;
      const Term port = between("udp.dst_port", e.port, e.last_port());
      if (!e.bound()) listened.push_back(session_.all_of({is("ipv4.dst", 0xe0000001), port}));
      for (const ir::GroupJoin& g : e.groups) {
        if (g.exclude && g.sources.empty())
          listened.push_back(session_.all_of({is("ipv4.dst", g.group), port}));
      }
    }
    const Term any = session_.any_of(listened);
    return have(session_.any_of({session_.all_of({any, port_of(node, "hit")}),
                                 session_.all_of({session_.negate(any), port_of(node, "miss")})}));
  }

  // A question about all groups is heard; one about a group that nobody has, and a report, are not.
  bool igmp() {
    const Term group = session_.negate(is("igmp.group", 0));
    return have(session_.any_of({session_.all_of({is("igmp.type", 0x11), is("igmp.group", 0),
                                                  port_of("igmp.take", "heard")}),
                                 session_.all_of({group, port_of("igmp.take", "ignored")})}));
  }

  Term listens(const ir::Endpoint& e) {
    std::vector<Term> all = {between("udp.dst_port", e.port, e.last_port())};
    if (e.bound()) all.push_back(between("ipv4.dst", e.address, e.address + e.addresses - 1));
    return session_.all_of(all);
  }

  Term between(const std::string& field, ir::Bits low, ir::Bits high) {
    if (low == high) return is(field, low);
    const Term t = symbolic_.initial(field);
    const unsigned width = session_.width(t);
    return session_.all_of({session_.less_equal(session_.number(low, width), t),
                            session_.less_equal(t, session_.number(high, width))});
  }

  // No flow, or one that the workload and the plan have.
  bool flow() {
    const KeyTerms key = key_terms(symbolic_);
    std::vector<Term> none = {session_.negate(key.hit)};
    std::vector<Term> ways;
    for (const auto& f : plan_.flows) {
      const Term here = session_.all_of({is("ipv4.src", f.src), is("udp.src_port", f.src_port),
                                         is("ipv4.dst", f.dst), is("udp.dst_port", f.dst_port)});
      none.push_back(session_.negate(here));
      if (ways.size() < most_ways)
        ways.push_back(
            session_.all_of({key.hit, here, session_.equal(key.owner, session_.number(f.queue, 16)),
                             session_.equal(key.endpoint, session_.number(f.endpoint, 16))}));
    }
    stranger_ = have(session_.all_of(none));
    return stranger_ || have(session_.any_of(ways));
  }

  // Addresses and ports that the card's hash takes to a queue where the difference shows.
  bool hash() {
    const ir::Node* node = rss_node(inputs_.nic);
    const plan::Rss& rss = plan_.configuration.rss;
    if (node == nullptr || !rss.enabled || rss.key.empty() || rss.table.empty()) return true;
    for (const auto& type : node->config.rss->types) {
      if (std::find(rss.types.begin(), rss.types.end(), type.name) == rss.types.end()) continue;
      const Term applies = symbolic_.condition(type.applies, State{});
      if (session_.check("a packet to show") != Outcome::sat) return false;
      if (session_.value(applies) == 0) continue;
      return spread(type);
    }
    return true;
  }

  bool spread(const ir::RssType& type) {
    std::vector<Term> terms;
    std::vector<ir::Bits> values;
    for (const auto& field : type.input) {
      terms.push_back(symbolic_.initial(field));
      values.push_back(session_.value(terms.back()));
    }
    const Term queue = hashed_to(symbolic_, type.input, State{});
    const auto wanted = static_cast<unsigned>(session_.value(queue));
    unsigned tries = 0;
    for (unsigned i = 0; i < most_tuples && tries < most_tries; ++i) {
      const auto candidate = varied(type, values, i);
      const unsigned real = real_queue(type, candidate);
      if (real != wanted) continue;
      ++tries;
      std::vector<Term> all = {session_.equal(queue, session_.number(real, 16))};
      for (std::size_t k = 0; k < terms.size(); ++k)
        all.push_back(
            session_.equal(terms[k], session_.number(candidate[k], session_.width(terms[k]))));
      if (have(session_.all_of(all))) return true;
    }
    return false;
  }

  // The model's own values first, then other sources.
  std::vector<ir::Bits> varied(const ir::RssType& type, std::vector<ir::Bits> values,
                               unsigned i) const {
    for (std::size_t k = 0; i != 0 && k < values.size(); ++k) {
      if (type.input[k].ends_with("src_port") && stranger_) values[k] = 1024 + i % 60000;
      if (type.input[k] == "ipv4.src" && (stranger_ || type.input.size() == 2))
        values[k] = source(i);
    }
    return values;
  }

  // Hosts of the link, then those behind routes.
  std::uint32_t source(unsigned i) const {
    const ir::HostConfig& host = inputs_.workload.host;
    const std::uint32_t last = 1 + i % 254;
    const std::size_t net = i / 254 % (1 + host.routes.size());
    const std::uint32_t prefix =
        net == 0 ? host.address & host.netmask() : host.routes[net - 1].prefix;
    return prefix + last;
  }

  unsigned real_queue(const ir::RssType& type, const std::vector<ir::Bits>& values) const {
    std::vector<std::uint8_t> bytes;
    for (std::size_t k = 0; k < values.size(); ++k) {
      for (unsigned shift = inputs_.fields.find(type.input[k])->width; shift > 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>(values[k] >> (shift - 8)));
    }
    const plan::Rss& rss = plan_.configuration.rss;
    prepare(rss.function, type, inputs_.fields, bytes);
    return rss.table[toeplitz(bytes, rss.key) % rss.table.size()];
  }

  static constexpr std::size_t most_ways = 64;
  static constexpr unsigned most_tuples = 20'000, most_tries = 24;

  Symbolic& symbolic_;
  smt::Session& session_;
  const Inputs& inputs_;
  const plan::Plan& plan_;
  bool stranger_ = false;
};

}  // namespace

bool prefer_real(Symbolic& symbolic, const Inputs& inputs, const plan::Plan& plan, bool hashed) {
  return Prefer(symbolic, inputs, plan).run(hashed);
}

}  // namespace weft::passes
