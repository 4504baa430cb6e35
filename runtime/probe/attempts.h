// The rules that a probe tries on a port, one of each kind that cards differ in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"
#include "runtime/ports/card_control.h"

namespace weft::probe {

struct Attempt {
  std::string name;     // "flow", "flow, priority 1", "flow, source masked"
  plan::Filter filter;  // `table` is empty: the driver finds one
  bool drop = false;    // instead of a queue

  bool validates = false, creates = false;
  std::string says;  // the driver's words where it refuses; validate's, or else create's
};

// Rules on whole flows, endpoints and ports of UDP and of TCP, on addresses, Ethernet types,
// connection requests; on flows also with a mark, with a priority, with a mask, without a queue.
std::vector<Attempt> attempts();

// Validates, creates and destroys it. The card is started. nullopt: it could be created and not be
// destroyed again, so that nothing further may be tried.
std::optional<Attempt> attempt(Attempt what, ports::CardControl& card);

// How many rules of the attempt's kind fit, tried up to `most`; they differ in their source
// address, or else in port or type. All are destroyed again.
unsigned fill(const Attempt& kind, ports::CardControl& card, unsigned most);

// Whether a rule of the second kind can be created while one of the first is there.
bool together(const Attempt& first, const Attempt& second, ports::CardControl& card);

// Which table of a model takes such a rule; "" : none.
std::string table_for(const ir::NicModel& nic, const Attempt& what, const ir::FieldTable& fields);

}  // namespace weft::probe
