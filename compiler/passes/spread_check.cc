#include "compiler/passes/spread_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

using Key = std::vector<std::uint8_t>;

// What a field is in a flow, whatever the protocol: "src", "dst_port". Other fields as they are.
std::string part(const std::string& field) {
  const std::size_t dot = field.find('.');
  const std::string header = field.substr(0, dot);
  return header == "eth" || header == "vlan" ? field : field.substr(dot + 1);
}

bool of_flow(const ir::RssType& type) {
  return std::any_of(type.input.begin(), type.input.end(), [](const std::string& field) {
    return part(field) == "src" || part(field) == "dst" || part(field).ends_with("_port");
  });
}

std::string mirrored(const std::string& name) {
  if (name == "src") return "dst";
  if (name == "dst") return "src";
  if (name == "src_port") return "dst_port";
  return name == "dst_port" ? "src_port" : name;
}

// What a card hashes of one kind of packets, and which entry that gives.
class Hashed {
 public:
  Hashed(const Inputs& inputs, const ir::RssType& type, std::size_t entries,
         ir::HashFunction function)
      : entries_(entries), name_(type.name), function_(function) {
    for (const std::string& field : type.input) {
      const unsigned width = inputs.fields.find(field)->width;
      fields_.push_back({part(field), field, bits_, width});
      bits_ += width;
    }
  }

  struct Field {
    std::string part, name;
    unsigned offset, width;
  };
  const std::vector<Field>& fields() const { return fields_; }
  const std::string& name() const { return name_; }
  const Field* find(const std::string& part) const {
    for (const Field& f : fields_) {
      if (f.part == part) return &f;
    }
    return nullptr;
  }

  // What one bit alone adds to the picked bits: to all of the hash where the table's size is no
  // power of two, or nobody knows it.
  std::uint32_t column(const Key& key, unsigned bit) const {
    Key input((bits_ + 7) / 8);
    const auto set = [&](unsigned at) {
      input[at / 8] |= static_cast<std::uint8_t>(0x80u >> at % 8);
    };
    set(bit);
    // rte_flow.h: both fields of a pair are replaced by their sum.
    for (const Field& f : fields_) {
      if (function_ != ir::HashFunction::symmetric_toeplitz || bit < f.offset ||
          bit >= f.offset + f.width)
        continue;
      if (const Field* other = find(mirrored(f.part)); other != nullptr && other != &f)
        set(other->offset + bit - f.offset);
    }
    const std::uint32_t hash = toeplitz(input, key);
    const bool power = (entries_ & (entries_ - 1)) == 0;
    return power ? hash & static_cast<std::uint32_t>(entries_ - 1) : hash;
  }

 private:
  std::size_t entries_;
  std::string name_;
  ir::HashFunction function_;
  unsigned bits_ = 0;
  std::vector<Field> fields_;
};

class Check {
 public:
  Check(const plan::Plan& plan, const Inputs& inputs)
      : rss_(plan.configuration.rss), spread_(inputs.workload.spread) {
    for (const auto& type : rss_node(inputs.nic)->config.rss->types) {
      if (is_on(type, rss_) && of_flow(type))
        types_.emplace_back(inputs, type, rss_.table.size(), rss_.function);
    }
  }

  // Why the plan does not do what is asked; nullopt: it does.
  std::optional<std::string> run() {
    if (!spread_.key.empty() && rss_.key != spread_.key) return "the key is another one";
    std::vector<std::string> ports = spread_.ports();
    if (ports.empty()) ports.emplace_back();
    for (const std::string& port : ports) {
      const Key* key = key_of(port);
      if (key == nullptr) return fmt::format("there is no key for port {}", port);
      if (spread_.one_key && *key != rss_.key)
        return fmt::format("port {} has a key of its own", port);
      if (!spread_.by.empty()) only(*key, spread_.by);
      if (spread_.symmetric) symmetric(*key);
    }
    for (const ir::Together& t : spread_.together) {
      const auto& [first, of_first] = t.ports.front();
      for (const auto& [port, fields] : t.ports) {
        only(*key_of(port), fields);
        same(*key_of(first), of_first, *key_of(port), fields);
      }
    }
    return why_;
  }

 private:
  const Key* key_of(const std::string& port) const {
    if (port == spread_.port) return &rss_.key;
    const auto it = rss_.peers.find(port);
    return it == rss_.peers.end() ? nullptr : &it->second;
  }

  void only(const Key& key, const std::vector<std::string>& fields) {
    std::set<std::string> allowed;
    for (const std::string& f : fields) allowed.insert(part(f));
    for (const Hashed& type : types_) {
      for (const auto& f : type.fields()) {
        for (unsigned bit = 0; bit < f.width && !allowed.contains(f.part); ++bit) {
          if (type.column(key, f.offset + bit) != 0)
            differ(type, f.name, bit, fmt::format("{} does not count", f.name));
        }
      }
    }
  }

  void symmetric(const Key& key) {
    for (const Hashed& type : types_) {
      for (const auto& f : type.fields()) {
        const auto* other = type.find(mirrored(f.part));
        for (unsigned bit = 0; other != nullptr && bit < f.width; ++bit) {
          if (type.column(key, f.offset + bit) != type.column(key, other->offset + bit))
            differ(type, f.name, bit,
                   fmt::format("one and its answer, with it in {}", other->name));
        }
      }
    }
  }

  void same(const Key& a, const std::vector<std::string>& of_a, const Key& b,
            const std::vector<std::string>& of_b) {
    for (const Hashed& type : types_) {
      for (std::size_t n = 0; n < of_a.size(); ++n) {
        const auto* at_a = type.find(part(of_a[n]));
        const auto* at_b = type.find(part(of_b[n]));
        if (at_a == nullptr || at_b == nullptr) continue;  // `only` has seen to the other one
        for (unsigned bit = 0; bit < at_a->width; ++bit) {
          if (type.column(a, at_a->offset + bit) != type.column(b, at_b->offset + bit))
            differ(type, at_a->name, bit,
                   fmt::format("one with it in {} at the other port", at_b->name));
        }
      }
    }
  }

  void differ(const Hashed& type, const std::string& field, unsigned bit,
              const std::string& other) {
    if (why_) return;
    why_ = fmt::format(
        "{}: a packet in which nothing but bit {} of {} is set goes to another entry than {}",
        type.name(), bit, field, other);
  }

  const plan::Rss& rss_;
  const ir::Spread& spread_;
  std::vector<Hashed> types_;
  std::optional<std::string> why_;
};

}  // namespace

diag::Result<void> check_spread(const plan::Plan& plan, const Inputs& inputs) {
  const plan::Configuration& c = plan.configuration;
  const ir::Spread& spread = inputs.workload.spread;
  const ir::Node* node = rss_node(inputs.nic);
  const bool asks = spread.binds() || !spread.key.empty();
  if (!asks || c.rx_queues < 2 || node == nullptr) return {};
  std::optional<std::string> why;
  if (!node->config.rss->predictable || !node->config.rss->key_settable || !c.rss.enabled) {
    why = "nothing is known of where the card brings packets";
  } else if (spread.binds() && !c.filters.empty()) {
    why = fmt::format("rule {} brings its flow wherever it says", c.filters.front().id);
  } else {
    why = Check(plan, inputs).run();
  }
  if (!why) return {};
  return diag::fail(
      diag::Diagnostic{"E0521",
                       fmt::format("the plan does not spread as the workload asks: {}", *why),
                       spread.span,
                       "",
                       {},
                       "run `weft compile` again"});
}

}  // namespace weft::passes
