// NIC models: what is read either makes an emulated card or is refused with words.
#include "compiler/frontend/readers.h"
#include "runtime/emulator/emulated_card.h"
#include "tests/fuzz/fuzz_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto nic = frontend::read_nic(fuzz::as_file(text), fuzz::fields());
  if (!nic) {
    diag::render(nic.error(), false);
    return 0;
  }
  static fuzz::FuzzWire wire;
  auto card = emulator::EmulatedCard::make(*nic, fuzz::fields(), wire);
  if (!card) diag::render(card.error(), false);
  return 0;
}
