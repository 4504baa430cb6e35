#include "runtime/ports/packet_fanout.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace {

thread_local unsigned queues_of_device = 0;  // 0: calls are nobody's business

constexpr unsigned defragment = PACKET_FANOUT_FLAG_DEFRAG << 16;
constexpr unsigned ignore_outgoing = 0x4000u << 16;  // PACKET_FANOUT_FLAG_IGNORE_OUTGOING

int set(int socket, int level, int name, const void* value, socklen_t length) {
  return static_cast<int>(syscall(SYS_setsockopt, socket, level, name, value, length));
}

// For kernels that do not know the flag.
int refuse_outgoing(int socket) {
  std::array<sock_filter, 4> code{{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, static_cast<unsigned>(SKF_AD_OFF + SKF_AD_PKTTYPE)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, ~0u},
  }};
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  return set(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

}  // namespace

extern "C" int setsockopt(int socket, int level, int name, const void* value,
                          socklen_t length) noexcept {
  unsigned fanout = 0;
  if (queues_of_device == 0 || level != SOL_PACKET || name != PACKET_FANOUT ||
      length != sizeof(fanout))
    return set(socket, level, name, value, length);
  if (queues_of_device == 1) {
    const int on = 1;
    return set(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
  }
  std::memcpy(&fanout, value, sizeof(fanout));
  fanout = (fanout & ~defragment) | ignore_outgoing;
  const int refused = refuse_outgoing(socket);
  return refused != 0 ? refused : set(socket, level, name, &fanout, sizeof(fanout));
}

namespace weft::ports {

PacketsAsTheyCome::PacketsAsTheyCome(unsigned queues) { queues_of_device = queues; }
PacketsAsTheyCome::~PacketsAsTheyCome() { queues_of_device = 0; }

}  // namespace weft::ports
