#include "compiler/passes/steer.h"

#include "compiler/ir/evaluate.h"

namespace weft::passes {

namespace {

ir::Bits lookup(const FlowKey& flow, const ir::FieldTable& fields, const std::string& name) {
  if (name.starts_with("has ")) {
    const ir::Header* header = fields.header(name.substr(4));
    if (header == nullptr || !header->selected_by) return 1;
    return ir::evaluate(header->selected_by,
                        [&](const std::string& n) { return lookup(flow, fields, n); });
  }
  return field_of(flow, name);
}

void append(std::vector<std::uint8_t>& out, ir::Bits value, unsigned width) {
  for (unsigned shift = width; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

bool matches(const plan::Filter& filter, const FlowKey& flow) {
  for (const auto& [field, want] : filter.match) {
    if ((field_of(flow, field) & want.second) != (want.first & want.second)) return false;
  }
  return true;
}

Delivery by_rss(const ir::Node& node, const ir::FieldTable& fields,
                const plan::Configuration& config, const FlowKey& flow) {
  Delivery out;
  if (!config.rss.enabled || config.rss.table.empty()) return out;
  std::uint32_t hash = 0;
  const auto value = [&](const std::string& n) { return lookup(flow, fields, n); };
  for (const auto& type : node.config.rss->types) {
    bool on = false;
    for (const auto& name : config.rss.types) on = on || name == type.name;
    if (!on || !ir::holds(type.applies, value)) continue;
    std::vector<std::uint8_t> input;
    for (const auto& field : type.input)
      append(input, field_of(flow, field), fields.find(field)->width);
    hash = toeplitz(input, config.rss.key);
    out.rss_type = type.name;
    break;
  }
  out.queue = config.rss.table[hash % config.rss.table.size()];
  return out;
}

}  // namespace

ir::Bits field_of(const FlowKey& flow, const std::string& field) {
  if (field == "ipv4.src") return flow.src;
  if (field == "ipv4.dst") return flow.dst;
  if (field == "udp.src_port") return flow.src_port;
  if (field == "udp.dst_port") return flow.dst_port;
  if (field == "ipv4.protocol") return 17;
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

std::optional<Delivery> deliver(const ir::NicModel& nic, const ir::FieldTable& fields,
                                const plan::Configuration& config, const FlowKey& flow) {
  const auto value = [&](const std::string& n) { return lookup(flow, fields, n); };
  for (const ir::Node* node : receive_order(nic)) {
    if (node->config.table && ir::holds(node->config.table->applies, value)) {
      for (const auto& filter : config.filters) {
        if (filter.table != node->id || !matches(filter, flow)) continue;
        const std::uint32_t mark = node->config.table->mark_reported ? filter.mark : 0;
        return Delivery{node->id, "", filter.queue, mark};
      }
    }
    if (node->config.rss) {
      if (!node->config.rss->predictable && config.rx_queues > 1) return std::nullopt;
      return by_rss(*node, fields, config, flow);
    }
  }
  return Delivery{};
}

}  // namespace weft::passes
