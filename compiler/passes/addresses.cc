#include "compiler/passes/addresses.h"

#include <algorithm>

namespace weft::passes {

using smt::Term;

namespace {

constexpr const char* table = "addresses";
constexpr const char* peer = "ipv4.peer_ok";
constexpr std::size_t most = 32;
constexpr std::uint32_t all_hosts = 0xe0000001;  // RFC 1112 section 7.2

struct Known {
  std::uint32_t address;
  Cast cast;
};

std::vector<Known> known(const ir::Workload& workload) {
  const ir::HostConfig& host = workload.host;
  std::vector<Known> out = {{host.address, Cast::own}, {0xffffffff, Cast::broadcast}};
  if (host.multicast) out.push_back({all_hosts, Cast::multicast});
  for (const ir::Endpoint& e : workload.endpoints) {
    for (const ir::GroupJoin& g : e.groups) {
      const bool there =
          std::any_of(out.begin(), out.end(), [&](const Known& k) { return k.address == g.group; });
      if (out.size() < most / 2 && !there) out.push_back({g.group, Cast::multicast});
    }
  }
  const auto all = host.addresses();
  for (const ir::OwnAddress& own : all) {
    if (out.size() >= most) break;
    if (own.address != host.address) out.push_back({own.address, Cast::own});
    const std::uint32_t mask =
        own.prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - own.prefix_length);
    const std::uint32_t broadcast = own.address | ~mask;
    const bool there =
        std::any_of(out.begin(), out.end(), [&](const Known& k) { return k.address == broadcast; });
    if (own.prefix_length < 31 && !there) out.push_back({broadcast, Cast::broadcast});
  }
  return out;
}

bool is_peer(Cast cast) { return cast != Cast::own && cast != Cast::broadcast; }

Term is(Symbolic& symbolic, const Term& answer, Cast cast) {
  smt::Session& session = symbolic.session();
  return session.equal(answer, session.number(static_cast<unsigned>(cast), 8));
}

}  // namespace

Term is_own(Symbolic& symbolic, const std::string& field) {
  return is(symbolic, symbolic.answer(table, {symbolic.initial(field)}), Cast::own);
}

Term comes_from_peer(Symbolic& symbolic) {
  return symbolic.session().apply(peer, {symbolic.initial("ipv4.src")}, 0);
}

std::vector<Term> address_facts(Symbolic& symbolic, const ir::Workload& workload) {
  smt::Session& session = symbolic.session();
  std::vector<Term> out;
  for (const Known& k : known(workload)) {
    const Term address = session.number(k.address, 32);
    out.push_back(is(symbolic, symbolic.answer(table, {address}), k.cast));
    const Term ok = session.apply(peer, {address}, 0);
    out.push_back(is_peer(k.cast) ? ok : session.negate(ok));
  }
  return out;
}

Term answered_as_is(Symbolic& symbolic, const ir::Workload& workload, const std::string& field) {
  smt::Session& session = symbolic.session();
  const Term value = symbolic.initial(field);
  const Term answer = symbolic.answer(table, {value});
  std::vector<Term> ways, stranger = {is(symbolic, answer, Cast::other)};
  for (const Known& k : known(workload)) {
    const Term here = session.equal(value, session.number(k.address, 32));
    ways.push_back(session.all_of({here, is(symbolic, answer, k.cast)}));
    stranger.push_back(session.negate(here));
  }
  ways.push_back(session.all_of(stranger));
  return session.any_of(ways);
}

Term peer_as_is(Symbolic& symbolic, const ir::Workload& workload) {
  smt::Session& session = symbolic.session();
  const Term value = symbolic.initial("ipv4.src");
  const Term ok = session.apply(peer, {value}, 0);
  std::vector<Term> ways, stranger = {ok};
  for (const Known& k : known(workload)) {
    const Term here = session.equal(value, session.number(k.address, 32));
    ways.push_back(session.all_of({here, is_peer(k.cast) ? ok : session.negate(ok)}));
    stranger.push_back(session.negate(here));
  }
  ways.push_back(session.all_of(stranger));
  return session.any_of(ways);
}

}  // namespace weft::passes
