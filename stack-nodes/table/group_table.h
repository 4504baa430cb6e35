// Who listens to which group, and to which sources of it (RFC 3376 section 3.1). Changed by plan
// and by applications, never by packets; every core has a copy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "stack-nodes/table/owned.h"

namespace weft {

// Sources that are wanted, or all but some. Nothing wanted is INCLUDE of nobody. Sources are
// sorted.
struct GroupFilter {
  bool exclude = false;
  std::vector<std::uint32_t> sources;

  bool wants(std::uint32_t source) const {
    return std::binary_search(sources.begin(), sources.end(), source) != exclude;
  }
  bool nothing() const { return !exclude && sources.empty(); }
  bool operator==(const GroupFilter&) const = default;
};

class GroupTable : public Owned {
 public:
  static constexpr std::size_t most_groups = 1024;
  static constexpr std::size_t most_sources = 32;  // of one member; more are refused

  struct Member {
    std::uint16_t endpoint = 0;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 0;
    GroupFilter filter;
  };

  // The member's filter from now on; one that wants nothing leaves. False: no room.
  bool set(std::uint32_t group, Member member) {
    touch("the table of groups");
    std::sort(member.filter.sources.begin(), member.filter.sources.end());
    if (member.filter.sources.size() > most_sources) return false;
    auto at = groups_.find(group);
    if (at == groups_.end()) {
      if (member.filter.nothing()) return true;
      if (groups_.size() == most_groups) return false;
      at = groups_.try_emplace(group).first;
    }
    std::vector<Member>& members = at->second;
    std::erase_if(members, [&](const Member& m) { return m.endpoint == member.endpoint; });
    if (!member.filter.nothing()) members.push_back(std::move(member));
    if (members.empty()) groups_.erase(at);
    return true;
  }

  // The groups that it has joined.
  std::vector<std::uint32_t> of(std::uint16_t endpoint) const {
    std::vector<std::uint32_t> out;
    for (const auto& [group, members] : groups_) {
      if (std::any_of(members.begin(), members.end(),
                      [&](const Member& m) { return m.endpoint == endpoint; }))
        out.push_back(group);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // f(endpoint) for each member that listens on the port and wants the source. True where at least
  // one listens on the port, whatever it wants.
  template <class F>
  bool each(std::uint32_t group, std::uint32_t source, std::uint16_t port, F&& f) const {
    touch("the table of groups");
    const auto at = groups_.find(group);
    if (at == groups_.end()) return false;
    bool listened = false;
    for (const Member& m : at->second) {
      if (port < m.first_port || port > m.last_port) continue;
      listened = true;
      if (m.filter.wants(source)) f(m.endpoint);
    }
    return listened;
  }

  // What the host as a whole wants of a group (RFC 3376 section 3.2): with one member that
  // excludes, all but what every excluding member excludes and no other one includes; else the
  // union, or all where that is too long for a report: what nobody wants is then sorted out here.
  GroupFilter merged(std::uint32_t group) const {
    GroupFilter out;
    const auto at = groups_.find(group);
    if (at == groups_.end()) return out;
    std::vector<std::uint32_t> wanted, made;
    bool first = true;
    for (const Member& m : at->second) {
      const auto& theirs = m.filter.sources;
      made.clear();
      if (!m.filter.exclude) {
        std::set_union(wanted.begin(), wanted.end(), theirs.begin(), theirs.end(),
                       std::back_inserter(made));
        wanted.swap(made);
        continue;
      }
      out.exclude = true;
      if (first) {
        out.sources = theirs;
      } else {
        std::set_intersection(out.sources.begin(), out.sources.end(), theirs.begin(), theirs.end(),
                              std::back_inserter(made));
        out.sources.swap(made);
      }
      first = false;
    }
    if (!out.exclude) {
      if (wanted.size() > most_sources) return {true, {}};
      out.sources = std::move(wanted);
      return out;
    }
    made.clear();
    std::set_difference(out.sources.begin(), out.sources.end(), wanted.begin(), wanted.end(),
                        std::back_inserter(made));
    out.sources.swap(made);
    return out;
  }

  // The filter of one member; wants nothing where it has not joined.
  GroupFilter filter_of(std::uint32_t group, std::uint16_t endpoint) const {
    const auto at = groups_.find(group);
    if (at == groups_.end()) return {};
    for (const Member& m : at->second) {
      if (m.endpoint == endpoint) return m.filter;
    }
    return {};
  }

  bool joined(std::uint32_t group) const {
    touch("the table of groups");
    return groups_.contains(group);
  }
  std::size_t size() const { return groups_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::vector<Member>> groups_;
};

}  // namespace weft
