#include "slipway/platform/models/rows.hpp"

#include <algorithm>

#include "slipway/store/page.hpp"

namespace slipway::models {
namespace {

const std::vector<store::Migration> kMigrations = {
    {30, "models",
     R"(CREATE TABLE models (
          id TEXT PRIMARY KEY, owner_id TEXT NOT NULL REFERENCES users (id), name TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL,
          current_version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
        CREATE INDEX models_owner ON models (owner_id, created_at);
        CREATE TABLE model_versions (
          id TEXT PRIMARY KEY, model_id TEXT NOT NULL, owner_id TEXT NOT NULL REFERENCES users (id), number BIGINT NOT NULL, status TEXT NOT NULL,
          attempts BIGINT NOT NULL, filename TEXT NOT NULL, file_blob TEXT NOT NULL, file_dek TEXT NOT NULL, artifact_blob TEXT NOT NULL,
          artifact_dek TEXT NOT NULL, sha256 TEXT NOT NULL, artifact_sha256 TEXT NOT NULL, size BIGINT NOT NULL, artifact_size BIGINT NOT NULL,
          format TEXT NOT NULL, schema_json TEXT NOT NULL, example_json TEXT NOT NULL, report_json TEXT NOT NULL, reason TEXT NOT NULL,
          created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
        CREATE INDEX model_versions_model ON model_versions (model_id, number);
        CREATE INDEX model_versions_status ON model_versions (status);)"},
    {31, "model files",
     R"(ALTER TABLE model_versions ADD COLUMN files_json TEXT NOT NULL DEFAULT '';
        ALTER TABLE model_versions ADD COLUMN entry TEXT NOT NULL DEFAULT '';)"},
    {33, "model residence", "ALTER TABLE models ADD COLUMN residence TEXT NOT NULL DEFAULT 'on_demand';"},
    {34, "model batch window", "ALTER TABLE models ADD COLUMN batch_window BIGINT NOT NULL DEFAULT 0;"}};

std::vector<std::string> tags_of(const std::string& document) {
  std::vector<std::string> out;
  const auto value = json::parse(document);
  if (value.ok() && value->is_array()) {
    for (const json::Value& tag : value->as_array()) {
      if (tag.is_string()) out.push_back(tag.as_string());
    }
  }
  return out;
}

std::string dump_tags(const std::vector<std::string>& tags) {
  json::Array out(tags.begin(), tags.end());
  return json::Value(std::move(out)).dump();
}

std::vector<FileRow> files_of(const std::string& document) {
  std::vector<FileRow> out;
  const auto value = json::parse(document);
  if (!value.ok() || !value->is_array()) return out;
  for (const json::Value& file : value->as_array()) out.push_back({file.string_or("name", ""), file.string_or("sha256", ""), file.int_or("size", 0)});
  return out;
}

std::string dump_files(const std::vector<FileRow>& files) {
  json::Array out;
  for (const FileRow& file : files) out.push_back(json::object({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}}));
  return out.empty() ? std::string() : json::Value(std::move(out)).dump();
}

ModelRow model_of(const store::Row& r) {
  return {r.text("id"),
          r.text("owner_id"),
          r.text("name"),
          r.text("description"),
          tags_of(r.text("tags")),
          r.integer("current_version"),
          r.integer("created_at"),
          r.integer("updated_at"),
          r.text("residence"),
          r.integer("batch_window")};
}

VersionRow version_of(const store::Row& r) {
  VersionRow v;
  v.id = r.text("id");
  v.model_id = r.text("model_id");
  v.owner_id = r.text("owner_id");
  v.number = r.integer("number");
  v.status = r.text("status");
  v.attempts = r.integer("attempts");
  v.filename = r.text("filename");
  v.files = files_of(r.text("files_json"));
  v.entry = r.text("entry");
  v.file_blob = r.text("file_blob");
  v.file_dek = r.text("file_dek");
  v.artifact_blob = r.text("artifact_blob");
  v.artifact_dek = r.text("artifact_dek");
  v.sha256 = r.text("sha256");
  v.artifact_sha256 = r.text("artifact_sha256");
  v.size = r.integer("size");
  v.artifact_size = r.integer("artifact_size");
  v.format = r.text("format");
  v.schema = r.text("schema_json");
  v.example = r.text("example_json");
  v.report = r.text("report_json");
  v.reason = r.text("reason");
  v.created_at = r.integer("created_at");
  v.updated_at = r.integer("updated_at");
  return v;
}

Result<std::optional<VersionRow>> one_version(store::Session& session, std::string_view where, const store::Params& params) {
  const auto row = TRY(session.query_one("SELECT * FROM model_versions WHERE " + std::string(where), params));
  if (!row) return std::optional<VersionRow>();
  return std::optional<VersionRow>(version_of(*row));
}

// LIKE's own characters in what a person typed are ordinary ones.
std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

}  // namespace

const std::vector<store::Migration>& migrations() { return kMigrations; }

Result<std::optional<ModelRow>> find_model(store::Session& session, std::string_view id) {
  const auto row = TRY(session.query_one("SELECT * FROM models WHERE id = ?", {id}));
  if (!row) return std::optional<ModelRow>();
  return std::optional<ModelRow>(model_of(*row));
}

Result<std::optional<VersionRow>> find_version(store::Session& session, std::string_view id) { return one_version(session, "id = ?", {id}); }

Result<std::optional<VersionRow>> find_version(store::Session& session, std::string_view model_id, std::int64_t number) {
  return one_version(session, "model_id = ? AND number = ? AND status NOT IN ('receiving', 'deleting')", {model_id, number});
}

Result<std::vector<VersionRow>> versions_of(store::Session& session, std::string_view model_id) {
  const auto rows = TRY(session.query(
      "SELECT * FROM model_versions WHERE model_id = ? AND status NOT IN ('receiving', 'deleting') ORDER BY number DESC LIMIT 1000", {model_id}));
  std::vector<VersionRow> out;
  for (const store::Row& row : rows) out.push_back(version_of(row));
  return out;
}

Result<std::optional<VersionRow>> face_of(store::Session& session, const ModelRow& model) {
  if (model.current_version != 0) return find_version(session, model.id, model.current_version);
  return one_version(session, "model_id = ? AND status NOT IN ('receiving', 'deleting') ORDER BY number DESC LIMIT 1", {model.id});
}

Result<std::vector<ModelRow>> list_models(store::Session& session, const ModelQuery& query) {
  std::string sql = "SELECT * FROM models WHERE 1 = 1";
  store::Params params;
  if (!query.owner_id.empty()) {
    sql += " AND owner_id = ?";
    params.emplace_back(query.owner_id);
  }
  if (!query.search.empty()) {
    sql += " AND LOWER(name) LIKE LOWER(?) ESCAPE '\\'";
    params.emplace_back(like_pattern(query.search));
  }
  store::newest_first(sql, params, query.page);
  const auto rows = TRY(session.query(sql, params));
  std::vector<ModelRow> out;
  for (const store::Row& row : rows) out.push_back(model_of(row));
  return out;
}

Status insert_model(store::Session& session, const ModelRow& m) {
  TRY(session.exec(
      "INSERT INTO models (id, owner_id, name, description, tags, current_version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {m.id, m.owner_id, m.name, m.description, dump_tags(m.tags), m.current_version, m.created_at, m.updated_at}));
  return ok();
}

Status update_model(store::Session& session, const ModelRow& m) {
  TRY(session.exec(
      "UPDATE models SET name = ?, description = ?, tags = ?, current_version = ?, updated_at = ?, residence = ?, batch_window = ? WHERE id = ?",
      {m.name, m.description, dump_tags(m.tags), m.current_version, m.updated_at, m.residence, m.batch_window, m.id}));
  return ok();
}

Status insert_version(store::Session& session, const VersionRow& v) {
  TRY(session.exec(
      "INSERT INTO model_versions (id, model_id, owner_id, number, status, attempts, filename, file_blob, file_dek, artifact_blob, "
      "artifact_dek, sha256, "
      "artifact_sha256, size, artifact_size, format, schema_json, example_json, report_json, reason, created_at, updated_at, files_json, "
      "entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {v.id,       v.model_id,      v.owner_id,     v.number, v.status,          v.attempts,   v.filename,          v.file_blob,
       v.file_dek, v.artifact_blob, v.artifact_dek, v.sha256, v.artifact_sha256, v.size,       v.artifact_size,     v.format,
       v.schema,   v.example,       v.report,       v.reason, v.created_at,      v.updated_at, dump_files(v.files), v.entry}));
  return ok();
}

Status update_version(store::Session& session, const VersionRow& v) {
  const auto changed =
      TRY(session.exec("UPDATE model_versions SET number = ?, status = ?, attempts = ?, filename = ?, file_blob = ?, file_dek = ?, artifact_blob = "
                       "?, artifact_dek = ?, sha256 = ?, "
                       "artifact_sha256 = ?, size = ?, artifact_size = ?, format = ?, schema_json = ?, example_json = ?, report_json = ?, reason = "
                       "?, updated_at = ?, files_json = ?, entry = ? WHERE id = ?",
                       {v.number,       v.status, v.attempts,        v.filename,   v.file_blob,         v.file_dek, v.artifact_blob,
                        v.artifact_dek, v.sha256, v.artifact_sha256, v.size,       v.artifact_size,     v.format,   v.schema,
                        v.example,      v.report, v.reason,          v.updated_at, dump_files(v.files), v.entry,    v.id}));
  if (changed == 0) return Error(ErrorCode::not_found, "the version is gone");
  return ok();
}

Status delete_version(store::Session& session, std::string_view id) {
  const auto version = TRY(find_version(session, id));
  if (!version) return ok();
  TRY(session.exec("DELETE FROM model_versions WHERE id = ?", {id}));
  TRY(session.exec("DELETE FROM models WHERE id = ? AND NOT EXISTS (SELECT 1 FROM model_versions WHERE model_id = ?)",
                   {version->model_id, version->model_id}));
  return ok();
}

}  // namespace slipway::models
