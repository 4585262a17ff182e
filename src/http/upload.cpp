#include "slipway/http/upload.hpp"

#include <exception>
#include <utility>

#include "slipway/base/encoding.hpp"

namespace slipway::http {
namespace {

Error thrown(const char* where, const std::exception& e) {
  return Error(ErrorCode::internal, "Something went wrong on our side.").because(std::string(where) + " threw: " + e.what());
}

}  // namespace

void Upload::start(const SinkHandler& handler, Request request, Responder responder) {
  request_ = std::move(request);
  responder_ = std::move(responder);
  busy_ = true;
  const bool taken = pool_.submit([self = shared_from_this(), &handler] {
    Status status = self->make_sink(handler);
    self->loop_.post([self, status = std::move(status)]() mutable { self->made(std::move(status)); });
  });
  if (taken) return;
  busy_ = false;
  fail(Error(ErrorCode::overloaded, "All workers are busy.").retry_after(1));
}

Status Upload::make_sink(const SinkHandler& handler) {
  try {
    sink_ = TRY(handler(request_));
    return sink_ ? ok() : Status(Error(ErrorCode::internal, "Something went wrong on our side.").because("a route made no sink"));
  } catch (const std::exception& e) { return thrown("making a sink", e); }
}

Status Upload::write_block(const std::string& block) {
  try {
    return sink_->write(as_bytes(block));
  } catch (const std::exception& e) { return thrown("a sink", e); }
}

void Upload::finish_sink(Responder responder) {
  try {
    sink_->finish(responder);
  } catch (const std::exception& e) { responder.send(thrown("finishing a sink", e)); }
  sink_.reset();
}

void Upload::made(Status status) {
  busy_ = false;
  if (over_) return release();
  if (!status) return fail(std::move(status).error());
  ready_ = true;
  go_on();
  if (const auto owner = owner_.lock()) owner->upload_moved();
}

void Upload::give(std::string_view bytes) {
  pending_.append(bytes);
  go_on();
}

void Upload::end() {
  ended_ = true;
  go_on();
}

void Upload::go_on() {
  if (busy_ || over_ || !ready_) return;
  if (!pending_.empty()) {
    busy_ = true;
    const bool taken = pool_.go_on([self = shared_from_this(), block = std::exchange(pending_, {})] {
      Status status = self->write_block(block);
      self->loop_.post([self, status = std::move(status)]() mutable { self->wrote(std::move(status)); });
    });
    if (!taken) {
      busy_ = false;
      fail(Error(ErrorCode::unavailable, "The server is stopping."));
    }
  } else if (ended_) {
    over_ = true;
    pool_.go_on([self = shared_from_this(), responder = std::exchange(responder_, {})] { self->finish_sink(responder); });
  }
}

void Upload::wrote(Status status) {
  busy_ = false;
  if (over_) return release();
  if (!status) return fail(std::move(status).error());
  go_on();
  if (const auto owner = owner_.lock()) owner->upload_moved();
}

void Upload::fail(Error error) {
  const Responder responder = std::exchange(responder_, {});
  abort();
  responder.send(std::move(error));
}

void Upload::abort() {
  if (over_) return;
  over_ = true;
  pending_.clear();
  responder_ = {};
  if (!busy_) release();
}

// The sink's destructor may have files to remove: that is the pool's work too.
void Upload::release() {
  if (sink_) pool_.go_on([sink = std::move(sink_)] {});
}

}  // namespace slipway::http
