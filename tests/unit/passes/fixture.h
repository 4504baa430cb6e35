// The shipped graph, cards and workloads, read once.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/pipeline.h"

namespace weft::passes::testing {

inline const std::string root = frontend::source_root();

template <class T>
T must(diag::Result<T> r) {
  if (!r) {
    ADD_FAILURE() << diag::render(r.error(), false);
    std::abort();
  }
  return std::move(*r);
}

inline const ir::FieldTable& fields() {
  static const ir::FieldTable table = must(frontend::read_headers(root + "/graphs/headers"));
  return table;
}

inline Inputs inputs(const std::string& nic, const std::string& workload,
                     const std::string& graph = "host_udp_ipv4") {
  Inputs in;
  in.fields = fields();
  in.graph = must(frontend::read_graph(root + "/graphs/" + graph + ".yaml", in.fields));
  in.nic = must(frontend::read_nic(root + "/nicmodels/" + nic + ".yaml", in.fields));
  in.workload = must(frontend::read_workload(root + "/graphs/workloads/" + workload + ".yaml"));
  in.costs = must(read_costs(root + "/nicmodels/costs/default.yaml"));
  return in;
}

inline const std::vector<std::string> nics = {"none",        "tap",        "ideal",
                                              "intel_82599", "intel_e810", "qemu_e1000e",
                                              "vmxnet3",     "virtio",     "virtio_rss"};

}  // namespace weft::passes::testing
