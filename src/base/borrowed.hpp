// Bytes that the caller keeps, for those who take shared ones.
#pragma once

#include <functional>
#include <string_view>

#include "slipway/base/bytes.hpp"

namespace slipway {

// The text itself. Whoever asks for it sees to it that it stays, unchanged, for as long as anything has the result: nothing here does.
inline SharedBytes borrowed(std::string_view text) {
  const auto leave = [](void*) noexcept {};
  return SharedBytes::adopt({const_cast<char*>(text.data()), leave}, text.size(), text);  // nobody writes SharedBytes
}

inline bool lies_within(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> before;
  return before(whole.data(), part.data()) && before(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace slipway
