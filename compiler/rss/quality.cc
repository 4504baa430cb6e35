#include "compiler/rss/quality.h"

#include <algorithm>
#include <array>
#include <bit>

namespace weft::rss {

namespace {

// Vectors over GF(2) of at most 32 bits, one for each highest bit.
class Span {
 public:
  void add(std::uint32_t v) {
    while (v != 0) {
      std::uint32_t& mine = rows_[static_cast<unsigned>(std::countl_zero(v))];
      if (mine == 0) {
        mine = v;
        ++rank_;
        return;
      }
      v ^= mine;
    }
  }
  unsigned rank() const { return rank_; }

 private:
  std::array<std::uint32_t, 32> rows_{};
  unsigned rank_ = 0;
};

bool matters(const Port& port, const Part& part) {
  return port.matters.empty() ||
         std::find(port.matters.begin(), port.matters.end(), part.field) != port.matters.end();
}

std::uint32_t mask_of(unsigned bits) { return bits >= 32 ? ~0u : (1u << bits) - 1; }

// For each bit of the input what it adds to the picked bits.
std::vector<std::uint32_t> columns_of(const Port& port, const Bytes& key) {
  unsigned bits = 0;
  for (const Input& input : port.inputs) bits = std::max(bits, input.bits());
  std::vector<std::uint32_t> out(bits);
  std::uint32_t window = 0;
  for (unsigned at = 0; at < bits + 31; ++at) {
    window = window << 1 | static_cast<std::uint32_t>(bit_of(key, at));
    if (at >= 31) out[at - 31] = window & mask_of(port.bits);
  }
  return out;
}

void add_input(const Port& port, const Input& input, const std::vector<std::uint32_t>& columns,
               Quality& out) {
  Span all;
  unsigned wanted = 0;
  for (const Part& part : input.parts) {
    if (!matters(port, part)) continue;
    wanted += part.width;
    for (unsigned from = 0; from < part.width; from += 8) {
      Span narrow;
      const unsigned here = std::min(8u, part.width - from);
      for (unsigned i = 0; i < here; ++i) {
        std::uint32_t column = columns[part.offset + from + i];
        if (part.also) column ^= columns[*part.also + from + i];
        out.untouched += column == 0;
        narrow.add(column);
        if (all.rank() < port.bits) all.add(column);
      }
      out.narrow += std::min(here, port.bits) - narrow.rank();
    }
  }
  out.missing_rank += std::min(port.bits, wanted) - all.rank();
}

}  // namespace

double chi_square(const std::vector<unsigned>& counts) {
  double sum = 0, squares = 0;
  for (const unsigned count : counts) {
    sum += count;
    squares += static_cast<double>(count) * count;
  }
  if (sum == 0 || counts.size() < 2) return 0;
  const auto entries = static_cast<double>(counts.size());
  return (squares * entries / sum - sum) / (entries - 1);
}

Quality quality_of(const Port& port, const Bytes& key, const std::vector<Bytes>& known) {
  Quality out;
  const std::vector<std::uint32_t> columns = columns_of(port, key);
  for (const Input& input : port.inputs) add_input(port, input, columns, out);
  if (known.empty() || port.bits > 16) return out;
  const Hasher hash(key, static_cast<unsigned>(known.front().size()));
  std::vector<unsigned> counts(std::size_t{1} << port.bits);
  for (const Bytes& input : known) ++counts[hash(input) & mask_of(port.bits)];
  out.of_known = chi_square(counts);
  return out;
}

bool better(const Quality& a, const Quality& b) {
  if (a.missing_rank != b.missing_rank) return a.missing_rank < b.missing_rank;
  if (a.untouched != b.untouched) return a.untouched < b.untouched;
  return a.badness() < b.badness();
}

}  // namespace weft::rss
