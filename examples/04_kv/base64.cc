#include "base64.h"

namespace kv {

bool from_base64(std::string_view text, std::string& bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  bytes.clear();
  if (text.empty() || text.size() % 4 != 0) return false;
  std::size_t filling = 0;
  while (filling < 2 && text[text.size() - 1 - filling] == '=') ++filling;
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t six = 0;
    if (i < text.size() - filling) {
      six = letters.find(text[i]);
      if (six == std::string_view::npos) return false;
    }
    group = group << 6 | static_cast<std::uint32_t>(six);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(group >> shift));
    group = 0;
  }
  bytes.resize(bytes.size() - filling);
  return true;
}

}  // namespace kv
