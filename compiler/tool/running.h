// A stack that runs, seen from the planner: what it runs, and how it is changed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "compiler/planner/planner.h"
#include "compiler/tool/inputs.h"

namespace weft::tool {

struct Running {
  std::string name;  // of the stack
  std::uint64_t generation = 0;
  plan::Plan plan;
};
// `name` as `ask` takes it. E0465, E0466.
diag::Result<Running> running_stack(const std::string& name);

// Graph, model, headers and costs as installed (or as given), and the workload as the plan has it.
// E0454 where they are not those the plan was made from.
diag::Result<passes::Inputs> inputs_of_running(const plan::Plan& plan, const PlanWords& words);

// A planner for a stack, and the way to it.
class Session {
 public:
  // `workload`: the file that the plan was made from, for the rates of its flows; may be empty.
  static diag::Result<std::unique_ptr<Session>> begin(const std::string& stack,
                                                      const PlanWords& words);
  planner::Planner& planner() { return *planner_; }
  const Running& running() const { return running_; }

  // Has the stack carry out what the planner has proved last. On an error both are as before.
  // E0674: somebody else has changed the stack; begin again.
  diag::Result<void> send(const planner::Operations& operations);
  // Gives the running plan the words of `plan`, which is the same but for them.
  diag::Result<void> name_it(const plan::Plan& plan);

 private:
  Running running_;
  std::unique_ptr<planner::Planner> planner_;
};

// One request in words, as the planner's socket takes it (commands.h: flow, endpoint):
//   add flow ENDPOINT A:P [to A:P] [rate R]      remove flow A:P [to A:P] [of ENDPOINT]
//   move flow A:P [to A:P] queue N               rebalance [MOVES]
//   add endpoint NAME udp PORT app APP           remove endpoint NAME
// Gives the operations, proved, and not yet sent. E0676.
diag::Result<planner::Operations> understand(planner::Planner& planner, const std::string& request);

// The planner that serves a stack: "" where none does.
std::string planner_socket(const std::string& stack);

}  // namespace weft::tool
