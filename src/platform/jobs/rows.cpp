#include "slipway/platform/jobs/rows.hpp"

#include "slipway/store/page.hpp"

namespace slipway::jobs {
namespace {

const std::vector<store::Migration> kMigrations = {{41, "jobs",
                                                    R"(CREATE TABLE jobs (
          id TEXT PRIMARY KEY, owner_id TEXT NOT NULL REFERENCES users (id), model_id TEXT NOT NULL, version BIGINT NOT NULL, status TEXT NOT NULL,
          input_format TEXT NOT NULL, result_format TEXT NOT NULL, skip_wrong BIGINT NOT NULL, include_input BIGINT NOT NULL,
          input_blob TEXT NOT NULL, input_dek TEXT NOT NULL, input_size BIGINT NOT NULL, input_at BIGINT NOT NULL, line_at BIGINT NOT NULL,
          rows_done BIGINT NOT NULL, rows_failed BIGINT NOT NULL, errors_json TEXT NOT NULL, shape_json TEXT NOT NULL, result_size BIGINT NOT NULL,
          error_json TEXT NOT NULL, attempts BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,
          updated_at BIGINT NOT NULL);
        CREATE INDEX jobs_owner ON jobs (owner_id, created_at);
        CREATE INDEX jobs_model ON jobs (model_id);
        CREATE INDEX jobs_status ON jobs (status, ended_at);
        CREATE TABLE job_parts (
          job_id TEXT NOT NULL REFERENCES jobs (id), number BIGINT NOT NULL, blob TEXT NOT NULL, dek TEXT NOT NULL, bytes BIGINT NOT NULL,
          PRIMARY KEY (job_id, number));)"},
                                                   {42, "job keys", "ALTER TABLE jobs ADD COLUMN key_id TEXT NOT NULL DEFAULT '';"}};

JobRow job_of(const store::Row& r) {
  JobRow j;
  j.id = r.text("id");
  j.owner_id = r.text("owner_id");
  j.model_id = r.text("model_id");
  j.key_id = r.text("key_id");
  j.version = r.integer("version");
  j.status = r.text("status");
  j.input_format = r.text("input_format");
  j.result_format = r.text("result_format");
  j.skip_wrong = r.flag("skip_wrong");
  j.include_input = r.flag("include_input");
  j.input_blob = r.text("input_blob");
  j.input_dek = r.text("input_dek");
  j.input_size = r.integer("input_size");
  j.input_at = r.integer("input_at");
  j.line_at = r.integer("line_at");
  j.rows_done = r.integer("rows_done");
  j.rows_failed = r.integer("rows_failed");
  j.errors = r.text("errors_json");
  j.shape = r.text("shape_json");
  j.result_size = r.integer("result_size");
  j.error = r.text("error_json");
  j.attempts = r.integer("attempts");
  j.created_at = r.integer("created_at");
  j.started_at = r.integer("started_at");
  j.ended_at = r.integer("ended_at");
  j.updated_at = r.integer("updated_at");
  return j;
}

std::vector<JobRow> jobs_of(const std::vector<store::Row>& rows) {
  std::vector<JobRow> out;
  for (const store::Row& row : rows) out.push_back(job_of(row));
  return out;
}

Result<std::vector<std::string>> texts(store::Session& session, std::string_view sql, const store::Params& params, std::string_view column) {
  std::vector<std::string> out;
  for (const store::Row& row : TRY(session.query(sql, params))) out.push_back(row.text(column));
  return out;
}

}  // namespace

const std::vector<store::Migration>& migrations() { return kMigrations; }

bool is_over(std::string_view status) { return status == state::kDone || status == state::kFailed || status == state::kCancelled; }

Result<std::optional<JobRow>> find_job(store::Session& session, std::string_view id) {
  const auto row = TRY(session.query_one("SELECT * FROM jobs WHERE id = ?", {id}));
  if (!row) return std::optional<JobRow>();
  return std::optional<JobRow>(job_of(*row));
}

Result<std::vector<JobRow>> unsettled_jobs(store::Session& session) {
  return jobs_of(TRY(session.query("SELECT * FROM jobs WHERE status IN ('receiving', 'queued', 'running', 'deleting') ORDER BY created_at, id")));
}

Result<std::vector<JobRow>> unsettled_bytes(store::Session& session) {
  return jobs_of(TRY(session.query("SELECT * FROM jobs WHERE status IN ('done', 'failed', 'cancelled') AND input_blob <> ''")));
}

Result<std::vector<JobRow>> ended_before(store::Session& session, std::int64_t unix_ms) {
  return jobs_of(TRY(
      session.query("SELECT * FROM jobs WHERE status IN ('done', 'failed', 'cancelled') AND ended_at < ? ORDER BY ended_at LIMIT 200", {unix_ms})));
}

Result<std::vector<std::string>> jobs_of_model(store::Session& session, std::string_view model_id) {
  return texts(session, "SELECT id FROM jobs WHERE model_id = ? AND status <> 'receiving'", {model_id}, "id");
}

Result<std::vector<std::string>> models_with_jobs(store::Session& session) {
  return texts(session, "SELECT DISTINCT model_id FROM jobs", {}, "model_id");
}

Result<std::int64_t> unfinished_of(store::Session& session, std::string_view owner_id) {
  const auto row =
      TRY(session.query_one("SELECT COUNT(*) AS n FROM jobs WHERE owner_id = ? AND status IN ('receiving', 'queued', 'running')", {owner_id}));
  return row->integer("n");
}

Result<std::vector<JobRow>> list_jobs(store::Session& session, const JobQuery& query) {
  std::string sql = "SELECT * FROM jobs WHERE status NOT IN ('receiving', 'deleting')";
  store::Params params;
  const auto also = [&](const char* condition, const std::string& value) {
    if (value.empty()) return;
    sql += condition;
    params.emplace_back(value);
  };
  also(" AND owner_id = ?", query.owner_id);
  also(" AND model_id = ?", query.model_id);
  also(" AND status = ?", query.status);
  store::newest_first(sql, params, query.page);
  return jobs_of(TRY(session.query(sql, params)));
}

Status insert_job(store::Session& session, const JobRow& j) {
  TRY(session.exec(
      "INSERT INTO jobs (id, owner_id, model_id, version, status, input_format, result_format, skip_wrong, include_input, input_blob, input_dek, "
      "input_size, input_at, line_at, rows_done, rows_failed, errors_json, shape_json, result_size, error_json, attempts, created_at, started_at, "
      "ended_at, updated_at, key_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {j.id,          j.owner_id,  j.model_id,   j.version,    j.status,     j.input_format, j.result_format, j.skip_wrong, j.include_input,
       j.input_blob,  j.input_dek, j.input_size, j.input_at,   j.line_at,    j.rows_done,    j.rows_failed,   j.errors,     j.shape,
       j.result_size, j.error,     j.attempts,   j.created_at, j.started_at, j.ended_at,     j.updated_at,    j.key_id}));
  return ok();
}

Status update_job(store::Session& session, const JobRow& j) {
  const auto changed = TRY(session.exec(
      "UPDATE jobs SET version = ?, status = ?, input_blob = ?, input_dek = ?, input_size = ?, input_at = ?, line_at = ?, rows_done = ?, "
      "rows_failed = ?, errors_json = ?, shape_json = ?, result_size = ?, error_json = ?, attempts = ?, started_at = ?, ended_at = ?, updated_at = ? "
      "WHERE id = ?",
      {j.version, j.status, j.input_blob, j.input_dek, j.input_size, j.input_at, j.line_at, j.rows_done, j.rows_failed, j.errors, j.shape,
       j.result_size, j.error, j.attempts, j.started_at, j.ended_at, j.updated_at, j.id}));
  if (changed == 0) return Error(ErrorCode::not_found, "the job is gone");
  return ok();
}

Status delete_job(store::Session& session, std::string_view id) {
  TRY(session.exec("DELETE FROM job_parts WHERE job_id = ?", {id}));
  TRY(session.exec("DELETE FROM jobs WHERE id = ?", {id}));
  return ok();
}

Result<std::vector<PartRow>> parts_of(store::Session& session, std::string_view job_id) {
  std::vector<PartRow> out;
  for (const store::Row& r : TRY(session.query("SELECT * FROM job_parts WHERE job_id = ? ORDER BY number", {job_id})))
    out.push_back({r.text("job_id"), r.integer("number"), r.text("blob"), r.text("dek"), r.integer("bytes")});
  return out;
}

Status insert_part(store::Session& session, const PartRow& p) {
  TRY(session.exec("INSERT INTO job_parts (job_id, number, blob, dek, bytes) VALUES (?, ?, ?, ?, ?)", {p.job_id, p.number, p.blob, p.dek, p.bytes}));
  return ok();
}

Status finish_part(store::Session& session, const PartRow& p) {
  const auto changed = TRY(session.exec("UPDATE job_parts SET bytes = ? WHERE job_id = ? AND number = ?", {p.bytes, p.job_id, p.number}));
  if (changed == 0) return Error(ErrorCode::not_found, "the job is gone");
  return ok();
}

Status delete_part(store::Session& session, std::string_view job_id, std::int64_t number) {
  TRY(session.exec("DELETE FROM job_parts WHERE job_id = ? AND number = ?", {job_id, number}));
  return ok();
}

Result<std::vector<std::string>> named_blobs(store::Session& session) {
  auto out = TRY(texts(session, "SELECT input_blob FROM jobs", {}, "input_blob"));
  for (std::string& blob : TRY(texts(session, "SELECT blob FROM job_parts", {}, "blob"))) out.push_back(std::move(blob));
  return out;
}

}  // namespace slipway::jobs
