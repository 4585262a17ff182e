// Intake: the way of a file from its first byte to a served version, and back to order after a crash.
//
//   begin     row `receiving` (committed first: nothing on disk without a row)
//   write     encrypted while it arrives, hashed in the same pass; several files follow one another in one blob (next_file)
//   finish    blob on disk, then row `importing`: from here the upload is acknowledged and is never lost
//   process   import cell -> artifact, its blob on disk -> `checking`: load it, run its example -> `ready` in one transaction
//
// A refusal (the file's fault) keeps the reason and drops the bytes. A fault of ours (no room, a failing disk, no process) leaves the
// version `importing` and is tried again, later each time and at the next start; after attempts_max it is `failed`, and the file stays.
// recover() runs at every start, before anything is served.
// begin/write/finish/recover block: call them on a pool. process() is asynchronous. Thread-safe; an Upload belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/base/result.hpp"
#include "slipway/os/fd.hpp"
#include "slipway/platform/models/rows.hpp"
#include "slipway/store/blobs.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/keyring.hpp"
#include "slipway/store/sealed.hpp"

namespace slipway::models {

// What an import makes of a file; `artifact` is a sealed memfd of exactly the artifact's bytes.
struct Imported {
  os::Fd artifact;
  std::uint64_t artifact_bytes = 0;
  std::string format, schema, example, report;  // JSON texts
  std::string refusal;                          // not empty: refused; then there are format and report only
};

struct OriginalFile {
  std::string name;
  os::Fd bytes;  // a sealed memfd
};

// The two untrusted steps, run in cells by the app; tests bring their own. Callbacks may come on any thread, exactly once.
class Workshop {
 public:
  virtual ~Workshop() = default;
  // Of both: model_refused is the file's fault, every other error is ours and may pass.
  virtual void import(std::vector<OriginalFile> files, std::string entry, std::function<void(Result<Imported>)> done) = 0;
  // Gives the report with what the check found.
  virtual void check(const VersionRow& version, std::function<Result<os::Fd>()> artifact, std::function<void(Result<std::string>)> done) = 0;
  virtual void post(std::function<void()> work) = 0;                 // runs blocking work on a pool
  virtual void later(Millis delay, std::function<void()> work) = 0;  // the same, after a while
};

struct IntakeOptions {
  std::uint64_t upload_bytes_max = 1ULL << 30;
  std::uint64_t free_bytes_min = 256ULL << 20;
  std::uint64_t artifact_bytes_max = 8ULL << 30;
  unsigned uploads_per_user_max = 2;
  unsigned attempts_max = 6;  // of an import
  Millis retry_first{1000};   // pause before the second attempt; five times as long before each further one
  Millis retry_max{600'000};
  unsigned files_max = 16;  // of one upload
};

struct UploadMeta {
  std::string name, description;
  std::vector<std::string> tags;
  std::string entry;  // which objects inside the files
};

class Intake;

// One upload under way. Destroyed before finish(): undone, as if it had never been.
class Upload {
 public:
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  Status next_file(std::string_view filename);     // what is written from here on is this file's
  Status write(std::span<const std::byte> bytes);  // too_large, storage_full
  // Durable when it answers ok. Returns the version, in state `importing`.
  Result<VersionRow> finish(const UploadMeta& meta);

 private:
  friend class Intake;
  Upload(Intake& intake, VersionRow row, bool new_model, store::SealedWriter writer)
      : intake_(intake), row_(std::move(row)), new_model_(new_model), writer_(std::move(writer)) {}
  Status end_file();
  Intake& intake_;
  VersionRow row_;
  bool new_model_;
  std::optional<store::SealedWriter> writer_;
  bool finished_ = false;
};

class Intake {
 public:
  Intake(store::Database& database, store::Keyring& keyring, store::Blobs& blobs, Workshop& workshop, const Clock& clock, IntakeOptions options);

  // model_id: a new version of that model, which the caller has shown to be the owner's; empty: a new model.
  Result<std::unique_ptr<Upload>> begin(std::string_view owner_id, std::string_view model_id);
  // Takes a version from `importing` to `ready`, `refused` or `failed`. done is called once, with the row as it stands after the first
  // attempt: still `importing`, with a reason, when a fault of ours has put it off.
  void process(std::string version_id, std::function<void(Result<VersionRow>)> done);
  // What hears of every version that process() has brought to its end, before `done` does. Set before the first process().
  void on_settled(std::function<void(const VersionRow&)> listener) { settled_ = std::move(listener); }
  Status remove(std::string_view model_id);                 // tombstone, then bytes, then rows
  Result<os::Fd> open_artifact(const VersionRow& version);  // sealed memfd, digest checked
  Result<store::SealedReader> open_original(const VersionRow& version);

  struct Recovery {
    std::vector<std::string> to_process;  // versions whose processing goes on
    std::size_t undone = 0, removed = 0, orphans = 0;
  };
  // others: blobs that belong to other slices' rows.
  Result<Recovery> recover(const std::vector<std::string>& others = {});

  static Status check_meta(const UploadMeta& meta);

 private:
  friend class Upload;
  struct Job;
  Status claim_upload(std::string_view owner_id);
  void release_upload(std::string_view owner_id);
  Status undo(const VersionRow& row);
  void undo_until_done(const VersionRow& row, Millis pause);  // a full disk may keep the row from going
  Status drop_blobs(const VersionRow& row);
  Status forget_bytes(const VersionRow& refused);
  Status forget_artifact(const VersionRow& failed);
  Millis longer(Millis pause) const;
  Result<VersionRow> advance(std::string_view version_id, const std::function<Status(store::Session&, VersionRow&)>& change);
  void start_import(std::shared_ptr<Job> job);
  void keep_artifact(std::shared_ptr<Job> job, Imported imported);
  void start_check(std::shared_ptr<Job> job);
  void make_ready(std::shared_ptr<Job> job, const std::string& report);
  void end_attempt(std::shared_ptr<Job> job, const Error& why);
  void refuse(std::shared_ptr<Job> job, const Error& why, const Imported* seen = nullptr);
  void put_off(std::shared_ptr<Job> job, const Error& why);
  void fail(std::shared_ptr<Job> job, const Error& why);
  void settle(Job& job, const VersionRow& row);
  Result<std::vector<OriginalFile>> open_files(const VersionRow& version);
  Result<store::SecretKey> key_of(const VersionRow& version, std::string_view blob, std::string_view dek, std::string_view purpose);

  store::Database& database_;
  store::Keyring& keyring_;
  store::Blobs& blobs_;
  Workshop& workshop_;
  const Clock& clock_;
  IntakeOptions options_;
  std::function<void(const VersionRow&)> settled_;
  std::mutex mutex_;
  std::unordered_map<std::string, unsigned> uploads_;  // under way, by owner
};

}  // namespace slipway::models
