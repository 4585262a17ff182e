#include "slipway/store/keyring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "slipway/base/encoding.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::store {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr KeyUse kUse{.owner = "usr_a", .blob_id = "blb_1", .purpose = "original"};

class KeyringTest : public ::testing::Test {
 protected:
  TestDir dir_;
  ManualClock clock_;
  std::string root_path_ = dir_ / "master.key";
  std::unique_ptr<Database> database_ = Database::open({.path = dir_ / "test.db"}, store_migrations()).value();

  Result<std::unique_ptr<Keyring>> open() { return Keyring::open(*database_, root_path_, clock_); }
  static std::string text(const SecretKey& key) { return to_hex(key.bytes()); }
  void overwrite_root(const std::string& content, mode_t mode = 0600) {
    std::filesystem::remove(root_path_);
    std::ofstream(root_path_, std::ios::binary) << content;
    ::chmod(root_path_.c_str(), mode);
  }
};

TEST_F(KeyringTest, MakesThePrivateMasterKeyAtTheFirstStartAndKeepsIt) {
  { ASSERT_TRUE(open().ok()); }
  struct stat info{};
  ASSERT_EQ(::stat(root_path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_size, 65);
  const std::string first = text(read_root_key(root_path_).value());
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(text(read_root_key(root_path_).value()), first);
  EXPECT_FALSE(make_root_key(root_path_).ok());
}

TEST_F(KeyringTest, UnwrapsWhatItWrapped) {
  const SecretKey dek = SecretKey::random();
  std::string wrapped;
  {
    const auto keyring = open().value();
    wrapped = keyring->wrap_dek(dek, kUse).value();
    EXPECT_NE(keyring->wrap_dek(dek, kUse).value(), wrapped);
  }
  EXPECT_THAT(wrapped, StartsWith("k1.kek_"));
  EXPECT_EQ(text(open().value()->unwrap_dek(wrapped, kUse).value()), text(dek));
}

TEST_F(KeyringTest, RefusesARowThatWasMovedToAnotherOwnerBlobOrPurpose) {
  const auto keyring = open().value();
  const std::string wrapped = keyring->wrap_dek(SecretKey::random(), kUse).value();
  for (const KeyUse& other : {KeyUse{"usr_b", "blb_1", "original"}, KeyUse{"usr_a", "blb_2", "original"}, KeyUse{"usr_a", "blb_1", "artifact"},
                              KeyUse{"usr_ab", "lb_1", "original"}})
    EXPECT_FALSE(keyring->unwrap_dek(wrapped, other).ok());
}

TEST_F(KeyringTest, RefusesEveryChangedCharacter) {
  const auto keyring = open().value();
  const std::string wrapped = keyring->wrap_dek(SecretKey::random(), kUse).value();
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(keyring->unwrap_dek(changed, kUse).ok()) << i;
    EXPECT_FALSE(keyring->unwrap_dek(wrapped.substr(0, i), kUse).ok()) << i;
  }
  EXPECT_FALSE(keyring->unwrap_dek(wrapped + "A", kUse).ok());
}

TEST_F(KeyringTest, GivesEachOwnerAKeyOfTheirOwnThatCanBeDestroyed) {
  const auto keyring = open().value();
  const std::string a = keyring->wrap_dek(SecretKey::random(), kUse).value();
  const KeyUse other{"usr_b", "blb_2", "original"};
  const std::string b = keyring->wrap_dek(SecretKey::random(), other).value();
  EXPECT_NE(a.substr(0, 33), b.substr(0, 33));
  const std::string kek_id = a.substr(3, 30);
  const auto row = database_->read([&](Session& s) { return s.query_one("SELECT wrapped FROM keyring WHERE id = ?", {kek_id}); }).value();
  const std::string wrapped_kek = row->text("wrapped");
  EXPECT_THAT(dir_.everything(), HasSubstr(wrapped_kek));
  ASSERT_TRUE(keyring->destroy("usr_a").ok());
  EXPECT_THAT(dir_.everything(), Not(HasSubstr(wrapped_kek)));
  const auto gone = keyring->unwrap_dek(a, kUse);
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.error().internal(), HasSubstr("was destroyed"));
  EXPECT_TRUE(keyring->unwrap_dek(b, other).ok());
}

TEST_F(KeyringTest, ReadsWithARetiredKeyAndWrapsWithANewOne) {
  const auto keyring = open().value();
  const std::string before = keyring->wrap_dek(SecretKey::random(), kUse).value();
  ASSERT_TRUE(keyring->retire("usr_a").ok());
  const std::string after = keyring->wrap_dek(SecretKey::random(), kUse).value();
  EXPECT_NE(before.substr(0, 33), after.substr(0, 33));
  EXPECT_TRUE(keyring->unwrap_dek(before, kUse).ok());
  EXPECT_TRUE(keyring->unwrap_dek(after, kUse).ok());
}

TEST_F(KeyringTest, MakesOneKeyForAnOwnerWhoUploadsTwiceAtOnce) {
  const auto keyring = open().value();
  std::vector<std::string> wrapped(4);
  std::vector<std::thread> threads;
  for (std::string& text : wrapped) threads.emplace_back([&] { text = keyring->wrap_dek(SecretKey::random(), kUse).value(); });
  for (auto& thread : threads) thread.join();
  for (const std::string& text : wrapped) EXPECT_EQ(text.substr(0, 33), wrapped[0].substr(0, 33));
}

TEST_F(KeyringTest, RotatesTheRoot) {
  const SecretKey dek = SecretKey::random();
  std::string wrapped, derived;
  const std::string old_root = text(read_root_key((open().value(), root_path_)).value());
  {
    const auto keyring = open().value();
    wrapped = keyring->wrap_dek(dek, kUse).value();
    derived = text(keyring->derive("api keys"));
    std::filesystem::remove(root_path_);
    ASSERT_TRUE(keyring->rotate_root(make_root_key(root_path_).value()).ok());
    EXPECT_EQ(text(keyring->unwrap_dek(wrapped, kUse).value()), text(dek));
  }
  {
    const auto keyring = open().value();
    EXPECT_EQ(text(keyring->unwrap_dek(wrapped, kUse).value()), text(dek));
    EXPECT_EQ(text(keyring->derive("api keys")), derived);
  }
  overwrite_root(old_root);
  EXPECT_FALSE(open().ok());
}

TEST_F(KeyringTest, RefusesAnotherMasterKeyAndAMissingOne) {
  { ASSERT_TRUE(open().ok()); }
  overwrite_root(std::string(64, '0'));
  const auto wrong = open();
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().detail(), HasSubstr("not the one that this database was made with"));
  std::filesystem::remove(root_path_);
  const auto missing = open();
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().detail(), HasSubstr("is missing: put the file back"));
  EXPECT_FALSE(std::filesystem::exists(root_path_));
}

TEST_F(KeyringTest, TakesARawKeyAndAHexOneAndNothingElse) {
  overwrite_root(std::string(32, 'k'));
  EXPECT_EQ(text(read_root_key(root_path_).value()), to_hex(as_bytes(std::string(32, 'k'))));
  overwrite_root(std::string(64, 'a') + "\n", 0400);
  EXPECT_EQ(text(read_root_key(root_path_).value()), std::string(64, 'a'));
  for (const std::string& content :
       {std::string(), std::string(31, 'k'), std::string(33, 'k'), std::string(64, 'g'), std::string(66, 'a'), std::string(500, 'a')}) {
    overwrite_root(content);
    EXPECT_FALSE(read_root_key(root_path_).ok()) << content.size();
  }
}

TEST_F(KeyringTest, RefusesAMasterKeyThatOthersMayRead) {
  overwrite_root(std::string(64, 'a'), 0640);
  const auto refused = open();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("set its mode to 0600"));
  if (::geteuid() != 0) return;  // giving a file away takes root
  overwrite_root(std::string(64, 'a'));
  ASSERT_EQ(::chown(root_path_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(open().error().detail(), HasSubstr("belongs to another user"));
}

TEST_F(KeyringTest, SealsSmallSecretsByName) {
  const auto keyring = open().value();
  const std::string sealed = keyring->seal("signing key", "jwt").value();
  EXPECT_THAT(sealed, StartsWith("s1.kek_"));
  EXPECT_EQ(keyring->unseal(sealed, "jwt").value().reveal(), "signing key");
  EXPECT_EQ(keyring->unseal(keyring->seal("", "empty").value(), "empty").value().reveal(), "");
  EXPECT_FALSE(keyring->unseal(sealed, "smtp").ok());
  EXPECT_FALSE(keyring->unseal("s1.x.y", "jwt").ok());
  EXPECT_FALSE(keyring->unwrap_dek(sealed, kUse).ok());
}

TEST_F(KeyringTest, DerivesADifferentKeyForEachPurpose) {
  const auto keyring = open().value();
  EXPECT_EQ(text(keyring->derive("a")), text(keyring->derive("a")));
  EXPECT_NE(text(keyring->derive("a")), text(keyring->derive("b")));
}

TEST_F(KeyringTest, LeavesNoKeyInTheDatabase) {
  const auto keyring = open().value();
  const SecretKey dek = SecretKey::random();
  (void)keyring->wrap_dek(dek, kUse).value();
  const SecretKey root = read_root_key(root_path_).value();
  std::filesystem::remove(root_path_);
  const std::string all = dir_.everything();
  for (const SecretKey* key : {&dek, &root})
    for (const std::string& form : {std::string(as_text(key->bytes())), to_hex(key->bytes()), to_base64url(key->bytes())})
      EXPECT_THAT(all, Not(HasSubstr(form)));
}

}  // namespace
}  // namespace slipway::store
