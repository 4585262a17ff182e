#include "scoring.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/os/fd.hpp"

namespace slipway::cli {
namespace {

constexpr int kInterrupted = 130;
constexpr Millis kPoll{300};
constexpr int kTriesMax = 10;  // of a download or a question that broke off without a byte more

volatile sig_atomic_t interrupted = 0;

// The first signal ends the work in good order, the second at once.
void on_interrupt(int) {
  if (interrupted != 0) ::_exit(kInterrupted);
  interrupted = 1;
}

void listen_to_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
}

Error was_interrupted() { return Error(ErrorCode::request_timeout, "interrupted"); }

bool has_suffix(const std::string& path, std::string_view suffix) { return path.size() > suffix.size() && path.ends_with(suffix); }

std::string_view result_format(const std::string& path) {
  if (has_suffix(path, ".csv")) return "csv";
  if (has_suffix(path, ".ndjson") || has_suffix(path, ".jsonl")) return "ndjson";
  if (has_suffix(path, ".npy")) return "npy";
  return "";
}

// "sending [######              ] 12.3 MB of 40.0 MB, 0:04 left"
class Bar {
 public:
  Bar(bool visible, const char* what) : line_(visible), what_(what), start_(system_clock().steady()) {}

  void show(std::uint64_t done, std::uint64_t total, const std::string& text) {
    const Steady at = system_clock().steady();
    if (at - drawn_ < Millis(100)) return;
    drawn_ = at;
    const double part = total == 0 ? 0 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    const auto filled = static_cast<std::size_t>(part * kWidth);
    std::string out = std::string(what_) + " [" + std::string(filled, '#') + std::string(kWidth - filled, ' ') + "] " + text;
    const double seconds = std::chrono::duration<double>(at - start_).count();
    if (part > 0.01 && seconds > 1) out += ", " + human_seconds(seconds / part * (1 - part)) + " left";
    line_.show(out);
  }
  void clear() { line_.clear(); }

 private:
  static constexpr std::size_t kWidth = 20;
  Progress line_;
  const char* what_;
  Steady start_, drawn_{};
};

std::string bytes_of(std::uint64_t done, std::uint64_t total) { return human_bytes(done) + " of " + human_bytes(total); }

Status pause(Millis time) {
  const Steady end = system_clock().steady() + time;
  while (system_clock().steady() < end) {
    if (interrupted != 0) return was_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return ok();
}

Result<json::Value> send(Console& console, Client& client, const std::string& model_id, const ScoringWish& wish) {
  std::string path = "/api/models/" + escape_path(model_id) + "/jobs?on_error=" + (wish.skip_wrong ? "skip" : "fail");
  if (wish.include_input) path += "&include_input=true";
  if (const auto format = result_format(wish.out); !format.empty()) path += "&format=" + std::string(format);
  Bar bar(console.shows_progress(), "sending");
  return client.send_file(path, job_media_type(wish.input), wish.input, [&](Transferred now) {
    if (now.total > 0) bar.show(now.sent, now.total, bytes_of(now.sent, now.total));  // before it is connected there is nothing to say
    return interrupted == 0;
  });
}

Result<json::Value> wait_for(Console& console, Client& client, json::Value job) {
  const std::string path = "/api/jobs/" + escape_path(job.string_or("id", ""));
  Bar bar(console.shows_progress(), "scoring");
  for (int failures = 0;;) {
    const std::string status = job.string_or("status", "");
    if (status != "queued" && status != "running") return job;
    const auto done = static_cast<std::uint64_t>(job.int_or("bytes_done", 0));
    const auto total = static_cast<std::uint64_t>(job.int_or("bytes_total", 0));
    bar.show(done, total,
             status == "queued" ? std::string("waits for its turn") : fmt::format("{} rows, {}", job.int_or("rows_done", 0), bytes_of(done, total)));
    TRY(pause(kPoll));
    auto next = client.get(path);
    if (next.ok()) {
      job = std::move(*next);
      failures = 0;
    } else if (next.error().code() != ErrorCode::unavailable || ++failures > kTriesMax) {
      return next.error();
    }
  }
}

class Target {
 public:
  static Result<Target> open(const std::string& path) {
    Target out;
    if (path.empty() || path == "-") return out;
    out.path_ = path;
    out.file_ = os::Fd(::open(out.partial().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!out.file_) return Error(ErrorCode::bad_request, path + " can't be written: " + std::strerror(errno));
    return out;
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_ ? file_.get() : STDOUT_FILENO, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  Status keep() {
    if (path_.empty()) return ok();
    if (::rename(partial().c_str(), path_.c_str()) != 0) return Error(ErrorCode::bad_request, path_ + " can't be written: " + std::strerror(errno));
    path_.clear();
    return ok();
  }
  Target(Target&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  ~Target() {
    if (!path_.empty()) ::unlink(partial().c_str());
  }

 private:
  Target() = default;
  std::string partial() const { return path_ + ".partial"; }
  std::string path_;  // empty: stdout, or kept
  os::Fd file_;
};

Status fetch(Console& console, Client& client, const json::Value& job, Target& target) {
  const json::Value* result = job.find("result");
  const auto total = static_cast<std::uint64_t>(result == nullptr ? 0 : result->int_or("size", 0));
  Bar bar(console.shows_progress(), "fetching");
  std::uint64_t have = 0;
  bool unwritten = false;
  for (int failures = 0; have < total;) {
    const std::uint64_t before = have;
    const Status got = client.fetch("/api/jobs/" + escape_path(job.string_or("id", "")) + "/result", have, [&](std::string_view bytes) {
      if (interrupted != 0) return false;
      if (!target.write(bytes)) unwritten = true;
      if (unwritten) return false;
      have += bytes.size();
      bar.show(have, total, bytes_of(have, total));
      return true;
    });
    if (unwritten) return Error(ErrorCode::storage_full, std::string("the result can't be written: ") + std::strerror(errno));
    if (interrupted != 0) return was_interrupted();
    if (have >= total) return ok();
    failures = have > before ? 0 : failures + 1;
    if (failures > kTriesMax || (!got.ok() && got.error().code() != ErrorCode::unavailable && got.error().code() != ErrorCode::deadline_exceeded))
      return got.ok() ? Status(Error(ErrorCode::unavailable, "the result ended early")) : got;
    TRY(pause(Millis(500)));  // it goes on where it broke off
  }
  return ok();
}

Error why_failed(const json::Value& job) {
  const json::Value* error = job.find("error");
  const std::string id = job.string_or("id", "");
  if (error == nullptr) return Error(ErrorCode::conflict, "job " + id + " was " + job.string_or("status", "ended"));
  std::string type = error->string_or("type", "");
  type.erase(0, type.rfind('/') + 1);
  std::replace(type.begin(), type.end(), '-', '_');
  Error out(error_from_name(type).value_or(ErrorCode::internal), "job " + id + " has failed: " + error->string_or("detail", ""));
  if (const json::Value* fields = error->find("errors"); fields != nullptr && fields->is_array()) {
    for (const json::Value& field : fields->as_array()) out.add(field.string_or("pointer", ""), field.string_or("detail", ""));
  }
  return out;
}

int cancel(Console& console, Client& client, const std::string& id) {
  if (!id.empty()) {
    if (client.remove("/api/jobs/" + escape_path(id)).ok()) console.say("interrupted; job " + id + " is cancelled");
  }
  return kInterrupted;
}

}  // namespace

std::string_view job_media_type(const std::string& path) {
  const std::string_view format = result_format(path);
  if (format == "csv") return "text/csv";
  if (format == "ndjson") return "application/x-ndjson";
  return format == "npy" ? "application/x-npy" : "";
}

bool is_large(const std::string& path) {
  struct stat facts{};
  return !job_media_type(path).empty() && ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         static_cast<std::uint64_t>(facts.st_size) > kJobFromBytes;
}

Status check_job_output(const std::string& path) {
  if (path.empty() || path == "-" || !result_format(path).empty()) return ok();
  return Error(ErrorCode::bad_request, path + ": a job's result is written as .csv, .ndjson or .npy; choose one by the suffix");
}

Result<int> score(Console& console, Client& client, const std::string& model_id, const ScoringWish& wish) {
  Target target = TRY(Target::open(wish.out));  // before anything is sent
  listen_to_interrupts();
  auto sent = send(console, client, model_id, wish);
  if (interrupted != 0) return cancel(console, client, sent.ok() ? sent->string_or("id", "") : "");
  const json::Value job = TRY(std::move(sent));
  const std::string id = job.string_or("id", "");
  console.say("job " + id + "; slipway jobs " + id + " tells how far it is");
  auto ended = wait_for(console, client, job);
  if (interrupted != 0) return cancel(console, client, id);
  const json::Value done = TRY(std::move(ended));
  if (done.string_or("status", "") != "done") return why_failed(done);
  const Status fetched = fetch(console, client, done, target);
  if (interrupted != 0) return kInterrupted;  // the result stays where it is
  TRY(fetched);
  TRY(target.keep());
  const std::int64_t wrong = done.int_or("rows_failed", 0);
  if (wrong > 0)
    console.warn(fmt::format("{} of {} rows were wrong and have no answer; slipway jobs {} names the first", wrong, done.int_or("rows_done", 0), id));
  if (!wish.out.empty() && wish.out != "-")
    console.say(fmt::format("{} {} ({} rows)", console.mark(Mark::good, false), wish.out, done.int_or("rows_done", 0)));
  return kOk;
}

}  // namespace slipway::cli
