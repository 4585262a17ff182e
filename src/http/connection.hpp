// Connection: one peer, HTTP/1.1, one request at a time (a pipelined one waits in the buffer until the one before is answered).
//
// A state machine on its loop's thread: head -> body | upload -> waiting (a handler has the request) -> writing -> head | discarding |
// lingering -> closed. Only gone() may be asked by other threads; answers come in through an Exchange.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "slipway/http/chunked.hpp"
#include "slipway/http/content_coding.hpp"
#include "slipway/http/request_head.hpp"
#include "slipway/http/route.hpp"
#include "slipway/http/shared.hpp"
#include "slipway/http/transport.hpp"
#include "slipway/http/upload.hpp"

namespace slipway::http {

class Connection final : public TransportUser, public UploadOwner, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Server::Shared> shared, LoopState& state, std::unique_ptr<Transport> transport, std::string peer);
  ~Connection() override;

  void start();
  void tick(Steady now);  // the timeouts
  void drain();           // closes when nothing is under way
  void cut();             // closes at once
  void deliver(std::uint64_t sequence, Result<Response> result);

  os::Loop& loop() { return loop_state_.loop; }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

  void on_read(std::size_t bytes, bool end, bool failed) override;
  void on_written(std::size_t bytes, bool failed) override;
  void upload_moved() override;

 private:
  enum class State : std::uint8_t { head, body, upload, waiting, writing, discarding, lingering, closed };

  void advance();  // runs steps until one has to wait
  bool step();
  bool step_head();
  bool step_body();
  bool step_upload();
  bool step_waiting();
  bool step_discarding();
  bool step_lingering();

  void begin_request(std::size_t head_bytes);
  void forget_request();  // the one before
  void set_request_id(std::string_view sent);
  bool find_route();  // false: answered
  bool admit();
  bool accept_body();
  void receive_body();
  void begin_upload();
  void dispatch();
  void decompress();
  void hand_over();  // to the handler
  void run_on_pool(const PoolHandler& handler, Responder responder);
  Result<std::string_view> next_body(std::string_view& bytes);  // content at the front of bytes; advances
  void say_continue();

  void refuse(const Error& error, std::vector<std::pair<std::string, std::string>> headers = {});
  void refuse_and_close(Error error);
  void respond(Response response);
  void write_out();
  void finish_write();
  void pump_source();
  void source_read(Result<std::size_t> got, std::string block);
  void pump_push();
  void pushed();
  void frame(std::string block);  // as the next piece of the body
  void after_response();
  bool rest_is_small() const;
  void linger();
  void close();
  void account(const Response& response);
  void log_request(const Response& response, double seconds);

  std::string_view unread() const { return {in_.get() + begin_, end_ - begin_}; }
  void arm_read();
  bool await_more();  // reads more, or closes where nothing more can come; always false: the machine waits
  void read_into_body();
  bool make_room();
  Steady now() const { return system_clock().steady(); }

  std::shared_ptr<Server::Shared> shared_;
  LoopState& loop_state_;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<const std::string> peer_;

  // What was read and not yet used: in_[begin_, end_). While a read is under way, nothing in [end_, capacity_) moves.
  std::unique_ptr<char[]> in_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool reading_ = false, reading_body_ = false, eof_ = false;
  std::string given_up_body_;  // of a request that was refused while a read into its body was under way

  State state_ = State::head;
  bool advancing_ = false;
  std::atomic<bool> gone_{false};

  // The request at hand.
  std::uint64_t sequence_ = 0;
  HeadScan scan_;
  RequestHead head_;
  Request request_;
  std::optional<Coding> coding_;  // of the body
  const Route* route_ = nullptr;
  std::size_t route_index_ = 0;
  std::array<char, 64> id_text_{};
  std::string_view id_;
  PrincipalPtr principal_;  // for the log
  bool is_head_ = false, keep_alive_ = true, params_valid_ = true;
  bool chunked_ = false, body_done_ = true;
  ChunkedReader chunks_;
  std::uint64_t body_left_ = 0, body_bytes_ = 0, body_max_ = 0;
  std::shared_ptr<Upload> upload_;
  CancellationPtr cancellation_;  // serves one request after the other, as long as nobody keeps it
  bool answered_ = false;         // response_ holds the handler's answer
  Response response_;

  // The response at hand.
  std::string out_, out_body_;
  std::size_t out_sent_ = 0;  // of both
  bool close_after_ = false, writing_ = false, source_chunked_ = false, source_known_ = false;
  std::shared_ptr<BodySource> source_;
  std::uint64_t source_left_ = 0;
  std::shared_ptr<PushBody> push_;

  Steady began_{}, activity_{}, handed_over_{}, deadline_{}, rate_began_{};
  std::uint64_t rate_bytes_ = 0;
};

}  // namespace slipway::http
