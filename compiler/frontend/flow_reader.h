// `flows:` of a workload: lines with ranges, and files with one flow in each line.
#pragma once

#include <string>
#include <unordered_map>

#include "compiler/frontend/flow_csv.h"
#include "compiler/frontend/own_addresses.h"

namespace weft::frontend {

class FlowReader {
 public:
  // Flows go into `out`, whose host and endpoints are there.
  FlowReader(ir::Workload& out, OwnAddresses& own);
  // One line of `flows:`, or `csv:` with the name of a file that has more of them. E0250, E0255,
  // E0257, E0259, E0271, E0273, E0274.
  void flow(const Value& entry);

 private:
  // Both ends of a flow.
  struct Socket {
    std::uint32_t src, dst;
    std::uint16_t src_port, dst_port;
    bool operator==(const Socket&) const = default;
  };
  struct SocketHash {
    std::size_t operator()(const Socket& s) const;
  };

  // Where a line's flows come from. A prefix, or any port: they are a set, else each is one flow.
  struct Sources {
    Range addresses;  // of a prefix: its first address
    unsigned length = 32;
    Range ports;
    bool any_port = false;
  };

  std::optional<unsigned> find_endpoint(const Value& at);
  std::optional<Sources> read_sources(const Value& entry, const Value& from,
                                      const std::optional<Value>& port,
                                      const std::optional<Value>& ports);
  void csv(Mapping& m);
  // Those below give a diagnostic without a code where all is well.
  diag::Diagnostic listed(const FlowRow& row, const FlowRow& defaults,
                          std::optional<unsigned> endpoint, const std::string& path);
  diag::Diagnostic overlap(const ir::FlowSet& set, const ir::FlowSet& other) const;
  diag::Diagnostic fault_of_queue(const ir::Flow& flow) const;
  diag::Diagnostic add(const ir::Flow& flow);
  diag::Diagnostic add_sets(const ir::Flow& flow, const Sources& from);
  void expand(const Value& entry, ir::Flow flow, const Sources& from);

  ir::Workload& out_;
  OwnAddresses& own_;
  std::unordered_map<std::string, unsigned> index_;  // endpoints by name
  std::unordered_map<Socket, std::size_t, SocketHash> seen_;
  std::string last_name_;  // of an endpoint, in a list of flows
  std::optional<unsigned> last_index_;
};

}  // namespace weft::frontend
