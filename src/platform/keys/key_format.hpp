// The text of an API key: slw_live_<id 10>_<secret 43><check 6>, base62. A scanner recognises the prefix and proves a hit by the
// checksum, without asking anybody; a typing error is told from a wrong key without a look-up. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slipway::keys {

inline constexpr std::string_view kKeyPrefix = "slw_live_";

struct KeyText {
  std::string id;      // 10 characters, public: names the key in logs
  std::string secret;  // 43 characters, 256 bits
};

KeyText new_key_text();
std::string format_key(const KeyText& key);
std::string_view id_in_key(std::string_view text);        // the id of what has a key's length and prefix, else empty: the rest is not looked at
std::optional<KeyText> parse_key(std::string_view text);  // nullopt: not of this form, or the checksum is wrong

}  // namespace slipway::keys
