// Counters and histograms on the hot path: one relaxed add on the calling thread's own shard. Exposition in Prometheus text.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

inline constexpr std::size_t kMetricShards = 16;
std::size_t metric_shard();  // this thread's shard

class Counter {
 public:
  void add(std::uint64_t n = 1) { cells_[metric_shard()].value.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t total() const;

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Cell, kMetricShards> cells_;
};

// Seconds, in fixed buckets from 100 microseconds to 60 s.
class Histogram {
 public:
  static constexpr std::array<double, 17> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                     0.1,    0.25,    0.5,    1,     2.5,    5,     10,   60};
  void observe(double seconds);
  struct Snapshot {
    std::array<std::uint64_t, kBounds.size() + 1> counts;
    double sum;
  };
  Snapshot snapshot() const;

 private:
  struct alignas(64) Cell {
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts{};
    std::atomic<std::uint64_t> sum_ns{0};
  };
  std::array<Cell, kMetricShards> cells_;
};

// Owns every metric of a server; handed in by constructors. References stay valid as long as the registry.
class Metrics {
 public:
  // labels: finished text such as `route="predict",status="2xx"`, or empty. The same (name, labels) gives the same object.
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::string_view labels = {});
  using Read = double (*)(const void*);
  void gauge(std::string_view name, std::string_view help, std::string_view labels, Read read, const void* of);
  std::string expose() const;

 private:
  struct Entry;
  Entry& entry(std::string_view name, std::string_view help, std::string_view labels, int kind);
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;

 public:
  Metrics();
  ~Metrics();
};

}  // namespace slipway
