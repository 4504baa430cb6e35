// What Linux's tcp_info says, from what is known of a connection.
#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "runtime/sim/sockets.h"

namespace weft::sim {

// The layout is Linux's: whoever has its header may use that.
static_assert(sizeof(weft_sim_tcp_info) == 248);
static_assert(offsetof(weft_sim_tcp_info, tcpi_rto) == 8);
static_assert(offsetof(weft_sim_tcp_info, tcpi_pacing_rate) == 104);
static_assert(offsetof(weft_sim_tcp_info, tcpi_snd_wnd) == 228);

int Sockets::info(int fd, weft_sim_tcp_info& info) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  info = {};
  describe(*s, info);
  return 0;
}

void Sockets::describe(Socket& s, weft_sim_tcp_info& info) {
  info.tcpi_state = s.kind == Kind::listener ? 10 : 7;
  if (s.kind == Kind::listener) {
    info.tcpi_unacked = static_cast<std::uint32_t>(s.waiting.size());
    info.tcpi_sacked = s.backlog;
    return;
  }
  const tcp::Connection* c = s.kind == Kind::connection ? connection(s) : nullptr;
  if (c == nullptr) return;
  constexpr std::uint8_t states[] = {7, 2, 3, 1, 4, 5, 8, 11, 9, 6};
  constexpr std::uint8_t recoveries[] = {0, 2, 3, 4};
  const std::uint64_t now_ns = host_.now_ns();
  const auto now_ms = static_cast<std::uint32_t>(now_ns / 1'000'000);
  const auto ago_ms = [&](std::uint64_t at_ns) {
    return static_cast<std::uint32_t>((now_ns - std::min(at_ns, now_ns)) / 1'000'000);
  };
  info.tcpi_state = states[static_cast<unsigned>(c->state)];
  info.tcpi_ca_state = recoveries[static_cast<unsigned>(c->recovery)];
  if (c->recovery == tcp::Recovery::open && (c->dup_acks != 0 || c->sacked_bytes != 0))
    info.tcpi_ca_state = 1;
  info.tcpi_backoff = c->backoff;
  info.tcpi_retransmits = c->timeouts_on_end;
  info.tcpi_probes = std::max(c->window_probes, c->keepalives_sent);
  info.tcpi_options =
      static_cast<std::uint8_t>(c->timestamps | c->sack << 1 | c->scaling << 2 | c->ecn << 3);
  info.tcpi_snd_wscale = c->snd_scale & 15;
  info.tcpi_rcv_wscale = c->rcv_scale & 15;
  info.tcpi_rto = static_cast<std::uint32_t>(
      std::min(std::uint64_t{c->rto_us} << std::min<unsigned>(c->backoff, 16),
               std::uint64_t{host_.tcp().config().rto_max} * 1000));
  info.tcpi_ato = host_.tcp().config().delayed_ack * 1000;
  info.tcpi_snd_mss = c->mss;
  info.tcpi_rcv_mss = c->rcv_mss;
  const tcp::Flight flight = host_.tcp().flight(*c);
  info.tcpi_unacked = flight.sent;
  info.tcpi_sacked = flight.sacked;
  info.tcpi_lost = flight.lost;
  info.tcpi_retrans = flight.again;
  info.tcpi_last_data_sent = ago_ms(c->last_sent_ns);
  info.tcpi_last_data_recv = info.tcpi_last_ack_recv = ago_ms(c->last_heard_ns);
  info.tcpi_pmtu = c->path_mtu != 0 ? c->path_mtu : host_.config().mtu;
  info.tcpi_rcv_ssthresh = c->rcv_buf;
  info.tcpi_rtt = c->srtt_us;
  info.tcpi_rttvar = c->rttvar_us;
  info.tcpi_min_rtt = c->min_rtt_us != 0 ? c->min_rtt_us : ~std::uint32_t{0};
  info.tcpi_snd_ssthresh = c->ssthresh == ~std::uint32_t{0} ? 0x7fffffff : c->ssthresh / c->mss;
  info.tcpi_snd_cwnd = c->cwnd / c->mss;
  info.tcpi_advmss = info.tcpi_pmtu - 40;
  if (c->user_mss != 0) info.tcpi_advmss = std::min<std::uint32_t>(info.tcpi_advmss, c->user_mss);
  info.tcpi_reordering = c->reordering;
  info.tcpi_reord_seen = c->reorderings;
  info.tcpi_rcv_rtt = c->rcv_rtt_us;
  info.tcpi_rcv_space = c->rcv_buf;
  info.tcpi_total_retrans = c->retransmitted;
  info.tcpi_bytes_acked = c->bytes_acked;
  info.tcpi_bytes_received = c->bytes_received;
  info.tcpi_segs_out = c->segments_out;
  info.tcpi_segs_in = c->segments_in;
  info.tcpi_data_segs_in = c->texts_in;
  info.tcpi_data_segs_out = c->texts_out;
  info.tcpi_notsent_bytes = unsent(*c);
  info.tcpi_delivered = c->delivered;
  info.tcpi_delivered_ce = c->delivered_ce;
  info.tcpi_rcv_ooopack = c->out_of_order;
  info.tcpi_bytes_retrans = c->bytes_again;
  info.tcpi_bytes_sent =
      c->bytes_acked + host_.tcp().unacked_bytes(*c) - unsent(*c) + c->bytes_again;
  info.tcpi_dsack_dups = c->spurious;
  info.tcpi_snd_wnd = c->snd_wnd;
  info.tcpi_rcv_wnd = c->receive_window();
  const std::uint64_t since_ns = now_ns - std::min(c->then_ns, now_ns);
  info.tcpi_busy_time = (c->busy_ns + (c->was_busy != 0 ? since_ns : 0)) / 1000;
  info.tcpi_rwnd_limited = (c->shut_out_ns + (c->was_shut_out != 0 ? since_ns : 0)) / 1000;
  info.tcpi_sndbuf_limited = starved_ns(s, *c) / 1000;
  info.tcpi_total_rto_recoveries = c->rto_episodes;
  info.tcpi_total_rto_time = c->rto_ms + (c->rto_since_ms != 0 ? now_ms - c->rto_since_ms : 0);
  info.tcpi_total_rto = static_cast<std::uint16_t>(std::min(c->timeouts, 65535u));
}

}  // namespace weft::sim
