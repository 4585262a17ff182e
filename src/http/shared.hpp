// What the connections of one server share. Immutable after start but for the atomics; a LoopState belongs to its loop's thread.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "slipway/base/metrics.hpp"
#include "slipway/http/router.hpp"
#include "slipway/http/server.hpp"
#include "slipway/http/turns.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/pool.hpp"

namespace slipway::http {

class Connection;

struct RouteMetrics {
  std::array<Counter*, 6> by_class{};  // [2]: 2xx
  Histogram* seconds = nullptr;
};

// One loop's connections, and whose turn it is: asked by the loop each turn, so that between a few requests of those who ask for much the
// sockets are looked at for others.
struct LoopState final : os::Poller {
  LoopState(os::Loop& l, Company& c, Counter& h, double part) : loop(l), company(c), held_back(h), turns(part) {}
  bool poll() override;
  void park(CallerId caller, std::shared_ptr<Connection> connection);
  void forget(CallerId caller, const std::shared_ptr<Connection>& parked);

  os::Loop& loop;
  Company& company;
  Counter& held_back;
  Turns<std::shared_ptr<Connection>> turns;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  bool ticking = false;

 private:
  void rest_if_none();
  bool polled_ = false;
  std::shared_ptr<bool> timed_ = std::make_shared<bool>(false);  // the timer may outlive this
};

struct Server::Shared : std::enable_shared_from_this<Server::Shared> {
  Shared(ServerOptions o, Router r, Guard& g, os::Loops& l, os::Pool& p, Metrics& m)
      : options(std::move(o)), router(std::move(r)), guard(g), loops(l), pool(p), metrics(m) {}

  ServerOptions options;
  Router router;
  Guard& guard;
  os::Loops& loops;
  os::Pool& pool;
  Metrics& metrics;
  Company company;
  std::vector<RouteMetrics> route_metrics;         // as router.routes(); one more at the end for requests without a route
  std::vector<std::unique_ptr<LoopState>> states;  // as the loops
  Millis tick{1000};

  std::atomic<bool> draining{false};  // answers say Connection: close
  std::atomic<bool> stopping{false};  // idle connections close
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> listening{false};
  std::mutex mutex;              // for `idle` only
  std::condition_variable idle;  // connections has become 0, listening false

  struct Acceptor;
  std::shared_ptr<Acceptor> acceptor;  // loop 0's
  std::string host;
  std::uint16_t port = 0;

  void make_metrics();
  void add(LoopState& state, std::shared_ptr<Connection> connection);  // the state's loop
  void remove(LoopState& state, Connection* connection);
  void schedule_tick(LoopState& state);
};

}  // namespace slipway::http
