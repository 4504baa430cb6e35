// The plan for people: what the card does, what stays in software and why, which queue and core
// gets what, and whether it is proved.
#pragma once

#include <string>

#include "compiler/plan/plan.h"

namespace weft::plan {

struct PreviewOptions {
  bool all = false;     // every filter and every software node with its reason
  bool colour = false;  // ANSI codes
};

std::string preview(const Plan& plan, const PreviewOptions& options);

// "udp 10.7.0.1:40000 -> 10.7.0.2:7" where the match has that shape, else "field=value ...".
std::string filter_subject(const Filter& filter);
// "99 of 100 packets within 3.1 us (50 us allowed), 0.42 us of waiting in the mean"
std::string latency_text(const Latency& latency);
// "0-3, 7"
std::string ranges(const std::vector<unsigned>& sorted);
// "queue 5", "queues 0-3, 7", "queues 0 to 62, 32 of them" where the list would be long
std::string queues_text(const std::vector<unsigned>& sorted);

}  // namespace weft::plan
