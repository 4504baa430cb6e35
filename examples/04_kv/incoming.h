// A value on its way in: its bytes go straight to where they will stay.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "item.h"

namespace kv {

class Incoming {
 public:
  // `item` null: the bytes are read and forgotten. `tail`: bytes that follow the value.
  void begin(ItemRef item, std::uint64_t value_bytes, unsigned tail) {
    item_ = std::move(item);
    value_left_ = value_bytes;
    tail_left_ = tail_bytes_ = tail;
    open_ = true;
  }
  bool open() const { return open_; }
  bool complete() const { return open_ && value_left_ == 0 && tail_left_ == 0; }

  std::size_t take(std::string_view bytes) {
    std::size_t n = std::min<std::uint64_t>(value_left_, bytes.size());
    if (item_ != nullptr && n != 0)
      std::memcpy(item_->value_begin() + item_->value_bytes - value_left_, bytes.data(), n);
    value_left_ -= n;
    while (tail_left_ != 0 && value_left_ == 0 && n < bytes.size()) {
      tail_[tail_bytes_ - tail_left_] = bytes[n++];
      --tail_left_;
    }
    return n;
  }
  std::string_view tail() const { return {tail_, tail_bytes_}; }
  // When it is complete.
  ItemRef end() {
    open_ = false;
    return std::move(item_);
  }

 private:
  ItemRef item_;
  std::uint64_t value_left_ = 0;
  unsigned tail_left_ = 0, tail_bytes_ = 0;
  char tail_[2] = {};
  bool open_ = false;
};

}  // namespace kv
