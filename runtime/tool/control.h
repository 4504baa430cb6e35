// What the socket of a running stack answers beside its counters: the plan that runs, and changes
// of it (runtime/live/README.md has the protocol).
#pragma once

#include <string>

#include "compiler/ir/fields.h"
#include "runtime/live/live.h"
#include "runtime/observe/stats_socket.h"

namespace weft::tool {

class Control {
 public:
  // All outlive it. `unproved`: changes without a proof are taken, too.
  Control(live::Live& live, const ir::FieldTable& fields, std::string name, bool unproved)
      : live_(live), fields_(fields), name_(std::move(name)), unproved_(unproved) {}

  // "plan"; "change GENERATION" and "names GENERATION" with a document. "": another question.
  std::string answer(const observe::Question& question) const;

 private:
  std::string plan() const;
  std::string change(const std::string& text) const;
  std::string names(const std::string& text) const;

  live::Live& live_;
  const ir::FieldTable& fields_;
  std::string name_;
  bool unproved_;
};

}  // namespace weft::tool
