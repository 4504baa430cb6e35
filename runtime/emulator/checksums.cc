#include "runtime/emulator/checksums.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace weft::emulator {
namespace {

diag::Diagnostic no_code(std::string what) {
  return {.code = "E0642",
          .message = fmt::format("the emulated card has no code for {}", std::move(what))};
}

std::optional<Fact> fact_named(const std::string& name) {
  if (name == "ipv4.checksum_ok") return Fact::ipv4_checksum;
  if (name == "udp.checksum_ok") return Fact::udp_checksum;
  if (name == "tcp.checksum_ok") return Fact::tcp_checksum;
  if (name == "icmp.checksum_ok") return Fact::icmp_checksum;
  return std::nullopt;
}

std::optional<Verdict> verdict_named(const std::string& name) {
  if (name == "unknown") return Verdict::unknown;
  if (name == "good") return Verdict::good;
  if (name == "bad") return Verdict::bad;
  if (name == "none") return Verdict::none;
  return std::nullopt;
}

constexpr std::uint16_t all_ones = 0xffff;  // a sum over a right checksum (RFC 1071 section 1)

// RFC 768, RFC 9293: source, destination, protocol, length of the transport header and data.
std::uint32_t pseudo_header(std::span<const std::uint8_t> ipv4, std::uint32_t length) {
  return add_words(0, ipv4.subspan(12, 8)) + ipv4[9] + (length >> 16) + (length & 0xffff);
}

}  // namespace

std::uint32_t add_words(std::uint32_t sum, std::span<const std::uint8_t> bytes) {
  std::uint64_t wide = sum;
  std::size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) wide += (std::uint32_t{bytes[i]} << 8) | bytes[i + 1];
  if (i < bytes.size()) wide += std::uint32_t{bytes[i]} << 8;
  while (wide >> 32 != 0) wide = (wide & 0xffffffff) + (wide >> 32);
  return static_cast<std::uint32_t>(wide);
}

std::uint16_t fold(std::uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

bool is_wrong(Fact fact, const Frame& frame) {
  const std::uint32_t start = frame.network();
  if (frame.size() < start + 20) return false;
  const auto from_ip = frame.bytes().subspan(start);
  const unsigned header = (from_ip[0] & 0x0fU) * 4;
  if (from_ip[0] >> 4 != 4 || header < 20 || header > from_ip.size()) return false;
  if (fact == Fact::ipv4_checksum) return fold(add_words(0, from_ip.first(header))) != all_ones;

  const std::uint32_t total = (std::uint32_t{from_ip[2]} << 8) | from_ip[3];
  if (total < header || total > from_ip.size()) return true;
  auto segment = from_ip.subspan(header, total - header);
  switch (fact) {
    case Fact::udp_checksum: {
      if (segment.size() < 8) return true;
      const std::uint32_t length = (std::uint32_t{segment[4]} << 8) | segment[5];
      if (length < 8 || length > segment.size()) return true;
      if (segment[6] == 0 && segment[7] == 0) return false;
      segment = segment.first(length);
      break;
    }
    case Fact::tcp_checksum:
      if (segment.size() < 20) return true;
      break;
    case Fact::icmp_checksum: return fold(add_words(0, segment)) != all_ones;
    case Fact::ipv4_checksum: break;
  }
  const auto length = static_cast<std::uint32_t>(segment.size());
  return fold(add_words(pseudo_header(from_ip, length), segment)) != all_ones;
}

diag::Result<Reporter> Reporter::make(const ir::Report& report, unsigned knob, const Names& names) {
  Reporter out;
  const auto when_off = verdict_named(report.when_off);
  if (!when_off) return diag::fail(no_code(fmt::format("the answer `{}`", report.when_off)));
  if (report.field != "desc.ip_cksum" && report.field != "desc.l4_cksum")
    return diag::fail(no_code(fmt::format("the descriptor field `{}`", report.field)));
  out.when_off_ = *when_off;
  out.about_ip_ = report.field == "desc.ip_cksum";
  out.knob_ = knob;
  auto checks = Predicate::compile(report.checks, names);
  if (!checks) return diag::fail(checks.error());
  auto says_good = Predicate::compile(report.says_good, names);
  if (!says_good) return diag::fail(says_good.error());
  out.checks_ = std::move(*checks);
  out.none_is_good_ = report.none_is_good;
  out.says_good_ = std::move(*says_good);
  for (const ir::Claim& claim : report.claims) {
    const auto fact = fact_named(claim.fact);
    if (!fact) return diag::fail(no_code(fmt::format("reports on `{}`", claim.fact)));
    auto applies = Predicate::compile(claim.applies(), names);
    if (!applies) return diag::fail(applies.error());
    auto evidence = Predicate::compile(claim.evidence, names);
    if (!evidence) return diag::fail(evidence.error());
    out.claims_.push_back({*fact, std::move(*applies), std::move(*evidence)});
  }
  return out;
}

bool Reporter::Claim::wrong(const Frame& frame, const CardState& state) const {
  return applies.holds(frame, state) && is_wrong(fact, frame);
}

Verdict Reporter::judge(const Frame& frame, const CardState& state) const {
  if (!on(state)) return when_off_;
  const bool checks = checks_.holds(frame, state);
  for (const Claim& claim : claims_) {
    // One that finds no errors knows what it calls good from the sender.
    if ((checks || claim.evidence.holds(frame, state)) && claim.wrong(frame, state))
      return checks ? Verdict::bad : Verdict::unknown;
  }
  return says_good_.holds(frame, state) ? Verdict::good : Verdict::unknown;
}

bool Reporter::may_be_unfinished(const Frame& frame, const CardState& state) const {
  if (!none_is_good_ || !on(state)) return false;
  return std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) {
    if (!claim.evidence.holds(frame, state) || claim.wrong(frame, state)) return false;
    if (claim.fact != Fact::udp_checksum) return claim.fact == Fact::tcp_checksum;
    const auto udp = frame.bytes().subspan(frame.transport());
    return udp[6] != 0 || udp[7] != 0;  // 0: its sender wants none
  });
}

void leave_unfinished(std::span<std::uint8_t> frame) {
  const Frame parsed(frame);
  const auto ipv4 = parsed.bytes().subspan(parsed.network());
  const auto from_l4 = frame.subspan(parsed.transport());
  const bool tcp = ipv4[9] == 6;
  const std::uint32_t header = parsed.transport() - parsed.network();
  const std::uint32_t length = tcp ? ((std::uint32_t{ipv4[2]} << 8) | ipv4[3]) - header
                                   : (std::uint32_t{from_l4[4]} << 8) | from_l4[5];
  const std::uint16_t sum = fold(pseudo_header(ipv4, length));
  const auto field = from_l4.subspan(tcp ? 16 : 6, 2);
  field[0] = static_cast<std::uint8_t>(sum >> 8);
  field[1] = static_cast<std::uint8_t>(sum);
}

}  // namespace weft::emulator
