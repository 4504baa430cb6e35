#include "compiler/passes/symbolic.h"

#include <stdexcept>

#include "compiler/frontend/readers.h"
#include "compiler/passes/resolve.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

using ir::Op;
using smt::Term;

Symbolic::Symbolic(smt::Session& session, const ir::FieldTable& fields, std::string prefix)
    : session_(session), fields_(fields), prefix_(std::move(prefix)) {}

void Symbolic::fix(const std::string& name, ir::Bits value) { fixed_[name] = value; }

Term Symbolic::initial(const std::string& name) {
  const ir::Field* field = fields_.find(name);
  // Knobs belong to a card and are no declared field; they are one bit wide.
  const unsigned width = field == nullptr ? 1 : field->width;
  if (auto it = fixed_.find(name); it != fixed_.end()) return session_.number(it->second, width);
  // The host is the same for every packet.
  const bool shared = name.starts_with("host.") || name.starts_with("knob.");
  return session_.variable(shared ? name : prefix_ + name, width);
}

Term Symbolic::unknown(const std::string& name, unsigned width) {
  return session_.variable(prefix_ + name, width);
}

Term Symbolic::value(const State& state, const std::string& name) {
  const auto it = state.values.find(name);
  return it != state.values.end() ? it->second : initial(name);
}

Term Symbolic::encode(const ir::ExprPtr& e, const State& state) {
  switch (e->op) {
    case Op::constant: return session_.number(e->value, e->width);
    case Op::name: return value(state, e->name);
    case Op::has: {
      // What a parser sees on the wire, whatever happened to the packet since.
      const ir::Header* header = fields_.header(e->name);
      if (header == nullptr || !header->selected_by) return session_.truth(true);
      return condition(header->selected_by, State{});
    }
    case Op::logical_not: return session_.negate(condition(e->args[0], state));
    case Op::logical_and:
    case Op::logical_or: {
      std::vector<Term> args;
      for (const auto& a : e->args) args.push_back(condition(a, state));
      return e->op == Op::logical_and ? session_.all_of(args) : session_.any_of(args);
    }
    default: break;
  }
  const Term a = encode(e->args[0], state), b = encode(e->args[1], state);
  switch (e->op) {
    case Op::eq: return session_.equal(a, b);
    case Op::ne: return session_.negate(session_.equal(a, b));
    case Op::lt: return session_.less(a, b);
    case Op::le: return session_.less_equal(a, b);
    case Op::gt: return session_.less(b, a);
    case Op::ge: return session_.less_equal(b, a);
    default: return session_.arithmetic(e->op, a, b);
  }
}

Term Symbolic::condition(const ir::ExprPtr& e, const State& state) {
  return session_.as_bool(encode(e, state));
}

std::vector<Term> Symbolic::terms(std::string_view list, const State& state) {
  std::vector<Term> out;
  for (const auto& name : expand(list, fields_)) out.push_back(value(state, name));
  return out;
}

Term Symbolic::test(const std::string& impl, const State& state) {
  const nodes::NodeDecl* decl = decl_of(impl);
  const std::vector<Term> read = terms(decl->reads, state);
  const Term fact = session_.apply(impl, read, 0);
  const auto found = unreadable.find(impl);
  if (found == unreadable.end()) return fact;
  return session_.ite(found->second, session_.apply(impl + "/unreadable", read, 0), fact);
}

Term Symbolic::item(const ir::Item& item, const State& state) {
  std::vector<Term> ways;
  if (item.when) ways.push_back(condition(item.when, state));
  if (!item.test.empty()) ways.push_back(test(item.test, state));
  return session_.any_of(ways);
}

std::vector<Branch> Symbolic::match(const ir::Node& node, const State& state) {
  std::vector<Branch> out;
  std::vector<Term> others;
  for (const auto& port : node.ports) {
    if (port.when) others.push_back(condition(port.when, state));
  }
  for (unsigned i = 0; i < node.ports.size(); ++i) {
    const Term when = node.ports[i].when ? condition(node.ports[i].when, state)
                                         : session_.negate(session_.any_of(others));
    out.push_back({i, when, state});
  }
  return out;
}

std::vector<Branch> Symbolic::items(const ir::Node& node, const State& state) {
  const bool conjunction = node.kind == ir::NodeKind::conjunction;
  std::vector<Branch> out;
  std::vector<Term> before;  // the items so far have not decided
  for (unsigned i = 0; i < node.items.size(); ++i) {
    const Term holds = item(node.items[i], state);
    const Term decides = conjunction ? session_.negate(holds) : holds;
    std::vector<Term> all = before;
    all.push_back(decides);
    out.push_back({i + 1, session_.all_of(all), state});
    before.push_back(session_.negate(decides));
  }
  out.insert(out.begin(), {0, session_.all_of(before), state});
  return out;
}

Term Symbolic::assigned(const std::string& text, const State& state) {
  auto& e = parsed_[text];
  if (!e) {
    auto parsed = frontend::parse_expr(text, fields_, {});
    if (!parsed) throw std::logic_error("a stack node's assignment does not parse: " + text);
    e = *parsed;
  }
  return encode(e, state);
}

Lookup Symbolic::default_lookup(const nodes::NodeDecl& decl, const std::vector<Term>& key) {
  const std::string table(decl.table);
  Lookup found{session_.apply(table + "/hit", key, 0), {}};
  if (!decl.result.empty()) {
    found.result = session_.apply(table + "/result", key, fields_.find(decl.result)->width);
  }
  return found;
}

Term Symbolic::answer(std::string_view table, const std::vector<Term>& key) {
  return session_.apply(std::string(table) + "/answer", key, 8);
}

// One branch for each number of `choice`; the last is taken for all that are beyond.
std::vector<Branch> Symbolic::choices(const Term& choice, std::size_t ports, const State& state) {
  std::vector<Branch> out;
  std::vector<Term> others;
  for (unsigned i = 0; i < ports; ++i) {
    const Term here = session_.equal(choice, session_.number(i, 8));
    const bool last = i + 1 == ports;
    out.push_back({i, last ? session_.negate(session_.any_of(others)) : here, state});
    others.push_back(here);
  }
  return out;
}

// The packet stays where its state is, or goes to the ring of the shard that has it, which may be
// full. What was learned is noted as told; that a ring may be full is no other behaviour.
std::vector<Branch> Symbolic::handover(const nodes::NodeDecl& decl, const State& before) {
  const std::vector<Term> key = terms(decl.key, before);
  if (decl.owner == "all") {
    State told = before;
    told.versions[std::string(told_to_all)] = session_.number(1, 1);
    const Term port = session_.apply(std::string(decl.name) + "/port", key, 8);
    const Term first = session_.equal(port, session_.number(0, 8));
    const Term second = session_.equal(port, session_.number(1, 8));
    return {{0, first, told},
            {1, second, told},
            {2, session_.negate(session_.any_of({first, second})), told}};
  }
  if (!owner || !before.shard) return {{0, session_.truth(true), before}};
  State away = before;
  away.shard = owner(decl, key, before);
  const Term here = session_.equal(away.shard, before.shard);
  const Term room = session_.as_bool(unknown("room in the ring", 1));
  return {{0, here, before},
          {1, session_.all_of({session_.negate(here), room}), away},
          {2, session_.all_of({session_.negate(here), session_.negate(room)}), before}};
}

std::vector<Branch> Symbolic::effect(const nodes::NodeDecl& decl, const State& before) {
  if (!decl.owner.empty()) return handover(decl, before);
  State state = before;
  const std::string name(decl.name);
  std::vector<Term> args = terms(decl.reads, before);

  const bool stateful = decl.table.empty() && (decl.state == nodes::State::owned ||
                                               decl.state == nodes::State::replicated);
  if (stateful) {
    // The state of a protocol is one thing: whatever touches it gets a new version of it.
    const std::string domain = name.substr(0, name.find('.'));
    auto& version = state.versions[domain];
    if (!version) version = session_.variable(prefix_ + "state:" + domain, 32);
    args.push_back(version);
    state.trace.push_back({name, args});
    version = session_.apply(name + "/next", args, 32);
  }
  for (const auto& field : expand(decl.writes, fields_)) {
    const ir::Field* info = fields_.find(field);
    if (info != nullptr)
      state.values[field] = session_.apply(name + "/" + field, args, info->width);
  }
  for (const auto& [field, text] : nodes::assignments(decl.assigns)) {
    state.values[field] = session_.resize(assigned(text, before), fields_.find(field)->width);
  }

  const auto ports = nodes::split(decl.ports);
  if (!decl.table.empty() && ports.front() != "hit") {
    auto out = choices(answer(decl.table, terms(decl.key, before)), ports.size(), state);
    if (decl.result.empty()) return out;
    const std::string result(decl.result);
    for (Branch& b : out)
      b.after.values[result] = session_.number(b.port, fields_.find(result)->width);
    return out;
  }
  if (!decl.table.empty()) {
    const auto key = terms(decl.key, before);
    const Lookup found = lookup ? lookup(decl, key, before) : default_lookup(decl, key);
    State hit = state, miss = state;
    if (!decl.result.empty()) hit.values[std::string(decl.result)] = found.result;
    if (!decl.flag.empty()) {
      hit.values[std::string(decl.flag)] = session_.number(1, 1);
      miss.values[std::string(decl.flag)] = session_.number(0, 1);
    }
    return {{0, found.hit, hit}, {1, session_.negate(found.hit), miss}};
  }
  if (ports.size() == 1) return {{0, session_.truth(true), state}};

  return choices(session_.apply(name + "/port", args, 8), ports.size(), state);
}

std::vector<Branch> Symbolic::step(const ir::Node& node, const State& state) {
  switch (node.kind) {
    case ir::NodeKind::match: return match(node, state);
    case ir::NodeKind::conjunction:
    case ir::NodeKind::disjunction: return items(node, state);
    case ir::NodeKind::test: {
      const Term yes = test(node.impl, state);
      return {{0, yes, state}, {1, session_.negate(yes), state}};
    }
    case ir::NodeKind::effect: {
      const nodes::NodeDecl& decl = *decl_of(node);
      const auto declared = nodes::split(decl.ports);
      std::vector<Branch> out;
      for (Branch& b : effect(decl, state)) {
        // The node's own port list may leave some out (a residue); those lead nowhere.
        unsigned port = static_cast<unsigned>(node.ports.size());
        for (unsigned i = 0; i < node.ports.size(); ++i) {
          if (node.ports[i].name == declared[b.port]) port = i;
        }
        b.port = port;
        out.push_back(std::move(b));
      }
      return out;
    }
    default: return {{0, session_.truth(true), state}};
  }
}

}  // namespace weft::passes
