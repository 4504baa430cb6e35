// Parsers of the web server: whatever the pieces in which a request comes, and whatever is in it.
#include "request.h"

#include <gtest/gtest.h>

#include <random>

#include "chunked.h"
#include "dates.h"
#include "ranges.h"
#include "session.h"
#include "target.h"

namespace {

using namespace http;

int status_of(std::string_view head, Request& r) { return parse_head(head, r); }

TEST(HttpRequest, FieldsAreFound) {
  Request r;
  EXPECT_EQ(status_of("GET /a%20b?x HTTP/1.1\r\nhOST: x\r\nRange:\t bytes=1-2 \r\n"
                      "Connection: a, Keep-Alive\r\nContent-Length: 12\r\n\r\n",
                      r),
            0);
  EXPECT_EQ(r.path, "/a b");
  EXPECT_EQ(r.range, "bytes=1-2");
  EXPECT_EQ(r.body_bytes, 12u);
  EXPECT_TRUE(r.keep_alive);
}

TEST(HttpRequest, EndOfHeadInAnyPieces) {
  for (const std::string head :
       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\nGET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nA:b\r\n\n"}) {
    const std::string text = head + "GET /next";
    EXPECT_EQ(end_of_head(text), head.size());
    for (std::size_t n = 0; n < head.size(); ++n) {
      EXPECT_EQ(end_of_head(text.substr(0, n)), 0u) << n;
      EXPECT_EQ(end_of_head(text, n), head.size()) << n;
    }
  }
}

TEST(HttpTarget, DotsNeverLeadOut) {
  std::string path;
  for (const char* good : {"/a/b/../c", "/a/./c", "/x/../a/c", "/a/b/%2e%2e/c"}) {
    ASSERT_TRUE(path_of(good, path)) << good;
    EXPECT_EQ(path, "/a/c") << good;
  }
  for (const char* bad : {"", "a", "/..", "/a/../..", "/%2e%2e/", "/%", "/%4", "/a b", "/#f"})
    EXPECT_FALSE(path_of(bad, path)) << bad;
  ASSERT_TRUE(path_of("/a/..", path));
  EXPECT_EQ(path, "/");
}

TEST(HttpRanges, Table) {
  std::vector<Range> r;
  EXPECT_EQ(ranges_of("bytes=0-0", 10, r), Ranges::wanted);
  EXPECT_EQ(r, (std::vector<Range>{{0, 0}}));
  EXPECT_EQ(ranges_of("bytes=-4,2-18446744073709551615999", 10, r), Ranges::ignored);  // overlaps
  EXPECT_EQ(ranges_of("bytes=8-99999999999999999999999", 10, r), Ranges::wanted);
  EXPECT_EQ(r, (std::vector<Range>{{8, 9}}));
  EXPECT_EQ(ranges_of("bytes=10-", 10, r), Ranges::unsatisfiable);
  EXPECT_EQ(ranges_of("bytes=0-", 0, r), Ranges::unsatisfiable);
  EXPECT_EQ(ranges_of("bytes=-", 10, r), Ranges::ignored);
  EXPECT_EQ(ranges_of("bytes=12-20, 0-1", 10, r), Ranges::wanted);
  EXPECT_EQ(r, (std::vector<Range>{{0, 1}}));
}

TEST(HttpDates, AllForms) {
  constexpr std::int64_t when = 784111777;
  EXPECT_EQ(to_date(when), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(from_date("Sun, 06 Nov 1994 08:49:37 GMT", 1'700'000'000), when);
  EXPECT_EQ(from_date("Sunday, 06-Nov-94 08:49:37 GMT", 1'700'000'000), when);
  EXPECT_EQ(from_date("Sun Nov  6 08:49:37 1994", 1'700'000'000), when);
  EXPECT_FALSE(from_date("Sun, 31 Feb 1994 08:49:37 GMT", 0));
  EXPECT_FALSE(from_date("Sun, 06 Nox 1994 08:49:37 GMT", 0));
  EXPECT_FALSE(from_date("", 0));
}

struct Text final : Sink {
  std::string all;
  std::size_t room = ~std::size_t{0};
  void write(std::string_view text) override { all += text; }
  void lend(std::string_view text) override { all += text; }
  bool full() const override { return all.size() > room; }
};

Files some_files() {
  Files files;
  for (const std::size_t n : {0, 5, 100}) {
    std::unique_ptr<char[]> data(new char[n]);
    std::fill_n(data.get(), n, 'x');
    files.add("/" + std::to_string(n), std::move(data), n, 1'000'000);
  }
  return files;
}

const std::string conversation =
    "GET /5 HTTP/1.1\r\nHost: x\r\n\r\n"
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    "GET /100 HTTP/1.1\r\nHost: x\r\nRange: bytes=3-4,9-12\r\n\r\n"
    "PUT /5 HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nGET /5 "
    "HEAD /100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n";

TEST(HttpSession, TheSameInAnyPieces) {
  const Files files = some_files();
  Clock clock;
  clock.set(1'700'000'000);
  Text whole;
  Session one(files, clock, whole);
  one.take(conversation);
  EXPECT_TRUE(one.over());
  EXPECT_NE(whole.all.find("multipart/byteranges"), std::string::npos);
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    Text out;
    Session s(files, clock, out);
    std::size_t at = 0;
    while (at < conversation.size()) {
      const std::size_t n =
          std::min<std::size_t>(1 + random() % (i < 20 ? 1 : 40), conversation.size() - at);
      EXPECT_EQ(s.take(std::string_view(conversation).substr(at, n)), n);
      at += n;
    }
    ASSERT_EQ(out.all, whole.all);
  }
}

TEST(HttpSession, AFullSinkIsNotFilledFurther) {
  const Files files = some_files();
  Clock clock;
  clock.set(1);
  Text out;
  out.room = 0;
  Session s(files, clock, out);
  const std::size_t first = conversation.find("POST");
  EXPECT_EQ(s.take(conversation), first);
  out.all.clear();
  EXPECT_GT(s.take(std::string_view(conversation).substr(first)), 0u);
}

// Whatever comes: no crash, answers begin as answers do, and the head that is kept is bounded.
TEST(HttpSession, Nonsense) {
  const Files files = some_files();
  Clock clock;
  clock.set(1);
  std::mt19937 random(2);
  for (int i = 0; i < 3000; ++i) {
    std::string text = conversation;
    for (unsigned n = random() % 8; n > 0; --n)
      text[random() % text.size()] = static_cast<char>(random());
    if (i % 3 == 0) text.erase(random() % text.size(), random() % 30);
    Text out;
    Session s(files, clock, out);
    for (std::size_t at = 0; at < text.size(); at += 50)
      s.take(std::string_view(text).substr(at, 50));
    EXPECT_TRUE(out.all.empty() || out.all.substr(0, 9) == "HTTP/1.1 ");
  }
  Text out;
  Session s(files, clock, out);
  const std::string endless(1000, 'a');
  for (int i = 0; i < 100; ++i) s.take(endless);
  EXPECT_TRUE(s.over());
  EXPECT_EQ(out.all.substr(0, 12), "HTTP/1.1 414");
}

}  // namespace
