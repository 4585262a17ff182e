#include "slipway/http/router.hpp"

#include <set>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"

namespace slipway::http {
namespace {

Error bug(const Route& route, std::string_view what) {
  const std::string text = "route " + std::string(method_name(route.method)) + " " + route.pattern + ": " + std::string(what);
  return Error(ErrorCode::internal, text).because(text);
}

bool is_literal(std::string_view segment) {
  for (const char c : segment) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (!good) return false;
  }
  return true;
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

Status check_example(const Route& route, const std::string& text, std::string_view what) {
  if (text.empty()) return ok();
  if (const auto parsed = json::parse(text); !parsed) return bug(route, std::string(what) + " is not JSON: " + parsed.error().detail());
  return ok();
}

Status check_declaration(const Route& route) {
  const bool has_handler = std::visit([](const auto& f) { return static_cast<bool>(f); }, route.handler);
  if (!has_handler) return bug(route, "it has no handler");
  if (route.method == Method::other || route.method == Method::head || route.method == Method::options)
    return bug(route, "HEAD and OPTIONS come by themselves");
  if ((route.body.kind == Body::Kind::streamed) != std::holds_alternative<SinkHandler>(route.handler))
    return bug(route, "a streamed body needs a sink, and a sink a streamed body");
  if (route.body.kind != Body::Kind::none && route.body.bytes_max == 0) return bug(route, "its body has no limit");
  if (route.timeout.count() <= 0) return bug(route, "it has no time");
  if (route.access.kind() == Access::Kind::anyone && route.access.reason().empty()) return bug(route, "it is open to anyone without a reason");
  if (!route.doc.hidden && (route.doc.id.empty() || route.doc.summary.empty())) return bug(route, "it is not documented (doc.id, doc.summary)");
  TRY(check_example(route, route.doc.request_example, "the request's example"));
  TRY(check_example(route, route.doc.request_schema, "the request's schema"));
  for (const DocParam& p : route.doc.query) TRY(check_example(route, p.schema, "a parameter's schema"));
  for (const DocResponse& r : route.doc.responses) {
    if (r.content_type == "application/json") TRY(check_example(route, r.example, "a response's example"));
    TRY(check_example(route, r.schema, "a response's schema"));
  }
  return ok();
}

}  // namespace

Result<Router> Router::build(std::vector<Route> routes) {
  Router router;
  router.routes_ = std::make_unique<std::vector<Route>>(std::move(routes));
  router.root_ = std::make_unique<Node>();
  std::set<std::string> ids;
  for (std::size_t i = 0; i < router.routes_->size(); ++i) {
    const Route& route = (*router.routes_)[i];
    TRY(check_declaration(route));
    if (!route.doc.id.empty() && !ids.insert(route.doc.id).second) return bug(route, "its operation id is taken");
    TRY(router.add(i));
  }
  finish(*router.root_);
  return router;
}

Status Router::add(std::size_t index) {
  const Route& route = (*routes_)[index];
  if (route.pattern.empty() || route.pattern[0] != '/') return bug(route, "a pattern begins with '/'");
  Node* node = root_.get();
  std::size_t params = 0;
  std::set<std::string_view> names;
  const auto parts = segments(route.pattern);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const bool named = !part.empty() && (part[0] == ':' || part[0] == '*');
    if (!named) {
      if (!is_literal(part) || (part.empty() && parts.size() > 1)) return bug(route, "a segment is malformed");
      auto& child = node->literals[std::string(part)];
      if (!child) child = std::make_unique<Node>();
      node = child.get();
      continue;
    }
    const bool rest = part[0] == '*';
    const std::size_t colon = std::min(part.find(':', 1), part.size());
    const std::string name(part.substr(1, colon - 1));
    const bool has_verb = colon < part.size();
    const std::string_view verb = has_verb ? part.substr(colon + 1) : std::string_view();
    if (name.empty() || !is_literal(name) || (rest && (i + 1 != parts.size() || has_verb))) return bug(route, "a parameter is malformed");
    if (has_verb && (verb.empty() || !is_literal(verb))) return bug(route, "a verb is malformed");
    if (!names.insert(part.substr(1, colon - 1)).second) return bug(route, "two parameters have the same name");
    if (++params > kParamsMax) return bug(route, "it has too many parameters");
    std::string& known = rest ? node->rest_name : node->parameter_name;
    if (known.empty()) known = name;
    if (known != name) return bug(route, "another route calls this parameter '" + known + "'");
    auto& child = has_verb ? node->verbs[std::string(verb)] : rest ? node->rest : node->parameter;
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  if (!node->methods.emplace(route.method, index).second) return bug(route, "another route has the same method and path");
  return ok();
}

void Router::finish(Node& node) {
  if (!node.methods.empty()) {
    for (const auto& [method, index] : node.methods) {
      node.allow += std::string(method_name(method)) + ", ";
      if (method == Method::get) node.allow += "HEAD, ";
    }
    node.allow += "OPTIONS";
  }
  for (auto& [segment, child] : node.literals) finish(*child);
  for (auto& [verb, child] : node.verbs) finish(*child);
  if (node.parameter) finish(*node.parameter);
  if (node.rest) finish(*node.rest);
}

// Depth is the pattern's, not the path's: a path of more segments than any pattern ends at a node without children.
const Router::Node* Router::find(const Node& node, std::string_view path, Match& match) {
  const std::size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  const bool last = slash == std::string_view::npos;
  const std::size_t params = match.params;
  const auto descend = [&](const Node& child) -> const Node* {
    if (last) return child.methods.empty() ? nullptr : &child;
    return find(child, path.substr(slash + 1), match);
  };
  if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
    if (const Node* const found = descend(*literal->second)) return found;
    match.params = params;
  }
  if (const std::size_t colon = node.verbs.empty() ? std::string_view::npos : segment.rfind(':'); colon != std::string_view::npos && colon > 0) {
    if (const auto verb = node.verbs.find(segment.substr(colon + 1)); verb != node.verbs.end()) {
      match.param[match.params++] = {node.parameter_name, segment.substr(0, colon)};
      if (const Node* const found = descend(*verb->second)) return found;
      match.params = params;
    }
  }
  if (node.parameter && !segment.empty()) {
    match.param[match.params++] = {node.parameter_name, segment};
    if (const Node* const found = descend(*node.parameter)) return found;
    match.params = params;
  }
  if (node.rest && !path.empty()) {
    match.param[match.params++] = {node.rest_name, path};
    return node.rest.get();
  }
  return nullptr;
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  if (path.empty() || path[0] != '/') return match;
  const Node* const node = find(*root_, path.substr(1), match);
  if (node == nullptr) return match;
  match.allow = node->allow;
  const auto found = node->methods.find(method == Method::head ? Method::get : method);
  if (found != node->methods.end()) {
    match.outcome = Match::Outcome::found;
    match.index = found->second;
    match.route = &(*routes_)[match.index];
  } else {
    match.outcome = method == Method::options ? Match::Outcome::options : Match::Outcome::no_method;
  }
  return match;
}

bool decode_param(std::string_view raw, std::string& out) {
  bool valid = true;
  if (raw.find('%') == std::string_view::npos) {
    out.assign(raw);
  } else {
    out = percent_decode(raw, valid);
  }
  if (!valid || out.empty() || out.size() > 128 || out == "." || out == "..") return false;
  for (const char c : out) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!good) return false;
  }
  return true;
}

}  // namespace slipway::http
