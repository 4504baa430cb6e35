#include "compiler/rss/keys.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "compiler/rss/place.h"
#include "compiler/rss/system.h"

namespace weft::rss {

namespace {

// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators")
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

 private:
  std::uint64_t state_;
};

Bytes key_of(const Port& port, const Row& bits) {
  Bytes key(port.key_bytes);
  for (unsigned at = 0; at < port.key_bytes * 8; ++at) {
    if (bits.test(port.first + at)) key[at / 8] |= static_cast<std::uint8_t>(0x80u >> (at % 8));
  }
  return key;
}

// The worst of all ports, as far as they have no known flows of their own.
Quality worst(const Task& task, const std::vector<Bytes>& keys) {
  Quality out = quality_of(task.ports.front(), keys.front(), task.known);
  for (std::size_t p = 1; p < task.ports.size(); ++p) {
    const Quality other = quality_of(task.ports[p], keys[p], {});
    out.missing_rank += other.missing_rank;
    out.untouched += other.untouched;
    out.narrow += other.narrow;
  }
  return out;
}

// A key that is given, bit for bit, is taken as it is.
bool settles_all(const Task& task, const System& system) {
  return system.rank() == unknowns_of(task.ports);
}

// Keys for what the system leaves free, the best of `tries`.
Keys best_of(const Task& task, const System& system) {
  Random random(task.seed);
  Keys best;
  for (unsigned n = 0; n < std::max(1u, task.tries); ++n) {
    Row chosen;
    for (unsigned w = 0; w < system.words(); ++w) chosen.set_word(w, random.next());
    const Row solution = system.solve(chosen);
    Keys keys;
    for (const Port& port : task.ports) keys.of.push_back(key_of(port, solution));
    keys.quality = worst(task, keys.of);
    if (best.of.empty() || better(keys.quality, best.quality)) best = std::move(keys);
    if (settles_all(task, system)) break;  // there is only this one
  }
  return best;
}

// A system of these requests; nullopt where they contradict each other.
std::optional<System> system_of(const Task& task, const std::vector<unsigned>& requests) {
  System system(unknowns_of(task.ports));
  for (const unsigned r : requests) {
    for (const Equation& equation : task.requests[r].equations) {
      if (!system.add(equation)) return std::nullopt;
    }
  }
  return system;
}

bool counts(const Port& port, const Part& part) {
  return port.matters.empty() ||
         std::find(port.matters.begin(), port.matters.end(), part.field) != port.matters.end();
}

// What a bit of a field adds to the picked bits of the hash: settled sums are known, the others are
// for whoever picks the rest.
struct Chances {
  bool touched = false;  // one is 1 in all solutions
  unsigned ones = 0;     // how many can be 1
  Row last;              // the last of them
};

Chances chances_of(const System& system, const Port& port, const Part& part, unsigned at) {
  Chances out;
  for (unsigned i = 0; i < port.bits && !out.touched; ++i) {
    const Row form = part_bit(port, part, at + looks_from(port) + i);
    const auto value = system.settled(form);
    if (value == false) continue;
    out.touched = value == true;
    ++out.ones;
    out.last = form;
  }
  return out;
}

// Every bit of a field that matters is to change the entry. Where one key bit alone can see to it,
// that bit is 1. Gives the first field of which some bit can change nothing, or "".
std::string touch(const Task& task, System& system) {
  for (bool more = true; more;) {
    more = false;
    for (const Port& port : task.ports) {
      for (const Input& input : port.inputs) {
        for (const Part& part : input.parts) {
          for (unsigned i = 0; i < part.width && counts(port, part); ++i) {
            const Chances chances = chances_of(system, port, part, i);
            if (chances.touched) continue;
            if (chances.ones == 0) return part.field;
            if (chances.ones > 1) continue;
            more = true;
            if (!system.add({chances.last, true})) return part.field;
          }
        }
      }
    }
  }
  return "";
}

// As sound as can be had: what only one bit can do is left to chance only if that went well.
Keys sound_of(const Task& task, System system) {
  Keys keys = best_of(task, system);
  if (keys.quality.sound() || !touch(task, system).empty()) return keys;
  return best_of(task, system);
}

// Wishes in their order as long as the system's rank stays below `most`, and keys that do them.
Keys with_wishes(const Task& task, System& system, Placer placer, unsigned most) {
  std::vector<bool> placed(task.wishes.size());
  for (std::size_t w = 0; w < task.wishes.size() && task.queues > 1; ++w) {
    const unsigned room = most - std::min(most, system.rank());
    placed[w] = placer.place(system, task.wishes[w], room);
  }
  Keys keys = sound_of(task, system);
  keys.placed = std::move(placed);
  return keys;
}

// Why these requests can't be had; nullopt where they can.
std::optional<std::string> fault(const Task& task, const std::vector<unsigned>& requests) {
  auto system = system_of(task, requests);
  if (!system) return "";
  if (settles_all(task, *system)) return std::nullopt;
  std::string starved = touch(task, *system);
  if (!starved.empty()) return starved;
  if (best_of(task, *system).quality.sound()) return std::nullopt;
  return "all fields together";
}

// Leaves out one request after the other as long as the rest still can't be had.
Contradiction smallest(const Task& task, std::vector<unsigned> requests, std::string starved) {
  const bool by_itself = starved.empty();
  for (std::size_t i = requests.size(); i-- > 0;) {
    std::vector<unsigned> fewer = requests;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    const auto still = fault(task, fewer);
    if (!still || still->empty() != by_itself) continue;
    requests = std::move(fewer);
    starved = *still;
  }
  return {std::move(requests), std::move(starved)};
}

}  // namespace

unsigned unknowns_of(const std::vector<Port>& ports) {
  unsigned out = 0;
  for (const Port& port : ports) out = std::max(out, port.first + port.key_bytes * 8);
  return out;
}

tl::expected<Keys, Contradiction> find_keys(const Task& task) {
  std::vector<unsigned> all;
  for (unsigned r = 0; r < task.requests.size(); ++r) all.push_back(r);
  const auto asked = system_of(task, all);
  if (!asked) return tl::unexpected(smallest(task, all, ""));
  // As many wishes as leave a key that spreads all else well: with every bit settled there would be
  // no choice between keys. What is settled anyway is free.
  Placer placer(task.ports.front(), task.queues);
  constexpr unsigned spare = 3;
  unsigned most = placer.looked_at() - std::min(placer.looked_at(), spare);  // rank
  for (unsigned step = 1;; step *= 2) {
    System system = *asked;
    Keys keys = with_wishes(task, system, placer, most);
    if (keys.quality.sound() || settles_all(task, *asked)) return keys;
    if (system.rank() == asked->rank()) break;
    most = std::max(asked->rank(), system.rank() - std::min(step, system.rank()));
  }
  const auto starved = fault(task, all);
  return tl::unexpected(smallest(task, all, starved.value_or("all fields together")));
}

}  // namespace weft::rss
