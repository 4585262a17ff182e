#include "slipway/platform/rpc/calls.hpp"

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <array>
#include <deque>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/http/content_coding.hpp"
#include "slipway/os/loop.hpp"

namespace slipway::rpc {
namespace {

using grpc::ByteBuffer;
using Bidi = grpc::ServerGenericBidiReactor;

Steady steady_of(std::chrono::system_clock::time_point deadline) {
  if (deadline == std::chrono::system_clock::time_point::max()) return Steady::max();
  const auto left = deadline - std::chrono::system_clock::now();
  constexpr auto kMost = std::chrono::hours(24 * 365);
  return left > kMost ? Steady::max() : system_clock().steady() + std::chrono::duration_cast<Steady::duration>(left);
}

// What of the metadata counts: credentials, and what the request's headers say by HTTP.
http::Request request_of(const grpc::GenericCallbackServerContext& context, std::string_view path) {
  static constexpr std::array<std::string_view, 4> kRead = {"authorization", "x-api-key", "x-request-timeout", "x-request-priority"};
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : context.client_metadata()) {
    for (const std::string_view wanted : kRead) {
      if (wanted == std::string_view(name.data(), name.size())) headers.emplace_back(wanted, std::string(value.data(), value.size()));
    }
  }
  return http::Request::make(http::Method::post, path, std::move(headers));
}

// Which coding a message came in. Not in the stable interface: with decompression by the library switched off, the buffer alone knows.
class CodingReader : public grpc::ProtoBufferReader {
 public:
  using ProtoBufferReader::ProtoBufferReader;
  grpc_compression_algorithm coding() { return status().ok() ? reader()->buffer_in->data.raw.compression : GRPC_COMPRESS_NONE; }
};

// A message as bytes in one piece: `unpacked` when it came compressed, `slice` else. A short one stands inside of these two themselves, so that no
// view of it outlives a move.
struct Message {
  grpc::Slice slice;
  OwnedBytes unpacked;
  bool packed = false;
  std::string_view bytes() const { return packed ? unpacked.text() : std::string_view(reinterpret_cast<const char*>(slice.begin()), slice.size()); }
};

Result<Message> message_of(ByteBuffer& buffer, std::size_t bytes_max) {
  Message out;
  const grpc_compression_algorithm coding = CodingReader(&buffer).coding();
  if (!buffer.TrySingleSlice(&out.slice).ok() && !buffer.DumpToSingleSlice(&out.slice).ok())
    return Error(ErrorCode::bad_request, "the message can't be read");
  if (coding != GRPC_COMPRESS_NONE) {
    const http::Coding how = coding == GRPC_COMPRESS_GZIP ? http::Coding::gzip : http::Coding::deflate;
    out.unpacked = TRY(http::decompressed(out.bytes(), how, bytes_max));
    out.packed = true;
  }
  if (out.bytes().size() > bytes_max) return Error(ErrorCode::too_large, "the message is larger than " + std::to_string(bytes_max) + " bytes");
  return out;
}

ByteBuffer buffer_of(const google::protobuf::MessageLite& message) {
  if (message.ByteSizeLong() > std::numeric_limits<int>::max()) throw std::length_error("an answer is larger than a message may be");
  ByteBuffer out;
  bool own = false;
  if (!grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(message, &out, &own).ok())
    throw std::runtime_error("a message could not be written");
  return out;
}

class AnyCall;

// What the calls of a server share.
struct Shared {
  Shared(Methods methods_of, http::Guard& guard_of, std::vector<os::Loop*> loops_of, CallLimits limits_of)
      : methods(std::move(methods_of)), guard(guard_of), loops(std::move(loops_of)), limits(limits_of), shards(loops.size()) {}
  const Methods methods;
  http::Guard& guard;
  const std::vector<os::Loop*> loops;
  const CallLimits limits;
  std::array<Counter*, 17> by_code{};
  Histogram* seconds = nullptr;
  std::atomic<std::size_t> calls{0}, next_loop{0};
  std::atomic<bool> draining{false};
  struct Shard {  // one a loop
    std::mutex mutex;
    std::unordered_set<AnyCall*> calls;
  };
  std::vector<Shard> shards;

  std::vector<std::shared_ptr<AnyCall>> all_calls();
  void sweep();
};

// What a call of one message and a stream have in common. Owned by itself from begin() to OnDone(); whoever answers later holds it too.
class AnyCall : public Bidi, public std::enable_shared_from_this<AnyCall> {
 public:
  AnyCall(std::shared_ptr<Shared> shared, grpc::GenericCallbackServerContext& context)
      : held_(std::move(shared)),
        shared_(*held_),
        context_(context),
        path_(context.method()),
        began_(system_clock().steady()),
        loop_(shared_.next_loop.fetch_add(1) % shared_.loops.size()) {
    shared_.calls.fetch_add(1);
  }
  ~AnyCall() override {
    shared_.calls.fetch_sub(1);
    const std::lock_guard lock(shard().mutex);
    shard().calls.erase(this);
  }
  AnyCall(const AnyCall&) = delete;
  AnyCall& operator=(const AnyCall&) = delete;

  void begin() {
    self_ = shared_from_this();
    const auto found = shared_.methods.find(path_);
    if (found == shared_.methods.end()) return end(Error(ErrorCode::not_implemented, "slipway has no method " + excerpt(path_, 100)));
    method_ = &found->second;
    if (shared_.calls.load() > shared_.limits.calls_max)
      return end(Error(ErrorCode::overloaded, "the server has as many calls as it may have").retry_after(1));
    auto call = std::make_shared<Call>();
    call->request = request_of(context_, path_);
    call->loop = shared_.loops[loop_];
    call->deadline = steady_of(context_.deadline());
    call->request.cancellation = std::make_shared<Cancellation>();
    if (auto admitted = admit(call->request); admitted.ok())
      call->request.principal = *std::move(admitted);
    else
      return end(admitted.error());
    call_ = std::move(call);
    {
      const std::lock_guard lock(shard().mutex);
      shard().calls.insert(this);
    }
    read_first();
  }

  // Asked now and then: a message that doesn't come must not hold a place for ever.
  void end_if_late() {
    const auto since = waits_since_.load();
    const Millis most = is_open() ? shared_.limits.open_wait : shared_.limits.wait;
    if (since != Steady() && system_clock().steady() - since > most)
      end(Error(ErrorCode::request_timeout, "no message came for " + std::to_string(most.count()) + " ms"));
  }
  virtual void drain() {}

  void OnDone() override { self_.reset(); }

 protected:
  virtual void read_first() = 0;
  virtual void end(const Error& error) = 0;

  // What waits or runs for it in a model's queue. Not under a lock of the call's: it is answered from there.
  void drop_work() const {
    if (call_ != nullptr) call_->request.cancellation->cancel();
  }

  bool is_open() const { return method_->access.kind() == http::Access::Kind::anyone; }
  Shared::Shard& shard() const { return shared_.shards[loop_]; }

  Result<http::PrincipalPtr> admit(const http::Request& request) const {
    if (is_open()) return http::PrincipalPtr();
    return shared_.guard.admit(request, method_->access);
  }

  grpc::Status status_of(const Error& error) {
    for (const auto& [name, value] : trailers_of(error)) context_.AddTrailingMetadata(name, value);
    if (!error.internal().empty() && error.code() == ErrorCode::internal) log::error("grpc.failed", {{"method", path_}, {"what", error.internal()}});
    return {static_cast<grpc::StatusCode>(status_code(error.code())), predictions::error_text(error)};
  }

  void note(const grpc::Status& status) {
    const int code = status.error_code();
    if (code >= 0 && static_cast<std::size_t>(code) < shared_.by_code.size()) shared_.by_code[static_cast<std::size_t>(code)]->add();
    const double seconds = std::chrono::duration<double>(system_clock().steady() - began_).count();
    shared_.seconds->observe(seconds);
    if (!log::enabled(log::Level::debug)) return;
    log::debug("grpc.call", {{"method", path_}, {"status", status_name(code)}, {"ms", seconds * 1000}, {"peer", context_.peer()}});
  }

  // Runs the method on a message. reply is called exactly once, whatever happens.
  void run(ByteBuffer& buffer, const Reply& reply) {
    try {
      const auto message = message_of(buffer, method_->bytes_max);
      if (!message.ok()) return reply(message.error());
      method_->run(call_, message->bytes(), reply);
    } catch (const std::exception& e) {  // no memory: before anything was begun
      reply(Error(ErrorCode::internal, "The request could not be begun.").because(e.what()));
    }
  }

  const std::shared_ptr<Shared> held_;  // a late answer outlives the server
  Shared& shared_;
  grpc::GenericCallbackServerContext& context_;
  const std::string path_;
  const Steady began_;
  const std::size_t loop_;
  std::atomic<Steady> waits_since_{Steady()};  // for a message; Steady(): it doesn't
  const Method* method_ = nullptr;
  CallPtr call_;
  std::shared_ptr<AnyCall> self_;
  ByteBuffer in_, out_;
};

class UnaryCall final : public AnyCall {
 public:
  using AnyCall::AnyCall;

  void OnReadDone(bool good) override {
    waits_since_ = Steady();
    if (!good) return end(Error(ErrorCode::bad_request, "the call has no message"));
    run(in_, [this, self = shared_from_this()](Result<Answer> answer) { finish(std::move(answer)); });
    in_.Clear();
  }
  void OnCancel() override {
    const auto kept = shared_from_this();
    if (!ended_.exchange(true)) finish_with(grpc::Status::CANCELLED);
    drop_work();
  }

 private:
  void read_first() override {
    waits_since_ = began_;
    StartRead(&in_);
  }
  void end(const Error& error) override { finish(error); }

  void finish(Result<Answer> answer) {
    if (ended_.exchange(true)) return;  // cancelled: nobody waits for it, and the context may be gone
    if (!answer.ok()) return finish_with(status_of(answer.error()));
    for (const auto& [name, value] : answer->trailers) context_.AddTrailingMetadata(name, value);
    try {
      out_ = buffer_of(*answer->message);
    } catch (const std::exception& e) {
      return finish_with(status_of(Error(ErrorCode::internal, "The answer could not be written.").because(e.what())));
    }
    note(grpc::Status::OK);
    StartWriteAndFinish(&out_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void finish_with(const grpc::Status& status) {
    note(status);
    Finish(status);
  }

  std::atomic<bool> ended_{false};
};

// Any number of messages, each answered in its turn.
class StreamCall final : public AnyCall {
 public:
  using AnyCall::AnyCall;
  void OnReadDone(bool good) override {
    std::shared_ptr<Waiting> waiting;
    ByteBuffer message;
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      if (ended_) return;
      if (good) {
        waiting = queue_.emplace_back(std::make_shared<Waiting>());
        message.Swap(&in_);
      } else {
        no_more_ = true;
      }
    }
    // A stream may last longer than the right to it.
    if (waiting) {
      if (const auto admitted = admit(call_->request); !admitted.ok()) return end(admitted.error());
      run(message, [this, self = shared_from_this(), waiting](Result<Answer> answer) { answered(*waiting, std::move(answer)); });
    }
    go_on();
  }
  void OnWriteDone(bool good) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      no_more_ = no_more_ || !good;
    }
    go_on();
  }
  void OnCancel() override {
    const auto kept = shared_from_this();
    finish(grpc::Status::CANCELLED);
    drop_work();
  }

  void drain() override {
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    go_on();
  }

 private:
  struct Waiting {
    bool ready = false;
    ByteBuffer answer;
  };

  void read_first() override {
    if (shared_.draining) return drain();  // what drains the others may have come before this one was known
    go_on();
  }
  void end(const Error& error) override {
    const std::lock_guard lock(mutex_);
    if (!ended_) finish_locked(status_of(error));
  }

  void answered(Waiting& waiting, Result<Answer> answer) {
    if (!answer.ok()) return end(answer.error());  // of the message's form: what refuses a request comes as an answer
    ByteBuffer bytes;
    try {
      bytes = buffer_of(*answer->message);
    } catch (const std::exception& e) { return end(Error(ErrorCode::internal, "The answer could not be written.").because(e.what())); }
    {
      const std::lock_guard lock(mutex_);
      waiting.answer.Swap(&bytes);
      waiting.ready = true;
    }
    go_on();
  }

  // One read and one write at a time; the library calls back from threads of its own, never from within these.
  void go_on() {
    const std::lock_guard lock(mutex_);
    if (ended_ || call_ == nullptr) return;
    if (!writing_ && !queue_.empty() && queue_.front()->ready) {
      out_.Swap(&queue_.front()->answer);
      queue_.pop_front();
      writing_ = true;
      StartWrite(&out_);
    }
    const bool closing = no_more_ || draining_;
    if (!reading_ && !closing && queue_.size() < shared_.limits.stream_requests) {
      reading_ = true;
      StartRead(&in_);
    }
    const bool idle = reading_ && queue_.empty() && !writing_;
    if (idle != (waits_since_.load() != Steady())) waits_since_ = idle ? system_clock().steady() : Steady();
    if (closing && !writing_ && queue_.empty())
      finish_locked(no_more_ ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is being stopped"));
  }

  void finish(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    finish_locked(status);
  }
  void finish_locked(const grpc::Status& status) {
    if (std::exchange(ended_, true)) return;
    note(status);
    Finish(status);
  }

  std::mutex mutex_;
  std::deque<std::shared_ptr<Waiting>> queue_;
  bool reading_ = false, writing_ = false, no_more_ = false, draining_ = false, ended_ = false;
};

std::vector<std::shared_ptr<AnyCall>> Shared::all_calls() {
  std::vector<std::shared_ptr<AnyCall>> out;
  for (Shard& shard : shards) {
    const std::lock_guard lock(shard.mutex);
    for (AnyCall* const call : shard.calls) {
      if (auto held = call->weak_from_this().lock()) out.push_back(std::move(held));
    }
  }
  return out;
}

void Shared::sweep() {
  for (const auto& call : all_calls()) call->end_if_late();
}

// On the loop's thread, once a second as long as the server is there.
void sweep_later(os::Loop& loop, const std::weak_ptr<Shared>& shared) {
  loop.after(Millis(1000), [&loop, shared] {
    const auto held = shared.lock();
    if (!held) return;
    held->sweep();
    sweep_later(loop, shared);
  });
}

class Service final : public Calls, public grpc::CallbackGenericService {
 public:
  explicit Service(Methods methods, http::Guard& guard, std::vector<os::Loop*> loops, Metrics& metrics, CallLimits limits)
      : shared_(std::make_shared<Shared>(std::move(methods), guard, std::move(loops), limits)) {
    for (std::size_t code = 0; code < shared_->by_code.size(); ++code)
      shared_->by_code[code] =
          &metrics.counter("slipway_grpc_calls_total", "Calls answered by gRPC", "code=\"" + std::string(status_name(static_cast<int>(code))) + "\"");
    shared_->seconds = &metrics.histogram("slipway_grpc_call_seconds", "From a call's beginning to its end");
    os::Loop& loop = *shared_->loops[0];
    loop.post([&loop, shared = std::weak_ptr(shared_)] { sweep_later(loop, shared); });
  }

  grpc::CallbackGenericService& service() override { return *this; }

  Bidi* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const auto method = shared_->methods.find(context->method());
    const std::shared_ptr<AnyCall> call = method != shared_->methods.end() && method->second.streams
                                              ? std::shared_ptr<AnyCall>(std::make_shared<StreamCall>(shared_, *context))
                                              : std::make_shared<UnaryCall>(shared_, *context);
    call->begin();
    return call.get();
  }

  void drain() override {
    shared_->draining = true;
    for (const auto& call : shared_->all_calls()) call->drain();
  }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

std::unique_ptr<Calls> Calls::make(Methods methods, http::Guard& guard, std::vector<os::Loop*> loops, Metrics& metrics, CallLimits limits) {
  return std::make_unique<Service>(std::move(methods), guard, std::move(loops), metrics, limits);
}

}  // namespace slipway::rpc
