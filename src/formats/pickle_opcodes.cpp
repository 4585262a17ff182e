#include "slipway/formats/pickle_opcodes.hpp"

namespace slipway::pickle {

std::string opcode_name(std::uint8_t byte) {
  switch (byte) {
#define OP(name, value) \
  case (value): return #name;
    SLIPWAY_PICKLE_OPCODES(OP)
#undef OP
    default: break;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  return std::string("0x") + kDigits[byte >> 4] + kDigits[byte & 15];
}

}  // namespace slipway::pickle
