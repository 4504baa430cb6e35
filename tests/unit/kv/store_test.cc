// The store: what expires, what goes under its limit, what numbers become.
#include "store.h"

#include <gtest/gtest.h>

#include <thread>

#include "stores.h"

namespace {

using namespace kv;

ItemRef item(std::string_view key, std::string_view value, std::uint64_t expires = 0) {
  ItemRef made = make_item(key, 0, expires, static_cast<std::uint32_t>(value.size()));
  value.copy(made->value_begin(), value.size());
  return made;
}

Result put(Store& s, std::string_view key, std::string_view value, Mode mode = Mode::set,
           std::uint64_t cas = 0, std::uint64_t now = 1) {
  ItemRef i = item(key, value);
  return s.put(i, mode, cas, now);
}

std::string got(Store& s, std::string_view key, std::uint64_t now = 1) {
  const ItemRef i = s.find(key, now);
  return i == nullptr ? "-" : std::string(i->value());
}

TEST(KvStore, Modes) {
  Store s(1 << 20, 1);
  EXPECT_EQ(put(s, "a", "1", Mode::replace), Result::not_stored);
  EXPECT_EQ(put(s, "a", "1", Mode::append), Result::not_stored);
  EXPECT_EQ(put(s, "a", "1", Mode::add), Result::done);
  EXPECT_EQ(put(s, "a", "2", Mode::add), Result::not_stored);
  EXPECT_EQ(put(s, "a", "2", Mode::append), Result::done);
  EXPECT_EQ(put(s, "a", "0", Mode::prepend), Result::done);
  EXPECT_EQ(got(s, "a"), "012");
  EXPECT_EQ(put(s, "a", std::string(longest_value, 'x'), Mode::append), Result::too_large);
  EXPECT_EQ(got(s, "a"), "012");
}

TEST(KvStore, CasTellsWhoCameFirst) {
  Store s(1 << 20, 1);
  EXPECT_EQ(put(s, "a", "1", Mode::set, 5), Result::not_found);
  put(s, "a", "1");
  const std::uint64_t cas = s.find("a", 1)->cas;
  EXPECT_EQ(put(s, "a", "2", Mode::set, cas), Result::done);
  EXPECT_EQ(put(s, "a", "3", Mode::set, cas), Result::exists);
  EXPECT_EQ(s.remove("a", cas, 1), Result::exists);
  EXPECT_EQ(got(s, "a"), "2");
}

TEST(KvStore, Time) {
  Store s(1 << 20, 1);
  ItemRef i = item("a", "1", 100);
  s.put(i, Mode::set, 0, 50);
  EXPECT_EQ(got(s, "a", 99), "1");
  EXPECT_EQ(s.touch("a", 200, 99, i), Result::done);
  EXPECT_EQ(got(s, "a", 199), "1");
  EXPECT_EQ(got(s, "a", 200), "-");
  EXPECT_EQ(s.counters.items, 0u);
  EXPECT_EQ(s.touch("a", 0, 201, i), Result::not_found);
  EXPECT_EQ(expiry_of(0, 10), 0u);
  EXPECT_EQ(expiry_of(-1, 10), 1u);
  EXPECT_EQ(expiry_of(2592000, 10), 2592010u);
  EXPECT_EQ(expiry_of(2592001, 10), 2592001u);
}

// What is stored before a flush takes effect is over then; what comes later is not.
TEST(KvStore, Flush) {
  Store s(1 << 20, 1);
  put(s, "a", "1");
  s.flush(10, 1);
  put(s, "b", "2", Mode::set, 0, 9);
  EXPECT_EQ(got(s, "a", 9), "1");
  EXPECT_EQ(put(s, "c", "3", Mode::set, 0, 10), Result::done);
  EXPECT_EQ(got(s, "a", 10), "-");
  EXPECT_EQ(got(s, "b", 10), "-");
  EXPECT_EQ(got(s, "c", 10), "3");
  s.flush(10, 10);
  EXPECT_EQ(got(s, "c", 10), "-");
}

TEST(KvStore, TheLeastRecentlyUsedGo) {
  Store s(100 * 1000, 1);
  const std::string value(1000, 'v');
  for (int i = 0; i < 200; ++i) {
    put(s, std::to_string(i), value);
    EXPECT_EQ(got(s, "0"), value);
    EXPECT_LE(s.counters.bytes, s.limit());
  }
  EXPECT_EQ(s.counters.items + s.counters.evicted, 200u);
  EXPECT_EQ(got(s, "1"), "-");
  EXPECT_EQ(got(s, "199"), value);
  s.set_limit(10 * 1000);
  EXPECT_LE(s.counters.bytes, 10'000u);
  put(s, "huge", std::string(50'000, 'h'));  // by itself it may stay
  EXPECT_EQ(s.counters.items, 1u);
}

// A value that somebody still holds stays as it is, whatever becomes of its key.
TEST(KvStore, AHeldValueStays) {
  Store s(1 << 20, 1);
  put(s, "a", "old");
  const ItemRef held = s.find("a", 1);
  put(s, "a", "new");
  s.remove("a", 0, 1);
  s.set_limit(0);
  EXPECT_EQ(held->value(), "old");
}

TEST(KvStore, Numbers) {
  Store s(1 << 20, 1);
  ItemRef i;
  std::uint64_t n = 0;
  put(s, "n", "18446744073709551615");
  EXPECT_EQ(s.add("n", true, 2, 0, 1, i, n), Result::done);
  EXPECT_EQ(n, 1u);
  EXPECT_EQ(s.add("n", false, 5, 0, 1, i, n), Result::done);
  EXPECT_EQ(got(s, "n"), "0");
  for (const char* bad : {"", "x", "1x", "-1", "18446744073709551616", " 1"}) {
    put(s, "n", bad);
    EXPECT_EQ(s.add("n", true, 1, 0, 1, i, n), Result::non_numeric) << bad;
  }
  put(s, "n", "9  ");
  EXPECT_EQ(s.add("n", true, 1, 0, 1, i, n), Result::done);
  EXPECT_EQ(s.add("none", true, 1, 0, 1, i, n), Result::not_found);
}

TEST(KvStores, ManyThreadsCountRight) {
  Stores stores(64 << 20, 3);
  stores.start(1);
  for (int k = 0; k < 8; ++k) {
    ItemRef i = item(std::to_string(k), "0");
    stores.of(i->key())->put(i, Mode::set, 0, 1);
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&stores] {
      for (int n = 0; n < 4000; ++n) {
        const std::string key = std::to_string(n % 8);
        ItemRef i;
        std::uint64_t value = 0;
        stores.of(key)->add(key, true, 1, 0, 1, i, value);
      }
    });
  for (std::thread& t : threads) t.join();
  for (int k = 0; k < 8; ++k)
    EXPECT_EQ(stores.of(std::to_string(k))->find(std::to_string(k), 1)->value(), "2000");
  EXPECT_EQ(stores.counters().incr_hits, 16000u);
}

}  // namespace
