#include "slipway/base/metrics.hpp"

#include <algorithm>
#include <charconv>

namespace slipway {

std::size_t metric_shard() {
  static std::atomic<std::size_t> next{0};
  static thread_local const std::size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kMetricShards;
  return shard;
}

std::uint64_t Counter::total() const {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::observe(double seconds) {
  Cell& cell = cells_[metric_shard()];
  const auto bucket = static_cast<std::size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
  cell.counts[bucket].fetch_add(1, std::memory_order_relaxed);
  cell.sum_ns.fetch_add(static_cast<std::uint64_t>(std::max(0.0, seconds) * 1e9), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out{};
  std::uint64_t sum_ns = 0;
  for (const Cell& cell : cells_) {
    for (std::size_t i = 0; i < cell.counts.size(); ++i) out.counts[i] += cell.counts[i].load(std::memory_order_relaxed);
    sum_ns += cell.sum_ns.load(std::memory_order_relaxed);
  }
  out.sum = static_cast<double>(sum_ns) * 1e-9;
  return out;
}

namespace {
enum Kind { kCounter, kHistogram, kGauge };

void append_number(std::string& out, double d) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, d).ptr);
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels, std::string_view extra, double value) {
  out += name;
  out += suffix;
  if (!labels.empty() || !extra.empty()) {
    out += '{';
    out += labels;
    if (!labels.empty() && !extra.empty()) out += ',';
    out += extra;
    out += '}';
  }
  out += ' ';
  append_number(out, value);
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name, std::string_view labels, const Histogram::Snapshot& s) {
  double cumulative = 0;
  for (std::size_t i = 0; i < s.counts.size(); ++i) {
    cumulative += static_cast<double>(s.counts[i]);
    std::string bound = "le=\"";
    if (i < Histogram::kBounds.size()) {
      append_number(bound, Histogram::kBounds[i]);
    } else {
      bound += "+Inf";
    }
    bound += '"';
    append_sample(out, name, "_bucket", labels, bound, cumulative);
  }
  append_sample(out, name, "_sum", labels, "", s.sum);
  append_sample(out, name, "_count", labels, "", cumulative);
}
}  // namespace

struct Metrics::Entry {
  std::string name, help, labels;
  int kind = kCounter;
  Counter counter;
  Histogram histogram;
  Read read = nullptr;
  const void* of = nullptr;
};

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Entry& Metrics::entry(std::string_view name, std::string_view help, std::string_view labels, int kind) {
  const std::lock_guard lock(mutex_);
  for (auto& e : entries_) {
    if (e->name == name && e->labels == labels) return *e;
  }
  auto e = std::make_unique<Entry>();
  e->name = name;
  e->help = help;
  e->labels = labels;
  e->kind = kind;
  entries_.push_back(std::move(e));
  return *entries_.back();
}

Counter& Metrics::counter(std::string_view name, std::string_view help, std::string_view labels) {
  return entry(name, help, labels, kCounter).counter;
}
Histogram& Metrics::histogram(std::string_view name, std::string_view help, std::string_view labels) {
  return entry(name, help, labels, kHistogram).histogram;
}

void Metrics::gauge(std::string_view name, std::string_view help, std::string_view labels, Read read, const void* of) {
  Entry& e = entry(name, help, labels, kGauge);
  e.read = read;
  e.of = of;
}

std::string Metrics::expose() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Entry*> sorted;
  for (const auto& e : entries_) sorted.push_back(e.get());
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) { return a->name < b->name; });
  static constexpr std::string_view kTypes[] = {"counter", "histogram", "gauge"};
  std::string out;
  std::string_view family;
  for (const Entry* e : sorted) {
    if (family != e->name) {
      family = e->name;
      out.append("# HELP ")
          .append(e->name)
          .append(" ")
          .append(e->help)
          .append("\n# TYPE ")
          .append(e->name)
          .append(" ")
          .append(kTypes[e->kind])
          .append("\n");
    }
    if (e->kind == kHistogram) {
      append_histogram(out, e->name, e->labels, e->histogram.snapshot());
    } else {
      append_sample(out, e->name, "", e->labels, "", e->kind == kCounter ? static_cast<double>(e->counter.total()) : e->read(e->of));
    }
  }
  return out;
}

}  // namespace slipway
