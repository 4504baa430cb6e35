// What a live port is, found out by asking it: DPDK's description of it, and which rules it takes.
// No packet is sent or looked at.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "runtime/probe/attempts.h"

namespace weft::probe {

struct Findings {
  std::string port;    // as it was named: "pci:0000:01:00.0"
  std::string driver;  // DPDK's
  unsigned rx_queues = 0, tx_queues = 0;
  unsigned rx_descriptors_max = 0, tx_descriptors_max = 0;
  unsigned tx_segments = 0;                           // 0: the driver does not say
  unsigned max_frame = 0;                             // bytes, with FCS
  std::vector<std::string> rx_offloads, tx_offloads;  // DPDK's names: "RX_UDP_CKSUM"
  unsigned key_bytes = 0, table_size = 0;             // 0: not reported
  std::vector<std::string> rss_types;                 // "ipv4_udp"; those that have a name here
  bool key_settable = false, table_settable = false;
  std::vector<Attempt> rules;
  unsigned tried_to_fit = 0;                           // so many rules of one kind were tried
  std::vector<std::pair<std::string, unsigned>> fits;  // attempt -> how many did fit
  bool one_mask = false, one_mask_per_type = false;    // known where rules were taken at all

  bool offers(const std::string& offload) const;
  const Attempt* rule(const std::string& name) const;  // null where it was refused
};

// Configures the card for up to four queues, starts it, asks, and stops it. Errors: E0613, a step
// that the card refuses.
diag::Result<Findings> probe(const std::string& port, ports::CardControl& card, unsigned most);

}  // namespace weft::probe
