// Any two plans that differ in what a running stack can change: the operations lead from one to the
// other, each of them can be taken back, nothing is removed that packets may still need.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/delta.h"

namespace weft::plan {
namespace {

constexpr unsigned queues = 5;

Residue residue(const char* queue_class, const char* id) {
  Residue r;
  r.id = id;
  r.queue_class = queue_class;
  return r;
}

Filter rule_of(const FlowEntry& f, const char* table) {
  Filter rule;
  rule.id = "f" + std::to_string(f.src_port);
  rule.table = table;
  rule.queue = f.queue;
  rule.mark = f.endpoint + 1;
  rule.match = {{"ipv4.src", {f.src, 0xffffffff}},
                {"ipv4.dst", {f.dst, 0xffffffff}},
                {"udp.src_port", {f.src_port, 0xffff}},
                {"udp.dst_port", {f.dst_port, 0xffff}}};
  return rule;
}

// Queues 0 .. open-1 take anything; flows with a rule go anywhere, others to an open queue.
Plan any_plan() {
  Plan out;
  out.graph = "g";
  out.nic = "n";
  out.configuration.rx_queues = out.configuration.tx_queues = queues;
  const unsigned open = *rc::gen::inRange(1u, queues);
  Residue any = residue("any", *rc::gen::element("a", "b")), flows = residue("flows", "c");
  for (unsigned q = 0; q < queues; ++q) (q < open ? any : flows).queues.push_back(q);
  out.residues = {any, flows};
  out.cores = {{.id = 0, .queues = {0, 1, 2, 3, 4}}};
  for (unsigned i = 0; i < 8; ++i)
    out.configuration.rss.table.push_back(static_cast<std::uint16_t>(*rc::gen::inRange(0u, open)));
  // Up to three: at each place this one, that one, or none.
  std::vector<unsigned> there;
  for (unsigned e = 0; e < 3; ++e) {
    const int which = *rc::gen::weightedElement<int>({{5, 0}, {2, 1}, {2, 2}});
    if (which == 2 && (e != 2 || !there.empty())) continue;
    there.push_back(e);
    const int port = which == 1 ? 50 : *rc::gen::weightedElement<int>({{9, 7}, {1, 8}});
    ir::put_endpoint(out.endpoints, e,
                     {.name = (which == 1 ? "n" : "e") + std::to_string(e),
                      .port = static_cast<std::uint16_t>(100 * e + static_cast<unsigned>(port))});
  }
  for (unsigned i = 0; i < 24; ++i) {
    if (*rc::gen::inRange(0, 3) == 0) continue;
    FlowEntry f;
    f.src = 0x0a070001;
    f.src_port = static_cast<std::uint16_t>(40000 + i);
    f.dst = 0x0a070002;
    f.endpoint = *rc::gen::elementOf(there);
    f.dst_port = 7;
    const bool ruled = *rc::gen::inRange(0, 3) != 0;
    f.queue = *rc::gen::inRange(0u, ruled ? queues : open);
    out.flows.push_back(f);
    if (ruled) out.configuration.filters.push_back(rule_of(f, *rc::gen::element("t", "u")));
  }
  sort_flows(out);
  return out;
}

// What must hold of each plan in between, and of what may still wait in a queue.
class Watch {
 public:
  void see(const Operation& o, const Plan& before) {
    using Kind = Operation::Kind;
    switch (o.kind) {
      case Kind::destroy_rule:
        waiting_[o.filter.queue].insert(o.filter.id);
        marked_[o.filter.queue].insert(o.filter.mark);
        break;
      case Kind::drain:
        waiting_[o.queue].clear();
        marked_[o.queue].clear();
        break;
      case Kind::remove_endpoint:  // its number may be another's now
        for (const auto& [queue, marks] : marked_) RC_ASSERT(!marks.contains(o.place + 1));
        break;
      case Kind::remove_flow:
      case Kind::move_flow: {
        RC_ASSERT(!waiting_[o.flow.queue].contains("f" + std::to_string(o.flow.src_port)));
        // No rule leads where the state has gone.
        for (const Filter& f : before.configuration.filters)
          RC_ASSERT(f.match.at("udp.src_port").first != o.flow.src_port);
        break;
      }
      case Kind::create_rule: {
        const FlowEntry* f = find_flow(
            before,
            {.src = 0x0a070001,
             .src_port = static_cast<std::uint16_t>(o.filter.match.at("udp.src_port").first),
             .dst = 0x0a070002,
             .dst_port = 7});
        RC_ASSERT(f != nullptr);
        RC_ASSERT(f->queue == o.filter.queue);
        RC_ASSERT(f->endpoint + 1 == o.filter.mark);
        break;
      }
      default: break;
    }
  }
  static void holds(const Plan& p) {
    for (const auto q : p.configuration.rss.table)
      RC_ASSERT(residue_of_queue(p, q)->queue_class == "any");
  }

 private:
  std::map<unsigned, std::set<std::string>> waiting_;
  std::map<unsigned, std::set<std::uint32_t>> marked_;
};

TEST(Delta, LeadsFromAnyPlanToAnyOther) {
  EXPECT_TRUE(rc::check([] {
    const Plan before = any_plan(), after = any_plan();
    const auto list = operations(before, after);
    if (!list) {  // an endpoint that listens elsewhere now, and nothing else
      RC_ASSERT(list.error().list.front().code == "E0670");
      RC_TAG("refused");
      return;
    }
    Plan now = before;
    Watch watch;
    for (const Operation& o : *list) {
      const Plan in_front = now;
      watch.see(o, in_front);
      const auto done = apply(o, now);
      if (!done) RC_FAIL(done.error().list.front().message);
      Watch::holds(now);
      Plan back = now;
      RC_ASSERT(apply(inverse(o, in_front), back).has_value());
      RC_ASSERT(same_but_for_names(back, in_front));
    }
    RC_ASSERT(same_but_for_names(now, after));
    RC_ASSERT(operations(now, after)->empty());
  }));
}

TEST(Delta, IsTakenBackFromAnyPlaceInIt) {
  EXPECT_TRUE(rc::check([] {
    const Plan before = any_plan(), after = any_plan();
    auto list = operations(before, after);
    RC_PRE(list.has_value());
    list->resize(*rc::gen::inRange(std::size_t{0}, list->size() + 1));
    Plan now = before;
    std::vector<Operation> inverses;
    for (const Operation& o : *list) {
      inverses.push_back(inverse(o, now));
      RC_ASSERT(apply(o, now).has_value());
    }
    Watch watch;
    for (const Operation& o : undo(*list, inverses)) {
      watch.see(o, now);
      RC_ASSERT(apply(o, now).has_value());
      Watch::holds(now);
    }
    RC_ASSERT(same_but_for_names(now, before));
  }));
}

TEST(Delta, IsADocumentThatReadsBack) {
  const auto fields = frontend::read_headers(frontend::source_root() + "/graphs/headers");
  ASSERT_TRUE(fields.has_value());
  EXPECT_TRUE(rc::check([&] {
    Plan before = any_plan(), after = any_plan();
    auto list = operations(before, after);
    RC_PRE(list.has_value());
    // (The reader wants whole graphs; the property is about the rest.)
    std::erase_if(*list, [](const Operation& o) { return o.kind == Operation::Kind::set_residue; });
    Transition change{.operations = *list, .workload = "1234", .proof = {}};
    change.proof.status = *rc::gen::element("proved", "none");
    change.proof.leaves = *rc::gen::inRange(0u, 1000u);
    const auto text = to_yaml(change);
    const auto read = transition_from_text(text, *fields);
    if (!read) RC_FAIL(diag::render(read.error(), false));
    RC_ASSERT(to_yaml(*read) == text);
  }));
}

TEST(Delta, OfAPlanWithItselfIsNothing) {
  EXPECT_TRUE(rc::check([] {
    const Plan plan = any_plan();
    RC_ASSERT(operations(plan, plan)->empty());
    Plan renamed = plan;
    for (Filter& f : renamed.configuration.filters) f.id += "x";
    RC_ASSERT(operations(plan, renamed)->empty());
  }));
}

}  // namespace
}  // namespace weft::plan
