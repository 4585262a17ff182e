// The rows of models and their versions, and the SQL that reads and changes them. docs/formats/database.md has the states.
// Functions take the Session of a transaction that the caller holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/page.hpp"
#include "slipway/base/result.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::models {

// A version's states. Each is durable before the next step begins; what a crash leaves is taken up or undone by Intake::recover.
namespace state {
inline constexpr std::string_view kReceiving = "receiving";  // intent: bytes are arriving, nothing is visible
inline constexpr std::string_view kImporting = "importing";  // the file is on disk and acknowledged
inline constexpr std::string_view kChecking = "checking";    // the artifact is written; its example runs
inline constexpr std::string_view kReady = "ready";
inline constexpr std::string_view kRefused = "refused";    // reason kept, bytes gone
inline constexpr std::string_view kFailed = "failed";      // by a fault of ours, after many attempts: reason and file kept
inline constexpr std::string_view kDeleting = "deleting";  // tombstone: invisible, bytes are being removed
}  // namespace state

struct ModelRow {
  std::string id, owner_id, name, description;
  std::vector<std::string> tags;
  std::int64_t current_version = 0;  // number; 0: none is served
  std::int64_t created_at = 0, updated_at = 0;
  std::string residence = "on_demand";  // or warm, pinned: inference::Residence
  std::int64_t batch_window = 0;        // ms: inference::Model::gather
};

// One of the files that a version was made of. Their bytes follow one another in the version's one blob.
struct FileRow {
  std::string name, sha256;
  std::int64_t size = 0;
};

struct VersionRow {
  std::string id, model_id, owner_id;
  std::int64_t number = 0;
  std::string status;
  std::int64_t attempts = 0;
  std::string filename;
  std::vector<FileRow> files;  // in the order they were given in; empty: one file, written before files were listed
  std::string entry;           // which objects inside, as the person chose; empty: the file's own
  std::string file_blob, file_dek, artifact_blob, artifact_dek;
  std::string sha256, artifact_sha256;
  std::int64_t size = 0, artifact_size = 0;
  std::string format, schema, example, report;  // JSON, empty until imported
  std::string reason;                           // why it was refused, has failed, or is being tried again
  std::int64_t created_at = 0, updated_at = 0;
};

const std::vector<store::Migration>& migrations();

Result<std::optional<ModelRow>> find_model(store::Session& session, std::string_view id);
Result<std::optional<VersionRow>> find_version(store::Session& session, std::string_view id);
Result<std::optional<VersionRow>> find_version(store::Session& session, std::string_view model_id, std::int64_t number);
Result<std::vector<VersionRow>> versions_of(store::Session& session,
                                            std::string_view model_id);  // newest first, without those being received or deleted
// The version that stands for the model in lists and details: the current one, else the newest.
Result<std::optional<VersionRow>> face_of(store::Session& session, const ModelRow& model);

struct ModelQuery {
  std::string owner_id;  // empty: of everybody (administrators)
  std::string search;    // in the name, case-insensitive
  Page page;
};
Result<std::vector<ModelRow>> list_models(store::Session& session, const ModelQuery& query);  // newest first

Status insert_model(store::Session& session, const ModelRow& model);
Status update_model(store::Session& session, const ModelRow& model);
Status insert_version(store::Session& session, const VersionRow& version);
Status update_version(store::Session& session, const VersionRow& version);  // all but id, model, owner, created_at
Status delete_version(store::Session& session, std::string_view id);        // and the model, when it was its last

}  // namespace slipway::models
