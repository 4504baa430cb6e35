#include "runtime/observe/balance.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace weft::observe {
namespace {

struct Term {
  std::uint64_t count;
  std::string name;
};

// "5 received = 3 delivered + 2 dropped"; terms that are 0 are left out.
Equation equation(std::string name, const std::vector<Term>& left, const std::vector<Term>& right) {
  Equation made;
  made.name = std::move(name);
  const auto side = [](const std::vector<Term>& terms, std::uint64_t& sum) {
    std::string text;
    for (const Term& term : terms) {
      sum += term.count;
      if (term.count != 0)
        text += fmt::format("{}{} {}", text.empty() ? "" : " + ", term.count, term.name);
    }
    return text.empty() ? fmt::format("0 {}", terms.empty() ? "" : terms.front().name) : text;
  };
  const std::string a = side(left, made.left);
  const std::string b = side(right, made.right);
  made.text = a + (made.left == made.right ? " = " : " != ") + b;
  return made;
}

template <class F>
std::uint64_t sum(const Snapshot& s, F&& of) {
  return std::accumulate(s.queues.begin(), s.queues.end(), std::uint64_t{0},
                         [&](std::uint64_t n, const QueueCounts& q) { return n + of(q); });
}

std::uint64_t entries(const Snapshot& s, const std::string& name) {
  return sum(s, [&](const QueueCounts& q) {
    const auto found = q.entries.find(name);
    return found == q.entries.end() ? 0 : found->second;
  });
}

// Packets that reached a terminal of this kind, with this stack node behind it.
std::uint64_t ended(const std::vector<NodeCount>& nodes, const std::string& kind,
                    const std::string& impl) {
  std::uint64_t count = 0;
  for (const NodeCount& node : nodes) {
    if (node.kind == kind && node.impl == impl && node.ports.empty()) count += node.packets;
  }
  return count;
}

// Packets that left nodes of this stack node by this port.
std::uint64_t left_by(const std::vector<NodeCount>& nodes, const std::string& impl,
                      const std::string& port) {
  std::uint64_t count = 0;
  for (const NodeCount& node : nodes) {
    for (const auto& p : node.ports) {
      if (node.impl == impl && p.port == port) count += p.packets;
    }
  }
  return count;
}

// The same for all stack nodes whose names begin like this.
std::uint64_t left_by_any(const std::vector<NodeCount>& nodes, const std::string& begin,
                          const std::string& port) {
  std::set<std::string> impls;
  for (const NodeCount& node : nodes) {
    if (node.impl.starts_with(begin)) impls.insert(node.impl);
  }
  std::uint64_t count = 0;
  for (const std::string& impl : impls) count += left_by(nodes, impl, port);
  return count;
}

// What became of what came in: every terminal by its name.
Equation receive(const Snapshot& s, const std::vector<NodeCount>& nodes) {
  std::vector<Term> ends, held;
  std::map<std::string, std::uint64_t> by_name;
  for (const QueueCounts& queue : s.queues) {
    for (const auto& [name, count] : queue.received_ends) by_name[name] += count;
  }
  for (const NodeCount& node : nodes) {  // in the graph's order: endpoints first, then drops
    const auto found = by_name.find(node.node);
    if (found == by_name.end()) continue;
    (node.kind == "drop" ? held : ends).push_back({found->second, node.node});
  }
  ends.insert(ends.end(), held.begin(), held.end());
  ends.push_back({sum(s, [](const auto& q) { return q.forwarded; }), "forwarded"});
  return equation("receive",
                  {{entries(s, "rx"), "received"},
                   {entries(s, "ipv4_reassembled"), "reassembled"},
                   {entries(s, "udp_copy"), "copied"},
                   {entries(s, "loopback"), "looped"},
                   {sum(s, [](const auto& q) { return q.counters.taken_over; }), "taken over"}},
                  ends);
}

}  // namespace

Balance balance(const Snapshot& s) {
  Balance made;
  const auto nodes = total_nodes(s);
  const auto counter = [&s](std::uint64_t engine::ShardCounters::*member) {
    return sum(s, [member](const QueueCounts& q) { return q.counters.*member; });
  };
  using C = engine::ShardCounters;
  std::uint64_t app_received = 0, app_refused = 0, app_sent = 0, app_errors = 0;
  for (const auto& app : s.apps) {
    if (app.tcp) continue;  // pieces of streams, not datagrams
    app_received += app.counters.received;
    app_refused += app.counters.refused;
    app_sent += app.counters.sent;
    app_errors += app.counters.errors;
  }
  made.equations.push_back(receive(s, nodes));

  const std::uint64_t queued =
      std::accumulate(s.card.queue_received.begin(), s.card.queue_received.end(), std::uint64_t{0});
  if (!s.card_name.empty()) {
    std::vector<Term> card = {{queued, "queued"}};
    for (const auto& drop : s.card.drops) card.push_back({drop.count, drop.reason});
    if (!s.wire_name.empty()) {
      made.equations.push_back(equation("wire to card", {{s.wire.received, "from the wire"}},
                                        {{s.card.received, "by the card"}}));
      made.equations.push_back(equation(
          "stack to card", {{counter(&C::transmitted), "given"}, {s.card.cut, "more by cutting"}},
          {{s.card.transmitted, "transmitted by the card"}, {s.card.transmit_failed, "failed"}}));
      made.equations.push_back(equation("card to wire",
                                        {{s.card.transmitted, "transmitted by the card"}},
                                        {{s.wire.sent, "sent"}}));
      made.equations.push_back(equation("card", {{s.card.received, "received by the card"}}, card));
    }
    if (!s.card.queue_received.empty()) {
      // What the stack did not fetch any more before it stopped.
      const std::uint64_t fetched = counter(&C::received);
      made.equations.push_back(equation(
          "queues", {{queued, "queued"}},
          {{fetched, "fetched"}, {queued > fetched ? queued - fetched : 0, "left in the queues"}}));
    }
  }
  made.equations.push_back(equation("engine", {{counter(&C::received), "fetched"}},
                                    {{entries(s, "rx"), "run"},
                                     {counter(&C::unreadable), "unreadable"},
                                     {counter(&C::before_use), "before_use"}}));
  const std::uint64_t delivered = ended(nodes, "endpoint", "application");
  made.equations.push_back(equation("delivery", {{delivered, "delivered"}},
                                    {{app_received, "to applications"},
                                     {app_refused, "app_holds_too_much"},
                                     {app_errors, "errors told"}}));
  made.equations.push_back(
      equation("sends", {{app_sent, "sent by applications"}}, {{entries(s, "udp_send"), "run"}}));
  made.equations.push_back(
      equation("transmit",
               {{ended(nodes, "wire", ""), "to be transmitted"}, {counter(&C::probes), "probes"}},
               {{counter(&C::transmitted), "transmitted"},
                {counter(&C::transmit_full), "transmit_full"},
                {counter(&C::transmit_unfit), "transmit_unfit"},
                {counter(&C::transmit_down), "transmit_down"}}));
  made.equations.push_back(
      equation("neighbours", {{left_by(nodes, "arp.resolve", "wait"), "waited for ARP"}},
               {{entries(s, "arp_resolved"), "resolved"},
                {sum(s, [](const auto& q) { return q.tables.given_up; }), "given up"},
                {sum(s, [](const auto& q) { return q.tables.waiting; }), "waiting"}}));
  made.equations.push_back(
      equation("fragments",
               {{sum(s, [](const auto& q) { return q.tables.completed; }), "put together"},
                {left_by(nodes, "ipv4.loop_back", "looped"), "to itself"}},
               {{entries(s, "ipv4_reassembled"), "run"}, {entries(s, "loopback"), "looped back"}}));
  made.equations.push_back(equation("handover",
                                    {{left_by_any(nodes, "handover.", "away"), "handed over"}},
                                    {{counter(&C::taken_over), "taken over"}}));
  made.equations.push_back(
      equation("fragments in time",
               {{sum(s, [](const auto& q) { return q.tables.reported; }), "stayed in pieces"}},
               {{entries(s, "ipv4_expired"), "run"}}));
  made.equations.push_back(
      equation("pieces", {{sum(s, [](const auto& q) { return q.tables.pieces; }), "pieces made"}},
               {{entries(s, "ipv4_piece"), "run"}}));
  made.equations.push_back(equation("rests", {{left_by(nodes, "ipv4.fragment", "more"), "cut on"}},
                                    {{entries(s, "ipv4_rest"), "run"}}));
  made.equations.push_back(
      equation("impossible", {{sum(s, [](const auto& q) { return q.impossible; }), "impossible"}},
               {{0, ""}}));
  made.equations.push_back(
      equation("lists", {{counter(&C::spawn_lost), "lost in full lists"}}, {{0, ""}}));
  return made;
}

bool Balance::exact() const {
  return std::all_of(equations.begin(), equations.end(),
                     [](const Equation& e) { return e.holds(); });
}

std::string Balance::text() const {
  std::string text = equations.empty() ? "" : equations.front().text;
  for (const Equation& e : equations) {
    if (!e.holds()) text += fmt::format("\nnot balanced: {}: {}", e.name, e.text);
  }
  return text;
}

}  // namespace weft::observe
