#include "compiler/passes/check_wishes.h"
#include "compiler/passes/card_receive.h"
#include "compiler/passes/flow_terms.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/passes/prefer.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/tables.h"
#include "compiler/passes/witness.h"
#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

using smt::Outcome;
using smt::Term;

tl::unexpected<diag::Error> refuse(const Breach& breach) {
  return diag::fail(diag::Diagnostic{.code = "E0523",
                                     .message = "the plan does not keep a wish: " + breach.why,
                                     .span = breach.wish,
                                     .help = "compile the plan again"});
}

// Wishes of an endpoint go into the plan: whoever changes it while it runs keeps to them.
bool same_wishes(const ir::Endpoint& a, const ir::Endpoint& b) {
  return a.gold == b.gold && a.exclusive == b.exclusive && a.queues == b.queues && a.core == b.core;
}

// Strangers come to it; or nobody else may see what they send, whether or not they come.
bool expects_all(const ir::Endpoint& e) { return e.rate > 0 || !e.trust.empty(); }

// Packets that may arrive on these queues alone.
class Strangers {
 public:
  Strangers(Symbolic& symbolic, const plan::Plan& plan, const Inputs& inputs,
            const TableFacts& facts, const Leaves& spec)
      : symbolic_(symbolic),
        session_(symbolic.session()),
        plan_(plan),
        in_(inputs),
        spec_(spec),
        facts_(facts),
        wishes_(plan, inputs) {}

  std::optional<Counterexample> run() {
    gather();
    if (by_queues_.empty()) return std::nullopt;
    paths_ = card_receive(symbolic_, in_.nic, plan_, facts_, {});
    for (const auto& [allowed, asked] : by_queues_) {
      if (auto found = astray(allowed, asked)) return found;
    }
    return std::nullopt;
  }

 private:
  struct Asked {
    Asking packets;
    bool expected = false;
    const ir::FlowSet* set = nullptr;  // null: whatever is in no set
  };

  void gather() {
    const ir::Workload& w = in_.workload;
    for (unsigned e = 0; e < w.endpoints.size(); ++e) {
      const ir::Endpoint& endpoint = w.endpoints[e];
      if (endpoint.vacant()) continue;
      add({asking(w, e), expects_all(endpoint), nullptr});
    }
    for (const ir::FlowSet& set : w.sets) {
      add({asking(w, set), true, &set});
      sets_[set.endpoint].push_back(&set);
    }
  }

  void add(Asked asked) {
    std::vector<unsigned> allowed;
    for (unsigned q = 0; q < wishes_.queues(); ++q)
      if (!wishes_.against(asked.packets, q, asked.expected)) allowed.push_back(q);
    if (allowed.size() != wishes_.queues()) by_queues_[allowed].push_back(std::move(asked));
  }

  // ---- which packets ---------------------------------------------------------------------------
  Term masked(const std::string& field, ir::Bits value, ir::Bits mask) {
    const Term t = symbolic_.initial(field);
    const unsigned width = session_.width(t);
    return session_.equal(session_.arithmetic(ir::Op::bit_and, t, session_.number(mask, width)),
                          session_.number(value, width));
  }

  Term between(const std::string& field, ir::Bits low, ir::Bits high) {
    const Term t = symbolic_.initial(field);
    const unsigned width = session_.width(t);
    return session_.all_of({session_.less_equal(session_.number(low, width), t),
                            session_.less_equal(t, session_.number(high, width))});
  }

  Term listens(const ir::Endpoint& e) {
    std::vector<Term> all = {
        between(e.tcp ? "tcp.dst_port" : "udp.dst_port", e.port, e.last_port())};
    if (e.bound()) all.push_back(between("ipv4.dst", e.address, e.address + e.addresses - 1));
    return session_.all_of(all);
  }

  Term in_set(const ir::FlowSet& set, bool tcp) {
    const std::string ports = tcp ? "tcp" : "udp";
    return session_.all_of({masked("ipv4.src", set.src, set.src_mask),
                            masked(ports + ".src_port", set.src_port, set.src_port_mask),
                            masked("ipv4.dst", in_.workload.local_address(set), 0xffffffff),
                            masked(ports + ".dst_port", set.dst_port, 0xffff)});
  }

  Term belongs(const Asked& asked) {
    const unsigned e = asked.packets.endpoint;
    const ir::Endpoint& endpoint = in_.workload.endpoints[e];
    if (asked.set != nullptr) return in_set(*asked.set, endpoint.tcp);
    std::vector<Term> all = {listens(endpoint)};
    for (const ir::FlowSet* set : sets_[e])
      all.push_back(session_.negate(in_set(*set, endpoint.tcp)));
    for (const ir::Endpoint& other : in_.workload.endpoints) {  // one that is bound goes first
      if (other.vacant() || other.tcp != endpoint.tcp || endpoint.bound() || !other.bound() ||
          other.port > endpoint.last_port() || endpoint.port > other.last_port())
        continue;
      all.push_back(session_.negate(listens(other)));
    }
    return session_.all_of(all);
  }

  // The protocol graph gives a datagram to an application, or takes a segment for a connection.
  Term taken(bool tcp) {
    std::vector<Term> ways;
    for (const Leaf& leaf : spec_.leaves)
      if (!tcp && leaf.application && leaf.about.empty()) ways.push_back(leaf.when);
    for (const auto& [id, arrivals] : spec_.arrivals) {
      const auto v = in_.graph.find(id);
      const auto* decl = v ? decl_of(in_.graph.node(*v)) : nullptr;
      if (!tcp || decl == nullptr || decl->handover != "handover.segment") continue;
      for (const Way& way : arrivals) ways.push_back(way.when);
    }
    return session_.all_of(
        {symbolic_.condition(ir::has(tcp ? "tcp" : "udp"), State{}), session_.any_of(ways)});
  }

  // ---- the question ----------------------------------------------------------------------------
  std::optional<Counterexample> astray(const std::vector<unsigned>& allowed,
                                       const std::vector<Asked>& asked) {
    std::optional<Counterexample> found;
    for (const bool tcp : {false, true}) {
      std::vector<Term> theirs;
      for (const Asked& a : asked)
        if (in_.workload.endpoints[a.packets.endpoint].tcp == tcp) theirs.push_back(belongs(a));
      if (theirs.empty() || found) continue;
      session_.push();
      session_.add(session_.any_of(theirs));
      session_.add(taken(tcp));
      if (!tcp) session_.add(session_.negate(key_terms(symbolic_).hit));  // flows: one by one
      for (const CardPath& path : paths_) {
        if (found || !path.drop.empty()) continue;
        const Term fine = is_one_of(session_, path.queue, allowed);
        session_.push();
        session_.add(path.when);
        session_.add(session_.negate(fine));
        if (session_.check("a stranger astray, " + path.name) != Outcome::unsat)
          found = show(allowed, asked, path);
        session_.pop();
      }
      session_.pop();
    }
    return found;
  }

  Counterexample show(const std::vector<unsigned>& allowed, const std::vector<Asked>& asked,
                      const CardPath& path) {
    prefer_real(symbolic_, in_, plan_, path.name == "rss");
    Counterexample out;
    out.entry = "rx";
    out.queue = static_cast<unsigned>(session_.value(path.queue));
    show_packet(symbolic_, out);
    for (const Asked& a : asked) {
      if (session_.value(belongs(a)) == 0) continue;
      const auto breach = wishes_.against(a.packets, *out.queue, a.expected);
      if (!breach) continue;
      out.why =
          fmt::format("a packet to {} arrives on queue {}: {}",
                      in_.workload.endpoints[a.packets.endpoint].name, *out.queue, breach->why);
      break;
    }
    out.expected = where_wanted;
    if (!allowed.empty()) out.expected += fmt::format(": queue {}", fmt::join(allowed, " or "));
    out.actual = fmt::format("arrives on queue {} ({})", *out.queue, path.name);
    return out;
  }

  Symbolic& symbolic_;
  smt::Session& session_;
  const plan::Plan& plan_;
  const Inputs& in_;
  const Leaves& spec_;
  const TableFacts& facts_;
  Wishes wishes_;
  std::map<unsigned, std::vector<const ir::FlowSet*>> sets_;  // by endpoint
  std::map<std::vector<unsigned>, std::vector<Asked>> by_queues_;
  std::vector<CardPath> paths_;
};

}  // namespace

diag::Result<void> check_wishes(const plan::Plan& plan, const Inputs& inputs) {
  const ir::Workload& w = inputs.workload;
  for (unsigned e = 0; e < w.endpoints.size(); ++e) {
    const ir::Endpoint& wanted = w.endpoints[e];
    if (wanted.vacant()) continue;
    if (!same_wishes(wanted, plan.endpoints[e]))
      return refuse({fmt::format("it says something else of {}", wanted.name), wanted.span});
    const plan::Placed placed = plan::placed(plan, e);
    if (wanted.placement && placed.how != *wanted.placement)
      return refuse({fmt::format("{} runs {}, and asks for `placement: {}`", wanted.name,
                                 ir::to_string(placed.how), ir::to_string(*wanted.placement)),
                     wanted.span});
  }
  const Wishes wishes(plan, inputs);
  for (unsigned q = 0; q < wishes.queues(); ++q) {
    for (const Wishes::User& user : wishes.users(q)) {
      Asking packets = asking(w, user.endpoint);
      packets.gold = user.gold;
      if (const auto breach = wishes.against_core(packets, q)) return refuse(*breach);
    }
  }
  return {};
}

std::optional<Breach> wish_broken(const plan::Plan& plan, const Inputs& inputs, const FlowKey& key,
                                  unsigned queue) {
  const ir::Workload& w = inputs.workload;
  const Wishes wishes(plan, inputs);
  for (const ir::Flow& f : w.flows) {
    if (!key.tcp && key == FlowKey{f.src, f.src_port, w.local_address(f), f.dst_port})
      return wishes.against(asking(w, f), queue, true);
  }
  const auto e = ir::endpoint_at(w.endpoints, key.dst, key.dst_port, key.tcp);
  if (!e || queue >= wishes.queues()) return std::nullopt;
  for (const ir::FlowSet& s : w.sets) {
    if (s.endpoint == *e && s.has(key.src, key.src_port) && w.local_address(s) == key.dst &&
        s.dst_port == key.dst_port)
      return wishes.against(asking(w, s), queue, true);
  }
  return wishes.against(asking(w, *e), queue, expects_all(w.endpoints[*e]));
}

std::optional<Misplaced> misplaced_flow(const plan::Plan& plan, const Inputs& inputs) {
  const ir::Workload& w = inputs.workload;
  const Wishes wishes(plan, inputs);
  std::map<FlowKey, unsigned> queue;
  for (const plan::FlowEntry& f : plan.flows) queue[key_of(f)] = f.queue;
  std::optional<Misplaced> disturbed;
  for (const ir::Flow& f : w.flows) {
    const FlowKey key{f.src, f.src_port, w.local_address(f), f.dst_port};
    const auto at = queue.find(key);
    if (at == queue.end()) continue;
    auto breach = wishes.against(asking(w, f), at->second, true);
    if (!breach) continue;
    Misplaced found{key, f.endpoint, at->second, std::move(*breach)};
    if (!found.breach.others) return found;
    if (!disturbed) disturbed = std::move(found);
  }
  return disturbed;
}

std::optional<Counterexample> misplaced_stranger(Symbolic& symbolic, const plan::Plan& plan,
                                                 const Inputs& inputs, const TableFacts& facts,
                                                 const Leaves& spec) {
  if (plan.configuration.rx_queues < 2) return std::nullopt;
  return Strangers(symbolic, plan, inputs, facts, spec).run();
}

}  // namespace weft::passes
