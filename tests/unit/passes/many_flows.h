// A workload of many flows in few classes, as people write it: lines with ranges, or a CSV file
// beside it. For tests and benchmarks of how long reading and choosing take.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace weft::passes::testing {

inline constexpr unsigned flows_of_class = 1000;  // 10 hosts with 100 ports each

// Class i is endpoint `e<i>`, whose flows have a rate of their own.
struct ManyFlows {
  unsigned classes = 100;
  unsigned queues = 128;

  std::string ranges() const {
    std::string text = head() + "flows:\n";
    for (unsigned c = 0; c < classes; ++c)
      text += fmt::format(
          "  - {{endpoint: e{}, from: 10.8.{}.1-10.8.{}.10, ports: 40000-40099, rate: {}}}\n", c, c,
          c, rate(c));
    return text;
  }

  // `file`: the name of what csv() gives.
  std::string with_csv(const std::string& file) const {
    return fmt::format("{}flows:\n  - {{csv: {}}}\n", head(), file);
  }

  std::string csv() const {
    std::string text = "endpoint,from,port,rate\n";
    text.reserve(std::size_t{classes} * flows_of_class * 32);
    for (unsigned c = 0; c < classes; ++c) {
      for (unsigned i = 0; i < flows_of_class; ++i)
        fmt::format_to(std::back_inserter(text), "e{},10.8.{}.{},{},{}\n", c, c, 1 + i / 100,
                       40000 + i % 100, rate(c));
    }
    return text;
  }

 private:
  static unsigned rate(unsigned c) { return 10'000 / (1 + c); }

  std::string head() const {
    std::string text = fmt::format(
        "workload: many\nhost:\n  mac: \"02:77:65:66:74:02\"\n  address: 10.7.0.2/24\n"
        "  gateway: 10.7.0.1\nqueues: {}\ncores: 16\nendpoints:\n",
        queues);
    for (unsigned c = 0; c < classes; ++c)
      text += fmt::format("  e{}: {{udp: {}, app: udp_echo}}\n", c, 1000 + c);
    return text;
  }
};

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace weft::passes::testing
