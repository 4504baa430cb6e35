#include "runtime/emulator/rss.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/ports/translate.h"

namespace weft::emulator {
namespace {

diag::Diagnostic bad_unit(std::string message) {
  return {.code = "E0641", .message = std::move(message)};
}

// Bits of several fields one behind the other, as the hash reads them.
class BitString {
 public:
  void append(std::uint64_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;) {
      if ((value >> i) & 1) bytes_[bits_ / 8] |= static_cast<std::uint8_t>(0x80U >> (bits_ % 8));
      ++bits_;
    }
  }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), (bits_ + 7) / 8}; }

  static constexpr unsigned max_bits = 64 * 8;

 private:
  std::array<std::uint8_t, max_bits / 8> bytes_{};
  unsigned bits_ = 0;
};

// "ipv4.dst" for "ipv4.src"; "" where there is no such end of a connection.
std::string other_end(std::string field) {
  if (field.starts_with("eth.")) return "";
  const std::size_t source = field.find(".src"), target = field.find(".dst");
  if (source == std::string::npos && target == std::string::npos) return "";
  return field.replace(std::min(source, target), 4, source < target ? ".dst" : ".src");
}

std::uint64_t fnv1a(std::uint64_t hash, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) hash = (hash ^ ((value >> (8 * i)) & 0xff)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

Toeplitz::Toeplitz(std::span<const std::uint8_t> key) {
  if (key.size() < 4) return;
  const auto key_bit = [&](std::size_t i) { return (key[i / 8] >> (7 - i % 8)) & 1U; };
  const std::size_t input_bytes = key.size() - 4;
  table_.assign(input_bytes * 256, 0);
  for (std::size_t byte = 0; byte < input_bytes; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::uint32_t window = 0;
      for (std::size_t i = 0; i < 32; ++i) window = (window << 1) | key_bit(byte * 8 + bit + i);
      for (unsigned value = 0; value < 256; ++value) {
        if (value & (0x80U >> bit)) table_[byte * 256 + value] ^= window;
      }
    }
  }
}

std::uint32_t Toeplitz::hash(std::span<const std::uint8_t> input) const {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::size_t at = i * 256 + input[i];
    if (at < table_.size()) out ^= table_[at];
  }
  return out;
}

std::vector<std::uint8_t> default_rss_key(unsigned bytes) {
  // The key of Microsoft's verification suite, which the drivers of DPDK use in various forms.
  static constexpr std::array<std::uint8_t, 40> known = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  std::vector<std::uint8_t> key(bytes);
  for (unsigned i = 0; i < bytes; ++i) key[i] = known[i % known.size()];
  return key;
}

diag::Result<Rss> Rss::make(const ir::RssUnit& unit, const Names& names) {
  Rss out;
  out.unit_ = unit;
  for (const ir::RssType& declared : unit.types) {
    Type type;
    const auto bit = ports::rss_type_bit(declared.name);
    if (!bit) return diag::fail(bad_unit(fmt::format("no RSS type `{}`", declared.name)));
    type.bit = *bit;
    type.fixed = declared.fixed;
    auto applies = Predicate::compile(declared.applies, names);
    if (!applies) return diag::fail(applies.error());
    type.applies = std::move(*applies);
    unsigned bits = 0;
    for (const std::string& name : declared.input) {
      const ir::Field* field = names.fields.find(name);
      const auto place = field == nullptr ? std::nullopt : place_of(*field);
      if (!place) return diag::fail(bad_unit(fmt::format("RSS cannot hash `{}`", name)));
      type.input.push_back(*place);
      bits += place->width;
    }
    const unsigned room = unit.key_bytes < 4 ? 0 : (unit.key_bytes - 4) * 8;
    if (bits > std::min(room, BitString::max_bits))
      return diag::fail(
          bad_unit(fmt::format("RSS type `{}` hashes {} bits, a key of {} bytes has "
                               "room for {}",
                               declared.name, bits, unit.key_bytes, room)));
    for (std::size_t i = 0; i < declared.input.size(); ++i) {
      const auto other =
          std::find(declared.input.begin(), declared.input.end(), other_end(declared.input[i]));
      type.mirror.push_back(other == declared.input.end()
                                ? i
                                : static_cast<std::size_t>(other - declared.input.begin()));
    }
    out.types_.push_back(std::move(type));
    if (!declared.fixed) out.offered_ |= *bit;
  }
  return out;
}

void Rss::reset(unsigned queues, bool on, std::uint64_t spread_seed) {
  queues_ = queues;
  on_ = on;
  seed_ = spread_seed;
  enabled_ = 0;
  for (Type& type : types_) type.symmetric = false;
  key_ = default_rss_key(unit_.key_bytes);
  toeplitz_ = Toeplitz(key_);
  table_.assign(unit_.table_size, 0);
  const unsigned reach = unit_.queue_reach == 0 ? queues : std::min(queues, unit_.queue_reach);
  for (unsigned i = 0; i < unit_.table_size; ++i) table_[i] = static_cast<std::uint16_t>(i % reach);
}

int Rss::set_key(std::span<const std::uint8_t> key) {
  if (!unit_.key_settable) return -ENOTSUP;
  if (key.size() != unit_.key_bytes) return -EINVAL;
  key_.assign(key.begin(), key.end());
  toeplitz_ = Toeplitz(key);
  return 0;
}

int Rss::set_types(std::uint64_t types) {
  if ((types & ~offered_) != 0) return -EINVAL;
  enabled_ = types;
  return 0;
}

int Rss::set_symmetric(std::uint64_t bit, bool on) {
  const auto& has = unit_.functions;
  if (std::find(has.begin(), has.end(), ir::HashFunction::symmetric_toeplitz) == has.end())
    return -ENOTSUP;
  const auto type = std::find_if(types_.begin(), types_.end(),
                                 [&](const Type& t) { return t.bit == bit && !t.fixed; });
  if (type == types_.end()) return -EINVAL;
  if (type->symmetric == on) return -EEXIST;
  type->symmetric = on;
  return 0;
}

int Rss::check_entry(unsigned index, std::uint16_t queue) const {
  if (!unit_.table_settable) return -ENOTSUP;
  if (index >= table_.size() || queue >= queues_) return -EINVAL;
  if (unit_.queue_reach != 0 && queue >= unit_.queue_reach) return -EINVAL;
  return 0;
}

int Rss::set_entry(unsigned index, std::uint16_t queue) {
  if (const int error = check_entry(index, queue); error != 0) return error;
  table_[index] = queue;
  return 0;
}

Rss::Answer Rss::pick(const Frame& frame, const CardState& state) const {
  if (!unit_.predictable) return spread(frame);
  if (!on_ || table_.empty()) return {};
  for (const Type& type : types_) {
    if ((!type.fixed && (type.bit & enabled_) == 0) || !type.applies.holds(frame, state)) continue;
    BitString input;
    for (std::size_t i = 0; i < type.input.size(); ++i) {
      std::uint64_t value = frame.read(type.input[i]);
      if (type.symmetric && type.mirror[i] != i) value ^= frame.read(type.input[type.mirror[i]]);
      input.append(value, type.input[i].width);
    }
    const std::uint32_t hash = toeplitz_.hash(input.bytes());
    return {.hashed = true, .hash = hash, .queue = table_[hash % table_.size()]};
  }
  return {.hashed = false, .hash = 0, .queue = table_[0]};
}

bool Rss::hashes_by(std::span<const std::uint8_t> key, std::uint64_t types) const {
  const bool symmetric =
      std::any_of(types_.begin(), types_.end(), [](const Type& t) { return t.symmetric; });
  return std::equal(key.begin(), key.end(), key_.begin(), key_.end()) && types == enabled_ &&
         !symmetric;
}

Rss::Answer Rss::spread(const Frame& frame) const {
  return {
      .hashed = false, .hash = 0, .queue = static_cast<std::uint16_t>(stand_in(frame) % queues_)};
}

// A stand-in for "some hash of the flow": the same flow keeps its queue, which one it is the seed
// decides. For UDP and TCP it looks at 4 bytes behind the header too, in fragments as well.
std::uint32_t Rss::stand_in(const Frame& frame) const {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed_;
  const std::uint64_t network = std::uint64_t{frame.network()} * 8;
  hash = fnv1a(hash, frame.read_bits(network + 96, 64));
  const std::uint64_t protocol = frame.read_bits(network + 72, 8);
  if (protocol == 6 || protocol == 17)
    hash = fnv1a(hash, frame.read_bits(std::uint64_t{frame.transport()} * 8, 32));
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace weft::emulator
