#include "slipway/platform/models/intake.hpp"

#include <algorithm>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/memfd.hpp"

namespace slipway::models {
namespace {

constexpr std::string_view kOriginal = "original";
constexpr std::string_view kArtifact = "artifact";
constexpr std::size_t kReasonBytesMax = 4000;

// The last part of what the client called the file, for people to recognise it: a label, never a path.
std::string label_of(std::string_view filename) {
  const std::size_t slash = filename.find_last_of("/\\");
  if (slash != std::string_view::npos) filename.remove_prefix(slash + 1);
  std::string out = excerpt(filename, 200);
  return out.empty() ? "model" : out;
}

std::string stem_of(const std::string& label) {
  const std::size_t dot = label.rfind('.');
  return dot == std::string::npos || dot == 0 ? label : label.substr(0, dot);
}

// The last file is the model: what stands before it prepares its input. Arrays beside an old joblib file are not it, nor is the source beside
// weights.
std::string main_file(const std::vector<FileRow>& files) {
  constexpr std::string_view kBeside[] = {".npy", ".npy.z", ".py", ".ipynb"};
  for (std::size_t i = files.size(); i-- > 0;) {
    const std::string_view name = files[i].name;
    if (std::none_of(std::begin(kBeside), std::end(kBeside), [name](std::string_view end) { return name.ends_with(end); })) return files[i].name;
  }
  return files.back().name;
}

}  // namespace

struct Intake::Job {
  VersionRow version;
  std::function<void(Result<VersionRow>)> done;  // empty once it was called
  std::int64_t attempts = 0;                     // also those that the database could not be told of

  void answer(Result<VersionRow> row) {
    if (auto told = std::exchange(done, nullptr)) told(std::move(row));
  }
};

Intake::Intake(store::Database& database, store::Keyring& keyring, store::Blobs& blobs, Workshop& workshop, const Clock& clock, IntakeOptions options)
    : database_(database), keyring_(keyring), blobs_(blobs), workshop_(workshop), clock_(clock), options_(options) {}

Status Intake::check_meta(const UploadMeta& meta) {
  Error error(ErrorCode::invalid_input, "the model's description can't be used");
  if (meta.name.size() > 200 || !is_valid_utf8(meta.name)) error.add("name", "must be UTF-8 text of at most 200 bytes");
  if (meta.description.size() > 10'000 || !is_valid_utf8(meta.description)) error.add("description", "must be UTF-8 text of at most 10,000 bytes");
  if (meta.tags.size() > 50) error.add("tags", "must be at most 50");
  for (const std::string& tag : meta.tags) {
    if (tag.empty() || tag.size() > 100 || !is_valid_utf8(tag)) {
      error.add("tags", "must each have 1 to 100 bytes of text");
      break;
    }
  }
  if (meta.entry.size() > 2000 || !is_valid_utf8(meta.entry)) error.add("entry", "must be UTF-8 text of at most 2,000 bytes");
  if (!error.fields().empty()) return error;
  return ok();
}

Status Intake::claim_upload(std::string_view owner_id) {
  const std::lock_guard lock(mutex_);
  unsigned& running = uploads_[std::string(owner_id)];
  if (running >= options_.uploads_per_user_max) {
    return Error(ErrorCode::rate_limited, "this account has " + std::to_string(running) + " uploads under way already").retry_after(5);
  }
  ++running;
  return ok();
}

void Intake::release_upload(std::string_view owner_id) {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(std::string(owner_id));
  if (found != uploads_.end() && --found->second == 0) uploads_.erase(found);
}

Result<std::unique_ptr<Upload>> Intake::begin(std::string_view owner_id, std::string_view model_id) {
  TRY(store::require_free(blobs_, 0, options_.free_bytes_min));
  TRY(claim_upload(owner_id));
  struct Claim {
    Intake& intake;
    std::string owner;
    bool keep = false;
    ~Claim() {
      if (!keep) intake.release_upload(owner);
    }
  } claim{*this, std::string(owner_id)};

  const std::int64_t now = clock_.unix_ms();
  VersionRow row;
  row.id = new_id("ver");
  row.model_id = model_id.empty() ? new_id("mdl") : std::string(model_id);
  row.owner_id = owner_id;
  row.status = state::kReceiving;
  row.file_blob = new_id("blb");
  row.created_at = row.updated_at = now;
  const store::SecretKey dek = store::SecretKey::random();
  row.file_dek = TRY(keyring_.wrap_dek(dek, {row.owner_id, row.file_blob, kOriginal}));
  TRY(database_.write([&](store::Session& s) { return insert_version(s, row); }));
  auto writer = store::SealedWriter::create(blobs_, row.file_blob, dek);
  if (!writer.ok()) {
    TRY(undo(row));
    return writer.error();
  }
  claim.keep = true;
  return std::unique_ptr<Upload>(new Upload(*this, std::move(row), model_id.empty(), std::move(*writer)));
}

// What was written since the last file began is that file.
Status Upload::end_file() {
  if (row_.files.empty()) return ok();
  const auto part = TRY(writer_->end_part());
  if (part.bytes == 0) return Error(ErrorCode::invalid_input, "the file " + row_.files.back().name + " is empty").at("file", "has no bytes");
  row_.files.back().sha256 = part.sha256;
  row_.files.back().size = static_cast<std::int64_t>(part.bytes);
  return ok();
}

Status Upload::next_file(std::string_view filename) {
  TRY(end_file());
  if (row_.files.size() >= intake_.options_.files_max) {
    return Error(ErrorCode::invalid_input, "a model may be made of at most " + std::to_string(intake_.options_.files_max) + " files")
        .at("file", "is there too often");
  }
  FileRow file;
  file.name = label_of(filename);
  const auto taken = [&](const std::string& name) {
    return std::any_of(row_.files.begin(), row_.files.end(), [&](const FileRow& other) { return other.name == name; });
  };
  // Two files of one name must still be told apart: model.pkl, model (2).pkl.
  const std::string label = file.name;
  for (int n = 2; taken(file.name); ++n) file.name = stem_of(label) + " (" + std::to_string(n) + ")" + label.substr(stem_of(label).size());
  row_.files.push_back(std::move(file));
  return ok();
}

Status Upload::write(std::span<const std::byte> bytes) {
  if (writer_->plain_bytes() + bytes.size() > intake_.options_.upload_bytes_max) {
    return Error(ErrorCode::too_large, "a model file may have at most " + std::to_string(intake_.options_.upload_bytes_max) + " bytes")
        .at("file", "is too large");
  }
  return writer_->write(bytes);
}

Result<VersionRow> Upload::finish(const UploadMeta& meta) {
  TRY(Intake::check_meta(meta));
  if (row_.files.empty() || writer_->plain_bytes() == 0) return Error(ErrorCode::invalid_input, "the file is empty").at("file", "has no bytes");
  TRY(end_file());
  const store::SealedInfo info = TRY(writer_->finish());
  row_.filename = main_file(row_.files);
  row_.entry = meta.entry;
  row_.sha256 = info.sha256;
  row_.size = static_cast<std::int64_t>(info.plain_bytes);
  row_.status = state::kImporting;
  row_.updated_at = intake_.clock_.unix_ms();
  TRY(intake_.database_.write([&](store::Session& s) -> Status {
    if (new_model_) {
      row_.number = 1;
      const std::string name = meta.name.empty() ? stem_of(row_.filename) : meta.name;
      TRY(insert_model(s, {row_.model_id, row_.owner_id, name, meta.description, meta.tags, 0, row_.created_at, row_.updated_at}));
    } else {
      if (!TRY(find_model(s, row_.model_id))) return Error(ErrorCode::not_found, "the model was deleted meanwhile");
      const auto top = TRY(s.query_one("SELECT COALESCE(MAX(number), 0) AS n FROM model_versions WHERE model_id = ?", {row_.model_id}));
      row_.number = top->integer("n") + 1;
    }
    return update_version(s, row_);
  }));
  finished_ = true;
  log::info("upload.received", {{"model", row_.model_id}, {"version", row_.number}, {"bytes", row_.size}, {"sha256", row_.sha256}});
  return row_;
}

Upload::~Upload() {
  intake_.release_upload(row_.owner_id);
  if (finished_) return;
  writer_.reset();
  intake_.undo_until_done(row_, intake_.options_.retry_first);
}

void Intake::undo_until_done(const VersionRow& row, Millis pause) {
  const Status undone = undo(row);
  if (undone.ok()) return;
  log::warn("upload.undo_failed", {{"version", row.id}, {"why", undone.error().internal()}});
  workshop_.later(pause, [this, row, pause] { undo_until_done(row, longer(pause)); });
}

Millis Intake::longer(Millis pause) const { return std::min(pause * 5, options_.retry_max); }

Status Intake::drop_blobs(const VersionRow& row) {
  for (const std::string& blob : {row.file_blob, row.artifact_blob}) {
    if (!blob.empty()) TRY(blobs_.remove(blob));
  }
  return ok();
}

Status Intake::undo(const VersionRow& row) {
  TRY(drop_blobs(row));
  return database_.write([&](store::Session& s) { return delete_version(s, row.id); });
}

Result<store::SecretKey> Intake::key_of(const VersionRow& version, std::string_view blob, std::string_view dek, std::string_view purpose) {
  return keyring_.unwrap_dek(dek, {version.owner_id, blob, purpose});
}

Result<store::SealedReader> Intake::open_original(const VersionRow& version) {
  const store::SecretKey key = TRY(key_of(version, version.file_blob, version.file_dek, kOriginal));
  return store::SealedReader::open(blobs_, version.file_blob, key);
}

// Each file of the original in memory of its own, with its digest checked.
Result<std::vector<OriginalFile>> Intake::open_files(const VersionRow& version) {
  store::SealedReader reader = TRY(open_original(version));
  std::vector<OriginalFile> out;
  if (version.files.empty()) {
    out.push_back({version.filename, TRY(store::decrypt_to_memfd(reader, "original", options_.upload_bytes_max, version.sha256))});
    return out;
  }
  if (reader.size() > options_.upload_bytes_max)
    return Error(ErrorCode::too_large, "the files have more than " + std::to_string(options_.upload_bytes_max) + " bytes");
  std::uint64_t offset = 0;
  for (const FileRow& file : version.files) {
    const auto bytes = static_cast<std::uint64_t>(file.size);
    out.push_back({file.name, TRY(store::decrypt_part_to_memfd(reader, "original", offset, bytes, file.sha256))});
    offset += bytes;
  }
  return out;
}

Result<os::Fd> Intake::open_artifact(const VersionRow& version) {
  const store::SecretKey key = TRY(key_of(version, version.artifact_blob, version.artifact_dek, kArtifact));
  store::SealedReader reader = TRY(store::SealedReader::open(blobs_, version.artifact_blob, key));
  return store::decrypt_to_memfd(reader, "artifact", options_.artifact_bytes_max, version.artifact_sha256);
}

// One transaction: reads the row as it is now, lets `change` alter it, writes it back.
Result<VersionRow> Intake::advance(std::string_view version_id, const std::function<Status(store::Session&, VersionRow&)>& change) {
  return database_.write([&](store::Session& s) -> Result<VersionRow> {
    auto version = TRY(find_version(s, version_id));
    if (!version || version->status == state::kDeleting) return Error(ErrorCode::not_found, "the model was deleted meanwhile");
    version->updated_at = clock_.unix_ms();
    TRY(change(s, *version));
    TRY(update_version(s, *version));
    return std::move(*version);
  });
}

void Intake::process(std::string version_id, std::function<void(Result<VersionRow>)> done) {
  auto job = std::make_shared<Job>(Job{{}, std::move(done)});
  job->version.id = std::move(version_id);
  workshop_.post([this, job] { start_import(job); });
}

void Intake::start_import(std::shared_ptr<Job> job) {
  auto version = advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
    if (v.status != state::kImporting && v.status != state::kChecking) return Error(ErrorCode::conflict, "the version is not waiting for its import");
    v.status = state::kImporting;
    ++v.attempts;
    return ok();
  });
  ++job->attempts;
  if (!version.ok()) return end_attempt(job, version.error());
  job->version = std::move(*version);
  job->attempts = std::max(job->attempts, job->version.attempts);
  if (job->attempts > static_cast<std::int64_t>(options_.attempts_max)) return fail(job, Error(ErrorCode::internal, "the server ended while it ran"));
  auto files = open_files(job->version);
  if (!files.ok()) return end_attempt(job, files.error());
  workshop_.import(std::move(*files), job->version.entry, [this, job](Result<Imported> imported) {
    auto shared = std::make_shared<Result<Imported>>(std::move(imported));
    workshop_.post([this, job, shared] {
      if (!shared->ok()) return end_attempt(job, shared->error());
      Imported& made = shared->value();
      if (!made.refusal.empty()) return refuse(job, Error(ErrorCode::model_refused, made.refusal), &made);
      keep_artifact(job, std::move(made));
    });
  });
}

void Intake::keep_artifact(std::shared_ptr<Job> job, Imported imported) {
  const auto kept = [&]() -> Status {
    const std::string blob = new_id("blb");
    const std::string old_blob = job->version.artifact_blob;  // of an attempt that a crash ended
    if (!old_blob.empty()) TRY(blobs_.remove(old_blob));
    const store::SecretKey dek = store::SecretKey::random();
    const std::string wrapped = TRY(keyring_.wrap_dek(dek, {job->version.owner_id, blob, kArtifact}));
    // The row names the blob before it exists: whatever happens next, recover() knows about it.
    job->version = TRY(advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
      v.artifact_blob = blob;
      v.artifact_dek = wrapped;
      return ok();
    }));
    const os::Mapping bytes = TRY(os::Mapping::read_only(imported.artifact));
    store::SealedWriter writer = TRY(store::SealedWriter::create(blobs_, blob, dek));
    TRY(writer.write(bytes.bytes()));
    const store::SealedInfo info = TRY(writer.finish());
    job->version = TRY(advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
      v.status = state::kChecking;
      v.artifact_sha256 = info.sha256;
      v.artifact_size = static_cast<std::int64_t>(info.plain_bytes);
      v.format = imported.format;
      v.schema = imported.schema;
      v.example = imported.example;
      v.report = imported.report;
      return ok();
    }));
    return ok();
  }();
  if (!kept.ok()) return end_attempt(job, kept.error());
  start_check(job);
}

void Intake::start_check(std::shared_ptr<Job> job) {
  workshop_.check(
      job->version, [this, version = job->version] { return open_artifact(version); },
      [this, job](Result<std::string> checked) {
        workshop_.post([this, job, checked = std::move(checked)] {
          if (!checked.ok()) return end_attempt(job, checked.error());
          make_ready(job, *checked);
        });
      });
}

void Intake::make_ready(std::shared_ptr<Job> job, const std::string& report) {
  auto ready = advance(job->version.id, [&](store::Session& s, VersionRow& v) -> Status {
    v.status = state::kReady;
    v.report = report;
    v.reason.clear();
    auto model = TRY(find_model(s, v.model_id));
    if (!model) return Error(ErrorCode::not_found, "the model was deleted meanwhile");
    if (model->current_version == 0) model->current_version = v.number;  // later versions wait to be promoted
    model->updated_at = v.updated_at;
    return update_model(s, *model);
  });
  if (!ready.ok()) return end_attempt(job, ready.error());
  log::info("model.ready", {{"model", ready->model_id}, {"version", ready->number}, {"format", ready->format}});
  settle(*job, *ready);
}

void Intake::settle(Job& job, const VersionRow& row) {
  if (settled_) settled_(row);
  job.answer(row);
}

// Whose fault was it? The file's: it is refused. Nobody's, when the model was deleted meanwhile. Else ours: later again, or never.
void Intake::end_attempt(std::shared_ptr<Job> job, const Error& why) {
  if (why.code() == ErrorCode::model_refused) return refuse(job, why);
  const auto version = database_.read([&](store::Session& s) { return find_version(s, job->version.id); });
  if (version.ok()) {
    const bool waits = *version && ((*version)->status == state::kImporting || (*version)->status == state::kChecking);
    if (!waits) return job->answer(why);
    job->version = **version;
  }
  log::error("import.fault", {{"version", job->version.id}, {"attempt", job->attempts}, {"why", why.detail()}, {"internal", why.internal()}});
  if (job->attempts >= static_cast<std::int64_t>(options_.attempts_max)) return fail(job, why);
  put_off(job, why);
}

void Intake::put_off(std::shared_ptr<Job> job, const Error& why) {
  Millis pause = std::min(options_.retry_first, options_.retry_max);
  for (std::int64_t i = 1; i < job->attempts; ++i) pause = longer(pause);
  const auto wait = [&](VersionRow& v) {
    v.status = state::kImporting;
    v.reason = "a fault of the server, not of the file, has put the import off (" + excerpt(why.detail(), 500) + "); it is tried again by itself";
  };
  auto waiting = advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
    wait(v);
    return ok();
  });
  // A disk too full for this note too is no reason not to try again, nor to tell the client that its file was not taken.
  if (!waiting.ok() && waiting.error().code() != ErrorCode::not_found && !job->version.model_id.empty()) {
    wait(job->version);
    waiting = job->version;
  }
  workshop_.later(pause, [this, job] { start_import(job); });
  job->answer(std::move(waiting));
}

// The file stays, unlike a refused one's: it was taken and acknowledged, and nothing says that it is bad.
void Intake::fail(std::shared_ptr<Job> job, const Error& why) {
  auto failed = advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
    v.status = state::kFailed;
    v.reason = "the import failed " + std::to_string(options_.attempts_max) + " times by a fault of the server, not of the file (" +
               excerpt(why.detail(), 500) + "); the file is kept: upload it again when the server's operator has found the cause";
    return ok();
  });
  if (!failed.ok()) {
    job->answer(failed.error());
    if (failed.error().code() == ErrorCode::not_found) return;
    log::error("import.failure_unwritten", {{"version", job->version.id}, {"why", failed.error().internal()}});
    return workshop_.later(options_.retry_max, [this, job, why] { fail(job, why); });
  }
  log::error("model.failed", {{"model", failed->model_id}, {"version", failed->number}, {"why", excerpt(why.detail(), 500)}});
  if (const Status forgotten = forget_artifact(*failed); !forgotten.ok()) log::warn("blob.remove_failed", {{"version", failed->id}});
  settle(*job, *failed);
}

// The reason stays, the bytes go.
void Intake::refuse(std::shared_ptr<Job> job, const Error& why, const Imported* seen) {
  log::warn("model.refused",
            {{"model", job->version.model_id}, {"version", job->version.number}, {"why", excerpt(why.detail(), 500)}, {"internal", why.internal()}});
  auto refused = advance(job->version.id, [&](store::Session&, VersionRow& v) -> Status {
    v.status = state::kRefused;
    v.reason = excerpt(why.detail(), kReasonBytesMax);
    if (seen != nullptr) {  // what is inside, so that the person sees what there is to choose from
      v.format = seen->format;
      v.report = seen->report;
    }
    return ok();
  });
  if (!refused.ok()) return end_attempt(job, refused.error());  // tried again, to be refused again
  if (const Status forgotten = forget_bytes(*refused); !forgotten.ok()) log::warn("blob.remove_failed", {{"version", refused->id}});
  settle(*job, *refused);
}

// The row names its blobs until they are gone, so that a crash between the two steps leaves nothing unknown.
Status Intake::forget_bytes(const VersionRow& refused) {
  TRY(drop_blobs(refused));
  TRY(advance(refused.id, [](store::Session&, VersionRow& v) -> Status {
    v.file_blob = v.file_dek = v.artifact_blob = v.artifact_dek = "";
    return ok();
  }));
  return ok();
}

Status Intake::forget_artifact(const VersionRow& failed) {
  if (failed.artifact_blob.empty()) return ok();
  TRY(blobs_.remove(failed.artifact_blob));
  TRY(advance(failed.id, [](store::Session&, VersionRow& v) -> Status {
    v.artifact_blob = v.artifact_dek = "";
    return ok();
  }));
  return ok();
}

Status Intake::remove(std::string_view model_id) {
  std::vector<VersionRow> versions;
  TRY(database_.write([&](store::Session& s) -> Status {
    versions = TRY(versions_of(s, model_id));
    TRY(s.exec("UPDATE model_versions SET status = 'deleting' WHERE model_id = ? AND status <> 'receiving'", {model_id}));
    TRY(s.exec("DELETE FROM models WHERE id = ?", {model_id}));
    return ok();
  }));
  for (const VersionRow& version : versions) TRY(undo(version));
  TRY(database_.checkpoint());  // the wrapped keys leave the log too: what was deleted can't be read again
  log::info("model.deleted", {{"model", std::string(model_id)}});
  return ok();
}

Result<Intake::Recovery> Intake::recover(const std::vector<std::string>& others) {
  Recovery out;
  const auto unfinished = TRY(database_.read([](store::Session& s) {
    return s.query(
        "SELECT id, status FROM model_versions WHERE status <> 'ready' AND (status <> 'refused' OR file_blob <> '') AND "
        "(status <> 'failed' OR artifact_blob <> '')");
  }));
  for (const store::Row& row : unfinished) {
    const std::string& status = row.text("status");
    if (status == state::kImporting || status == state::kChecking) {
      out.to_process.push_back(row.text("id"));
      continue;
    }
    const auto version = TRY(database_.read([&](store::Session& s) { return find_version(s, row.text("id")); }));
    if (status == state::kRefused || status == state::kFailed) {
      TRY(status == state::kRefused ? forget_bytes(*version) : forget_artifact(*version));
      ++out.removed;
      continue;
    }
    TRY(undo(*version));
    ++(status == state::kReceiving ? out.undone : out.removed);
  }
  // Bytes that no row names: none are expected ever, and each is counted.
  std::unordered_set<std::string> known(others.begin(), others.end());
  const auto named = TRY(database_.read([](store::Session& s) { return s.query("SELECT file_blob, artifact_blob FROM model_versions"); }));
  for (const store::Row& row : named) {
    known.insert(row.text("file_blob"));
    known.insert(row.text("artifact_blob"));
  }
  for (const store::BlobInfo& blob : TRY(blobs_.list())) {
    if (known.contains(blob.id)) continue;
    TRY(blobs_.remove(blob.id));
    ++out.orphans;
  }
  if (out.orphans > 0) log::error("storage.orphans", {{"count", out.orphans}});
  return out;
}

}  // namespace slipway::models
