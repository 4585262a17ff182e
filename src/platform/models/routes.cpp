// /api/models: list, details, edit, delete, download, versions. Handlers run on the pool.
#include <algorithm>
#include <charconv>

#include "slipway/base/form.hpp"
#include "slipway/http/page.hpp"
#include "slipway/platform/models/originals.hpp"
#include "slipway/platform/models/registry.hpp"

namespace slipway::models {
namespace {

constexpr std::uint64_t kBodyMax = 64 * 1024;

Result<http::Response> list(Registry& registry, http::Request& request) {
  const http::Principal& who = *request.principal;
  ModelQuery query;
  query.page = TRY(http::read_page(request));
  const std::int64_t limit = query.page.limit++;  // one more tells whether there is a next page
  query.search = request.query("q").value_or("");
  if (!(who.admin() && request.query("all") == "true")) query.owner_id = who.user_id;
  const std::string status = request.query("status").value_or("");
  json::Value next;
  json::Array items;
  TRY(registry.database().read([&](store::Session& s) -> Status {
    auto models = TRY(list_models(s, query));
    if (static_cast<std::int64_t>(models.size()) > limit) {
      models.pop_back();
      next = http::cursor_of(models.back().created_at, models.back().id);
    }
    for (const ModelRow& model : models) {
      if (!who.may_use(model.id)) continue;
      const auto face = TRY(face_of(s, model));
      if (!status.empty() && (!face || face->status != status)) continue;
      items.push_back(registry.describe(model, face, false));
    }
    return ok();
  }));
  return http::Response::json(json::object({{"items", std::move(items)}, {"next", next}}).dump());
}

// What the routes work with: models, and the limits that their owners give them.
struct Desk {
  Registry& registry;
  limits::Book& book;
};

Result<http::Response> details(const Desk& desk, http::Request& request) {
  const std::string_view id = request.param("id");
  TRY(desk.registry.visible(*request.principal, id));
  json::Value out = TRY(desk.registry.describe(id));
  json::Value limits = limits::to_json(desk.book.get(limits::Subject::model, id));
  if (const limits::Quota per_key = desk.book.get(limits::Subject::key_on_model, id); !per_key.says_nothing())
    limits.set("per_key", limits::to_json(per_key));
  out.set("limits", std::move(limits));
  return http::Response::json(out.dump());
}

// Pinned memory is taken from everybody, so that an administrator says so.
Status check_residence(const http::Principal& who, const std::string& residence) {
  const auto wrong = [](std::string why) {
    return Error(ErrorCode::invalid_input, "the model can't be changed so").at("#/residence", std::move(why));
  };
  if (residence != "on_demand" && residence != "warm" && residence != "pinned") return wrong("is on_demand, warm or pinned");
  if (residence == "pinned" && !who.admin()) return Error(ErrorCode::forbidden, "only an administrator may pin a model in memory");
  return ok();
}

// {"batch_window": 20}. nullopt: nothing was said of it.
Result<std::optional<std::int64_t>> read_batch_window(const Deployment& model, const json::Value* given) {
  constexpr std::int64_t kMost = 1000;
  const auto wrong = [](std::string why) {
    return Error(ErrorCode::invalid_input, "the model can't be changed so").at("#/batch_window", std::move(why));
  };
  if (given == nullptr) return std::optional<std::int64_t>();
  if (!given->is_int() || given->as_int() < 0 || given->as_int() > kMost)
    return wrong("is a whole number of milliseconds, 0 (off) to " + std::to_string(kMost));
  const bool joins_rows = !model.served() || (model.codec->schema().batched && model.codec->schema().rows_independent);
  if (given->as_int() > 0 && !joins_rows) return wrong("must be 0: requests to this model can't run together, because its rows aren't independent");
  return std::optional<std::int64_t>(given->as_int());
}

struct ModelLimits {
  limits::Quota all, per_key;
};

// {"requests": ..., "per_key": {"requests": ...}}. A key must not loosen what limits it.
Result<std::optional<ModelLimits>> read_limits(const http::Request& request, const json::Value* given) {
  if (given == nullptr) return std::optional<ModelLimits>();
  if (request.principal->kind != http::Principal::Kind::token) return Error(ErrorCode::forbidden, "log in to set a model's limits; a key can't");
  ModelLimits out;
  json::Value all = *given;
  if (const json::Value* per_key = given->find("per_key")) {
    if (!per_key->is_null()) out.per_key = TRY(limits::quota_from_json(*per_key, "#/limits/per_key"));
    std::erase_if(all.as_object(), [](const json::Member& member) { return member.first == "per_key"; });
  }
  out.all = TRY(limits::quota_from_json(all, "#/limits"));
  return std::optional<ModelLimits>(out);
}

Status set_limits(const Desk& desk, std::string_view id, const ModelLimits& wanted) {
  TRY(desk.book.set(limits::Subject::model, id, wanted.all));
  return desk.book.set(limits::Subject::key_on_model, id, wanted.per_key);
}

Result<http::Response> edit(const Desk& desk, http::Request& request) {
  Registry& registry = desk.registry;
  const std::string id(request.param("id"));
  const auto deployment = TRY(registry.visible(*request.principal, id));
  const bool whole = request.method() == http::Method::put;  // PUT replaces: what is left out becomes empty
  Form form = TRY(Form::parse(request.body));
  const auto name = whole ? std::optional(form.required_text("name", 200)) : form.text("name", 200);
  const auto description = form.text("description", 10'000);
  const auto tags = form.texts("tags", 50, 100);
  const auto residence = form.text("residence", 20);
  const json::Value* given = form.member("limits");
  const json::Value* given_window = form.member("batch_window");
  TRY(form.finish());
  if (residence) TRY(check_residence(*request.principal, *residence));
  const auto window = TRY(read_batch_window(*deployment, given_window));
  const auto limits = TRY(read_limits(request, given));
  if (name && name->empty()) return Error(ErrorCode::invalid_input, "the model can't be changed so").at("#/name", "must not be empty");
  TRY(registry.database().write([&](store::Session& s) -> Status {
    auto model = TRY(find_model(s, id));
    if (!model) return Error(ErrorCode::not_found, "the model is gone");
    if (name) model->name = *name;
    if (description || whole) model->description = description.value_or("");
    if (tags || whole) model->tags = tags.value_or(std::vector<std::string>{});
    if (residence) model->residence = *residence;
    if (window) model->batch_window = *window;
    TRY(Intake::check_meta({model->name, model->description, model->tags}));
    model->updated_at = registry.clock().unix_ms();
    return update_model(s, *model);
  }));
  TRY(registry.refresh(id));
  if (limits) TRY(set_limits(desk, id, *limits));
  return details(desk, request);
}

Result<http::Response> remove(const Desk& desk, http::Request& request) {
  TRY(desk.registry.visible(*request.principal, request.param("id")));
  TRY(desk.registry.remove(request.param("id")));
  TRY(set_limits(desk, request.param("id"), {}));
  return http::Response::empty();
}

Result<http::Response> download(Registry& registry, http::Request& request) {
  const std::string id(request.param("id"));
  TRY(registry.visible(*request.principal, id));
  const auto version = TRY(registry.database().read([&](store::Session& s) -> Result<std::optional<VersionRow>> {
    const auto model = TRY(find_model(s, id));
    if (!model) return std::optional<VersionRow>();
    return face_of(s, *model);
  }));
  if (!version || version->file_blob.empty()) return Error(ErrorCode::not_found, "the file is not kept (a refused file's bytes are removed)");
  const auto name = request.query("name");
  return original_response(TRY(registry.intake().open_original(*version)), *version, name ? std::optional<std::string>(*name) : std::nullopt);
}

Result<http::Response> versions(Registry& registry, http::Request& request) {
  const std::string id(request.param("id"));
  TRY(registry.visible(*request.principal, id));
  json::Array items;
  std::int64_t current = 0;
  TRY(registry.database().read([&](store::Session& s) -> Status {
    const auto model = TRY(find_model(s, id));
    if (model) current = model->current_version;
    for (const VersionRow& version : TRY(versions_of(s, id))) items.push_back(registry.describe_version(version));
    return ok();
  }));
  return http::Response::json(json::object({{"items", std::move(items)}, {"current", current}, {"next", json::Value()}}).dump());
}

Result<http::Response> promote(const Desk& desk, http::Request& request) {
  Registry& registry = desk.registry;
  const std::string id(request.param("id"));
  TRY(registry.visible(*request.principal, id));
  const std::string_view text = request.param("version");
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) return Error(ErrorCode::not_found, "there is no such version");
  TRY(registry.promote(id, number));
  return details(desk, request);
}

constexpr const char* kModelExample =
    R"({"id":"mdl_01hf3k","name":"iris","description":"","tags":[],"format":"scikit-learn pickle","status":"ready","version":1,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size":1234,"filename":"iris.pkl","files":[{"name":"iris.pkl","size":1234,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"endpoint_url":"http://127.0.0.1:8080/api/predict/mdl_01hf3k","created_at":"2026-11-23T12:00:00.000Z","updated_at":"2026-11-23T12:00:00.000Z","kind":"classifier","inputs":[{"name":"X","dtype":"float64","shape":[-1,4]}],"outputs":[{"name":"label","dtype":"string","shape":[-1]}]})";
constexpr const char* kVersionsExample =
    R"({"items":[{"version":1,"status":"ready","format":"scikit-learn pickle","size":1234}],"current":1,"next":null})";

}  // namespace

std::vector<http::Route> routes(Registry& registry, limits::Book& book) {
  const auto on_desk = [desk = Desk{registry, book}](Result<http::Response> (*f)(const Desk&, http::Request&)) {
    return http::on_pool([desk, f](http::Request& request) { return f(desk, request); });
  };
  using http::Access;
  using http::Method;
  const auto json_body = [] { return http::Body::json(kBodyMax); };
  http::RouteList routes("models");
  const std::vector<http::DocResponse> model = {{200, "the model", kModelExample}};
  routes.add(Method::get, "/api/models", Access::scope("models:read"), http::Body::none(), http::on_pool(registry, list),
             {.id = "listModels",
              .summary = "One's models, newest first",
              .query = {{"limit", "models a page, 1 to 200", R"({"type":"integer","minimum":1,"maximum":200})"},
                        {"cursor", "`next` of the page before"},
                        {"q", "part of the name"},
                        {"status", "importing, checking, ready, refused or failed"},
                        {"all", "administrators: true lists everybody's"}},
              .responses = {{200, "a page", std::string(R"({"items":[)") + kModelExample + R"(],"next":null})"}},
              .errors = {ErrorCode::bad_request}});
  routes.add(Method::get, "/api/models/:id", Access::scope("models:read"), http::Body::none(), on_desk(details),
             {.id = "getModel", .summary = "A model with its schema, example and report", .responses = model});
  routes.add(
      Method::patch, "/api/models/:id", Access::scope("models:write"), json_body(), on_desk(edit),
      {.id = "changeModel",
       .summary = "Change name, description, tags, residence, batching window or limits",
       .description = "`residence`: `on_demand` (loaded by its first request), `warm` (loaded at once, unloaded last), `pinned` (never "
                      "unloaded; administrators only). `batch_window`: milliseconds, 0 to 1000, that a free process of the model waits for more "
                      "rows to run together; 0 is off. `limits` is replaced as a whole: what it leaves out is as the server's settings say, 0 is no "
                      "limit; `per_key` holds for "
                      "each key by itself.",
       .request_example = R"({"description":"three kinds of iris","limits":{"rows":{"amount":100000,"per":"minute"},"per_key":{"concurrent":2}}})",
       .responses = model,
       .errors = {ErrorCode::invalid_input}});
  routes.add(Method::put, "/api/models/:id", Access::scope("models:write"), json_body(), on_desk(edit),
             {.id = "replaceModel",
              .summary = "Replace name, description and tags",
              .request_example = R"({"name":"iris","description":"","tags":[]})",
              .responses = model,
              .errors = {ErrorCode::invalid_input}});
  routes.add(Method::del, "/api/models/:id", Access::scope("models:write"), http::Body::none(), on_desk(remove),
             {.id = "deleteModel", .summary = "Delete a model with all its versions", .responses = {{204, "deleted", ""}}});
  routes.add(Method::get, "/api/models/:id/file", Access::scope("models:read"), http::Body::none(), http::on_pool(registry, download),
             {.id = "downloadModel",
              .summary = "The file as it was uploaded; of several files a tar archive, or one of them",
              .query = {{"name", "one of the model's files"}},
              .responses = {{200, "the file", "", "application/octet-stream", R"({"type":"string","format":"binary"})"}}});
  routes.add(Method::get, "/api/models/:id/versions", Access::scope("models:read"), http::Body::none(), http::on_pool(registry, versions),
             {.id = "listVersions", .summary = "Versions, newest first", .responses = {{200, "the versions", kVersionsExample}}});
  routes.add(Method::post, "/api/models/:id/versions/:version/promote", Access::scope("models:write"), http::Body::none(), on_desk(promote),
             {.id = "promoteVersion", .summary = "Serve this version from now on", .responses = model, .errors = {ErrorCode::model_not_ready}});
  return std::move(routes).take();
}

}  // namespace slipway::models
