#include "runtime/ports/packet_fanout.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace {
thread_local bool as_they_are = false;
}  // namespace

extern "C" int setsockopt(int socket, int level, int name, const void* value,
                          socklen_t length) noexcept {
  unsigned fanout = 0;
  if (as_they_are && level == SOL_PACKET && name == PACKET_FANOUT && length == sizeof(fanout)) {
    std::memcpy(&fanout, value, sizeof(fanout));
    fanout &= ~(static_cast<unsigned>(PACKET_FANOUT_FLAG_DEFRAG) << 16);
    value = &fanout;
  }
  return static_cast<int>(syscall(SYS_setsockopt, socket, level, name, value, length));
}

namespace weft::ports {

FragmentsAsTheyAre::FragmentsAsTheyAre() { as_they_are = true; }
FragmentsAsTheyAre::~FragmentsAsTheyAre() { as_they_are = false; }

}  // namespace weft::ports
