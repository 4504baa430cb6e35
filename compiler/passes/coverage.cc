#include "compiler/passes/coverage.h"

#include <algorithm>

namespace weft::passes {

namespace {

// The rules of `wide` are there: who belongs there comes by them, the others need rules of their
// own.
void cover_by(Classes& classes, unsigned wide) {
  for (unsigned c = 0; c < classes.all.size(); ++c) {
    if (!inside(classes, c, wide)) continue;
    FlowClass& it = classes.all[c];
    // (Of two rules that match, the one about fewer packets is asked first.)
    if (it.inside && *it.inside != wide && classes.all[*it.inside].must()) continue;
    it.covered = belong_together(it, classes.all[wide]);
    it.exception = !it.covered;
  }
}

}  // namespace

void settle(Classes& classes) {
  for (FlowClass& c : classes.all) c.covered = c.exception = false;
  for (const bool whole : {true, false}) {
    for (unsigned c = 0; c < classes.all.size(); ++c) {
      const FlowClass& it = classes.all[c];
      if (it.strangers && it.whole == whole && it.must()) cover_by(classes, c);
    }
  }
  for (unsigned c = 0; c < classes.all.size(); ++c) {
    if (!classes.all[c].sets.empty() && classes.all[c].must()) cover_by(classes, c);
  }
}

bool cover(Classes& classes, unsigned endpoint) {
  const auto of_all = std::find_if(classes.all.begin(), classes.all.end(), [&](const FlowClass& c) {
    return c.endpoint == endpoint && c.strangers;
  });
  if (of_all == classes.all.end() || !of_all->apart()) return false;
  const auto brings = [&](const FlowClass& c) {
    return !c.strangers && c.endpoint == endpoint && belong_together(c, *of_all);
  };
  if (std::none_of(classes.all.begin(), classes.all.end(), brings)) return false;
  of_all->spare = false;
  settle(classes);
  return true;
}

}  // namespace weft::passes
