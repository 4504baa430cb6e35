#include "compiler/passes/difference.h"
#include "compiler/passes/descriptor_terms.h"

#include <fmt/format.h>

#include "compiler/passes/prefer.h"
#include "compiler/passes/witness.h"

namespace weft::passes {

using smt::Outcome;
using smt::Term;

namespace {

// Others' datagram that is passed on with the checksum that it came with, which was not finished:
// nobody finishes it on the way out.
Term leaves_unfinished(ProofWorld& world, const Leaf& leaf, const std::string& entry) {
  std::vector<Term> any;
  if (entry == "rx" && leaf.kind == ir::NodeKind::wire) {
    for (const auto& [fact, term] : unfinished_checksums(world.symbolic, world.in.nic, world.plan))
      any.push_back(term);
  }
  return world.session.any_of(any);
}

std::string text(const Leaf& leaf) {
  std::string out;
  for (const auto& id : leaf.path) out += (out.empty() ? "" : " > ") + id;
  if (leaf.path.empty() || leaf.path.back() != leaf.end)
    out += (out.empty() ? "" : " > ") + leaf.end;
  return out;
}

// What is taken off as a tag lies in the frame as one: if it can be, the type before it does not
// say that an IPv4 or ARP header begins there.
void wish_for_a_tag(ProofWorld& world) {
  smt::Session& session = world.session;
  const Term type = world.symbolic.initial("eth.type");
  const Term wish =
      session.negate(session.any_of({session.equal(type, session.number(0x0800, 16)),
                                     session.equal(type, session.number(0x0806, 16))}));
  session.push();
  session.add(wish);
  const bool can = session.check("a tag to show") == Outcome::sat;
  session.pop();
  if (can) session.add(wish);
}

std::string why(const Counterexample& it) {
  const auto last = [](const std::string& s) { return s.substr(s.rfind(' ') + 1); };
  if (last(it.expected) == last(it.actual))
    return fmt::format("both end at {}, with different effects", last(it.actual));
  return fmt::format("the protocol graph ends at {}, card and residue at {}", last(it.expected),
                     last(it.actual));
}

// What a packet that the card delivers shows.
void show_received(ProofWorld& world, const Leaf& actual, const Origin& origin, bool popped,
                   Counterexample& out) {
  smt::Session& session = world.session;
  show_described(world, out, popped);
  if (actual.path.empty() || actual.end != actual.path.front())
    out.queue = static_cast<unsigned>(session.value(session.variable("queue", 16)));
  const bool lost_way = session.value(world.shards.at_home(world.symbolic, actual)) == 0;
  if (!lost_way || !out.queue) return;
  out.expected = fmt::format("arrives on queue {}",
                             session.value(world.shards.home_of(world.symbolic, actual)));
  out.actual = fmt::format("arrives on queue {} ({})", *out.queue, origin.path);
}

Difference show(ProofWorld& world, const Leaf& actual, const Leaves& wanted, const Origin& origin) {
  smt::Session& session = world.session;
  const bool received = origin.entry == "rx";
  const bool popped = received && session.same(world.symbolic.value(actual.state, "meta.ethertype"),
                                               world.symbolic.initial("vlan.type"));
  if (popped) wish_for_a_tag(world);
  Difference out;
  // A model is any packet; one that can be sent, and is easy to look at, is better.
  out.real = !received || prefer_real(world.symbolic, world.in, world.plan, origin.path == "rss");
  Counterexample& packet = out.packet;
  packet.entry = origin.entry;
  packet.actual = text(actual);
  for (const Leaf& leaf : wanted.leaves)
    if (session.value(leaf.when) != 0) packet.expected = text(leaf);
  if (received) {
    show_received(world, actual, origin, popped, packet);
  } else {
    for (const auto& [name, term] : actual.state.values)
      packet.fields.emplace_back(name, ir::format_bits(session.value(term)));
  }
  packet.why = origin.suspect != nullptr ? origin.suspect->why : why(packet);
  return out;
}

}  // namespace

std::optional<Difference> difference(ProofWorld& world, const Leaf& actual, const Leaves& wanted,
                                     const Origin& origin) {
  ++world.leaves;
  if (actual.lost) return std::nullopt;  // rings are bounded; the drop says so and counts it
  smt::Session& session = world.session;
  const Term fit = session.all_of({world.shards.at_home(world.symbolic, actual),
                                   session.negate(leaves_unfinished(world, actual, origin.entry))});
  std::vector<Term> fine;
  for (const Leaf& leaf : wanted.leaves) {
    if (const auto same = alike(world.symbolic, leaf, actual))
      fine.push_back(session.all_of({leaf.when, *same, fit}));
  }
  session.push();
  session.add(actual.when);
  session.add(session.negate(session.any_of(fine)));
  std::optional<Difference> out;
  const Outcome outcome = session.check("leaf " + actual.end);
  if (outcome == Outcome::sat) out = show(world, actual, wanted, origin);
  if (outcome == Outcome::unknown) out = Difference{gave_up(origin.entry, actual.end)};
  session.pop();
  return out;
}

Counterexample gave_up(const std::string& entry, const std::string& on) {
  Counterexample out;
  out.entry = entry;
  out.why = "the solver gave up on " + on;
  out.actual = on;
  return out;
}

void show_described(ProofWorld& world, Counterexample& out, bool popped) {
  show_packet(world.symbolic, out, popped);
  for (const char* field : {"desc.ip_cksum", "desc.l4_cksum"})
    out.descriptor[field] =
        static_cast<unsigned>(world.session.value(world.symbolic.initial(field)));
}

}  // namespace weft::passes
