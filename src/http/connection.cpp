#include "slipway/http/connection.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <exception>
#include <utility>

#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/http/content_coding.hpp"
#include "slipway/http/problem.hpp"
#include "slipway/http/push.hpp"
#include "slipway/http/request_parts.hpp"
#include "slipway/http/response_head.hpp"

namespace slipway::http {
namespace {

constexpr std::size_t kBufferBytes = 8 * 1024;           // of an idle connection
constexpr std::size_t kBodyBufferBytes = 64 * 1024;      // while a larger body arrives
constexpr std::size_t kDirectBodyBytesMin = 32 * 1024;   // a body of a known size from this is read into its final place
constexpr std::size_t kReservedBodyBytesMax = 1 << 20;   // address space only, until bytes really come
constexpr std::size_t kIgnoredBodyBytesMax = 64 * 1024;  // of a route without a body
constexpr std::size_t kDiscardBytesMax = 64 * 1024;      // of an unread body that is read for nothing, to keep the connection
constexpr std::size_t kJoinedBodyBytesMax = 32 * 1024;   // a body up to this is sent from one buffer with its head
constexpr Millis kLinger{3'000};
constexpr Millis kHalfClose{100};

// The right to answer one request of a connection; safe from any thread, and after the connection is gone.
class Exchange final : public Responder::Target {
 public:
  Exchange(std::shared_ptr<Connection> connection, std::uint64_t sequence) : connection_(std::move(connection)), sequence_(sequence) {}
  ~Exchange() override { drop(); }

  void answer(Result<Response> result) override {
    os::Loop& loop = connection_->loop();
    if (loop.is_current()) return connection_->deliver(sequence_, std::move(result));
    loop.post(
        [connection = connection_, sequence = sequence_, result = std::move(result)]() mutable { connection->deliver(sequence, std::move(result)); });
  }
  bool gone() const override { return connection_->gone(); }

 private:
  std::shared_ptr<Connection> connection_;
  std::uint64_t sequence_;
};

// Of this thread. Not the clock's: others may run in between, cells on the same core above all.
std::chrono::nanoseconds cpu_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

CallerId caller_id(std::string_view name) { return std::hash<std::string_view>{}(name) | 1; }  // 0 is nobody

bool is_sane_id(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

// splitmix64, seeded once a thread: ids need to be different, not secret.
std::uint64_t next_random() {
  thread_local std::uint64_t state = [] {
    std::uint64_t seed = 0;
    const std::string bytes = random_bytes(sizeof seed);
    std::memcpy(&seed, bytes.data(), sizeof seed);
    return seed;
  }();
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

double seconds_between(Steady from, Steady to) { return std::chrono::duration<double>(to - from).count(); }

bool takes(const std::vector<std::string>& types, std::string_view content_type) {
  const std::string_view media = trim_blanks(content_type.substr(0, content_type.find(';')));
  return std::any_of(types.begin(), types.end(), [&](const std::string& t) { return equals_ignoring_case(t, media); });
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

Error wrong_type(const Route& route, bool missing) {
  return {ErrorCode::unsupported_media_type, std::string(missing ? "The request has no Content-Type" : "This Content-Type is not taken here") +
                                                 "; send one of: " + joined(route.body.content_types) + "."};
}

}  // namespace

Connection::Connection(std::shared_ptr<Server::Shared> shared, LoopState& state, std::unique_ptr<Transport> transport, std::string peer)
    : shared_(std::move(shared)),
      loop_state_(state),
      transport_(std::move(transport)),
      peer_(std::make_shared<const std::string>(std::move(peer))),
      caller_(caller_id(*peer_)) {}

Connection::~Connection() = default;

void Connection::start() {
  began_ = activity_ = now();
  advance();
}

// --- the machine ---

void Connection::advance() {
  if (advancing_) return;  // a handler answered within its own call: the loop below goes on with it
  advancing_ = true;
  const auto alive = shared_from_this();
  const bool charged = shared_->company.several(activity_);
  const auto begun = charged ? cpu_time() : std::chrono::nanoseconds(0);
  while (state_ != State::closed && step()) {}
  advancing_ = false;
  if (charged) loop_state_.turns.charge(caller_, cpu_time() - begun, now());
}

bool Connection::begin_turn() {
  if (has_turn_) return true;
  if (parked_) return false;
  const Steady at = now();
  if (loop_state_.turns.may_go(caller_, at, shared_->company.has_light(at))) return has_turn_ = true;
  parked_ = true;
  loop_state_.park(caller_, shared_from_this());
  return false;
}

void Connection::take_turn() {
  parked_ = false;
  has_turn_ = true;
  advance();
}

bool Connection::step() {
  switch (state_) {
    case State::head: return step_head();
    case State::body: return step_body();
    case State::upload: return step_upload();
    case State::waiting: return step_waiting();
    case State::writing: return false;
    case State::discarding: return step_discarding();
    case State::lingering: return step_lingering();
    case State::closed: return false;
  }
  return false;
}

bool Connection::step_head() {
  if (unread().empty()) {
    if (eof_ || shared_->stopping.load(std::memory_order_relaxed)) {
      close();
      return false;
    }
    arm_read();
    return false;
  }
  if (!scan_.begun) {
    if (!begin_turn()) return false;
    began_ = activity_;
  }
  const auto& o = shared_->options;
  auto found = find_head(unread(), scan_, {o.header_bytes_max, o.headers_max, o.target_bytes_max});
  if (!found) {
    forget_request();
    refuse_and_close(std::move(found).error());
    return true;
  }
  if (!*found) return await_more();
  begin_request(**found);
  return true;
}

bool Connection::step_body() {
  std::string_view bytes = unread();
  while (!body_done_ && !bytes.empty()) {
    auto data = next_body(bytes);
    if (!data) {
      refuse_and_close(std::move(data).error());
      return true;
    }
    request_.body.append(*data);
  }
  begin_ = static_cast<std::size_t>(bytes.data() - in_.get());
  if (body_done_) {
    dispatch();
    return true;
  }
  return await_more();
}

bool Connection::step_upload() {
  if (answered_) return step_waiting();
  std::string_view bytes = unread();
  while (!body_done_ && !bytes.empty() && upload_->has_room()) {
    auto data = next_body(bytes);
    if (!data) {
      refuse_and_close(std::move(data).error());
      return true;
    }
    upload_->give(*data);
    if (body_done_) {
      handed_over_ = now();
      deadline_ = handed_over_ + route_->timeout;
      upload_->end();
    }
  }
  begin_ = static_cast<std::size_t>(bytes.data() - in_.get());
  if (answered_) return true;
  if (eof_ && !body_done_ && bytes.empty()) {
    close();
    return false;
  }
  // A sink that is behind stops the reading, and so, through the socket's window, the sender.
  if (body_done_ || upload_->has_room()) arm_read();
  return false;
}

bool Connection::step_waiting() {
  if (answered_) {
    answered_ = false;
    respond(std::exchange(response_, Response()));
    return true;
  }
  arm_read();  // to hear when the client leaves
  return false;
}

bool Connection::step_discarding() {
  std::string_view bytes = unread();
  while (!body_done_ && !bytes.empty()) {
    if (!next_body(bytes)) {
      close();
      return false;
    }
  }
  begin_ = static_cast<std::size_t>(bytes.data() - in_.get());
  if (body_done_) {
    state_ = State::head;
    scan_ = HeadScan();
    return true;
  }
  return await_more();
}

bool Connection::step_lingering() {
  begin_ = end_;
  return await_more();
}

// --- a request ---

void Connection::set_request_id(std::string_view sent) {
  if (is_sane_id(sent)) {
    std::memcpy(id_text_.data(), sent.data(), sent.size());
    id_ = {id_text_.data(), sent.size()};
    return;
  }
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::uint64_t a = next_random(), b = next_random();
  for (std::size_t i = 0; i < 24; ++i) {
    std::uint64_t& word = i < 12 ? a : b;
    id_text_[i] = kAlphabet[word & 31];
    word >>= 5;
  }
  id_ = {id_text_.data(), 24};
}

void Connection::forget_request() {
  ++sequence_;
  head_.method = Method::other;  // parse_head fills it anew, and keeps its list's memory
  head_.http_1_0 = head_.expect_continue = false;
  is_head_ = false;
  route_ = nullptr;
  principal_ = nullptr;
  answered_ = false;
  body_bytes_ = 0;
  coding_.reset();
  set_request_id({});
}

void Connection::begin_request(std::size_t head_bytes) {
  forget_request();
  has_turn_ = false;
  const std::string_view bytes = unread().substr(0, head_bytes);
  const auto& o = shared_->options;
  const Status parsed = parse_head(bytes, {o.header_bytes_max, o.headers_max, o.target_bytes_max}, head_);
  begin_ += head_bytes;
  if (!parsed) return refuse_and_close(Error(parsed.error()));
  is_head_ = head_.method == Method::head;
  if (is_sane_id(head_.request_id)) set_request_id(head_.request_id);
  keep_alive_ = head_.keep_alive;
  chunked_ = head_.chunked;
  chunks_ = ChunkedReader();
  body_left_ = head_.content_length;
  body_max_ = kDiscardBytesMax;
  body_done_ = !chunked_ && body_left_ == 0;
  request_ = RequestParts::make(head_, bytes, id_, peer_);
  request_.loop = &loop();
  if (find_route() && admit() && accept_body()) receive_body();
}

bool Connection::find_route() {
  if (head_.asterisk) {
    respond(Response::empty().with("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    return false;
  }
  const Router::Match match = shared_->router.match(head_.method, request_.path());
  using Outcome = Router::Match::Outcome;
  if (match.outcome == Outcome::no_path) {
    refuse(Error(ErrorCode::not_found, "There is nothing at this path."));
    return false;
  }
  if (match.outcome == Outcome::no_method) {
    refuse(Error(ErrorCode::method_not_allowed, "This path takes " + std::string(match.allow) + "."), {{"Allow", std::string(match.allow)}});
    return false;
  }
  if (match.outcome == Outcome::options) {
    respond(Response::empty().with("Allow", std::string(match.allow)));
    return false;
  }
  route_ = match.route;
  route_index_ = match.index;
  RequestParts::set_route(request_, route_->pattern);
  params_valid_ = true;
  for (std::size_t i = 0; i < match.params; ++i) {
    const auto& [name, raw] = match.param[i];
    std::string value;
    const bool is_rest = i + 1 == match.params && route_->pattern.find('*') != std::string::npos;
    if (is_rest) {
      value = raw;
    } else if (!decode_param(raw, value)) {
      params_valid_ = false;
    }
    RequestParts::add_param(request_, name, std::move(value));
  }
  return true;
}

bool Connection::admit() {
  if (route_->access.kind() != Access::Kind::anyone) {
    auto admitted = shared_->guard.admit(request_, route_->access);
    if (!admitted) {
      shared_->company.asks(caller_, false, began_);
      refuse(std::move(admitted).error());
      return false;
    }
    principal_ = *admitted;
    request_.principal = std::move(admitted).value();
    caller_ = caller_id(principal_->limited_as());
    shared_->company.asks(caller_, loop_state_.turns.is_light(caller_, began_), began_);
  }
  // After the guard: who may not ask at all learns nothing of what is there.
  if (!params_valid_) {
    refuse(Error(ErrorCode::not_found, "There is nothing at this path."));
    return false;
  }
  return true;
}

bool Connection::accept_body() {
  const Body& body = route_->body;
  switch (body.kind) {
    case Body::Kind::none: body_max_ = kIgnoredBodyBytesMax; break;
    case Body::Kind::buffered: body_max_ = std::min(body.bytes_max, shared_->options.body_bytes_max); break;
    case Body::Kind::streamed: body_max_ = body.bytes_max; break;
  }
  if (body_done_) return true;
  if (!chunked_ && body_left_ > body_max_) {
    refuse(Error(ErrorCode::too_large, "The body is larger than the limit of " + std::to_string(body_max_) + " bytes."));
    return false;
  }
  if (!head_.content_encoding.empty()) coding_ = coding_of(head_.content_encoding);
  if (!head_.content_encoding.empty() && (body.kind != Body::Kind::buffered || !coding_)) {
    const bool takes = body.kind == Body::Kind::buffered;
    refuse(Error(ErrorCode::unsupported_media_type, takes ? "The Content-Encoding taken here is gzip or deflate, once."
                                                          : "Compressed request bodies are not taken here; send it without Content-Encoding."),
           {{"Accept-Encoding", takes ? "gzip, deflate" : "identity"}});
    return false;
  }
  if (body.kind != Body::Kind::none && !body.content_types.empty() && !takes(body.content_types, head_.content_type)) {
    const char* const hint = route_->method == Method::post ? "Accept-Post" : route_->method == Method::patch ? "Accept-Patch" : "Accept";
    refuse(wrong_type(*route_, head_.content_type.empty()), {{hint, joined(body.content_types)}});
    return false;
  }
  return true;
}

void Connection::receive_body() {
  activity_ = rate_began_ = now();
  rate_bytes_ = 0;
  if (route_->body.kind == Body::Kind::streamed) return begin_upload();
  if (body_done_) return dispatch();
  state_ = State::body;
  align_body();
  if (!chunked_) request_.body.reserve(std::min<std::uint64_t>(body_left_, kReservedBodyBytesMax));  // a promise is not yet a body
  say_continue();
}

// Only for speed: a number that is not one, or lies, is the handler's to refuse.
void Connection::align_body() {
  if (route_->body.aligned_at.empty()) return;
  const std::string_view text = request_.header(route_->body.aligned_at).value_or("");
  std::size_t offset = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), offset).ec == std::errc{}) request_.body.align(offset);
}

void Connection::say_continue() {
  if (!std::exchange(head_.expect_continue, false) || body_done_ || !unread().empty()) return;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (transport_->try_write({kContinue, {}}) != kContinue.size()) close();  // nothing else is on its way: a full buffer means a dead peer
}

Result<std::string_view> Connection::next_body(std::string_view& bytes) {
  std::string_view data;
  if (chunked_) {
    const ChunkedReader::Step step = TRY(chunks_.next(bytes));
    bytes.remove_prefix(step.taken);
    body_done_ = step.done;
    data = step.data;
  } else {
    data = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size())));
    bytes.remove_prefix(data.size());
    body_left_ -= data.size();
    body_done_ = body_left_ == 0;
  }
  body_bytes_ += data.size();
  if (body_bytes_ > body_max_) return Error(ErrorCode::too_large, "The body is larger than the limit of " + std::to_string(body_max_) + " bytes.");
  return data;
}

void Connection::begin_upload() {
  state_ = State::upload;
  handed_over_ = now();
  deadline_ = Steady::max();
  upload_ = std::make_shared<Upload>(loop(), shared_->pool, shared_->options.stream_buffer_bytes, weak_from_this());
  request_.deadline = handed_over_ + route_->timeout;
  upload_->start(std::get<SinkHandler>(route_->handler), std::move(request_), Responder(std::make_shared<Exchange>(shared_from_this(), sequence_)));
  if (!body_done_) return;
  deadline_ = handed_over_ + route_->timeout;
  upload_->end();
}

void Connection::upload_moved() {
  if (state_ != State::upload) return;
  activity_ = rate_began_ = now();  // the wait was ours
  rate_bytes_ = 0;
  if (upload_->ready()) say_continue();
  advance();
}

void Connection::dispatch() {
  state_ = State::waiting;
  handed_over_ = now();
  deadline_ = request_.deadline = handed_over_ + route_->timeout;
  if (route_->body.kind == Body::Kind::none) request_.body = OwnedBytes();
  if (coding_ && !request_.body.empty()) return decompress();
  hand_over();
}

// On the pool: a small body can be long in the making.
void Connection::decompress() {
  const bool taken =
      shared_->pool.submit([self = shared_from_this(), sequence = sequence_, body = std::move(request_.body), coding = *coding_, most = body_max_] {
        auto plain = std::make_shared<Result<OwnedBytes>>(decompressed(body, coding, most));
        self->loop().post([self, sequence, plain] {
          if (sequence != self->sequence_ || self->state_ != State::waiting || self->answered_) return;  // too late
          if (!plain->ok()) {
            self->deliver(sequence, plain->error());
            return;
          }
          self->request_.body = std::move(*plain).value();
          self->hand_over();
        });
      });
  if (!taken) deliver(sequence_, Error(ErrorCode::overloaded, "All workers are busy.").retry_after(1));
}

void Connection::hand_over() {
  Responder responder(std::make_shared<Exchange>(shared_from_this(), sequence_));
  if (const auto* const on_pool = std::get_if<PoolHandler>(&route_->handler)) return run_on_pool(*on_pool, std::move(responder));
  if (cancellation_ == nullptr || cancellation_.use_count() > 1) cancellation_ = std::make_shared<Cancellation>();
  request_.cancellation = cancellation_;
  try {
    std::get<LoopHandler>(route_->handler)(std::move(request_), std::move(responder));
  } catch (const std::exception& e) { log::error("http.handler_threw", {{"route", route_->pattern}, {"request_id", id_}, {"what", e.what()}}); }
}

void Connection::run_on_pool(const PoolHandler& handler, Responder responder) {
  const bool taken = shared_->pool.submit([shared = shared_, &handler, request = std::make_unique<Request>(std::move(request_)), responder] {
    if (responder.gone()) return;
    try {
      responder.send(handler(*request));
    } catch (const std::exception& e) {
      responder.send(Error(ErrorCode::internal, "Something went wrong on our side.").because(std::string("the handler threw: ") + e.what()));
    }
  });
  if (!taken) responder.send(Error(ErrorCode::overloaded, "All workers are busy.").retry_after(1));
}

void Connection::deliver(std::uint64_t sequence, Result<Response> result) {
  const bool expected = sequence == sequence_ && !answered_ && (state_ == State::waiting || state_ == State::upload);
  if (!expected) return;  // too late, or the client is gone
  response_ = result ? std::move(result).value() : problem(result.error(), id_, route_);
  answered_ = true;
  advance();
}

// --- the answer ---

void Connection::refuse(const Error& error, std::vector<std::pair<std::string, std::string>> headers) {
  Response response = problem(error, id_, route_);
  for (auto& header : headers) response.headers.push_back(std::move(header));
  respond(std::move(response));
}

void Connection::refuse_and_close(Error error) {
  keep_alive_ = false;
  body_done_ = false;
  refuse(std::move(error));
}

bool Connection::rest_is_small() const { return body_done_ || (!chunked_ && !head_.expect_continue && body_left_ <= kDiscardBytesMax); }

void Connection::respond(Response response) {
  state_ = State::writing;  // from here on the request has its answer: the upload's own, when it is dropped, comes too late
  if (upload_) {
    upload_->abort();
    upload_.reset();
  }
  close_after_ = !keep_alive_ || !rest_is_small() || (eof_ && !body_done_) || shared_->draining.load(std::memory_order_relaxed);
  account(response);
  loop_state_.turns.answered(caller_, response.status == 401 || response.status == 429 || response.status == 503);
  ResponseFraming framing;
  framing.say_keep_alive = head_.http_1_0 && keep_alive_;
  const bool without_body = is_head_ || !may_have_body(response.status);
  source_ = without_body ? nullptr : std::move(response.source);
  push_ = without_body ? nullptr : std::move(response.push);
  if (push_ || response.push) {
    source_chunked_ = framing.chunked = !head_.http_1_0;
    if (head_.http_1_0) close_after_ = true;
  } else if (source_ || response.source) {
    framing.content_length = response.source_bytes;
    source_chunked_ = framing.chunked = !response.source_bytes && !head_.http_1_0;
    if (!response.source_bytes && head_.http_1_0) close_after_ = true;
    source_known_ = response.source_bytes.has_value();
    source_left_ = response.source_bytes.value_or(0);
  } else {
    framing.content_length = response.body.size();
  }
  framing.close = close_after_;
  out_.clear();
  out_body_.clear();
  out_sent_ = 0;
  append_response_head(out_, response, id_, framing);
  if (!without_body && !source_ && !push_) {
    if (response.body.size() <= kJoinedBodyBytesMax) {
      out_ += response.body;
    } else {
      out_body_ = std::move(response.body);
    }
  }
  if (push_) {
    push_->attach([weak = weak_from_this(), &loop = loop()] {
      loop.post([weak] {
        if (const auto self = weak.lock()) self->pushed();
      });
    });
    if (shared_->stopping.load(std::memory_order_relaxed)) push_->end();
  }
  write_out();
}

void Connection::write_out() {
  const std::size_t total = out_.size() + out_body_.size();
  const auto rest = [this]() -> Buffers {
    const std::string_view head = out_, body = out_body_;
    if (out_sent_ < head.size()) return {head.substr(out_sent_), body};
    return {body.substr(out_sent_ - head.size()), {}};
  };
  if (out_sent_ < total) out_sent_ += transport_->try_write(rest());
  if (out_sent_ < total) {
    writing_ = true;
    transport_->write(rest(), shared_from_this());
    return;
  }
  finish_write();
}

void Connection::on_written(std::size_t bytes, bool failed) {
  writing_ = false;
  if (state_ == State::closed) return;
  if (failed) return close();
  activity_ = now();
  out_sent_ += bytes;
  write_out();
  advance();
}

void Connection::finish_write() {
  if (source_) return pump_source();
  if (push_) return pump_push();
  after_response();
}

void Connection::pump_source() {
  if (source_known_ && source_left_ == 0) {
    source_.reset();
    return after_response();
  }
  const bool taken = shared_->pool.go_on([self = shared_from_this(), source = source_] {
    std::string block(kBodyBufferBytes, '\0');
    Result<std::size_t> got = Error(ErrorCode::internal, "");
    try {
      got = source->read(std::as_writable_bytes(std::span(block.data(), block.size())));
    } catch (const std::exception& e) { got = Error(ErrorCode::internal, "").because(e.what()); }
    self->loop().post([self, got = std::move(got), block = std::move(block)]() mutable { self->source_read(std::move(got), std::move(block)); });
  });
  if (!taken) close();
}

void Connection::source_read(Result<std::size_t> got, std::string block) {
  if (state_ != State::writing || !source_) return;
  const bool too_much = got && source_known_ && *got > source_left_;
  if (!got || too_much || *got > block.size()) {
    log::error("http.download_failed", {{"request_id", id_}, {"what", got ? "the source gave more than it said" : got.error().internal()}});
    return close();  // cut: the client must not take it for whole
  }
  block.resize(*got);
  if (block.empty()) {
    source_.reset();
    if (source_known_) return close();  // it gave less than it said
    out_ = source_chunked_ ? "0\r\n\r\n" : "";
  } else {
    if (source_known_) source_left_ -= *got;
    frame(std::move(block));
  }
  out_body_.clear();
  out_sent_ = 0;
  activity_ = now();
  write_out();
  advance();
}

void Connection::frame(std::string block) {
  if (!source_chunked_) {
    out_ = std::move(block);
    return;
  }
  char size[24];
  out_.assign(size, static_cast<std::size_t>(std::snprintf(size, sizeof size, "%zx\r\n", block.size())));
  out_ += block;
  out_ += "\r\n";
}

// Sends what waits; when nothing does, the connection rests until somebody pushes or the client leaves.
void Connection::pump_push() {
  PushBody::Taken taken = push_->take();
  if (taken.cut) return close();
  out_body_.clear();
  out_.clear();
  out_sent_ = 0;
  if (!taken.bytes.empty()) {
    frame(std::move(taken.bytes));
  } else if (taken.over) {
    push_.reset();
    if (source_chunked_) out_ = "0\r\n\r\n";
  } else {
    return arm_read();
  }
  activity_ = now();
  write_out();
}

void Connection::pushed() {
  if (state_ != State::writing || !push_ || writing_) return;
  pump_push();
  advance();
}

void Connection::after_response() {
  if (out_.capacity() > kBodyBufferBytes) out_ = std::string();
  out_body_ = std::string();
  if (reading_body_) given_up_body_ = std::move(request_.body);  // a read is still under way into it
  request_ = Request();
  principal_ = nullptr;
  activity_ = now();
  if (close_after_) {
    if (body_done_ && unread().empty()) return close();
    return linger();
  }
  if (body_done_) {
    state_ = State::head;
    scan_ = HeadScan();
  } else {
    state_ = State::discarding;
  }
}

// Closing with unread bytes in the socket would reset the connection, and the client might lose the answer: it gets a while to read.
void Connection::linger() {
  state_ = State::lingering;
  began_ = now();
  transport_->half_close();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  gone_.store(true, std::memory_order_relaxed);
  if (std::exchange(parked_, false)) loop_state_.forget(caller_, shared_from_this());
  if (upload_) {
    upload_->abort();
    upload_.reset();
  }
  source_.reset();
  if (push_) push_->abandon();
  push_.reset();
  transport_->close();
  shared_->remove(loop_state_, this);
  if (cancellation_ != nullptr && cancellation_.use_count() > 1) cancellation_->cancel();
}

// --- reading ---

bool Connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  const bool big_body = state_ == State::body || state_ == State::upload;
  std::size_t wanted = big_body && (chunked_ || body_left_ > kBufferBytes) ? kBodyBufferBytes : kBufferBytes;
  if (state_ == State::head && end_ - begin_ >= kBufferBytes) wanted = shared_->options.header_bytes_max + 1024;
  const bool too_big = end_ == 0 && capacity_ > wanted;
  if (capacity_ < wanted || too_big) {
    auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
    if (end_ > begin_) std::memcpy(bigger.get(), in_.get() + begin_, end_ - begin_);
    in_ = std::move(bigger);
    end_ -= begin_;
    begin_ = 0;
    capacity_ = wanted;
  } else if (begin_ > 0 && capacity_ - end_ < capacity_ / 4) {
    std::memmove(in_.get(), in_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return end_ < capacity_;
}

// The rest of a large body, past the buffer: grows with what has come, not with what was promised.
void Connection::read_into_body() {
  const std::uint64_t more = std::min<std::uint64_t>(body_left_, std::max<std::uint64_t>(kBodyBufferBytes, body_bytes_));
  const std::span<char> room = request_.body.room(more);
  reading_ = reading_body_ = true;
  transport_->read(room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), body_left_))), shared_from_this());
}

void Connection::arm_read() {
  if (reading_ || eof_ || state_ == State::closed) return;
  if (state_ == State::body && !chunked_ && unread().empty() && head_.content_length >= kDirectBodyBytesMin) return read_into_body();
  if (!make_room()) return;
  reading_ = true;
  transport_->read({in_.get() + end_, capacity_ - end_}, shared_from_this());
}

bool Connection::await_more() {
  if (eof_) {
    close();
  } else {
    arm_read();
  }
  return false;
}

void Connection::on_read(std::size_t bytes, bool end, bool failed) {
  reading_ = false;
  if (state_ == State::closed) return;
  if (failed) return close();
  if (!std::exchange(reading_body_, false)) {
    end_ += bytes;
  } else if (state_ == State::body) {
    request_.body.grow(bytes);
    body_bytes_ += bytes;
    body_left_ -= bytes;
    body_done_ = body_left_ == 0;
  } else {
    given_up_body_ = OwnedBytes();
  }
  eof_ = eof_ || end;
  activity_ = now();
  if (end && push_) return close();  // nobody listens any more
  if (state_ == State::body || state_ == State::upload) rate_bytes_ += bytes;
  // A client that closes its sending side along with its request still waits for the answer; one that does so later has left.
  const bool with_handler = state_ == State::waiting || (state_ == State::upload && body_done_);
  if (end && with_handler && activity_ - handed_over_ > kHalfClose) return close();
  advance();
}

// --- time ---

void Connection::tick(Steady at) {
  const ServerOptions& o = shared_->options;
  switch (state_) {
    case State::head:
      if (scan_.begun) {
        if (at - began_ <= o.header_timeout) return;
        forget_request();
        refuse_and_close(Error(ErrorCode::request_timeout, "The request's headers took too long to arrive."));
        return advance();
      }
      if (at - activity_ > o.idle_timeout) close();
      return;
    case State::body:
    case State::upload: {
      if (body_done_ || (state_ == State::upload && !upload_->has_room())) break;
      bool slow = at - activity_ > o.idle_timeout;
      if (at - rate_began_ >= o.rate_window) {
        slow = slow || static_cast<double>(rate_bytes_) < static_cast<double>(o.rate_bytes_min) * seconds_between(rate_began_, at);
        rate_began_ = at;
        rate_bytes_ = 0;
      }
      if (!slow) return;
      refuse_and_close(Error(ErrorCode::request_timeout, "The request's body took too long to arrive."));
      return advance();
    }
    case State::waiting: break;
    case State::writing:
      if (writing_ && at - activity_ > o.idle_timeout) close();
      return;
    case State::discarding:
      if (at - activity_ > kLinger) close();
      return;
    case State::lingering:
      if (at - began_ > kLinger) close();
      return;
    case State::closed: return;
  }
  if (at <= deadline_ || answered_) return;
  if (upload_) body_done_ = true;
  refuse(Error(ErrorCode::deadline_exceeded, "The request was not done in time."));
  advance();
}

void Connection::drain() {
  if (state_ == State::head && !scan_.begun && unread().empty()) close();
  if (!push_) return;
  close_after_ = true;
  push_->end();  // it has no end of its own: who listens comes again, to the next server
}

void Connection::cut() { close(); }

// --- books ---

void Connection::account(const Response& response) {
  const RouteMetrics& metrics = route_ != nullptr ? shared_->route_metrics[route_index_] : shared_->route_metrics.back();
  const auto family = static_cast<std::size_t>(std::clamp(response.status / 100, 1, 5));
  metrics.by_class[family]->add();
  const double seconds = seconds_between(began_, now());
  metrics.seconds->observe(seconds);
  log_request(response, seconds);
}

void Connection::log_request(const Response& response, double seconds) {
  const bool failed = response.status >= 500;
  const bool quiet = route_ == nullptr || route_->quiet;
  const log::Level level = failed ? log::Level::error : quiet ? log::Level::debug : log::Level::info;
  if (!log::enabled(level)) return;
  json::Object fields = {{"request_id", id_},
                         {"method", method_name(head_.method)},
                         {"route", route_ != nullptr ? std::string_view(route_->pattern) : std::string_view()},
                         {"status", response.status},
                         {"ms", seconds * 1000},
                         {"bytes_in", body_bytes_},
                         {"bytes_out", response.source ? response.source_bytes.value_or(0) : response.body.size()},
                         {"peer", *peer_}};
  if (principal_) {
    fields.emplace_back("user", principal_->user_id);
    if (!principal_->key_id.empty()) fields.emplace_back("key", principal_->key_id);
  }
  if (!response.log_detail.empty()) fields.emplace_back("detail", response.log_detail);
  log::write(level, "request", std::move(fields));
}

}  // namespace slipway::http
