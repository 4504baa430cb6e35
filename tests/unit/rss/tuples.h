// Inputs of the hash as cards have them, and packets to try keys with.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "compiler/rss/keys.h"

namespace weft::rss::testing {

inline Input of(const std::string& name, const std::vector<std::pair<std::string, unsigned>>& all) {
  Input out{name, {}};
  for (const auto& [field, width] : all) out.parts.push_back({field, out.bits(), width});
  return out;
}

inline Input ipv4() { return of("ipv4", {{"src", 32}, {"dst", 32}}); }
inline Input ipv4_udp() {
  return of("ipv4_udp", {{"src", 32}, {"dst", 32}, {"sport", 16}, {"dport", 16}});
}
inline Input ipv6_udp() {
  return of("ipv6_udp", {{"src", 128}, {"dst", 128}, {"sport", 16}, {"dport", 16}});
}

inline Port port(std::vector<Input> inputs, unsigned key_bytes = 40, unsigned bits = 7) {
  return {.name = "port", .key_bytes = key_bytes, .bits = bits, .inputs = std::move(inputs)};
}

inline Bytes random_input(std::mt19937_64& random, unsigned bytes) {
  Bytes out(bytes);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

// The definition, bit by bit.
inline std::uint32_t hash(const Bytes& input, const Bytes& key) {
  std::uint32_t sum = 0;
  for (unsigned i = 0; i < input.size() * 8; ++i) {
    if (!bit_of(input, i)) continue;
    for (unsigned j = 0; j < 32; ++j) sum ^= std::uint32_t{bit_of(key, i + j)} << (31 - j);
  }
  return sum;
}

inline unsigned entry(const Bytes& input, const Bytes& key, unsigned bits) {
  return hash(input, key) & ((1u << bits) - 1);
}

// Source and destination change places, address and port.
inline Bytes answer(const Bytes& in) {
  const std::size_t address = (in.size() - 4) / 2;
  Bytes out(in.begin() + static_cast<long>(address), in.begin() + static_cast<long>(2 * address));
  out.insert(out.end(), in.begin(), in.begin() + static_cast<long>(address));
  const std::size_t ports = 2 * address;
  for (const std::size_t at : {ports + 2, ports + 3, ports, ports + 1}) out.push_back(in[at]);
  return out;
}

inline Keys must(const Task& task) {
  auto keys = find_keys(task);
  if (!keys) {
    ADD_FAILURE() << "requests contradict each other: " << keys.error().starved;
    std::abort();
  }
  return std::move(*keys);
}

inline Request symmetric(const Port& at, const std::string& name = "symmetric") {
  Request out{name, {}, {}};
  require_same(out, at, {"src", "dst", "sport", "dport"}, at, {"dst", "src", "dport", "sport"});
  return out;
}

inline Request only(const Port& at, const std::vector<std::string>& fields,
                    const std::string& name = "by") {
  Request out{name, {}, {}};
  require_only(out, at, fields);
  return out;
}

}  // namespace weft::rss::testing
