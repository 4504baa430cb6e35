// Making packets fit what a driver can send, and wires over rings.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cstring>

#include "runtime/ports/ethdev_wire.h"
#include "runtime/ports/linear.h"
#include "runtime/ports/ring_port.h"
#include "tests/unit/runtime/eal.h"

namespace weft::test {
namespace {

using ports::Lineariser;

rte_mbuf* filled(unsigned length, unsigned first) {
  rte_mbuf* m = rte_pktmbuf_alloc(packet_pool());
  auto* to =
      reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, static_cast<std::uint16_t>(length)));
  for (unsigned i = 0; i < length; ++i) to[i] = static_cast<std::uint8_t>(first + i);
  return m;
}

rte_mbuf* chain(unsigned parts, unsigned each) {
  rte_mbuf* head = filled(each, 0);
  for (unsigned i = 1; i < parts; ++i) rte_pktmbuf_chain(head, filled(each, i * each));
  return head;
}

void expect_counting(const rte_mbuf* m, unsigned length) {
  ASSERT_EQ(m->nb_segs, 1);
  ASSERT_EQ(m->pkt_len, length);
  ASSERT_EQ(m->data_len, length);
  const auto* bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
  for (unsigned i = 0; i < length; ++i) ASSERT_EQ(bytes[i], static_cast<std::uint8_t>(i)) << i;
}

TEST(Lineariser, LeavesWhatFits) {
  Lineariser three({.segments = 3, .external_buffers = false}, packet_pool());
  rte_mbuf* m = chain(3, 100);
  EXPECT_EQ(three.fit(m), m);
  EXPECT_EQ(m->nb_segs, 3);
  EXPECT_EQ(three.copied(), 0u);
  rte_pktmbuf_free(m);
}

TEST(Lineariser, CopiesWhatHasTooManySegments) {
  Lineariser one({.segments = 1}, packet_pool());
  const unsigned before = rte_mempool_in_use_count(packet_pool());
  rte_mbuf* m = chain(4, 333);
  m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  m->l2_len = 14;
  m->l3_len = 20;
  rte_mbuf* whole = one.fit(m);
  ASSERT_NE(whole, nullptr);
  expect_counting(whole, 4 * 333);
  EXPECT_EQ(whole->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
  EXPECT_EQ(whole->l3_len, 20);
  EXPECT_EQ(one.copied(), 1u);
  rte_pktmbuf_free(whole);
  EXPECT_EQ(rte_mempool_in_use_count(packet_pool()), before) << "the pieces were given back";
}

TEST(Lineariser, CopiesMemoryFromElsewhere) {
  Lineariser own({.segments = 8, .external_buffers = false}, packet_pool());
  static std::array<std::uint8_t, 512> memory;
  for (unsigned i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::uint8_t>(i);
  static unsigned freed = 0;
  static rte_mbuf_ext_shared_info info;
  info.free_cb = [](void*, void*) { ++freed; };
  rte_mbuf_ext_refcnt_set(&info, 1);
  rte_mbuf* m = rte_pktmbuf_alloc(packet_pool());
  rte_pktmbuf_attach_extbuf(m, memory.data(), 0, memory.size(), &info);
  m->data_off = 0;
  m->data_len = memory.size();
  m->pkt_len = memory.size();
  rte_mbuf* copy = own.fit(m);
  ASSERT_NE(copy, nullptr);
  expect_counting(copy, memory.size());
  EXPECT_EQ(copy->ol_flags, 0u);
  EXPECT_EQ(freed, 1u);
  // A clone lies in the memory of the mbuf that it was made from.
  rte_mbuf* original = filled(64, 0);
  rte_mbuf* clone = rte_pktmbuf_clone(original, packet_pool());
  rte_mbuf* apart = own.fit(clone);
  expect_counting(apart, 64);
  EXPECT_EQ(own.copied(), 2u);
  for (rte_mbuf* each : {copy, original, apart}) rte_pktmbuf_free(each);
}

TEST(Lineariser, WhatFitsNoBufferStaysTheCallers) {
  Lineariser one({.segments = 1}, packet_pool());
  rte_mbuf* m = chain(3, 1500);
  EXPECT_EQ(one.fit(m), nullptr);
  EXPECT_EQ(m->nb_segs, 3);
  rte_mbuf* list[] = {filled(10, 0), m, filled(10, 0)};
  EXPECT_EQ(one.fit(list, 3), 1);
  for (rte_mbuf* each : list) rte_pktmbuf_free(each);
}

TEST(RingWire, FramesGoOverByPointer) {
  start_eal();
  const auto name = ports::wire_name("ring:unit1");
  auto wire = ports::EthdevWire::make(*name, packet_pool(), {.limits = {.segments = 1}});
  ASSERT_TRUE(wire);
  rte_ring* in = rte_ring_lookup("unit1.rx0");
  rte_ring* out = rte_ring_lookup("unit1.tx0");
  ASSERT_TRUE(in != nullptr && out != nullptr);
  rte_mbuf* m = filled(60, 0);
  ASSERT_EQ(rte_ring_enqueue(in, m), 0);
  rte_mbuf* got[4];
  ASSERT_EQ((*wire)->receive(got, 4), 1);
  EXPECT_EQ(got[0], m);
  EXPECT_EQ((*wire)->counters().received, 1u);

  // One that goes as it is, one that must be copied, one that can't be.
  rte_mbuf* frames[] = {m, chain(2, 50), chain(3, 1500)};
  EXPECT_EQ((*wire)->transmit(frames, 3), 2);
  const ports::WireCounters counters = (*wire)->counters();
  EXPECT_EQ(counters.sent, 2u);
  EXPECT_EQ(counters.linearised, 1u);
  EXPECT_EQ(counters.send_failed, 1u);
  void* sent = nullptr;
  ASSERT_EQ(rte_ring_dequeue(out, &sent), 0);
  EXPECT_EQ(sent, m);
  rte_pktmbuf_free(m);
  ASSERT_EQ(rte_ring_dequeue(out, &sent), 0);
  expect_counting(static_cast<rte_mbuf*>(sent), 100);
  rte_pktmbuf_free(static_cast<rte_mbuf*>(sent));
  EXPECT_NE(rte_ring_dequeue(out, &sent), 0);
}

// A full ring keeps nothing: what it does not take is counted.
TEST(RingWire, AFullRingIsCounted) {
  start_eal();
  auto wire = ports::EthdevWire::make(*ports::wire_name("ring:unit2"), packet_pool(), {});
  ASSERT_TRUE(wire);
  const unsigned before = rte_mempool_in_use_count(packet_pool());
  unsigned sent = 0, tried = 0;
  for (unsigned i = 0; i < 3 * ports::RingPort::slots / 2; i += 4, tried += 4) {
    rte_mbuf* frames[] = {filled(60, 0), filled(60, 0), filled(60, 0), filled(60, 0)};
    sent += (*wire)->transmit(frames, 4);
  }
  EXPECT_EQ(sent, ports::RingPort::slots - 1);
  EXPECT_EQ((*wire)->counters().send_failed, tried - sent);
  wire->reset();
  EXPECT_EQ(rte_mempool_in_use_count(packet_pool()), before) << "all is given back at the end";
}

TEST(RingPort, TwoEndsOfOneWire) {
  start_eal();
  auto a = ports::RingPort::make("unit3", 2), b = ports::RingPort::make("unit3", 2, true);
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a)->transmit_ring(1), (*b)->receive_ring(1));
  EXPECT_EQ((*b)->transmit_ring(0), (*a)->receive_ring(0));
  EXPECT_NE((*a)->port(), (*b)->port());
}

}  // namespace
}  // namespace weft::test
