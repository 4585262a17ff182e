// Jobs: files that a model scores row by row, in the lowest class of its queue, while nobody waits on a connection.
//
//   begin     row `receiving` (committed first: nothing on disk without a row)
//   write     encrypted while it arrives
//   finish    blob on disk, then row `queued`: from here the job is acknowledged and is never lost
//   run       chunk by chunk; the result grows in parts, each durable together with the place in the input where it goes on
//
// A server that ends takes running jobs up again where their last part ended. The input goes when the job is over, the result with the job:
// by hand, with its model, or after the retention time. recover() runs at every start, before the blobs without a row are looked for.
// Functions block (database, storage) but for live() and feed(). Thread-safe; an Upload belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/clock.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/http/route.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/pool.hpp"
#include "slipway/platform/jobs/feed.hpp"
#include "slipway/platform/jobs/input.hpp"
#include "slipway/platform/jobs/rows.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/platform/models/registry.hpp"
#include "slipway/store/blobs.hpp"
#include "slipway/store/database.hpp"
#include "slipway/store/keyring.hpp"
#include "slipway/store/sealed.hpp"

namespace slipway::jobs {

struct Options {
  std::uint64_t input_bytes_max = 4ULL << 30;
  std::uint64_t free_bytes_min = 256ULL << 20;
  std::uint64_t part_bytes = 32ULL << 20;  // of the result, in one blob
  Millis part_time{10'000};                // a part is closed then, however small: so much is computed again after a crash
  std::int64_t per_user_max = 10;          // being received, waiting or running
  unsigned running_max = 2;
  std::int64_t retention_ms = 7LL * 86'400'000;
  Millis timeout{30'000};  // of one chunk's prediction
  std::size_t rows_max = 100'000;
};

struct Wish {  // what the client asks for
  Format input = Format::csv, result = Format::csv;
  bool skip_wrong = false, include_input = false;
};

class Jobs;

// The input under way. Destroyed before finish(): undone, as if it had never been.
class Upload {
 public:
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  Status write(std::span<const std::byte> bytes);  // too_large, storage_full
  Result<JobRow> finish();                         // durable, and queued, when it answers ok

 private:
  friend class Jobs;
  Upload(Jobs& jobs, JobRow row, store::SealedWriter writer) : jobs_(jobs), row_(std::move(row)), writer_(std::move(writer)) {}
  Jobs& jobs_;
  JobRow row_;
  std::optional<store::SealedWriter> writer_;
  std::uint64_t looked_at_ = 0;  // bytes written when the free space was last looked at
  bool finished_ = false;
};

class Jobs {
 public:
  struct Parts {
    store::Database& database;
    store::Keyring& keyring;
    store::Blobs& blobs;
    models::Registry& registry;
    os::Loop& loop;  // of the engine: answers of predictions come here
    Metrics& metrics;
    const Clock& clock;
    limits::Limiter& limiter;
  };
  Jobs(Parts parts, Options options);
  ~Jobs();

  // Before anything is served; gives the ids of all blobs that jobs own.
  Result<std::vector<std::string>> recover();
  Status start();  // when the models are in memory
  void stop();     // running jobs stay where they are, to be taken up at the next start

  Result<std::unique_ptr<Upload>> begin(const http::Principal& who, const models::Deployment& model, const Wish& wish);
  Result<JobRow> find(const http::Principal& who, std::string_view id) const;  // with its progress; not_found also when it isn't theirs
  LivePtr live(std::string_view id) const;                                     // null: it is over, or there is none
  enum class Ended { cancelled, removed };
  Result<Ended> end(const JobRow& job);  // what isn't over is cancelled, what is over is removed
  Status remove_of_model(std::string_view model_id);
  json::Value describe(const JobRow& job) const;

  Result<std::vector<PartRow>> result_parts(const JobRow& job) const;
  Result<store::SealedReader> open_part(const JobRow& job, const PartRow& part) const;

  store::Database& database() const { return p_.database; }
  limits::Limiter& limiter() const { return p_.limiter; }
  Feed& feed() { return feed_; }
  const Options& options() const { return options_; }

 private:
  friend class Upload;
  friend class Runner;
  void enqueue(JobRow job);
  void pump();
  void run(const LivePtr& live);
  void settle(std::string_view id);  // bytes that an ended job doesn't need any more go
  Status drop_bytes(const JobRow& job, bool with_result);
  Status undo(const JobRow& job);
  Status mark_deleting(std::string_view id);
  void retry_later(const LivePtr& live);
  bool others_wait() const;
  void sweep();
  void sweep_soon();

  Parts p_;
  const Options options_;
  Feed feed_;
  Counter& rows_;
  os::Pool pool_;  // a thread a running job, and one to tidy up
  mutable std::mutex mutex_;
  std::map<std::string, LivePtr, std::less<>> live_;  // queued and running
  std::deque<LivePtr> waiting_;
  std::map<std::string, LivePtr, std::less<>> running_;
  std::set<std::string, std::less<>> receiving_;
  bool stopping_ = false;
};

std::vector<http::Route> routes(Jobs& jobs, models::Registry& registry);

}  // namespace slipway::jobs
