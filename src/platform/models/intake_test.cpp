#include "slipway/platform/models/intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kOwner = "usr_00000000000000000000000000";

Error disk_full() { return Error(ErrorCode::storage_full, "there is no room left to store it"); }

// Works at once and in this thread; what is put off waits until the test lets time pass.
class TestWorkshop final : public Workshop {
 public:
  void import(std::vector<OriginalFile>, std::string, std::function<void(Result<Imported>)> done) override {
    ++imports;
    if (const Status hindered = import_fault(); !hindered.ok()) return done(hindered.error());
    Imported out;
    out.artifact = os::make_sealed("artifact", "the artifact").value();
    out.artifact_bytes = 12;
    out.format = "test";
    out.schema = out.example = out.report = "{}";
    done(std::move(out));
  }
  void check(const VersionRow&, std::function<Result<os::Fd>()> artifact, std::function<void(Result<std::string>)> done) override {
    const auto opened = artifact();
    if (!opened.ok()) return done(opened.error());
    if (const Status fault = check_fault(); !fault.ok()) return done(fault.error());
    done(std::string(R"({"certificate":{"rows":1}})"));
  }
  void post(std::function<void()> work) override { work(); }
  void later(Millis delay, std::function<void()> work) override {
    pauses.push_back(delay.count());
    waiting.push_back(std::move(work));
  }
  bool let_time_pass() {
    if (waiting.empty()) return false;
    auto work = std::move(waiting.front());
    waiting.pop_front();
    work();
    return true;
  }

  std::function<Status()> import_fault = ok, check_fault = ok;
  int imports = 0;
  std::vector<std::int64_t> pauses;
  std::deque<std::function<void()>> waiting;
};

class IntakeTest : public testing::Test {
 protected:
  void SetUp() override {
    log::configure({.level = log::Level::error});
    std::vector<store::Migration> migrations(store::store_migrations().begin(), store::store_migrations().end());
    for (const auto& more : {accounts::Accounts::migrations(), models::migrations()}) migrations.insert(migrations.end(), more.begin(), more.end());
    database = store::Database::open({.path = dir / "test.db", .readers = 1}, migrations).value();
    keyring = store::Keyring::open(*database, dir / "master.key", system_clock()).value();
    blobs = store::make_faulty_blobs(store::make_memory_blobs(), [this](std::string_view operation, std::string_view) { return fault(operation); });
    ASSERT_TRUE(database
                    ->write([](store::Session& s) {
                      return s.exec(
                          "INSERT INTO users (id, email, name, password_hash, role, status, epoch, created_at, updated_at) VALUES (?, 'a@b', '', '', "
                          "'user', 'active', 0, 0, 0)",
                          {kOwner});
                    })
                    .ok());
    start();
  }

  // As the server does: what was put off in memory is forgotten.
  Intake::Recovery start() {
    workshop.waiting.clear();
    intake = std::make_unique<Intake>(*database, *keyring, *blobs, workshop, system_clock(), IntakeOptions{.free_bytes_min = 0, .attempts_max = 4});
    intake->on_settled([this](const VersionRow& v) { settled.push_back(v.status); });
    return intake->recover().value();
  }

  Result<VersionRow> upload() {
    auto upload = TRY(intake->begin(kOwner, ""));
    TRY(upload->next_file("model.pkl"));
    TRY(upload->write(as_bytes("a model's bytes")));
    return upload->finish({"model", "", {}, ""});
  }

  std::string process(const std::string& id) {
    std::string out = "no answer";
    intake->process(id, [&](Result<VersionRow> row) { out = row.ok() ? row->status : std::string(error_name(row.error().code())); });
    return out;
  }

  VersionRow row(const std::string& id) {
    return database->read([&](store::Session& s) { return find_version(s, id); }).value().value();
  }
  std::size_t rows() {
    return database->read([](store::Session& s) { return s.query("SELECT id FROM model_versions"); }).value().size();
  }

  store::TestDir dir;
  std::function<Status(std::string_view)> fault = [](std::string_view) { return ok(); };
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::Keyring> keyring;
  std::unique_ptr<store::Blobs> blobs;
  TestWorkshop workshop;
  std::unique_ptr<Intake> intake;
  std::vector<std::string> settled;
};

TEST_F(IntakeTest, AFullDiskPutsTheImportOffAndItIsReadyWhenThereIsRoomAgain) {
  const VersionRow received = upload().value();
  bool full = true;
  fault = [&](std::string_view operation) { return full && operation == "write" ? Status(disk_full()) : ok(); };
  EXPECT_EQ(process(received.id), "importing");
  EXPECT_THAT(row(received.id).reason, HasSubstr("fault of the server, not of the file"));
  EXPECT_THAT(row(received.id).reason, HasSubstr("no room"));
  EXPECT_TRUE(workshop.let_time_pass());
  EXPECT_EQ(row(received.id).status, "importing");
  EXPECT_THAT(settled, IsEmpty());
  full = false;
  EXPECT_TRUE(workshop.let_time_pass());
  EXPECT_EQ(row(received.id).status, "ready");
  EXPECT_EQ(row(received.id).reason, "");
  EXPECT_THAT(settled, ElementsAre("ready"));
  EXPECT_THAT(workshop.pauses, ElementsAre(1000, 5000));
  EXPECT_EQ(blobs->list().value().size(), 2U);  // file and artifact: nothing of the attempts before
}

TEST_F(IntakeTest, EveryFaultOfOursIsTriedAgain) {
  const auto eio = [] { return Error(ErrorCode::internal, "An operation of the system failed").because("pread of a blob: Input/output error"); };
  const auto no_process = [] { return Status(Error(ErrorCode::unavailable, "No process could be started for the import")); };
  for (const char* operation : {"open", "read", "create", "write", "commit"}) {
    const VersionRow received = upload().value();
    fault = [&](std::string_view asked) { return asked == operation ? Status(eio()) : ok(); };
    EXPECT_EQ(process(received.id), "importing") << operation;
    fault = [](std::string_view) { return ok(); };
    EXPECT_TRUE(workshop.let_time_pass());
    EXPECT_EQ(row(received.id).status, "ready") << operation;
  }
  for (auto* step : {&workshop.import_fault, &workshop.check_fault}) {
    const VersionRow received = upload().value();
    *step = no_process;
    EXPECT_EQ(process(received.id), "importing");
    *step = ok;
    EXPECT_TRUE(workshop.let_time_pass());
    EXPECT_EQ(row(received.id).status, "ready");
  }
}

TEST_F(IntakeTest, AfterTooManyAttemptsItHasFailedByOurFaultAndTheFileIsKept) {
  const VersionRow received = upload().value();
  workshop.check_fault = [] { return Status(Error(ErrorCode::unavailable, "no process could be started")); };
  EXPECT_EQ(process(received.id), "importing");
  while (workshop.let_time_pass()) {}
  const VersionRow failed = row(received.id);
  EXPECT_EQ(failed.status, "failed");
  EXPECT_THAT(failed.reason, HasSubstr("4 times by a fault of the server, not of the file (no process could be started)"));
  EXPECT_EQ(workshop.imports, 4);
  EXPECT_THAT(workshop.pauses, ElementsAre(1000, 5000, 25000));
  EXPECT_THAT(settled, ElementsAre("failed"));
  EXPECT_TRUE(intake->open_original(failed).ok());
  EXPECT_EQ(failed.artifact_blob, "");
  EXPECT_EQ(blobs->list().value().size(), 1U);
  EXPECT_THAT(start().to_process, IsEmpty());  // it is over, also for the next start
  EXPECT_TRUE(intake->remove(failed.model_id).ok());
  EXPECT_THAT(blobs->list().value(), IsEmpty());
}

TEST_F(IntakeTest, WhatIsWrongWithTheFileIsARefusalAtOnce) {
  const VersionRow received = upload().value();
  workshop.import_fault = [] { return Status(Error(ErrorCode::model_refused, "it is no model")); };
  EXPECT_EQ(process(received.id), "refused");
  EXPECT_EQ(row(received.id).reason, "it is no model");
  EXPECT_THAT(workshop.waiting, IsEmpty());
  EXPECT_THAT(blobs->list().value(), IsEmpty());
}

TEST_F(IntakeTest, TheNextStartGoesOnWithWhatWasPutOffAndCountsTheAttempts) {
  const VersionRow received = upload().value();
  workshop.import_fault = [] { return Status(disk_full()); };
  EXPECT_EQ(process(received.id), "importing");
  EXPECT_THAT(start().to_process, ElementsAre(received.id));
  EXPECT_EQ(process(received.id), "importing");
  EXPECT_THAT(start().to_process, ElementsAre(received.id));
  workshop.import_fault = ok;
  EXPECT_EQ(process(received.id), "ready");
  EXPECT_EQ(row(received.id).attempts, 3);
}

TEST_F(IntakeTest, AServerThatEndsInEveryAttemptEndsInAFailureOfOurs) {
  const VersionRow received = upload().value();
  const auto set = database->write([&](store::Session& s) { return s.exec("UPDATE model_versions SET attempts = 4 WHERE id = ?", {received.id}); });
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(process(received.id), "failed");
  EXPECT_THAT(row(received.id).reason, HasSubstr("the server ended while it ran"));
  EXPECT_EQ(workshop.imports, 0);
}

TEST_F(IntakeTest, AModelThatIsDeletedWhileItsImportWaitsIsLeftAlone) {
  const VersionRow received = upload().value();
  workshop.import_fault = [] { return Status(disk_full()); };
  EXPECT_EQ(process(received.id), "importing");
  ASSERT_TRUE(intake->remove(received.model_id).ok());
  EXPECT_TRUE(workshop.let_time_pass());
  EXPECT_THAT(workshop.waiting, IsEmpty());
  EXPECT_EQ(workshop.imports, 1);
  EXPECT_EQ(rows(), 0U);
}

TEST_F(IntakeTest, AnUploadThatMeetsAFullDiskSaysSoAndLeavesNothing) {
  for (const char* operation : {"create", "write", "commit"}) {
    fault = [&](std::string_view asked) { return asked == operation ? Status(disk_full()) : ok(); };
    const auto refused = upload();
    ASSERT_FALSE(refused.ok()) << operation;
    EXPECT_EQ(refused.error().status(), 507) << operation;
    EXPECT_EQ(rows(), 0U) << operation;
  }
  fault = [](std::string_view) { return ok(); };
  EXPECT_THAT(blobs->list().value(), IsEmpty());
  EXPECT_EQ(process(upload().value().id), "ready");
}

TEST_F(IntakeTest, WhatAFailedUploadCouldNotTakeBackIsTakenBackLater) {
  fault = [](std::string_view asked) { return asked == "commit" || asked == "remove" ? Status(disk_full()) : ok(); };
  EXPECT_FALSE(upload().ok());
  EXPECT_EQ(rows(), 1U);
  EXPECT_TRUE(workshop.let_time_pass());
  EXPECT_EQ(rows(), 1U);
  fault = [](std::string_view) { return ok(); };
  EXPECT_TRUE(workshop.let_time_pass());
  EXPECT_EQ(rows(), 0U);
  EXPECT_THAT(workshop.pauses, ElementsAre(1000, 5000));
}

}  // namespace
}  // namespace slipway::models
