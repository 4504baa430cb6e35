#include "store.h"

#include <charconv>
#include <cstring>
#include <new>

namespace kv {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Spaces behind a number do not count: other servers leave them there.
bool number_of(std::string_view text, std::uint64_t& n) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty() || text.size() > 20) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc{} && end == text.data() + text.size();
}

ItemRef with_value(Item& like, std::string_view first, std::string_view second) {
  ItemRef item = make_item(like.key(), like.flags, like.expires,
                           static_cast<std::uint32_t>(first.size() + second.size()));
  if (item == nullptr) return nullptr;
  item->binary_key = like.binary_key;
  if (!first.empty()) std::memcpy(item->value_begin(), first.data(), first.size());
  if (!second.empty())
    std::memcpy(item->value_begin() + first.size(), second.data(), second.size());
  return item;
}

}  // namespace

ItemRef make_item(std::string_view key, std::uint32_t flags, std::uint64_t expires,
                  std::uint32_t value_bytes) {
  try {
    auto memory =
        std::make_shared_for_overwrite<std::byte[]>(sizeof(Item) + key.size() + value_bytes);
    Item* item = new (memory.get()) Item;
    item->flags = flags;
    item->expires = expires;
    item->value_bytes = value_bytes;
    item->key_bytes = static_cast<std::uint8_t>(key.size());
    std::memcpy(item->text(), key.data(), key.size());
    return {std::move(memory), item};
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::uint64_t hash_of(std::string_view key, std::uint64_t seed) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ull;
  std::uint64_t h = seed ^ (key.size() * odd);
  for (; key.size() >= 8; key.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, key.data(), 8);
    h = mixed(h ^ word, odd ^ seed);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, key.data(), key.size());
  return mixed(mixed(h ^ rest, odd ^ seed), 0xd6e8feb86659fd93ull);
}

std::size_t Store::Hash::operator()(std::string_view key) const { return hash_of(key, seed); }

Counters& Counters::operator+=(const Counters& o) {
  static_assert(sizeof(Counters) % sizeof(std::uint64_t) == 0);
  auto* to = reinterpret_cast<std::uint64_t*>(this);
  const auto* from = reinterpret_cast<const std::uint64_t*>(&o);
  for (std::size_t i = 0; i < sizeof(Counters) / sizeof(std::uint64_t); ++i) to[i] += from[i];
  return *this;
}

void Store::reset_counters() {
  const Counters old = counters;
  counters = {};
  counters.items = old.items;
  counters.bytes = old.bytes;
}

ItemRef Store::find(std::string_view key, std::uint64_t now, bool use) {
  run_flush(now);
  const auto found = map_.find(key);
  if (found == map_.end()) return nullptr;
  ItemRef item = found->second;
  const bool flushed = item->stored <= flushed_;
  if (flushed || (item->expires != 0 && item->expires <= now)) {
    ++(flushed ? counters.get_flushed : counters.get_expired);
    if (!item->fetched) ++counters.expired_unfetched;
    unlink(*item);
    return nullptr;
  }
  if (use) {
    take_out(*item);
    to_front(*item);
  }
  return item;
}

Result Store::put(ItemRef& item, Mode mode, std::uint64_t cas, std::uint64_t now,
                  std::uint64_t new_cas) {
  ++counters.sets;
  const ItemRef old = find(item->key(), now);
  if (cas != 0) {
    if (old == nullptr) return ++counters.cas_misses, Result::not_found;
    if (old->cas != cas) return ++counters.cas_other, Result::exists;
    ++counters.cas_hits;
  }
  if (mode == Mode::add ? old != nullptr : mode != Mode::set && old == nullptr)
    return Result::not_stored;
  if (mode == Mode::append || mode == Mode::prepend) {
    if (old->value_bytes + std::size_t{item->value_bytes} > longest_value) return Result::too_large;
    const bool behind = mode == Mode::append;
    item = with_value(*old, behind ? old->value() : item->value(),
                      behind ? item->value() : old->value());
    if (item == nullptr) return Result::no_memory;
  }
  if (old != nullptr) unlink(*old);
  link(item, now, new_cas);
  return Result::done;
}

Result Store::remove(std::string_view key, std::uint64_t cas, std::uint64_t now) {
  const ItemRef old = find(key, now, false);
  if (old == nullptr) return ++counters.delete_misses, Result::not_found;
  if (cas != 0 && old->cas != cas) return Result::exists;
  ++counters.delete_hits;
  unlink(*old);
  return Result::done;
}

Result Store::add(std::string_view key, bool up, std::uint64_t delta, std::uint64_t cas,
                  std::uint64_t now, ItemRef& item, std::uint64_t& value, std::uint64_t new_cas) {
  const ItemRef old = find(key, now);
  if (old == nullptr)
    return ++(up ? counters.incr_misses : counters.decr_misses), Result::not_found;
  if (cas != 0 && old->cas != cas) return Result::exists;
  if (!number_of(old->value(), value)) return Result::non_numeric;
  ++(up ? counters.incr_hits : counters.decr_hits);
  value = up ? value + delta : value - std::min(value, delta);
  char text[20];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  item = with_value(*old, {text, static_cast<std::size_t>(end - text)}, {});
  if (item == nullptr) return Result::no_memory;
  unlink(*old);
  link(item, now, new_cas);
  return Result::done;
}

Result Store::touch(std::string_view key, std::uint64_t expires, std::uint64_t now, ItemRef& item) {
  ++counters.touches;
  item = find(key, now);
  if (item == nullptr) return Result::not_found;
  ++counters.touch_hits;
  item->expires = expires;
  return Result::done;
}

void Store::flush(std::uint64_t at, std::uint64_t now) {
  ++counters.flushes;
  run_flush(now);
  flush_at_ = at;
  run_flush(now);
}

void Store::run_flush(std::uint64_t now) {
  if (flush_at_ == 0 || flush_at_ > now) return;
  flush_at_ = 0;
  flushed_ = last_stored_;
}

void Store::set_limit(std::size_t bytes) {
  limit_ = bytes;
  evict();
}

void Store::link(const ItemRef& item, std::uint64_t now, std::uint64_t new_cas) {
  item->cas = new_cas != 0 ? new_cas : next_cas();
  item->stored = ++last_stored_;
  item->accessed = now;
  map_.emplace(item->key(), item);
  to_front(*item);
  ++counters.stored;
  ++counters.items;
  counters.bytes += item->bytes();
  evict();
}

void Store::unlink(Item& item) {
  take_out(item);
  --counters.items;
  counters.bytes -= item.bytes();
  map_.erase(item.key());  // (whoever called holds it)
}

// The newest stays, however large it is.
void Store::evict() {
  while (counters.bytes > limit_ && oldest_ != newest_) {
    const ItemRef victim = map_.find(oldest_->key())->second;
    ++counters.evicted;
    if (!victim->fetched) ++counters.evicted_unfetched;
    unlink(*victim);
  }
}

void Store::to_front(Item& item) {
  item.older = newest_;
  item.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &item;
  newest_ = &item;
}

void Store::take_out(Item& item) {
  (item.newer != nullptr ? item.newer->older : newest_) = item.older;
  (item.older != nullptr ? item.older->newer : oldest_) = item.newer;
  item.newer = item.older = nullptr;
}

}  // namespace kv
