#include "session.h"

namespace kv {

std::size_t Session::take(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (protocol_ == Protocol::unknown)
    protocol_ = bytes.front() == Binary::request_magic ? Protocol::binary : Protocol::text;
  const std::size_t used = protocol_ == Protocol::binary ? binary_.take(bytes) : text_.take(bytes);
  return over() ? bytes.size() : used;
}

}  // namespace kv
