// What is asked of keys, as linear equations over their bits. A request has a name and a place, so
// that whoever asks for too much is told which of his words contradict each other.
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/rss/hash.h"
#include "compiler/rss/row.h"

namespace weft::rss {

// Where a hash is computed: a card's port with its key, or that of another card.
struct Port {
  std::string name;
  unsigned key_bytes = 40;
  unsigned first = 0;  // of its key's bits among those of all keys; ports may share a key
  unsigned bits = 7;   // the low bits of the hash that pick the entry of the indirection table
  std::vector<Input> inputs;         // one for each hash type that is in use
  std::vector<std::string> matters;  // fields that packets are spread by; empty: all
};

struct Request {
  std::string name;  // "symmetric"
  diag::Span span;
  std::vector<Equation> equations;
};

// The low `bits` of the hash are the same for a packet at `a` and one at `b` whose fields agree:
// the first of `of_a` with the first of `of_b`, and so on. What other fields hold is not asked:
// where they must not matter, say `only` as well.
void require_same(Request& request, const Port& a, const std::vector<std::string>& of_a,
                  const Port& b, const std::vector<std::string>& of_b);

// They depend on no other fields than these.
void require_only(Request& request, const Port& port, const std::vector<std::string>& fields);

// They are those of `value`, for this one input; `bits` of them.
void require_hash(Request& request, const Port& port, const Bytes& input, std::uint32_t value,
                  unsigned bits);

// The key is this one.
void require_key(Request& request, const Port& port, const Bytes& key);

// What bit `at` of a part would add to the highest bit of the hash: one bit of the key, or two.
// What it adds to bit j is that of bit at + j.
Row part_bit(const Port& port, const Part& part, unsigned at);
// All those that the picked bits of the hash look at are bits looks_from to looks_from + looks_at.
inline unsigned looks_from(const Port& port) { return 32 - port.bits; }
inline unsigned looks_at(const Port& port, const Part& part) { return part.width + port.bits - 1; }

// The sum of input bits times key bits that is bit `j` of the hash, counted from the highest.
Row hash_bit(const Port& port, const Bytes& input, unsigned j);

}  // namespace weft::rss
