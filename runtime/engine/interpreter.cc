#include "runtime/engine/interpreter.h"

#include <new>

#include "stack-nodes/core.h"

namespace weft::engine {
namespace {

struct ToFunction final : TraceSink {
  explicit ToFunction(const std::function<void(ir::Vertex, unsigned, const Packet&)>& f)
      : function(f) {}
  void step(std::uint32_t vertex, unsigned port, const Packet& p) override {
    function(vertex, port, p);
  }
  const std::function<void(ir::Vertex, unsigned, const Packet&)>& function;
};

}  // namespace

diag::Result<std::unique_ptr<Interpreter>> Interpreter::make(const ir::Graph& graph,
                                                             const ir::FieldTable& fields,
                                                             const Core& core) {
  const auto edges = ir::EdgeTable::of(graph);
  auto fast = compile_graph(graph, edges, fields, core, false);
  if (!fast) return diag::fail(fast.error());
  auto traced = compile_graph(graph, edges, fields, core, true);
  if (!traced) return diag::fail(traced.error());
  auto made = std::make_unique<Interpreter>();
  made->fast_ = {BatchCode(std::move(fast->code)), std::move(fast->begin), std::move(fast->of)};
  made->traced_ = {BatchCode(std::move(traced->code)), std::move(traced->begin),
                   std::move(traced->of)};
  made->entries_ = edges.entries;
  made->first_entry_ = edges.first_entry;
  made->impossible_ = edges.impossible_counter();
  return made;
}

template <class PacketOf>
void Interpreter::run_each(Core& core, unsigned n, unsigned entry, PacketOf&& packet_at) {
  if (entry >= entries_.size() || !entries_[entry]) {
    core.edges[impossible_] += n;
    for (unsigned i = 0; i < n; ++i) {
      Packet p = packet_at(i);
      core.release(p);
    }
    return;
  }
  core.edges[first_entry_ + entry] += n;
  // (Made in their places: copying what was just written member by member has to wait for it.)
  for (unsigned i = 0; i < n; ++i) new (&packets_[i]) Packet(packet_at(i));
  const ir::Vertex begin = *entries_[entry];
  if (!trace) {
    const unsigned most = one_by_one_ ? 1 : n;
    for (unsigned i = 0; i < n; i += most)
      core.edges[impossible_] +=
          fast_.code.run(fast_.begin[begin], &packets_[i], most, core, nullptr);
    return;
  }
  // One after the other, so that the trace tells the whole way of each.
  ToFunction sink(trace);
  for (unsigned i = 0; i < n; ++i) {
    core.edges[impossible_] += traced_.code.run(traced_.begin[begin], &packets_[i], 1, core, &sink);
  }
}

std::vector<std::uint64_t> Interpreter::cycles() const {
  const auto& by_instruction = fast_.code.cycles();
  if (by_instruction.empty()) return {};
  std::vector<std::uint64_t> by_vertex(fast_.begin.size());
  for (std::size_t i = 0; i < by_instruction.size(); ++i)
    by_vertex[fast_.of[i]] += by_instruction[i];
  return by_vertex;
}

void Interpreter::receive(Core& core, Frame* const* frames, unsigned n) {
  run_each(core, n, ir::entry_rx, [&](unsigned i) { return received(*frames[i]); });
}

void Interpreter::send(Core& core, const Datagram* datagrams, unsigned n) {
  run_each(core, n, ir::entry_udp_send, [&](unsigned i) { return packet_of(datagrams[i]); });
}

void Interpreter::run(Core& core, Packet* packets, unsigned n, unsigned entry) {
  run_each(core, n, entry, [&](unsigned i) { return packets[i]; });
}

}  // namespace weft::engine
