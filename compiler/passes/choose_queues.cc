// Whose queues are whose, and which of them the hash may use.
#include "compiler/passes/chooser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "compiler/passes/refusal.h"

namespace weft::passes {

using diag::Result;

Chooser::Refusal Chooser::zones() {
  const unsigned zones = static_cast<unsigned>(classes_.zones.size());
  // What no rule matches must stay with everybody.
  if (zones > 1 && !table_is_ours()) return refuse_spreading(inputs_, classes_.zones[1], rss_);
  for (const FlowClass& c : classes_.all) {
    if (!c.pin || c.pin->last < out_.rx_queues) continue;
    return refuse_few(
        inputs_, c.span,
        fmt::format("queue {} is wanted, and there {}", c.pin->last, so_many(out_.rx_queues)),
        out_.rx_queues, c.pin->last + 1);
  }
  for (const Zone& z : classes_.zones) {
    if (!z.core || *z.core < out_.cores) continue;
    const auto message =
        fmt::format("core {} is wanted, and there {}", *z.core, so_many(out_.cores));
    const std::string cores = fmt::format("`cores: {}`", *z.core + 1);
    if (*z.core < out_.rx_queues) return refuse_pin(z.span, message, {}, cores);
    // No more cores than queues.
    auto few = refuse_few(inputs_, z.span, message, out_.rx_queues, *z.core + 1);
    if (workload_.cores <= *z.core && few.help.starts_with("`queues:"))
      few.help = cores + " and " + few.help;
    return few;
  }
  if (zones > out_.rx_queues) return refuse_queues(inputs_, classes_, out_.rx_queues, zones);
  if (auto wrong = fixed_queues()) return wrong;
  return share_queues();
}

// Zones that say which queues they want.
Chooser::Refusal Chooser::fixed_queues() {
  taken_.assign(out_.rx_queues, 0);
  queues_.resize(classes_.zones.size());
  for (unsigned z = 1; z < classes_.zones.size(); ++z) {
    const Zone& zone = classes_.zones[z];
    for (const unsigned q : zone.pinned) {
      if (taken_[q] != 0)
        return refuse_pin(zone.span,
                          fmt::format("queue {} is wanted for {} alone, and for {} alone", q,
                                      zone.name, classes_.zones[taken_[q]].name),
                          {{"the other one", classes_.zones[taken_[q]].span}},
                          "give them different queues");
      taken_[q] = z;
      queues_[z].push_back(q);
    }
  }
  for (const FlowClass& c : classes_.all) {
    if (!c.pin || c.zone != 0) continue;
    for (unsigned q = c.pin->first; q <= c.pin->last; ++q) {
      if (taken_[q] == 0) continue;
      const Zone& other = classes_.zones[taken_[q]];
      return refuse_pin(
          c.span,
          fmt::format("{} shall arrive on queue {}, which is for {} alone", c.name, q, other.name),
          {{"here", other.span}}, "give them different queues");
    }
  }
  return std::nullopt;
}

// The others share what is left, from the last queue on; everybody has the first.
Chooser::Refusal Chooser::share_queues() {
  std::vector<std::vector<double>> weights(classes_.zones.size());
  std::vector<double> fluid(classes_.zones.size(), 0.0);
  for (const FlowClass& c : classes_.all) {
    if (c.many() && !c.must() && !c.apart()) fluid[0] += c.load();
  }
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    const FlowClass& c = classes_.all[class_of_[f]];
    if (table_of_[f] != none || !c.covered) weights[c.zone].push_back(classes_.weight[f]);
  }
  for (std::size_t s = 0; s < out_.sockets.size(); ++s) {
    const FlowClass& c = classes_.all[socket_class_[s]];
    if (c.grouped) fluid[c.zone] += socket_weight_[s];
    if (!c.grouped) weights[c.zone].push_back(socket_weight_[s]);
  }
  std::vector<std::optional<unsigned>> fixed(classes_.zones.size());
  unsigned needed = 0;
  for (unsigned z = 0; z < classes_.zones.size(); ++z) {
    if (!queues_[z].empty()) fixed[z] = static_cast<unsigned>(queues_[z].size());
    const unsigned gold = options_.gold_queues != 0 ? options_.gold_queues : workload_.gold_queues;
    if (classes_.zones[z].gold && gold != 0 && !fixed[z]) fixed[z] = gold;
    needed += fixed[z].value_or(1);
    bounds_.emplace_back(std::move(weights[z]), fluid[z]);
  }
  if (needed > out_.rx_queues) return refuse_queues(inputs_, classes_, out_.rx_queues, needed);
  auto share = share_bins(bounds_, fixed, out_.rx_queues);
  fit_beside_wishes(fixed, share);
  unsigned next = out_.rx_queues;
  for (unsigned z = 1; z < classes_.zones.size(); ++z) {
    while (queues_[z].size() < share[z]) {
      --next;
      if (taken_[next] == 0 && !wished(next)) {
        taken_[next] = z;
        queues_[z].push_back(next);
      }
      if (next == 0) break;
    }
    if (queues_[z].size() < share[z])
      return refuse_queues(inputs_, classes_, out_.rx_queues,
                           out_.rx_queues + share[z] - static_cast<unsigned>(queues_[z].size()));
    std::sort(queues_[z].begin(), queues_[z].end());
  }
  for (unsigned q = 0; q < out_.rx_queues; ++q) {
    if (taken_[q] == 0) queues_[0].push_back(q);
  }
  const unsigned reach = rss_ == nullptr ? 0 : rss_->config.rss->queue_reach;
  if (queues_[0].empty() || (reach != 0 && queues_[0].front() >= reach))
    return refuse_queues(inputs_, classes_, out_.rx_queues, out_.rx_queues + 1);
  return std::nullopt;
}

// Queues where somebody of everybody's wants to arrive are nobody's alone: whoever has most of the
// others' gives some up, as long as each has one.
void Chooser::fit_beside_wishes(const std::vector<std::optional<unsigned>>& fixed,
                                std::vector<unsigned>& share) const {
  unsigned free = 0, wanted = 0;
  for (unsigned q = 0; q < out_.rx_queues; ++q) free += taken_[q] == 0 && !wished(q) ? 1 : 0;
  for (std::size_t z = 1; z < share.size(); ++z)
    wanted += share[z] - static_cast<unsigned>(queues_[z].size());
  for (; wanted > free; --wanted) {
    std::size_t most = 0;
    for (std::size_t z = 1; z < share.size(); ++z)
      if (!fixed[z] && share[z] > 1 && (most == 0 || share[z] > share[most])) most = z;
    if (most == 0) return;
    --share[most];
  }
}

// Somebody who shares it with everybody wants to arrive there.
bool Chooser::wished(unsigned queue) const {
  return queue == 0 || std::any_of(classes_.all.begin(), classes_.all.end(), [&](const auto& c) {
           return c.zone == 0 && c.pin && queue >= c.pin->first && queue <= c.pin->last;
         });
}

// Which queues the rules of grouped classes name. False: they cannot name those that it came to.
bool Chooser::give_groups() {
  std::map<std::string, unsigned> groups;     // by table
  std::vector<std::vector<unsigned>> shared;  // groups that the indirection table spreads
  for (std::size_t s = 0; s < out_.sockets.size(); ++s) {
    const FlowClass& c = classes_.all[socket_class_[s]];
    if (!c.grouped) continue;
    SocketChoice& out = out_.sockets[s];
    out.group = queues_[c.zone];
    if (c.pin)
      std::erase_if(out.group, [&](unsigned q) { return q < c.pin->first || q > c.pin->last; });
    const auto& limits =
        inputs_.nic.receive.node(*inputs_.nic.receive.find(out.table)).config.table->groups;
    if (!limits || !ir::why_no_group(*limits, out.group).empty()) return false;
    if (++groups[out.table] > limits->count && limits->count != 0) return false;
    out.queue = out.group.front();
    out.entries = limits->entries;
    if (!limits->of_rss) continue;
    for (const auto& other : shared)
      if (ir::overlap_in_part(other, out.group)) return false;
    shared.push_back(out.group);
    turn_ = std::max(turn_, static_cast<unsigned>(out.group.size()));
    before_ = std::min(before_, out.queue);
  }
  if (turn_ == 0) return true;
  for (unsigned f = 0; f < workload_.flows.size(); ++f)
    if (hashed(f) && wish_of_flow(f)) return false;
  return may_take_turns(turn_);
}

// The indirection table, by which some groups are spread, can name so many queues in turn: they are
// the first ones, everybody's, and in none of those groups.
bool Chooser::may_take_turns(unsigned queues) const {
  return queues <= std::min<std::size_t>(queues_[0].size(), before_) &&
         queues_[0][queues - 1] == queues - 1;
}

// So few as the load that no rule catches needs: the residue of the others need not classify.
void Chooser::open_queues() {
  const auto& all = queues_[0];
  out_.open = all;
  if (!table_is_ours() || out_.rx_queues < 2) return;
  const unsigned reach = rss_->config.rss->queue_reach;
  if (reach != 0) std::erase_if(out_.open, [&](unsigned q) { return q >= reach; });
  const double by_hash = load_by_hash();
  const double best = bounds_[0].of(static_cast<unsigned>(all.size()));
  hash_bound_ = by_hash / static_cast<double>(out_.open.size());
  const bool ruled =
      std::any_of(table_of_.begin(), table_of_.end(), [](unsigned t) { return t != none; });
  const double enough = best > 0 ? std::ceil(by_hash / best - 1e-6) : 1;
  while (turn_ != 0 && turn_ < enough && may_take_turns(2 * turn_)) turn_ *= 2;
  if (turn_ != 0) {
    out_.open.resize(turn_);
  } else if (ruled || !out_.sockets.empty()) {
    const auto most = static_cast<double>(out_.open.size());
    out_.open.resize(static_cast<std::size_t>(std::clamp(enough, 1.0, most)));
  }
  std::set<unsigned> open(out_.open.begin(), out_.open.end());
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    const auto wish = hashed(f) ? wish_of_flow(f) : std::nullopt;
    if (wish && (reach == 0 || *wish < reach)) open.insert(*wish);
  }
  out_.open.assign(open.begin(), open.end());
}

}  // namespace weft::passes
