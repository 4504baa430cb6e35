#include "runtime/engine/handover.h"

#include <fmt/format.h>
#include <rte_errno.h>

namespace weft::engine {

static_assert(sizeof(Message) % 4 == 0, "rte_ring moves elements in words of 4 bytes");

diag::Result<std::unique_ptr<Handovers>> Handovers::make(const std::string& name, unsigned cores) {
  std::unique_ptr<Handovers> made(new Handovers);
  made->cores_ = cores;
  for (unsigned from = 0; from < cores; ++from) {
    for (unsigned to = 0; to < cores; ++to) {
      rte_ring* ring =
          rte_ring_create_elem(fmt::format("{}_h{}_{}", name, from, to).c_str(), sizeof(Message),
                               ring_size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
      if (ring == nullptr)
        return diag::fail(
            diag::Diagnostic{.code = "E0650",
                             .message = fmt::format("no memory for the rings between {} cores: {}",
                                                    cores, rte_strerror(rte_errno))});
      made->rings_.push_back(ring);
    }
  }
  return made;
}

Handovers::~Handovers() {
  for (rte_ring* ring : rings_) rte_ring_free(ring);
}

}  // namespace weft::engine
