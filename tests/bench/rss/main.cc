// How long a key takes, and how well it spreads, for each kind of request. Processor time, from the
// requests to a key that was the best of several and checked for full rank.
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <random>

#include "compiler/rss/keys.h"
#include "tests/bench/report.h"

namespace weft::bench {
namespace {

using rss::Bytes;
using Fields = std::vector<std::string>;

constexpr unsigned packets = 100'000;  // for the chi-square

const Fields tuple = {"src", "dst", "src_port", "dst_port"};
const Fields swapped = {"dst", "src", "dst_port", "src_port"};

struct Card {
  std::string name;
  unsigned key_bytes, bits;
  bool ipv6 = false;
};
const Card cards[] = {{"82599", 40, 7}, {"E810", 52, 9}, {"E810, IPv6", 52, 9, true}};

rss::Port port_of(const Card& card, unsigned number = 0) {
  const unsigned address = card.ipv6 ? 128 : 32;
  rss::Input addresses{"addresses", {{"src", 0, address}, {"dst", address, address}}};
  rss::Input all = addresses;
  all.name = "with ports";
  all.parts.push_back({"src_port", 2 * address, 16});
  all.parts.push_back({"dst_port", 2 * address + 16, 16});
  return {.key_bytes = card.key_bytes,
          .first = number * card.key_bytes * 8,
          .bits = card.bits,
          .inputs = {all, addresses},
          .matters = {}};
}

unsigned input_bytes(const Card& card) { return card.ipv6 ? 36 : 12; }

Bytes random_input(std::mt19937_64& random, unsigned bytes) {
  Bytes out(bytes);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

rss::Request same(const rss::Port& a, const Fields& of_a, const rss::Port& b, const Fields& of_b) {
  rss::Request out;
  rss::require_same(out, a, of_a, b, of_b);
  return out;
}

rss::Task symmetric(const Card& card) {
  const rss::Port port = port_of(card);
  return {.ports = {port}, .requests = {same(port, tuple, port, swapped)}};
}

rss::Task by(const Card& card, const Fields& fields) {
  rss::Port port = port_of(card);
  port.inputs.pop_back();  // one type, as the compiler picks it
  port.matters = fields;
  rss::Request only;
  rss::require_only(only, port, fields);
  return {.ports = {port}, .requests = {only}};
}

rss::Task firewall(const Card& card, bool one_key) {
  const rss::Port lan = port_of(card), wan = port_of(card, one_key ? 0 : 1);
  return {.ports = {lan, wan}, .requests = {same(lan, tuple, wan, swapped)}};
}

rss::Task nat(const Card& card) {
  rss::Task out = firewall(card, false);
  for (auto& port : out.ports) port.inputs.pop_back();
  out.ports[0].matters = {"dst", "dst_port"};
  out.ports[1].matters = {"src", "src_port"};
  out.requests = {same(out.ports[0], out.ports[0].matters, out.ports[1], out.ports[1].matters)};
  for (const auto& port : out.ports) rss::require_only(out.requests[0], port, port.matters);
  return out;
}

rss::Task place(const Card& card, unsigned queues, bool one_server = false) {
  std::mt19937_64 random(7);
  rss::Task out{.ports = {port_of(card)}, .queues = queues};
  const Bytes server(card.ipv6 ? 16 : 4, 10);
  for (unsigned i = 0; i < 128; ++i) {
    Bytes input = random_input(random, input_bytes(card));
    if (one_server) {
      std::copy(server.begin(), server.end(), input.begin() + static_cast<long>(server.size()));
      input[input.size() - 2] = 0;
      input[input.size() - 1] = 7;
    }
    out.wishes.push_back({std::move(input), static_cast<unsigned>(random() % queues)});
  }
  return out;
}

struct Case {
  std::string name;
  std::function<rss::Task(const Card&)> task;
};
const Case cases[] = {
    {"any", [](const Card& c) { return rss::Task{.ports = {port_of(c)}}; }},
    {"symmetric", symmetric},
    {"by source address", [](const Card& c) { return by(c, {"src"}); }},
    {"by destination address and port",
     [](const Card& c) {
       return by(c, {"dst", "dst_port"});
     }},
    {"two ports, a key each", [](const Card& c) { return firewall(c, false); }},
    {"two ports, one key", [](const Card& c) { return firewall(c, true); }},
    {"two ports behind a NAT", nat},
    {"flows to 128 queues", [](const Card& c) { return place(c, 128); }},
    {"flows to 8 queues", [](const Card& c) { return place(c, 8); }},
    {"flows of one server to 8 queues", [](const Card& c) { return place(c, 8, true); }},
};

double processor_us() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

// The least of a few: what else the machine does only adds.
double time_of(const rss::Task& task) {
  double best = 1e12;
  for (int i = 0; i < 10; ++i) {
    const double before = processor_us();
    const auto keys = rss::find_keys(task);
    best = std::min(best, keys ? processor_us() - before : 1e12);
  }
  return best;
}

double spread_of(const Bytes& key, const Card& card) {
  std::mt19937_64 random(99);
  const rss::Hasher hash(key, input_bytes(card));
  std::vector<unsigned> counts(std::size_t{1} << card.bits);
  for (unsigned i = 0; i < packets; ++i)
    ++counts[hash(random_input(random, input_bytes(card))) & (counts.size() - 1)];
  return rss::chi_square(counts);
}

int run(unsigned runs, bool json) {
  std::vector<Row> rows;
  for (const Card& card : cards) {
    for (const Case& c : cases) {
      const rss::Task task = c.task(card);
      const auto keys = rss::find_keys(task);
      if (!keys) {
        fmt::print(stderr, "bench rss: no key for {}, {}\n", card.name, c.name);
        return 1;
      }
      const std::string name = card.name + "/" + c.name, peer = card.name + "/any";
      std::vector<double> times;
      for (unsigned r = 0; r < runs; ++r) times.push_back(time_of(task));
      rows.push_back(
          {"rss", name, "time", median(times), "us/key", c.name == "any" ? "" : peer, 0, times});
      double worst = 0;
      for (const Bytes& key : keys->of) worst = std::max(worst, spread_of(key, card));
      rows.push_back({"rss", name, "chi-square", worst, "of expected", "", 0, {worst}});
      const double missing = keys->quality.missing_rank;
      rows.push_back({"rss", name, "missing rank", missing, "bits", "", 0, {missing}});
      if (task.wishes.empty()) continue;
      const auto placed =
          static_cast<double>(std::count(keys->placed.begin(), keys->placed.end(), true));
      rows.push_back({"rss", name, "placed", placed, "flows", "", 0, {placed}});
    }
  }
  compare(rows);
  print(rows, json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  unsigned runs = 5;
  bool json = false;
  CLI::App app{"Keys for receive-side scaling"};
  app.add_flag("--json", json, "one JSON row in a line");
  app.add_option("--runs", runs, "measurements, of which the median counts")
      ->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  return weft::bench::run(runs, json);
}
