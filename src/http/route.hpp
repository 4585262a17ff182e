// What a request is, and how an endpoint is declared: once. The router, the OpenAPI document and the table-driven tests are made from
// the declaration.
//
// Threads: a Request is owned by one handler at a time. A Responder may be used by any thread. Guard::admit is called on loop threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "slipway/base/cancellation.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/result.hpp"

namespace slipway::os {
class Loop;
}
namespace slipway::json {
class Writer;
}

namespace slipway::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };
std::string_view method_name(Method method);  // "GET"; other: ""
Method method_from(std::string_view name);    // case-sensitive, as HTTP has it

// Who is asking. Shared and immutable: the guard keeps them.
struct Principal {
  enum class Kind : std::uint8_t { token, key };
  enum class Role : std::uint8_t { user, admin };
  std::string user_id, email;
  Role role = Role::user;
  Kind kind = Kind::token;
  std::string key_id;               // of a key
  std::vector<std::string> scopes;  // of a key; a token has what its user has
  std::vector<std::string> models;  // of a key: the only models it may use; empty: no such restriction

  bool admin() const { return role == Role::admin; }
  const std::string& limited_as() const { return kind == Kind::key ? key_id : user_id; }  // a login counts as a key of its own
  bool has_scope(std::string_view scope) const;                                           // a token has every scope
  bool may_use(std::string_view model_id) const;                                          // the key's restriction only, not ownership
};
using PrincipalPtr = std::shared_ptr<const Principal>;

// Who may call a route. There is no default: a Route without one does not compile.
class Access {
 public:
  enum class Kind : std::uint8_t { anyone, signed_in, scope, admin };
  static Access anyone(std::string reason) { return {Kind::anyone, std::move(reason)}; }  // the guard is not asked
  static Access signed_in() { return {Kind::signed_in, {}}; }                             // a token or a key, whatever its scopes
  static Access scope(std::string scope) { return {Kind::scope, std::move(scope)}; }      // "models:write"
  static Access admin() { return {Kind::admin, {}}; }                                     // an administrator

  Kind kind() const { return kind_; }
  const std::string& scope_name() const { return text_; }
  const std::string& reason() const { return text_; }

 private:
  Access(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  Kind kind_;
  std::string text_;
};

struct HeaderView {
  std::string_view name, value;
};

struct RequestParts;  // the server's side of a Request: request_parts.hpp

class Request {
 public:
  Request() = default;
  Request(Request&&) noexcept = default;
  Request& operator=(Request&&) noexcept = default;

  // For tests of handlers: a request that no server read. target: "/api/models/mdl_1?limit=3".
  static Request make(Method method, std::string_view target, std::vector<std::pair<std::string, std::string>> headers = {}, std::string body = {});

  Method method() const { return method_; }
  std::string_view path() const { return path_; }        // as sent, without the query
  std::string_view raw_query() const { return query_; }  // as sent, without '?'
  std::string_view request_id() const { return request_id_; }
  std::string_view peer() const { return peer_ ? std::string_view(*peer_) : std::string_view(); }  // address of the other end, without the port
  std::string_view route() const { return route_; }                                                // the pattern: "/api/models/:id"

  // Of the pattern's ":name": decoded once, and matching [A-Za-z0-9._-]{1,128} (others are 404 before any handler). Empty: no such one.
  std::string_view param(std::string_view name) const;
  void set_param(std::string_view name, std::string value);  // for tests; name is a literal (it is kept as a view)
  // Decoded ('+' is a space). nullopt: absent. An invalid encoding is refused with 400 before any handler.
  std::optional<std::string> query(std::string_view name) const;
  // Value of the first header of this name (any case), without outer blanks; nullopt: absent.
  std::optional<std::string_view> header(std::string_view name) const;
  std::span<const HeaderView> headers() const { return headers_; }
  std::string_view content_type() const;  // media type as sent (any case), without parameters

  PrincipalPtr principal;           // set unless Access::anyone
  std::string body;                 // of a buffered route
  Steady deadline = Steady::max();  // the answer is due; the server sends 504 then
  os::Loop* loop = nullptr;         // whose thread serves the connection; nullptr in tests without a server
  CancellationPtr cancellation;     // of handlers on the loop: when the client leaves. Others ask Responder::gone()

 private:
  friend struct RequestParts;
  Method method_ = Method::get;
  std::unique_ptr<char[]> block_;  // what the views below point into
  std::string_view path_, query_, request_id_, route_;
  std::vector<HeaderView> headers_;
  std::vector<std::pair<std::string_view, std::string>> params_;
  std::shared_ptr<const std::string> peer_;
};

// A body that is produced while it is sent (downloads). read() runs on the pool, one call at a time, never after the destructor.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual Result<std::size_t> read(std::span<std::byte> into) = 0;  // 0: the end. An error cuts the connection: the client sees it's not whole
};

class PushBody;

struct Response {
  int status = 200;
  std::string content_type;  // empty: no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // Cache-Control here replaces the default no-store
  std::shared_ptr<BodySource> source;                        // instead of body
  std::optional<std::uint64_t> source_bytes;                 // nullopt: chunked
  std::shared_ptr<PushBody> push;                            // instead of both: pieces as they come, without a thread (push.hpp)
  std::string log_detail;                                    // for the log only

  static Response json(std::string body, int status = 200) { return make(status, "application/json", std::move(body)); }
  static Response text(std::string body, int status = 200) { return make(status, "text/plain; charset=utf-8", std::move(body)); }
  static Response html(std::string body, int status = 200) { return make(status, "text/html; charset=utf-8", std::move(body)); }
  static Response make(int status, std::string_view content_type, std::string body) {
    Response r;
    r.status = status;
    r.content_type = content_type;
    r.body = std::move(body);
    return r;
  }
  static Response empty(int status = 204) {
    Response r;
    r.status = status;
    return r;
  }
  Response&& with(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

// The right to answer one request. Copies mean the same request, the first answer counts; when the last copy goes without having
// answered, the client gets 500. Safe when the client or the server is gone. Any thread; quickest on Request::loop.
class Responder {
 public:
  class Target {
   public:
    virtual ~Target() = default;
    virtual void answer(Result<Response> result) = 0;  // once
    virtual bool gone() const { return false; }

   protected:
    void drop() noexcept;  // what a destructor calls: answers `internal` unless there was an answer

   private:
    friend class Responder;
    std::atomic<bool> answered_{false};
  };
  Responder() = default;
  explicit Responder(std::shared_ptr<Target> target) : target_(std::move(target)) {}
  static Responder to(std::function<void(Result<Response>)> receiver);  // for tests and for calls between handlers

  void send(Response response) const { send(Result<Response>(std::move(response))); }
  void send(Error error) const { send(Result<Response>(std::move(error))); }  // as problem+json
  void send(Result<Response> result) const;
  bool gone() const { return target_ == nullptr || target_->gone(); }  // the client has left: the work may be dropped (send is still allowed)

 private:
  std::shared_ptr<Target> target_;
};

// Receives a body block by block, on the pool, one call at a time, while the connection is read only as fast as write() returns.
// Destroyed (on the pool) without finish(): the upload ended early; what was stored must go.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Status write(std::span<const std::byte> bytes) = 0;  // an error is the answer; nothing more is written
  virtual void finish(Responder responder) = 0;                // the whole body was written
};

struct Body {
  enum class Kind : std::uint8_t { none, buffered, streamed };
  Kind kind = Kind::none;
  std::uint64_t bytes_max = 0;
  std::vector<std::string> content_types;  // media types, lower case; others are 415. Empty: any

  static Body none() { return {}; }
  static Body buffered(std::uint64_t bytes_max, std::vector<std::string> content_types) {
    return {Kind::buffered, bytes_max, std::move(content_types)};
  }
  static Body json(std::uint64_t bytes_max) { return buffered(bytes_max, {"application/json"}); }
  static Body streamed(std::uint64_t bytes_max, std::vector<std::string> content_types) {
    return {Kind::streamed, bytes_max, std::move(content_types)};
  }
};

// Where a handler runs: on the pool (it may block), on the loop (it must not), or as a sink (made and fed on the pool).
using PoolHandler = std::function<Result<Response>(Request&)>;
using LoopHandler = std::function<void(Request&&, Responder)>;
using SinkHandler = std::function<Result<std::unique_ptr<BodySink>>(Request&)>;
using Handler = std::variant<PoolHandler, LoopHandler, SinkHandler>;
inline Handler on_pool(PoolHandler f) { return f; }
template <class Owner, class F>
Handler on_pool(Owner& owner, F f) {  // f(owner, request); the owner outlives the server
  return on_pool([&owner, f](Request& request) { return f(owner, request); });
}
inline Handler on_loop(LoopHandler f) { return f; }
inline Handler into_sink(SinkHandler f) { return f; }  // for Body::streamed

// What the OpenAPI document says beyond the declaration. Examples and schemas are JSON texts (checked when the server starts).
struct DocParam {
  std::string name = {}, description = {};
  std::string schema = R"({"type":"string"})";
  bool required = false;
};
struct DocResponse {
  int status = 200;
  std::string description = {};
  std::string example = {};  // empty: no body
  std::string content_type = "application/json";
  std::string schema = {};  // empty: derived from the example
};
struct Doc {
  std::string id = {};  // operationId, unique: "createKey"
  std::string summary = {};
  std::string tag = {};
  std::string description = {};  // Markdown
  std::vector<DocParam> query = {};
  std::string request_example = {};
  std::string request_schema = {};          // empty: derived from the example
  std::vector<DocResponse> responses = {};  // of success; errors are added by the declaration
  std::vector<ErrorCode> errors = {};       // beyond 401, 403, 404, 405, 413, 415 and 500, which follow from the declaration
  bool hidden = false;                      // pages: not in the document
};

struct Route {
  Method method;
  std::string pattern;  // "/api/models/:id"; "/v1/models/:model:predict"; the last segment may be "*name": the rest of the path, raw
  Access access;        // no default on purpose
  Body body = {};
  Handler handler;
  Millis timeout{60'000};  // from the whole request to the answer; Request::deadline
  bool quiet = false;      // access log at debug level only (predictions, probes, metrics); failures are logged all the same
  // Members that the clients of another protocol look for in a refusal, beside those of the problem document.
  void (*extend_problem)(json::Writer& problem, const Error& error) = nullptr;
  Doc doc = {};
};

// A slice's routes as they are written down one after the other, all under one tag of the document.
class RouteList {
 public:
  explicit RouteList(std::string tag) : tag_(std::move(tag)) {}
  // What is particular (timeout, quiet) is set on the answer, which lives until the next add().
  Route& add(Method method, std::string pattern, Access access, Body body, Handler handler, Doc doc) {
    doc.tag = tag_;
    routes_.push_back({.method = method,
                       .pattern = std::move(pattern),
                       .access = std::move(access),
                       .body = std::move(body),
                       .handler = std::move(handler),
                       .doc = std::move(doc)});
    return routes_.back();
  }
  std::vector<Route> take() && { return std::move(routes_); }

 private:
  std::string tag_;
  std::vector<Route> routes_;
};

// Who is asking, and may they? Called on loop threads before the body is read: from memory, never blocking.
// Errors: unauthenticated (one and the same for missing, malformed, unknown and expired credentials), forbidden, rate_limited.
class Guard {
 public:
  virtual ~Guard() = default;
  virtual Result<PrincipalPtr> admit(const Request& request, const Access& access) = 0;
};

}  // namespace slipway::http
