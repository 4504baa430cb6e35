#include "runtime/ports/wait.h"

#include <string_view>

namespace weft::ports {

namespace {

// A queue of net_tap is a descriptor of the kernel, handed out as that of its interrupt.
bool has_descriptors(std::uint16_t port) {
  rte_eth_dev_info info{};
  return rte_eth_dev_info_get(port, &info) == 0 && info.driver_name != nullptr &&
         std::string_view(info.driver_name) == "net_tap";
}

}  // namespace

void ask_for_descriptors(std::uint16_t port, rte_eth_conf& conf) {
  if (has_descriptors(port)) conf.intr_conf.rxq = 1;
}

std::optional<std::vector<int>> descriptors_of(std::uint16_t port, std::uint16_t queue) {
  if (!has_descriptors(port)) return std::nullopt;
  const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port, queue);
  if (fd < 0) return std::nullopt;
  return std::vector<int>{fd};
}

}  // namespace weft::ports
