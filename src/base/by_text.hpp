// A hash map from texts that is asked with views: no string is made for a look-up.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace slipway {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <class T>
using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

}  // namespace slipway
