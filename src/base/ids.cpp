#include "slipway/base/ids.hpp"

#include <sys/random.h>

#include <cstdlib>

namespace slipway {
namespace {
constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
}  // namespace

std::string random_bytes(std::size_t n) {
  std::string out(n, '\0');
  std::size_t filled = 0;
  while (filled < n) {
    const ssize_t got = getrandom(out.data() + filled, n - filled, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // without randomness nothing that follows is safe
    }
    filled += static_cast<std::size_t>(got);
  }
  return out;
}

std::string new_id(std::string_view prefix) {
  const std::string entropy = random_bytes(17);
  std::string out(prefix);
  out += '_';
  unsigned buffer = 0;
  int bits = 0;
  std::size_t next = 0;
  for (int i = 0; i < 26; ++i) {
    if (bits < 5) {
      buffer = (buffer << 8) | static_cast<unsigned char>(entropy[next++]);
      bits += 8;
    }
    bits -= 5;
    out += kCrockford[(buffer >> bits) & 31];
  }
  return out;
}

bool is_id(std::string_view text) {
  const std::size_t bar = text.find('_');
  if (bar < 2 || bar > 4 || text.size() != bar + 27) return false;
  for (const char c : text.substr(0, bar)) {
    if (c < 'a' || c > 'z') return false;
  }
  return text.substr(bar + 1).find_first_not_of(kCrockford) == std::string_view::npos;
}

std::string random_base62(std::size_t characters) {
  std::string out;
  while (out.size() < characters) {
    for (const char c : random_bytes(characters * 2)) {
      const unsigned value = static_cast<unsigned char>(c) & 63U;
      if (value < kBase62.size() && out.size() < characters) out += kBase62[value];
    }
  }
  return out;
}

}  // namespace slipway
