#include "compiler/tool/running.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "compiler/diag/document.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/tables.h"
#include "compiler/tool/places.h"
#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"
#include "compiler/tool/sources.h"

namespace weft::tool {
namespace {

using Json = nlohmann::ordered_json;
using planner::FlowKey;
using planner::Operations;

// Its answer, or what it says against it.
diag::Result<Json> document(const std::string& stack, const std::string& question,
                            const std::string& body = "") {
  auto answer = ask(stack, question, body);
  if (!answer) return diag::fail(answer.error());
  Json j = Json::parse(*answer, nullptr, false);
  if (!j.is_object() || !j.contains("ok"))
    return diag::fail(plain("E0466", "the stack does not understand the question",
                            "weft and weft-runtime must be of the same version"));
  if (j.value("ok", false)) return j;
  return diag::fail(diag::diagnostic_of(j));
}

tl::unexpected<diag::Error> no(std::string why, std::string help = "") {
  return diag::fail(plain("E0676", std::move(why), std::move(help)));
}

// The words of a request, one after the other.
class Words {
 public:
  explicit Words(const std::string& text) {
    std::istringstream in(text);
    for (std::string word; in >> word;) words_.push_back(word);
  }
  std::string next() { return at_ < words_.size() ? words_[at_++] : ""; }
  bool take(const char* word) {
    if (at_ >= words_.size() || words_[at_] != word) return false;
    ++at_;
    return true;
  }
  bool done() const { return at_ == words_.size(); }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

struct Wish {
  FlowKey key;
  Source from;
  bool to = false;  // it was said where to
  std::optional<unsigned> endpoint;
  std::string of;  // whose it must be; "": anybody's
  double rate = 1;
  planner::FlowWish wish;
};

// "A:P [to A:P] [of ENDPOINT] [rate R] [class C] [queue N]"; where it goes to is the endpoint's
// first socket otherwise. Connections may come from more: sources.h.
diag::Result<Wish> wish(const plan::Plan& plan, const std::string& endpoint, Words& words) {
  Wish out;
  const std::string text = words.next();
  const auto from = source(text);
  if (!from) return no(fmt::format("`{}` is not where a flow comes from", text), source_help);
  out.from = *from;
  out.key.src = from->src.address;
  out.key.src_port = static_cast<std::uint16_t>(from->ports.first);
  const ir::Endpoint* e = nullptr;
  for (unsigned i = 0; i < plan.endpoints.size() && e == nullptr; ++i) {
    if (plan.endpoints[i].vacant() || (!endpoint.empty() && plan.endpoints[i].name != endpoint))
      continue;
    if (!endpoint.empty()) out.endpoint = i;
    e = &plan.endpoints[i];
  }
  if (!endpoint.empty() && !out.endpoint)
    return no(fmt::format("there is no endpoint `{}`", endpoint));
  if (e == nullptr) return no("the stack has no endpoints");
  out.key.dst = e->bound() ? e->address : plan.host.address;
  out.key.dst_port = e->port;
  while (!words.done()) {
    bool good = false;
    if (words.take("to")) {
      good = out.to = parse_socket(words.next(), out.key.dst, out.key.dst_port);
    } else if (words.take("of")) {
      good = !(out.of = words.next()).empty();
    } else if (words.take("rate")) {
      good = number(words.next(), out.rate) && out.rate >= 0 && out.rate < 1e12;
    } else if (words.take("queue")) {
      unsigned queue = 0;
      good = number(words.next(), queue);
      out.wish.queue = queue;
    } else if (words.take("class")) {
      const std::string name = words.next();
      good = name == "gold" || name == "normal";
      out.wish.gold = name == "gold";
    }
    if (!good) return no("expected: A:P [to A:P] [rate R] [class gold|normal] [queue N]");
  }
  return out;
}

// Sets of connections from there, to the endpoint's socket.
std::vector<ir::FlowSet> connections(const Wish& asked) {
  std::vector<ir::FlowSet> out = sets_from(asked.from);
  for (ir::FlowSet& set : out) {
    set.dst = asked.key.dst;
    set.dst_port = asked.key.dst_port;
    set.endpoint = asked.endpoint.value_or(0);
    set.rate = asked.rate / static_cast<double>(out.size());
  }
  return out;
}

diag::Result<Operations> on_flow(planner::Planner& planner, const std::string& verb,
                                 const Wish& asked) {
  if (verb == "add" && planner.plan().endpoints[*asked.endpoint].tcp)
    return planner.add_connections(connections(asked), asked.wish);
  if (verb == "move" && !asked.wish.queue) return no("to which queue?", "move flow A:P queue N");
  planner::Planner::Which which{connections(asked), {}, asked.of};
  if (asked.to) which.to = {asked.key.dst, asked.key.dst_port};
  const bool known = asked.from.one() && planner.decider().find(asked.key) != nullptr;
  if (verb != "add" && !known && planner.knows_connections(which))
    return planner.move_connections(which, verb == "move" ? asked.wish.queue : std::nullopt);
  if (!asked.from.one())
    return no("a flow of UDP comes from one address and port",
              "prefixes and ranges of them: `weft apply WORKLOAD`");
  if (verb == "add") return planner.add_flow(asked.key, *asked.endpoint, asked.rate, asked.wish);
  if (verb == "remove") return planner.remove_flow(asked.key, asked.of);
  return planner.move_flow(asked.key, *asked.wish.queue);
}

diag::Result<Operations> on_endpoint(planner::Planner& planner, const std::string& verb,
                                     Words& words) {
  ir::Endpoint e;
  e.name = words.next();
  if (verb == "remove" && words.done()) return planner.remove_endpoint(e.name);
  e.tcp = verb == "add" && words.take("tcp");
  const bool good = verb == "add" && (e.tcp || words.take("udp")) && number(words.next(), e.port) &&
                    e.port != 0 && words.take("app") && !(e.app = words.next()).empty() &&
                    words.done();
  if (!good) return no("expected: add endpoint NAME udp|tcp PORT app APP, or remove endpoint NAME");
  return planner.add_endpoint(e);
}

}  // namespace

diag::Result<Running> running_stack(const std::string& name) {
  auto j = document(name, "plan");
  if (!j) return diag::fail(j.error());
  auto fields = load_fields();
  if (!fields) return diag::fail(fields.error());
  auto plan = plan::plan_from_text(j->value("plan", ""), "the running plan", *fields);
  if (!plan) return diag::fail(plan.error());
  return Running{j->value("name", ""), j->value("generation", std::uint64_t{0}), std::move(*plan)};
}

diag::Result<passes::Inputs> inputs_of_running(const plan::Plan& plan, const PlanWords& words) {
  passes::Inputs in;
  auto fields = load_fields();
  if (!fields) return diag::fail(fields.error());
  in.fields = std::move(*fields);
  const auto path = [](Kind kind, const std::string& given, const std::string& named) {
    return resolve(kind, given.empty() ? named : given);
  };
  auto graph = path(Kind::graph, words.graph, plan.graph);
  auto nic = path(Kind::nic, words.nic, plan.nic);
  if (!graph) return diag::fail(graph.error());
  if (!nic) return diag::fail(nic.error());
  auto read_graph = frontend::read_graph(*graph, in.fields);
  if (!read_graph) return diag::fail(read_graph.error());
  auto read_nic = frontend::read_nic(*nic, in.fields);
  if (!read_nic) return diag::fail(read_nic.error());
  auto costs_file = words.costs.empty() ? costs_of(plan) : resolve(Kind::costs, words.costs);
  if (!costs_file) return diag::fail(costs_file.error());
  auto costs = passes::read_costs(*costs_file);
  if (!costs) return diag::fail(costs.error());
  in.graph = std::move(*read_graph);
  in.nic = std::move(*read_nic);
  in.costs = std::move(*costs);
  in.workload = planner::workload_of(plan);
  if (!words.workload.empty()) {  // for the rates
    auto file = resolve(Kind::workload, words.workload);
    if (!file) return diag::fail(file.error());
    auto read = frontend::read_workload(*file);
    if (!read) return diag::fail(read.error());
    std::map<FlowKey, double> rates;
    for (const ir::Flow& f : read->flows)
      rates[{f.src, f.src_port, read->local_address(f), f.dst_port}] = f.rate;
    for (ir::Flow& f : in.workload.flows) {
      const auto at = rates.find({f.src, f.src_port, f.dst, f.dst_port});
      if (at != rates.end()) f.rate = at->second;
    }
  }
  if (auto same = same_inputs(plan, in); !same) return diag::fail(same.error());
  return in;
}

diag::Result<std::unique_ptr<Session>> Session::begin(const std::string& stack,
                                                      const PlanWords& words) {
  auto running = running_stack(stack);
  if (!running) return diag::fail(running.error());
  auto in = inputs_of_running(running->plan, words);
  if (!in) return diag::fail(in.error());
  auto planner = planner::Planner::begin(running->plan, std::move(*in));
  if (!planner) return diag::fail(planner.error());
  std::unique_ptr<Session> out(new Session);
  out->running_ = std::move(*running);
  out->planner_ = std::move(*planner);
  return out;
}

diag::Result<void> Session::send(const Operations& operations) {
  if (operations.empty()) return {};
  const std::string body =
      plan::to_yaml(plan::Transition{operations, planner_->workload_digest(), planner_->proof()});
  auto j = document(running_.name, fmt::format("change {}", running_.generation), body);
  if (!j) {
    planner_->take_back();
    return diag::fail(j.error());
  }
  running_.generation = j->value("generation", std::uint64_t{0});
  return {};
}

diag::Result<void> Session::name_it(const plan::Plan& plan) {
  auto j =
      document(running_.name, fmt::format("names {}", running_.generation), plan::to_yaml(plan));
  if (!j) return diag::fail(j.error());
  return {};
}

diag::Result<Operations> understand(planner::Planner& planner, const std::string& request) {
  Words words(request);
  const std::string verb = words.next();
  if (verb == "rebalance") {
    unsigned moves = 8;
    if (!words.done() && !number(words.next(), moves)) return no("expected: rebalance [MOVES]");
    return planner.rebalance(moves, 0.01);
  }
  const std::string what = words.next();
  if (what == "endpoint" && (verb == "add" || verb == "remove"))
    return on_endpoint(planner, verb, words);
  if (what != "flow" || (verb != "add" && verb != "remove" && verb != "move"))
    return no(fmt::format("`{}` is no request", request),
              "add flow ..., remove flow ..., move flow ..., add endpoint ..., remove endpoint "
              "..., rebalance");
  auto asked = wish(planner.plan(), verb == "add" ? words.next() : "", words);
  if (!asked) return diag::fail(asked.error());
  return on_flow(planner, verb, *asked);
}

}  // namespace weft::tool
