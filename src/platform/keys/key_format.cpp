#include "slipway/platform/keys/key_format.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"

namespace slipway::keys {
namespace {

constexpr std::size_t kIdSize = 10;
constexpr std::size_t kSecretSize = 43;
constexpr std::size_t kCheckSize = 6;

// CRC-32 of everything before it, in base62, padded to 6 digits.
std::string checksum(std::string_view body) {
  static constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out(kCheckSize, '0');
  std::uint32_t rest = crc32(body);
  for (std::size_t i = kCheckSize; i-- > 0; rest /= 62) out[i] = kDigits[rest % 62];
  return out;
}

}  // namespace

KeyText new_key_text() { return {random_base62(kIdSize), random_base62(kSecretSize)}; }

std::string format_key(const KeyText& key) {
  const std::string body = std::string(kKeyPrefix) + key.id + "_" + key.secret;
  return body + checksum(body);
}

std::string_view id_in_key(std::string_view text) {
  if (text.size() != kKeyPrefix.size() + kIdSize + 1 + kSecretSize + kCheckSize || !text.starts_with(kKeyPrefix)) return {};
  return text.substr(kKeyPrefix.size(), kIdSize);
}

std::optional<KeyText> parse_key(std::string_view text) {
  const std::string_view id = id_in_key(text);
  if (id.empty()) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - kCheckSize);
  const std::string_view rest = text.substr(kKeyPrefix.size());
  const auto is_base62 = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  KeyText key{std::string(id), std::string(rest.substr(kIdSize + 1, kSecretSize))};
  if (rest[kIdSize] != '_' || !std::all_of(key.id.begin(), key.id.end(), is_base62) ||
      !std::all_of(key.secret.begin(), key.secret.end(), is_base62) || text.substr(body.size()) != checksum(body)) {
    return std::nullopt;
  }
  return key;
}

}  // namespace slipway::keys
