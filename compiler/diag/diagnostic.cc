#include "compiler/diag/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <optional>

#include "compiler/diag/codes.h"

namespace weft::diag {
namespace {

constexpr std::size_t excerpt_width = 110;  // longer lines are cut around the caret
constexpr std::size_t longest_line = 1 << 16;

struct Paint {
  bool on;
  std::string operator()(const char* code, std::string_view text) const {
    return on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
};
constexpr const char* red = "1;31";
constexpr const char* blue = "1;34";
constexpr const char* bold = "1";

std::optional<std::string> source_line(const std::string& file, unsigned line) {
  if (file.empty() || line == 0) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string text;
  for (unsigned at = 1; std::getline(in, text); ++at) {
    if (text.size() > longest_line) return std::nullopt;
    if (at == line) {
      if (!text.empty() && text.back() == '\r') text.pop_back();
      return text;
    }
  }
  return std::nullopt;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Number of characters, not bytes: the caret must stand below what it means.
std::size_t display_width(std::string_view bytes) {
  return static_cast<std::size_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return !continues(c); }));
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    out += c == '\t' ? ' ' : (u < 0x20 || u == 0x7f ? '?' : c);
  }
  return out;
}

// The source line, cut to what is around the caret, and the caret's line.
struct Excerpt {
  std::string line;
  std::string caret;
};

Excerpt excerpt(const std::string& source, const Span& span) {
  std::size_t start = std::min<std::size_t>(span.column == 0 ? 0 : span.column - 1, source.size());
  std::size_t length = std::min<std::size_t>(std::max(1U, span.length), source.size() - start);
  std::size_t from = 0;
  std::size_t to = source.size();
  if (source.size() > excerpt_width) {
    const std::size_t middle = start + std::min(length, excerpt_width / 2) / 2;
    from = middle > excerpt_width / 2 ? middle - excerpt_width / 2 : 0;
    to = std::min(source.size(), from + excerpt_width);
    while (from > 0 && continues(source[from])) --from;
    while (to < source.size() && continues(source[to])) ++to;
  }
  length = std::min(length, to > start ? to - start : 0);
  Excerpt out;
  const std::string before = from > 0 ? "..." : "";
  out.line = before + printable(std::string_view(source).substr(from, to - from)) +
             (to < source.size() ? "..." : "");
  const std::size_t indent =
      before.size() + display_width(std::string_view(source).substr(from, start - from));
  const std::size_t carets =
      std::max<std::size_t>(1, display_width(std::string_view(source).substr(start, length)));
  out.caret = std::string(indent, ' ') + std::string(carets, '^');
  return out;
}

std::string place(const Span& span) {
  if (span.line == 0) return span.file;
  return fmt::format("{}:{}:{}", span.file, span.line, std::max(1U, span.column));
}

void add_place(std::string& out, const Span& span, std::string_view label, std::size_t margin,
               const Paint& paint) {
  if (span.file.empty()) return;
  const std::string pad(margin, ' ');
  out += fmt::format("{}{} {}\n", pad, paint(blue, "-->"), place(span));
  const auto source = source_line(span.file, span.line);
  if (!source) return;
  const Excerpt shown = excerpt(*source, span);
  const std::string bar = paint(blue, "|");
  out += fmt::format("{} {}\n", pad, bar);
  out += fmt::format("{} {} {}\n", paint(blue, fmt::format("{:>{}}", span.line, margin)), bar,
                     shown.line);
  out += fmt::format("{} {} {}{}{}\n", pad, bar, paint(red, shown.caret), label.empty() ? "" : " ",
                     paint(red, label));
}

}  // namespace

std::string render(const Diagnostic& d, bool colour) {
  const Paint paint{colour};
  std::size_t margin = std::to_string(d.span.line).size();
  for (const Note& note : d.notes) {
    margin = std::max(margin, std::to_string(note.span.line).size());
  }
  const std::string head = d.code.empty() ? "error" : fmt::format("error[{}]", d.code);
  std::string out = fmt::format("{}: {}\n", paint(red, head), paint(bold, d.message));
  add_place(out, d.span, d.label, margin, paint);
  const std::string pad(margin, ' ');
  for (const Note& note : d.notes) {
    out += fmt::format("{} {} note: {}\n", pad, paint(blue, "="), note.text);
    add_place(out, note.span, "", margin, paint);
  }
  const bool explained = find_code(d.code) != nullptr;
  if (!d.help.empty()) {
    out += fmt::format("{} {} help: {}", pad, paint(blue, "="), d.help);
    out += explained ? fmt::format("  (weft explain {})\n", d.code) : "\n";
  } else if (explained) {
    out += fmt::format("{} {} more: weft explain {}\n", pad, paint(blue, "="), d.code);
  }
  return out;
}

std::string render(const Error& e, bool colour) {
  std::string out;
  for (const Diagnostic& d : e.list) {
    if (!out.empty()) out += "\n";
    out += render(d, colour);
  }
  return out;
}

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t n = word.size();
    const std::size_t m = candidate.size();
    if (candidate.empty() || (n > m ? n - m : m - n) >= best_distance) continue;
    std::vector<std::vector<std::size_t>> cost(n + 1, std::vector<std::size_t>(m + 1));
    for (std::size_t i = 0; i <= n; ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= m; ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= n; ++i) {
      for (std::size_t j = 1; j <= m; ++j) {
        const std::size_t replace = cost[i - 1][j - 1] + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        cost[i][j] = std::min({replace, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
      }
    }
    if (cost[n][m] < best_distance) {
      best_distance = cost[n][m];
      best = candidate;
    }
  }
  return best;
}

}  // namespace weft::diag
