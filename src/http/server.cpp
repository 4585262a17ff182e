#include "slipway/http/server.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <charconv>
#include <thread>
#include <utility>

#include "slipway/base/log.hpp"
#include "slipway/http/connection.hpp"
#include "slipway/http/problem.hpp"
#include "slipway/http/response_head.hpp"
#include "slipway/http/shared.hpp"
#include "slipway/http/tcp_transport.hpp"
#include "slipway/os/loop_asio.hpp"

namespace slipway::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// What a connection beyond the limit gets, without being read.
const std::string& full_answer() {
  static const std::string text = [] {
    Response response = problem(Error(ErrorCode::overloaded, "The server has as many connections as it may have.").retry_after(1), "none");
    std::string out;
    append_response_head(out, response, "none", {.content_length = response.body.size(), .close = true});
    return out + response.body;
  }();
  return text;
}

Result<tcp::endpoint> parse_listen(const std::string& listen) {
  const auto wrong = [&] { return Error(ErrorCode::bad_request, "'" + listen + "' is not HOST:PORT."); };
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  if (host == "*" || host.empty()) host = "0.0.0.0";
  unsigned port = 0;
  const char* const end = listen.data() + listen.size();
  const auto read = std::from_chars(listen.data() + colon + 1, end, port);
  if (read.ec != std::errc() || read.ptr != end || port > 65535) return wrong();
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return Error(ErrorCode::bad_request, "'" + host + "' is not an IP address to listen on.");
  return tcp::endpoint(address, static_cast<unsigned short>(port));
}

}  // namespace

ServerOptions server_options(const Settings& s) {
  ServerOptions o;
  o.listen = s.server_listen;
  o.connections_max = static_cast<std::size_t>(s.server_connections_max);
  o.header_bytes_max = static_cast<std::size_t>(s.server_header_bytes_max);
  o.body_bytes_max = static_cast<std::uint64_t>(s.server_body_bytes_max);
  o.header_timeout = Millis{s.server_header_timeout_ms};
  o.idle_timeout = Millis{s.server_idle_timeout_ms};
  return o;
}

// --- the acceptor: on loop 0, hands sockets out in turn ---

struct Server::Shared::Acceptor : std::enable_shared_from_this<Acceptor> {
  explicit Acceptor(os::Loop& l) : loop(l), acceptor(os::io_context(l)) {}

  Status open(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      return Error(ErrorCode::unavailable,
                   "can't listen on " + endpoint.address().to_string() + ":" + std::to_string(endpoint.port()) + ": " + error.message());
    return ok();
  }

  void accept(const std::shared_ptr<Shared>& shared);
  void serve(const std::shared_ptr<Shared>& shared, LoopState& state, tcp::socket socket);

  os::Loop& loop;
  tcp::acceptor acceptor;
  std::size_t next = 0;
};

void Server::Shared::Acceptor::accept(const std::shared_ptr<Shared>& shared) {
  LoopState& state = *shared->states[next++ % shared->states.size()];
  acceptor.async_accept(os::io_context(state.loop),
                        [self = shared_from_this(), shared, &state](const boost::system::error_code& error, tcp::socket socket) {
                          if (!self->acceptor.is_open()) return;
                          if (error) {
                            // No descriptors left, most likely: they come back when connections end.
                            log::warn("http.accept_failed", {{"what", error.message()}});
                            self->loop.after(Millis{100}, [self, shared] {
                              if (self->acceptor.is_open()) self->accept(shared);
                            });
                            return;
                          }
                          self->serve(shared, state, std::move(socket));
                          self->accept(shared);
                        });
}

void Server::Shared::Acceptor::serve(const std::shared_ptr<Shared>& shared, LoopState& state, tcp::socket socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return;  // gone already
  if (shared->connections.fetch_add(1) >= shared->options.connections_max) {
    shared->connections.fetch_sub(1);
    auto transport = make_tcp_transport(std::move(socket));
    transport->try_write({full_answer(), {}});
    transport->half_close();
    return;
  }
  auto connection = std::make_shared<Connection>(shared, state, make_tcp_transport(std::move(socket)), peer.address().to_string());
  state.loop.run_here([shared, &state, connection = std::move(connection)] {
    shared->add(state, connection);
    connection->start();
  });
}

// --- what the connections share ---

void Server::Shared::make_metrics() {
  const auto make = [this](std::string_view route, std::string_view method) {
    RouteMetrics m;
    const std::string labels = "route=\"" + std::string(route) + "\",method=\"" + std::string(method) + "\"";
    for (std::size_t i = 1; i < m.by_class.size(); ++i) {
      m.by_class[i] = &metrics.counter("slipway_http_requests_total", "Requests answered", labels + ",status=\"" + std::to_string(i) + "xx\"");
    }
    m.by_class[0] = m.by_class[5];
    m.seconds = &metrics.histogram("slipway_http_request_seconds", "From a request's first byte to its answer", labels);
    route_metrics.push_back(m);
  };
  for (const Route& route : router.routes()) make(route.pattern, method_name(route.method));
  make("none", "any");
  metrics.gauge(
      "slipway_http_connections", "Open connections", {},
      [](const void* of) { return static_cast<double>(static_cast<const std::atomic<std::size_t>*>(of)->load()); }, &connections);
}

void LoopState::park(CallerId caller, std::shared_ptr<Connection> connection) {
  held_back.add();
  turns.park(caller, std::move(connection));
  if (!std::exchange(polled_, true)) loop.add_poller(this);
}

void LoopState::forget(CallerId caller, const std::shared_ptr<Connection>& parked) {
  turns.forget(caller, parked);
  rest_if_none();
}

void LoopState::rest_if_none() {
  if (turns.parked() > 0 || !std::exchange(polled_, false)) return;
  loop.remove_poller(this);
}

// Lets a few go on. True: there was somebody; then the loop looks at its sockets and comes back.
bool LoopState::poll() {
  constexpr std::chrono::microseconds kSlice{100};
  const Steady begin = system_clock().steady();
  std::shared_ptr<Connection> connection;  // keeps what all connections share, and so this
  for (Steady now = begin; now - begin < kSlice; now = system_clock().steady()) {
    auto next = turns.next(now, company.has_light(now));
    if (!next) break;
    connection = std::move(*next);
    connection->take_turn();
  }
  rest_if_none();
  if (connection == nullptr && turns.parked() > 0 && !std::exchange(*timed_, true)) {
    loop.after(Millis{1}, [timed = timed_] { *timed = false; });  // wakes the loop, which asks again
  }
  return connection != nullptr;
}

void Server::Shared::add(LoopState& state, std::shared_ptr<Connection> connection) {
  Connection* const key = connection.get();
  state.connections.emplace(key, std::move(connection));
  if (!std::exchange(state.ticking, true)) schedule_tick(state);
}

void Server::Shared::remove(LoopState& state, Connection* connection) {
  if (state.connections.erase(connection) == 0) return;
  if (connections.fetch_sub(1) != 1) return;
  const std::lock_guard lock(mutex);
  idle.notify_all();
}

// One timer a loop for all timeouts of all its connections: none at all while there are no connections.
void Server::Shared::schedule_tick(LoopState& state) {
  state.loop.after(tick, [shared = shared_from_this(), &state] {
    const Steady at = system_clock().steady();
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(state.connections.size());
    for (const auto& [key, connection] : state.connections) all.push_back(connection);
    for (const auto& connection : all) connection->tick(at);
    state.ticking = !state.connections.empty();
    if (state.ticking) shared->schedule_tick(state);
  });
}

// --- the server ---

Server::Server(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
Server::~Server() { drain(Millis{0}); }

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, std::vector<Route> routes, Guard& guard, os::Loops& loops, os::Pool& pool,
                                              Metrics& metrics) {
  const tcp::endpoint endpoint = TRY(parse_listen(options.listen));
  auto shared = std::make_shared<Shared>(std::move(options), TRY(Router::build(std::move(routes))), guard, loops, pool, metrics);
  shared->tick =
      std::clamp(std::min({shared->options.header_timeout, shared->options.idle_timeout, shared->options.rate_window}) / 4, Millis{20}, Millis{500});
  const double part = std::min(1.0, static_cast<double>(os::usable_cores()) / static_cast<double>(loops.size()));  // of a core, that a loop may have
  for (std::size_t i = 0; i < loops.size(); ++i) {
    Counter& held_back = metrics.counter("slipway_http_held_back_total", "Requests whose caller had used up its part of a loop's time");
    shared->states.push_back(std::make_unique<LoopState>(loops.at(i), shared->company, held_back, part));
  }
  shared->make_metrics();
  shared->acceptor = std::make_shared<Shared::Acceptor>(loops.at(0));
  TRY(shared->acceptor->open(endpoint));
  shared->port = shared->acceptor->acceptor.local_endpoint().port();
  shared->host = endpoint.address().is_v6() ? "[" + endpoint.address().to_string() + "]" : endpoint.address().to_string();
  shared->listening.store(true);
  loops.at(0).post([shared] { shared->acceptor->accept(shared); });
  return std::unique_ptr<Server>(new Server(std::move(shared)));
}

std::uint16_t Server::port() const { return shared_->port; }
std::string Server::address() const { return shared_->host + ":" + std::to_string(shared_->port); }
const Router& Server::router() const { return shared_->router; }
std::size_t Server::connections() const { return shared_->connections.load(); }
bool Server::draining() const { return shared_->draining.load(); }

bool Server::drain(Millis timeout, Millis notice) {
  Shared& s = *shared_;
  const bool first = !s.draining.exchange(true);
  if (first && notice.count() > 0) std::this_thread::sleep_for(notice);
  const auto wait = [&s](Millis most) {
    std::unique_lock lock(s.mutex);
    return s.idle.wait_for(lock, most, [&s] { return s.connections.load() == 0 && !s.listening.load(); });
  };
  const auto on_all = [this](void (Connection::*what)()) {
    for (const auto& state : shared_->states) {
      state->loop.post([shared = shared_, &state = *state, what] {
        std::vector<std::shared_ptr<Connection>> all;
        for (const auto& [key, connection] : state.connections) all.push_back(connection);
        for (const auto& connection : all) ((*connection).*what)();
      });
    }
  };
  s.loops.at(0).post([shared = shared_] {
    boost::system::error_code ignored;
    shared->acceptor->acceptor.close(ignored);
    const std::lock_guard lock(shared->mutex);
    shared->listening.store(false);
    shared->idle.notify_all();
  });
  s.stopping.store(true);
  on_all(&Connection::drain);
  const bool finished = wait(timeout);
  if (!finished) {
    on_all(&Connection::cut);
    wait(Millis{1000});  // the loops run: this is theirs to do at once
  }
  return finished;
}

}  // namespace slipway::http
