// What the stack and applications hand each other: one UDP datagram without its headers. An
// application that answers passes on what it got, so both directions look the same. Errors about
// datagrams sent come the same way.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

#include "stack-nodes/packet.h"
#include "stack-nodes/wire/field.h"
#include "weft/fields.h"

namespace weft {

// Addresses and ports are in host byte order. (What the headers of a received datagram say stands
// in their order, so that it is taken over as a whole: `fill`.)
struct Datagram {
  std::uint8_t* data = nullptr;  // first byte of the payload
  void* buffer = nullptr;        // as Packet::buffer
  std::uint32_t len = 0;         // bytes of payload
  std::uint32_t peer = 0;        // the other side's address
  std::uint16_t peer_port = 0;
  std::uint16_t own_port = 0;
  // From here on a datagram that is sent is zero, unless its sender has a wish (is_plain).
  std::uint32_t own = 0;  // received: its destination; sent: 0, the stack takes its own address
  std::uint8_t dont_fragment = 0;  // sent: 1: it may not be cut on its way
  std::uint8_t ttl = 0;            // sent: time to live; 0: the stack's own
  // Not 0: an error about a datagram sent to `peer`; `own` is who says so, 0 the stack itself.
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  // (Up to here.)
  std::uint16_t endpoint = 0;  // index into the plan's endpoints
  std::uint16_t mtu = 0;       // error "too large": what the path carries
};
static_assert(offsetof(Datagram, endpoint) == offsetof(Datagram, own) + 8);
// (Neighbours are read and written as one little-endian word.)
static_assert(std::endian::native == std::endian::little);
static_assert(offsetof(Datagram, own_port) == offsetof(Datagram, peer_port) + 2);
static_assert(sizeof(Datagram) == offsetof(Datagram, dont_fragment) + 8);
static_assert(offsetof(Datagram, own) == offsetof(Datagram, len) + 12);
template <class Word>
inline Word word_at(const Datagram& d, std::size_t offset) {
  Word word;
  std::memcpy(&word, reinterpret_cast<const std::uint8_t*>(&d) + offset, sizeof(word));
  return word;
}
template <class Word>
inline void set_word_at(Datagram& d, std::size_t offset, Word word) {
  std::memcpy(reinterpret_cast<std::uint8_t*>(&d) + offset, &word, sizeof(word));
}

// Bytes in front of the payload that new headers take: Ethernet, IPv4, UDP.
inline constexpr std::uint32_t datagram_headers =
    field::eth::min_bytes + field::ipv4::min_bytes + field::udp::min_bytes;

// Length, peer, ports and own address, as the headers say; the UDP header lies behind an IPv4
// header without options. One load, its bytes in another order, one store.
inline void fill_from_headers(Datagram& d, const std::uint8_t* ipv4) {
  static_assert(field::ipv4::dst.offset == field::ipv4::src.offset + 32);
  const std::uint8_t* const from = ipv4 + field::ipv4::src.offset / 8;
#if defined(__SSSE3__)
  const __m128i order =
      _mm_setr_epi8(13, 12, -1, -1, 3, 2, 1, 0, 9, 8, 11, 10, 7, 6, 5, 4);  // -1: 0
  const __m128i words =
      _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), order);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&d.len),
                   _mm_sub_epi32(words, _mm_setr_epi32(field::udp::min_bytes, 0, 0, 0)));
#else
  d.len = std::uint32_t{wire::load16(from + 12)} - field::udp::min_bytes;
  d.peer = wire::load32(from);
  d.peer_port = wire::load16(from + 8);
  d.own_port = wire::load16(from + 10);
  d.own = wire::load32(from + 4);
#endif
}

// A packet that arrived at an application: its headers have been checked. (Everything is read
// before anything is written, and written in place: compilers put a struct that is returned
// together on the stack first, and a wide load of what narrow stores left there has to wait for
// them.)
inline void fill(Datagram& d, const Packet& p) {
  if (p.l4 == p.l3 + field::ipv4::min_bytes) [[likely]] {
    fill_from_headers(d, p.data + p.l3);
  } else {
    const std::uint32_t len = std::uint32_t{get<field::udp::length>(p)} - field::udp::min_bytes;
    const std::uint32_t peer = get<field::ipv4::src>(p), own = get<field::ipv4::dst>(p);
    const std::uint32_t ports = get<joined(field::udp::src_port, field::udp::dst_port)>(p);
    d.len = len;
    d.peer = peer;
    set_word_at(d, offsetof(Datagram, peer_port), std::rotl(ports, 16));
    d.own = own;
  }
  d.data = p.data + p.l4 + field::udp::min_bytes;
  d.buffer = p.buffer;
  // With zeros around it.
  set_word_at(d, offsetof(Datagram, dont_fragment), std::uint64_t{p.endpoint} << 32);
}

// An ICMP message about a datagram of an application, or that datagram itself, refused (then it has
// no source: nobody but the host says so).
inline Datagram error_of(const Packet& p) {
  Datagram d;
  d.buffer = p.buffer;
  d.peer = p.dst;
  d.own = p.src != 0 ? get<field::ipv4::src>(p) : 0;
  d.peer_port = dst_port(p);
  d.own_port = src_port(p);
  d.endpoint = p.endpoint;
  d.mtu = p.icmp_type == 3 && p.icmp_code == 4 ? p.mtu : std::uint16_t{0};
  d.icmp_type = p.icmp_type;
  d.icmp_code = p.icmp_code;
  return d;
}

// Its sender wants nothing but that these bytes get to the peer, as nearly all do.
inline bool is_plain(const Datagram& d) {
  return word_at<std::uint64_t>(d, offsetof(Datagram, own)) == 0;
}

// A received datagram becomes one that goes back, its sender having no wish.
inline void turn_around(Datagram& d) { set_word_at(d, offsetof(Datagram, own), std::uint64_t{0}); }

// A packet to be sent: where its headers will be, they are not written yet.
inline Packet packet_of_plain(const Datagram& d) {
  Packet p;
  p.data = d.data - datagram_headers;
  p.len = p.end = datagram_headers + d.len;
  p.l3 = field::eth::min_bytes;
  p.l4 = field::eth::min_bytes + field::ipv4::min_bytes;
  p.endpoint = d.endpoint;
  p.dst = d.peer;
  p.ports = word_at<std::uint32_t>(d, offsetof(Datagram, peer_port));
  p.protocol = 17;
  p.buffer = d.buffer;
  return p;
}
inline Packet packet_of(const Datagram& d) {
  Packet p = packet_of_plain(d);
  p.src = d.own;
  p.dont_fragment = d.dont_fragment;
  p.ttl = d.ttl;
  return p;
}

struct DatagramList {
  static constexpr unsigned capacity = 64;
  Datagram datagrams[capacity];
  unsigned count = 0;
};

}  // namespace weft
