#include "slipway/platform/rpc/server.hpp"

#include <arpa/inet.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <mutex>

#include "slipway/base/log.hpp"
#include "slipway/platform/rpc/calls.hpp"

namespace slipway::rpc {
namespace {

constexpr int kStreamsOfAConnection = 1000;
constexpr int kKeepaliveMs = 60'000;      // a peer that is gone is noticed
constexpr int kPingsNotBeforeMs = 5'000;  // of clients that keep their connection awake

// What the library has to say goes where everything is written; what it expects to go wrong (a taken port) is told by its caller.
void log_from_library(gpr_log_func_args* args) { log::debug("grpc.library", {{"message", std::string_view(args->message)}}); }

void quieten_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(&log_from_library);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  });
}

int as_int(std::uint64_t n) { return static_cast<int>(std::min<std::uint64_t>(n, std::numeric_limits<int>::max())); }

// As HTTP's setting is read: an IP address, "localhost", or "*" for all; never a name that must be resolved.
Result<std::string> address_of(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  unsigned port = 0;
  const char* const end = listen.data() + listen.size();
  const auto read = std::from_chars(listen.data() + (colon == std::string::npos ? listen.size() : colon + 1), end, port);
  if (read.ec != std::errc() || read.ptr != end || port > 65535) return Error(ErrorCode::bad_request, "'" + listen + "' is not HOST:PORT");
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  if (host == "*" || host.empty()) host = "0.0.0.0";
  in6_addr bytes{};
  const bool v6 = ::inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
  if (!v6 && ::inet_pton(AF_INET, host.c_str(), &bytes) != 1)
    return Error(ErrorCode::bad_request, "'" + host + "' is not an IP address to listen on");
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(std::unique_ptr<Calls> calls) : calls_(std::move(calls)) {}
  ~GrpcServer() override { GrpcServer::drain(Millis(0)); }

  Status start(const ServerOptions& options) {
    quieten_library();
    const std::string listen = TRY(address_of(options.listen));
    grpc::ServerBuilder builder;
    configure(builder, options);
    int port = 0;
    builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&calls_->service());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0)
      return Error(ErrorCode::unavailable, "can't listen on " + listen + " for gRPC: it is taken, or no address of this machine");
    address_ = listen.substr(0, listen.rfind(':') + 1) + std::to_string(port);
    return ok();
  }

  std::string address() const override { return address_; }

  void drain(Millis timeout) override {
    if (server_ == nullptr) return;
    calls_->drain();
    server_->Shutdown(std::chrono::system_clock::now() + timeout);
    server_.reset();
  }

 private:
  static void configure(grpc::ServerBuilder& builder, const ServerOptions& options) {
    builder.SetMaxReceiveMessageSize(as_int(options.message_bytes_max));
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);                   // a second server on the port must not share it silently
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);  // the library's has no bound
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, as_int(options.metadata_bytes_max));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsOfAConnection);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               as_int(static_cast<std::uint64_t>(options.idle_timeout.count())));  // clients connect again by themselves
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, as_int(static_cast<std::uint64_t>(options.handshake_timeout.count())));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingsNotBeforeMs);
    grpc::ResourceQuota quota("slipway");
    quota.Resize(std::max<std::size_t>(std::size_t{256} << 20, options.message_bytes_max * 8));  // connections and messages that arrive
    builder.SetResourceQuota(quota);
  }

  std::unique_ptr<Calls> calls_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, const predictions::PredictorPtr& predictor,
                                              const predictions::ServerFacts& facts, http::Guard& guard, std::vector<os::Loop*> loops,
                                              Metrics& metrics) {
  auto server = std::make_unique<GrpcServer>(
      Calls::make(methods(predictor, facts), guard, std::move(loops), metrics,
                  {.calls_max = options.calls_max, .open_wait = options.handshake_timeout, .wait = options.idle_timeout}));
  TRY(server->start(options));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace slipway::rpc
