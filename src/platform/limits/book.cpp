#include "slipway/platform/limits/book.hpp"

#include <algorithm>

namespace slipway::limits {
namespace {

const std::vector<store::Migration> kMigrations = {{40, "limits",
                                                    R"(CREATE TABLE limits (
          subject TEXT NOT NULL, id TEXT NOT NULL, quota TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (subject, id));)"}};

std::optional<Subject> subject_named(std::string_view name) {
  for (std::size_t s = 0; s < kSubjects; ++s) {
    if (subject_name(static_cast<Subject>(s)) == name) return static_cast<Subject>(s);
  }
  return std::nullopt;
}

}  // namespace

const std::vector<store::Migration>& migrations() { return kMigrations; }

Status save(store::Session& session, Subject subject, std::string_view id, const Quota& quota, std::int64_t now_ms) {
  TRY(session.exec("DELETE FROM limits WHERE subject = ? AND id = ?", {subject_name(subject), id}));
  if (quota.says_nothing()) return ok();
  // Later than every other change, also within one millisecond: reload_if_changed looks at the latest.
  const auto last = TRY(session.query_one("SELECT COALESCE(MAX(updated_at), 0) AS latest FROM limits"));
  const std::int64_t at = std::max(now_ms, last->integer("latest") + 1);
  TRY(session.exec("INSERT INTO limits (subject, id, quota, updated_at) VALUES (?, ?, ?, ?)",
                   {subject_name(subject), id, to_json(quota).dump(), at}));
  return ok();
}

Result<Quota> load(store::Session& session, Subject subject, std::string_view id) {
  const auto row = TRY(session.query_one("SELECT quota FROM limits WHERE subject = ? AND id = ?", {subject_name(subject), id}));
  if (!row) return Quota{};
  return quota_from_json(TRY(json::parse(row->text("quota"))), "#");
}

Status Book::reload() {
  const std::lock_guard lock(mutex_);
  return reload_locked();
}

Status Book::reload_locked() {
  std::set<std::pair<Subject, std::string>> found;
  std::pair<std::int64_t, std::int64_t> seen{0, 0};
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT * FROM limits"); }));
  for (const store::Row& row : rows) {
    seen = {seen.first + 1, std::max(seen.second, row.integer("updated_at"))};
    const auto subject = subject_named(row.text("subject"));
    const auto document = json::parse(row.text("quota"));
    if (!subject || !document.ok()) continue;
    const auto quota = quota_from_json(*document, "#");
    if (!quota.ok()) continue;
    limiter_.set(*subject, row.text("id"), *quota);
    found.emplace(*subject, row.text("id"));
  }
  for (const auto& gone : known_) {
    if (!found.contains(gone)) limiter_.set(gone.first, gone.second, Quota{});
  }
  known_ = std::move(found);
  seen_ = seen;
  return ok();
}

Status Book::reload_if_changed() {
  const std::lock_guard lock(mutex_);
  const auto row =
      TRY(database_.read([](store::Session& s) { return s.query_one("SELECT COUNT(*) AS n, COALESCE(MAX(updated_at), 0) AS latest FROM limits"); }));
  if (row && std::pair(row->integer("n"), row->integer("latest")) == seen_) return ok();
  return reload_locked();
}

Status Book::set(Subject subject, std::string_view id, const Quota& quota) {
  const std::lock_guard lock(mutex_);
  TRY(database_.write([&](store::Session& s) { return save(s, subject, id, quota, clock_.unix_ms()); }));
  limiter_.set(subject, id, quota);
  if (quota.says_nothing())
    known_.erase({subject, std::string(id)});
  else
    known_.emplace(subject, id);
  return ok();
}

}  // namespace slipway::limits
