#include "compiler/rss/request.h"

#include <algorithm>

namespace weft::rss {

namespace {

// Bits of a key behind its end count as 0.
void add_key_bit(Row& row, const Port& port, unsigned at) {
  if (at < port.key_bytes * 8) row.flip(port.first + at);
}

const Part* part_of(const Input& input, const std::string& field) {
  const auto it = std::find_if(input.parts.begin(), input.parts.end(),
                               [&](const Part& p) { return p.field == field; });
  return it == input.parts.end() ? nullptr : &*it;
}

void require_nothing(Request& request, const Port& port, const Part& part) {
  for (unsigned i = 0; i < looks_at(port, part); ++i)
    request.equations.push_back({part_bit(port, part, looks_from(port) + i), false});
}

}  // namespace

Row part_bit(const Port& port, const Part& part, unsigned at) {
  Row out;
  add_key_bit(out, port, part.offset + at);
  if (part.also) add_key_bit(out, port, *part.also + at);
  return out;
}

void require_same(Request& request, const Port& a, const std::vector<std::string>& of_a,
                  const Port& b, const std::vector<std::string>& of_b) {
  for (const Input& input_a : a.inputs) {
    for (const Input& input_b : b.inputs) {
      if (input_a.name != input_b.name) continue;
      for (std::size_t n = 0; n < of_a.size() && n < of_b.size(); ++n) {
        const Part* part_a = part_of(input_a, of_a[n]);
        const Part* part_b = part_of(input_b, of_b[n]);
        if (part_a == nullptr && part_b == nullptr) continue;
        // What only one of them hashes can't matter to either.
        if (part_a == nullptr) {
          require_nothing(request, b, *part_b);
          continue;
        }
        if (part_b == nullptr) {
          require_nothing(request, a, *part_a);
          continue;
        }
        for (unsigned i = 0; i < looks_at(a, *part_a); ++i) {
          Equation same{part_bit(a, *part_a, looks_from(a) + i), false};
          same.form.add(part_bit(b, *part_b, looks_from(b) + i), Row::words);
          request.equations.push_back(same);
        }
      }
    }
  }
}

void require_only(Request& request, const Port& port, const std::vector<std::string>& fields) {
  for (const Input& input : port.inputs) {
    for (const Part& part : input.parts) {
      if (std::find(fields.begin(), fields.end(), part.field) == fields.end())
        require_nothing(request, port, part);
    }
  }
}

void require_hash(Request& request, const Port& port, const Bytes& input, std::uint32_t value,
                  unsigned bits) {
  for (unsigned low = 0; low < bits; ++low)
    request.equations.push_back({hash_bit(port, input, 31 - low), ((value >> low) & 1) != 0});
}

void require_key(Request& request, const Port& port, const Bytes& key) {
  for (unsigned at = 0; at < port.key_bytes * 8; ++at) {
    Equation bit{.value = bit_of(key, at)};
    bit.form.flip(port.first + at);
    request.equations.push_back(bit);
  }
}

Row hash_bit(const Port& port, const Bytes& input, unsigned j) {
  Row out;
  for (unsigned i = 0; i < input.size() * 8; ++i) {
    if (bit_of(input, i)) add_key_bit(out, port, i + j);
  }
  return out;
}

}  // namespace weft::rss
