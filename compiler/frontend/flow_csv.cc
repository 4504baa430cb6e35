#include "compiler/frontend/flow_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/frontend/address.h"
#include "compiler/frontend/flow_sources.h"

namespace weft::frontend {
namespace {

constexpr std::size_t most_errors = 20;  // a file with the wrong columns has one in each line
constexpr double highest_rate = 1e12;
constexpr unsigned highest_queue = 1023;

enum class Column { endpoint, from, port, to, to_port, rate, priority, queue };
constexpr std::string_view names[] = {"endpoint", "from", "port",  "to",
                                      "to_port",  "rate", "class", "queue"};

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  diag::Result<std::vector<FlowRow>> run() {
    std::vector<FlowRow> out;
    if (!next_line() || !header()) {
      if (errors_.list.empty()) error({}, "the file is empty", "the first line names the columns");
      return diag::fail(std::move(errors_));
    }
    out.reserve(static_cast<std::size_t>(std::count(rest_.begin(), rest_.end(), '\n')) + 1);
    while (next_line() && errors_.list.size() < most_errors) {
      if (trimmed(line_).empty() || line_.front() == '#') continue;
      row(out.emplace_back());
    }
    if (!errors_.list.empty()) return diag::fail(std::move(errors_));
    return out;
  }

 private:
  bool next_line() {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return true;
  }

  // The next cell of `rest`; false behind the last one.
  static bool next_cell(std::string_view& rest, bool& more, std::string_view& cell) {
    if (!more) return false;
    const std::size_t end = rest.find(',');
    more = end != std::string_view::npos;
    cell = trimmed(rest.substr(0, end));
    rest.remove_prefix(more ? end + 1 : rest.size());
    return true;
  }

  void error(std::string_view at, std::string message, std::string help) {
    diag::Span span{file_, std::max(number_, 1u), 1, 1};
    if (!at.empty() && at.data() >= line_.data() && at.data() <= line_.data() + line_.size()) {
      span.column = static_cast<unsigned>(at.data() - line_.data()) + 1;
      span.length = static_cast<unsigned>(at.size());
    }
    errors_.list.push_back({"E0274", std::move(message), std::move(span), "", {}, std::move(help)});
  }

  bool header() {
    std::string_view rest = line_, cell;
    for (bool more = true; next_cell(rest, more, cell);) {
      const auto known = std::find(std::begin(names), std::end(names), cell);
      if (known == std::end(names)) {
        const std::string near = diag::nearest(cell, {std::begin(names), std::end(names)});
        error(cell, fmt::format("there is no column `{}`", cell),
              near.empty() ? "columns: from, port, endpoint, to, to_port, rate, class, queue"
                           : fmt::format("did you mean `{}`?", near));
        return false;
      }
      const auto column = static_cast<Column>(known - std::begin(names));
      if (std::find(columns_.begin(), columns_.end(), column) != columns_.end()) {
        error(cell, fmt::format("the column `{}` is there twice", cell), "");
        return false;
      }
      columns_.push_back(column);
    }
    for (const Column wanted : {Column::from, Column::port}) {
      if (std::find(columns_.begin(), columns_.end(), wanted) != columns_.end()) continue;
      error(line_, fmt::format("the column `{}` is missing", names[static_cast<int>(wanted)]),
            "each flow has at least a source address and a source port");
      return false;
    }
    return true;
  }

  void row(FlowRow& out) {
    out.line = number_;
    std::string_view rest = line_, value;
    std::size_t i = 0;
    for (bool more = true; next_cell(rest, more, value); ++i) {
      if (i < columns_.size()) cell(columns_[i], value, out);
    }
    if (i != columns_.size())
      error(line_,
            fmt::format("{} values where the first line names {} columns", i, columns_.size()), "");
  }

  void cell(Column column, std::string_view value, FlowRow& out) {
    const bool needed = column == Column::from || column == Column::port;
    if (value.empty() && !needed) return;
    switch (column) {
      case Column::endpoint: out.endpoint = value; return;
      case Column::from: return source(value, out);
      case Column::port:
        out.any_port = value == "any";
        return out.any_port ? void() : port(value, out.src_port);
      case Column::to: return address(value, out.dst.emplace());
      case Column::to_port: return port(value, out.dst_port.emplace());
      case Column::rate: return rate(value, out.rate.emplace());
      case Column::priority:
        out.gold = value == "gold";
        if (value != "gold" && value != "normal") error(value, wrong(value, "gold or normal"), "");
        return;
      case Column::queue:
        const auto queue = parse_decimal(value, highest_queue);
        if (!queue) return error(value, wrong(value, "a queue"), "");
        out.queue = static_cast<unsigned>(*queue);
        return;
    }
  }

  static std::string wrong(std::string_view value, const char* what) {
    return fmt::format("`{}` is not {}", value, what);
  }

  void source(std::string_view value, FlowRow& out) {
    if (value.find(':') != std::string_view::npos) {
      const std::string why = fault_of_ipv6_source(value);
      out.ipv6 = why.empty();
      if (!out.ipv6)
        error(value, fmt::format("no packet comes from `{}`: it is {}", value, why), "");
      return;
    }
    if (value.find('/') == std::string_view::npos) return address(value, out.src);
    std::string why;
    const auto prefix = parse_prefix(value, why);
    if (!prefix) return error(value, wrong(value, "a prefix of addresses"), why);
    out.src = prefix->address;
    out.length = prefix->length;
  }

  void address(std::string_view value, std::uint32_t& out) {
    const auto read = parse_ipv4(value);
    if (!read) return error(value, wrong(value, "an IPv4 address"), "like 10.7.0.1");
    out = *read;
  }

  void port(std::string_view value, std::uint16_t& out) {
    const auto read = parse_decimal(value, 65535);
    if (!read || *read == 0) return error(value, wrong(value, "a port"), "from 1 to 65535");
    out = static_cast<std::uint16_t>(*read);
  }

  void rate(std::string_view value, double& out) {
    const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (bad != std::errc() || end != value.data() + value.size() || !(out >= 0) ||
        out > highest_rate)
      error(value, wrong(value, "a rate"), "packets per second, like 1000 or 0.5");
  }

  std::string_view rest_, line_;
  const std::string& file_;
  unsigned number_ = 0;
  std::vector<Column> columns_;
  diag::Error errors_;
};

}  // namespace

diag::Result<std::vector<FlowRow>> parse_flow_csv(std::string_view text, const std::string& file) {
  return Parser(text, file).run();
}

}  // namespace weft::frontend
