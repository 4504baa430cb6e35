// The writer of straight ways (straight_code.h), whose parts are: the way as a whole, where it is
// cut and how packets leave it (straight_code.cc), what becomes of each kind of node
// (straight_nodes.cc), and of the conditions of an and-node (straight_conjunction.cc).
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/codegen/settled.h"
#include "compiler/codegen/straight_code.h"

namespace weft::codegen {

class StraightWriter {
 public:
  using Vertex = ir::Vertex;

  StraightWriter(ResidueContext& context, const StraightSpec& spec)
      : c_(context), spec_(spec), settled_(context, spec.start) {}

  diag::Result<StraightCode> write();

 private:
  template <class T>
  using Result = diag::Result<T>;
  // Writes `v`; the node behind it, or none at an end.
  using Next = Result<std::optional<Vertex>>;
  Next node(Vertex v);
  Next match(Vertex v);
  Next test(Vertex v);
  Next effect(Vertex v);
  Next conjunction(Vertex v);
  Next disjunction(Vertex v);
  Next terminal(Vertex v);
  Result<void> way(std::optional<Vertex> v);
  Result<void> other_port(Vertex v, const Way& other);
  Result<void> begin_stage(Vertex v);
  Result<ir::ExprPtr> expected(const std::string& impl, Vertex v);
  // Whether a packet leaves where it does not hold, or only the body is made for where it does.
  enum class Wanted { always, usually };
  Result<std::vector<ir::ExprPtr>> still_open(Vertex v, const std::vector<ir::ExprPtr>& terms,
                                              Wanted wanted);
  Result<std::string> question(Vertex v, const ir::ExprPtr& condition, Wanted wanted);

  // "if (test): leaves, and goes on at v in the general function".
  void leave_if(const std::string& test, Vertex v, const std::string& remark);
  // Statements that end this packet's part in the loop.
  std::string leave(std::optional<Vertex> at) { return leave(at, copy()); }
  std::string leave(std::optional<Vertex> at, const std::string& packet);
  std::string copy() const;
  bool keeps() const;
  std::string leave_by(Vertex v, const Way& other);

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += std::string(4 + depth_ * 2, ' ');
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  ResidueContext& c_;
  const StraightSpec& spec_;
  Settled settled_;
  std::string text_, waiting_;
  std::vector<Vertex> stages_;  // cuts that are still to come
  std::size_t depth_ = 0;
  bool again_ = keeps();
  bool delivers_ = false, transmits_ = false;  // what the way so far ends in
};

}  // namespace weft::codegen
