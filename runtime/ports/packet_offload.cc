#include "runtime/ports/packet_offload.h"

#include <linux/if_packet.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace weft::ports {
namespace {

// struct virtio_net_hdr (linux/virtio_net.h, which is no C++).
struct VirtioHeader {
  static constexpr std::uint8_t needs_sum = 1, tcp_over_ipv4 = 1;
  std::uint8_t flags = needs_sum;
  std::uint8_t cut = 0;
  std::uint16_t header_bytes = 0;
  std::uint16_t segment_bytes = 0;
  std::uint16_t sum_from = 0;
  std::uint16_t sum_goes_to = offsetof(rte_tcp_hdr, cksum);  // from there
};
static_assert(sizeof(VirtioHeader) == 10);

constexpr unsigned most_at_once = 32;
constexpr unsigned most_segments = 8;  // of an mbuf
constexpr int room = 8 << 20;          // bytes under way

VirtioHeader header_of(rte_mbuf& frame) {
  VirtioHeader header;
  const unsigned l4 = frame.l2_len + frame.l3_len;
  header.sum_from = static_cast<std::uint16_t>(l4);
  if ((frame.ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0) return header;
  header.cut = VirtioHeader::tcp_over_ipv4;
  header.segment_bytes = frame.tso_segsz;
  header.header_bytes = static_cast<std::uint16_t>(l4 + frame.l4_len);
  // DPDK's cards want the sum of the pseudo header without a length, the kernel's with that of all.
  const auto* ip = rte_pktmbuf_mtod_offset(&frame, const rte_ipv4_hdr*, frame.l2_len);
  rte_pktmbuf_mtod_offset(&frame, rte_tcp_hdr*, l4)->cksum = rte_ipv4_phdr_cksum(ip, 0);
  return header;
}

}  // namespace

std::uint64_t PacketOffload::offloads() {
  return RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
}

PacketOffload::PacketOffload(PacketOffload&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), failed_(other.failed_) {}

PacketOffload::~PacketOffload() {
  if (socket_ >= 0) close(socket_);
}

int PacketOffload::open(unsigned interface) {
  socket_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  if (socket_ < 0) return -errno;
  const int on = 1;
  setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
  sockaddr_ll there{};
  there.sll_family = AF_PACKET;
  there.sll_ifindex = static_cast<int>(interface);
  if (setsockopt(socket_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0 ||
      bind(socket_, reinterpret_cast<const sockaddr*>(&there), sizeof(there)) != 0)
    return -errno;
  return 0;
}

std::uint16_t PacketOffload::send(rte_mbuf** frames, std::uint16_t n) {
  std::array<VirtioHeader, most_at_once> headers;
  std::array<std::array<iovec, 1 + most_segments>, most_at_once> parts;
  std::array<mmsghdr, most_at_once> messages;
  std::uint16_t done = 0;
  while (done < n) {
    const unsigned count = std::min<unsigned>(n - done, most_at_once);
    for (unsigned i = 0; i < count; ++i) {
      rte_mbuf& frame = *frames[done + i];
      headers[i] = header_of(frame);
      parts[i][0] = {&headers[i], sizeof(VirtioHeader)};
      unsigned used = 1;
      for (rte_mbuf* m = &frame; m != nullptr && used <= most_segments; m = m->next)
        parts[i][used++] = {rte_pktmbuf_mtod(m, void*), m->data_len};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = parts[i].data();
      messages[i].msg_hdr.msg_iovlen = used;
    }
    int sent = sendmmsg(socket_, messages.data(), count, MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return done;
      ++failed_;  // never this one
      sent = 1;
    }
    for (int i = 0; i < sent; ++i) rte_pktmbuf_free(frames[done + i]);
    done = static_cast<std::uint16_t>(done + sent);
  }
  return done;
}

}  // namespace weft::ports
