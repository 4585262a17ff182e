// Text forms of bytes, and arithmetic that can't overflow silently. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

inline std::span<const std::byte> as_bytes(std::string_view s) { return std::as_bytes(std::span(s.data(), s.size())); }
inline std::string_view as_text(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

std::string to_hex(std::span<const std::byte> bytes);                 // lower case
std::optional<std::string> from_hex(std::string_view hex);            // raw bytes
std::string to_base64url(std::span<const std::byte> bytes);           // no padding (RFC 7515)
std::optional<std::string> from_base64url(std::string_view text);     // strict: no padding, no other alphabet, no stray bits
std::uint32_t crc32(std::string_view bytes);                          // IEEE 802.3
bool equal_in_constant_time(std::string_view a, std::string_view b);  // time depends on the lengths only
std::string percent_decode(std::string_view text, bool& valid);       // once; '+' stays
bool is_valid_utf8(std::string_view text);
std::string excerpt(std::string_view text, std::size_t bytes_max = 40);  // printable, cut at a character; for messages that quote a caller

// Nearest of `candidates` by edit distance, when it is near enough to suggest.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

inline std::optional<std::size_t> checked_mul(std::size_t a, std::size_t b) {
  std::size_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}
inline std::optional<std::size_t> checked_add(std::size_t a, std::size_t b) {
  std::size_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}

}  // namespace slipway
