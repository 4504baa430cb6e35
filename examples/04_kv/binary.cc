#include "binary.h"

#include <algorithm>

#include "stats.h"

namespace kv {
namespace {

template <class Number>
Number read(std::string_view bytes, std::size_t at) {
  Number n = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    n = static_cast<Number>(n << 8 | static_cast<unsigned char>(bytes[at + i]));
  return n;
}

template <class Number>
void put(char* to, Number n) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    to[i] = static_cast<char>(n >> 8 * (sizeof(Number) - 1 - i));
}

enum Opcode : std::uint8_t {
  op_get = 0x00,
  op_set,
  op_add,
  op_replace,
  op_delete,
  op_increment,
  op_decrement,
  op_quit,
  op_flush,
  op_get_quiet,
  op_noop,
  op_version,
  op_get_key,
  op_get_key_quiet,
  op_append,
  op_prepend,
  op_stat,
  op_set_quiet,
  op_prepend_quiet = 0x1a,
  op_verbosity = 0x1b,
  op_touch,
  op_get_touch,
  op_get_touch_quiet,
  op_get_key_touch = 0x23,
  op_get_key_touch_quiet
};

// The opcode that does the same and answers.
std::uint8_t loud(std::uint8_t opcode, bool& quiet) {
  quiet = true;
  switch (opcode) {
    case op_get_quiet: return op_get;
    case op_get_key_quiet: return op_get_key;
    case op_get_touch_quiet: return op_get_touch;
    case op_get_key_touch_quiet: return op_get_key_touch;
    default: break;
  }
  if (opcode >= op_set_quiet && opcode <= 0x18) return opcode - op_set_quiet + op_set;
  if (opcode == 0x19) return op_append;
  if (opcode == op_prepend_quiet) return op_prepend;
  quiet = false;
  return opcode;
}

// What a command's extras, key and value may be: {extras, key wanted, value allowed}.
struct Shape {
  std::uint8_t extras;
  bool key, value;
};
bool shape_ok(std::uint8_t command, std::size_t extras, std::size_t key, std::uint64_t value) {
  Shape s{0, false, false};
  switch (command) {
    case op_get:
    case op_get_key:
    case op_delete: s = {0, true, false}; break;
    case op_set:
    case op_add:
    case op_replace: s = {8, true, true}; break;
    case op_append:
    case op_prepend: s = {0, true, true}; break;
    case op_increment:
    case op_decrement: s = {20, true, false}; break;
    case op_touch:
    case op_get_touch:
    case op_get_key_touch: s = {4, true, false}; break;
    case op_verbosity: s = {4, false, false}; break;
    case op_flush: return (extras == 0 || extras == 4) && key == 0 && value == 0;
    case op_stat: return extras == 0 && value == 0;
    default: break;
  }
  return extras == s.extras && (key != 0) == s.key && (s.value || value == 0);
}

}  // namespace

std::size_t Binary::take(std::string_view bytes) {
  std::size_t used = 0;
  while (!over_) {
    if (value_.open()) {
      used += value_.take(bytes.substr(used));
      if (!value_.complete()) break;
      finish_set();
      continue;
    }
    if (used == bytes.size() || (front_.empty() && sink_.full())) break;
    const std::size_t n = std::min(front_bytes_ - front_.size(), bytes.size() - used);
    front_.append(bytes.substr(used, n));
    used += n;
    if (front_.size() == header_bytes && front_bytes_ == header_bytes && !begin()) break;
    if (front_.size() != front_bytes_) continue;
    run();
    if (!value_.open()) front_.clear(), front_bytes_ = header_bytes;
  }
  return used;
}

// The header is there. False: this is not the protocol.
bool Binary::begin() {
  const std::string_view f = front_;
  h_ = {static_cast<std::uint8_t>(f[1]), read<std::uint16_t>(f, 2),
        static_cast<std::uint8_t>(f[4]), read<std::uint32_t>(f, 8),
        {f[12], f[13], f[14], f[15]},    read<std::uint64_t>(f, 16)};
  command_ = loud(h_.opcode, quiet_);
  answered_ = false;
  if (f[0] != request_magic || h_.body_bytes < h_.key_bytes + std::uint32_t{h_.extra_bytes}) {
    fail(Status::invalid);
    over_ = true;
    return false;
  }
  front_bytes_ = header_bytes + h_.extra_bytes + h_.key_bytes;
  return true;
}

// Header, extras and key are there.
void Binary::run() {
  const std::uint64_t value = h_.body_bytes - h_.key_bytes - h_.extra_bytes;
  const bool known = command_ <= op_stat ||
                     (command_ >= op_verbosity && command_ <= op_get_touch) ||
                     command_ == op_get_key_touch;
  if (!known) {
    fail(Status::unknown);
  } else if (h_.key_bytes > longest_key ||
             !shape_ok(command_, h_.extra_bytes, h_.key_bytes, value)) {
    fail(Status::invalid);
  }
  if (answered_) {
    if (value != 0) value_.begin(nullptr, value, 0);
    return;
  }
  switch (command_) {
    case op_get:
    case op_get_key:
    case op_get_touch:
    case op_get_key_touch: return get();
    case op_set: return set(Mode::set);
    case op_add: return set(Mode::add);
    case op_replace: return set(Mode::replace);
    case op_append: return set(Mode::append);
    case op_prepend: return set(Mode::prepend);
    case op_delete: return remove();
    case op_increment: return add(true);
    case op_decrement: return add(false);
    case op_touch: return touch();
    case op_flush: return flush();
    case op_stat: return stat();
    case op_version: return answer({}, {}, version, 0);
    case op_quit:
      done();
      over_ = true;
      return;
    default: return done();  // noop, verbosity
  }
}

void Binary::answer(std::string_view extras, std::string_view key, std::string_view value,
                    std::uint64_t cas, std::uint64_t more_value, Status status) {
  char header[header_bytes] = {};
  header[0] = static_cast<char>(0x81);
  header[1] = static_cast<char>(h_.opcode);
  put(header + 2, static_cast<std::uint16_t>(key.size()));
  header[4] = static_cast<char>(extras.size());
  put(header + 6, static_cast<std::uint16_t>(status));
  put(header + 8,
      static_cast<std::uint32_t>(extras.size() + key.size() + value.size() + more_value));
  std::copy(h_.opaque.begin(), h_.opaque.end(), header + 12);
  put(header + 16, cas);
  sink_.write({header, sizeof(header)});
  for (const std::string_view part : {extras, key, value})
    if (!part.empty()) sink_.write(part);
}

void Binary::fail(Status status) {
  answered_ = true;
  std::string_view text = "Unknown command";
  switch (status) {
    case Status::not_found: text = "Not found"; break;
    case Status::exists: text = "Data exists for key."; break;
    case Status::too_large: text = "Too large."; break;
    case Status::invalid: text = "Invalid arguments"; break;
    case Status::not_stored: text = "Not stored."; break;
    case Status::non_numeric: text = "Non-numeric server-side value for incr or decr"; break;
    case Status::no_memory: text = "Out of memory"; break;
    default: break;
  }
  answer({}, {}, text, 0, 0, status);
}

Binary::Status Binary::status_of(Result result) {
  switch (result) {
    case Result::done: return Status::ok;
    case Result::exists: return Status::exists;
    case Result::not_found: return Status::not_found;
    case Result::non_numeric: return Status::non_numeric;
    case Result::too_large: return Status::too_large;
    case Result::no_memory: return Status::no_memory;
    default: return Status::not_stored;
  }
}

void Binary::get() {
  const std::uint64_t now = stores_.now();
  const bool touches = h_.extra_bytes != 0;
  ItemRef item;
  std::uint64_t cas = 0;
  {
    Stores::Held store = stores_.of(key());
    ++store->counters.gets;
    if (touches) {
      const std::uint64_t expires = expiry_of(read<std::int32_t>(extras(), 0), now);
      store->touch(key(), expires, now, item);
    } else {
      item = store->find(key(), now);
    }
    if (item != nullptr) {
      ++store->counters.get_hits;
      item->fetched = true;
      item->accessed = now;
      cas = item->cas;
    }
  }
  const bool with_key = command_ == op_get_key || command_ == op_get_key_touch;
  if (item == nullptr) {
    if (quiet_) return;
    if (!with_key) return fail(Status::not_found);
    return answer({}, key(), {}, 0, 0, Status::not_found);
  }
  char flags[4];
  put(flags, item->flags);
  answer({flags, 4}, with_key ? key() : std::string_view{}, {}, cas, item->value_bytes);
  sink_.value(item);
}

void Binary::set(Mode mode) {
  const std::uint64_t bytes = h_.body_bytes - h_.key_bytes - h_.extra_bytes;
  mode_ = mode;
  ItemRef item;
  if (bytes > longest_value) {
    fail(Status::too_large);
    if (mode == Mode::set) stores_.of(key())->remove(key(), 0, stores_.now());
  } else {
    const bool told = h_.extra_bytes == 8;
    const std::uint32_t flags = told ? read<std::uint32_t>(extras(), 0) : 0;
    const std::int64_t time = told ? read<std::int32_t>(extras(), 4) : 0;
    item =
        make_item(key(), flags, expiry_of(time, stores_.now()), static_cast<std::uint32_t>(bytes));
    if (item == nullptr) fail(Status::no_memory);
  }
  value_.begin(std::move(item), bytes, 0);
}

void Binary::finish_set() {
  ItemRef item = value_.end();
  if (item != nullptr) {
    const Result result = stores_.of(key())->put(item, mode_, h_.cas, stores_.now());
    Status status = status_of(result);
    if (result == Result::not_stored && mode_ == Mode::add) status = Status::exists;
    if (result == Result::not_stored && mode_ == Mode::replace) status = Status::not_found;
    if (status == Status::ok) {
      done(item->cas);
    } else {
      fail(status);
    }
  }
  front_.clear();
  front_bytes_ = header_bytes;
}

void Binary::remove() {
  const Result result = stores_.of(key())->remove(key(), h_.cas, stores_.now());
  if (result != Result::done) return fail(status_of(result));
  done();
}

void Binary::add(bool up) {
  const std::uint64_t now = stores_.now();
  const auto delta = read<std::uint64_t>(extras(), 0), initial = read<std::uint64_t>(extras(), 8);
  const auto time = read<std::uint32_t>(extras(), 16);
  ItemRef item;
  std::uint64_t value = 0;
  Stores::Held store = stores_.of(key());
  Result result = store->add(key(), up, delta, h_.cas, now, item, value);
  if (result == Result::not_found && time != 0xffffffff) {
    const std::string text = std::to_string(value = initial);
    item = make_item(key(), 0, expiry_of(static_cast<std::int32_t>(time), now),
                     static_cast<std::uint32_t>(text.size()));
    if (item == nullptr) return fail(Status::no_memory);
    text.copy(item->value_begin(), text.size());
    result = store->put(item, Mode::add, 0, now);
  }
  if (result != Result::done) return fail(status_of(result));
  if (quiet_) return;
  char bytes[8];
  put(bytes, value);
  answer({}, {}, {bytes, 8}, item->cas);
}

void Binary::touch() {
  const std::uint64_t now = stores_.now();
  ItemRef item;
  const std::uint64_t expires = expiry_of(read<std::int32_t>(extras(), 0), now);
  const Result result = stores_.of(key())->touch(key(), expires, now, item);
  if (result != Result::done) return fail(status_of(result));
  done(item->cas);
}

void Binary::flush() {
  const std::uint64_t now = stores_.now();
  const std::int64_t delay = h_.extra_bytes == 4 ? read<std::int32_t>(extras(), 0) : 0;
  stores_.flush(delay <= 0 ? now : expiry_of(delay, now), now);
  done();
}

// One answer for each; an empty one ends them.
void Binary::stat() {
  if (key() == "reset") {
    stores_.reset_counters();
  } else if (!each_stat(stores_, key(), [&](std::string_view name, std::string_view value) {
               answer({}, name, value, 0);
             })) {
    return fail(Status::not_found);
  }
  answer({}, {}, {}, 0);
}

}  // namespace kv
