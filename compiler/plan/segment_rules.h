// The rules of a plan that say where connections are: those that look at ports of TCP, or that are
// about all of TCP. The engine, those who open a connection, and the proof go by them in one order:
// the narrowest first.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"

namespace weft::plan {

bool about_segments(const Filter& rule);
// It names a protocol and nothing else: all of TCP or UDP, with what is sent to nobody.
bool about_whole_type(const Filter& rule);

// Those about some sources' addresses first, then by bits that are looked at, most of them first;
// those with one mask stand together.
std::vector<const Filter*> segment_rules(const Configuration& card);

// Of two that match a segment, the one that counts for where its connection is.
bool narrower(const Filter& a, const Filter& b);
// Is there a segment that both match?
bool meet(const Filter& a, const Filter& b);

// Value and mask of one of plan.h's segment_fields in it; zeros where the rule does not look at it.
std::pair<std::uint64_t, std::uint64_t> seen_by(const Filter& rule, const std::string& field);

}  // namespace weft::plan
