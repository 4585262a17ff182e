#include "slipway/platform/accounts/jwt.hpp"

#include <sodium.h>

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"

namespace slipway::accounts {
namespace {

constexpr std::string_view kType = "at+jwt";

Error refused(std::string why) { return Error(ErrorCode::unauthenticated, "the access token is not valid").because(std::move(why)); }

struct Parts {
  std::string_view header, payload, signature, signed_text;
};

Result<Parts> split(std::string_view token) {
  if (token.size() > kTokenBytesMax) return refused("longer than the limit");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return refused("not three parts");
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1), token.substr(0, second)};
}

// Only these members may stand in the header: jku, jwk, x5u, x5c, crit and b64 (and anything new) are refused by being unknown.
Status check_header(std::string_view part, std::string_view typ, std::string* kid) {
  const auto text = from_base64url(part);
  if (!text) return refused("header is not base64url");
  const auto header = json::parse(*text);
  if (!header.ok() || !header->is_object()) return refused("header is not a JSON object");
  bool alg = false;
  bool type = typ.empty();
  for (const auto& [name, value] : header->as_object()) {
    if (!value.is_string()) return refused("header member is no text");
    if (name == "alg") {
      if (value.as_string() != "EdDSA") return refused("alg is not EdDSA");
      alg = true;
    } else if (name == "typ") {
      if (!typ.empty() && value.as_string() != typ) return refused("typ");
      type = true;
    } else if (name == "kid") {
      if (kid != nullptr) *kid = value.as_string();
    } else {
      return refused("unknown header member");
    }
  }
  if (!alg || !type) return refused("alg or typ is missing");
  return ok();
}

}  // namespace

SigningKey new_signing_key() {
  // random 32 bytes are always a valid seed
  return *signing_key_from_seed(random_base62(12), random_bytes(crypto_sign_SEEDBYTES));
}

Result<SigningKey> signing_key_from_seed(std::string kid, std::string_view seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) return Error(ErrorCode::internal, "a signing key's seed has 32 bytes");
  SigningKey key{std::move(kid), Secret(std::string(seed)), std::string(crypto_sign_PUBLICKEYBYTES, '\0')};
  std::string secret(crypto_sign_SECRETKEYBYTES, '\0');
  crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(key.public_key.data()), reinterpret_cast<unsigned char*>(secret.data()),
                           reinterpret_cast<const unsigned char*>(seed.data()));
  sodium_memzero(secret.data(), secret.size());
  return key;
}

Result<std::string> verify_jws(std::string_view token, std::string_view public_key, std::string_view typ, std::string* kid) {
  const Parts parts = TRY(split(token));
  TRY(check_header(parts.header, typ, kid));
  const auto signature = from_base64url(parts.signature);
  if (!signature || signature->size() != crypto_sign_BYTES) return refused("signature's length");
  if (public_key.size() != crypto_sign_PUBLICKEYBYTES ||
      crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature->data()),
                                  reinterpret_cast<const unsigned char*>(parts.signed_text.data()), parts.signed_text.size(),
                                  reinterpret_cast<const unsigned char*>(public_key.data())) != 0) {
    return refused("signature");
  }
  auto payload = from_base64url(parts.payload);
  if (!payload) return refused("payload is not base64url");
  return std::move(*payload);
}

TokenIssuer::TokenIssuer(std::vector<SigningKey> keys, std::string issuer, const Clock& clock)
    : keys_(std::move(keys)), issuer_(std::move(issuer)), clock_(clock) {}

const SigningKey* TokenIssuer::find(std::string_view kid) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const SigningKey& key) { return key.kid == kid; });
  return found == keys_.end() ? nullptr : &*found;
}

std::string TokenIssuer::issue(const Claims& claims) const {
  const SigningKey& key = keys_.front();
  const std::string header = json::object({{"alg", "EdDSA"}, {"typ", kType}, {"kid", key.kid}}).dump();
  const std::string payload = json::object({{"iss", issuer_},
                                            {"aud", issuer_},
                                            {"sub", claims.subject},
                                            {"sid", claims.session},
                                            {"epoch", claims.epoch},
                                            {"iat", claims.issued_at},
                                            {"nbf", claims.issued_at},
                                            {"exp", claims.expires_at}})
                                  .dump();
  std::string token = to_base64url(as_bytes(header)) + "." + to_base64url(as_bytes(payload));
  std::string secret(crypto_sign_SECRETKEYBYTES, '\0');
  std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0');
  crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(public_key.data()), reinterpret_cast<unsigned char*>(secret.data()),
                           reinterpret_cast<const unsigned char*>(key.seed.reveal().data()));
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, reinterpret_cast<const unsigned char*>(token.data()),
                       token.size(), reinterpret_cast<const unsigned char*>(secret.data()));
  sodium_memzero(secret.data(), secret.size());
  return token + "." + to_base64url(as_bytes(signature));
}

Result<Claims> TokenIssuer::verify(std::string_view token) const {
  const Parts parts = TRY(split(token));
  std::string kid;
  TRY(check_header(parts.header, kType, &kid));
  const SigningKey* key = find(kid);
  if (key == nullptr) return refused("unknown kid");
  const std::string payload = TRY(verify_jws(token, key->public_key, kType, nullptr));
  const auto body = json::parse(payload);
  if (!body.ok() || !body->is_object()) return refused("payload is not a JSON object");
  for (const char* name : {"exp", "nbf", "iat", "epoch"}) {
    const json::Value* value = body->find(name);
    if (value == nullptr || !value->is_int()) return refused(std::string(name) + " is missing");
  }
  if (body->string_or("iss", "") != issuer_ || body->string_or("aud", "") != issuer_) return refused("iss or aud");
  Claims claims{body->string_or("sub", ""), body->string_or("sid", ""), body->int_or("epoch", 0), body->int_or("iat", 0), body->int_or("exp", 0)};
  const std::int64_t now = clock_.unix_s();
  if (claims.subject.empty()) return refused("sub is missing");
  if (now > claims.expires_at + kSkewS) return refused("expired");
  if (now < body->int_or("nbf", 0) - kSkewS || now < claims.issued_at - kSkewS) return refused("not valid yet");
  return claims;
}

}  // namespace slipway::accounts
