#include "meta.h"

#include <utility>

#include "base64.h"
#include "words.h"

namespace kv {

bool Flags::read(std::string_view rest, std::string_view allowed, std::string_view& error) {
  seen_ = 0;
  count_ = 0;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    const char flag = word.front();
    if (allowed.find(flag) == std::string_view::npos || count_ == most) {
      error = "invalid flag";
      return false;
    }
    if (has(flag)) {
      error = "duplicate flag";
      return false;
    }
    seen_ |= bit(flag);
    order_[count_] = flag;
    arguments_[count_++] = word.substr(1);
  }
  return true;
}

std::string_view Flags::argument(char flag) const {
  const std::size_t at = order().find(flag);
  return at == std::string_view::npos ? std::string_view{} : arguments_[at];
}

template <class Number>
bool Flags::number(char flag, Number& n) const {
  return !has(flag) || read_number(argument(flag), n);
}

void Meta::error(std::string_view what) {
  sink_.write((Line() << "CLIENT_ERROR " << what << "\r\n").text());
}

// The key and, behind `rest`, the flags.
bool Meta::begin(std::string_view& rest, std::string_view allowed) {
  std::string_view why;
  won_ = was_won_ = hit_before_ = false;
  if (!flags_.read(rest, allowed, why)) return error(why), false;
  if (flags_.has('b')) {
    if (!from_base64(given_key_, key_)) return error("error decoding key"), false;
  } else {
    key_ = given_key_;
  }
  if (key_.empty() || given_key_.size() > longest_key)
    return error("bad command line format"), false;
  return true;
}

Meta::Wants Meta::run(char command, std::string_view rest) {
  constexpr std::string_view allowed[] = {"bcfhklNOqRsTtvE", "bcCEFIkMNOqsT", "bCEIkOqT",
                                          "bcCDEJkMNOqtTv", ""};
  constexpr std::string_view commands = "gsdae";
  if (command == 'n') {
    sink_.write("MN\r\n");
    return Wants::nothing;
  }
  const std::size_t which = commands.find(command);
  if (which == std::string_view::npos) return Wants::other;
  command_ = command;
  given_key_ = next_word(rest);
  if (given_key_.empty()) return Wants::other;  // as any line that lacks a word
  if (command == 'e') {
    key_ = given_key_;
    return debug(), Wants::nothing;
  }
  std::string_view length;
  if (command == 's') {
    length = next_word(rest);
    if (!read_number(length, value_bytes_) || value_bytes_ > 1 << 30)
      return error("bad command line format"), Wants::nothing;
  }
  if (!begin(rest, allowed[which])) {
    // The value comes all the same.
    item_ = nullptr;
    return command == 's' ? Wants::value : Wants::nothing;
  }
  switch (command) {
    case 'g': get(); break;
    case 's': set(); return Wants::value;
    case 'd': remove(); break;
    default: add(); break;
  }
  return Wants::nothing;
}

// What is returned, in the order in which it was asked for; then whether another client makes a new
// value already (Z), the old one is out of date (X), this client is to make a new one (W).
void Meta::answer(std::string_view code, Item* item, std::uint64_t now) {
  if (flags_.has('q') && code == (command_ == 'g' ? "EN" : "HD")) return;
  if (flags_.has('q') && code == "VA" && command_ == 'a') return;
  Line line;
  line << code;
  if (code == "VA") line << " " << std::uint64_t{item->value_bytes};
  for (const char flag : flags_.order()) {
    switch (flag) {
      case 'O': line << " O" << flags_.argument('O'); break;
      case 'k':
        line << " k" << given_key_;
        if (flags_.has('b')) line << " b";
        break;
      default: break;
    }
    if (item == nullptr) continue;
    switch (flag) {
      case 'c': line << " c" << item->cas; break;
      case 'f': line << " f" << std::uint64_t{item->flags}; break;
      case 'h': line << (hit_before_ ? " h1" : " h0"); break;
      case 'l': line << " l" << idle_; break;
      case 's': line << " s" << std::uint64_t{item->value_bytes}; break;
      case 't':
        if (item->expires == 0) {
          line << " t-1";
        } else {
          line << " t" << (item->expires > now ? item->expires - now : 0);
        }
        break;
      default: break;
    }
  }
  if (was_won_) line << " Z";
  if (item != nullptr && item->stale) line << " X";
  if (won_) line << " W";
  sink_.write((line << "\r\n").text());
}

void Meta::get() {
  const std::uint64_t now = stores_.now();
  std::int64_t vivify = 0, recache = 0, time = 0;
  std::uint64_t cas = 0;
  if (!flags_.number('N', vivify) || !flags_.number('R', recache) || !flags_.number('T', time) ||
      !flags_.number('E', cas))
    return error("bad token in command line format");
  Stores::Held store = stores_.of(key_);
  ++store->counters.gets;
  ItemRef item = store->find(key_, now);
  if (item != nullptr) {
    ++store->counters.get_hits;
    hit_before_ = item->fetched;
    idle_ = now - item->accessed;
    item->fetched = true;
    item->accessed = now;
    const bool late = flags_.has('R') && item->expires != 0 &&
                      static_cast<std::int64_t>(item->expires - now) < recache;
    if (item->won) {
      was_won_ = true;
    } else if (item->stale || late) {
      item->won = won_ = true;
    }
    if (flags_.has('T')) item->expires = expiry_of(time, now);
  } else if (flags_.has('N')) {
    item = make_item(key_, 0, expiry_of(vivify, now), 0);
    if (item == nullptr) return sink_.write("SERVER_ERROR out of memory\r\n");
    item->binary_key = flags_.has('b');
    item->won = won_ = true;
    store->put(item, Mode::set, 0, now, cas);
    idle_ = 0;
  }
  if (item == nullptr) return answer("EN");
  answer(flags_.has('v') ? "VA" : "HD", item.get(), now);
  if (!flags_.has('v')) return;
  sink_.value(item);
  sink_.write("\r\n");
}

// What is wrong is told now; the value comes all the same.
void Meta::set() {
  std::uint32_t client_flags = 0;
  std::int64_t time = 0;
  item_ = nullptr;
  std::uint64_t cas = 0;
  const std::string_view mode = flags_.argument('M');
  if (!flags_.number('F', client_flags) || !flags_.number('T', time) || !flags_.number('C', cas) ||
      !flags_.number('E', cas)) {
    error("bad token in command line format");
  } else if (flags_.has('M') && mode.size() != 1) {
    error("incorrect length for M token");
  } else if (flags_.has('M') && (mode.size() != 1 || std::string_view("EeAaPpRrSs").find(mode) ==
                                                         std::string_view::npos)) {
    error("invalid mode for ms M token");
  } else if (value_bytes_ > longest_value) {
    sink_.write("SERVER_ERROR object too large for cache\r\n");
    stores_.of(key_)->remove(key_, 0, stores_.now());
  } else {
    item_ = make_item(key_, client_flags, expiry_of(time, stores_.now()),
                      static_cast<std::uint32_t>(value_bytes_));
    if (item_ == nullptr) {
      sink_.write("SERVER_ERROR out of memory storing object\r\n");
    } else {
      item_->binary_key = flags_.has('b');
    }
  }
}

void Meta::finish(ItemRef item, bool whole) {
  item_ = nullptr;
  if (item == nullptr) return;  // has been answered
  if (!whole) return error("bad data chunk");
  const std::uint64_t now = stores_.now();
  std::uint64_t cas = 0, new_cas = 0;
  std::int64_t vivify = 0;
  flags_.number('C', cas);
  flags_.number('E', new_cas);
  Mode mode = Mode::set;
  const std::string_view letter = flags_.argument('M');
  switch (letter.empty() ? 'S' : letter.front() & ~32) {
    case 'E': mode = Mode::add; break;
    case 'A': mode = Mode::append; break;
    case 'P': mode = Mode::prepend; break;
    case 'R': mode = Mode::replace; break;
    default: break;
  }
  Stores::Held store = stores_.of(key_);
  const bool joins = mode == Mode::append || mode == Mode::prepend;
  if (joins && flags_.has('N') && store->find(key_, now) == nullptr) {
    if (!flags_.number('N', vivify)) return error("bad token in command line format");
    item->expires = expiry_of(vivify, now);
    mode = Mode::set;
  }
  // With I an older value than the one that is there is taken, and marked as out of date.
  const ItemRef there = flags_.has('I') && cas != 0 ? store->find(key_, now, false) : nullptr;
  if (there != nullptr && there->cas > cas) {
    item->stale = true;
    cas = 0;
  }
  switch (store->put(item, mode, cas, now, new_cas)) {
    case Result::done: return answer("HD", item.get(), now);
    case Result::exists: return answer("EX");
    case Result::not_found: return answer("NF");
    case Result::too_large: return sink_.write("SERVER_ERROR object too large for cache\r\n");
    case Result::no_memory: return sink_.write("SERVER_ERROR out of memory storing object\r\n");
    default: return answer("NS");
  }
}

void Meta::remove() {
  const std::uint64_t now = stores_.now();
  std::uint64_t cas = 0, new_cas = 0;
  std::int64_t time = 0;
  if (!flags_.number('C', cas) || !flags_.number('T', time) || !flags_.number('E', new_cas))
    return error("bad token in command line format");
  Stores::Held store = stores_.of(key_);
  if (flags_.has('I')) {  // it stays, out of date, until somebody makes a new one
    const ItemRef item = store->find(key_, now, false);
    if (item == nullptr) return answer("NF");
    if (cas != 0 && item->cas != cas) return answer("EX");
    if (flags_.has('T')) item->expires = expiry_of(time, now);
    item->stale = true;
    item->won = false;
    item->cas = new_cas != 0 ? new_cas : store->next_cas();
    return answer("HD");
  }
  const Result result = store->remove(key_, cas, now);
  answer(result == Result::done ? "HD" : result == Result::exists ? "EX" : "NF");
}

void Meta::add() {
  const std::uint64_t now = stores_.now();
  std::uint64_t cas = 0, new_cas = 0, delta = 1, initial = 0, value = 0;
  std::int64_t vivify = 0, time = 0;
  if (!flags_.number('D', delta)) return error("invalid or duplicate flag");
  if (!flags_.number('C', cas) || !flags_.number('J', initial) || !flags_.number('N', vivify) ||
      !flags_.number('T', time) || !flags_.number('E', new_cas))
    return error("bad token in command line format");
  bool up = true;
  if (flags_.has('M')) {
    const std::string_view mode = flags_.argument('M');
    if (mode == "D" || mode == "d" || mode == "-") {
      up = false;
    } else if (mode != "I" && mode != "i" && mode != "+") {
      return error("invalid mode for ma M token");
    }
  }
  Stores::Held store = stores_.of(key_);
  ItemRef item;
  Result result = store->add(key_, up, delta, cas, now, item, value, new_cas);
  if (result == Result::not_found && flags_.has('N')) {
    const std::string text = std::to_string(initial);
    item = make_item(key_, 0, expiry_of(vivify, now), static_cast<std::uint32_t>(text.size()));
    if (item == nullptr) return sink_.write("SERVER_ERROR out of memory\r\n");
    text.copy(item->value_begin(), text.size());
    result = store->put(item, Mode::add, 0, now, new_cas);
  }
  switch (result) {
    case Result::done: break;
    case Result::exists: return answer("EX");
    case Result::not_found: return answer("NF");
    case Result::non_numeric: return error("cannot increment or decrement non-numeric value");
    default: return sink_.write("SERVER_ERROR out of memory\r\n");
  }
  if (flags_.has('T')) item->expires = expiry_of(time, now);
  answer(flags_.has('v') ? "VA" : "HD", item.get(), now);
  if (!flags_.has('v')) return;
  sink_.write(item->value());
  sink_.write("\r\n");
}

void Meta::debug() {
  const std::uint64_t now = stores_.now();
  if (key_.size() > longest_key) return error("bad command line format");
  Stores::Held store = stores_.of(key_);
  const ItemRef item = store->find(key_, now, false);
  if (item == nullptr) return sink_.write("EN\r\n");
  Line line;
  line << "ME " << key_ << " exp=";
  if (item->expires == 0) {
    line << "-1";
  } else {
    line << item->expires - now;
  }
  line << " la=" << now - item->accessed << " cas=" << item->cas
       << " fetch=" << (item->fetched ? "yes" : "no")
       << " cls=1 size=" << std::uint64_t{item->bytes()} << "\r\n";
  sink_.write(line.text());
}

}  // namespace kv
