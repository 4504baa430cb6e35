// Names that are no header bits: from the C++ text that names.yaml gives for generated code to the
// accessor that the interpreter calls. A storage that is missing here is refused when a graph is
// loaded, so the table cannot silently lag behind names.yaml (and a unit test compares the two).
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {
struct Packet;
struct Core;
}  // namespace weft

namespace weft::engine {

using Accessor = std::uint64_t (*)(const Packet&, const Core&);

// Null for text that is not in the table.
Accessor accessor_of(std::string_view storage);

}  // namespace weft::engine
