// Where answers go, in order.
#pragma once

#include <string_view>

#include "item.h"

namespace kv {

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::string_view text) = 0;                      // is copied
  virtual void lend(std::string_view text, const ItemRef& item) = 0;  // lies in the item
  // So much waits to be sent that no more should be asked for.
  virtual bool full() const = 0;

  // A small value is cheaper to copy than to send from where it lies.
  void value(const ItemRef& item) {
    if (item->value_bytes <= 512) {
      write(item->value());
    } else {
      lend(item->value(), item);
    }
  }
};

}  // namespace kv
