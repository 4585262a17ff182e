#include "slipway/platform/accounts/jwt.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <span>

#include "slipway/base/encoding.hpp"

namespace slipway::accounts {
namespace {

// RFC 8037, appendix A.1 and A.4: key, signing input and signature.
constexpr std::string_view kSeed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
constexpr std::string_view kPublic = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
constexpr std::string_view kToken =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

class Tokens : public testing::Test {
 protected:
  ManualClock clock;
  SigningKey key = new_signing_key();
  TokenIssuer issuer{{key}, "slipway", clock};
  Claims claims() const { return {"usr_1", "ses_1", 7, clock.unix_s(), clock.unix_s() + 600}; }

  // Signed with the right key: only the content can be the reason of a refusal.
  std::string forge(const std::string& header, const std::string& payload) {
    std::string token = to_base64url(as_bytes(header)) + "." + to_base64url(as_bytes(payload));
    unsigned char public_key[32], secret_key[64], signature[64];
    crypto_sign_seed_keypair(public_key, secret_key, reinterpret_cast<const unsigned char*>(key.seed.reveal().data()));
    crypto_sign_detached(signature, nullptr, reinterpret_cast<const unsigned char*>(token.data()), token.size(), secret_key);
    return token + "." + to_base64url(std::as_bytes(std::span(signature)));
  }
  std::string payload() const {
    return json::object({{"iss", "slipway"},
                         {"aud", "slipway"},
                         {"sub", "usr_1"},
                         {"epoch", 7},
                         {"iat", clock.unix_s()},
                         {"nbf", clock.unix_s()},
                         {"exp", clock.unix_s() + 600}})
        .dump();
  }
};

TEST(Rfc8037, TheVectorVerifiesAndItsKeyIsDerivedFromTheSeed) {
  const auto key = signing_key_from_seed("k", *from_base64url(kSeed));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(to_base64url(as_bytes(key->public_key)), kPublic);
  const auto payload = verify_jws(kToken, key->public_key, "", nullptr);
  ASSERT_TRUE(payload.ok());
  EXPECT_EQ(*payload, "Example of Ed25519 signing");
}

TEST(Rfc8037, EverySingleFlippedCharacterOfTheVectorIsRefused) {
  const std::string key = *from_base64url(kPublic);
  for (std::size_t i = 0; i < kToken.size(); ++i) {
    std::string token(kToken);
    token[i] = token[i] == 'A' ? 'B' : 'A';
    if (token == kToken) continue;
    EXPECT_FALSE(verify_jws(token, key, "", nullptr).ok()) << i;
  }
}

TEST_F(Tokens, WhatIsIssuedVerifies) {
  const auto verified = issuer.verify(issuer.issue(claims()));
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->subject, "usr_1");
  EXPECT_EQ(verified->epoch, 7);
}

TEST_F(Tokens, ExpireAfterTheSkewAndAreNotValidEarly) {
  const std::string token = issuer.issue(claims());
  clock.advance(Millis(629'000));
  EXPECT_TRUE(issuer.verify(token).ok());
  clock.advance(Millis(2'000));
  EXPECT_FALSE(issuer.verify(token).ok());
  Claims future = claims();
  future.issued_at += 120;
  EXPECT_FALSE(issuer.verify(issuer.issue(future)).ok());
}

TEST_F(Tokens, OtherAlgorithmsKeysAndHeadersAreRefused) {
  const std::string kid = "\"kid\":\"" + key.kid + "\"";
  EXPECT_TRUE(issuer.verify(forge(R"({"alg":"EdDSA","typ":"at+jwt",)" + kid + "}", payload())).ok()) << "the forger can make a good one";
  const std::vector<std::string> headers = {
      R"({"alg":"none","typ":"at+jwt",)" + kid + "}",
      R"({"alg":"None","typ":"at+jwt",)" + kid + "}",
      R"({"alg":"HS256","typ":"at+jwt",)" + kid + "}",
      R"({"typ":"at+jwt",)" + kid + "}",
      R"({"alg":"EdDSA",)" + kid + "}",
      R"({"alg":"EdDSA","typ":"at+jwt","kid":"../../key"})",
      R"({"alg":"EdDSA","typ":"at+jwt"})",
      R"({"alg":"EdDSA","typ":"JWT",)" + kid + "}",
      R"({"alg":"EdDSA","typ":"at+jwt","jku":"http://evil",)" + kid + "}",
      R"({"alg":"EdDSA","alg":"none","typ":"at+jwt",)" + kid + "}",
      R"({"alg":"EdDSA","typ":"at+jwt","crit":["b64"],)" + kid + "}",
  };
  for (const std::string& header : headers) EXPECT_FALSE(issuer.verify(forge(header, payload())).ok()) << header;
  const TokenIssuer other({new_signing_key()}, "slipway", clock);
  EXPECT_FALSE(issuer.verify(other.issue(claims())).ok());
  const TokenIssuer elsewhere({key}, "someone-else", clock);
  EXPECT_FALSE(issuer.verify(elsewhere.issue(claims())).ok());
}

TEST_F(Tokens, MalformedTokensAreRefusedWithOneSentence) {
  for (const std::string& token : {std::string(), std::string("."), std::string(".."), std::string("a.b"), std::string("a.b.c.d"),
                                   std::string(5000, 'a'), issuer.issue(claims()) + "=", issuer.issue(claims()) + "."}) {
    const auto verified = issuer.verify(token);
    ASSERT_FALSE(verified.ok());
    EXPECT_EQ(verified.error().detail(), "the access token is not valid");
  }
}

TEST_F(Tokens, AnOldKeyVerifiesUntilItIsDropped) {
  const std::string token = issuer.issue(claims());
  EXPECT_TRUE(TokenIssuer({new_signing_key(), key}, "slipway", clock).verify(token).ok());
  EXPECT_FALSE(TokenIssuer({new_signing_key()}, "slipway", clock).verify(token).ok());
}

}  // namespace
}  // namespace slipway::accounts
