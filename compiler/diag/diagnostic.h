// Errors as values: where in the input, what is wrong, what was expected, what to do next.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace weft::diag {

// A place in an input file. Lines and columns count from 1; line 0 means "the file as a whole",
// an empty file means "no place" (a command line argument, say).
struct Span {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  unsigned length = 1;  // characters under the caret
};

// Codes are stable and listed in codes.h; `weft explain E0104` prints the long text.
struct Note {
  std::string text;
  Span span;  // optional
};

struct Diagnostic {
  std::string code;     // "E0104"
  std::string message;  // one line, no full stop
  Span span;
  std::string label;        // text beside the caret, may be empty
  std::vector<Note> notes;  // further places
  std::string help;         // next step, may be empty
};

// One or more diagnostics; the error half of Result.
struct Error {
  std::vector<Diagnostic> list;

  Error() = default;
  Error(Diagnostic d) { list.push_back(std::move(d)); }  // NOLINT: implicit on purpose
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Diagnostic d) {
  return tl::unexpected<Error>(Error(std::move(d)));
}
inline tl::unexpected<Error> fail(Error e) { return tl::unexpected<Error>(std::move(e)); }

// Renders with the source line and a caret (reads the file again; falls back to no excerpt).
// `colour` adds ANSI codes.
std::string render(const Diagnostic& d, bool colour);
std::string render(const Error& e, bool colour);

// The nearest of `candidates` to `word` for "did you mean", or "" when nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace weft::diag
