#include "runtime/tool/control.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "compiler/diag/document.h"
#include "runtime/tool/report.h"

namespace weft::tool {
namespace {

using Json = nlohmann::ordered_json;

std::string refused(const diag::Error& error) { return diag::document_of(error).dump(); }

diag::Error problem(const char* code, std::string message) {
  return diag::Diagnostic{.code = code, .message = std::move(message)};
}

}  // namespace

std::string Control::answer(const observe::Question& question) const {
  if (question.line == "plan") return plan();
  const std::size_t space = question.line.find(' ');
  if (space == std::string::npos) return {};
  const std::string what = question.line.substr(0, space);
  if (what != "change" && what != "names") return {};
  if (question.line.substr(space + 1) != fmt::format("{}", live_.generation()))
    return refused(problem("E0674", fmt::format("the stack was changed {} times since it started, "
                                                "the change is for another state",
                                                live_.generation())));
  return what == "change" ? change(question.body) : names(question.body);
}

std::string Control::plan() const {
  plan::Plan now = live_.plan();
  if (now.proof.status == "proved") now.proof.content = plan::content_hash(now);
  return Json{{"format", 1},
              {"ok", true},
              {"name", name_},
              {"pid", getpid()},
              {"generation", live_.generation()},
              {"plan", plan::to_yaml(now)}}
      .dump();
}

std::string Control::change(const std::string& text) const {
  auto change = plan::transition_from_text(text, fields_);
  if (!change) return refused(change.error());
  if (change->proof.status != "proved" && !unproved_)
    return refused(problem("E0457", "the change has no proof"));
  const auto start = std::chrono::steady_clock::now();
  if (auto done = live_.apply(change->operations); !done) {
    say(diag::render(done.error(), false));
    return refused(done.error());
  }
  live_.describe(change->workload, change->proof);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return Json{{"format", 1},
              {"ok", true},
              {"generation", live_.generation()},
              {"operations", change->operations.size()},
              {"us", took.count()}}
      .dump();
}

std::string Control::names(const std::string& text) const {
  auto plan = plan::plan_from_text(text, "plan", fields_);
  if (!plan) return refused(plan.error());
  if (plan->proof.status == "proved" && plan->proof.content != plan::content_hash(*plan))
    return refused(problem("E0453", "the plan was edited after it was proved"));
  if (!live_.rename(std::move(*plan)))
    return refused(problem("E0671", "another plan runs than the one whose names these are"));
  return Json{{"format", 1}, {"ok", true}, {"generation", live_.generation()}}.dump();
}

}  // namespace weft::tool
