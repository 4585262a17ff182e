#include "slipway/inference/policy.hpp"

#include <algorithm>
#include <cmath>

namespace slipway::inference::policy {

std::vector<std::uint64_t> to_unload(std::vector<Loaded> loaded, std::uint64_t budget_bytes, std::uint64_t incoming_bytes) {
  std::uint64_t total = incoming_bytes;
  for (const auto& l : loaded) total += l.resident_bytes;
  std::sort(loaded.begin(), loaded.end(), [](const Loaded& a, const Loaded& b) { return a.last_used < b.last_used; });
  std::vector<std::uint64_t> keys;
  for (const auto& l : loaded) {
    if (total <= budget_bytes) break;
    if (l.busy) continue;
    keys.push_back(l.key);
    total -= l.resident_bytes;
  }
  return keys;
}

std::uint64_t estimated_resident(std::uint64_t artifact_bytes) { return (8ull << 20) + artifact_bytes * 5 / 2; }

unsigned threads_for(const Schema& schema, std::uint64_t artifact_bytes, unsigned cores, unsigned wanted) {
  constexpr std::uint64_t kSmall = 512 * 1024;
  if (wanted > 0) return wanted;
  const bool tabular = !schema.features.empty();
  return tabular || artifact_bytes < kSmall ? 1 : std::max(1u, cores);
}

bool RestartBudget::crashed(Steady now) {
  crashes_.push_back(now);
  while (!crashes_.empty() && crashes_.front() + window_ < now) crashes_.pop_front();
  if (crashes_.size() < max_) return false;
  crashes_.clear();
  rest(now);
  return true;
}

std::uint32_t ServiceTime::depth(std::uint32_t slots) const {
  constexpr double kAhead_s = 0.002;
  if (mean_ <= 0) return std::min<std::uint32_t>(slots, 4);
  const double wanted = kAhead_s / mean_;
  return wanted >= slots ? slots : std::max<std::uint32_t>(2, static_cast<std::uint32_t>(wanted));
}

std::uint32_t ServiceTime::retry_after_s(std::size_t waiting) const {
  const double s = std::ceil(mean_ * static_cast<double>(waiting));
  return s < 1 ? 1 : s > 3600 ? 3600 : static_cast<std::uint32_t>(s);
}

}  // namespace slipway::inference::policy
