// "Where does this endpoint's traffic go, and why": rules, queues and cores of one endpoint of a
// plan.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace weft::tool {

struct EndpointStory {
  struct Core {
    unsigned core = 0;
    std::vector<unsigned> queues;
    bool first = false;  // they are polled before others
  };
  std::string name, sockets, app;
  std::vector<std::string> wishes;         // "class gold", "core 1"
  std::vector<const plan::Filter*> rules;  // for many of its packets
  std::size_t flows = 0, by_rule = 0;      // known flows, and those with rules of their own
  bool hashed = false;                     // some of it no rule is for
  std::vector<unsigned> hash_queues;       // where that arrives; empty: nobody can say
  bool none_expected = false;              // that is strangers, who are not expected
  std::vector<unsigned> queues;            // of all that is known
  std::vector<std::string> zones;          // whose queues these are, where not all are everybody's
  std::vector<Core> cores;
  std::vector<plan::Latency> latency;  // of its packets, of its gold ones
  std::string placement, why;          // where its application runs; "": nothing to say
  std::string process;                 // "": the stack's own
  std::vector<std::string> with;       // who runs in it as well
  bool zero_copy = true;
  std::vector<plan::Region> receives;  // where its packets arrive
  std::vector<plan::Region> own;       // memory of its process
};

// nullopt: the plan has no such endpoint. The story points into the plan.
std::optional<EndpointStory> explain_endpoint(const plan::Plan& plan, const std::string& name);
std::string to_text(const EndpointStory& story);
std::string to_json(const EndpointStory& story);

}  // namespace weft::tool
