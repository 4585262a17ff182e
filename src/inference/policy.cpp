#include "slipway/inference/policy.hpp"

#include <algorithm>
#include <cmath>

namespace slipway::inference::policy {

std::vector<std::uint64_t> to_unload(std::vector<Loaded> loaded, std::uint64_t budget_bytes, std::uint64_t incoming_bytes) {
  std::uint64_t total = incoming_bytes;
  for (const auto& l : loaded) total += l.resident_bytes;
  std::sort(loaded.begin(), loaded.end(),
            [](const Loaded& a, const Loaded& b) { return a.residence != b.residence ? a.residence < b.residence : a.last_used < b.last_used; });
  std::vector<std::uint64_t> keys;
  for (const auto& l : loaded) {
    if (total <= budget_bytes) break;
    if (l.busy || l.residence == Residence::pinned) continue;
    keys.push_back(l.key);
    total -= l.resident_bytes;
  }
  return keys;
}

std::optional<std::uint64_t> to_leave(const std::vector<Loaded>& loaded) {
  const auto first = std::min_element(loaded.begin(), loaded.end(), [](const Loaded& a, const Loaded& b) {
    return a.residence != b.residence ? a.residence < b.residence : a.key < b.key;
  });
  if (first == loaded.end() || first->residence == Residence::pinned) return std::nullopt;
  return first->key;
}

void Expectation::observe(std::uint64_t resident_bytes, std::uint64_t artifact_bytes) {
  constexpr std::uint64_t kLeast = 1ull << 20;
  const std::uint64_t weights = of_weights(artifact_bytes);
  const std::uint64_t base = std::max(kLeast, resident_bytes > weights ? resident_bytes - weights : 0);
  base_bytes_ = (base_bytes_ * 7 + base) / 8;
}

unsigned threads_for(const Schema& schema, std::uint64_t artifact_bytes, unsigned cores, unsigned wanted) {
  constexpr std::uint64_t kSmall = 512 * 1024;
  if (wanted > 0) return wanted;
  const bool tabular = !schema.features.empty();
  return tabular || artifact_bytes < kSmall ? 1 : std::max(1u, cores);
}

void Spread::arrived(std::size_t present, Steady now) {
  constexpr Millis kPatience{200}, kLong{15'000};
  if (present * 4 >= threads_ * 3 && present > 1) {  // so many lanes have work that they do more than one run on all threads
    if (crowded_since_ == Steady::max()) crowded_since_ = now;
    last_crowded_ = now;
    on_ = on_ || now - crowded_since_ >= kPatience;
  } else {
    crowded_since_ = Steady::max();
    on_ = on_ && now - last_crowded_ < kLong;
  }
}

bool RestartBudget::crashed(Steady now) {
  crashes_.push_back(now);
  while (!crashes_.empty() && crashes_.front() + window_ < now) crashes_.pop_front();
  if (crashes_.size() < max_) return false;
  crashes_.clear();
  rest(now);
  return true;
}

void ServiceTime::observe(double run_s, double run_rows, double together) {
  constexpr double kKeep = 0.98;  // a run counts half after some thirty others
  const double weight = 1 / std::max(1.0, together);
  const double keep = std::pow(kKeep, weight);
  n_ = n_ * keep + weight;
  x_ = x_ * keep + weight * run_rows;
  y_ = y_ * keep + weight * run_s;
  xx_ = xx_ * keep + weight * run_rows * run_rows;
  xy_ = xy_ * keep + weight * run_rows * run_s;
  const auto smooth = [](double& mean, double value) { mean = mean == 0 ? value : mean + 0.1 * (value - mean); };
  smooth(mean_s_, run_s * weight);
  smooth(run_s_, run_s);
  smooth(together_, std::max(1.0, together));
}

double ServiceTime::estimate_s(std::uint64_t rows) const {
  if (n_ <= 0) return 0;
  const double spread = xx_ - x_ * x_ / n_;
  const double slope = spread > 1e-9 * xx_ ? std::clamp((xy_ - x_ * y_ / n_) / spread, 0.0, y_ / x_) : 0;
  const double base = std::max(0.0, (y_ - slope * x_) / n_);
  return base / together_ + slope * static_cast<double>(rows);
}

std::uint32_t ServiceTime::depth(std::uint32_t slots, bool shared, bool merges, unsigned lanes) const {
  constexpr double kAhead_s = 0.002, kSharedAhead_s = 0.0002;
  constexpr double kMergedAhead_s = 0.15;  // of requests that the next run takes together
  const double merged_most = 4.0 * lanes;  // large ones gain nothing from more: they are copied to stand side by side
  constexpr double kLong_s = 0.005;        // a run beside which a wake-up is nothing
  if (mean_s_ <= 0) return std::min<std::uint32_t>(slots, std::max(4u, 2 * lanes));
  double wanted = (shared ? kSharedAhead_s : kAhead_s) / mean_s_;
  if (merges && !shared) wanted = std::max(wanted, std::min(kMergedAhead_s / mean_s_, merged_most));
  const std::uint32_t least = shared && together_ < 1.5 && run_s_ > kLong_s ? lanes : 2 * lanes;
  return wanted >= slots ? slots : std::max<std::uint32_t>(least, static_cast<std::uint32_t>(wanted));
}

std::uint32_t retry_after_s(double waiting_s) {
  const double s = std::ceil(waiting_s);
  return s < 1 ? 1 : s > 3600 ? 3600 : static_cast<std::uint32_t>(s);
}

bool Overload::look(Steady now, double waiting_s, double run_s) {
  if (now < window_end_) return on_;
  if (on_)
    look_for_the_end();
  else
    look_for_growth(waiting_s, run_s);
  arrived_ = done_ = 0;
  last_waiting_s_ = waiting_s;
  const double window_s = std::clamp((on_ ? 8 : 2) * run_s, 0.1, 1.0);
  window_end_ = now + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(window_s));
  return on_;
}

// A window of slow runs holds few of them: one that doesn't grow takes back two that did, and all of them together must show more arrivals than
// chance brings (three standard deviations of so many answers).
void Overload::look_for_growth(double waiting_s, double run_s) {
  const bool grows = waiting_s > last_waiting_s_ && waiting_s > allowed_s(run_s) && arrived_ > done_;
  growing_ = grows ? growing_ + 1 : growing_ > 2 ? growing_ - 2 : 0;
  if (growing_ == 0) arrivals_ = answers_ = 0;
  arrivals_ += static_cast<double>(arrived_);
  answers_ += static_cast<double>(done_);
  on_ = growing_ >= kGrowing && arrivals_ > answers_ * 1.1 + 3 * std::sqrt(answers_) + 2;
  if (on_) arrivals_ = answers_ = 0;
}

// By the last few windows together: chance alone makes a single one look like the end.
void Overload::look_for_the_end() {
  arrivals_ = arrivals_ / 2 + static_cast<double>(arrived_);
  answers_ = answers_ / 2 + static_cast<double>(done_);
  on_ = arrivals_ > answers_ * 1.02 + 1;
  if (on_) return;
  growing_ = 0;
  arrivals_ = answers_ = 0;
}

unsigned cells_for(unsigned threads, unsigned cores, unsigned wanted) {
  constexpr unsigned kMost = 8;  // each holds the weights once more
  if (wanted > 0) return wanted;
  return threads > 1 ? 1 : std::clamp(cores, 1u, kMost);
}

}  // namespace slipway::inference::policy
