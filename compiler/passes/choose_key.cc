#include "compiler/passes/choose_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "compiler/passes/spread.h"
#include "compiler/passes/steer.h"
#include "compiler/rss/table.h"

namespace weft::passes {

namespace {

constexpr std::size_t most_wishes = 128;  // more than any key can place
constexpr std::size_t most_known = 512;   // flows by which keys are compared

// What a card hashes of each flow's packets.
class InputOf {
 public:
  InputOf(const Inputs& inputs, const ir::RssType& type, ir::HashFunction function)
      : inputs_(inputs), type_(type), function_(function) {
    // Apart from the flow's own fields all datagrams look alike.
    for (const auto& field : type.input) {
      const unsigned width = inputs.fields.find(field)->width;
      const auto own = std::find(own_fields.begin(), own_fields.end(), field) - own_fields.begin();
      parts_.push_back({static_cast<std::size_t>(own), width, field_of(FlowKey{}, field)});
      bytes_ += width / 8;
    }
  }
  unsigned bytes() const { return bytes_; }

  // Into `out`, which is used again and again.
  void fill(const HashedFlow& hashed, rss::Bytes& out) const {
    const ir::Workload& workload = inputs_.workload;
    const ir::Flow& flow = workload.flows[hashed.flow];
    const ir::Bits own[] = {flow.src, workload.local_address(flow), flow.src_port, flow.dst_port};
    out.clear();
    for (const Part& part : parts_) {
      const ir::Bits value = part.own < own_fields.size() ? own[part.own] : part.other;
      for (unsigned shift = part.width; shift > 0; shift -= 8)
        out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
    }
    prepare(function_, type_, inputs_.fields, out);
  }
  rss::Bytes operator()(const HashedFlow& hashed) const {
    rss::Bytes out;
    fill(hashed, out);
    return out;
  }

 private:
  static constexpr std::array<std::string_view, 4> own_fields = {"ipv4.src", "ipv4.dst",
                                                                 "udp.src_port", "udp.dst_port"};
  struct Part {
    std::size_t own = 0;  // index into own_fields, or its size
    unsigned width = 0;
    ir::Bits other = 0;
  };
  const Inputs& inputs_;
  const ir::RssType& type_;
  ir::HashFunction function_;
  std::vector<Part> parts_;
  unsigned bytes_ = 0;
};

// The heaviest flows, the first of equals first.
std::vector<HashedFlow> heaviest_of(const std::vector<HashedFlow>& flows, std::size_t most) {
  std::vector<HashedFlow> out(std::min(flows.size(), most));
  std::partial_sort_copy(flows.begin(), flows.end(), out.begin(), out.end(),
                         [](const HashedFlow& a, const HashedFlow& b) {
                           return a.weight != b.weight ? a.weight > b.weight : a.flow < b.flow;
                         });
  return out;
}

// Load of each queue by what comes without the table.
std::vector<double> base_load(const Hashing& hashing, const std::vector<unsigned>& open) {
  std::vector<double> out;
  for (const unsigned queue : open)
    out.push_back(queue < hashing.elsewhere.size() ? hashing.elsewhere[queue] : 0);
  return out;
}

// The heaviest flows, each for the queue that is asked for or has least to do; queues by their
// place in `open`.
std::vector<rss::Wish> wishes_of(const Hashing& hashing, const std::vector<unsigned>& open,
                                 const std::vector<HashedFlow>& heaviest, const InputOf& input) {
  std::vector<double> load = base_load(hashing, open);
  std::vector<rss::Wish> out;
  for (const HashedFlow& flow : heaviest) {
    if (out.size() == most_wishes) break;
    auto queue = std::min_element(load.begin(), load.end()) - load.begin();
    if (flow.queue) queue = std::find(open.begin(), open.end(), *flow.queue) - open.begin();
    if (queue == static_cast<std::ptrdiff_t>(open.size())) continue;  // the table can't name it
    load[static_cast<std::size_t>(queue)] += flow.weight;
    out.push_back({input(flow), static_cast<unsigned>(queue)});
  }
  return out;
}

std::vector<std::uint16_t> table_of(const Hashing& hashing, const std::vector<unsigned>& open,
                                    const ir::RssUnit& unit, const rss::Task& task,
                                    const rss::Keys& keys, const InputOf* input) {
  rss::TableTask table{.queues = static_cast<unsigned>(open.size()),
                       .known = std::vector<double>(unit.table_size),
                       .wanted = {},
                       .other = hashing.other,
                       .elsewhere = base_load(hashing, open)};
  table.wanted.resize(unit.table_size);
  double all = 0;
  for (const HashedFlow& flow : hashing.flows) all += flow.weight;
  // Strangers come too, though nobody said how many: entries without a flow are shared out.
  table.other = std::max(table.other, all > 0 ? all / 16 : 1);
  if (input != nullptr && !hashing.flows.empty()) {
    const rss::Hasher hash(keys.of.front(), input->bytes());
    rss::Bytes bytes;
    for (const HashedFlow& flow : hashing.flows) {
      input->fill(flow, bytes);
      table.known[hash(bytes) % unit.table_size] += flow.weight;
    }
    for (std::size_t w = 0; w < task.wishes.size(); ++w) {
      if (keys.placed[w])
        table.wanted[hash(task.wishes[w].input) % unit.table_size] = task.wishes[w].queue;
    }
  }
  std::vector<std::uint16_t> out = rss::indirection(table);
  for (auto& entry : out) entry = static_cast<std::uint16_t>(open[entry]);
  return out;
}

}  // namespace

diag::Result<plan::Rss> choose_key(const Inputs& inputs, const Hashing& hashing) {
  plan::Rss out;
  const ir::Node* node = rss_node(inputs.nic);
  if (node == nullptr || hashing.queues < 2) return out;
  const ir::RssUnit& unit = *node->config.rss;
  out.enabled = true;
  if (auto ok = check_card(inputs, *node); !ok) return diag::fail(ok.error());
  auto types = choose_types(inputs, *node);
  if (!types) return diag::fail(types.error());
  out.types = types->on;
  if (!unit.key_settable) return out;

  std::vector<unsigned> open = hashing.open;
  std::erase_if(open, [&](unsigned q) { return unit.queue_reach != 0 && q >= unit.queue_reach; });
  const std::vector<HashedFlow> heaviest = heaviest_of(hashing.flows, most_known);
  std::optional<InputOf> input;
  out.function = choose_function(inputs, *node);
  if (types->udp != nullptr) input.emplace(inputs, *types->udp, out.function);

  rss::Task task = task_of(inputs, *node, *types, out.function);
  // Ports that are planned apart must come to the same keys and tables: flows that only one of them
  // knows have no say.
  const bool alone = task.ports.size() == 1;
  const bool steers = alone && input && unit.table_settable && open.size() > 1;
  if (steers) {
    for (const HashedFlow& flow : heaviest) task.known.push_back((*input)(flow));
  }
  if (steers && task.ports.front().bits < 32 &&
      rss::class_bits(static_cast<unsigned>(open.size())) <= task.ports.front().bits) {
    task.queues = static_cast<unsigned>(open.size());
    task.wishes = wishes_of(hashing, open, heaviest, *input);
  }
  const auto keys = rss::find_keys(task);
  if (!keys) return diag::fail(no_such_key(inputs, *node, task, keys.error()));

  const auto own = own_port(task, inputs.workload.spread) - task.ports.begin();
  for (std::size_t p = 0; p < task.ports.size(); ++p) {
    if (p == static_cast<std::size_t>(own)) {
      out.key = keys->of[p];
    } else {
      out.peers[task.ports[p].name] = keys->of[p];
    }
  }
  out.does = in_words(inputs.workload.spread);
  const auto placed = std::count(keys->placed.begin(), keys->placed.end(), true);
  if (placed != 0) {
    out.does.push_back(
        fmt::format("places {} of {} flows that no rule brings", placed, hashing.flows.size()));
  }
  if (unit.table_settable)
    out.table =
        table_of(alone ? hashing : Hashing{}, open, unit, task, *keys, input ? &*input : nullptr);
  return out;
}

}  // namespace weft::passes
