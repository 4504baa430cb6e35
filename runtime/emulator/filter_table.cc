#include "runtime/emulator/filter_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "compiler/ir/rule_order.h"

namespace weft::emulator {
namespace {

std::uint64_t ones(unsigned width) {
  return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

Refusal refuse(int error, rte_flow_error_type type, std::string message) {
  return {error, type, nullptr, std::move(message)};
}

template <class Item, class Wanted>
bool contains(const std::vector<Item>& list, const Wanted& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The headers that a predicate asks for at its top: "has(a) && has(b) && ...".
void headers_asked_for(const ir::ExprPtr& expr, std::vector<std::string>& out) {
  if (expr == nullptr) return;
  if (expr->op == ir::Op::has) out.push_back(expr->name);
  if (expr->op == ir::Op::logical_and)
    for (const ir::ExprPtr& arg : expr->args) headers_asked_for(arg, out);
}

// What the pattern's transport item says of the protocol, for tables that match on it and whose
// drivers look at the item.
std::optional<std::uint64_t> implied(const Rule& rule, const std::string& field) {
  if (field != "ipv4.protocol") return std::nullopt;
  if (contains(rule.headers, "udp")) return 17;
  if (contains(rule.headers, "tcp")) return 6;
  return std::nullopt;
}

// A field of the transport header that the rule is not about.
bool of_other_transport(const Rule& rule, const std::string& field) {
  return (contains(rule.headers, "udp") && field.starts_with("tcp.")) ||
         (contains(rule.headers, "tcp") && field.starts_with("udp."));
}

// The innermost header that a rule names: drivers keep one set of fields for each.
std::string type_of(const Rule& rule) {
  if (rule.headers.empty() || rule.headers.back() == "vlan") return "eth";
  return rule.headers.back();
}

}  // namespace

std::size_t FilterTable::KeyHash::operator()(const Key& key) const {
  std::uint64_t hash = 0x9e3779b97f4a7c15ULL;
  for (const std::uint64_t word : key) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  return hash;
}

diag::Result<FilterTable> FilterTable::make(std::string name, const ir::FilterTable& table,
                                            const Names& names) {
  FilterTable out;
  out.name_ = std::move(name);
  out.limits_ = table;
  auto applies = Predicate::compile(table.applies, names);
  if (!applies) return diag::fail(applies.error());
  out.applies_ = std::move(*applies);
  headers_asked_for(table.applies, out.needs_);
  for (const auto& [field_name, match] : table.fields) {
    if (match == ir::Match::none) continue;
    const ir::Field* field = names.fields.find(field_name);
    const auto place = field == nullptr ? std::nullopt : place_of(*field);
    if (!place || out.fields_.size() == max_fields) {
      return diag::fail(diag::Diagnostic{
          .code = "E0641",
          .message = fmt::format("table `{}` cannot match on `{}`", out.name_, field_name)});
    }
    out.fields_.push_back({field_name, *place, match});
  }
  for (const auto& names : table.shapes) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < out.fields_.size(); ++i)
      if (contains(names, out.fields_[i].name)) bits |= 1U << i;
    out.listed_.push_back(bits);
  }
  return out;
}

void FilterTable::key_of(const Rule& rule, Key& value, Key& mask) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (const auto given = rule.fields.find(fields_[i].name); given != rule.fields.end()) {
      value[i] = given->second.value;
      mask[i] = given->second.mask;
    } else if (const auto said =
                   limits_.items_ignored ? std::nullopt : implied(rule, fields_[i].name)) {
      value[i] = *said;
      mask[i] = ones(fields_[i].place.width);
    }
    if (fields_[i].match == ir::Match::full_or_ignored && mask[i] != ones(fields_[i].place.width))
      value[i] = mask[i] = 0;
  }
}

bool FilterTable::is_listed(const Key& mask) const {
  if (listed_.empty()) return true;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (mask[i] != 0) bits |= 1U << i;
  return contains(listed_, bits);
}

std::optional<Refusal> FilterTable::accepts(const Rule& rule, unsigned& depth) const {
  depth = 0;
  const auto action = [this](const char* word) { return contains(limits_.actions, word); };
  const auto bad_action = [this](std::string_view why) {
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, fmt::format("{}: {}", name_, why));
  };
  if (rule.mark && !action("mark")) return bad_action("no mark action");
  if (rule.hits && limits_.counters == 0) return bad_action("no count action");
  if (rule.drop && !action("drop")) return bad_action("no drop action");
  if (rule.queue && !action("queue")) return bad_action("no queue action");
  if (!rule.group.empty() && (!action("queue_group") || !limits_.groups))
    return bad_action("no RSS action with queues");
  if (limits_.mark_required && !rule.mark)
    return bad_action("reached by rules with a mark action only");

  depth = 1;
  for (const auto& given : rule.fields) {
    const std::string& name = given.first;
    const bool known =
        std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.name == name; });
    if (!known)
      return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                    fmt::format("{}: cannot match on {}", name_, name));
  }
  const std::string type = type_of(rule);
  if (!limits_.types.empty() && !limits_.types.contains(type))
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                  fmt::format("{}: takes no rules for {}", name_, type));
  for (const std::string& header : needs_) {
    if (!contains(rule.headers, header))
      return refuse(
          ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
          fmt::format("{}: matches nothing but {}, pattern has no such item", name_, header));
  }

  depth = 2;
  Key value{}, mask{};
  key_of(rule, value, mask);
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (mask[i] == 0 && of_other_transport(rule, fields_[i].name)) continue;
    const bool full = mask[i] == ones(fields_[i].place.width);
    const char* wanted = nullptr;
    if (fields_[i].match == ir::Match::full && !full) wanted = "in full";
    if (fields_[i].match == ir::Match::full_or_none && !full && mask[i] != 0)
      wanted = "in full or not at all";
    if (wanted != nullptr)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_MASK,
                    fmt::format("{}: {} must be matched {}", name_, fields_[i].name, wanted));
  }

  if (!is_listed(mask))
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM,
                  fmt::format("{}: takes no rules on this set of fields", name_));

  depth = 3;
  if (!limits_.priority && rule.priority != 0)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY,
                  fmt::format("{}: has no priorities", name_));
  if (limits_.priority &&
      (rule.priority < limits_.priority->first || rule.priority > limits_.priority->second))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY,
                  fmt::format("{}: priority must be {} to {}", name_, limits_.priority->first,
                              limits_.priority->second));
  depth = 4;
  return rule.group.empty() ? std::nullopt : refuses_group(rule.group);
}

std::optional<Refusal> FilterTable::refuses_group(const std::vector<std::uint16_t>& queues) const {
  const ir::QueueGroups& may = *limits_.groups;
  const auto no = [&](std::string_view why) {
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, fmt::format("{}: {}", name_, why));
  };
  if (queues.size() < may.min) return no("too few queues in the group");
  if (queues.size() > may.max) return no("too many queues in the group");
  if (may.power_of_two && (queues.size() & (queues.size() - 1)) != 0)
    return no("the number of queues in a group must be a power of two");
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (may.contiguous && queues[i] != queues[0] + i)
      return no("the queues of a group must be one behind the other");
    for (std::size_t k = 0; k < i; ++k)
      if (queues[k] == queues[i]) return no("a queue is twice in the group");
  }
  return std::nullopt;
}

// What the card's mask registers would hold: ports of UDP and TCP have one.
std::map<std::string, std::uint64_t> FilterTable::registers(
    const Key& mask, const std::vector<std::string>& headers) const {
  std::map<std::string, std::uint64_t> out;
  const auto shared = [](const std::string& name, const char* header, const char* other) {
    return name.starts_with(header) ? other + name.substr(std::string_view(header).size()) : name;
  };
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (mask[i] != 0) out[shared(fields_[i].name, "tcp.", "udp.")] = mask[i];
  for (const std::string& header : headers) out["has " + shared(header, "tcp", "udp")] = 1;
  return out;
}

bool FilterTable::meet(const Key& a, const Key& b, const Key& common) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (((a[i] ^ b[i]) & common[i]) != 0) return false;
  return true;
}

// Two rules that the same packet could hit, neither of them in front: which wins nobody says.
// Same mask: one probe. Another mask: all its rules are compared, which is slow for large tables of
// mixed masks and never wrong.
bool FilterTable::overlaps(const Rule& rule, const Key& value, const Key& mask) const {
  const unsigned level = ir::level_of(limits_, rule.priority);
  const auto same_level = [&](const Bucket& bucket) {
    return std::any_of(bucket.begin(), bucket.end(), [&](const auto& e) {
      return ir::level_of(limits_, e->rule.priority) == level;
    });
  };
  const auto transport = [](const std::vector<std::string>& headers) {
    return contains(headers, "udp") ? 17 : contains(headers, "tcp") ? 6 : 0;
  };
  const int own = transport(rule.headers);
  for (const auto& shape : shapes_) {
    // Rules of different types hit different packets.
    if (!limits_.types.empty() && shape->type != type_of(rule)) continue;
    const int other = transport(shape->headers);
    if (!limits_.items_ignored && own != 0 && other != 0 && own != other) continue;
    if (shape->mask == mask) {
      const auto found = shape->rules.find(value);
      if (found != shape->rules.end() && same_level(found->second)) return true;
      continue;
    }
    Key common{};
    for (std::size_t i = 0; i < mask.size(); ++i) common[i] = mask[i] & shape->mask[i];
    for (const auto& [key, bucket] : shape->rules)
      if (meet(value, key, common) && same_level(bucket)) return true;
  }
  return false;
}

std::optional<Refusal> FilterTable::insert(const Rule& rule, const Names& names, Entry*& entry) {
  if (size_ >= limits_.capacity)
    return refuse(ENOSPC, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                  fmt::format("{}: all {} rules are in use", name_, limits_.capacity));
  if (rule.hits && counted_ >= limits_.counters)
    return refuse(ENOSPC, RTE_FLOW_ERROR_TYPE_ACTION,
                  fmt::format("{}: all {} counters are in use", name_, limits_.counters));
  if (!rule.group.empty() && limits_.groups->count != 0 && grouped_ >= limits_.groups->count)
    return refuse(ENOSPC, RTE_FLOW_ERROR_TYPE_ACTION,
                  fmt::format("{}: all {} groups are in use", name_, limits_.groups->count));
  Key value{}, mask{};
  key_of(rule, value, mask);
  const std::string type = type_of(rule);
  for (const auto& shape : shapes_) {
    if (shape->size == 0 || limits_.same_mask_per.empty()) continue;
    if (limits_.same_mask_per == "type") {
      if (shape->type == type && shape->mask != mask)
        return refuse(
            EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_MASK,
            fmt::format("{}: all rules for {} share one mask, and it is another one", name_, type));
    } else if (registers(shape->mask, shape->headers) != registers(mask, rule.headers)) {
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_MASK,
                    fmt::format("{}: all rules share one mask, and it is another one", name_));
    }
  }
  if (overlaps(rule, value, mask))
    return refuse(EEXIST, RTE_FLOW_ERROR_TYPE_ITEM,
                  fmt::format("{}: a rule for some of these packets is there already", name_));

  std::size_t at = 0;
  while (at < shapes_.size() && (shapes_[at]->mask != mask || shapes_[at]->headers != rule.headers))
    ++at;
  if (at == shapes_.size()) {
    auto shape = std::make_unique<Shape>();
    shape->mask = mask;
    shape->headers = rule.headers;
    shape->type = type;
    std::vector<ir::ExprPtr> all;
    if (!limits_.items_ignored)
      for (const std::string& header : rule.headers) all.push_back(ir::has(header));
    if (!limits_.types.empty()) all.push_back(limits_.types.at(type));
    auto present = Predicate::compile(ir::all_of(std::move(all)), names);
    if (!present)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, present.error().list.front().message);
    shape->present = std::move(*present);
    shapes_.push_back(std::move(shape));
  }
  auto made = std::make_unique<Entry>();
  made->rule = rule;
  made->shape = static_cast<unsigned>(at);
  made->number = next_number_++;
  entry = made.get();
  shapes_[at]->rules[value].push_back(std::move(made));
  ++shapes_[at]->size;
  ++size_;
  counted_ += rule.hits ? 1 : 0;
  grouped_ += rule.group.empty() ? 0 : 1;
  return std::nullopt;
}

void FilterTable::erase(Entry* entry) {
  Shape& shape = *shapes_[entry->shape];
  Key value{}, mask{};
  key_of(entry->rule, value, mask);
  counted_ -= entry->rule.hits ? 1 : 0;
  grouped_ -= entry->rule.group.empty() ? 0 : 1;
  const auto found = shape.rules.find(value);
  std::erase_if(found->second, [&](const auto& e) { return e.get() == entry; });
  if (found->second.empty()) shape.rules.erase(found);
  --shape.size;
  --size_;
}

const Rule* FilterTable::find(const Frame& frame, const CardState& state) const {
  if (size_ == 0 || !applies_.holds(frame, state)) return nullptr;
  Key seen{};
  for (std::size_t i = 0; i < fields_.size(); ++i) seen[i] = frame.read(fields_[i].place);
  const Entry* best = nullptr;
  unsigned level = 0;
  for (const auto& shape : shapes_) {
    if (shape->size == 0 || !shape->present.holds(frame, state)) continue;
    Key key{};
    for (std::size_t i = 0; i < fields_.size(); ++i) key[i] = seen[i] & shape->mask[i];
    const auto found = shape->rules.find(key);
    if (found == shape->rules.end()) continue;
    for (const auto& entry : found->second) {
      const unsigned own = ir::level_of(limits_, entry->rule.priority);
      if (best != nullptr && (own != level ? own < level : best->number < entry->number)) continue;
      best = entry.get();
      level = own;
    }
  }
  return best == nullptr ? nullptr : &best->rule;
}

}  // namespace weft::emulator
