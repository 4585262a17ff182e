#include "slipway/http/openapi.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "slipway/http/problem.hpp"

namespace slipway::http {
namespace {

using json::Array;
using json::object;
using json::Value;

Value parsed_or_null(const std::string& text) {
  auto parsed = json::parse(text);  // checked when the router was built
  return parsed ? std::move(parsed).value() : Value();
}

std::string lower_name(Method method) {
  std::string name(method_name(method));
  for (char& c : name) c = static_cast<char>(c | 0x20);
  return name;
}

// "/api/models/:id" -> "/api/models/{id}", and the parameters' names.
std::string template_path(std::string_view pattern, std::vector<std::string>& names) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t end = std::min(pattern.find('/', 1), pattern.size());
    const std::string_view segment = pattern.substr(1, end - 1);
    out += '/';
    if (!segment.empty() && (segment[0] == ':' || segment[0] == '*')) {
      const std::size_t colon = std::min(segment.find(':', 1), segment.size());
      names.emplace_back(segment.substr(1, colon - 1));
      out += '{' + names.back() + '}';
      out += segment.substr(colon);
    } else {
      out += segment;
    }
    pattern.remove_prefix(end);
  }
  return out;
}

Value content(const std::string& type, const std::string& schema, const std::string& example) {
  Value media = object({});
  if (type == "application/json") {
    const Value shown = example.empty() ? Value() : parsed_or_null(example);
    if (!schema.empty()) {
      media.set("schema", parsed_or_null(schema));
    } else if (!example.empty()) {
      media.set("schema", schema_of(shown));
    }
    if (!example.empty()) media.set("example", shown);
  } else {
    if (!schema.empty()) media.set("schema", parsed_or_null(schema));
    if (!example.empty()) media.set("example", example);
  }
  return object({{type, std::move(media)}});
}

Value parameters(const Route& route, const std::vector<std::string>& names) {
  Array out;
  for (const std::string& name : names) {
    out.push_back(object({{"name", name}, {"in", "path"}, {"required", true}, {"schema", object({{"type", "string"}})}}));
  }
  for (const DocParam& p : route.doc.query) {
    Value v = object({{"name", p.name}, {"in", "query"}, {"required", p.required}, {"schema", parsed_or_null(p.schema)}});
    if (!p.description.empty()) v.set("description", p.description);
    out.push_back(std::move(v));
  }
  return out;
}

Value request_body(const Route& route) {
  Value media = object({});
  for (const std::string& type : route.body.content_types) {
    const bool is_json = type == "application/json";
    const bool has_schema = is_json || type == "multipart/form-data";
    Value one = content(type, has_schema ? route.doc.request_schema : "", is_json ? route.doc.request_example : "");
    media.set(type, *one.find(type));
  }
  if (route.body.content_types.empty()) media.set("application/octet-stream", object({}));
  return object({{"required", true}, {"content", std::move(media)}});
}

// The errors that follow from the declaration, by status: what the client may have to deal with.
std::map<int, std::vector<ErrorCode>> errors_of(const Route& route, bool has_path_parameter) {
  std::vector<ErrorCode> codes = route.doc.errors;
  codes.insert(codes.end(), {ErrorCode::bad_request, ErrorCode::internal});
  if (route.access.kind() != Access::Kind::anyone) codes.push_back(ErrorCode::unauthenticated);
  if (route.access.kind() == Access::Kind::scope || route.access.kind() == Access::Kind::admin) codes.push_back(ErrorCode::forbidden);
  if (has_path_parameter) codes.push_back(ErrorCode::not_found);
  if (route.body.kind != Body::Kind::none) codes.push_back(ErrorCode::too_large);
  if (!route.body.content_types.empty()) codes.push_back(ErrorCode::unsupported_media_type);
  std::map<int, std::vector<ErrorCode>> out;
  for (const ErrorCode code : codes) {
    auto& same = out[error_status(code)];
    if (std::find(same.begin(), same.end(), code) == same.end()) same.push_back(code);
  }
  return out;
}

Value responses(const Route& route, bool has_path_parameter) {
  Value out = object({});
  std::vector<DocResponse> good = route.doc.responses;
  if (good.empty()) good.push_back({.status = 200, .description = "Done"});
  for (const DocResponse& r : good) {
    Value v = object({{"description", r.description.empty() ? std::string("Done") : r.description}});
    if (!r.example.empty() || !r.schema.empty()) v.set("content", content(r.content_type, r.schema, r.example));
    out.set(std::to_string(r.status), std::move(v));
  }
  for (const auto& [status, codes] : errors_of(route, has_path_parameter)) {
    std::string description;
    for (const ErrorCode code : codes) {
      if (!description.empty()) description += "; ";
      description += error_title(code);
    }
    const Value reference = object({{"$ref", "#/components/schemas/Problem"}});
    out.set(std::to_string(status),
            object({{"description", description}, {"content", object({{"application/problem+json", object({{"schema", reference}})}})}}));
  }
  return out;
}

Value security(const Route& route) {
  if (route.access.kind() == Access::Kind::anyone) return Array{};
  return Array{object({{"bearer", Array{}}}), object({{"apiKey", Array{}}})};
}

Value operation(const Route& route, const std::vector<std::string>& names) {
  Value v = object({{"operationId", route.doc.id}, {"summary", route.doc.summary}});
  if (!route.doc.tag.empty()) v.set("tags", Array{route.doc.tag});
  if (!route.doc.description.empty()) v.set("description", route.doc.description);
  v.set("security", security(route));
  if (route.access.kind() == Access::Kind::scope) v.set("x-scope", route.access.scope_name());
  if (route.access.kind() == Access::Kind::admin) v.set("x-role", "admin");
  if (!names.empty() || !route.doc.query.empty()) v.set("parameters", parameters(route, names));
  if (route.body.kind != Body::Kind::none) v.set("requestBody", request_body(route));
  v.set("responses", responses(route, !names.empty()));
  return v;
}

Value problem_schema() {
  const Value text = object({{"type", "string"}});
  const Value field =
      object({{"type", "object"}, {"properties", object({{"pointer", text}, {"detail", text}})}, {"required", Array{"pointer", "detail"}}});
  return object({{"type", "object"},
                 {"description", "RFC 9457. `type` is the path of a page that tells cause and remedy."},
                 {"properties", object({{"type", text},
                                        {"title", text},
                                        {"status", object({{"type", "integer"}})},
                                        {"detail", text},
                                        {"request_id", text},
                                        {"errors", object({{"type", "array"}, {"items", field}})}})},
                 {"required", Array{"type", "title", "status", "detail", "request_id"}}});
}

}  // namespace

json::Value schema_of(const json::Value& example) {
  if (example.is_bool()) return object({{"type", "boolean"}});
  if (example.is_int()) return object({{"type", "integer"}});
  if (example.is_number()) return object({{"type", "number"}});
  if (example.is_string()) return object({{"type", "string"}});
  if (example.is_array()) {
    Value v = object({{"type", "array"}});
    v.set("items", example.as_array().empty() ? object({}) : schema_of(example.as_array().front()));
    return v;
  }
  if (!example.is_object()) return object({});  // null says nothing of the type
  Value properties = object({});
  Array required;
  for (const auto& [name, value] : example.as_object()) {
    properties.set(name, schema_of(value));
    required.emplace_back(name);
  }
  Value v = object({{"type", "object"}, {"properties", std::move(properties)}});
  if (!required.empty()) v.set("required", std::move(required));
  return v;
}

json::Value openapi(std::span<const Route> routes, const ApiInfo& info) {
  Value paths = object({});
  for (const Route& route : routes) {
    if (route.doc.hidden) continue;
    std::vector<std::string> names;
    const std::string path = template_path(route.pattern, names);
    const Value* const known = paths.find(path);
    Value item = known != nullptr ? *known : object({});
    item.set(lower_name(route.method), operation(route, names));
    paths.set(path, std::move(item));
  }
  Value document = object({{"openapi", "3.1.0"}, {"info", object({{"title", info.title}, {"version", info.version}})}});
  if (!info.server_url.empty()) document.set("servers", Array{object({{"url", info.server_url}})});
  document.set("paths", std::move(paths));
  document.set("components",
               object({{"securitySchemes",
                        object({{"bearer", object({{"type", "http"}, {"scheme", "bearer"}, {"description", "An access token or an API key"}})},
                                {"apiKey", object({{"type", "apiKey"}, {"in", "header"}, {"name", "X-API-Key"}})}})},
                       {"schemas", object({{"Problem", problem_schema()}})}}));
  return document;
}

}  // namespace slipway::http
