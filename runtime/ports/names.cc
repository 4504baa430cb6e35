// DPDK's names for offloads and RSS types, as models and plans use them.
#include <rte_ethdev.h>

#include <array>
#include <string_view>
#include <utility>

#include "runtime/ports/translate.h"

namespace weft::ports {

std::optional<OffloadBit> offload_bit(const std::string& name) {
  const bool receive = name.rfind("RX_", 0) == 0;
  if (!receive && name.rfind("TX_", 0) != 0) return std::nullopt;
  const std::string_view rest = std::string_view(name).substr(3);
  for (unsigned i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    const char* known =
        receive ? rte_eth_dev_rx_offload_name(bit) : rte_eth_dev_tx_offload_name(bit);
    if (rest == known) return OffloadBit{receive, bit};
  }
  return std::nullopt;
}

std::vector<std::string> offload_names(std::uint64_t bits, bool receive) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((bits & bit) == 0) continue;
    names.push_back(receive ? std::string("RX_") + rte_eth_dev_rx_offload_name(bit)
                            : std::string("TX_") + rte_eth_dev_tx_offload_name(bit));
  }
  return names;
}

std::optional<std::uint64_t> rss_type_bit(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 8> types = {{
      {"ipv4", RTE_ETH_RSS_IPV4},
      {"ipv4_frag", RTE_ETH_RSS_FRAG_IPV4},
      {"ipv4_udp", RTE_ETH_RSS_NONFRAG_IPV4_UDP},
      {"ipv4_tcp", RTE_ETH_RSS_NONFRAG_IPV4_TCP},
      {"ipv4_sctp", RTE_ETH_RSS_NONFRAG_IPV4_SCTP},
      {"ipv4_other", RTE_ETH_RSS_NONFRAG_IPV4_OTHER},
      {"l2_payload", RTE_ETH_RSS_L2_PAYLOAD},
      {"port", RTE_ETH_RSS_PORT},
  }};
  for (const auto& [known, bit] : types) {
    if (name == known) return bit;
  }
  return std::nullopt;
}

}  // namespace weft::ports
