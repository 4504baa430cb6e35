#include "runtime/emulator/emulated_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "runtime/emulator/segmentation.h"
#include "runtime/ports/translate.h"

namespace weft::emulator {
namespace {

constexpr unsigned max_burst = 64;

std::uint64_t ip_flags(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    case Verdict::bad: return RTE_MBUF_F_RX_IP_CKSUM_BAD;
    case Verdict::none: return RTE_MBUF_F_RX_IP_CKSUM_NONE;
    case Verdict::unknown: break;
  }
  return RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN;
}

std::uint64_t l4_flags(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    case Verdict::bad: return RTE_MBUF_F_RX_L4_CKSUM_BAD;
    case Verdict::none: return RTE_MBUF_F_RX_L4_CKSUM_NONE;
    case Verdict::unknown: break;
  }
  return RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
}

}  // namespace

EmulatedCard::Ring::Ring(unsigned size)
    : memory(std::aligned_alloc(RTE_CACHE_LINE_SIZE,
                                RTE_ALIGN_CEIL(static_cast<std::size_t>(rte_ring_get_memsize(size)),
                                               RTE_CACHE_LINE_SIZE)),
             std::free) {
  if (memory == nullptr) throw std::bad_alloc();
  rte_ring_init(get(), "", size, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

EmulatedCard::EmulatedCard(const ir::NicModel& model, const ir::FieldTable& fields,
                           ports::Wire& wire, EmulatedCardOptions options)
    : model_(model),
      fields_(fields),
      wire_(wire),
      options_(std::move(options)),
      names_{fields_, {}} {
  options_.burst = std::clamp(options_.burst, 1U, max_burst);
  // A ring of n slots holds n - 1 packets, and must hold a burst for wait_for_room to end.
  options_.ring_size = rte_align32pow2(std::max(options_.ring_size, options_.burst + 1));
}

EmulatedCard::~EmulatedCard() {
  for (Ring& ring : rx_rings_) give_back(ring);
  for (Ring& ring : tx_rings_) give_back(ring);
}

diag::Result<std::unique_ptr<EmulatedCard>> EmulatedCard::make(const ir::NicModel& model,
                                                               const ir::FieldTable& fields,
                                                               ports::Wire& wire,
                                                               EmulatedCardOptions options) {
  std::unique_ptr<EmulatedCard> card(new EmulatedCard(model, fields, wire, std::move(options)));
  if (auto done = card->read_knobs(); !done) return diag::fail(done.error());
  auto receiver = Receiver::make(card->model_, card->names_);
  if (!receiver) return diag::fail(receiver.error());
  card->receiver_ = std::move(*receiver);
  auto transmitter = Transmitter::make(card->model_, card->names_);
  if (!transmitter) return diag::fail(transmitter.error());
  card->transmitter_ = std::move(*transmitter);
  card->dropped_.assign(card->receiver_->drops().size(), 0);
  return card;
}

diag::Result<void> EmulatedCard::read_knobs() {
  for (const ir::Graph* graph : {&model_.receive, &model_.transmit}) {
    for (ir::Vertex v = 0; v < boost::num_vertices(graph->g); ++v) {
      const ir::Node& node = graph->node(v);
      if (node.kind != ir::NodeKind::config || node.config.knob.empty()) continue;
      Knob knob{.name = node.config.knob, .toggle = node.config.toggle};
      knob.receive = graph == &model_.receive;
      if (knob.toggle.empty()) {
        for (const std::string& name : node.config.offloads) {
          const auto bit = ports::offload_bit(name);
          if (!bit || bit->receive != knob.receive) {
            return diag::fail(diag::Diagnostic{
                .code = "E0642",
                .message = fmt::format("knob `{}` names the offload `{}`, which DPDK does not have",
                                       knob.name, name),
                .span = node.span});
          }
          knob.offload |= bit->bit;
        }
      }
      names_.knobs.push_back(knob.name);
      knobs_.push_back(std::move(knob));
    }
  }
  state_.knobs.assign(knobs_.size(), 0);
  return {};
}

std::size_t EmulatedCard::rules_in(const std::string& table) {
  const std::lock_guard guard(lock_);
  return receiver_->filters().rules_in(table);
}

std::uint16_t EmulatedCard::rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  if (queue >= rx_rings_.size()) return 0;
  return static_cast<std::uint16_t>(rte_ring_sc_dequeue_burst(
      rx_rings_[queue].get(), reinterpret_cast<void**>(packets), n, nullptr));
}

std::uint16_t EmulatedCard::tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  if (queue >= tx_rings_.size()) return 0;
  return static_cast<std::uint16_t>(rte_ring_sp_enqueue_burst(
      tx_rings_[queue].get(), reinterpret_cast<void* const*>(packets), n, nullptr));
}

unsigned EmulatedCard::room(std::uint16_t queue) {
  return queue < tx_rings_.size() ? rte_ring_free_count(tx_rings_[queue].get()) : 0;
}

unsigned EmulatedCard::poll() {
  const std::lock_guard guard(lock_);
  if (!started_) return 0;
  const unsigned received = receive_burst();
  return received + send_bursts();
}

unsigned EmulatedCard::receive() {
  const std::lock_guard guard(lock_);
  return started_ ? receive_burst() : 0;
}

unsigned EmulatedCard::send() {
  const std::lock_guard guard(lock_);
  return started_ ? send_bursts() : 0;
}

unsigned EmulatedCard::send_bursts() {
  unsigned moved = 0;
  for (std::size_t queue = 0; queue < tx_rings_.size(); ++queue)
    moved += transmit_burst(static_cast<std::uint16_t>(queue));
  return moved;
}

unsigned EmulatedCard::receive_burst() {
  if (options_.wait_for_room) {
    for (const Ring& ring : rx_rings_)
      if (rte_ring_free_count(ring.get()) < options_.burst) return 0;
  }
  std::array<rte_mbuf*, max_burst> frames;
  const unsigned n = wire_.receive(frames.data(), static_cast<std::uint16_t>(options_.burst));
  for (unsigned i = 0; i < n; ++i) deliver(frames[i]);
  return n;
}

// A card's units see a frame as it comes from the wire, whatever buffers it goes into.
std::span<const std::uint8_t> EmulatedCard::bytes_of(const rte_mbuf& packet) {
  if (packet.nb_segs == 1) return {rte_pktmbuf_mtod(&packet, const std::uint8_t*), packet.data_len};
  in_one_.resize(packet.pkt_len);
  const void* all = rte_pktmbuf_read(&packet, 0, packet.pkt_len, in_one_.data());
  return {static_cast<const std::uint8_t*>(all), packet.pkt_len};
}

// Null where the queue has no buffer left; the frame is gone then.
rte_mbuf* EmulatedCard::into_memory_of(std::uint16_t queue, rte_mbuf* frame) const {
  if (queue >= options_.memory.size() || frame->pool == options_.memory[queue]) return frame;
  rte_mbuf* copy = rte_pktmbuf_copy(frame, options_.memory[queue], 0, frame->pkt_len);
  rte_pktmbuf_free(frame);
  return copy;
}

void EmulatedCard::deliver(rte_mbuf* packet) {
  if (packet->nb_segs > model_.rx_segments) {
    ++arrived_;
    ++too_long_;
    rte_pktmbuf_free(packet);
    return;
  }
  const Frame frame(bytes_of(*packet));
  const Receiver::Outcome outcome = receiver_->receive(frame, arrived_++, state_, options_.policy);
  if (outcome.drop) {
    ++dropped_[*outcome.drop];
    rte_pktmbuf_free(packet);
    return;
  }
  if (outcome.unfinished)
    leave_unfinished({rte_pktmbuf_mtod(packet, std::uint8_t*), packet->data_len});
  packet->ol_flags |= ip_flags(outcome.answers.ip) | l4_flags(outcome.answers.l4);
  if (outcome.hash) {
    packet->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
    packet->hash.rss = *outcome.hash;
  }
  if (outcome.mark) {
    packet->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
    packet->hash.fdir.hi = *outcome.mark;
  }
  packet = into_memory_of(outcome.queue, packet);
  if (packet == nullptr || rte_ring_sp_enqueue(rx_rings_[outcome.queue].get(), packet) != 0) {
    ++queue_full_;
    rte_pktmbuf_free(packet);
    return;
  }
  ++queue_received_[outcome.queue];
}

unsigned EmulatedCard::transmit_burst(std::uint16_t queue) {
  std::array<rte_mbuf*, max_burst> packets;
  const unsigned n = rte_ring_sc_dequeue_burst(
      tx_rings_[queue].get(), reinterpret_cast<void**>(packets.data()), options_.burst, nullptr);
  unsigned whole = 0;  // those that are not cut, and have not been sent yet
  for (unsigned i = 0; i < n; ++i) {
    if (!transmitter_.cuts(*packets[i], state_)) {
      packets[whole++] = packets[i];
      continue;
    }
    transmit(queue, {packets.data(), std::exchange(whole, 0)});
    std::vector<rte_mbuf*> segments = cut_segments(*packets[i], packets[i]->pool);
    rte_pktmbuf_free(packets[i]);
    if (segments.empty()) {
      ++transmit_failed_;
    } else {
      cut_ += segments.size() - 1;
    }
    transmit(queue, segments);
  }
  transmit(queue, {packets.data(), whole});
  return n;
}

void EmulatedCard::transmit(std::uint16_t queue, std::span<rte_mbuf*> frames) {
  unsigned ready = 0;
  for (rte_mbuf* frame : frames) {
    if (transmitter_.prepare(*frame, state_)) {
      frames[ready++] = frame;
    } else {
      ++transmit_failed_;
      rte_pktmbuf_free(frame);
    }
  }
  if (ready == 0) return;
  const unsigned sent = wire_.transmit(frames.data(), static_cast<std::uint16_t>(ready));
  transmitted_ += sent;
  queue_transmitted_[queue] += sent;
  transmit_failed_ += ready - sent;
}

std::uint64_t EmulatedCard::give_back(Ring& ring) {
  std::uint64_t count = 0;
  void* packet = nullptr;
  for (; rte_ring_sc_dequeue(ring.get(), &packet) == 0; ++count)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
  return count;
}

}  // namespace weft::emulator
