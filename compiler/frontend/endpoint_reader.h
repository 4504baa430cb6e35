// `endpoints:` of a workload.
#pragma once

#include <map>
#include <unordered_map>
#include <utility>

#include "compiler/frontend/own_addresses.h"

namespace weft::frontend {

class EndpointReader {
 public:
  // Endpoints go into `out`, whose host is there. `host` is where the file says it.
  EndpointReader(ir::Workload& out, OwnAddresses& own, const Value& host)
      : out_(out), own_(own), host_(host) {}
  // E0254, E0271, E0272, and what is wrong with single values.
  void endpoint(const Value& key, const Value& value);

 private:
  static void demands(Mapping& m, ir::Endpoint& e);
  static void of_tcp(Mapping& m, ir::Endpoint& e);
  void bind(const Value& at, ir::Endpoint& e);
  void join(const Value& at, ir::Endpoint& e);
  std::vector<std::uint32_t> sources(const Value& list);
  void multicast(const Value& at);
  void claim(const Value& at, const ir::Endpoint& e);

  ir::Workload& out_;
  OwnAddresses& own_;
  Value host_;
  // UDP's and TCP's, by address (0: all): first port -> last port and endpoint.
  std::unordered_map<std::uint32_t, std::map<unsigned, std::pair<unsigned, std::size_t>>>
      sockets_[2];
};

}  // namespace weft::frontend
