// The rows of jobs and of the parts of their results, and the SQL that reads and changes them. docs/formats/database.md has the states.
// Functions take the Session of a transaction that the caller holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/page.hpp"
#include "slipway/base/result.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::jobs {

namespace state {
inline constexpr std::string_view kReceiving = "receiving";  // intent: bytes are arriving, nothing is visible
inline constexpr std::string_view kQueued = "queued";        // the input is on disk and acknowledged
inline constexpr std::string_view kRunning = "running";
inline constexpr std::string_view kDone = "done";
inline constexpr std::string_view kFailed = "failed";
inline constexpr std::string_view kCancelled = "cancelled";
inline constexpr std::string_view kDeleting = "deleting";  // tombstone: invisible, bytes are being removed
}  // namespace state

bool is_over(std::string_view status);  // done, failed or cancelled

struct JobRow {
  std::string id, owner_id, model_id;
  std::string key_id;        // that made it; a login's: the user. Whose limits it counts against
  std::int64_t version = 0;  // number of the model's version that it runs on
  std::string status;
  std::string input_format, result_format;  // csv, ndjson, npy
  bool skip_wrong = false;                  // on_error=skip
  bool include_input = false;
  std::string input_blob, input_dek;
  std::int64_t input_size = 0;
  // Where it goes on: written in the transaction that makes a part of the result durable.
  std::int64_t input_at = 0;                    // bytes of the input whose rows are in the result
  std::int64_t line_at = 1;                     // line (or row) that stands there
  std::int64_t rows_done = 0, rows_failed = 0;  // rows_failed: of these, the wrong ones that were skipped
  std::string errors;                           // JSON: the first wrong rows
  std::string shape;                            // JSON: what the columns of the result are, once known (result.hpp)
  std::int64_t result_size = 0;                 // bytes of the parts
  std::string error;                            // JSON: why it failed; empty: it didn't
  std::int64_t attempts = 0;                    // starts that made no progress
  std::int64_t created_at = 0, started_at = 0, ended_at = 0, updated_at = 0;
};

// A stretch of the result, in a blob of its own: what is on disk when the server ends is not computed again.
struct PartRow {
  std::string job_id;
  std::int64_t number = 0;
  std::string blob, dek;
  std::int64_t bytes = -1;  // -1: intent, its blob may be there or not
};

const std::vector<store::Migration>& migrations();

Result<std::optional<JobRow>> find_job(store::Session& session, std::string_view id);
Result<std::vector<JobRow>> unsettled_jobs(store::Session& session);   // whatever is not done, failed or cancelled; oldest first
Result<std::vector<JobRow>> unsettled_bytes(store::Session& session);  // over, but with an input
Result<std::vector<JobRow>> ended_before(store::Session& session, std::int64_t unix_ms);
Result<std::vector<std::string>> jobs_of_model(store::Session& session, std::string_view model_id);
Result<std::vector<std::string>> models_with_jobs(store::Session& session);
Result<std::int64_t> unfinished_of(store::Session& session, std::string_view owner_id);

struct JobQuery {
  std::string owner_id;  // empty: of everybody (administrators)
  std::string model_id, status;
  Page page;
};
Result<std::vector<JobRow>> list_jobs(store::Session& session, const JobQuery& query);  // newest first

Status insert_job(store::Session& session, const JobRow& job);
Status update_job(store::Session& session, const JobRow& job);    // all but id, owner, model, created_at
Status delete_job(store::Session& session, std::string_view id);  // and its parts

Result<std::vector<PartRow>> parts_of(store::Session& session, std::string_view job_id);  // in order
Status insert_part(store::Session& session, const PartRow& part);
Status finish_part(store::Session& session, const PartRow& part);
Status delete_part(store::Session& session, std::string_view job_id, std::int64_t number);
Result<std::vector<std::string>> named_blobs(store::Session& session);

}  // namespace slipway::jobs
