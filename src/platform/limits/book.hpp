// Book: the limits that differ from the defaults, in the database and in the limiter. Functions block (database): call them on a pool.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/http/route.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/migrations.hpp"

namespace slipway::limits {

const std::vector<store::Migration>& migrations();

// A quota that says nothing removes the row.
Status save(store::Session& session, Subject subject, std::string_view id, const Quota& quota, std::int64_t now_ms);
Result<Quota> load(store::Session& session, Subject subject, std::string_view id);  // says nothing when there is none

class Book {
 public:
  Book(store::Database& database, Limiter& limiter, const Clock& clock) : database_(database), limiter_(limiter), clock_(clock) {}
  Status reload();             // all rows into the limiter
  Status reload_if_changed();  // cheap when nothing has: the command line changes limits while the server runs

  Status set(Subject subject, std::string_view id, const Quota& quota);
  Quota get(Subject subject, std::string_view id) const { return limiter_.get(subject, id); }  // from memory

 private:
  store::Database& database_;
  Limiter& limiter_;
  const Clock& clock_;
  std::mutex mutex_;  // of what follows; held over a change and its way into the limiter, so that both end the same
  std::set<std::pair<Subject, std::string>> known_;
  std::pair<std::int64_t, std::int64_t> seen_{0, 0};  // rows and latest change
  Status reload_locked();
};

// GET and PUT /api/users/:id/limits, for administrators. user_exists: asked before anything is written.
std::vector<http::Route> routes(Book& book, std::function<bool(std::string_view)> user_exists);

}  // namespace slipway::limits
