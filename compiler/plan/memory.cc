#include "compiler/plan/memory.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace weft::plan {

namespace {

// Buffers that the stack lends an application on each core, and an application the stack.
constexpr unsigned lent = 1024;
// For so long an application may be away (its CPU has other work) and lose nothing.
constexpr double away_s = 0.01;

// What comes meanwhile, in buffers.
double meanwhile(const Placed& p, unsigned bytes) {
  const double each = std::ceil(std::max(1.0, static_cast<double>(p.size) / bytes));
  return p.rate * away_s * each;
}

Region of_process(const Plan& plan, Region::Kind kind, const std::string& process) {
  Region out{.kind = kind, .name = process};
  out.bytes = sizes_for(plan).frame_bytes;
  double more = 0;
  for (const Placed& p : plan.chosen.placement)
    if (p.process == process && (kind == Region::Kind::transmit || p.copies))
      more += meanwhile(p, out.bytes);
  constexpr unsigned step = 64;
  constexpr double most = 1e8;  // (rates may be anything)
  const auto steps = static_cast<unsigned>(std::ceil(std::min(more, most) / step));
  out.buffers = lent * static_cast<unsigned>(plan.cores.size()) + steps * step;
  return out;
}

}  // namespace

std::string group_of(const ir::Endpoint& endpoint, ir::Placement how) {
  if (!endpoint.trust.empty()) return "trust " + endpoint.trust;
  if (endpoint.exclusive && how == ir::Placement::dedicated) return "endpoint " + endpoint.name;
  return everybodys;
}

std::string process_of(const ir::Endpoint& endpoint, ir::Placement how) {
  if (how != ir::Placement::dedicated) return "";
  return endpoint.trust.empty() ? "endpoint " + endpoint.name : "trust " + endpoint.trust;
}

std::vector<Region> regions_for(const Plan& plan, const std::vector<std::string>& groups,
                                std::optional<unsigned> node) {
  std::vector<Region> out;
  for (unsigned q = 0; q < groups.size(); ++q) {
    const std::string& name = groups[q].empty() ? everybodys : groups[q];
    auto at = std::find_if(out.begin(), out.end(), [&](const Region& r) { return r.name == name; });
    if (at == out.end()) at = out.insert(out.end(), Region{.name = name});
    at->queues.push_back(q);
  }
  const auto& placement = plan.chosen.placement;
  const bool processes = std::any_of(placement.begin(), placement.end(),
                                     [](const Placed& p) { return !p.process.empty(); });
  if (out.size() < 2 && !processes) return {};
  for (Region& r : out) {
    const PoolSizes sizes = sizes_for(plan, r.queues);
    r.buffers = sizes.frames;
    r.bytes = sizes.frame_bytes;
  }
  for (const Placed& p : placement) {
    if (p.process.empty()) continue;
    for (const auto kind : {Region::Kind::copies, Region::Kind::transmit}) {
      if (find_region(out, kind, p.process) != nullptr) continue;
      if (kind == Region::Kind::transmit || p.copies)
        out.push_back(of_process(plan, kind, p.process));
    }
  }
  for (Region& r : out) r.node = node;
  return out;
}

std::vector<Region> receive_regions(const Plan& plan) {
  std::vector<Region> out;
  for (const Region& r : plan.memory)
    if (r.kind == Region::Kind::receive) out.push_back(r);
  if (!out.empty()) return out;
  const PoolSizes all = sizes_for(plan);
  Region one{.name = everybodys, .buffers = all.frames, .bytes = all.frame_bytes};
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q) one.queues.push_back(q);
  return {one};
}

const Region* find_region(const std::vector<Region>& regions, Region::Kind kind,
                          const std::string& name) {
  for (const Region& r : regions)
    if (r.kind == kind && r.name == name) return &r;
  return nullptr;
}

Placed placed(const Plan& plan, unsigned endpoint) {
  for (const Placed& p : plan.chosen.placement)
    if (p.endpoint == endpoint) return p;
  return {.endpoint = endpoint};
}

PoolSizes pool_of(const Plan& plan, const Region& receive, BufferUse use) {
  PoolSizes out = sizes_for(plan, receive.queues, use);
  out.frames = receive.buffers;
  return out;
}

std::size_t bytes_of(const Plan& plan, const Region& region) {
  if (region.kind == Region::Kind::receive) return pool_of(plan, region).bytes();
  return region.buffers * buffer_bytes(region.bytes);
}

std::size_t megabytes_for(const Plan& plan, BufferUse use) {
  std::size_t bytes = 0;
  for (const Region& r : receive_regions(plan)) bytes += pool_of(plan, r, use).bytes();
  for (const Region& r : plan.memory)
    if (r.kind != Region::Kind::receive) bytes += bytes_of(plan, r);
  return megabytes_of(bytes);
}

const char* to_string(Region::Kind kind) {
  static constexpr const char* words[] = {"receive", "copies", "transmit"};
  return words[static_cast<unsigned>(kind)];
}

}  // namespace weft::plan
