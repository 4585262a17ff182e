#include "slipway/store/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <limits>
#include <thread>

#include "slipway/store/data_dir.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::store {
namespace {

using ::testing::HasSubstr;

constexpr Migration kThings{100, "things", R"sql(
CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL CHECK (size >= 0), weight DOUBLE PRECISION, note TEXT);
CREATE TABLE parts (id TEXT NOT NULL PRIMARY KEY, thing TEXT NOT NULL REFERENCES things (id));
)sql"};

std::unique_ptr<Database> open_or_fail(const TestDir& dir, std::vector<Migration> migrations = {kThings}) {
  auto database = Database::open({.path = dir / "test.db"}, migrations);
  EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.error().detail() + " / " + database.error().internal());
  return database.ok() ? std::move(database).value() : nullptr;
}

Status add(Database& database, const std::string& id, std::int64_t size = 1) {
  auto result = database.write([&](Session& s) { return s.exec("INSERT INTO things (id, size) VALUES (?, ?)", {id, size}); });
  if (!result.ok()) return result.error();
  return ok();
}

std::int64_t count(Database& database) {
  return database.read([](Session& s) -> Result<std::int64_t> { return TRY(s.query_one("SELECT count(*) AS n FROM things"))->integer("n"); }).value();
}

TEST(Database, GivesBackWhatWasPutIn) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  const std::string text = "Zürich ' \" ; -- \xF0\x9F\x90\x9F ? :x";
  const std::int64_t large = std::numeric_limits<std::int64_t>::min();
  auto changed = database->write([&](Session& s) {
    return s.exec("INSERT INTO things (id, size, weight, note) VALUES (?, ?, ?, ?), (?, ?, ?, ?)",
                  {text, std::int64_t{1} << 62, 0.1, "", "b", 0, nullptr, nullptr});
  });
  ASSERT_TRUE(changed.ok()) << changed.error().internal();
  EXPECT_EQ(*changed, 2);
  const auto rows =
      database->read([&](Session& s) { return s.query("SELECT *, size + 0 AS expression FROM things WHERE size > ? ORDER BY size DESC", {large}); });
  ASSERT_TRUE(rows.ok()) << rows.error().internal();
  ASSERT_EQ(rows->size(), 2U);
  const Row& a = (*rows)[0];
  EXPECT_EQ(a.text("id"), text);
  EXPECT_EQ(a.integer("size"), std::int64_t{1} << 62);
  EXPECT_EQ(a.integer("expression"), std::int64_t{1} << 62);
  EXPECT_EQ(a.number("weight"), 0.1);
  EXPECT_EQ(a.text("note"), "");
  const Row& b = (*rows)[1];
  EXPECT_TRUE(b.is_null("weight"));
  EXPECT_FALSE(b.text_or_null("note").has_value());
  EXPECT_THROW(b.text("note"), std::logic_error);
  EXPECT_THROW(b.text("no such column"), std::logic_error);
}

TEST(Database, RefusesTextWithNul) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  const auto status = add(*database, std::string("a\0b", 3));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::invalid_input);
}

TEST(Database, CallsEveryViolatedConstraintAConflict) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  ASSERT_TRUE(add(*database, "a").ok());
  EXPECT_EQ(add(*database, "a").error().code(), ErrorCode::conflict);
  EXPECT_EQ(add(*database, "b", -1).error().code(), ErrorCode::conflict);
  const auto foreign = database->write([](Session& s) { return s.exec("INSERT INTO parts (id, thing) VALUES ('p', 'nowhere')"); });
  ASSERT_FALSE(foreign.ok());
  EXPECT_EQ(foreign.error().code(), ErrorCode::conflict);
  EXPECT_THAT(foreign.error().detail(), Not(HasSubstr("INSERT")));
  EXPECT_THAT(foreign.error().internal(), HasSubstr("INSERT"));
  EXPECT_EQ(count(*database), 1);
}

TEST(Database, RollsBackAWriteThatFailsOrThrows) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  const auto failed = database->write([](Session& s) -> Result<int> {
    TRY(s.exec("INSERT INTO things (id, size) VALUES ('a', 1)"));
    return Error(ErrorCode::forbidden, "changed my mind");
  });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().detail(), "changed my mind");
  EXPECT_THROW((void)database->write([](Session& s) -> Result<int> {
    TRY(s.exec("INSERT INTO things (id, size) VALUES ('a', 1)"));
    throw std::runtime_error("bug");
  }),
               std::runtime_error);
  EXPECT_EQ(count(*database), 0);
  EXPECT_TRUE(add(*database, "a").ok());
}

TEST(Database, DoesNotLetAReaderWrite) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  const auto result = database->read([](Session& s) { return s.exec("INSERT INTO things (id, size) VALUES ('a', 1)"); });
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(count(*database), 0);
}

TEST(Database, ShowsOneStateToOneRead) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  const auto difference = database->read([&](Session& s) -> Result<std::int64_t> {
    const auto before = TRY(s.query_one("SELECT count(*) AS n FROM things"))->integer("n");
    EXPECT_TRUE(add(*database, "a").ok());
    return TRY(s.query_one("SELECT count(*) AS n FROM things"))->integer("n") - before;
  });
  ASSERT_TRUE(difference.ok());
  EXPECT_EQ(*difference, 0);
  EXPECT_EQ(count(*database), 1);
}

TEST(Database, IsSharedByManyThreads) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        if (!add(*database, std::to_string(t) + "-" + std::to_string(i)).ok()) ++failures;
        if (!database->read([](Session& s) { return s.query("SELECT * FROM things"); }).ok()) ++failures;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(count(*database), 40);
}

TEST(Database, SaysBusyWhenTheWriterIsTakenForTooLong) {
  TestDir dir;
  const auto database = Database::open({.path = dir / "test.db", .readers = 1, .busy_timeout_ms = 20}, std::vector{kThings}).value();
  const auto outer = database->write([&](Session&) -> Result<int> {
    Result<Unit> inner = ok();
    std::thread([&] { inner = add(*database, "a"); }).join();
    return inner.ok() ? 1 : static_cast<int>(inner.error().status());
  });
  ASSERT_TRUE(outer.ok());
  EXPECT_EQ(*outer, 503);
}

TEST(Database, KeepsTheFileToItself) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  ASSERT_TRUE(add(*database, "a").ok());
  for (const char* name : {"test.db", "test.db-wal", "test.db-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((dir / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

TEST(Database, OpensAPathWithSpaces) {
  TestDir dir;
  const auto database = Database::open({.path = dir / "a  b c=d.db"}, std::vector{kThings});
  ASSERT_TRUE(database.ok()) << database.error().internal();
  EXPECT_TRUE(std::filesystem::exists(dir / "a  b c=d.db-wal"));
  EXPECT_FALSE(Database::open({.path = dir / "a\"b.db"}, std::vector{kThings}).ok());
}

TEST(Database, IsDurableAndQuietAboutDeletedSecrets) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  auto pragma = [&](const char* sql, const char* column) {
    return database->write([&](Session& s) -> Result<std::int64_t> { return TRY(s.query_one(sql))->integer(column); }).value();
  };
  EXPECT_EQ(pragma("PRAGMA synchronous", "synchronous"), 2);
  EXPECT_EQ(pragma("PRAGMA secure_delete", "secure_delete"), 1);
  EXPECT_EQ(pragma("PRAGMA foreign_keys", "foreign_keys"), 1);

  const std::string secret = "the-wrapped-key-of-a-deleted-model";
  ASSERT_TRUE(add(*database, secret).ok());
  EXPECT_THAT(dir.everything(), HasSubstr(secret));
  ASSERT_TRUE(database->write([&](Session& s) { return s.exec("DELETE FROM things WHERE id = ?", {secret}); }).ok());
  ASSERT_TRUE(database->checkpoint().ok());
  EXPECT_THAT(dir.everything(), Not(HasSubstr(secret)));
}

TEST(Database, BacksUpAConsistentCopyWhileInUse) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  ASSERT_TRUE(add(*database, "a").ok());
  const auto status = database->back_up(dir / "copy.db");
  ASSERT_TRUE(status.ok()) << status.error().internal();
  ASSERT_TRUE(add(*database, "b").ok());
  EXPECT_TRUE(database->check().ok());
  const auto copy = Database::open({.path = dir / "copy.db"}, std::vector{kThings});
  ASSERT_TRUE(copy.ok()) << copy.error().detail();
  EXPECT_EQ(count(**copy), 1);
  struct stat info{};
  ASSERT_EQ(::stat((dir / "copy.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(Database, SaysStorageFullAndGoesOnReading) {
  TestDir dir;
  const auto database = open_or_fail(dir);
  ASSERT_TRUE(add(*database, "a").ok());
  const auto full = database->write([](Session& s) -> Result<Unit> {
    TRY(s.exec("PRAGMA max_page_count = 20"));
    for (int i = 0; i < 100; ++i) TRY(s.exec("INSERT INTO things (id, size, note) VALUES (?, 1, ?)", {std::to_string(i), std::string(4000, 'x')}));
    return ok();
  });
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::storage_full);
  EXPECT_EQ(count(*database), 1);
  ASSERT_TRUE(database->write([](Session& s) { return s.exec("PRAGMA max_page_count = 1000000"); }).ok());
  EXPECT_TRUE(add(*database, "b").ok());
}

TEST(Migrations, RunOnceInTheirOrder) {
  TestDir dir;
  const Migration second{
      101, "more", "ALTER TABLE things ADD COLUMN colour TEXT; INSERT INTO things (id, size, colour) VALUES ('made; by', 1, 'x'); -- a ; comment"};
  {
    const auto database = open_or_fail(dir, {second, kThings});
    EXPECT_EQ(count(*database), 1);
  }
  const auto database = open_or_fail(dir, {kThings, second});
  EXPECT_EQ(count(*database), 1);
}

TEST(Migrations, CopyTheDatabaseBeforeTheyChangeIt) {
  TestDir dir;
  {
    const auto database = open_or_fail(dir);
    ASSERT_TRUE(add(*database, "a").ok());
  }
  const Migration drop{101, "drop", "DROP TABLE parts; DELETE FROM things;"};
  const auto changed = Database::open({.path = dir / "test.db", .backup_dir = dir / "backups"}, std::vector{kThings, drop});
  ASSERT_TRUE(changed.ok()) << changed.error().detail();
  EXPECT_EQ(count(**changed), 0);
  const std::filesystem::directory_iterator backups(dir / "backups");
  const auto copy = Database::open({.path = backups->path().string()}, std::vector{kThings});
  ASSERT_TRUE(copy.ok()) << copy.error().detail();
  EXPECT_EQ(count(**copy), 1);
}

TEST(Migrations, LeaveNothingOfOneThatFails) {
  TestDir dir;
  {
    const auto database = open_or_fail(dir);
    ASSERT_TRUE(add(*database, "a").ok());
  }
  const Migration broken{101, "broken", "DELETE FROM things; CREATE TABLE things (id TEXT);"};
  const auto failed = Database::open({.path = dir / "test.db"}, std::vector{kThings, broken});
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().detail(), HasSubstr("migration 101 (broken)"));
  EXPECT_EQ(count(*open_or_fail(dir)), 1);
}

TEST(Migrations, RefuseADatabaseOfANewerProgram) {
  TestDir dir;
  { open_or_fail(dir, {kThings, {107, "future", "CREATE TABLE future (id TEXT)"}}); }
  const auto refused = Database::open({.path = dir / "test.db"}, std::vector{kThings});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("107 (future)"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("is 100"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("start the newer slipway"));
}

TEST(Migrations, RefuseAnEditedOne) {
  TestDir dir;
  { open_or_fail(dir); }
  const auto refused = Database::open({.path = dir / "test.db"}, std::vector{Migration{100, "things", "CREATE TABLE things (id TEXT)"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("migration 100 (things) is not the one"));
}

TEST(Migrations, RefuseTwoOfOneNumber) {
  const auto refused = ordered(std::vector{kThings, Migration{100, "others", ""}});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().detail(), HasSubstr("things and others"));
}

TEST(Migrations, SplitSqlOutsideOfQuotesAndComments) {
  using ::testing::ElementsAre;
  EXPECT_THAT(statements_of(" a ';' ; b \";\" /* ; */ ;\n; c -- ;\n d ; "), ElementsAre(" a ';' ", " b \";\" /* ; */ ", " c -- ;\n d "));
  EXPECT_THAT(statements_of("it''s 'a;''b'; /* open ;"), ElementsAre("it''s 'a;''b'"));
}

TEST(DataDir, IsMadePrivateAndHeldByOneServer) {
  TestDir dir;
  {
    const auto data = DataDir::open(dir / "deep/data");
    ASSERT_TRUE(data.ok()) << data.error().internal();
    struct stat info{};
    ASSERT_EQ(::stat((dir / "deep/data").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    const auto second = DataDir::open(dir / "deep/data");
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().detail(), HasSubstr("in use by another slipway"));
  }
  EXPECT_TRUE(DataDir::open(dir / "deep/data").ok());
}

TEST(DataDir, RefusesAFile) {
  TestDir dir;
  std::ofstream(dir / "file") << "x";
  EXPECT_FALSE(DataDir::open(dir / "file").ok());
}

TEST(DataDir, RemovesWhatAnInterruptedWriteLeft) {
  TestDir dir;
  std::ofstream(dir / ".tmp-abc") << "half a key";
  ASSERT_TRUE(DataDir::open(dir.path()).ok());
  EXPECT_FALSE(std::filesystem::exists(dir / ".tmp-abc"));
}

}  // namespace
}  // namespace slipway::store
