// What clients say to the example applications: to the web server if the first byte is odd, else to
// the key-value store. In two different divisions into pieces: the answers are the same.
#include "examples/03_http/session.h"
#include "examples/04_kv/session.h"
#include "tests/fuzz/input.h"

namespace {

constexpr std::size_t most = 1 << 20;  // of answers: a few commands may ask for much

struct Text final : http::Sink, kv::Sink {
  std::string all;
  void write(std::string_view text) override { all += text; }
  void lend(std::string_view text) override { all += text; }
  void lend(std::string_view text, const kv::ItemRef&) override { all += text; }
  bool full() const override { return false; }
};

template <class Session>
void feed(Session& session, std::string_view text, std::size_t piece, const Text& out) {
  while (!text.empty() && !session.over() && out.all.size() < most) {
    const std::size_t used = session.take(text.substr(0, piece));
    if (used == 0 || used > text.size()) weft::fuzz::found("what was used is not what was given");
    text.remove_prefix(used);
  }
}

const http::Files& files() {
  static const http::Files made = [] {
    http::Files f;
    for (const std::size_t n : {0, 5, 100}) {
      std::unique_ptr<char[]> data(new char[n]);
      std::fill_n(data.get(), n, 'x');
      f.add("/" + std::to_string(n), std::move(data), n, 1'000'000);
    }
    return f;
  }();
  return made;
}

std::string of_web(std::string_view text, std::size_t piece) {
  http::Clock clock;
  clock.set(1'700'000'000);
  Text out;
  http::Session session(files(), clock, out);
  feed(session, text, piece, out);
  return out.all;
}

std::string of_store(std::string_view text, std::size_t piece) {
  kv::Stores stores(1 << 20, 1, 2);
  stores.start(1000);
  Text out;
  kv::Session session(stores, out);
  feed(session, text, piece, out);
  return out.all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto answers = (data[0] & 1) != 0 ? of_web : of_store;
  const std::string one = answers(text, 1), other = answers(text, 1 + size % 61);
  if (one.size() < most && other.size() < most && one != other)
    weft::fuzz::found("the answers depend on the pieces");
  return 0;
}
