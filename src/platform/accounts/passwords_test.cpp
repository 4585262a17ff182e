#include "slipway/platform/accounts/passwords.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace slipway::accounts {
namespace {

constexpr PasswordCost kCheap{1, 8192};  // tests are about the rules, not the price

TEST(Passwords, AMatchingPasswordVerifiesAndAnotherDoesNot) {
  Passwords passwords(kCheap);
  const auto hash = passwords.hash("a phrase of my own");
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(hash->rfind("$argon2id$", 0), 0U);
  EXPECT_TRUE(*passwords.verify("a phrase of my own", *hash));
  EXPECT_FALSE(*passwords.verify("a phrase of my owN", *hash));
  EXPECT_FALSE(passwords.needs_rehash(*hash));
  EXPECT_TRUE(Passwords().needs_rehash(*hash));
}

TEST(Passwords, NobodysHashNeverMatches) {
  Passwords passwords(kCheap);
  EXPECT_FALSE(*passwords.verify("nobody's password", ""));
  EXPECT_FALSE(*passwords.verify("nobody's password", ""));
}

TEST(Passwords, ManyAtOnceWaitTheirTurnOrAreTurnedAway) {
  Passwords passwords({2, 4 << 20}, 1);
  const auto hash = passwords.hash("a phrase of my own");
  std::atomic<int> right{0}, away{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&] {
      const auto verified = passwords.verify("a phrase of my own", *hash);
      if (verified.ok())
        right += *verified ? 1 : 0;
      else
        ++away;
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(right + away, 40);
  EXPECT_GE(right, 17);
}

TEST(PasswordPolicy, AsksForLengthNotForComposition) {
  EXPECT_TRUE(check_password_policy("just some plain words", 15, "ada@example.org").ok());
  EXPECT_FALSE(check_password_policy("Sh0rt!", 15, "ada@example.org").ok());
  EXPECT_FALSE(check_password_policy(std::string(257, 'x'), 15, "ada@example.org").ok());
  EXPECT_FALSE(check_password_policy("aaaaaaaaaaaaaaaaaaaa", 15, "ada@example.org").ok());
  EXPECT_FALSE(check_password_policy("abcdefghijklmnopqrst", 15, "ada@example.org").ok());
  EXPECT_FALSE(check_password_policy("lovelace@example.org", 15, "lovelace@example.org").ok());
  const auto refused = check_password_policy("short", 15, "ada@example.org");
  ASSERT_EQ(refused.error().fields().size(), 1U);
  EXPECT_EQ(refused.error().fields()[0].pointer, "#/password");
}

}  // namespace
}  // namespace slipway::accounts
