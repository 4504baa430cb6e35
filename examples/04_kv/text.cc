#include "text.h"

#include <utility>

#include "stats.h"
#include "words.h"

namespace kv {
namespace {

bool key_ok(std::string_view key) { return !key.empty() && key.size() <= longest_key; }
constexpr std::string_view non_numeric =
    "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

}  // namespace

std::size_t Text::take(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !over_) {
    if (value_.open()) {
      used += value_.take(bytes.substr(used));
      if (value_.complete()) finish_set();
    } else {
      if (sink_.full()) break;
      used += take_line(bytes.substr(used));
    }
    // (A value of no bytes waits for its line's end alone.)
  }
  return used;
}

std::size_t Text::take_line(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t n = end == std::string_view::npos ? bytes.size() : end + 1;
  if (line_.size() + n > longest_line) {
    sink_.write("CLIENT_ERROR line too long\r\n");
    over_ = true;
    return n;
  }
  std::string whole;
  std::string_view line = bytes.substr(0, n);
  if (end == std::string_view::npos || !line_.empty()) {
    line_.append(line);
    if (end == std::string_view::npos) return n;
    whole = std::exchange(line_, {});
    line = whole;
  }
  line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  run(line);
  return n;
}

void Text::run(std::string_view line) {
  quiet_ = false;
  const std::string_view name = next_word(line);
  if (name == "get") return get(line, false, false);
  if (name == "gets") return get(line, true, false);
  if (name == "gat") return get(line, false, true);
  if (name == "gats") return get(line, true, true);
  if (name == "set") return set(line, Mode::set, false);
  if (name == "add") return set(line, Mode::add, false);
  if (name == "replace") return set(line, Mode::replace, false);
  if (name == "append") return set(line, Mode::append, false);
  if (name == "prepend") return set(line, Mode::prepend, false);
  if (name == "cas") return set(line, Mode::set, true);
  if (name == "delete") return remove(line);
  if (name == "incr") return add(line, true);
  if (name == "decr") return add(line, false);
  if (name == "touch") return touch(line);
  if (name == "flush_all") return flush(line);
  if (name == "stats") return stats(line);
  if (name == "version") return sink_.write(version_line);
  if (name == "verbosity") return verbosity(line);
  if (name == "cache_memlimit") return limit(line);
  if (name == "quit") {
    over_ = true;
    return;
  }
  if (name.size() == 2 && name[0] == 'm') {
    const Meta::Wants wants = meta_.run(name[1], line);
    if (wants == Meta::Wants::value) {
      value_.begin(meta_.item(), meta_.value_bytes(), 2);
      for_meta_ = true;
    }
    if (wants != Meta::Wants::other) return;
  }
  sink_.write("ERROR\r\n");
}

void Text::bad(std::string_view what) {
  sink_.write((Line() << "CLIENT_ERROR " << what << "\r\n").text());
}

void Text::get(std::string_view rest, bool with_cas, bool with_time) {
  std::int64_t time = 0;
  if (with_time) {
    const std::string_view word = next_word(rest);
    if (word.empty()) return sink_.write("ERROR\r\n");
    if (!read_number(word, time)) return bad("invalid exptime argument");
  }
  std::string_view key = next_word(rest);
  if (key.empty()) return sink_.write("ERROR\r\n");
  const std::uint64_t now = stores_.now();
  for (; !key.empty(); key = next_word(rest)) {
    if (!key_ok(key)) return bad();
    ItemRef item;
    std::uint64_t cas = 0;
    {
      Stores::Held store = stores_.of(key);
      ++store->counters.gets;
      if (with_time) {
        store->touch(key, expiry_of(time, now), now, item);
      } else {
        item = store->find(key, now);
      }
      if (item == nullptr) continue;
      ++store->counters.get_hits;
      item->fetched = true;
      item->accessed = now;
      cas = item->cas;
    }
    Line line;
    line << "VALUE " << key << " " << std::uint64_t{item->flags} << " "
         << std::uint64_t{item->value_bytes};
    if (with_cas) line << " " << cas;
    sink_.write((line << "\r\n").text());
    sink_.value(item);
    sink_.write("\r\n");
  }
  sink_.write("END\r\n");
}

void Text::set(std::string_view rest, Mode mode, bool with_cas) {
  const std::string_view key = next_word(rest), flags = next_word(rest), time = next_word(rest),
                         length = next_word(rest), cas = with_cas ? next_word(rest) : "0";
  if (length.empty() || cas.empty()) return sink_.write("ERROR\r\n");
  std::uint32_t f = 0;
  std::int64_t t = 0, n = 0;
  cas_ = 0;
  quiet_ = next_word(rest) == "noreply";
  if (!key_ok(key) || !read_number(flags, f) || !read_number(time, t) || !read_number(length, n) ||
      !read_number(cas, cas_))
    return bad();
  if (n < 0 || n > std::int64_t{1} << 30) return bad();
  if (with_cas && cas_ == 0) cas_ = ~std::uint64_t{0};  // nothing has this one
  mode_ = mode;
  for_meta_ = false;
  ItemRef item;
  if (static_cast<std::uint64_t>(n) > longest_value) {
    say("SERVER_ERROR object too large for cache\r\n");
    // What was there is out of date now.
    if (mode == Mode::set) stores_.of(key)->remove(key, 0, stores_.now());
  } else {
    item = make_item(key, f, expiry_of(t, stores_.now()), static_cast<std::uint32_t>(n));
    if (item == nullptr) say("SERVER_ERROR out of memory storing object\r\n");
  }
  value_.begin(std::move(item), static_cast<std::uint64_t>(n), 2);
}

void Text::finish_set() {
  const bool whole = value_.tail() == "\r\n";
  ItemRef item = value_.end();
  if (for_meta_) return meta_.finish(std::move(item), whole);
  if (item == nullptr) return;  // has been answered
  if (!whole) return bad("bad data chunk");
  Result result;
  {
    const std::string key(item->key());
    result = stores_.of(key)->put(item, mode_, cas_, stores_.now());
  }
  switch (result) {
    case Result::done: return say("STORED\r\n");
    case Result::not_found: return say("NOT_FOUND\r\n");
    case Result::exists: return say("EXISTS\r\n");
    case Result::too_large: return say("SERVER_ERROR object too large for cache\r\n");
    case Result::no_memory: return say("SERVER_ERROR out of memory storing object\r\n");
    default: return say("NOT_STORED\r\n");
  }
}

void Text::remove(std::string_view rest) {
  const std::string_view key = next_word(rest), second = next_word(rest), third = next_word(rest);
  if (key.empty()) return sink_.write("ERROR\r\n");
  if (!key_ok(key)) return bad();
  quiet_ = second == "noreply" || (second == "0" && third == "noreply");
  // (A time, which old clients send, may only be 0.)
  if (!second.empty() && second != "noreply" && (second != "0" || !(third.empty() || quiet_)))
    return bad("bad command line format.  Usage: delete <key> [noreply]");
  const Result result = stores_.of(key)->remove(key, 0, stores_.now());
  say(result == Result::done ? "DELETED\r\n" : "NOT_FOUND\r\n");
}

void Text::add(std::string_view rest, bool up) {
  const std::string_view key = next_word(rest), word = next_word(rest);
  if (word.empty()) return sink_.write("ERROR\r\n");
  quiet_ = next_word(rest) == "noreply";
  std::uint64_t delta = 0, value = 0;
  if (!key_ok(key)) return bad();
  if (!read_number(word, delta)) return bad("invalid numeric delta argument");
  ItemRef item;
  const Result result = stores_.of(key)->add(key, up, delta, 0, stores_.now(), item, value);
  if (result == Result::done) return say((Line() << value << "\r\n").text());
  if (result == Result::non_numeric) return say(non_numeric);
  say(result == Result::not_found ? "NOT_FOUND\r\n" : "SERVER_ERROR out of memory\r\n");
}

void Text::touch(std::string_view rest) {
  const std::string_view key = next_word(rest), word = next_word(rest);
  if (word.empty()) return sink_.write("ERROR\r\n");
  quiet_ = next_word(rest) == "noreply";
  std::int64_t time = 0;
  if (!key_ok(key)) return bad();
  if (!read_number(word, time)) return bad("invalid exptime argument");
  const std::uint64_t now = stores_.now();
  ItemRef item;
  const Result result = stores_.of(key)->touch(key, expiry_of(time, now), now, item);
  say(result == Result::done ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
}

void Text::flush(std::string_view rest) {
  std::string_view word = next_word(rest);
  const std::uint64_t now = stores_.now();
  std::int64_t delay = 0;
  if (!word.empty() && word != "noreply") {
    if (!read_number(word, delay)) return bad("invalid exptime argument");
    word = next_word(rest);
  }
  quiet_ = word == "noreply";
  stores_.flush(delay <= 0 ? now : expiry_of(delay, now), now);
  say("OK\r\n");
}

// There is nothing more or less to say; the command is checked all the same.
void Text::verbosity(std::string_view rest) {
  const std::string_view level = next_word(rest), second = next_word(rest);
  if (level.empty() || !next_word(rest).empty()) return sink_.write("ERROR\r\n");
  quiet_ = level == "noreply" || second == "noreply";
  std::uint32_t number = 0;
  if (level != "noreply" && !read_number(level, number)) return bad();
  say("OK\r\n");
}

void Text::limit(std::string_view rest) {
  const std::string_view word = next_word(rest);
  std::uint64_t megabytes = 0;
  if (word.empty()) return sink_.write("ERROR\r\n");
  quiet_ = next_word(rest) == "noreply";
  if (!read_number(word, megabytes) || megabytes == 0 || megabytes > 1 << 20) return bad();
  stores_.set_limit(megabytes << 20);
  say("OK\r\n");
}

void Text::stats(std::string_view rest) {
  const std::string_view what = next_word(rest);
  if (what == "reset") {
    stores_.reset_counters();
    return sink_.write("RESET\r\n");
  }
  const bool known = each_stat(stores_, what, [&](std::string_view name, std::string_view value) {
    sink_.write((Line() << "STAT " << name << " " << value << "\r\n").text());
  });
  sink_.write(known ? "END\r\n" : "ERROR\r\n");
}

}  // namespace kv
