#include "stack-nodes/tcp/machine/congestion.h"

#include <algorithm>
#include <cmath>

namespace weft::tcp::congestion {
namespace {

// RFC 9438 sections 4.1, 4.3 and 4.6.
constexpr double cubic_c = 0.4;
constexpr double cubic_beta = 0.7;
constexpr double cubic_alpha = 3 * (1 - cubic_beta) / (1 + cubic_beta);

// RFC 5681 section 3.1, counted in bytes (RFC 3465). All that has arrived counts: receivers of
// today acknowledge many segments at once, and with a limit of two the window would hardly grow
// (RFC 9406 section 4.2 lifts it too). One segment for each acknowledgement in the slow start after
// a timeout.
std::uint32_t slow_start(Connection& c, std::uint32_t bytes) {
  const std::uint32_t most = c.after_timeout != 0 ? c.mss : bytes;
  const std::uint32_t room = c.ssthresh - c.cwnd;
  const std::uint32_t step = std::min({bytes, most, room});
  c.cwnd += step;
  // What goes beyond ssthresh is for congestion avoidance.
  return step == room ? bytes - std::min(bytes, step) : 0;
}

void reno(Connection& c, std::uint32_t bytes) {
  c.counted += bytes;
  if (c.counted < c.cwnd) return;
  c.counted -= c.cwnd;
  c.cwnd += c.mss;
}

// RFC 9438 section 4.2: a cubic function of the time since the last loss, flat where that was.
void cubic(Connection& c, std::uint32_t bytes, std::uint64_t now_ns) {
  const double mss = c.mss;
  const double cwnd = c.cwnd;
  if (c.epoch_ns == 0) {
    c.epoch_ns = std::max<std::uint64_t>(now_ns, 1);
    c.w_est = cwnd;
    if (c.w_max <= c.cwnd) {
      c.w_max = c.cwnd;
      c.k_ms = 0;
    } else {
      c.k_ms = static_cast<std::uint32_t>(
          1000 * std::cbrt((static_cast<double>(c.w_max) - cwnd) / mss / cubic_c));
    }
  }
  const double rtt = c.srtt_us / 1e6;
  const double t = static_cast<double>(now_ns - c.epoch_ns) / 1e9;
  const double from_k = t + rtt - c.k_ms / 1000.0;
  const double target = std::clamp(
      cubic_c * from_k * from_k * from_k * mss + static_cast<double>(c.w_max), cwnd, 1.5 * cwnd);
  // Section 4.3: never slower than Reno would be.
  const double step = c.w_est < c.w_max ? cubic_alpha : 1;
  c.w_est += step * bytes / cwnd * mss;
  double next = cwnd + (target - cwnd) * std::min<double>(bytes, cwnd) / cwnd;
  next = std::max(next, c.w_est);
  c.cwnd = static_cast<std::uint32_t>(std::min(next, 1e9));
}

}  // namespace

std::uint32_t initial_window(const Connection& c, unsigned initial_segments) {
  return std::min(initial_segments * c.mss, std::max(2u * c.mss, initial_segments * 1460u));
}

void start(Connection& c, unsigned initial_segments) {
  c.cwnd = initial_window(c, initial_segments);
  c.ssthresh = ~std::uint32_t{0};
}

void acknowledged(Connection& c, std::uint32_t bytes, std::uint64_t now_ns) {
  if (c.cwnd < c.ssthresh) bytes = slow_start(c, bytes);
  if (bytes == 0) return;
  c.after_timeout = 0;
  if (c.congestion == Congestion::newreno) {
    reno(c, bytes);
  } else {
    cubic(c, bytes, now_ns);
  }
}

std::uint32_t reduced(Connection& c, std::uint32_t flight) {
  begin_epoch(c);
  if (c.congestion == Congestion::newreno) {
    return std::min(flight, c.cwnd) / 2;  // RFC 5681 equation 4
  }
  // Fast convergence (section 4.7): who loses before the last maximum leaves room for others.
  c.w_max = c.cwnd < c.w_max ? static_cast<std::uint32_t>(c.cwnd * ((1 + cubic_beta) / 2)) : c.cwnd;
  return static_cast<std::uint32_t>(c.cwnd * cubic_beta);
}

void begin_epoch(Connection& c) {
  c.epoch_ns = 0;
  c.counted = 0;
}

}  // namespace weft::tcp::congestion
