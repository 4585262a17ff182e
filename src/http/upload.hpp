// Upload: a streamed body on its way into its sink. The connection gives bytes as they come; the sink takes them on the pool, one call at
// a time; in between waits at most a bounded buffer. All functions: the connection's loop thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "slipway/http/route.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/pool.hpp"

namespace slipway::http {

class UploadOwner {
 public:
  virtual ~UploadOwner() = default;
  virtual void upload_moved() = 0;  // the sink is made, or there is room again
};

class Upload : public std::enable_shared_from_this<Upload> {
 public:
  Upload(os::Loop& loop, os::Pool& pool, std::size_t buffer_bytes, std::weak_ptr<UploadOwner> owner)
      : loop_(loop), pool_(pool), buffer_bytes_(buffer_bytes), owner_(std::move(owner)) {}

  void start(const SinkHandler& handler, Request request, Responder responder);  // handler outlives the upload
  bool ready() const { return ready_; }                                          // the sink is made
  bool has_room() const { return ready_ && pending_.size() < buffer_bytes_; }
  void give(std::string_view bytes);
  void end();    // the whole body was given
  void abort();  // the sink goes without finish()

 private:
  void made(Status status);
  void wrote(Status status);
  void go_on();
  void fail(Error error);
  void release();
  Status make_sink(const SinkHandler& handler);
  Status write_block(const std::string& block);
  void finish_sink(Responder responder);

  os::Loop& loop_;
  os::Pool& pool_;
  std::size_t buffer_bytes_;
  std::weak_ptr<UploadOwner> owner_;
  Responder responder_;
  std::string pending_;
  bool ready_ = false, busy_ = false, ended_ = false, over_ = false;
  Request request_;  // these two: the pool's while busy_
  std::unique_ptr<BodySink> sink_;
};

}  // namespace slipway::http
