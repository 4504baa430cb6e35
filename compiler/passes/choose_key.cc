#include "compiler/passes/choose_key.h"

#include <algorithm>

#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

// The longest run of equal bits.
unsigned longest_run(const std::vector<std::uint8_t>& key) {
  unsigned longest = 0, run = 0;
  int last = -1;
  for (std::size_t i = 0; i < key.size() * 8; ++i) {
    const int bit = (key[i / 8] >> (7 - i % 8)) & 1;
    run = bit == last ? run + 1 : 1;
    last = bit;
    longest = std::max(longest, run);
  }
  return longest;
}

// Random bits, the same for the same inputs. Each input bit of the hash looks at 32 bits of the key
// and the indirection table at the last few of them: a long run of equal bits would take all hosts
// of a subnet to one entry. (For the 40 to 52 bytes of a key runs of 6 are about the best.)
std::vector<std::uint8_t> rss_key(unsigned bytes) {
  std::vector<std::uint8_t> key(bytes);
  std::uint64_t state = 0x77656674;  // "weft"
  for (unsigned tries = 0; tries < 1000; ++tries) {
    for (auto& byte : key) {  // splitmix64
      std::uint64_t x = state += 0x9e3779b97f4a7c15u;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
      byte = static_cast<std::uint8_t>((x ^ (x >> 31)) >> 56);
    }
    if (longest_run(key) <= 6) break;
  }
  return key;
}

}  // namespace

plan::Rss choose_key(const Inputs& inputs, unsigned queues, std::span<const HashedFlow>) {
  plan::Rss out;
  const ir::Node* node = rss_node(inputs.nic);
  if (node == nullptr || queues < 2) return out;
  out.enabled = true;
  out.key = rss_key(node->config.rss->key_bytes);
  for (const auto& type : node->config.rss->types) out.types.push_back(type.name);
  return out;
}

}  // namespace weft::passes
