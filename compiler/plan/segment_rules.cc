#include "compiler/plan/segment_rules.h"

#include <algorithm>
#include <bit>

namespace weft::plan {
namespace {

// (A part of an endpoint's connections, by bits of their ports, is behind any network of clients.)
std::pair<bool, int> narrowness(const Filter& rule) {
  int bits = 0;
  for (const std::string& field : segment_fields)
    bits += std::popcount(seen_by(rule, field).second);
  return {seen_by(rule, "ipv4.src").second != 0, bits};
}

}  // namespace

bool about_segments(const Filter& rule) {
  return rule.match.contains("tcp.src_port") || rule.match.contains("tcp.dst_port") ||
         (about_whole_type(rule) && rule.match.begin()->second.first == 6);
}

bool about_whole_type(const Filter& rule) {
  return rule.match.size() == 1 && rule.match.begin()->first == "ipv4.protocol" &&
         rule.match.begin()->second.second == 0xff;
}

std::pair<std::uint64_t, std::uint64_t> seen_by(const Filter& rule, const std::string& field) {
  const auto at = rule.match.find(field);
  if (at == rule.match.end()) return {0, 0};
  return {at->second.first & at->second.second, at->second.second};
}

bool narrower(const Filter& a, const Filter& b) { return narrowness(a) > narrowness(b); }

bool meet(const Filter& a, const Filter& b) {
  return std::all_of(segment_fields.begin(), segment_fields.end(), [&](const std::string& field) {
    const auto [x, x_mask] = seen_by(a, field);
    const auto [y, y_mask] = seen_by(b, field);
    return ((x ^ y) & x_mask & y_mask) == 0;
  });
}

std::vector<const Filter*> segment_rules(const Configuration& card) {
  std::vector<const Filter*> out;
  for (const Filter& rule : card.filters)
    if (about_segments(rule)) out.push_back(&rule);
  // (Those with one mask stand together: they are one table.)
  const auto masks = [](const Filter* rule) {
    std::vector<std::uint64_t> all;
    for (const std::string& field : segment_fields) all.push_back(seen_by(*rule, field).second);
    return all;
  };
  std::stable_sort(out.begin(), out.end(), [&](const Filter* a, const Filter* b) {
    const auto x = narrowness(*a), y = narrowness(*b);
    return x != y ? x > y : masks(a) < masks(b);
  });
  return out;
}

}  // namespace weft::plan
