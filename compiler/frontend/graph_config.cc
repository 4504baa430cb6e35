#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/frontend/expr_parser.h"
#include "compiler/frontend/graph_parts.h"

namespace weft::frontend {
namespace {

constexpr std::array<const char*, 5> match_words = {"none", "full", "full_or_none", "any_mask",
                                                    "full_or_ignored"};
constexpr std::array<const char*, 2> order_words = {"highest", "lowest"};  // ir::RuleOrder
const std::vector<std::string> answers = {"unknown", "good", "bad", "none"};

// A field that exists; "desc." and the like where `prefix` is given.
std::string field_name(const Value& value, const ir::FieldTable& fields, std::string_view prefix) {
  const std::string name = value.dotted();
  if (name.empty()) return name;
  if (fields.find(name) == nullptr) {
    const std::string near = diag::nearest(name, fields.names());
    value.error("E0202", fmt::format("unknown field `{}`", name),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                "fields are declared in graphs/headers/");
  } else if (!name.starts_with(prefix)) {
    value.error("E0242", fmt::format("`{}` is no field of the descriptor", name), "",
                fmt::format("a name that starts with `{}`", prefix));
  }
  return name;
}

ir::Report read_report(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "`reports`");
  ir::Report out;
  const Value facts = m.required("facts");
  if (facts.present() && facts.members().empty())
    facts.error("E0241", "a report about nothing", "", "name a test, and what is evidence of it");
  for (const auto& [fact, evidence] : facts.members())
    out.claims.push_back({fact.dotted(), read_condition(evidence, fields)});
  out.field = field_name(m.required("field"), fields, "desc.");
  out.checks = read_condition(m.required("checks"), fields);
  out.says_good = read_condition(m.required("says_good"), fields);
  out.bad_trusted = m.required("bad_trusted").flag();
  if (const auto none = m.optional("none_is_good")) out.none_is_good = none->flag();
  out.when_off = answers[m.required("when_off").word(answers, "an answer of a descriptor")];
  m.done();
  return out;
}

// Either what all cards of this kind have, or `{device: N}`: what one has, another may have less.
void read_capacity(const Value& at, ir::FilterTable& out) {
  std::optional<Value> number;
  if (at.is_mapping()) {
    Mapping m(at, "`capacity`");
    number = m.required("device");
    m.done();
    out.capacity_by_device = true;
  }
  out.capacity = static_cast<unsigned>((number ? *number : at).number(1, 100'000'000));
}

// Sets of fields, one of which a rule names; each a field of the table that is not `none`.
void read_shapes(const Value& at, ir::FilterTable& out) {
  for (const Value& set : at.list()) {
    std::vector<std::string> names;
    for (const Value& entry : set.list()) {
      const std::string name = entry.dotted();
      const auto known = out.fields.find(name);
      if (!name.empty() && (known == out.fields.end() || known->second == ir::Match::none))
        entry.error("E0242", fmt::format("`{}` is no field that the table looks at", name), "",
                    "add it to `fields`");
      names.push_back(name);
    }
    if (names.empty()) set.error("E0242", "a rule that looks at nothing");
    out.shapes.push_back(std::move(names));
  }
}

// `applies: PACKETS`, or `types: {udp: PACKETS, ...}` where rules for each header match other ones.
void read_applies(Mapping& m, const ir::FieldTable& fields, ir::FilterTable& out) {
  const auto types = m.optional("types");
  if (!types) {
    out.applies = read_condition(m.required("applies"), fields);
    return;
  }
  std::vector<ir::ExprPtr> any;
  for (const auto& [key, value] : types->members()) {
    const std::vector<std::string> words = {"eth", "ipv4", "udp", "tcp"};
    const std::string& type = words[key.word(words, "a type of packets")];
    out.types[type] = read_condition(value, fields);
    any.push_back(out.types[type]);
  }
  out.applies = ir::any_of(std::move(any));
}

// `groups: {size: any, min: 2, max: 64, entries: 512}`; what says where in a group: `entries` of
// its own table, `spread: rss_table` or `spread: unknown`.
ir::QueueGroups read_groups(const Value& at) {
  Mapping m(at, "`groups`");
  ir::QueueGroups out;
  const std::vector<std::string> sizes = {"any", "power_of_two"};
  out.power_of_two = m.required("size").word(sizes, "how many queues a group has") == 1;
  const Value max = m.required("max");
  out.max = static_cast<unsigned>(max.number(2, 4096));
  if (const auto v = m.optional("min")) out.min = static_cast<unsigned>(v->number(1, out.max));
  if (const auto flag = m.optional("contiguous")) out.contiguous = flag->flag();
  if (const auto v = m.optional("count")) out.count = static_cast<unsigned>(v->number(1, 1 << 20));
  const auto entries = m.optional("entries"), spread = m.optional("spread");
  if (spread)
    out.of_rss = spread->word({"unknown", "rss_table"}, "how the hash picks one of a group") == 1;
  if (entries) out.entries = static_cast<unsigned>(entries->number(out.max, 65536));
  if (entries.has_value() == spread.has_value())
    at.error("E0242", "which queue of a group it is must be said once", "",
             "write `entries:`, of a group's own table, `spread: rss_table` or `spread: unknown`");
  m.done();
  return out;
}

ir::FilterTable read_table(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "`table`");
  ir::FilterTable out;
  read_capacity(m.required("capacity"), out);
  for (const auto& [key, value] : m.required("fields").members()) {
    const std::string name = field_name(key, fields, "");
    const std::vector<std::string> words(match_words.begin(), match_words.end());
    out.fields[name] = static_cast<ir::Match>(value.word(words, "a way to match"));
  }
  if (const auto shapes = m.optional("shapes")) read_shapes(*shapes, out);
  read_applies(m, fields, out);
  if (const auto per = m.optional("same_mask_per")) {
    const std::vector<std::string> words = {"port", "type"};
    out.same_mask_per = words[per->word(words, "what a mask is shared by")];
  }
  if (const auto flag = m.optional("items_ignored")) out.items_ignored = flag->flag();
  const std::vector<std::string> actions = {"queue", "queue_group", "drop", "mark"};
  for (const Value& action : m.required("actions").list()) {
    const std::size_t before = action.error_count();
    const std::string& word = actions[action.word(actions, "an action")];
    if (action.error_count() != before) continue;
    if (std::find(out.actions.begin(), out.actions.end(), word) != out.actions.end()) {
      action.error("E0242", fmt::format("action `{}` is named twice", word));
    }
    out.actions.push_back(word);
  }
  const bool has_groups =
      std::find(out.actions.begin(), out.actions.end(), "queue_group") != out.actions.end();
  const auto groups = m.optional("groups");
  if (groups) out.groups = read_groups(*groups);
  if (has_groups != groups.has_value())
    at.error("E0242",
             has_groups ? "nothing says what a queue group may be"
                        : "`groups` without the action `queue_group`",
             "", "write both, or none");
  if (const auto v = m.optional("counters"))
    out.counters = static_cast<unsigned>(v->number(1, out.capacity));
  if (const auto flag = m.optional("mark_required")) out.mark_required = flag->flag();
  if (const auto flag = m.optional("mark_reported")) out.mark_reported = flag->flag();
  if (const auto priority = m.optional("priority")) {
    const std::vector<Value> range = priority->list();
    if (range.size() == 2) {
      const auto low = static_cast<unsigned>(range[0].number(0, 1 << 20));
      const auto high = static_cast<unsigned>(range[1].number(0, 1 << 20));
      if (low > high) priority->error("E0242", "the range is reversed", "", "write [low, high]");
      out.priority = {low, high};
    } else if (priority->is_sequence()) {
      priority->error("E0242", "a range has two numbers", "", "write [low, high]");
    }
  }
  if (const auto order = m.optional("order")) {
    const std::vector<std::string> words(order_words.begin(), order_words.end());
    out.order = static_cast<ir::RuleOrder>(1 + order->word(words, "which priority goes first"));
    if (!out.priority) {
      order->error("E0242", "the order of rules is one by their priority", "",
                   "write `priority: [low, high]`, too");
    } else if (out.priority->first == out.priority->second) {
      order->error("E0242", "one priority is no order", "", "leave out `order:`");
    }
  }
  m.done();
  return out;
}

ir::RssUnit read_rss(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "`rss`");
  ir::RssUnit out;
  out.key_bytes = static_cast<unsigned>(m.required("key_bytes").number(0, 256));
  out.table_size = static_cast<unsigned>(m.required("table_size").number(0, 1 << 16));
  if (const auto reach = m.optional("queue_reach")) {
    out.queue_reach = static_cast<unsigned>(reach->number(0, 1 << 16));
  }
  for (const Value& entry : m.required("types").list()) {
    Mapping t(entry, "the RSS type");
    ir::RssType type;
    const Value name = t.required("name");
    type.name = name.name();
    type.applies = read_condition(t.required("applies"), fields);
    for (const Value& input : t.required("input").list()) {
      type.input.push_back(field_name(input, fields, ""));
    }
    if (const auto fixed = t.optional("fixed")) type.fixed = fixed->flag();
    t.done();
    for (const ir::RssType& other : out.types) {
      if (other.name == type.name) {
        name.error("E0242", fmt::format("RSS type `{}` is there twice", type.name));
      }
    }
    out.types.push_back(std::move(type));
  }
  if (const auto list = m.optional("functions")) {
    const std::vector<std::string> words = {"symmetric_toeplitz"};
    for (const Value& function : list->list()) {
      function.word(words, "a hash function beside Toeplitz");
      out.functions.assign(1, ir::HashFunction::symmetric_toeplitz);
    }
  }
  if (const auto flag = m.optional("key_settable")) out.key_settable = flag->flag();
  if (const auto flag = m.optional("table_settable")) out.table_settable = flag->flag();
  if (const auto spreads = m.optional("spreads")) {
    out.predictable = spreads->word({"by_hash", "unknown"}, "a way to spread") == 0;
  }
  if (out.predictable && !(out.key_settable && out.table_settable)) {
    at.error("E0242", "nobody can predict a card whose key or table can't be set", "",
             "add `spreads: unknown`");
  }
  m.done();
  return out;
}

ir::Performs read_performs(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "`performs`");
  ir::Performs out;
  out.effect = m.required("effect").dotted();
  out.request = m.required("request").dotted();
  out.field = field_name(m.required("field"), fields, "desc.");
  if (const auto needs = m.optional("needs")) out.needs = field_name(*needs, fields, "desc.");
  m.done();
  return out;
}

std::string condition(const ir::ExprPtr& e) {
  return fmt::format("\"{}\"", ir::to_string(e == nullptr ? ir::truth(true) : e));
}

std::string print_groups(const ir::QueueGroups& g) {
  std::string out = fmt::format("      groups: {{size: {}, min: {}, max: {}",
                                g.power_of_two ? "power_of_two" : "any", g.min, g.max);
  if (g.contiguous) out += ", contiguous: true";
  if (g.count != 0) out += fmt::format(", count: {}", g.count);
  if (g.of_rss) return out + ", spread: rss_table}\n";
  return out +
         (g.entries == 0 ? ", spread: unknown}\n" : fmt::format(", entries: {}}}\n", g.entries));
}

std::string print_table(const ir::FilterTable& table) {
  const std::string capacity =
      fmt::format(fmt::runtime(table.capacity_by_device ? "{{device: {}}}" : "{}"), table.capacity);
  std::string out = fmt::format("    table:\n      capacity: {}\n      fields: {{", capacity);
  bool first = true;
  for (const auto& [name, match] : table.fields) {
    out += fmt::format("{}{}: {}", first ? "" : ", ", name,
                       match_words[static_cast<std::size_t>(match)]);
    first = false;
  }
  out += "}\n";
  if (!table.shapes.empty()) out += "      shapes:\n";
  for (const auto& shape : table.shapes)
    out += fmt::format("        - [{}]\n", fmt::join(shape, ", "));
  if (table.types.empty()) out += fmt::format("      applies: {}\n", condition(table.applies));
  if (!table.types.empty()) out += "      types:\n";
  for (const auto& [type, packets] : table.types)
    out += fmt::format("        {}: {}\n", type, condition(packets));
  if (!table.same_mask_per.empty()) {
    out += fmt::format("      same_mask_per: {}\n", table.same_mask_per);
  }
  if (table.items_ignored) out += "      items_ignored: true\n";
  out += fmt::format("      actions: [{}]\n", fmt::join(table.actions, ", "));
  if (table.groups) out += print_groups(*table.groups);
  if (table.counters != 0) out += fmt::format("      counters: {}\n", table.counters);
  if (table.mark_required) out += "      mark_required: true\n";
  if (table.mark_reported) out += "      mark_reported: true\n";
  if (table.priority) {
    out += fmt::format("      priority: [{}, {}]\n", table.priority->first, table.priority->second);
  }
  if (table.order != ir::RuleOrder::none)
    out += fmt::format("      order: {}\n", order_words[static_cast<std::size_t>(table.order) - 1]);
  return out;
}

std::string print_rss(const ir::RssUnit& rss) {
  std::string out = fmt::format("    rss:\n      key_bytes: {}\n      table_size: {}\n",
                                rss.key_bytes, rss.table_size);
  if (rss.queue_reach != 0) out += fmt::format("      queue_reach: {}\n", rss.queue_reach);
  out += rss.types.empty() ? "      types: []\n" : "      types:\n";
  for (const ir::RssType& type : rss.types) {
    out += fmt::format("        - {{name: {}, applies: {}, input: [{}]{}}}\n", type.name,
                       condition(type.applies), fmt::join(type.input, ", "),
                       type.fixed ? ", fixed: true" : "");
  }
  for (const ir::HashFunction f : rss.functions)
    out += fmt::format("      functions: [{}]\n", ir::to_string(f));
  if (!rss.key_settable) out += "      key_settable: false\n";
  if (!rss.table_settable) out += "      table_settable: false\n";
  if (!rss.predictable) out += "      spreads: unknown\n";
  return out;
}

}  // namespace

ir::Config read_config(Mapping& node, const ir::FieldTable& fields) {
  ir::Config out;
  const auto knob = node.optional("knob");
  if (knob) out.knob = knob->dotted();
  const auto offload = node.optional("offload");
  if (offload && offload->is_sequence()) {
    for (const Value& name : offload->list()) out.offloads.push_back(name.name());
    if (out.offloads.empty()) offload->error("E0241", "a switch without an offload");
  } else if (offload) {
    out.offloads.push_back(offload->name());
  }
  const auto toggle = node.optional("switch");
  if (toggle) out.toggle = toggle->name();
  if (const auto flag = node.optional("in_software")) out.in_software = flag->flag();
  if (const auto v = node.optional("reports")) out.report = read_report(*v, fields);
  if (const auto v = node.optional("table")) out.table = read_table(*v, fields);
  if (const auto v = node.optional("rss")) out.rss = read_rss(*v, fields);
  if (const auto v = node.optional("performs")) out.performs = read_performs(*v, fields);

  const int units = int{out.report.has_value()} + int{out.table.has_value()} +
                    int{out.rss.has_value()} + int{out.performs.has_value()};
  if (units > 1) {
    node.value().error("E0241", "one config node is one unit of the card", "",
                       "only one of `reports`, `table`, `rss`, `performs`");
  }
  if (knob && !offload && !toggle) {
    knob->error(
        "E0241", fmt::format("nothing says how knob `{}` is switched", out.knob), "",
        "add `offload: NAME` (DPDK's name), `switch: promiscuous` or `switch: allmulticast`");
  }
  if (offload && toggle) {
    toggle->error("E0241", "a knob is an offload or a switch, not both");
  }
  if (!knob && (offload || toggle || out.report || out.performs)) {
    node.value().error("E0241", "a unit that can be switched needs a name for its switch", "",
                       "add `knob: rx.NAME` or `knob: tx.NAME`");
  }
  if (!knob && units == 0) {
    node.value().error("E0241", "a config node that configures nothing", "",
                       "add `knob`, `table` or `rss`");
  }
  return out;
}

std::string print_config(const ir::Config& c) {
  std::string out;
  if (!c.knob.empty()) out += fmt::format("    knob: {}\n", c.knob);
  if (c.offloads.size() == 1) out += fmt::format("    offload: {}\n", quote(c.offloads.front()));
  if (c.offloads.size() > 1) out += fmt::format("    offload: [{}]\n", fmt::join(c.offloads, ", "));
  if (!c.toggle.empty()) out += fmt::format("    switch: {}\n", quote(c.toggle));
  if (c.in_software) out += "    in_software: true\n";
  if (c.report) {
    out += "    reports:\n      facts:\n";
    for (const ir::Claim& claim : c.report->claims)
      out += fmt::format("        {}: {}\n", claim.fact, condition(claim.evidence));
    out += fmt::format("      field: {}\n      checks: {}\n      says_good: {}\n", c.report->field,
                       condition(c.report->checks), condition(c.report->says_good));
    out += fmt::format("      bad_trusted: {}\n      when_off: {}\n", c.report->bad_trusted,
                       c.report->when_off);
    if (c.report->none_is_good) out += "      none_is_good: true\n";
  }
  if (c.table) out += print_table(*c.table);
  if (c.rss) out += print_rss(*c.rss);
  if (c.performs) {
    out += fmt::format("    performs: {{effect: {}, request: {}, field: {}{}}}\n",
                       c.performs->effect, c.performs->request, c.performs->field,
                       c.performs->needs.empty() ? "" : ", needs: " + c.performs->needs);
  }
  return out;
}

}  // namespace weft::frontend
