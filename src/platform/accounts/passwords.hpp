// Passwords: argon2id (64 MiB, 3 passes), a policy without composition rules (NIST SP 800-63B-4), and a bound on how many are
// computed at once: each takes 64 MiB and some 80 ms. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::accounts {

inline constexpr std::size_t kPasswordBytesMax = 256;

struct PasswordCost {
  std::uint64_t passes = 3;
  std::uint64_t memory_bytes = 64ULL << 20;
};

// Errors: invalid_input at "#/password" with what is asked for.
Status check_password_policy(std::string_view password, std::size_t characters_min, std::string_view email);

class Passwords {
 public:
  explicit Passwords(PasswordCost cost = {}, unsigned parallel_max = 2);

  Result<std::string> hash(std::string_view password);
  // The same work whether or not there is a hash: an empty one is compared against a dummy, and never matches.
  // Errors: overloaded when too many are waiting.
  Result<bool> verify(std::string_view password, const std::string& hash);
  bool needs_rehash(const std::string& hash) const;

 private:
  class Turn;
  PasswordCost cost_;
  unsigned parallel_max_;
  std::mutex mutex_;
  unsigned running_ = 0;
  unsigned waiting_ = 0;
  std::string dummy_;
};

}  // namespace slipway::accounts
