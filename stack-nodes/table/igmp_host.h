// The host's part of IGMP: tells routers which groups are wanted (RFC 3376, as RFC 9776 has it),
// and speaks version 2 or 1 while a querier of that version is about (section 7.2). One core of the
// host does it. Nothing is sent at once: what is due leaves by Slot::igmp_send when age() is
// called, so that times are those of core.now_ns, rounded up to its 100 ms.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

#include "stack-nodes/slots.h"
#include "stack-nodes/table/group_table.h"
#include "stack-nodes/table/igmp_message.h"
#include "stack-nodes/table/owned.h"
#include "stack-nodes/table/random.h"
#include "stack-nodes/wire/access.h"

namespace weft {

class IgmpHost : public Owned {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;
  static constexpr std::uint64_t unsolicited_v3 = 1 * second;   // RFC 3376 section 8.11
  static constexpr std::uint64_t unsolicited_v2 = 10 * second;  // RFC 2236 section 8.10
  static constexpr std::uint64_t response_v1 = 10 * second;     // RFC 3376 section 7.2.1
  static constexpr std::uint64_t query_interval = 125 * second;

  struct Counters {
    std::uint64_t reports = 0;    // messages sent, leaves too
    std::uint64_t no_buffer = 0;  // ... and not sent, but tried again
  };

  // Not the core's own numbers: which datagrams it sends would then decide when reports leave.
  void reseed(std::uint64_t seed) { random_.reseed(seed); }

  // The host as a whole now wants this of the group: joins, leaves, other sources.
  void change(std::uint64_t now_ns, std::uint32_t group, const GroupFilter& wanted) {
    touch("the state of groups");
    if (group == igmp::all_hosts) return;  // section 6: never reported
    auto [at, fresh] = groups_.try_emplace(group);
    Group& g = at->second;
    if (wanted == g.now) {
      if (fresh) groups_.erase(at);
      return;
    }
    if (wanted.exclude != g.now.exclude || version(now_ns) != 3) {
      g.mode_left = robustness_;
      g.source_left.clear();
    } else {
      std::vector<std::uint32_t> changed;
      std::set_symmetric_difference(wanted.sources.begin(), wanted.sources.end(),
                                    g.now.sources.begin(), g.now.sources.end(),
                                    std::back_inserter(changed));
      for (const std::uint32_t source : changed) g.source_left[source] = robustness_;
      if (g.source_left.size() > GroupTable::most_sources) {  // simpler said as a whole
        g.source_left.clear();
        g.mode_left = robustness_;
      }
    }
    g.now = wanted;
    g.change_ns = now_ns;
  }

  // The link was away: routers may have forgotten. All that is wanted is told as if it were new.
  void restart(std::uint64_t now_ns) {
    touch("the state of groups");
    general_ns_ = never;
    for (auto& [group, g] : groups_) {
      g.answer_ns = never;
      g.mode_left = robustness_;
      g.source_left.clear();
      g.change_ns = now_ns;
    }
  }

  // A query at p.l4, of any version, whose checksum is right (section 4.1, 7.1).
  void hear_query(std::uint64_t now_ns, const Packet& p) {
    touch("the state of groups");
    const std::uint8_t* const m = p.data + p.l4;
    const std::uint32_t room = wire::l4_room(p);
    const std::uint32_t group = wire::load32(m + 4);
    std::uint64_t most = igmp::decoded(m[1]) * (second / 10);
    std::vector<std::uint32_t> asked;
    if (room < 12) {
      if (m[1] == 0) most = response_v1;
      older_querier(now_ns, m[1] == 0 ? 1 : 2, most);
    } else {
      if ((m[8] & 7) != 0) robustness_ = m[8] & 7u;
      const std::uint32_t count = std::min<std::uint32_t>(wire::load16(m + 10), (room - 12) / 4);
      for (std::uint32_t i = 0; i < count && asked.size() < GroupTable::most_sources; ++i)
        asked.push_back(wire::load32(m + 12 + 4 * i));
      if (count > asked.size()) asked.clear();  // as if about the whole group: says more, not less
      std::sort(asked.begin(), asked.end());
    }
    const std::uint64_t when = now_ns + delay(most);
    if (group == 0) {
      if (version(now_ns) == 3) {
        general_ns_ = std::min(general_ns_, when);
      } else {
        for (auto& [each, g] : groups_) g.answer_ns = std::min(g.answer_ns, now_ns + delay(most));
      }
      return;
    }
    const auto at = groups_.find(group);
    if (at != groups_.end() && !at->second.now.nothing()) answer_later(at->second, when, asked);
  }

  // Another host reported the group (RFC 2236 section 3): one report is enough. Version 3 hosts say
  // their own.
  void hear_report(std::uint64_t now_ns, std::uint32_t group) {
    touch("the state of groups");
    const auto at = groups_.find(group);
    if (version(now_ns) == 3 || at == groups_.end()) return;
    at->second.answer_ns = never;
    at->second.last_reporter = false;
  }

  template <class Core>
  void age(Core& core) {
    touch("the state of groups");
    if (groups_.empty()) return;
    if (version(core.now_ns) == 3) {
      age_v3(core);
    } else {
      age_older(core);
    }
    std::erase_if(groups_, [](const auto& entry) {
      return entry.second.now.nothing() && entry.second.change_ns == never;
    });
  }

  // 3, or that of the oldest querier about.
  unsigned version(std::uint64_t now_ns) const {
    return now_ns < v1_until_ns_ ? 1 : now_ns < v2_until_ns_ ? 2 : 3;
  }
  std::size_t size() const { return groups_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  struct Group {
    GroupFilter now;                                // wants nothing: left, and not all told yet
    unsigned mode_left = 0;                         // how often its mode is still to be told
    std::map<std::uint32_t, unsigned> source_left;  // ... or that a source came or went
    std::uint64_t change_ns = never;                // when that is due
    std::uint64_t answer_ns = never;                // when a query is to be answered
    std::vector<std::uint32_t> asked;               // about these sources; empty: all
    bool last_reporter = false;                     // version 2: nobody reported since we did
  };

  std::uint64_t delay(std::uint64_t most) {
    return static_cast<std::uint64_t>(random_.below(1u << 31)) * (most >> 16) >> 15;
  }

  void older_querier(std::uint64_t now_ns, unsigned its, std::uint64_t most) {
    const unsigned before = version(now_ns);
    const std::uint64_t until = now_ns + robustness_ * query_interval + most;  // section 8.12
    (its == 1 ? v1_until_ns_ : v2_until_ns_) = until;
    if (version(now_ns) == before) return;
    general_ns_ = never;  // section 7.2.1: what was under way is void
    for (auto& [group, g] : groups_) g.answer_ns = g.change_ns = never;
  }

  // Section 5.2, rules 3 to 5.
  static void answer_later(Group& g, std::uint64_t when, std::vector<std::uint32_t> asked) {
    if (g.answer_ns == never) {
      g.asked = std::move(asked);
    } else if (asked.empty() || g.asked.empty()) {
      g.asked.clear();
    } else {
      std::vector<std::uint32_t> both;
      std::set_union(g.asked.begin(), g.asked.end(), asked.begin(), asked.end(),
                     std::back_inserter(both));
      if (both.size() > GroupTable::most_sources) both.clear();
      g.asked = std::move(both);
    }
    g.answer_ns = std::min(g.answer_ns, when);
  }

  // ---- version 3 ------------------------------------------------------------------------------
  // The message being put together, and the buffer for it: nothing is taken for told before there
  // is one.
  struct Sending {
    igmp::Report report;
    Packet packet;
    bool ready = false;
  };
  // What one group may have to say at once: an answer, and what came and went.
  static constexpr std::size_t most_bytes = 3 * (8 + 4 * GroupTable::most_sources);

  template <class Core>
  void age_v3(Core& core) {
    const auto room = std::clamp<std::uint32_t>(core.host.mtu, 576, 1500) - igmp::ip_bytes;
    Sending s{igmp::Report(room), {}, false};
    const bool general = core.now_ns >= general_ns_;
    for (auto& [group, g] : groups_) {
      if (!general && core.now_ns < g.answer_ns && core.now_ns < g.change_ns) continue;
      if (!ready(core, s, room)) break;
      if (general) g.asked.clear();
      if (general || core.now_ns >= g.answer_ns) answer(s.report, group, g);
      if (core.now_ns >= g.change_ns) tell(core, s.report, group, g);
    }
    if (s.ready && general) general_ns_ = never;
    flush(core, s);
    if (s.ready) core.release(s.packet);
  }

  template <class Core>
  bool ready(Core& core, Sending& s, std::uint32_t room) {
    if (!s.report.has_room(most_bytes)) flush(core, s);
    if (!s.ready) s.ready = allocate(core, s.packet, igmp::eth_bytes + igmp::ip_bytes + room);
    return s.ready;
  }

  template <class Core>
  void flush(Core& core, Sending& s) {
    if (!s.ready || s.report.empty()) return;
    s.report.write(s.packet, core.host.address, id());
    core.spawn(nodes::Slot::igmp_send, s.packet);
    s.packet = Packet{};
    s.ready = false;
    ++counters_.reports;
  }

  void answer(igmp::Report& report, std::uint32_t group, Group& g) {
    g.answer_ns = never;
    if (g.now.nothing()) return;
    if (g.asked.empty()) {
      report.add(g.now.exclude ? igmp::Record::is_exclude : igmp::Record::is_include, group,
                 g.now.sources);
      return;
    }
    std::vector<std::uint32_t> wanted;
    for (const std::uint32_t source : g.asked) {
      if (g.now.wants(source)) wanted.push_back(source);
    }
    if (!wanted.empty()) report.add(igmp::Record::is_include, group, wanted);
  }

  // Section 5.1.
  template <class Core>
  void tell(Core& core, igmp::Report& report, std::uint32_t group, Group& g) {
    if (g.mode_left != 0) {
      report.add(g.now.exclude ? igmp::Record::to_exclude : igmp::Record::to_include, group,
                 g.now.sources);
      --g.mode_left;
    } else {
      std::array<std::vector<std::uint32_t>, 2> lists;  // allowed, blocked
      for (auto at = g.source_left.begin(); at != g.source_left.end();) {
        lists[g.now.wants(at->first) ? 0 : 1].push_back(at->first);
        at = --at->second == 0 ? g.source_left.erase(at) : std::next(at);
      }
      if (!lists[0].empty()) report.add(igmp::Record::allow, group, lists[0]);
      if (!lists[1].empty()) report.add(igmp::Record::block, group, lists[1]);
    }
    const bool more = g.mode_left != 0 || !g.source_left.empty();
    g.change_ns = more ? core.now_ns + delay(unsolicited_v3) : never;
  }

  // ---- versions 2 and 1 -----------------------------------------------------------------------
  template <class Core>
  void age_older(Core& core) {
    const bool first = version(core.now_ns) == 1;
    for (auto& [group, g] : groups_) {
      if (core.now_ns < g.change_ns && core.now_ns < g.answer_ns) continue;
      if (g.now.nothing()) {
        if (!first && g.last_reporter &&
            !send_short(core, igmp::leave_v2, group, igmp::all_routers))
          continue;
        g.mode_left = 0;
        g.answer_ns = g.change_ns = never;
        continue;
      }
      if (!send_short(core, first ? igmp::report_v1 : igmp::report_v2, group, group)) continue;
      g.last_reporter = true;
      g.answer_ns = never;
      if (core.now_ns < g.change_ns) continue;
      g.mode_left -= g.mode_left != 0 ? 1 : 0;
      g.change_ns = g.mode_left != 0 ? core.now_ns + delay(unsolicited_v2) : never;
    }
  }

  template <class Core>
  bool send_short(Core& core, std::uint8_t type, std::uint32_t group, std::uint32_t dst) {
    Packet p;
    if (!allocate(core, p, igmp::eth_bytes + igmp::ip_bytes + 8)) return false;
    igmp::write_short(p, type, group, core.host.address, dst, id());
    core.spawn(nodes::Slot::igmp_send, p);
    ++counters_.reports;
    return true;
  }

  template <class Core>
  bool allocate(Core& core, Packet& p, std::uint32_t bytes) {
    const auto& list = core.spawned[static_cast<std::size_t>(nodes::Slot::igmp_send)];
    if (list.count < list.capacity && core.services->allocate(p, bytes)) return true;
    ++counters_.no_buffer;
    return false;
  }
  std::uint16_t id() { return static_cast<std::uint16_t>(random_.next() >> 48); }

  Random random_;
  std::map<std::uint32_t, Group> groups_;
  unsigned robustness_ = 2;
  std::uint64_t general_ns_ = never;
  std::uint64_t v1_until_ns_ = 0;
  std::uint64_t v2_until_ns_ = 0;
  Counters counters_;
};

}  // namespace weft
