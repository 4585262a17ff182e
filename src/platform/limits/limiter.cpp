#include "slipway/platform/limits/limiter.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <tuple>

#include "slipway/base/ids.hpp"

namespace slipway::limits {

struct Bucket {
  explicit Bucket(std::string_view of) : id(of) {}
  const std::string id;
  std::mutex mutex;  // of what follows
  std::uint64_t generation = 0;
  std::shared_ptr<const Terms> quota;  // null: nothing limits it
  std::array<std::int64_t, kRates> arrivals{};
  std::int64_t running = 0;

  bool idle(std::int64_t now_ns) {
    const std::lock_guard lock(mutex);
    return running == 0 && std::all_of(arrivals.begin(), arrivals.end(), [&](std::int64_t at) { return at <= now_ns; });
  }
};

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
std::int64_t whole_seconds(std::int64_t ns) { return ns / kSecond + (ns % kSecond > 0 ? 1 : 0); }

const Rate* rate_of(const Quota& quota, std::size_t i) { return quota.rates[i] && quota.rates[i]->amount > 0 ? &*quota.rates[i] : nullptr; }

std::string policy_name(Subject subject, Quantity quantity) {
  return std::string(subject_name(subject)) + "-" + std::string(quantity_name(quantity));
}

// "600 requests a minute, 100 at once"
std::string rate_words(const Rate& rate, std::string_view unit) {
  const std::int64_t s = rate.window_ns / kSecond;
  const std::string period = s == 1 ? "second" : s == 60 ? "minute" : s == 3600 ? "hour" : s == 86'400 ? "day" : std::to_string(s) + " s";
  return std::to_string(rate.amount) + " " + std::string(unit) + " a " + period + ", " + std::to_string(rate.burst) + " at once";
}

std::string_view subject_words(Subject subject) {
  constexpr std::array<std::string_view, kSubjects> kWords = {"of this user", "of this key", "of this model, all callers together",
                                                              "of this key on this model"};
  return kWords[static_cast<std::size_t>(subject)];
}

std::string policy_of(const std::string& name, Quantity quantity, std::int64_t most, std::int64_t window_ns) {
  std::string out = '"' + name + "\";q=" + std::to_string(most);
  if (quantity == Quantity::rows) out += ";qu=\"rows\"";
  if (quantity == Quantity::bytes) out += ";qu=\"content-bytes\"";
  if (quantity == Quantity::concurrent) return out + ";qu=\"concurrent-requests\"";
  return out + ";w=" + std::to_string(std::max<std::int64_t>(1, whole_seconds(window_ns)));
}

void append(std::string& out, std::int64_t number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

// One limit as a response tells of it.
struct Standing {
  const Terms* terms = nullptr;
  std::size_t quantity = 0;
  std::int64_t remaining = 0;
  std::int64_t reset_s = -1;  // below 0: not told
  double left = 1;            // of the whole
};

}  // namespace

Terms::Terms(Subject subject, const Quota& quota) : Quota(quota) {
  for (std::size_t i = 0; i < kQuantities; ++i) {
    const auto quantity = static_cast<Quantity>(i);
    names[i] = policy_name(subject, quantity);
    const Rate* rate = i < kRates ? rate_of(*this, i) : nullptr;
    if (rate != nullptr) policies[i] = policy_of(names[i], quantity, rate->burst, rate->tolerance_ns());
    if (quantity == Quantity::concurrent && concurrent.value_or(0) > 0) policies[i] = policy_of(names[i], quantity, *concurrent, 0);
  }
}

void Grant::end() { limiter_.give_back(*this, true); }

std::pair<std::string, std::string> Grant::headers() const {
  std::array<Standing, kSubjects * kQuantities> all;
  std::size_t count = 0;
  for (std::size_t p = 0; p < count_; ++p) {
    const Part& part = parts_[p];
    for (std::size_t i = 0; i < kQuantities; ++i) {
      if (part.quota->policies[i].empty()) continue;
      Standing& item = all[count++];
      item.terms = part.quota.get();
      item.quantity = i;
      if (i < kRates) {
        const Rate& rate = *part.quota->rates[i];
        item.remaining = remaining_of(rate, part.full_in_ns[i]);
        item.reset_s = whole_seconds(part.full_in_ns[i]);
        item.left = static_cast<double>(item.remaining) / static_cast<double>(rate.burst);
      } else {
        const std::int64_t most = *part.quota->concurrent;
        item.remaining = std::max<std::int64_t>(0, most - part.running);
        item.left = static_cast<double>(item.remaining) / static_cast<double>(most);
      }
      if (part.refused != static_cast<Quantity>(i)) continue;
      if (i < kRates && part.wait_s > 0) item.reset_s = part.wait_s;  // the same point in time as Retry-After
      item.left = -1;                                                 // before the others
    }
  }
  std::stable_sort(all.begin(), all.begin() + count, [](const Standing& a, const Standing& b) { return a.left < b.left; });
  std::pair<std::string, std::string> out;
  out.first.reserve(count * 64);
  out.second.reserve(count * 48);
  for (const Standing& item : std::span(all.data(), count)) {
    if (!out.first.empty()) {
      out.first += ", ";
      out.second += ", ";
    }
    out.first += item.terms->policies[item.quantity];
    ((out.second += '"') += item.terms->names[item.quantity]) += "\";r=";
    append(out.second, item.remaining);
    if (item.reset_s < 0) continue;
    out.second += ";t=";
    append(out.second, item.reset_s);
  }
  return out;
}

Limiter::Limiter(const Quotas& defaults, const Clock& clock, Metrics& metrics)
    : defaults_(defaults), clock_(clock), lease_prefix_(new_id("lse") + ":") {
  for (std::size_t s = 0; s < kSubjects; ++s) {
    if (defaults_[s].limits()) active_[s] = 1;
    for (std::size_t q = 0; q < kQuantities; ++q) {
      refusals_[s][q] = &metrics.counter("slipway_limited_total", "Predictions refused by a limit",
                                         "subject=\"" + std::string(subject_name(static_cast<Subject>(s))) + "\",quantity=\"" +
                                             std::string(quantity_name(static_cast<Quantity>(q))) + "\"");
    }
  }
}

Limiter::~Limiter() { stop_sharing(); }

void Limiter::share(std::unique_ptr<SharedStore> store, WhenAway when_away) {
  store_ = std::move(store);
  when_away_ = when_away;
}

void Limiter::stop_sharing() {
  if (store_) store_->stop();
}

void Limiter::set(Subject subject, std::string_view id, const Quota& quota) {
  const auto s = static_cast<std::size_t>(subject);
  const std::unique_lock lock(overrides_mutex_);
  const auto found = overrides_[s].find(id);
  std::int64_t limiting = 0;
  if (found != overrides_[s].end()) {
    limiting -= found->second->limits() ? 1 : 0;
    if (quota.says_nothing()) overrides_[s].erase(found);
  }
  if (!quota.says_nothing()) {
    overrides_[s].insert_or_assign(std::string(id), std::make_shared<const Quota>(quota));
    limiting += quota.limits() ? 1 : 0;
  }
  active_[s] += limiting;
  ++generation_;
}

Quota Limiter::get(Subject subject, std::string_view id) const {
  const auto s = static_cast<std::size_t>(subject);
  const std::shared_lock lock(overrides_mutex_);
  const auto found = overrides_[s].find(id);
  return found == overrides_[s].end() ? Quota{} : *found->second;
}

std::shared_ptr<const Terms> Limiter::resolve(Subject subject, std::string_view id) const {
  const auto s = static_cast<std::size_t>(subject);
  const std::shared_lock lock(overrides_mutex_);
  const auto found = overrides_[s].find(id);
  const Quota quota = found == overrides_[s].end() ? defaults_[s] : found->second->over(defaults_[s]);
  return quota.limits() ? std::make_shared<const Terms>(subject, quota) : nullptr;
}

std::shared_ptr<Bucket> Limiter::bucket(Subject subject, std::string_view id) {
  Shard& shard = shards_[static_cast<std::size_t>(subject)][TextHash{}(id) % kShards];
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.buckets.find(id); found != shard.buckets.end()) return found->second;
  if (shard.buckets.size() >= shard.forget_at) {
    const std::int64_t now = now_ns();
    std::erase_if(shard.buckets, [&](const auto& entry) { return entry.second.use_count() == 1 && entry.second->idle(now); });
    shard.forget_at = std::max(kBucketsMin, shard.buckets.size() * 2);
  }
  return shard.buckets.emplace(std::string(id), std::make_shared<Bucket>(id)).first->second;
}

void Limiter::add_part(Grant& grant, Subject subject, std::string_view id, std::string_view quota_id) {
  if (active_[static_cast<std::size_t>(subject)].load(std::memory_order_relaxed) == 0) return;
  auto of = bucket(subject, id);
  const std::uint64_t generation = generation_.load(std::memory_order_acquire);
  std::shared_ptr<const Terms> quota;
  {
    const std::lock_guard lock(of->mutex);
    if (of->generation != generation) {
      of->quota = resolve(subject, quota_id);
      of->generation = generation;
    }
    quota = of->quota;
  }
  if (quota == nullptr) return;
  Grant::Part& part = grant.parts_[grant.count_++];
  part.subject = subject;
  part.bucket = std::move(of);
  part.quota = std::move(quota);
}

// All of the request's buckets are held together, in the order of their addresses: another request can't come between the looks and the charges.
std::optional<Limiter::Refusal> Limiter::decide(Grant& grant, const Costs& costs, bool take_place) {
  std::array<Grant::Part*, kSubjects> order{};
  for (std::size_t p = 0; p < grant.count_; ++p) order[p] = &grant.parts_[p];
  const std::span parts(order.data(), grant.count_);
  std::sort(parts.begin(), parts.end(), [](const auto* a, const auto* b) { return std::less<>{}(a->bucket.get(), b->bucket.get()); });
  std::array<std::unique_lock<std::mutex>, kSubjects> locks;
  for (std::size_t p = 0; p < parts.size(); ++p) locks[p] = std::unique_lock(parts[p]->bucket->mutex);

  const std::int64_t now = now_ns();
  std::array<std::array<std::int64_t, kRates>, kSubjects> next{};
  std::optional<Refusal> refusal;
  const auto rank = [](const Refusal& r) { return std::tuple(r.never, r.retry_after_ns, -static_cast<int>(r.subject)); };
  const auto note = [&](const Refusal& r) {  // the one that lasts longest is the one to tell of
    if (!refusal || rank(r) > rank(*refusal)) refusal = r;
  };
  for (std::size_t p = 0; p < parts.size(); ++p) {
    Grant::Part& part = *parts[p];
    for (std::size_t i = 0; i < kRates; ++i) {
      const Rate* rate = rate_of(*part.quota, i);
      if (rate == nullptr) continue;
      const Decision d = limits::decide(*rate, part.bucket->arrivals[i], now, costs[i]);
      if (!d.allowed) note({part.subject, static_cast<Quantity>(i), d.retry_after_ns, d.never});
      next[p][i] = d.theoretical_arrival_ns;
      part.full_in_ns[i] = std::max<std::int64_t>(0, d.theoretical_arrival_ns - now);
    }
    const std::int64_t most = part.quota->concurrent.value_or(0);
    part.running = part.bucket->running + (take_place ? 1 : 0);
    if (take_place && most > 0 && part.bucket->running >= most) note({part.subject, Quantity::concurrent, kSecond, false});
  }
  if (refusal) {
    for (Grant::Part* part : parts) {  // what was computed as if it were charged is not: look again
      for (std::size_t i = 0; i < kRates; ++i) part->full_in_ns[i] = std::max<std::int64_t>(0, part->bucket->arrivals[i] - now);
      part->running = part->bucket->running;
    }
    return refusal;
  }
  for (std::size_t p = 0; p < parts.size(); ++p) {
    Grant::Part& part = *parts[p];
    for (std::size_t i = 0; i < kRates; ++i) {
      if (rate_of(*part.quota, i) == nullptr) continue;
      part.bucket->arrivals[i] = next[p][i];
      part.charged[i] += costs[i];
    }
    if (take_place && part.quota->concurrent.value_or(0) > 0) {
      ++part.bucket->running;
      part.holds = true;
    }
  }
  return std::nullopt;
}

void Limiter::give_back(Grant& grant, bool places_only) {
  for (std::size_t p = 0; p < grant.count_; ++p) {
    Grant::Part& part = grant.parts_[p];
    if (places_only && !part.holds) continue;
    const std::lock_guard lock(part.bucket->mutex);
    if (std::exchange(part.holds, false)) {
      --part.bucket->running;
      if (!grant.lease_.empty() && store_) store_->release(part.quota->names[kRates] + ":" + part.bucket->id, grant.lease_);
    }
    for (std::size_t i = 0; !places_only && i < kRates; ++i) {
      const std::int64_t charged = std::exchange(part.charged[i], 0);
      if (charged > 0) part.bucket->arrivals[i] -= rate_of(*part.quota, i)->time_of(charged);
    }
  }
}

Error Limiter::refused(Grant& grant, const Refusal& why) {
  refusals_[static_cast<std::size_t>(why.subject)][static_cast<std::size_t>(why.quantity)]->add();
  const auto part = std::find_if(grant.parts_.begin(), grant.parts_.end(), [&](const auto& p) { return p.subject == why.subject && p.quota; });
  const std::string& name = part->quota->names[static_cast<std::size_t>(why.quantity)];
  const std::string_view unit = quantity_name(why.quantity);
  const std::int64_t wait_s = std::max<std::int64_t>(1, whole_seconds(why.retry_after_ns));
  std::string text = "the limit \"" + name + "\" " + std::string(subject_words(why.subject)) + " is reached: ";
  if (why.quantity == Quantity::concurrent) {
    text += std::to_string(part->quota->concurrent.value_or(0)) + " requests at the same time";
  } else {
    const Rate& rate = *part->quota->rates[static_cast<std::size_t>(why.quantity)];
    text += rate_words(rate, unit);
    if (why.never) text += "; this request has more " + std::string(unit) + " than may come at once: divide it";
  }
  if (!why.never) text += "; try again in " + std::to_string(wait_s) + " s";
  Error error(ErrorCode::rate_limited, std::move(text));
  part->refused = why.quantity;
  part->wait_s = why.never ? 0 : wait_s;
  auto [policy, standing] = grant.headers();
  error.add("RateLimit-Policy", std::move(policy));
  error.add("RateLimit", std::move(standing));
  if (why.never) return error;
  return std::move(error).retry_after(static_cast<std::uint32_t>(std::min<std::int64_t>(wait_s, 1U << 31)));
}

Error Limiter::away_error() const {
  return Error(ErrorCode::unavailable, "limits can't be checked now; try again in a moment").retry_after(1).because("limits.store is away");
}

bool Limiter::anything_limits() const {
  return std::any_of(active_.begin(), active_.end(), [](const auto& n) { return n.load(std::memory_order_relaxed) != 0; });
}

void Limiter::add_parts(Grant& grant, const Caller& caller) {
  add_part(grant, Subject::user, caller.user, caller.user);
  add_part(grant, Subject::key, caller.key, caller.key);
  add_part(grant, Subject::model, caller.model, caller.model);
  if (active_[static_cast<std::size_t>(Subject::key_on_model)].load(std::memory_order_relaxed) == 0) return;
  std::string both(caller.key);
  (both += ':') += caller.model;
  add_part(grant, Subject::key_on_model, both, caller.model);
}

Result<GrantPtr> Limiter::admit(const Caller& caller, std::int64_t bytes) {
  if (!anything_limits()) return GrantPtr();
  auto grant = std::make_shared<Grant>(*this);
  add_parts(*grant, caller);
  if (grant->count_ == 0) return GrantPtr();
  if (store_ && when_away_ != WhenAway::local && store_->away()) {
    if (when_away_ == WhenAway::refuse) return away_error();
    return GrantPtr();
  }
  if (const auto refusal = decide(*grant, {1, 0, bytes}, true)) return refused(*grant, *refusal);
  return grant;
}

void Limiter::settle(const GrantPtr& grant, std::int64_t rows, Millis lease, os::Loop* loop, std::function<void(Status)> done) {
  if (grant == nullptr) return done(ok());
  const std::span parts(grant->parts_.data(), grant->count_);
  const auto limits_rows = [](const Grant::Part& part) { return rate_of(*part.quota, static_cast<std::size_t>(Quantity::rows)) != nullptr; };
  const bool undecided = std::any_of(parts.begin(), parts.end(), limits_rows);
  if (const auto refusal = undecided ? decide(*grant, {0, rows, 0}, false) : std::nullopt) {
    give_back(*grant, false);
    static_cast<void>(decide(*grant, {0, 0, 0}, false));  // only looks: what is told is what is left after that
    return done(refused(*grant, *refusal));
  }
  if (!store_ || store_->away()) {
    if (store_ && when_away_ == WhenAway::refuse) {
      give_back(*grant, false);
      return done(away_error());
    }
    return done(ok());
  }
  grant->lease_ = new_lease();
  store_->ask(question_of(*grant, lease), loop,
              [this, grant, done = std::move(done)](const SharedStore::Answer& answer) { done(settled(*grant, answer)); });
}

void Limiter::charge(const Caller& caller, std::int64_t rows, std::int64_t bytes, os::Loop* loop, std::function<void(Charge)> done) {
  const auto later = [](std::int64_t ns) { return Charge{0, 0, std::chrono::ceil<Millis>(std::chrono::nanoseconds(std::max<std::int64_t>(ns, 1)))}; };
  const Charge all{rows, bytes, Millis(0)};
  if (!anything_limits()) return done(all);
  const auto grant = std::make_shared<Grant>(*this);
  add_parts(*grant, caller);
  if (grant->count_ == 0) return done(all);
  const bool away = store_ && store_->away();
  if (away && when_away_ != WhenAway::local) return done(when_away_ == WhenAway::refuse ? later(kSecond) : all);
  Charge part = all;
  for (std::size_t p = 0; p < grant->count_; ++p) {
    const Terms& terms = *grant->parts_[p].quota;
    if (const Rate* rate = rate_of(terms, static_cast<std::size_t>(Quantity::rows))) part.rows = std::min(part.rows, rate->burst);
    if (const Rate* rate = rate_of(terms, static_cast<std::size_t>(Quantity::bytes))) part.bytes = std::min(part.bytes, rate->burst);
  }
  if (const auto refusal = decide(*grant, {0, part.rows, part.bytes}, false)) return done(later(refusal->retry_after_ns));
  if (!store_ || away) return done(part);
  SharedStore::Question question = question_of(*grant, Millis(0));
  if (question.lines.empty()) return done(part);
  store_->ask(std::move(question), loop, [this, grant, part, later, done = std::move(done)](const SharedStore::Answer& answer) {
    if (answer.away && when_away_ != WhenAway::refuse) return done(part);
    if (answer.away) {
      give_back(*grant, false);
      return done(later(kSecond));
    }
    const auto refusal = learn(*grant, answer);
    done(refusal ? later(refusal->retry_after_ns) : part);
  });
}

std::string Limiter::new_lease() { return lease_prefix_ + std::to_string(leases_.fetch_add(1, std::memory_order_relaxed)); }

SharedStore::Question Limiter::question_of(const Grant& grant, Millis lease) const {
  SharedStore::Question out;
  out.lease = grant.lease_;
  out.lease_ms = lease.count();
  for (std::size_t p = 0; p < grant.count_; ++p) {
    const Grant::Part& part = grant.parts_[p];
    for (std::size_t i = 0; i < kRates; ++i) {
      const Rate* rate = rate_of(*part.quota, i);
      if (rate == nullptr || (grant.lease_.empty() && part.charged[i] == 0)) continue;
      out.lines.push_back({.key = part.quota->names[i] + ":" + part.bucket->id,
                           .cost_us = static_cast<double>(rate->time_of(part.charged[i])) / 1000,
                           .tolerance_us = static_cast<double>(rate->tolerance_ns()) / 1000});
    }
    if (const std::int64_t most = part.quota->concurrent.value_or(0); most > 0 && !grant.lease_.empty())
      out.lines.push_back({.key = part.quota->names[kRates] + ":" + part.bucket->id, .concurrent = true, .most = most});
  }
  return out;
}

Status Limiter::settled(Grant& grant, const SharedStore::Answer& answer) {
  if (answer.away) {
    if (when_away_ != WhenAway::refuse) return ok();
    give_back(grant, false);
    return away_error();
  }
  const auto refusal = learn(grant, answer);
  return refusal ? Status(refused(grant, *refusal)) : ok();
}

// What the store said becomes what this server knows: no bucket here is fuller than the shared one was. What it refuses has used nothing.
std::optional<Limiter::Refusal> Limiter::learn(Grant& grant, const SharedStore::Answer& answer) {
  const bool with_place = !grant.lease_.empty();
  std::array<Costs, kSubjects> charged{};
  for (std::size_t p = 0; p < grant.count_; ++p) charged[p] = grant.parts_[p].charged;
  if (!answer.allowed) {
    grant.lease_.clear();  // none was given
    give_back(grant, false);
  }
  std::optional<Refusal> refusal;
  const std::int64_t now = now_ns();
  std::size_t line = 0;
  for (std::size_t p = 0; p < grant.count_; ++p) {
    Grant::Part& part = grant.parts_[p];
    for (std::size_t i = 0; i < kRates; ++i) {
      const Rate* rate = rate_of(*part.quota, i);
      if (rate == nullptr || (!with_place && charged[p][i] == 0)) continue;
      const std::int64_t full_in = part.full_in_ns[i] = answer.standing[line] * 1000;
      {
        const std::lock_guard lock(part.bucket->mutex);
        part.bucket->arrivals[i] = std::max(part.bucket->arrivals[i], now + full_in);
      }
      const std::int64_t wait = full_in + rate->time_of(charged[p][i]) - rate->tolerance_ns();
      if (!answer.fits[line++] && (!refusal || wait > refusal->retry_after_ns))
        refusal = Refusal{part.subject, static_cast<Quantity>(i), wait, false};
    }
    if (part.quota->concurrent.value_or(0) == 0 || !with_place) continue;
    part.running = answer.standing[line];
    if (!answer.fits[line++] && !refusal) refusal = Refusal{part.subject, Quantity::concurrent, kSecond, false};
  }
  if (answer.allowed) return std::nullopt;
  return refusal.value_or(Refusal{grant.parts_[0].subject, Quantity::requests, kSecond, false});
}

}  // namespace slipway::limits
