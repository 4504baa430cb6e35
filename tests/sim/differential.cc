#include "tests/sim/differential.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "compiler/frontend/places.h"

namespace weft::sim {

const std::vector<Bytes>& kernel_frames() {
  static const std::vector<Bytes> frames = [] {
    std::vector<Bytes> out;
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("weft-kernel-{}.pcap", getpid());
    const std::string command = fmt::format("'{}' '{}/tests/sim/kernel_capture.py' '{}'",
                                            WEFT_PYTHON, frontend::source_root(), path.string());
    const int status = std::system(command.c_str());
    auto capture = ports::read_pcap(path.string());
    if (status == 0 && capture) {
      for (auto& frame : *capture) out.push_back(std::move(frame.bytes));
      std::cout << out.size() << " frames recorded from the kernel of this machine\n";
    } else {
      std::cout << "!!! NO KERNEL-MADE TRAFFIC: kernel_capture.py needs root, ip, ethtool and "
                   "tcpdump.\n!!! The capture is synthetic only.\n";
    }
    std::filesystem::remove(path);
    return out;
  }();
  return frames;
}

Result run(const plan::Plan& plan, const passes::Inputs& inputs,
           const std::vector<ports::Frame>& capture, StackOptions options) {
  const auto begin = std::chrono::steady_clock::now();
  auto stack = must(Stack::make(plan, inputs, capture, options));
  Result result;
  // Time for what waits to be given up: fragments 30 s, neighbours 3 s.
  stack->run(40'000'000'000, [&] {
    auto marks = stack->marks();
    // A tick in which nothing came is no burst.
    if (result.marks.empty() || result.marks.back() != marks)
      result.marks.push_back(std::move(marks));
  });
  const ir::HostConfig& host = plan.host;
  result.flows = by_flow(stack->out(), host);
  result.pieces_in_order = plan.configuration.rx_queues == 1;
  result.ends = stack->ends();
  result.coverage = stack->coverage();
  result.wrong = wrong_among(stack->out(), host, plan.host.mtu);
  const auto snapshot = stack->stop();
  const auto balance = observe::balance(snapshot);
  if (!balance.exact()) result.wrong = balance.text();
  std::uint64_t held = 0;
  for (const auto& queue : snapshot.queues) held += queue.tables.waiting;
  if (stack->buffers_in_use() != held)
    result.wrong =
        fmt::format("{} buffers are in use, {} packets wait", stack->buffers_in_use(), held);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

namespace {

std::string difference(const Ends& expected, const Ends& actual) {
  std::string out;
  Ends all = expected;
  all.insert(actual.begin(), actual.end());
  for (const auto& [end, unused] : all) {
    const auto a = expected.find(end), b = actual.find(end);
    const std::uint64_t x = a == expected.end() ? 0 : a->second,
                        y = b == actual.end() ? 0 : b->second;
    if (x != y) out += fmt::format("{}{}: {} instead of {}", out.empty() ? "" : ", ", end, y, x);
  }
  return out;
}

// Pieces name no ports: where flows came by several queues, or others' fragments did, and are
// passed on, theirs have no order.
Flows pieces_sorted(Flows flows) {
  for (auto& [flow, frames] : flows) {
    if (flow.starts_with("pieces of ")) std::sort(frames.begin(), frames.end());
  }
  return flows;
}

Ends named(const std::vector<std::uint64_t>& marks) {
  Ends out;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] != 0) out[Stack::name_of_mark(i)] = marks[i];
  }
  return out;
}

}  // namespace

std::string difference(const Result& expected, const Result& actual) {
  if (!actual.wrong.empty()) return actual.wrong;
  for (std::size_t i = 0; i < std::min(expected.marks.size(), actual.marks.size()); ++i) {
    const std::string wrong = difference(named(expected.marks[i]), named(actual.marks[i]));
    if (!wrong.empty()) return fmt::format("after burst {}: {}", i, wrong);
  }
  if (const std::string wrong = difference(expected.ends, actual.ends); !wrong.empty())
    return wrong;
  if (expected.marks.size() != actual.marks.size())
    return fmt::format("{} bursts instead of {}", actual.marks.size(), expected.marks.size());
  if (actual.pieces_in_order) return difference(expected.flows, actual.flows);
  return difference(pieces_sorted(expected.flows), pieces_sorted(actual.flows));
}

}  // namespace weft::sim
