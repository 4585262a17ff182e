// Limiter: may this caller do this much now? Buckets in memory, one lock a subject: only requests of the same user, key or limited model
// meet. With a SharedStore the decision is made there as well, and the memory is what this server knows of it: it refuses early what the
// store would refuse, and takes over when the store is away. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/base/by_text.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/base/result.hpp"
#include "slipway/platform/limits/quota.hpp"
#include "slipway/platform/limits/shared_store.hpp"

namespace slipway::limits {

using Quotas = std::array<Quota, kSubjects>;

struct Caller {
  std::string_view user, key, model;  // ids
};

struct Bucket;  // of one subject

// A quota that applies, with what responses say of it.
struct Terms : Quota {
  Terms(Subject subject, const Quota& quota);
  std::array<std::string, kQuantities> names;     // key-requests
  std::array<std::string, kQuantities> policies;  // of RateLimit-Policy; empty: without limit
};

class Limiter;

// What one request was given: its charges, and its places among the concurrent ones until it ends. Used by one thread at a time.
class Grant {
 public:
  explicit Grant(Limiter& limiter) : limiter_(limiter) {}
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;
  ~Grant() { end(); }

  // The place among the concurrent ones is free again: before the answer goes, for whoever has it may ask again at once.
  void end();

  // Values of RateLimit-Policy and RateLimit: every limit that applies, the one that is nearest to its end first.
  std::pair<std::string, std::string> headers() const;

 private:
  friend class Limiter;
  struct Part {
    Subject subject = Subject::user;
    std::shared_ptr<Bucket> bucket;
    std::shared_ptr<const Terms> quota;
    std::array<std::int64_t, kRates> charged{};
    std::array<std::int64_t, kRates> full_in_ns{};  // as of the last decision
    std::int64_t running = 0;                       // of the concurrent ones, this one included
    bool holds = false;                             // a place among them
    std::optional<Quantity> refused;                // by this limit
    std::int64_t wait_s = 0;                        // when refused
  };
  Limiter& limiter_;
  std::array<Part, kSubjects> parts_;
  std::size_t count_ = 0;
  std::string lease_;  // in the shared store; empty: none
};
using GrantPtr = std::shared_ptr<Grant>;

// What Limiter::charge has done: charged so much (the rest has to be asked for again), or nothing, to be asked again after `wait`.
struct Charge {
  std::int64_t rows = 0, bytes = 0;
  Millis wait{0};
};

enum class WhenAway : std::uint8_t { local, allow, refuse };

class Limiter {
 public:
  // defaults: of every user, key, model, and key on a model.
  Limiter(const Quotas& defaults, const Clock& clock, Metrics& metrics);
  ~Limiter();
  void share(std::unique_ptr<SharedStore> store, WhenAway when_away);  // before the first request
  void stop_sharing();                                                 // before the loops end

  // Instead of the default, for one; a quota that says nothing takes it back. id of key_on_model: the model's.
  void set(Subject subject, std::string_view id, const Quota& quota);
  Quota get(Subject subject, std::string_view id) const;  // what was set; says nothing when the default holds

  // One request with a body of so many bytes, decided for all limits at once: what is refused has used nothing. Null: nothing limits it.
  // Errors: rate_limited that names the limit; unavailable when the store is away and the setting says so.
  Result<GrantPtr> admit(const Caller& caller, std::int64_t bytes);
  // The rows, now that they are known, and everything in the shared store. done: once, on the loop, maybe before this returns. After an
  // error the whole request has used nothing. lease: how long the request may run at most.
  void settle(const GrantPtr& grant, std::int64_t rows, Millis lease, os::Loop* loop, std::function<void(Status)> done);

  // Work that is no request of its own and can wait: a stretch of a job. As much of it is charged as may ever come at once. done: once, on the
  // loop, maybe before this returns.
  void charge(const Caller& caller, std::int64_t rows, std::int64_t bytes, os::Loop* loop, std::function<void(Charge)> done);

 private:
  friend class Grant;
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kBucketsMin = 1 << 12;  // a shard forgets idle subjects when it has twice as many as after the last time
  struct alignas(64) Shard {
    std::mutex mutex;
    ByText<std::shared_ptr<Bucket>> buckets;
    std::size_t forget_at = kBucketsMin;
  };
  struct Refusal {
    Subject subject = Subject::user;
    Quantity quantity = Quantity::requests;
    std::int64_t retry_after_ns = -1;
    bool never = false;
  };
  using Costs = std::array<std::int64_t, kRates>;

  std::int64_t now_ns() const { return clock_.steady().time_since_epoch().count() + 1; }
  std::shared_ptr<Bucket> bucket(Subject subject, std::string_view id);
  std::shared_ptr<const Terms> resolve(Subject subject, std::string_view id) const;
  void add_part(Grant& grant, Subject subject, std::string_view id, std::string_view quota_id);
  bool anything_limits() const;
  void add_parts(Grant& grant, const Caller& caller);
  std::optional<Refusal> decide(Grant& grant, const Costs& costs, bool take_place);
  void give_back(Grant& grant, bool places_only);
  Error refused(Grant& grant, const Refusal& why);
  SharedStore::Question question_of(const Grant& grant, Millis lease) const;
  std::optional<Refusal> learn(Grant& grant, const SharedStore::Answer& answer);
  Status settled(Grant& grant, const SharedStore::Answer& answer);
  Error away_error() const;
  std::string new_lease();

  const Quotas defaults_;
  const Clock& clock_;
  std::array<std::array<Counter*, kQuantities>, kSubjects> refusals_{};
  std::unique_ptr<SharedStore> store_;
  WhenAway when_away_ = WhenAway::local;
  const std::string lease_prefix_;
  std::atomic<std::uint64_t> leases_{0};

  // Whether anything can limit this kind of subject: a request looks at these four first.
  std::array<std::atomic<std::int64_t>, kSubjects> active_{};
  std::atomic<std::uint64_t> generation_{1};  // of the overrides: buckets notice that theirs may be another
  mutable std::shared_mutex overrides_mutex_;
  std::array<ByText<std::shared_ptr<const Quota>>, kSubjects> overrides_;
  std::array<std::array<Shard, kShards>, kSubjects> shards_;
};

}  // namespace slipway::limits
