// The same echo on our own HTTP layer, with everything that layer does for a request: strict parsing, limits, routing, a guard, metrics,
// request ids, security headers. Tells what the layer costs, apart from predictions.
//   bench_http_echo PORT THREADS
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "slipway/http/server.hpp"

using namespace slipway;

namespace {

class AnybodyGuard : public http::Guard {
 public:
  Result<http::PrincipalPtr> admit(const http::Request& request, const http::Access&) override {
    static const http::PrincipalPtr principal = std::make_shared<http::Principal>();
    if (!request.header("authorization")) return Error(ErrorCode::unauthenticated, "Send a key.");
    return principal;
  }
};

}  // namespace

int main(int argc, char** argv) {
  AnybodyGuard guard;
  Metrics metrics;
  os::Loops loops(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 0);
  os::Pool pool(1, 16);
  loops.start();
  std::vector<http::Route> routes;
  routes.push_back({.method = http::Method::post,
                    .pattern = "/api/predict/:id",
                    .access = http::Access::scope("predict"),
                    .body = http::Body::buffered(64 << 20, {"application/json", "application/x-npy"}),
                    .handler = http::on_loop([](http::Request&& request, http::Responder responder) {
                      responder.send(http::Response::json(std::string(request.body.text())));
                    }),
                    .quiet = true,
                    .doc = {.hidden = true}});
  auto server =
      http::Server::start({.listen = std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "8091")}, std::move(routes), guard, loops, pool, metrics);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().detail().c_str());
    return 1;
  }
  loops.join();
}
