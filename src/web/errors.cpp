#include <algorithm>

#include "slipway/web/pages.hpp"

namespace slipway::web {
namespace {

std::string dashed(ErrorCode code) {
  std::string name(error_name(code));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

constexpr ErrorCode kAll[] = {
#define SLIPWAY_ERROR(name, status, title) ErrorCode::name,
#include "slipway/base/errors.def"
#undef SLIPWAY_ERROR
};

}  // namespace

// A switch without default: an error without a remedy is a compiler warning here, and a failing test.
std::string_view remedy(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request:
      return "The detail names what can't be read: a header, a parameter, the framing of the body. Repeating the same request won't help.";
    case ErrorCode::invalid_json:
      return "Send strict JSON (RFC 8259): no comments, no trailing commas, each member once, at most 64 levels deep. The detail names the place.";
    case ErrorCode::unauthenticated:
      return "Send <code>Authorization: Bearer …</code> with an access token or an API key (or the key as <code>X-API-Key</code>). Access tokens "
             "last some minutes: exchange the refresh token at <code>/api/auth/refresh</code>. Missing, wrong, expired and withdrawn credentials all "
             "answer the same.";
    case ErrorCode::forbidden:
      return "The credentials are good but don't reach this far: a key needs the scope (<code>x-scope</code> in <a href=\"/api/openapi.json\">the "
             "OpenAPI document</a>) and the model, some calls need an administrator.";
    case ErrorCode::not_found: return "Check the id and the path. What belongs to somebody else answers the same as what doesn't exist.";
    case ErrorCode::method_not_allowed: return "The <code>Allow</code> header names the methods of this path.";
    case ErrorCode::not_acceptable: return "Ask for <code>application/json</code>, or leave <code>Accept</code> out.";
    case ErrorCode::request_timeout: return "The headers or the body came too slowly. Try again on a better connection, or from nearer.";
    case ErrorCode::conflict: return "Something of this name exists, or another request was first. Read the resource again, then decide.";
    case ErrorCode::precondition_failed:
      return "The resource is not the version named in <code>If-Match</code> any more. Read it again, apply the change to what you get, and send "
             "that.";
    case ErrorCode::too_large:
      return "The detail names the limit. Send fewer rows a request, or a smaller file; whoever runs the server can raise "
             "<code>server.body_bytes_max</code> and <code>models.upload_bytes_max</code>.";
    case ErrorCode::target_too_long: return "Put what is long into the body instead of the URL.";
    case ErrorCode::unsupported_media_type:
      return "Set <code>Content-Type</code> to one of those the detail names (curl's <code>-d</code> sends a form unless told otherwise), and don't "
             "compress the body.";
    case ErrorCode::invalid_input:
      return "<code>errors</code> names each wrong value by its place in the body, such as <code>#/instances/3/age</code>, and what is expected "
             "there. A model's inputs stand under <code>GET /api/models/:id</code>.";
    case ErrorCode::model_refused:
      return "The detail names the part of the file that can't be served, and where it is. <code>slipway inspect FILE</code> shows what is inside. "
             "Nothing in a file is executed, so what is code (lambdas, own classes) can't be taken over: save the fitted parts without it, or export "
             "to ONNX.";
    case ErrorCode::rate_limited: return "Wait as many seconds as <code>Retry-After</code> says. The limit is the caller's own.";
    case ErrorCode::headers_too_large: return "Send fewer or shorter headers; large cookies are the usual cause.";
    case ErrorCode::internal: return "This is a fault of ours. The <code>request_id</code> finds it in the server's log.";
    case ErrorCode::not_implemented: return "The call is part of the interface but this version doesn't have it yet.";
    case ErrorCode::model_crashed:
      return "The model's process ended while it ran the request and has been replaced. Try again; when the same input does it again, the model is "
             "at fault.";
    case ErrorCode::overloaded: return "Try again after <code>Retry-After</code> seconds, with fewer requests at once.";
    case ErrorCode::unavailable:
      return "A part of the server is starting, stopping or resting after failures. <code>/readyz</code> tells which. Try again in a while.";
    case ErrorCode::model_not_ready:
      return "The model is still being imported, was refused, or has failed by a fault of the server: <code>GET /api/models/:id</code> tells its "
             "<code>status</code> and the <code>reason</code>.";
    case ErrorCode::deadline_exceeded: return "Send fewer rows a request, or ask whoever runs the server to raise <code>inference.timeout_ms</code>.";
    case ErrorCode::storage_full: return "Whoever runs the server has to make room on its disk; deleting models that nobody needs helps.";
  }
  return {};
}

std::string error_page(ErrorCode code) {
  const std::string title = escape(error_title(code));
  std::string main = "<h1>" + title + "</h1>\n<p><code>/errors/" + dashed(code) + "</code>, HTTP status " + std::to_string(error_status(code)) +
                     "</p>\n<h2>What to do</h2>\n<p>";
  main += remedy(code);
  main += "</p>\n<p><a href=\"/errors\">All errors</a></p>\n";
  return document(title + " · slipway", main);
}

std::string errors_page() {
  std::string main =
      "<h1>Errors</h1>\n<p>Every error is an <code>application/problem+json</code> document (RFC 9457); its <code>type</code> is the path of a page "
      "here.</p>\n";
  main += "<table>\n<thead><tr><th scope=\"col\">Type</th><th scope=\"col\">Status</th><th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n";
  for (const ErrorCode code : kAll) {
    const std::string path = "/errors/" + dashed(code);
    main += "<tr><td><a href=\"" + path + "\"><code>" + path + "</code></a></td><td>" + std::to_string(error_status(code)) + "</td><td>" +
            escape(error_title(code)) + "</td></tr>\n";
  }
  main += "</tbody>\n</table>\n";
  return document("Errors · slipway", main);
}

}  // namespace slipway::web
