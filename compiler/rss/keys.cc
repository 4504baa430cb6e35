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

// The first field that matters and of which some bit can reach no entry but its own.
std::string starved_field(const Task& task, const System& system) {
  for (const Port& port : task.ports) {
    for (const Input& input : port.inputs) {
      for (const Part& part : input.parts) {
        if (!port.matters.empty() &&
            std::find(port.matters.begin(), port.matters.end(), part.field) == port.matters.end())
          continue;
        for (unsigned i = 0; i < part.width; ++i) {
          bool touched = false;
          for (unsigned j = 32 - port.bits; j < 32 && !touched; ++j) {
            Row bit;
            const unsigned at = part.offset + i + j;
            if (at < port.key_bytes * 8) bit.flip(port.first + at);
            touched = !(system.settled(bit) == false);
          }
          if (!touched) return part.field;
        }
      }
    }
  }
  return "";
}

// Why these requests can't be had; nullopt where they can.
std::optional<std::string> fault(const Task& task, const std::vector<unsigned>& requests) {
  const auto system = system_of(task, requests);
  if (!system) return "";
  if (settles_all(task, *system)) return std::nullopt;
  std::string starved = starved_field(task, *system);
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
  // As many wishes as leave a key that spreads all else well.
  std::size_t room = task.queues < 2 ? 0 : task.wishes.size();
  while (true) {
    System system = *asked;
    Placer placer(task.ports.front(), task.queues);
    std::vector<bool> placed(task.wishes.size());
    std::size_t count = 0;
    for (std::size_t w = 0; w < task.wishes.size() && count < room; ++w) {
      placed[w] = placer.place(system, task.wishes[w]);
      count += placed[w];
    }
    Keys keys = best_of(task, system);
    keys.placed = std::move(placed);
    if (keys.quality.sound() || settles_all(task, *asked)) return keys;
    if (count == 0) break;
    room = count - 1 - count / 16;
  }
  const auto starved = fault(task, all);
  return tl::unexpected(smallest(task, all, starved.value_or("all fields together")));
}

}  // namespace weft::rss
