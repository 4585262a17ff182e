// Database: SQL behind a small interface. SQLite today; statements are written so that PostgreSQL can take them as they are.
//
// Rules for SQL: `?` placeholders, text ids, times as unix milliseconds in BIGINT, binary values as base64url TEXT, column types
// TEXT, BIGINT and DOUBLE PRECISION only. docs/formats/database.md has the reasons.
//
// Database is thread-safe: read() borrows one of a pool of read-only sessions, write() the one writer. Calls block (on disk and on each
// other): worker threads only, never the request path. A Session lives inside the call that was handed it and is not for two threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::store {

// A parameter or a column's value.
class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}                                     // NOLINT(google-explicit-constructor)
  Value(std::string text) : value_(std::move(text)) {}         // NOLINT(google-explicit-constructor)
  Value(std::string_view text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Value(const char* text) : value_(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  Value(double number) : value_(number) {}                     // NOLINT(google-explicit-constructor)
  template <class I, class = std::enable_if_t<std::is_integral_v<I>>>
  Value(I number) : value_(static_cast<std::int64_t>(number)) {}  // NOLINT(google-explicit-constructor): bool is 0 or 1
  template <class T>
  Value(const std::optional<T>& maybe) : Value(maybe ? Value(*maybe) : Value()) {}  // NOLINT(google-explicit-constructor)

  bool is_null() const { return value_.index() == 0; }
  const std::variant<std::monostate, std::int64_t, double, std::string>& get() const { return value_; }

 private:
  std::variant<std::monostate, std::int64_t, double, std::string> value_;
};

using Params = std::vector<Value>;

// One row of an answer. Reading a column that isn't there, or that is null or no number where one is asked for, is a bug of the
// caller: it throws std::logic_error.
class Row {
 public:
  Row(std::shared_ptr<const std::vector<std::string>> columns, std::vector<Value> values)
      : columns_(std::move(columns)), values_(std::move(values)) {}

  const Value& at(std::string_view column) const;
  bool is_null(std::string_view column) const { return at(column).is_null(); }
  const std::string& text(std::string_view column) const;
  std::int64_t integer(std::string_view column) const;  // also of text that is a whole number: expressions come back as text
  double number(std::string_view column) const;
  bool flag(std::string_view column) const { return integer(column) != 0; }
  std::optional<std::string> text_or_null(std::string_view column) const;
  std::optional<std::int64_t> integer_or_null(std::string_view column) const;
  std::size_t size() const { return values_.size(); }

 private:
  std::shared_ptr<const std::vector<std::string>> columns_;
  std::vector<Value> values_;
};

// Errors: `conflict` for a violated constraint (unique, foreign key, check, not null), `storage_full` when the disk is,
// `unavailable` when the database stayed locked for longer than busy_timeout_ms, `internal` for the rest. Text with a NUL in it is
// `invalid_input`: no backend keeps it. The SQL and the backend's message are in internal() only.
class Session {
 public:
  virtual ~Session() = default;
  virtual Result<std::int64_t> exec(std::string_view sql, const Params& params = {}) = 0;       // rows changed
  virtual Result<std::vector<Row>> query(std::string_view sql, const Params& params = {}) = 0;  // put a LIMIT where the number isn't bounded
  Result<std::optional<Row>> query_one(std::string_view sql, const Params& params = {});        // first row, if any
};

struct DatabaseOptions {
  std::string path;  // file; its directory exists
  std::size_t readers = 4;
  std::int64_t busy_timeout_ms = 5000;  // also how long a caller waits for a session
  std::string backup_dir;               // where the copy before a migration goes; empty: beside the file
};

class Database {
 public:
  // Opens or makes the file and brings it to the newest migration.
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options, std::span<const Migration> migrations);
  virtual ~Database() = default;

  // fn(Session&) -> Result<T>, inside one transaction that sees one state of the database.
  template <class F>
  std::invoke_result_t<F, Session&> read(F&& fn) {
    return run(std::forward<F>(fn), false);
  }

  // fn(Session&) -> Result<T>, inside BEGIN IMMEDIATE … COMMIT. An error (or exception) rolls everything back. When this answers
  // ok, the change is on disk. Don't nest: a write inside a write waits for itself.
  template <class F>
  std::invoke_result_t<F, Session&> write(F&& fn) {
    return run(std::forward<F>(fn), true);
  }

  virtual Status checkpoint() = 0;                      // moves the log into the file and empties it: after secrets were deleted
  virtual Status back_up(const std::string& path) = 0;  // a consistent copy while in use; durable when it returns
  virtual Status check() = 0;                           // the backend's own integrity check

 private:
  using Body = std::function<Status(Session&)>;
  virtual Status transact(bool writing, const Body& body) = 0;

  template <class F>
  std::invoke_result_t<F, Session&> run(F&& fn, bool writing) {
    using R = std::invoke_result_t<F, Session&>;
    std::optional<R> result;
    Status status = transact(writing, [&](Session& session) -> Status {
      result.emplace(fn(session));
      // The error itself stays in `result`; transact() only needs to know that there was one.
      if (!result->ok()) return Error(result->error().code(), "");
      return ok();
    });
    if (result && !result->ok()) return std::move(*result);  // the body's own error says more than the rollback's
    if (!status.ok()) return std::move(status).error();
    return std::move(*result);
  }
};

}  // namespace slipway::store
