// The SQLite side of Database, by SOCI. What to know about SOCI 4.0.3 here:
// - the connection string is split at spaces and '=': the path goes into double quotes, and may not contain one;
// - its transaction is a deferred BEGIN: writers say BEGIN IMMEDIATE by hand, or two of them deadlock on the upgrade;
// - "session << sql, into(x)" takes one step only: the commit behind a row (journal_mode, RETURNING) and its error would get lost;
//   exec() and query() here always run a statement to its end;
// - columns of a declared type INTEGER come back as 32 bits, expressions as text: hence BIGINT, and Row::integer();
// - it includes sqlite3.h inside a namespace: no file may include both.
#include <fcntl.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "slipway/base/clock.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/file.hpp"
#include "slipway/store/database.hpp"

namespace slipway::store {
namespace {

// Result codes of SQLite (sqlite.org/rescode.html); its header's own macros don't survive SOCI's namespace in every version.
constexpr int kBusy = 5, kLocked = 6, kFull = 13, kConstraint = 19;
constexpr int kIoFsync = 1034, kIoDirFsync = 1290;
constexpr int kPrimaryCode = 0xff;

class SqliteSession final : public Session {
 public:
  static Result<std::unique_ptr<SqliteSession>> open(const DatabaseOptions& options, bool writer) {
    try {
      auto session = std::make_unique<SqliteSession>(options.path);
      TRY(session->set_up(options, writer));
      return session;
    } catch (const soci::soci_error& error) {
      return Error(ErrorCode::unavailable, "the database can't be opened").because(options.path + ": " + error.what());
    }
  }

  explicit SqliteSession(const std::string& path) { session_.open(soci::sqlite3, "dbname=\"" + path + "\""); }

  Result<std::int64_t> exec(std::string_view sql, const Params& params) override {
    return guarded(sql, [&]() -> Result<std::int64_t> {
      TRY(check(params));
      soci::statement statement(session_);
      Bound bound(statement, params);
      statement.alloc();
      statement.prepare(std::string(sql));
      statement.define_and_bind();
      statement.execute(true);
      while (statement.fetch()) {}  // a PRAGMA's or RETURNING's rows: the statement must run to its end
      return statement.get_affected_rows();
    });
  }

  Result<std::vector<Row>> query(std::string_view sql, const Params& params) override {
    return guarded(sql, [&]() -> Result<std::vector<Row>> {
      TRY(check(params));
      soci::statement statement(session_);
      Bound bound(statement, params);
      soci::row row;
      statement.exchange(soci::into(row));
      statement.alloc();
      statement.prepare(std::string(sql));
      statement.define_and_bind();
      std::vector<Row> rows;
      std::shared_ptr<const std::vector<std::string>> columns;
      for (bool more = statement.execute(true); more; more = statement.fetch()) {
        if (!columns) columns = names_of(row);
        rows.emplace_back(columns, values_of(row));
      }
      return rows;
    });
  }

  bool in_transaction() { return sqlite_api::sqlite3_get_autocommit(connection()) == 0; }

 private:
  Status set_up(const DatabaseOptions& options, bool writer) {
    TRY(exec("PRAGMA busy_timeout = " + std::to_string(options.busy_timeout_ms), {}));
    TRY(exec("PRAGMA foreign_keys = ON", {}));
    if (!writer) {
      TRY(exec("PRAGMA query_only = ON", {}));
      return ok();
    }
    const auto mode = TRY(query_one("PRAGMA journal_mode = WAL"));
    if (!mode || mode->text("journal_mode") != "wal")
      return Error(ErrorCode::unavailable, "the database can't use a write-ahead log on this file system");
    TRY(exec("PRAGMA synchronous = FULL", {}));  // NORMAL was shown to lose acknowledged commits at a power cut
    TRY(exec("PRAGMA secure_delete = ON", {}));  // deleted keys don't stay in free pages
    return ok();
  }

  // Parameters must stay where SOCI has their addresses until the statement has run.
  struct Bound {
    Bound(soci::statement& statement, const Params& params) {
      for (const Value& param : params) {
        if (const auto* integer = std::get_if<std::int64_t>(&param.get())) {
          integers.push_back(std::make_unique<long long>(*integer));
          statement.exchange(soci::use(*integers.back()));
        } else if (const auto* number = std::get_if<double>(&param.get())) {
          statement.exchange(soci::use(*number));
        } else if (const auto* text = std::get_if<std::string>(&param.get())) {
          statement.exchange(soci::use(*text));
        } else {
          statement.exchange(soci::use(nothing, null));
        }
      }
    }
    std::vector<std::unique_ptr<long long>> integers;
    std::string nothing;
    soci::indicator null = soci::i_null;
  };

  static Status check(const Params& params) {
    for (const Value& param : params) {
      const auto* text = std::get_if<std::string>(&param.get());
      if (text != nullptr && text->find('\0') != std::string::npos)
        return Error(ErrorCode::invalid_input, "text with a NUL character can't be stored");
    }
    return ok();
  }

  static std::shared_ptr<const std::vector<std::string>> names_of(const soci::row& row) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < row.size(); ++i) names.push_back(row.get_properties(i).get_name());
    return std::make_shared<const std::vector<std::string>>(std::move(names));
  }

  static std::vector<Value> values_of(const soci::row& row) {
    std::vector<Value> values;
    values.reserve(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) values.push_back(value_of(row, i));
    return values;
  }

  static Value value_of(const soci::row& row, std::size_t i) {
    if (row.get_indicator(i) == soci::i_null) return nullptr;
    switch (row.get_properties(i).get_data_type()) {
      case soci::dt_string: return row.get<std::string>(i);
      case soci::dt_double: return row.get<double>(i);
      case soci::dt_integer: return row.get<int>(i);
      case soci::dt_long_long: return row.get<long long>(i);
      case soci::dt_unsigned_long_long: return row.get<unsigned long long>(i);
      default: throw soci::soci_error("column type of " + row.get_properties(i).get_name() + " is not among TEXT, BIGINT, DOUBLE PRECISION");
    }
  }

  template <class F>
  auto guarded(std::string_view sql, F&& body) -> decltype(body()) {
    try {
      return body();
    } catch (const soci::sqlite3_soci_error& error) { return to_error(error.result(), error.what(), sql); } catch (const soci::soci_error& error) {
      return Error(ErrorCode::internal, "the database can't do that").because(std::string(error.what()) + " in: " + std::string(sql));
    }
  }

  Error to_error(int code, std::string_view message, std::string_view sql) {
    const int extended = sqlite_api::sqlite3_extended_errcode(connection());
    // As with our own files: after a failed fsync nobody knows what is on disk, and the next one would lie.
    if (extended == kIoFsync || extended == kIoDirFsync) {
      log::error("store.fsync_failed", {{"what", "database"}, {"error", message}});
      std::abort();
    }
    const std::string internal = std::string(message) + " (" + std::to_string(extended) + ") in: " + std::string(sql);
    switch (code & kPrimaryCode) {
      case kConstraint: return Error(ErrorCode::conflict, "it conflicts with what is stored").because(internal);
      case kFull: return Error(ErrorCode::storage_full, "there is no room left for the database").because(internal);
      case kBusy:
      case kLocked: return Error(ErrorCode::unavailable, "the database is busy").because(internal);
      default: return Error(ErrorCode::internal, "the database can't do that").because(internal);
    }
  }

  // SOCI doesn't export the type information that UndefinedBehaviorSanitizer would check the cast with.
  __attribute__((no_sanitize("vptr"))) sqlite_api::sqlite3* connection() {
    return static_cast<soci::sqlite3_session_backend*>(session_.get_backend())->conn_;
  }

  soci::session session_;
};

class SqliteDatabase final : public Database {
 public:
  static Result<std::unique_ptr<SqliteDatabase>> open(const DatabaseOptions& options) {
    auto database = std::make_unique<SqliteDatabase>(options, TRY(SqliteSession::open(options, true)));
    for (std::size_t i = 0; i < std::max<std::size_t>(options.readers, 1); ++i)
      database->readers_.push_back(TRY(SqliteSession::open(options, false)));
    return database;
  }

  SqliteDatabase(const DatabaseOptions& options, std::unique_ptr<SqliteSession> writer) : options_(options), writer_(std::move(writer)) {}

  Status migrate(std::span<const Migration> migrations, bool existed);

  Status checkpoint() override {
    return with_writer([this](SqliteSession& session) -> Status {
      const auto row = TRY(session.query_one("PRAGMA wal_checkpoint(TRUNCATE)", {}));
      if (!row || row->integer("busy") != 0) return Error(ErrorCode::unavailable, "the database is busy").because("wal_checkpoint");
      // SQLite doesn't sync the log that it has just emptied: a power cut would bring the deleted rows' bytes back.
      const os::Fd log(::open((options_.path + "-wal").c_str(), O_RDWR | O_CLOEXEC));
      if (log) os::sync_or_abort(log.get(), "database log");
      return ok();
    });
  }

  Status back_up(const std::string& path) override {
    return with_writer([&](SqliteSession& session) -> Status {
      const std::string partial = path + ".partial";
      ::unlink(partial.c_str());
      // VACUUM INTO takes an empty file: made here, so that nobody else can read it.
      os::Fd file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!file) return os::file_error("backup " + partial, errno);
      TRY(session.exec("VACUUM INTO ?", {partial}));
      os::sync_or_abort(file.get(), "backup");
      if (::rename(partial.c_str(), path.c_str()) != 0) return os::file_error("backup " + path, errno);
      return os::sync_directory(os::parent_of(path));
    });
  }

  Status check() override {
    return with_writer([](SqliteSession& session) -> Status {
      const auto row = TRY(session.query_one("PRAGMA integrity_check(1)", {}));
      if (!row || row->text("integrity_check") != "ok")
        return Error(ErrorCode::internal, "the database is damaged").because(row ? row->text("integrity_check") : "no answer");
      const auto orphans = TRY(session.query("PRAGMA foreign_key_check", {}));
      if (!orphans.empty()) return Error(ErrorCode::internal, "the database is damaged").because("foreign_key_check");
      return ok();
    });
  }

 private:
  using Body = std::function<Status(Session&)>;

  Status transact(bool writing, const Body& body) override {
    if (writing) return with_writer([&](SqliteSession& session) { return in_transaction(session, "BEGIN IMMEDIATE", body); });
    const auto reader = TRY(borrow());
    return in_transaction(*reader, "BEGIN", body);
  }

  static Status in_transaction(SqliteSession& session, std::string_view begin, const Body& body) {
    TRY(session.exec(begin, {}));
    struct Rollback {
      SqliteSession& session;
      // Some errors (disk full) have rolled back by themselves.
      ~Rollback() {
        if (session.in_transaction()) (void)session.exec("ROLLBACK", {}).ok();
      }
    } rollback{session};
    TRY(body(session));
    TRY(session.exec("COMMIT", {}));
    return ok();
  }

  template <class F>
  Status with_writer(F&& body) {
#ifdef __SANITIZE_THREAD__
    // g++ 12's ThreadSanitizer doesn't know pthread_mutex_clocklock, by which the steady clock is waited for: it takes the mutex for unlocked.
    // Goes with a compiler whose <mutex> avoids it under that sanitizer.
    std::unique_lock lock(writer_mutex_, std::chrono::system_clock::now() + std::chrono::milliseconds(options_.busy_timeout_ms));
#else
    std::unique_lock lock(writer_mutex_, std::chrono::milliseconds(options_.busy_timeout_ms));
#endif
    if (!lock.owns_lock()) return Error(ErrorCode::unavailable, "the database is busy").because("waited for the writer");
    return body(*writer_);
  }

  struct GiveBack {
    SqliteDatabase* database;
    void operator()(SqliteSession* session) const {
      {
        std::lock_guard lock(database->readers_mutex_);
        database->readers_.emplace_back(session);
      }
      database->reader_free_.notify_one();
    }
  };

  Result<std::unique_ptr<SqliteSession, GiveBack>> borrow() {
    std::unique_lock lock(readers_mutex_);
    const bool free = reader_free_.wait_for(lock, std::chrono::milliseconds(options_.busy_timeout_ms), [&] { return !readers_.empty(); });
    if (!free) return Error(ErrorCode::unavailable, "the database is busy").because("waited for a reader");
    std::unique_ptr<SqliteSession, GiveBack> session(readers_.back().release(), GiveBack{this});
    readers_.pop_back();
    return session;
  }

  DatabaseOptions options_;
  std::timed_mutex writer_mutex_;
  std::unique_ptr<SqliteSession> writer_;  // guarded by writer_mutex_
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<SqliteSession>> readers_;  // those not borrowed; guarded by readers_mutex_
};

constexpr std::string_view kMigrationTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
    "applied_ms BIGINT NOT NULL)";

Result<std::vector<Applied>> applied_in(Session& session) {
  std::vector<Applied> applied;
  for (const Row& row : TRY(session.query("SELECT number, name, checksum FROM schema_migrations ORDER BY number")))
    applied.push_back({static_cast<int>(row.integer("number")), row.text("name"), row.text("checksum")});
  return applied;
}

Status apply(Session& session, const Migration& migration) {
  for (const std::string_view statement : statements_of(migration.sql)) TRY(session.exec(statement));
  TRY(session.exec("INSERT INTO schema_migrations (number, name, checksum, applied_ms) VALUES (?, ?, ?, ?)",
                   {migration.number, migration.name, checksum_of(migration), system_clock().unix_ms()}));
  return ok();
}

Status SqliteDatabase::migrate(std::span<const Migration> migrations, bool existed) {
  const auto list = TRY(ordered(migrations));
  TRY(write([](Session& session) { return session.exec(kMigrationTable); }));
  const auto applied = TRY(read([](Session& session) { return applied_in(session); }));
  const auto missing = TRY(pending(list, applied));
  if (missing.empty()) return ok();
  if (existed && !applied.empty()) {
    const std::string directory = options_.backup_dir.empty() ? os::parent_of(options_.path) : options_.backup_dir;
    TRY(os::make_directory(directory, 0700));
    const std::string copy =
        directory + "/before-migration-" + std::to_string(missing.front().number) + "-" + std::to_string(system_clock().unix_ms()) + ".db";
    TRY(back_up(copy));
    log::info("store.backup_before_migration", {{"file", copy}});
  }
  for (const Migration& migration : missing) {
    auto status = write([&](Session& session) { return apply(session, migration); });
    if (!status.ok())
      return std::move(status).within("migration " + std::to_string(migration.number) + " (" + std::string(migration.name) + ")").error();
    log::info("store.migrated", {{"number", migration.number}, {"name", migration.name}});
  }
  return ok();
}

// Our own creation of the file, because SQLite would make it readable for all; the log and its index take its mode.
Result<bool> make_file(const std::string& path) {
  const os::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file) return false;
  if (errno == EEXIST) return true;
  return os::file_error("database " + path, errno);
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options, std::span<const Migration> migrations) {
  if (options.path.empty() || options.path.find_first_of("\"\n") != std::string::npos)
    return Error(ErrorCode::internal, "the path of the database has a character that it can't have (a double quote or a line end)");
  const bool existed = TRY(make_file(options.path));
  auto database = TRY(SqliteDatabase::open(options));
  TRY(database->migrate(migrations, existed));
  // The names of the file and its log are on disk before anything in them is promised.
  TRY(os::sync_directory(os::parent_of(options.path)));
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace slipway::store
