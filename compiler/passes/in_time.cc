#include "compiler/passes/in_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "compiler/passes/classes.h"

namespace weft::passes {

namespace {

bool late(const diag::Error& error) { return error.list.front().code == "E0804"; }

// The endpoint that the error is about; null where none is.
ir::Endpoint* who(ir::Workload& workload, const diag::Error& error) {
  const diag::Span& at = error.list.front().span;
  auto& all = workload.endpoints;
  const auto it = std::find_if(all.begin(), all.end(), [&](const ir::Endpoint& e) {
    return e.p99_us != 0 && e.span.line == at.line && e.span.column == at.column &&
           e.span.file == at.file;
  });
  return it == all.end() ? nullptr : &*it;
}

bool set_apart(ir::Workload& workload, const diag::Error& error) {
  ir::Endpoint* e = late(error) ? who(workload, error) : nullptr;
  // (A dedicated one would get another process by it.)
  if (e == nullptr || e->exclusive || how_of(*e) == ir::Placement::dedicated) return false;
  return e->exclusive = true;
}

// With those apart who would wait too long, one after the other.
diag::Result<void> with_some_apart(const Inputs& inputs, const Options& options,
                                   const Try& attempt) {
  auto found = attempt(inputs, options);
  if (found || !late(found.error())) return found;
  Inputs apart = inputs;
  while (!found && set_apart(apart.workload, found.error())) found = attempt(apart, options);
  return found;
}

class Advice {
 public:
  Advice(const Inputs& inputs, Options options, const Try& attempt)
      : inputs_(inputs), options_(std::move(options)), attempt_(attempt) {
    options_.certify = false;
    options_.dump = nullptr;
    const ir::Workload& w = inputs.workload;
    queues_ = options_.queues != 0 ? options_.queues : w.queues;
    cores_ = options_.cores != 0 ? options_.cores : w.cores;
  }

  std::string of(const diag::Error& error) {
    if (std::string more = more_cores(); !more.empty()) return "; or " + more;
    if (does(gold(error))) return "; or `class: gold` with `policy: gold`";
    return "";
  }

 private:
  // With a queue for each, where there are fewer.
  std::string more_cores() {
    const auto& cpus = inputs_.machine->cpus;
    const auto free = static_cast<unsigned>(
        std::count_if(cpus.begin(), cpus.end(), [](const ir::Cpu& c) { return !c.reserved; }));
    for (unsigned n = cores_ + 1; n <= std::min(free, cores_ + most_tried); ++n) {
      options_.cores = n;
      options_.queues = std::max(queues_, n);
      if (does(inputs_))
        return n <= queues_ ? fmt::format("`cores: {}`", n)
                            : fmt::format("`cores: {}` and `queues: {}`", n, n);
    }
    options_.cores = cores_;
    options_.queues = queues_;
    return "";
  }

  Inputs gold(const diag::Error& error) const {
    Inputs in = inputs_;
    in.workload.policy = ir::Policy::gold;
    if (ir::Endpoint* e = who(in.workload, error)) {
      e->gold = true;
      const auto place = static_cast<unsigned>(e - in.workload.endpoints.data());
      for (ir::Flow& f : in.workload.flows) f.gold = f.gold || f.endpoint == place;
      for (ir::FlowSet& s : in.workload.sets) s.gold = s.gold || s.endpoint == place;
    }
    return in;
  }

  bool does(const Inputs& inputs) const {
    return with_some_apart(inputs, options_, attempt_).has_value();
  }

  static constexpr unsigned most_tried = 8;
  const Inputs& inputs_;
  Options options_;
  const Try& attempt_;
  unsigned queues_, cores_;
};

}  // namespace

diag::Result<void> in_time(const Inputs& inputs, const Options& options, const Try& attempt) {
  std::optional<diag::Error> first;
  const auto found = with_some_apart(inputs, options, [&](const Inputs& in, const Options& how) {
    auto tried = attempt(in, how);
    if (!tried && !first) first = tried.error();
    return tried;
  });
  if (found) return {};
  if (late(*first)) first->list.front().help += Advice(inputs, options, attempt).of(*first);
  return diag::fail(std::move(*first));
}

}  // namespace weft::passes
