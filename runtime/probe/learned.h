// From what a probe found to a model that the compiler accepts, and to what differs from one that
// is known.
#pragma once

#include <string>
#include <vector>

#include "runtime/probe/probe.h"

namespace weft::probe {

// Names it after the port that it was found at.
void describe(ir::NicModel& nic, const Findings& found, const std::string& name);
constexpr const char* reported = "weft nic probe: rte_eth_dev_info";

// The model for a driver that the catalogue does not have. It says nothing that a probe cannot
// see: what checksums in descriptors are worth (so none are relied on), what an address filter
// lets in, which packets a hash is over beyond what DPDK's names say.
ir::NicModel model_of(const Findings& found, const std::string& name, const ir::FieldTable& fields);

// The catalogue's model, narrowed to what this port has: fewer queues, offloads and tables. Where
// the port has more, the model stays as it is.
ir::NicModel narrowed(const ir::NicModel& known, const Findings& found, const std::string& name,
                      const ir::FieldTable& fields);

// One line for each fact that differs: "8 receive queues, the model says 128".
std::vector<std::string> differences(const ir::NicModel& known, const Findings& found,
                                     const ir::FieldTable& fields);

}  // namespace weft::probe
