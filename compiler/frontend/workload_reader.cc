// Workloads: the host's addresses, the endpoints (endpoint_reader.h), the flows that are known
// (flow_reader.h).
#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/endpoint_reader.h"
#include "compiler/frontend/flow_reader.h"
#include "compiler/frontend/host_reader.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/spread_reader.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using ir::Workload;

// Those that are not named follow in the usual order.
std::vector<ir::Objective> read_objectives(const Value& at) {
  std::vector<std::string> words;
  for (const ir::Objective o : ir::all_objectives) words.emplace_back(to_string(o));
  std::vector<ir::Objective> out;
  const auto has = [&](ir::Objective o) {
    return std::find(out.begin(), out.end(), o) != out.end();
  };
  for (const Value& v : at.list()) {
    const std::size_t before = v.error_count();
    const auto o = static_cast<ir::Objective>(v.word(words, "an objective"));
    if (v.error_count() != before) continue;
    if (has(o)) v.error("E0276", fmt::format("{} is there twice", to_string(o)));
    out.push_back(o);
  }
  for (const ir::Objective o : ir::all_objectives)
    if (!has(o)) out.push_back(o);
  return out;
}

void read(const Value& root, Workload& out) {
  Mapping top(root, "the workload");
  out.name = top.required("workload").name();
  const Value host = top.required("host");
  if (const auto v = top.optional("queues")) {
    out.queues = static_cast<unsigned>(v->number(1, most_queues));
    out.queues_span = v->span();
  }
  if (const auto v = top.optional("cores")) {
    out.cores = static_cast<unsigned>(v->number(1, most_cores));
    out.cores_span = v->span();
  }
  if (const auto v = top.optional("policy"))
    out.policy = static_cast<ir::Policy>(v->word({"balance", "gold", "static"}, "a policy"));
  if (const auto v = top.optional("gold_queues")) {
    out.gold_queues = static_cast<unsigned>(v->number(1, most_queues - 1));
    if (out.policy != ir::Policy::gold)
      v->error("E0273", "`gold_queues` without `policy: gold`", "",
               "no other policy gives queues to a class");
  }
  if (const auto v = top.optional("objectives")) out.objectives = read_objectives(*v);
  if (const auto v = top.optional("spread")) out.spread = read_spread(*v);
  const Value endpoints = top.required("endpoints");
  const auto flows = top.optional("flows");
  top.done();
  out.host = read_host(host);
  OwnAddresses own(out.host);
  EndpointReader reader(out, own, host);
  for (const auto& [key, value] : endpoints.members()) reader.endpoint(key, value);
  if (endpoints.is_mapping() && out.endpoints.empty()) {
    endpoints.error("E0255", "a workload without endpoints", "",
                    "add one: `echo: {udp: 7, app: udp_echo}`");
  }
  if (!flows) return;
  FlowReader lines(out, own);
  for (const Value& entry : flows->list()) lines.flow(entry);
}

}  // namespace

diag::Result<Workload> read_workload(const std::string& path) {
  auto document = read_yaml(path);
  if (!document) return diag::fail(document.error());
  Workload out;
  out.path = path;
  out.digest = diag::sha256_hex(document->text());
  read(document->root(), out);
  return document->finish(std::move(out));
}

}  // namespace weft::frontend
