// Access tokens: JWT signed with Ed25519 (RFC 8037 "EdDSA"), and nothing else. The algorithm belongs to the key, never to the token.
// Thread-safe after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/base/json.hpp"
#include "slipway/base/secret.hpp"

namespace slipway::accounts {

inline constexpr std::size_t kTokenBytesMax = 4096;
inline constexpr std::int64_t kSkewS = 30;

struct SigningKey {
  std::string kid;
  Secret seed;             // 32 bytes; empty: a key that only verifies
  std::string public_key;  // 32 bytes
};
SigningKey new_signing_key();
Result<SigningKey> signing_key_from_seed(std::string kid, std::string_view seed);

struct Claims {
  std::string subject;     // user id
  std::string session;     // family of refresh tokens it came from
  std::int64_t epoch = 0;  // the user's epoch at issue: disabling or a new password raises it
  std::int64_t issued_at = 0, expires_at = 0;
};

class TokenIssuer {
 public:
  // keys: the first signs; all verify. issuer and audience are checked.
  TokenIssuer(std::vector<SigningKey> keys, std::string issuer, const Clock& clock);

  std::string issue(const Claims& claims) const;
  // Errors: unauthenticated, always with the same detail; the reason is internal.
  Result<Claims> verify(std::string_view token) const;

 private:
  const SigningKey* find(std::string_view kid) const;
  std::vector<SigningKey> keys_;
  std::string issuer_;
  const Clock& clock_;
};

// The JWS layer alone (compact form): payload of a token whose protected header is exactly {alg: EdDSA, typ, kid}, signed by a known key.
// Exposed for the published test vectors.
Result<std::string> verify_jws(std::string_view token, std::string_view public_key, std::string_view typ, std::string* kid);

}  // namespace slipway::accounts
