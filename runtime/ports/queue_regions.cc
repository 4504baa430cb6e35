#include "runtime/ports/queue_regions.h"

#include <dlfcn.h>
#include <link.h>
#include <rte_errno.h>
#include <rte_ip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "compiler/ir/queue_group.h"

namespace weft::ports {
namespace {

// i40e_type.h, enum i40e_filter_pctype.
constexpr std::uint8_t type_ipv4_udp = 31, type_ipv4_tcp = 33;

const rte_flow_action_rss* queues_of(const rte_flow_action* actions) {
  const rte_flow_action_rss* out = nullptr;
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) {
    if (actions->type == RTE_FLOW_ACTION_TYPE_VOID) continue;
    if (actions->type != RTE_FLOW_ACTION_TYPE_RSS || out != nullptr) return nullptr;
    out = static_cast<const rte_flow_action_rss*>(actions->conf);
  }
  return out != nullptr && out->queue_num != 0 ? out : nullptr;
}

// Of a pattern that asks for nothing else.
std::optional<std::uint8_t> protocol_of(const rte_flow_item* items) {
  std::optional<std::uint8_t> out;
  for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
    if (items->type == RTE_FLOW_ITEM_TYPE_VOID) continue;
    if (items->type == RTE_FLOW_ITEM_TYPE_ETH && items->spec == nullptr) continue;
    if (items->type != RTE_FLOW_ITEM_TYPE_IPV4 || items->spec == nullptr || items->mask == nullptr)
      return std::nullopt;
    rte_ipv4_hdr wanted{};
    wanted.next_proto_id = 0xff;
    if (std::memcmp(items->mask, &wanted, sizeof wanted) != 0) return std::nullopt;
    out = static_cast<const rte_flow_item_ipv4*>(items->spec)->hdr.next_proto_id;
  }
  return out;
}

int refuse(int code, rte_flow_error_type type, const char* why, rte_flow_error& error) {
  error = {.type = type, .cause = nullptr, .message = why};
  rte_errno = code;
  return -code;
}

int find_library(dl_phdr_info* info, std::size_t /*size*/, void* path) {
  if (std::string_view(info->dlpi_name).find("librte_net_i40e.so") == std::string_view::npos)
    return 0;
  *static_cast<std::string*>(path) = info->dlpi_name;
  return 1;
}

}  // namespace

QueueRegions::Call QueueRegions::of_driver() {
  std::string path;
  dl_iterate_phdr(find_library, &path);
  void* library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* symbol = dlsym(library, "rte_pmd_i40e_rss_queue_region_conf");
  dlclose(library);  // DPDK holds it
  return reinterpret_cast<Call>(symbol);
}

bool QueueRegions::is_one(const rte_flow_item* items, const rte_flow_action* actions) {
  return queues_of(actions) != nullptr && protocol_of(items).has_value();
}

std::optional<QueueRegions::Region> QueueRegions::region_of(const rte_flow_item* items,
                                                            const rte_flow_action* actions) {
  const auto protocol = protocol_of(items);
  const rte_flow_action_rss* rss = queues_of(actions);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return std::nullopt;
  return Region{protocol == IPPROTO_TCP ? type_ipv4_tcp : type_ipv4_udp,
                static_cast<std::uint8_t>(rss->queue[0]),
                static_cast<std::uint8_t>(rss->queue_num)};
}

// What the driver would refuse, or take and do otherwise.
int QueueRegions::validate(const rte_flow_item* items, const rte_flow_action* actions,
                           unsigned queues, rte_flow_error& error) const {
  if (call_ == nullptr)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "this DPDK has no queue regions",
                  error);
  const auto region = region_of(items, actions);
  if (!region)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, "there are queue regions for UDP and TCP",
                  error);
  const rte_flow_action_rss& rss = *queues_of(actions);
  const std::vector<unsigned> named(rss.queue, rss.queue + rss.queue_num);
  const ir::QueueGroups may{.power_of_two = true,
                            .min = 1,
                            .max = 64,
                            .contiguous = true,
                            .entries = 512,
                            .of_rss = true};
  const auto no = [&](const char* why) {
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, why, error);
  };
  if (!ir::why_no_group(may, named).empty())
    return no("the queues of a region are a power of two, at most 64, one behind the other");
  if (named.back() >= queues) return no("a queue region ends behind the last queue");
  if (!ir::why_not_beside(table_, named).empty())
    return no(
        "the indirection table does not name the first queues, as many as the region has, in "
        "turn");
  return 0;
}

int QueueRegions::call(rte_pmd_i40e_queue_region_op what, std::uint8_t region,
                       const Region& of) const {
  rte_pmd_i40e_queue_region_conf conf{};
  conf.region_id = region;
  conf.hw_flowtype = of.type;
  conf.queue_start_index = of.first;
  conf.queue_num = of.queues;
  return call_(port_, what, &conf);
}

// Beside those in `set_`. The first region has what is in no other.
int QueueRegions::add(const Region& region) {
  const Region rest{0, 0, static_cast<std::uint8_t>(ir::in_turn(table_))};
  int result = set_.empty() ? call(RTE_PMD_I40E_RSS_QUEUE_REGION_SET, 0, rest) : 0;
  std::vector<Region> known;  // those with the same queues are one
  for (const auto& other : set_) {
    const auto same = [&](const Region& r) { return r.same_queues(*other); };
    if (std::none_of(known.begin(), known.end(), same)) known.push_back(*other);
  }
  const auto at = std::find_if(known.begin(), known.end(),
                               [&](const Region& r) { return r.same_queues(region); });
  const auto id = static_cast<std::uint8_t>(1 + (at - known.begin()));
  if (result == 0 && at == known.end())
    result = call(RTE_PMD_I40E_RSS_QUEUE_REGION_SET, id, region);
  if (result == 0) result = call(RTE_PMD_I40E_RSS_QUEUE_REGION_FLOWTYPE_SET, id, region);
  return result;
}

rte_flow* QueueRegions::create(const rte_flow_item* items, const rte_flow_action* actions,
                               unsigned queues, rte_flow_error& error) {
  if (validate(items, actions, queues, error) != 0) return nullptr;
  const Region region = *region_of(items, actions);
  for (const auto& other : set_) {
    // (The driver says "set before" in its log, and that all is well.)
    if (other->type != region.type) continue;
    refuse(EEXIST, RTE_FLOW_ERROR_TYPE_ITEM, "the protocol has a queue region", error);
    return nullptr;
  }
  int result = add(region);
  if (result == 0) {
    set_.push_back(std::make_unique<Region>(region));
    result = call_(port_, RTE_PMD_I40E_RSS_QUEUE_REGION_ALL_FLUSH_ON, nullptr);
    if (result == 0) return reinterpret_cast<rte_flow*>(set_.back().get());
    set_.pop_back();
  }
  set_again();
  refuse(-result, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "the driver does not set the queue region",
         error);
  return nullptr;
}

// What is in `set_`, and nothing else.
int QueueRegions::set_again() {
  std::vector<std::unique_ptr<Region>> wanted;
  wanted.swap(set_);
  int result = call_(port_, RTE_PMD_I40E_RSS_QUEUE_REGION_ALL_FLUSH_OFF, nullptr);
  for (auto& region : wanted) {
    if (result == 0) result = add(*region);
    set_.push_back(std::move(region));  // (its address is the handle)
  }
  if (result == 0 && !set_.empty())
    result = call_(port_, RTE_PMD_I40E_RSS_QUEUE_REGION_ALL_FLUSH_ON, nullptr);
  return result;
}

bool QueueRegions::has(const rte_flow* flow) const {
  return std::any_of(set_.begin(), set_.end(), [&](const auto& region) {
    return reinterpret_cast<const rte_flow*>(region.get()) == flow;
  });
}

int QueueRegions::destroy(rte_flow* flow, rte_flow_error& error) {
  std::erase_if(
      set_, [&](const auto& region) { return reinterpret_cast<rte_flow*>(region.get()) == flow; });
  const int result = set_again();
  if (result == 0) return 0;
  return refuse(-result, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                "the driver does not take back the queue region", error);
}

}  // namespace weft::ports
