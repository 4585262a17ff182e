// The server over real sockets: what a client may do to it, and what it may not.
#include "slipway/http/server.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/http/push.hpp"

namespace slipway::http {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~Client() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {  // RST instead of FIN
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  ssize_t send_some(std::string_view bytes) { return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); }
  bool more() {
    char block[65536];
    const ssize_t n = ::recv(fd_, block, sizeof block, 0);
    if (n > 0) got_.append(block, static_cast<std::size_t>(n));
    return n > 0;
  }
  // One response by its Content-Length (a HEAD's has none); what follows stays.
  std::string response(bool without_body = false) {
    std::size_t head = std::string::npos;
    while ((head = got_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return std::exchange(got_, "");
    }
    std::size_t size = head + 4;
    const std::size_t length = got_.find("Content-Length: ");
    if (!without_body && length < head) size += std::stoul(got_.substr(length + 16));
    while (got_.size() < size && more()) {}
    const std::string out = got_.substr(0, size);
    got_.erase(0, size);
    return out;
  }
  std::string rest() {  // until the server closes
    while (more()) {}
    return std::exchange(got_, "");
  }
  bool closed() { return rest().empty(); }

 private:
  int fd_;
  std::string got_;
};

class KeyGuard : public Guard {
 public:
  Result<PrincipalPtr> admit(const Request& request, const Access& access) override {
    const auto key = request.header("authorization");
    if (!key || (*key != "Bearer good" && *key != "Bearer poor")) return Error(ErrorCode::unauthenticated, "Send an access token or an API key.");
    if (access.kind() == Access::Kind::scope && *key == "Bearer poor") return Error(ErrorCode::forbidden, "The key lacks the scope.");
    auto principal = std::make_shared<Principal>();
    principal->user_id = "usr_1";
    return PrincipalPtr(principal);
  }
};

// What happens to streamed bodies; shared with the sinks.
struct SinkLog {
  std::mutex mutex;
  std::string received;
  std::atomic<std::size_t> bytes{0};
  std::atomic<int> finished{0}, destroyed{0}, inside{0};
  std::atomic<bool> overlapped{false};
  std::atomic<bool> hold{false};
  std::atomic<std::size_t> refuse_after{SIZE_MAX};
};

class LoggingSink : public BodySink {
 public:
  explicit LoggingSink(SinkLog& log) : log_(log) {}
  ~LoggingSink() override { ++log_.destroyed; }
  Status write(std::span<const std::byte> bytes) override {
    if (++log_.inside != 1) log_.overlapped = true;
    while (log_.hold) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::size_t total = log_.bytes += bytes.size();
    --log_.inside;
    if (total > log_.refuse_after) return Error(ErrorCode::invalid_input, "This content is not wanted.");
    const std::lock_guard lock(log_.mutex);
    if (log_.received.size() < 1000) log_.received += as_text(bytes);
    return ok();
  }
  void finish(Responder responder) override {
    ++log_.finished;
    responder.send(Response::json("{\"bytes\":" + std::to_string(log_.bytes) + "}", 201));
  }

 private:
  SinkLog& log_;
};

class PatternSource : public BodySource {
 public:
  PatternSource(std::size_t total, std::size_t fails_at) : total_(total), fails_at_(fails_at) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    if (sent_ >= fails_at_) return Error(ErrorCode::internal, "disk");
    const std::size_t n = std::min(into.size(), total_ - sent_);
    std::fill_n(into.begin(), n, std::byte{'x'});
    sent_ += n;
    return n;
  }

 private:
  std::size_t total_, fails_at_, sent_ = 0;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    log::configure({.level = log::Level::error});
    loops.start();
  }
  void TearDown() override {
    sink.hold = false;
    gate.set_value();
    if (server) server->drain(Millis{2000});
    pool.stop();
    server.reset();
    loops.stop();
    loops.join();
  }

  Route route(Method method, std::string pattern, Handler handler, Body body = Body::none()) {
    return {.method = method,
            .pattern = std::move(pattern),
            .access = Access::anyone("a test"),
            .body = std::move(body),
            .handler = std::move(handler),
            .doc = {.hidden = true}};
  }

  std::vector<Route> routes() {
    std::vector<Route> r;
    r.push_back(route(Method::get, "/hello", on_loop([](Request&&, Responder responder) { responder.send(Response::text("hello")); })));
    r.push_back(route(Method::post, "/echo",
                      on_loop([](Request&& q, Responder responder) { responder.send(Response::json(std::string(q.body.text()))); }),
                      Body::buffered(100'000, {"application/json"})));
    r.push_back(route(Method::post, "/aligned", on_loop([](Request&& q, Responder responder) {
                        const std::size_t at = std::stoul(std::string(q.header("x-numbers-at").value_or("")));
                        const std::size_t address = reinterpret_cast<std::uintptr_t>(q.body.data()) + at;
                        responder.send(Response::text(std::to_string(address % 16) + "|" + std::string(q.body.text())));
                      }),
                      Body::buffered(2'000'000, {})));
    r.back().body.aligned_at = "x-numbers-at";
    r.push_back(route(Method::post, "/pool/:id", on_pool([](Request& q) -> Result<Response> {
                        return Response::json(std::string(q.param("id")) + "|" + std::string(q.body.text()) + "|" + std::string(q.request_id()));
                      }),
                      Body::buffered(1000, {})));
    r.push_back(route(Method::get, "/throws", on_pool([](Request&) -> Result<Response> { throw std::runtime_error("/secret/path"); })));
    r.push_back(route(Method::get, "/throws-here", on_loop([](Request&&, Responder) { throw std::runtime_error("/secret/path"); })));
    r.push_back(route(Method::get, "/drops", on_loop([](Request&&, Responder) {})));
    r.push_back(
        route(Method::get, "/big", on_loop([](Request&&, Responder responder) { responder.send(Response::text(std::string(8 << 20, 'b'))); })));
    r.push_back(route(Method::get, "/inject",
                      on_loop([](Request&&, Responder responder) { responder.send(Response::empty(200).with("X-A", "b\r\nX-Evil: 1")); })));
    r.push_back(route(Method::get, "/push", on_loop([this](Request&&, Responder responder) {
                        Response response = Response::make(200, "text/event-stream", "");
                        response.push = push;
                        responder.send(std::move(response));
                      })));
    r.push_back(route(Method::get, "/slow", on_loop([this](Request&& request, Responder responder) {
                        const std::lock_guard lock(mutex);
                        waiting.push_back(std::move(responder));
                        cancellations.push_back(request.cancellation);
                      })));
    r.back().timeout = Millis{400};
    r.push_back(route(Method::get, "/waits", on_pool([this](Request&) -> Result<Response> {
                        ++begun;
                        open.wait();
                        return Response::text("done");
                      })));
    r.push_back(route(Method::post, "/stream", into_sink([this](Request&) -> Result<std::unique_ptr<BodySink>> {
                        return std::unique_ptr<BodySink>(std::make_unique<LoggingSink>(sink));
                      }),
                      Body::streamed(64 << 20, {"application/octet-stream"})));
    r.push_back(route(Method::post, "/nosink",
                      into_sink([](Request&) -> Result<std::unique_ptr<BodySink>> { return Error(ErrorCode::storage_full, "full"); }),
                      Body::streamed(64 << 20, {})));
    for (const auto& [name, known, fails] : {std::tuple("/source", true, false), {"/source-chunked", false, false}, {"/source-fails", true, true}}) {
      r.push_back(route(Method::get, name, on_pool([known = known, fails = fails](Request&) -> Result<Response> {
                          Response out;
                          out.content_type = "application/octet-stream";
                          out.source = std::make_shared<PatternSource>(300'000, fails ? 100'000 : SIZE_MAX);
                          if (known) out.source_bytes = 300'000;
                          return out;
                        })));
    }
    r.push_back({.method = Method::post,
                 .pattern = "/secret/:id",
                 .access = Access::scope("s:w"),
                 .body = Body::buffered(1000, {"application/json"}),
                 .handler = on_pool([](Request& q) -> Result<Response> { return Response::text(q.principal->user_id); }),
                 .doc = {.hidden = true}});
    return r;
  }

  void start(ServerOptions options = {}) {
    auto started = Server::start(std::move(options), routes(), guard, loops, pool, metrics);
    ASSERT_TRUE(started.ok()) << started.error().detail();
    server = std::move(started).value();
  }

  std::string ask(std::string_view bytes, bool without_body = false) {
    Client c(server->port());
    c.send(bytes);
    return c.response(without_body);
  }
  static std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n"; }
  static std::string post(std::string_view path, std::string_view body, std::string_view headers = "Content-Type: application/json\r\n") {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
  template <class F>
  static bool soon(F f, int ms = 3000) {
    for (int i = 0; i < ms; ++i) {
      if (f()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  std::atomic<int> begun{0};  // of /waits
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::mutex mutex;
  std::shared_ptr<PushBody> push = std::make_shared<PushBody>();
  std::vector<CancellationPtr> cancellations;
  std::vector<Responder> waiting;
  SinkLog sink;
  KeyGuard guard;
  Metrics metrics;
  os::Loops loops{2};
  os::Pool pool{2, 4};
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, WhatIsPushedIsSentWhenItComesAndTheConnectionGoesOnAfterItsEnd) {
  start();
  Client client(server->port());
  push->push("first;");
  ASSERT_TRUE(client.send("GET /push HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(client.response(), HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_TRUE(push->push("second;"));
  push->end();
  EXPECT_FALSE(push->push("too late"));
  ASSERT_TRUE(client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string rest = client.rest();
  EXPECT_THAT(rest, HasSubstr("second;"));
  EXPECT_THAT(rest, HasSubstr("0\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_F(ServerTest, APushedBodyNoticesThatItsClientHasLeftAndIsBoundedForSlowOnes) {
  start();
  {
    Client client(server->port());
    ASSERT_TRUE(client.send("GET /push HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.response();
  }
  for (int i = 0; i < 500 && !push->gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(push->gone());
  push = std::make_shared<PushBody>(1000);
  EXPECT_TRUE(push->push(std::string(1000, 'a')));
  EXPECT_FALSE(push->push("b"));
  EXPECT_TRUE(push->gone());
}

TEST_F(ServerTest, ADrainEndsPushedBodies) {
  start();
  Client client(server->port());
  ASSERT_TRUE(client.send("GET /push HTTP/1.1\r\nHost: x\r\n\r\n"));
  client.response();
  EXPECT_TRUE(server->drain(Millis{5000}));
  EXPECT_THAT(client.rest(), testing::EndsWith("0\r\n\r\n"));
}

TEST_F(ServerTest, AnswersOnTheLoopAndOnThePool) {
  start();
  const std::string hello = ask(get("/hello"));
  EXPECT_THAT(hello, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(hello, testing::EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(ask(post("/pool/abc", "xyz", "X-Request-Id: id-1\r\n")), testing::EndsWith("\r\n\r\nabc|xyz|id-1"));
}

TEST_F(ServerTest, SendsTheSecurityHeadersWithEverything) {
  start();
  for (const std::string& answer : {ask(get("/hello")), ask(get("/nowhere")), ask("garbage\r\n\r\n"), ask(post("/secret/x", "{}"))}) {
    EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none'"));
    EXPECT_THAT(answer, HasSubstr("Referrer-Policy: no-referrer\r\n"));
    EXPECT_THAT(answer, HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"));
    EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Request-Id: "));
  }
}

TEST_F(ServerTest, EchoesSaneRequestIdsAndReplacesOthers) {
  start();
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: a.B_9-\r\n\r\n"), HasSubstr("X-Request-Id: a.B_9-\r\n"));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: <b>\r\n\r\n"), Not(HasSubstr("<b>")));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + std::string(65, 'a') + "\r\n\r\n"), Not(HasSubstr("aaaaa")));
  Client c(server->port());
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    c.send(get("/hello"));
    const std::string answer = c.response();
    ids.insert(answer.substr(answer.find("X-Request-Id: "), 14 + 24));
  }
  EXPECT_EQ(ids.size(), 100u);
}

TEST_F(ServerTest, KnowsMethodsAndPaths) {
  start();
  EXPECT_THAT(ask(get("/nowhere")), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("application/problem+json"), HasSubstr("/errors/not-found")));
  EXPECT_THAT(ask("DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n")));
  EXPECT_THAT(ask("BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(ask("OPTIONS /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 204"), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"), Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 204"));
  const std::string head = ask("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n", true);
  EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 5\r\n"), testing::EndsWith("\r\n\r\n")));
}

TEST_F(ServerTest, AsksTheGuardBeforeAnythingElse) {
  start();
  const std::string missing = ask(post("/secret/%2e%2e", std::string(5000, 'x'), "X-Request-Id: r\r\n"));
  const std::string wrong = ask(post("/secret/x", "{}", "X-Request-Id: r\r\nAuthorization: Bearer bad\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(missing, AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("WWW-Authenticate: Bearer")));
  EXPECT_EQ(missing.substr(missing.find("\r\nContent-Type")), wrong.substr(wrong.find("\r\nContent-Type")));
  EXPECT_THAT(ask(post("/secret/x", "{}", "Authorization: Bearer poor\r\nContent-Type: application/json\r\n")), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(post("/secret/a%2fb", "{}", "Authorization: Bearer good\r\nContent-Type: application/json\r\n")), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask(post("/secret/x", "{}", "Authorization: Bearer good\r\nContent-Type: application/json; charset=utf-8\r\n")),
              testing::EndsWith("usr_1"));
}

TEST_F(ServerTest, ChecksContentTypesAndEncodings) {
  start();
  EXPECT_THAT(ask(post("/echo", "{}", "Content-Type: text/plain\r\n")),
              AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("Accept-Post: application/json\r\n")));
  EXPECT_THAT(ask(post("/echo", "{}", "")), StartsWith("HTTP/1.1 415"));
  for (const char* coding : {"br", "gzip, gzip", "gzip\r\nContent-Encoding: gzip"}) {
    EXPECT_THAT(ask(post("/echo", "{}", std::string("Content-Type: APPLICATION/JSON\r\nContent-Encoding: ") + coding + "\r\n")),
                AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("Accept-Encoding: gzip, deflate\r\n")))
        << coding;
  }
  EXPECT_THAT(ask(post("/echo", "{}", "Content-Type: APPLICATION/JSON\r\n")), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, DecompressesBodiesWithinTheLimit) {
  start();
  const auto sent = [this](const std::string& plain, int bits, const char* coding, std::size_t cut = 0) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string packed(deflateBound(&stream, plain.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.resize(packed.size() - stream.avail_out - cut);
    deflateEnd(&stream);
    return ask(post("/echo", packed, std::string("Content-Type: application/json\r\nContent-Encoding: ") + coding + "\r\n"));
  };
  const std::string plain = "[" + std::string(50'000, ' ') + "1]";
  EXPECT_THAT(sent(plain, 31, "gzip"), AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith(plain)));
  EXPECT_THAT(sent(plain, 15, "deflate"), AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith(plain)));
  EXPECT_THAT(sent(plain, -15, "Deflate"), AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith(plain)));
  EXPECT_THAT(sent(std::string(10'000'000, ' '), 31, "gzip"), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(sent(plain, 31, "gzip", 5), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("cut short")));
  EXPECT_THAT(sent(plain, 31, "deflate"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask(post("/echo", "{}", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n")), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, RefusesLargeBodiesBeforeAndWhileReadingThem) {
  start();
  Client announced(server->port());
  announced.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100001\r\n\r\n");
  EXPECT_THAT(announced.response(), AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("Connection: close")));
  Client chunked(server->port());
  chunked.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "2710\r\n" + std::string(10000, 'x') + "\r\n";
  for (int i = 0; i < 12; ++i) chunked.send(chunk);
  EXPECT_THAT(chunked.response(), StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(chunked.closed());
}

TEST_F(ServerTest, RefusesSmuggledRequestsAndClosesTheConnection) {
  start();
  for (const std::string bytes :
       {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET "
        "/hello HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcdGET /hello HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET /hello HTTP/1.1\r\nHost: "
        "h\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "GET /hello HTTP/1.1\nHost: h\n\n"}) {
    Client c(server->port());
    c.send(bytes);
    EXPECT_THAT(c.response(), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("Connection: close"))) << bytes;
    EXPECT_TRUE(c.closed());
  }
}

TEST_F(ServerTest, LimitsHeads) {
  start({.header_bytes_max = 2048, .headers_max = 5, .target_bytes_max = 500});
  EXPECT_THAT(ask(get("/" + std::string(600, 'a'))), StartsWith("HTTP/1.1 414"));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nA: " + std::string(3000, 'a') + "\r\n\r\n"), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n"), StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, TakesHeadsUpToTheirLimit) {
  start();
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: h\r\nA: " + std::string(32'000, 'a') + "\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, KeepsConnectionsAndAnswersPipelinedRequestsInOrder) {
  start();
  Client c(server->port());
  std::string all;
  for (int i = 0; i < 200; ++i) all += i % 2 == 0 ? post("/echo", std::to_string(i)) : post("/pool/" + std::to_string(i), "", "X-Request-Id: r\r\n");
  std::thread sender([&] { c.send(all); });
  for (int i = 0; i < 200; ++i) {
    const std::string expected = i % 2 == 0 ? "\r\n\r\n" + std::to_string(i) : "\r\n\r\n" + std::to_string(i) + "||r";
    EXPECT_THAT(c.response(), testing::EndsWith(expected));
  }
  sender.join();
  c.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(c.response(), HasSubstr("Connection: close"));
  EXPECT_TRUE(c.closed());
}

TEST_F(ServerTest, ReadsRequestsHoweverTheyAreCut) {
  start();
  const std::string bytes =
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n";
  Client c(server->port());
  for (const char b : bytes) {
    c.send(std::string_view(&b, 1));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_THAT(c.response(), testing::EndsWith("\r\n\r\nabcdefg"));
}

TEST_F(ServerTest, ReadsLargeBodiesHoweverTheyAreCut) {
  start();
  std::string body;
  for (int i = 0; i < 99'000; ++i) body += static_cast<char>('a' + i % 26);
  const std::string bytes = post("/echo", body) + get("/hello");
  for (const std::size_t step : {1'000u, 7'777u, 33'000u, 98'999u, 200'000u}) {
    Client c(server->port());
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      c.send(std::string_view(bytes).substr(at, step));
      if (step > 5'000) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(c.response().ends_with(body)) << step;
    EXPECT_THAT(c.response(), testing::EndsWith("hello"));
  }
}

TEST_F(ServerTest, PutsTheNumbersOfABodyWhereTheyAreAlignedHoweverLargeItGrows) {
  start();
  for (const std::size_t size : {100u, 50'000u, 1'900'000u}) {  // in the connection's buffer, read into its place, grown on the way
    std::string body;
    for (std::size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i % 26);
    for (const std::size_t at : {0u, 7u, 16u, 61u}) {
      const std::string answer = ask(post("/aligned", body, "X-Numbers-At: " + std::to_string(at) + "\r\n"));
      EXPECT_TRUE(answer.ends_with("\r\n\r\n0|" + body)) << size << " " << at;
    }
  }
  // A lie moves nothing out of its memory.
  EXPECT_THAT(ask(post("/aligned", "abc", "X-Numbers-At: 18446744073709551615\r\n")), testing::EndsWith("0|abc"));
}

TEST_F(ServerTest, GivesUpALargeBodyWhileItIsRead) {
  start({.idle_timeout = Millis{100}});
  Client c(server->port());
  c.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 99000\r\n\r\n" + std::string(40'000, 'x'));
  EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 408"));
  c.send(std::string(30'000, 'y'));  // into the body that nobody wants any more
  EXPECT_TRUE(c.closed());
}

TEST_F(ServerTest, SpeaksHttp10) {
  start();
  Client c(server->port());
  c.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(c.response(), HasSubstr("Connection: keep-alive"));
  c.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(c.response(), HasSubstr("Connection: close"));
  EXPECT_TRUE(c.closed());
}

TEST_F(ServerTest, HonoursExpectContinue) {
  start();
  for (const char* path : {"/echo", "/stream"}) {
    Client c(server->port());
    const std::string type = std::string(path) == "/echo" ? "application/json" : "application/octet-stream";
    c.send("POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nContent-Type: " + type + "\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT_EQ(c.response(), "HTTP/1.1 100 Continue\r\n\r\n");
    c.send("123");
    EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 20"));
  }
  Client refused(server->port());
  refused.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(refused.response(), AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("Connection: close")));
}

TEST_F(ServerTest, HidesWhatWentWrong) {
  start();
  for (const char* path : {"/throws", "/throws-here", "/drops"}) {
    EXPECT_THAT(ask(get(path)), AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("/errors/internal"), Not(HasSubstr("secret"))));
  }
  EXPECT_THAT(ask(get("/inject")), Not(HasSubstr("\nX-Evil")));
}

TEST_F(ServerTest, SendsLargeAnswersToSlowReaders) {
  start();
  Client c(server->port(), 4096);
  c.send(get("/big"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GT(c.response().size(), std::size_t{8 << 20});
}

TEST_F(ServerTest, StreamsDownloads) {
  start();
  Client c(server->port());
  c.send(get("/source"));
  EXPECT_THAT(c.response(), AllOf(HasSubstr("Content-Length: 300000\r\n"), testing::EndsWith(std::string(1000, 'x'))));
  c.send("GET /source-chunked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string chunked = c.rest();
  EXPECT_THAT(chunked, AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"), testing::EndsWith("\r\n0\r\n\r\n")));
  EXPECT_EQ(std::count(chunked.begin() + static_cast<std::ptrdiff_t>(chunked.find("\r\n\r\n")), chunked.end(), 'x'), 300'000);
  EXPECT_LT(ask(get("/source-fails")).size(), 299'000u);  // cut, so that it can't be taken for whole
  EXPECT_THAT(ask("HEAD /source HTTP/1.1\r\nHost: h\r\n\r\n", true), testing::EndsWith("\r\n\r\n"));
  Client old(server->port());
  old.send("GET /source-chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(old.rest(), AllOf(HasSubstr("Connection: close"), Not(HasSubstr("chunked\r\n")), testing::EndsWith("xxx")));
}

TEST_F(ServerTest, StreamsUploadsIntoTheirSink) {
  start();
  Client c(server->port());
  std::string body;
  for (int i = 0; i < 500'000; ++i) body += static_cast<char>('a' + i % 26);
  c.send(post("/stream", body, "Content-Type: application/octet-stream\r\n"));
  EXPECT_THAT(c.response(), testing::EndsWith("{\"bytes\":500000}"));
  EXPECT_EQ(sink.received.substr(0, 1000), body.substr(0, sink.received.size()).substr(0, 1000));
  EXPECT_FALSE(sink.overlapped);
  EXPECT_TRUE(soon([&] { return sink.destroyed == 1; }));
  c.send(get("/hello"));  // the connection goes on
  EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 200"));
  c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_THAT(c.response(), testing::EndsWith("{\"bytes\":500003}"));
  c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 201"));
}

TEST_F(ServerTest, HoldsTheSenderBackWhileTheSinkIsBehind) {
  start();
  sink.hold = true;
  Client c(server->port());
  const std::size_t total = 60 << 20;
  c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
  const std::string block(1 << 16, 'x');
  std::size_t sent = 0;
  for (int still = 0; still < 100 && sent < total;) {
    const ssize_t n = c.send_some(std::string_view(block).substr(0, std::min(block.size(), total - sent)));
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      still = 0;
    } else {
      ++still;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  EXPECT_LT(sent, total / 2);  // kernel buffers and ours; the rest waits with the sender
  sink.hold = false;
  while (sent < total) {
    const std::string_view piece = std::string_view(block).substr(0, std::min(block.size(), total - sent));
    ASSERT_TRUE(c.send(piece));
    sent += piece.size();
  }
  EXPECT_THAT(c.response(), testing::EndsWith("{\"bytes\":" + std::to_string(total) + "}"));
}

TEST_F(ServerTest, EndsAnUploadThatItsSinkRefuses) {
  start();
  sink.refuse_after = 100'000;
  Client c(server->port());
  c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: 60000000\r\n\r\n" +
         std::string(300'000, 'x'));
  EXPECT_THAT(c.response(), AllOf(StartsWith("HTTP/1.1 422"), HasSubstr("not wanted"), HasSubstr("Connection: close")));
  EXPECT_TRUE(soon([&] { return sink.destroyed == 1; }));
  EXPECT_EQ(sink.finished, 0);
  EXPECT_THAT(ask(post("/nosink", "abc", "")), StartsWith("HTTP/1.1 507"));
}

TEST_F(ServerTest, DestroysTheSinkWhenTheClientLeaves) {
  start();
  for (const bool hard : {false, true}) {
    Client c(server->port());
    c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nabc");
    EXPECT_TRUE(soon([&] { return sink.bytes == (hard ? 6u : 3u); }));
    if (hard) {
      c.reset();
    } else {
      c.close();
    }
    EXPECT_TRUE(soon([&] { return sink.destroyed == (hard ? 2 : 1); }));
  }
  EXPECT_EQ(sink.finished, 0);
  EXPECT_TRUE(soon([&] { return server->connections() == 0; }));
}

TEST_F(ServerTest, TellsAResponderThatItsClientIsGone) {
  start();
  Client c(server->port());
  c.send(get("/slow"));
  const auto first = [&] {
    const std::lock_guard lock(mutex);
    return waiting.size() == 1;
  };
  ASSERT_TRUE(soon(first));
  EXPECT_FALSE(waiting[0].gone());
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  c.close();
  EXPECT_TRUE(soon([&] { return waiting[0].gone(); }));
  EXPECT_TRUE(cancellations[0]->cancelled());
  waiting[0].send(Response::text("too late"));  // harmless
  waiting.clear();
  EXPECT_TRUE(soon([&] { return server->connections() == 0; }));
}

TEST_F(ServerTest, CancelsTheRequestThatIsUnderWayWhenItsClientLeavesAndNoneThatWasAnswered) {
  start();
  Client c(server->port());
  for (std::size_t i = 0; i < 2; ++i) {
    c.send(get("/slow"));
    ASSERT_TRUE(soon([&] {
      const std::lock_guard lock(mutex);
      return waiting.size() == i + 1;
    }));
    if (i > 0) continue;
    waiting[0].send(Response::text("here"));
    EXPECT_THAT(c.response(), testing::EndsWith("here"));
  }
  EXPECT_NE(cancellations[0], cancellations[1]) << "the first was kept: it isn't used again";
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  c.reset();
  EXPECT_TRUE(soon([&] { return cancellations[1]->cancelled(); }));
  EXPECT_FALSE(cancellations[0]->cancelled());
  waiting.clear();
  EXPECT_TRUE(soon([&] { return server->connections() == 0; }));
}

TEST_F(ServerTest, AnswersAClientThatClosesItsSendingSideWithTheRequest) {
  start();
  Client c(server->port());
  c.send(get("/slow"));
  c.half_close();
  ASSERT_TRUE(soon([&] {
    const std::lock_guard lock(mutex);
    return waiting.size() == 1;
  }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  waiting[0].send(Response::text("here"));
  EXPECT_THAT(c.rest(), testing::EndsWith("here"));
}

TEST_F(ServerTest, AnswersForHandlersThatTakeTooLong) {
  start({.idle_timeout = Millis{400}});
  Client c(server->port());
  c.send(get("/slow") + get("/hello"));
  EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(c.response(), testing::EndsWith("hello"));
  const std::lock_guard lock(mutex);
  waiting[0].send(Response::text("too late"));
}

TEST_F(ServerTest, EndsSlowAndIdleConnections) {
  start({.header_timeout = Millis{150}, .idle_timeout = Millis{300}});
  Client idle(server->port()), slow_head(server->port()), slow_body(server->port());
  slow_head.send("GET /hello HTTP/1.1\r\nHo");
  slow_body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(slow_head.response(), AllOf(StartsWith("HTTP/1.1 408"), HasSubstr("Connection: close")));
  EXPECT_THAT(slow_body.response(), StartsWith("HTTP/1.1 408"));
  EXPECT_TRUE(idle.closed());
}

TEST_F(ServerTest, EndsBodiesThatTrickle) {
  start({.rate_bytes_min = 1000, .rate_window = Millis{300}});
  Client c(server->port());
  c.send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: 10000\r\n\r\n");
  std::thread trickle([&] {
    for (int i = 0; i < 30 && c.send("x"); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_THAT(c.response(), StartsWith("HTTP/1.1 408"));
  trickle.join();
  EXPECT_TRUE(soon([&] { return sink.destroyed == 1; }));
}

TEST_F(ServerTest, RefusesWhenItsWorkersHaveTooMuchToDo) {
  start();
  std::vector<std::unique_ptr<Client>> clients;
  const auto add = [&](int n, std::size_t waiting_then) {
    for (int i = 0; i < n; ++i) {
      clients.push_back(std::make_unique<Client>(server->port()));
      clients.back()->send(get("/waits"));
    }
    EXPECT_TRUE(soon([&] { return begun == 2 && pool.waiting() == waiting_then; }));
  };
  add(2, 0);  // the two workers
  add(4, 4);  // the queue
  EXPECT_THAT(ask(get("/waits")), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After: 1\r\n"), HasSubstr("/errors/overloaded")));
  EXPECT_THAT(ask(get("/hello")), StartsWith("HTTP/1.1 200"));  // loops don't mind
}

TEST_F(ServerTest, RefusesConnectionsBeyondTheLimit) {
  start({.connections_max = 2});
  Client a(server->port()), b(server->port());
  a.send(get("/hello"));
  b.send(get("/hello"));
  a.response();
  b.response();
  Client c(server->port());
  EXPECT_THAT(c.rest(), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Connection: close"), testing::EndsWith("}")));
  a.close();
  EXPECT_TRUE(soon([&] { return server->connections() == 1; }));
  EXPECT_THAT(ask(get("/hello")), StartsWith("HTTP/1.1 200"));
}

// Without connections drain came back before the loop had closed the port: a client could still connect, and a Responder that was kept
// longer than the loops ended a listening socket of theirs.
TEST_F(ServerTest, HasClosedItsPortWhenDrainComesBack) {
  start();
  loops.at(0).post([] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
  EXPECT_TRUE(server->drain(Millis{3000}));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server->port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_NE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  ::close(fd);
}

TEST_F(ServerTest, DrainsWithoutLosingWhatRuns) {
  start();
  Client idle(server->port()), busy(server->port());
  idle.send(get("/hello"));
  idle.response();
  busy.send(get("/slow"));
  ASSERT_TRUE(soon([&] {
    const std::lock_guard lock(mutex);
    return waiting.size() == 1;
  }));
  auto drained = std::async(std::launch::async, [&] { return server->drain(Millis{3000}, Millis{100}); });
  EXPECT_TRUE(soon([&] { return server->draining(); }));
  EXPECT_THAT(ask(get("/hello")), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Connection: close")));  // within the notice
  EXPECT_TRUE(idle.closed());
  waiting[0].send(Response::text("finished"));
  EXPECT_THAT(busy.rest(), AllOf(HasSubstr("Connection: close"), testing::EndsWith("finished")));
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerTest, CutsWhatDoesNotFinishInTime) {
  start();
  Client busy(server->port());
  busy.send(get("/waits"));
  EXPECT_TRUE(soon([&] { return server->connections() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(server->drain(Millis{50}));
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_TRUE(busy.closed());
}

TEST_F(ServerTest, TellsWhyItCanNotListen) {
  start();
  const auto taken = Server::start({.listen = server->address()}, routes(), guard, loops, pool, metrics);
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(taken.error().detail(), HasSubstr("can't listen"));
  for (const char* listen : {"", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "nowhere.example:80"}) {
    EXPECT_FALSE(Server::start({.listen = listen}, routes(), guard, loops, pool, metrics).ok()) << listen;
  }
}

TEST_F(ServerTest, CountsRequestsByRouteAndClass) {
  start();
  ask(get("/hello"));
  ask(get("/hello"));
  ask(get("/drops"));
  ask(get("/nowhere"));
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("slipway_http_requests_total{route=\"/hello\",method=\"GET\",status=\"2xx\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("slipway_http_requests_total{route=\"/drops\",method=\"GET\",status=\"5xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("slipway_http_requests_total{route=\"none\",method=\"any\",status=\"4xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("slipway_http_request_seconds_count{route=\"/hello\",method=\"GET\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("slipway_http_connections "));
}

TEST_F(ServerTest, LivesThroughConnectionsThatEndAnywhere) {
  start();
  const std::string request = post("/pool/abc", "xyz", "Content-Type: a/b\r\n");
  for (std::size_t n = 0; n <= request.size(); n += 3) {
    Client c(server->port());
    c.send(request.substr(0, n));
    if (n % 2 == 0) {
      c.reset();
    } else {
      c.close();
    }
  }
  EXPECT_TRUE(soon([&] { return server->connections() == 0; }));
  EXPECT_THAT(ask(get("/hello")), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace slipway::http
