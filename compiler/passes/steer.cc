#include "compiler/passes/steer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <type_traits>

#include "compiler/ir/evaluate.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"

namespace weft::passes {

namespace {

// Does the answer depend on what tells flows apart?
bool depends_on_flow(const ir::ExprPtr& e, const ir::FieldTable& fields) {
  for (const std::string& name : ir::names_in(e)) {
    if (name == "ipv4.src" || name == "ipv4.dst" || name.ends_with(".src_port") ||
        name.ends_with(".dst_port"))
      return true;
    if (!name.starts_with("has ")) continue;
    const ir::Header* header = fields.header(name.substr(4));
    if (header != nullptr && header->selected_by && depends_on_flow(header->selected_by, fields))
      return true;
  }
  return false;
}

// (Of UDP: what is asked of many flows.)
bool holds_always(const ir::ExprPtr& e, const ir::FieldTable& fields) {
  return !depends_on_flow(e, fields) &&
         ir::holds(e, [&](const std::string& n) { return seen_of(FlowKey{}, fields, n); });
}

// The flow that the rule matches, and no other.
std::optional<FlowKey> only_flow(const plan::Filter& filter) {
  FlowKey key;
  unsigned found = 0;
  for (const auto& [field, want] : filter.match) {
    const auto take = [&found, value = want.first, mask = want.second](auto& out) {
      ++found;
      out = static_cast<std::remove_reference_t<decltype(out)>>(value);
      return mask == std::numeric_limits<std::remove_reference_t<decltype(out)>>::max();
    };
    if (field == "ipv4.src"       ? !take(key.src)
        : field == "ipv4.dst"     ? !take(key.dst)
        : field == "udp.src_port" ? !take(key.src_port)
        : field == "udp.dst_port" ? !take(key.dst_port)
                                  : ((field_of(key, field) ^ want.first) & want.second) != 0)
      return std::nullopt;
  }
  return found == 4 ? std::optional(key) : std::nullopt;
}

}  // namespace

ir::Flow flow_of(const plan::FlowEntry& f, const std::vector<ir::Endpoint>& endpoints) {
  ir::Flow flow{.src = f.src,
                .src_port = f.src_port,
                .dst_port = f.dst_port,
                .endpoint = f.endpoint,
                .dst = f.dst,
                .gold = f.gold.value_or(endpoints[f.endpoint].gold)};
  if (f.pinned) flow.queue = f.queue;
  return flow;
}

ir::Bits seen_of(const FlowKey& flow, const ir::FieldTable& fields, const std::string& name) {
  if (name.starts_with("has ")) {
    const ir::Header* header = fields.header(name.substr(4));
    if (header == nullptr || !header->selected_by) return 1;
    return ir::evaluate(header->selected_by,
                        [&](const std::string& n) { return seen_of(flow, fields, n); });
  }
  return field_of(flow, name);
}

bool matches(const ir::FilterTable& table, const ir::FieldTable& fields, const plan::Filter& filter,
             const FlowKey& flow) {
  if (!table.types.empty() &&
      !holds_for(ir::applies_to(table, plan::shape_of(filter)), fields, flow))
    return false;
  for (const auto& [field, want] : filter.match) {
    const std::uint64_t mask = ir::effective_mask(table, field, want.second, fields);
    if ((field_of(flow, field) & mask) != (want.first & mask)) return false;
  }
  return true;
}

bool holds_for(const ir::ExprPtr& when, const ir::FieldTable& fields, const FlowKey& flow) {
  return ir::holds(when, [&](const std::string& n) { return seen_of(flow, fields, n); });
}

ir::Bits field_of(const FlowKey& flow, const std::string& field) {
  if (field == "ipv4.src") return flow.src;
  if (field == "ipv4.dst") return flow.dst;
  if (field == (flow.tcp ? "tcp.src_port" : "udp.src_port")) return flow.src_port;
  if (field == (flow.tcp ? "tcp.dst_port" : "udp.dst_port")) return flow.dst_port;
  if (field == "ipv4.protocol") return flow.tcp ? 6 : 17;
  if (field == "ipv4.version") return 4;
  if (field == "ipv4.ihl") return 5;
  if (field == "ipv4.ttl") return 64;
  if (field == "ipv4.total_length") return 46;
  if (field == "eth.type") return 0x0800;
  if (field == "pkt.len") return 60;
  if (field == "l3.room") return 46;
  if (field == "l4.room") return 26;
  return 0;
}

std::string mirror_of(const std::string& field) {
  const std::size_t dot = field.find('.') + 1;
  const std::string header = field.substr(0, dot), name = field.substr(dot);
  if (header == "eth.") return "";
  for (const auto& [one, other] : {std::pair{"src", "dst"}, std::pair{"src_port", "dst_port"}}) {
    if (name == one) return header + other;
    if (name == other) return header + one;
  }
  return "";
}

void prepare(ir::HashFunction function, const ir::RssType& type, const ir::FieldTable& fields,
             std::span<std::uint8_t> input) {
  if (function == ir::HashFunction::toeplitz) return;
  std::map<std::string, std::size_t> offset;
  std::size_t at = 0;
  for (const std::string& field : type.input) {
    offset[field] = at;
    at += fields.find(field)->width / 8;
  }
  for (const std::string& field : type.input) {
    const auto other = offset.find(mirror_of(field));
    if (other == offset.end() || other->second < offset[field]) continue;  // both at once
    for (std::size_t i = 0; i < fields.find(field)->width / 8; ++i) {
      const auto sum =
          static_cast<std::uint8_t>(input[offset[field] + i] ^ input[other->second + i]);
      input[offset[field] + i] = input[other->second + i] = sum;
    }
  }
}

std::uint32_t toeplitz(std::span<const std::uint8_t> input, std::span<const std::uint8_t> key) {
  const auto key_bit = [&](std::size_t i) {
    return i / 8 < key.size() ? (key[i / 8] >> (7 - i % 8)) & 1u : 0u;
  };
  std::uint32_t window = 0;
  for (std::size_t i = 0; i < 32; ++i) window = (window << 1) | key_bit(i);
  std::uint32_t hash = 0;
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if ((input[bit / 8] >> (7 - bit % 8)) & 1u) hash ^= window;
    window = (window << 1) | key_bit(bit + 32);
  }
  return hash;
}

std::vector<const ir::Node*> receive_order(const ir::NicModel& nic) {
  std::vector<const ir::Node*> out;
  for (const ir::Vertex v : nic.receive.topological()) out.push_back(&nic.receive.node(v));
  return out;
}

const ir::Node* rss_node(const ir::NicModel& nic) {
  for (const ir::Node* node : receive_order(nic)) {
    if (node->config.rss) return node;
  }
  return nullptr;
}

bool is_on(const ir::RssType& type, const plan::Rss& rss) {
  return type.fixed || std::find(rss.types.begin(), rss.types.end(), type.name) != rss.types.end();
}

std::size_t FlowKeyHash::operator()(const FlowKey& k) const {
  std::uint64_t x = (std::uint64_t{k.src} << 32 | std::uint64_t{k.src_port} << 16 | k.dst_port) ^
                    (std::uint64_t{k.dst} + k.tcp) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  return static_cast<std::size_t>(x ^ (x >> 31));
}

Steering::Steering(const ir::NicModel& nic, const ir::FieldTable& fields,
                   const plan::Configuration& config)
    : fields_(fields), config_(config) {
  std::unordered_map<std::string, std::size_t> index;
  for (const ir::Node* node : receive_order(nic)) {
    if (node->config.table) {
      index[node->id] = tables_.size();
      tables_.push_back({node, holds_always(node->config.table->applies, fields), {}, {}});
    }
    if (!node->config.rss) continue;
    rss_ = node;
    break;
  }
  for (unsigned i = 0; i < config.filters.size(); ++i) {
    const auto at = index.find(config.filters[i].table);
    if (at == index.end()) continue;
    Table& table = tables_[at->second];
    if (const auto key = only_flow(config.filters[i])) {
      const auto [known, fresh] = table.exact.emplace(*key, i);
      if (!fresh && in_front(table, i, known->second)) known->second = i;
    } else {
      table.other.push_back(i);
    }
  }
  for (Table& table : tables_)
    std::sort(table.other.begin(), table.other.end(),
              [&](unsigned a, unsigned b) { return in_front(table, a, b); });
  if (rss_ == nullptr || !config.rss.enabled) return;
  for (const auto& type : rss_->config.rss->types) {
    if (!is_on(type, config.rss)) continue;
    Type& out = types_.emplace_back(Type{&type, holds_always(type.applies, fields), {}, {}});
    std::size_t bytes = 0;
    for (const auto& field : type.input) {
      out.inputs.push_back(input_of(field, fields));
      bytes += (out.inputs.back().width + 7) / 8;
    }
    out.sums.resize(bytes);
    std::vector<std::uint8_t> input(bytes);
    for (std::size_t at = 0; at < bytes; ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        std::fill(input.begin(), input.end(), std::uint8_t{0});
        input[at] = static_cast<std::uint8_t>(1u << bit);
        prepare(config.rss.function, type, fields, input);
        out.sums[at][1u << bit] = toeplitz(input, config.rss.key);
      }
      for (unsigned value = 1; value < 256; ++value) {
        const unsigned low = value & -value;
        out.sums[at][value] = out.sums[at][low] ^ out.sums[at][value ^ low];
      }
    }
  }
}

Steering::Input Steering::input_of(const std::string& field, const ir::FieldTable& fields) {
  Input out;
  out.width = fields.find(field)->width;
  out.tcp = field.starts_with("tcp.");
  const bool port = out.tcp || field.starts_with("udp.");
  out.what = field == "ipv4.src"                    ? Input::What::src
             : field == "ipv4.dst"                  ? Input::What::dst
             : port && field.ends_with(".src_port") ? Input::What::src_port
             : port && field.ends_with(".dst_port") ? Input::What::dst_port
                                                    : Input::What::other;
  if (out.what == Input::What::other) out.name = field;
  return out;
}

ir::Bits Steering::Input::of(const FlowKey& flow) const {
  switch (what) {
    case What::src: return flow.src;
    case What::dst: return flow.dst;
    case What::src_port: return tcp == flow.tcp ? flow.src_port : 0;
    case What::dst_port: return tcp == flow.tcp ? flow.dst_port : 0;
    case What::other: return field_of(flow, name);
  }
  return 0;
}

bool Steering::applies(const ir::ExprPtr& when, bool always, const FlowKey& flow) const {
  return (always && !flow.tcp) || holds_for(when, fields_, flow);
}

bool Steering::in_front(const Table& table, unsigned rule, unsigned other) const {
  const ir::FilterTable& limits = *table.node->config.table;
  const unsigned a = ir::level_of(limits, config_.filters[rule].priority);
  const unsigned b = ir::level_of(limits, config_.filters[other].priority);
  return a != b ? a > b : rule < other;
}

std::optional<unsigned> Steering::rule(const Table& table, const FlowKey& flow) const {
  std::optional<unsigned> first;
  if (const auto it = table.exact.find(flow); it != table.exact.end()) first = it->second;
  for (const unsigned i : table.other) {
    if (first && in_front(table, *first, i)) break;
    if (matches(*table.node->config.table, fields_, config_.filters[i], flow)) return i;
  }
  return first;
}

std::pair<std::uint32_t, const Steering::Type*> Steering::hash(const FlowKey& flow) const {
  for (const Type& type : types_) {
    if (!applies(type.type->applies, type.applies_always, flow)) continue;
    std::uint32_t sum = 0;
    std::size_t at = 0;
    for (const Input& input : type.inputs) {
      const ir::Bits value = input.of(flow);
      for (unsigned shift = input.width; shift > 0; shift -= 8)
        sum ^= type.sums[at++][static_cast<std::uint8_t>(value >> (shift - 8))];
    }
    return {sum, &type};
  }
  return {0, nullptr};
}

std::optional<unsigned> Steering::queue_of(const plan::Filter& rule, const FlowKey& flow) const {
  if (rule.group.empty()) return rule.queue;
  if (rule.entries == 0) return std::nullopt;
  return rule.group[hash(flow).first % rule.entries % rule.group.size()];
}

std::optional<unsigned> Steering::entry(const FlowKey& flow) const {
  if (rss_ == nullptr || !rss_->config.rss->predictable || config_.rss.table.empty())
    return std::nullopt;
  return static_cast<unsigned>(hash(flow).first % config_.rss.table.size());
}

std::pair<const Steering::Table*, const plan::Filter*> Steering::hit(const FlowKey& flow) const {
  for (const Table& table : tables_) {
    if (table.exact.empty() && table.other.empty()) continue;
    if (!applies(table.node->config.table->applies, table.applies_always, flow)) continue;
    if (const auto i = rule(table, flow)) return {&table, &config_.filters[*i]};
  }
  return {nullptr, nullptr};
}

const plan::Filter* Steering::rule_of(const FlowKey& flow) const { return hit(flow).second; }

std::optional<Delivery> Steering::deliver(const FlowKey& flow) const {
  if (const auto [table, found] = hit(flow); found != nullptr) {
    const plan::Filter& filter = *found;
    const ir::FilterTable& limits = *table->node->config.table;
    const auto queue = queue_of(filter, flow);
    if (!queue) return std::nullopt;
    const Type* type = filter.group.empty() ? nullptr : hash(flow).second;
    return Delivery{table->node->id, type == nullptr ? "" : type->type->name, *queue,
                    limits.mark_reported ? filter.mark : 0, ir::level_of(limits, filter.priority)};
  }
  if (rss_ == nullptr) return Delivery{};
  if (!rss_->config.rss->predictable && config_.rx_queues > 1) return std::nullopt;
  Delivery out;
  if (!config_.rss.enabled || config_.rss.table.empty()) return out;
  const auto [sum, type] = hash(flow);
  if (type != nullptr) out.rss_type = type->type->name;
  out.queue = config_.rss.table[sum % config_.rss.table.size()];
  return out;
}

std::optional<Delivery> deliver(const ir::NicModel& nic, const ir::FieldTable& fields,
                                const plan::Configuration& config, const FlowKey& flow) {
  return Steering(nic, fields, config).deliver(flow);
}

}  // namespace weft::passes
