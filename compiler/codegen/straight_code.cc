#include "compiler/codegen/straight_code.h"

#include <algorithm>

#include "compiler/codegen/straight_writer.h"

namespace weft::codegen {

using diag::fail;
using diag::Result;
using ir::Vertex;

// A copy of the packet. Up to the first cut, its source is at hand.
std::string StraightWriter::copy() const {
  return again_ ? fmt::format("generated::again(copy_of(p), {})", spec_.source) : "copy_of(p)";
}

// Whether no node behind the start writes what the source has as well.
bool StraightWriter::keeps() const {
  for (Vertex v : reachable(c_.graph, spec_.start)) {
    const auto* decl = declaration(c_.node(v));
    if (decl == nullptr) continue;
    for (const auto& written : nodes::split(decl->writes)) {
      if (std::find(spec_.kept.begin(), spec_.kept.end(), written) != spec_.kept.end())
        return false;
    }
  }
  return true;
}

std::string StraightWriter::leave(std::optional<Vertex> at, const std::string& packet) {
  if (at) {
    c_.entered.insert(*at);
  } else {
    c_.nowhere = true;
  }
  const auto name = at ? c_.label(*at) : "nowhere";
  // In front of a cut all packets of the batch wait, so that they stay in their order.
  if (!stages_.empty() && depth_ == 0) {
    return fmt::format("waiting_{}.put({}, At::{}); continue;", c_.label(stages_.front()), packet,
                       name);
  }
  return fmt::format("go_on(ends.away(), {}, At::{}); ends.back(); continue;", packet, name);
}

void StraightWriter::leave_if(const std::string& test, Vertex v, const std::string& remark) {
  const auto statements = leave(v);
  if (test.size() + statements.size() + remark.size() < 60) {
    line("if ({}) [[unlikely]] {{ {} }}  // {}", test, statements, remark);
  } else {
    line("if ({}) [[unlikely]] {{  // {}", test, remark);
    line("  {}", statements);
    line("}}");
  }
}

std::string StraightWriter::leave_by(Vertex v, const Way& other) {
  return (other.to ? c_.counted(v, *other.port) : "") + leave(other.to);
}

// The batch waits here, prefetched for; the rest of the way is a loop of its own.
Result<void> StraightWriter::begin_stage(Vertex v) {
  const auto name = c_.label(v);
  auto type = type_of(c_, c_.node(v).impl, c_.node(v).span);
  if (!type) return fail(type.error());
  line("// cut in front of {}: its table may miss the cache", name);
  line("{}::prefetch(p, core);", *type);
  line("waiting_{}.put({}, At::{});", name, copy(), name);
  c_.entered.insert(v);
  stages_.erase(stages_.begin());
  again_ = false;
  waiting_ += fmt::format("  generated::Waiting<At> waiting_{};\n", name);
  const auto next = stages_.empty()
                        ? "go_on(ends.away(), copy_of(p), at); ends.back()"
                        : fmt::format("waiting_{}.put(copy_of(p), at)", c_.label(stages_.front()));
  text_ += fmt::format(
      "  }}\n"
      "  for (unsigned k = 0; k < waiting_{0}.count; ++k) {{\n"
      "    Packet p = waiting_{0}.packets[k];\n"
      "    const At at = waiting_{0}.at[k];\n"
      "    if (at != At::{0}) [[unlikely]] {{ {1}; continue; }}  // has left the way\n",
      name, next);
  return {};
}

Result<void> StraightWriter::way(std::optional<Vertex> v) {
  while (v) {
    if (depth_ == 0 && !stages_.empty() && stages_.front() == *v) {
      if (auto done = begin_stage(*v); !done) return done;
    }
    auto next = node(*v);
    if (!next) return fail(next.error());
    v = *next;
  }
  return {};
}

Result<StraightCode> StraightWriter::write() {
  if (spec_.cut) stages_ = cuts(c_, spec_.start);
  const auto make = [this](const char* by) { return fmt::format("{}({})", by, spec_.source); };
  if (spec_.plain.is != nullptr) {
    line("if (!{}) [[unlikely]] {{", make(spec_.plain.is));
    line("  {}", leave(spec_.start, make(spec_.make.c_str())));
    line("}}");
  }
  line("Packet p = {};", make(spec_.plain.is != nullptr ? spec_.plain.make : spec_.make.c_str()));
  if (const auto first = settled_.at_first(); !first.empty())
    leave_if("!(" + first + ")", spec_.start, "not as most are");
  if (auto done = way(spec_.start); !done) return fail(done.error());
  StraightCode code;
  for (const auto& held : settled_.of_batch()) {
    auto text = c_.expressions.compile(held);
    if (!text) return fail(text.error());
    code.of_batch.push_back(*text);
  }
  code.text = fmt::format(
      "template <bool held>\n[[gnu::flatten]] void {}(Core& core, {}, unsigned n) {{\n"
      "  generated::Ends<{}, {}> ends(core);\n{}"
      "  for (unsigned i = 0; i < n; ++i) {{\n{}  }}\n  ends.away();\n}}\n\n",
      spec_.name, spec_.arguments, delivers_, transmits_, waiting_, text_);
  return code;
}

Result<StraightCode> write_straight(ResidueContext& c, const StraightSpec& spec) {
  return StraightWriter(c, spec).write();
}

std::vector<Vertex> cuts(const ResidueContext& c, Vertex start) {
  std::vector<Vertex> found;
  for (std::optional<Vertex> v = start; v;) {
    const auto* decl = declaration(c.node(*v));
    if (decl != nullptr && decl->cut) found.push_back(*v);
    const auto hot = c.usual(*v);
    v = hot ? std::optional(hot->second) : std::nullopt;
  }
  return found;
}

}  // namespace weft::codegen
