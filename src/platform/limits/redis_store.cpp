// Redis or Valkey, by hiredis, on a thread of its own that takes whatever is waiting as one pipeline: loops never wait for it, and many
// questions cost one round trip. A socket that doesn't answer in time is closed: an answer that came late could be taken for another's.
#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "slipway/base/log.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/platform/limits/shared_store.hpp"

namespace slipway::limits {
namespace {

constexpr std::size_t kBatchMax = 256;
constexpr std::size_t kWaitingMax = 20'000;
constexpr std::int64_t kPauseFirstMs = 100, kPauseMaxMs = 5'000;
constexpr std::string_view kPrefix = "slipway:";

// KEYS: one a line. ARGV: lease, its life in ms, then by line: "r" cost tolerance (microseconds) | "c" most 0.
// Times are the server's own, from 2026 on: doubles keep them to less than 0.01 microseconds.
// Answers {allowed, fits of line 1, standing of line 1, ...}.
constexpr std::string_view kScript = R"lua(
local t = redis.call('TIME')
local now = (tonumber(t[1]) - 1767225600) * 1000000 + tonumber(t[2])
local lease, life = ARGV[1], tonumber(ARGV[2])
local allowed, fits, due, standing = true, {}, {}, {}
for i, key in ipairs(KEYS) do
  local a, b = tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  if ARGV[3 * i] == 'c' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    standing[i] = redis.call('ZCARD', key)
    fits[i] = standing[i] < a
  else
    local full = math.max(tonumber(redis.call('GET', key) or now), now) - now
    standing[i], due[i] = full, full + a
    fits[i] = a == 0 or due[i] <= b + 0.01
  end
  allowed = allowed and fits[i]
end
local out = {allowed and 1 or 0}
for i, key in ipairs(KEYS) do
  if allowed and ARGV[3 * i] == 'c' then
    redis.call('ZADD', key, now + life * 1000, lease)
    if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
    standing[i] = standing[i] + 1
  elseif allowed and due[i] > 0 then
    redis.call('SET', key, string.format('%.3f', now + due[i]), 'PX', math.ceil(due[i] / 1000) + 1)
    standing[i] = due[i]
  end
  out[2 * i], out[2 * i + 1] = fits[i] and 1 or 0, math.ceil(standing[i])
end
return out
)lua";

struct Place {
  std::string host, socket, user;
  int port = 6379, database = 0;
};

Error bad_url(const char* why) { return {ErrorCode::bad_request, std::string("setting limits.store: ") + why}; }

std::optional<int> number_of(std::string_view text, int most) {
  int out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size() || out < 0 || out > most) return std::nullopt;
  return out;
}

Result<Place> place_of(std::string_view url) {
  Place out;
  if (url.starts_with("unix://")) {
    out.socket = url.substr(7);
    if (out.socket.empty() || out.socket.front() != '/') return bad_url("a socket is named by its whole path: unix:///run/redis.sock");
    return out;
  }
  if (!url.starts_with("redis://")) return bad_url("must be memory, redis://host:port/db or unix:///path (there is no TLS yet)");
  url.remove_prefix(8);
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    out.user = url.substr(0, at);
    if (out.user.find(':') != std::string::npos) return bad_url("a password doesn't belong into the URL: limits.store_password_file names its file");
    url.remove_prefix(at + 1);
  }
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const auto database = number_of(slash + 1 == url.size() ? "0" : url.substr(slash + 1), 100'000);
    if (!database) return bad_url("what follows the host is the database's number");
    out.database = *database;
    url = url.substr(0, slash);
  }
  if (const std::size_t colon = url.rfind(':'); colon != std::string_view::npos && !url.ends_with(']')) {
    const auto port = number_of(url.substr(colon + 1), 65535);
    if (!port || *port == 0) return bad_url("the port must be a number from 1 to 65535");
    out.port = *port;
    url = url.substr(0, colon);
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  if (url.empty()) return bad_url("names no host");
  out.host = url;
  return out;
}

struct Closer {
  void operator()(redisContext* c) const { redisFree(c); }
};
struct ReplyCloser {
  void operator()(redisReply* r) const { freeReplyObject(r); }
};
using Reply = std::unique_ptr<redisReply, ReplyCloser>;

using Words = std::vector<std::string>;

std::string decimal(double value) {
  char text[64];
  const auto [end, problem] = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 3);
  return problem == std::errc{} ? std::string(text, end) : "0";
}

Words words_of(const SharedStore::Question& question) {
  Words out = {"EVALSHA", "", std::to_string(question.lines.size())};
  for (const auto& line : question.lines) out.push_back(std::string(kPrefix) + line.key);
  out.push_back(question.lease);
  out.push_back(std::to_string(question.lease_ms));
  for (const auto& line : question.lines) {
    out.emplace_back(line.concurrent ? "c" : "r");
    out.push_back(line.concurrent ? std::to_string(line.most) : decimal(line.cost_us));
    out.push_back(line.concurrent ? "0" : decimal(line.tolerance_us));
  }
  return out;
}

SharedStore::Answer answer_of(const redisReply& reply, std::size_t lines) {
  SharedStore::Answer out;
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2 * lines + 1) return out;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    if (reply.element[i]->type != REDIS_REPLY_INTEGER) return out;
  }
  out.away = false;
  out.allowed = reply.element[0]->integer == 1;
  for (std::size_t i = 0; i < lines; ++i) {
    out.fits.push_back(reply.element[2 * i + 1]->integer == 1);
    out.standing.push_back(std::clamp<std::int64_t>(reply.element[2 * i + 2]->integer, 0, 3'200'000'000'000'000));
  }
  return out;
}

bool is_noscript(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR && std::string_view(reply.str, reply.len).starts_with("NOSCRIPT");
}

// One connection. Its thread's own.
class Connection {
 public:
  Connection(const Place& place, const Secret& password, std::int64_t timeout_ms)
      : place_(place), password_(password), timeout_{timeout_ms / 1000, timeout_ms % 1000 * 1000} {}

  bool open() const { return context_ != nullptr; }
  void close() { context_.reset(); }
  const std::string& trouble() const { return trouble_; }
  const std::string& script() const { return script_; }

  bool connect() {
    context_.reset(place_.socket.empty() ? redisConnectWithTimeout(place_.host.c_str(), place_.port, timeout_)
                                         : redisConnectUnixWithTimeout(place_.socket.c_str(), timeout_));
    if (context_ == nullptr) return failed("no memory");
    if (context_->err != 0) return failed(context_->errstr);
    if (redisSetTimeout(context_.get(), timeout_) != REDIS_OK) return failed(context_->errstr);
    if (place_.socket.empty() && redisEnableKeepAlive(context_.get()) != REDIS_OK) return failed(context_->errstr);
    if (!password_.empty()) {
      Words auth = {"AUTH"};
      if (!place_.user.empty()) auth.push_back(place_.user);
      auth.emplace_back(password_.reveal());
      if (!simple(auth)) return false;
    }
    if (place_.database != 0 && !simple({"SELECT", std::to_string(place_.database)})) return false;
    return load();
  }

  bool load() {
    send({"SCRIPT", "LOAD", std::string(kScript)});
    const Reply reply = receive();
    if (reply == nullptr) return false;
    if (reply->type != REDIS_REPLY_STRING) return failed(std::string(reply->str, reply->len));
    script_.assign(reply->str, reply->len);
    return true;
  }

  void send(const Words& words) {
    std::vector<const char*> text;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      text.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), text.data(), sizes.data());
  }

  // Null: the connection has failed and is closed.
  Reply receive() {
    if (context_ == nullptr) return nullptr;
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK || reply == nullptr) {
      failed(context_->errstr);
      return nullptr;
    }
    return Reply(static_cast<redisReply*>(reply));
  }

 private:
  bool simple(const Words& words) {
    send(words);
    const Reply reply = receive();
    if (reply == nullptr) return false;
    return reply->type == REDIS_REPLY_STATUS || failed(words.front() + ": " + std::string(reply->str, reply->len));
  }
  bool failed(std::string why) {
    trouble_ = std::move(why);
    context_.reset();
    return false;
  }

  const Place& place_;
  const Secret& password_;
  const timeval timeout_;
  std::unique_ptr<redisContext, Closer> context_;
  std::string script_, trouble_;
};

class RedisStore final : public SharedStore {
 public:
  RedisStore(Place place, RedisOptions options, Metrics& metrics)
      : place_(std::move(place)),
        options_(std::move(options)),
        questions_(metrics.counter("slipway_limit_store_questions_total", "Decisions that the shared store of limits was asked for")),
        unanswered_(metrics.counter("slipway_limit_store_unanswered_total", "Decisions that it did not give, made as limits.when_store_fails says")) {
    metrics.gauge(
        "slipway_limit_store_up", "Whether the shared store of limits answers", {},
        [](const void* of) { return static_cast<const RedisStore*>(of)->away() ? 0.0 : 1.0; }, this);
    thread_ = std::thread([this] { run(); });
  }
  ~RedisStore() override { stop(); }

  bool away() const override { return away_.load(std::memory_order_relaxed); }

  void ask(Question question, os::Loop* loop, std::function<void(Answer)> done) override {
    questions_.add();
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && !away() && waiting_.size() < kWaitingMax) {
        const std::size_t lines = question.lines.size();
        waiting_.push_back({words_of(question), lines, loop, std::move(done)});
        wake_.notify_one();
        return;
      }
    }
    unanswered_.add();
    done({});
  }

  void release(std::string key, std::string lease) override {
    const std::lock_guard lock(mutex_);
    if (stopping_ || away() || waiting_.size() >= kWaitingMax) return;  // it ends by itself
    waiting_.push_back({{"ZREM", std::string(kPrefix) + key, std::move(lease)}, 0, nullptr, nullptr});
    wake_.notify_one();
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Command {
    Words words;
    std::size_t lines = 0;
    os::Loop* loop = nullptr;
    std::function<void(Answer)> done;  // empty: nobody waits
  };

  void run() {
    Connection connection(place_, options_.password, options_.timeout_ms);
    std::int64_t pause_ms = kPauseFirstMs;
    while (!stopping()) {
      if (!connection.open()) {
        if (connection.connect()) {
          pause_ms = kPauseFirstMs;
          turned(false, {});
        } else {
          turned(true, connection.trouble());
          std::unique_lock lock(mutex_);
          wake_.wait_for(lock, Millis(pause_ms), [this] { return stopping_; });
          pause_ms = std::min(pause_ms * 2, kPauseMaxMs);
          continue;
        }
      }
      std::deque<Command> batch = take();
      if (!exchange(connection, batch)) turned(true, connection.trouble());
    }
    fail_waiting();
  }

  bool stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  std::deque<Command> take() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    std::deque<Command> batch;
    while (!waiting_.empty() && batch.size() < kBatchMax) {
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return batch;
  }

  // Sends all, then reads all. false: the connection is gone, and what had no answer has got "away".
  bool exchange(Connection& connection, std::deque<Command>& batch) {
    for (Command& command : batch) {
      if (command.done) command.words[1] = connection.script();
      connection.send(command.words);
    }
    std::deque<Command> again;
    while (!batch.empty()) {
      const Reply reply = connection.receive();
      if (reply == nullptr) break;
      Command command = std::move(batch.front());
      batch.pop_front();
      if (!command.done) continue;
      if (is_noscript(*reply)) {
        again.push_back(std::move(command));
        continue;
      }
      Answer answer = answered(*reply, command.lines);
      finish(std::move(command), std::move(answer));
    }
    // Someone emptied the script cache. Loaded once more; a store that forgets it again at once is not to be waited for.
    if (connection.open() && !again.empty() && connection.load()) retry(connection, again);
    for (auto* unanswered : {&batch, &again}) {
      for (Command& command : *unanswered) finish(std::move(command), {});
    }
    return connection.open();
  }

  void retry(Connection& connection, std::deque<Command>& again) {
    for (Command& command : again) {
      command.words[1] = connection.script();
      connection.send(command.words);
    }
    while (!again.empty()) {
      const Reply reply = connection.receive();
      if (reply == nullptr) return;
      Command command = std::move(again.front());
      again.pop_front();
      Answer answer = answered(*reply, command.lines);
      finish(std::move(command), std::move(answer));
    }
  }

  Answer answered(const redisReply& reply, std::size_t lines) {
    Answer out = answer_of(reply, lines);
    if (out.away && !told_) {  // a store that can't write, or a key that somebody else uses
      told_ = true;
      log::warn("limits.store_refused", {{"why", reply.type == REDIS_REPLY_ERROR ? std::string(reply.str, reply.len) : "an answer of another form"}});
    }
    return out;
  }

  void finish(Command command, Answer answer) {
    if (answer.away) unanswered_.add();
    if (!command.done) return;
    if (command.loop == nullptr) return command.done(std::move(answer));
    command.loop->post([done = std::move(command.done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
  }

  void turned(bool away, const std::string& why) {
    if (first_ || away != away_.load()) {
      if (away)
        log::warn("limits.store_away", {{"store", options_.url}, {"why", why}});
      else
        log::info("limits.store_used", {{"store", options_.url}});
    }
    first_ = false;
    away_ = away;
    if (away) fail_waiting();
    told_ = told_ && !away;
  }

  void fail_waiting() {
    std::deque<Command> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(waiting_);
    }
    for (Command& command : all) finish(std::move(command), {});
  }

  const Place place_;
  const RedisOptions options_;
  Counter& questions_;
  Counter& unanswered_;
  std::atomic<bool> away_{true};  // until it has answered
  bool first_ = true, told_ = false;
  std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  std::deque<Command> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<SharedStore>> open_redis(const RedisOptions& options, Metrics& metrics) {
  Place place = TRY(place_of(options.url));
  return std::unique_ptr<SharedStore>(std::make_unique<RedisStore>(std::move(place), options, metrics));
}

}  // namespace slipway::limits
