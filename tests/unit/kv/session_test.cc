// The protocols: the same answers in whatever pieces commands come, and no harm in nonsense.
#include "session.h"

#include <gtest/gtest.h>

#include <random>

#include "base64.h"

namespace {

using namespace kv;

struct Text final : Sink {
  std::string all;
  std::size_t room = ~std::size_t{0};
  void write(std::string_view text) override { all += text; }
  void lend(std::string_view text, const ItemRef& item) override {
    EXPECT_EQ(text.data(), item->value().data());
    all += text;
  }
  bool full() const override { return all.size() > room; }
};

// Answers to `text` given in pieces of at most `most` bytes, of a store that is new.
std::string answers(const std::string& text, std::size_t most, unsigned seed = 1) {
  Stores stores(1 << 20, 1);
  stores.start(1000);
  Text out;
  Session s(stores, out);
  std::mt19937 random(seed);
  for (std::size_t at = 0; at < text.size() && !s.over();) {
    const std::size_t n = std::min(1 + random() % most, text.size() - at);
    const std::size_t used = s.take(std::string_view(text).substr(at, n));
    EXPECT_EQ(used, n);
    at += n;
  }
  return out.all;
}

const std::string commands =
    "set a 5 0 3\r\nabc\r\nget a\r\nadd b 0 0 0\r\n\r\nget a b\r\nset big 0 0 600\r\n" +
    std::string(600, 'x') +
    "\r\nappend big 0 0 2\r\n\r\n\r\nget big\r\nincr n 1\r\nset n 0 0 1\r\n9\r\nincr n "
    "1\r\nms m 2 T50\r\nhi\r\nmg m v t k\r\nma n N0 v\r\nmd m q\r\nmd m\r\nset huge 0 0 "
    "2000000\r\n" +
    std::string(2'000'000, 'h') +
    "\r\nbad\r\nset a 0 0 2\r\nabc\r\nmn\r\nstats settings\r\nquit\r\n";

std::string binary(unsigned char opcode, std::string_view extras, std::string_view key,
                   std::string_view value, unsigned char magic = 0x80) {
  std::string h(24, '\0');
  h[0] = static_cast<char>(magic);
  h[1] = static_cast<char>(opcode);
  h[3] = static_cast<char>(key.size());
  h[4] = static_cast<char>(extras.size());
  const auto body = static_cast<std::uint32_t>(extras.size() + key.size() + value.size());
  for (int i = 0; i < 4; ++i) h[8 + i] = static_cast<char>(body >> (24 - 8 * i));
  h[12] = static_cast<char>(opcode);  // opaque
  return h.append(extras).append(key).append(value);
}

std::string binary_commands() {
  const std::string eight(8, '\0'), twenty(20, '\1');
  return binary(0x01, eight, "a", "abc") + binary(0x00, {}, "a", {}) + binary(0x0c, {}, "a", {}) +
         binary(0x09, {}, "none", {}) + binary(0x00, {}, "none", {}) +
         binary(0x02, eight, "a", "x") + binary(0x03, eight, "none", "x") +
         binary(0x0e, {}, "a", "de") + binary(0x05, twenty, "n", {}) +
         binary(0x06, twenty, "n", {}) + binary(0x01, eight, "empty", {}) +
         binary(0x77, {}, {}, "body") + binary(0x01, {}, "a", "no extras") +
         binary(0x1d, "\0\0\0\5", "a", {}) + binary(0x11, eight, "quiet", "v") +
         binary(0x04, {}, "a", {}) + binary(0x0b, {}, {}, {}) + binary(0x08, {}, {}, {}) +
         binary(0x00, {}, "quiet", {}) + binary(0x0a, {}, {}, {}) + binary(0x07, {}, {}, {});
}

TEST(KvSession, TextInAnyPieces) {
  const std::string whole = answers(commands, commands.size());
  EXPECT_NE(whole.find("VALUE a 5 3\r\nabc\r\nEND\r\n"), std::string::npos);
  EXPECT_NE(whole.find("VALUE big 0 602\r\n"), std::string::npos);
  EXPECT_NE(whole.find("VA 2 t50 km\r\nhi\r\n"), std::string::npos);
  EXPECT_NE(whole.find("SERVER_ERROR object too large"), std::string::npos);
  EXPECT_NE(whole.find("CLIENT_ERROR bad data chunk"), std::string::npos);
  for (unsigned seed = 0; seed < 20; ++seed) EXPECT_EQ(answers(commands, 97, seed), whole);
  EXPECT_EQ(answers(commands, 1), whole);
}

TEST(KvSession, BinaryInAnyPieces) {
  const std::string text = binary_commands();
  const std::string whole = answers(text, text.size());
  EXPECT_NE(whole.find("abc"), std::string::npos);
  EXPECT_NE(whole.find("Unknown command"), std::string::npos);
  EXPECT_NE(whole.find("Invalid arguments"), std::string::npos);
  EXPECT_NE(whole.find("Data exists for key."), std::string::npos);
  for (unsigned seed = 0; seed < 50; ++seed) EXPECT_EQ(answers(text, 1 + seed, seed), whole);
}

TEST(KvSession, AWrongMagicEnds) {
  Stores stores(1 << 20, 1);
  Text out;
  Session s(stores, out);
  s.take(binary(0x0a, {}, {}, {}) + binary(0x0a, {}, {}, {}, 0x81));
  EXPECT_TRUE(s.over());
}

TEST(KvSession, AFullSinkIsNotFilledFurther) {
  Stores stores(1 << 20, 1);
  Text out;
  out.room = 0;
  Session s(stores, out);
  EXPECT_EQ(s.take("version\r\nversion\r\n"), 9u);
  EXPECT_EQ(s.take("version\r\n"), 0u);
  out.all.clear();
  EXPECT_EQ(s.take("version\r\n"), 9u);
}

TEST(KvSession, ALineWithoutEndIsCut) {
  Stores stores(1 << 20, 1);
  Text out;
  Session s(stores, out);
  for (int i = 0; i < 100 && !s.over(); ++i) s.take(std::string(1000, 'k'));
  EXPECT_TRUE(s.over());
  EXPECT_EQ(out.all, "CLIENT_ERROR line too long\r\n");
}

TEST(KvSession, Nonsense) {
  std::mt19937 random(4);
  for (int i = 0; i < 2000; ++i) {
    std::string text = i % 2 == 0 ? commands.substr(0, 800) : binary_commands();
    for (unsigned n = random() % 10; n > 0; --n)
      text[random() % text.size()] = static_cast<char>(random());
    if (i % 3 == 0) text.erase(random() % text.size(), random() % 50);
    answers(text, 300, static_cast<unsigned>(i));
  }
}

TEST(KvBase64, Table) {
  std::string out;
  for (const auto& [text, bytes] :
       {std::pair{"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"}}) {
    ASSERT_TRUE(from_base64(text, out));
    EXPECT_EQ(out, bytes);
  }
  for (const char* bad : {"", "a", "Zm9", "Zm9!", "====", "Zm=v"})
    EXPECT_FALSE(from_base64(bad, out)) << bad;
}

}  // namespace
