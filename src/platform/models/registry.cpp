#include "slipway/platform/models/registry.hpp"

#include <future>
#include <mutex>

#include "slipway/base/log.hpp"

namespace slipway::models {
namespace {

Error no_model() { return Error(ErrorCode::not_found, "there is no such model, or it is not yours"); }

inference::Residence residence_of(const std::string& word) {
  return word == "pinned" ? inference::Residence::pinned : word == "warm" ? inference::Residence::warm : inference::Residence::on_demand;
}

json::Value runtime_json(const inference::ModelStats& stats) {
  return json::object({{"loaded", stats.loaded},
                       {"resident_bytes", stats.resident_bytes},
                       {"cells", stats.cells},
                       {"lanes", stats.lanes},
                       {"cold_starts", stats.cold_starts},
                       {"cold_start_ms", stats.cold_start_ms},
                       {"crashes", stats.crashes},
                       {"waiting", stats.waiting},
                       {"running", stats.running},
                       {"overloaded", stats.overloaded},
                       {"pid", stats.pid},
                       {"quarantine", stats.quarantine}});
}

json::Value parsed(const std::string& document) {
  if (document.empty()) return {};
  auto value = json::parse(document);
  return value.ok() ? std::move(*value) : json::Value();
}

void copy_member(json::Value& to, const json::Value& from, const char* name) {
  const json::Value* value = from.find(name);
  to.set(name, value == nullptr ? json::Value() : *value);
}

// The files as they were given. A version from before files were listed has one.
json::Array files_json(const VersionRow& version) {
  json::Array out;
  for (const FileRow& file : version.files) out.push_back(json::object({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}}));
  if (out.empty()) out.push_back(json::object({{"name", version.filename}, {"size", version.size}, {"sha256", version.sha256}}));
  return out;
}

// What the schema and the report say, as members of the model itself.
void add_facts(json::Value& out, const VersionRow& version) {
  const json::Value schema = parsed(version.schema);
  for (const char* name : {"kind", "inputs", "outputs", "features", "classes"}) copy_member(out, schema, name);
  const json::Value report = parsed(version.report);
  for (const char* name : {"producer", "title", "contents", "warnings", "objects", "certificate"}) copy_member(out, report, name);
  out.set("example", parsed(version.example));
}

}  // namespace

Registry::Registry(store::Database& database, Intake& intake, inference::Engine& engine, const Clock& clock)
    : database_(database), intake_(intake), engine_(engine), clock_(clock) {
  intake_.on_settled([this](const VersionRow& version) {
    if (const Status shown = refresh(version.model_id); !shown.ok())
      log::error("model.not_deployed", {{"model", version.model_id}, {"why", shown.error().detail()}, {"internal", shown.error().internal()}});
  });
}

Status Registry::start() {
  const auto rows = TRY(database_.read([](store::Session& s) { return s.query("SELECT id FROM models"); }));
  for (const store::Row& row : rows) {
    // One damaged model must not keep the others from being served.
    if (const Status refreshed = refresh(row.text("id")); !refreshed.ok()) {
      log::error("model.not_deployed", {{"model", row.text("id")}, {"why", refreshed.error().detail()}, {"internal", refreshed.error().internal()}});
    }
  }
  return ok();
}

std::shared_ptr<const Deployment> Registry::find(std::string_view model_id) const {
  const Shard& s = shard(model_id);
  const std::shared_lock lock(s.mutex);
  const auto found = s.deployments.find(std::string(model_id));
  return found == s.deployments.end() ? nullptr : found->second;
}

Result<std::shared_ptr<const Deployment>> Registry::visible(const http::Principal& who, std::string_view model_id) const {
  auto deployment = find(model_id);
  if (deployment == nullptr || (deployment->owner_id != who.user_id && !who.admin())) return no_model();
  if (!who.may_use(model_id)) return no_model();
  return deployment;
}

Result<std::shared_ptr<const Deployment>> Registry::resolve(const http::Principal& who, std::string_view id_or_name) const {
  if (auto by_id = visible(who, id_or_name); by_id.ok()) return by_id;
  std::vector<std::string> usable;
  {
    const std::shared_lock lock(names_.mutex);
    const auto found = names_.ids.find({who.user_id, std::string(id_or_name)});
    if (found == names_.ids.end()) return no_model();
    for (const std::string& id : found->second) {
      if (who.may_use(id)) usable.push_back(id);
    }
  }
  if (usable.empty()) return no_model();
  if (usable.size() > 1) {
    std::string ids;
    for (const std::string& id : usable) ids += (ids.empty() ? "" : ", ") + id;
    return Error(ErrorCode::conflict, "several models of yours have this name; use an id: " + ids.substr(0, 300));
  }
  return visible(who, usable.front());
}

std::vector<std::shared_ptr<const Deployment>> Registry::own(const http::Principal& who) const {
  std::vector<std::string> ids;
  {
    const std::shared_lock lock(names_.mutex);
    for (auto at = names_.ids.lower_bound({who.user_id, ""}); at != names_.ids.end() && at->first.first == who.user_id; ++at)
      ids.insert(ids.end(), at->second.begin(), at->second.end());
  }
  std::vector<std::shared_ptr<const Deployment>> out;
  for (const std::string& id : ids) {
    auto deployment = find(id);
    if (deployment != nullptr && who.may_use(id)) out.push_back(std::move(deployment));
  }
  return out;
}

void Registry::rename(const Deployment* before, const Deployment* after) {
  if (before != nullptr && after != nullptr && before->name == after->name && before->owner_id == after->owner_id) return;
  const std::unique_lock lock(names_.mutex);
  if (before != nullptr) {
    const auto at = names_.ids.find({before->owner_id, before->name});
    if (at != names_.ids.end()) at->second.erase(before->model_id);
    if (at != names_.ids.end() && at->second.empty()) names_.ids.erase(at);
  }
  if (after != nullptr) names_.ids[{after->owner_id, after->name}].insert(after->model_id);
}

void Registry::put(std::string_view model_id, std::shared_ptr<const Deployment> deployment) {
  std::shared_ptr<const Deployment> old;
  {
    Shard& s = shard(model_id);
    const std::unique_lock lock(s.mutex);
    auto& place = s.deployments[std::string(model_id)];
    old = std::exchange(place, deployment);
    if (place == nullptr) s.deployments.erase(std::string(model_id));
    rename(old.get(), deployment.get());
  }
  const bool replaced = old != nullptr && old->served() && (deployment == nullptr || deployment->model != old->model);
  if (replaced) old->model->retire();  // what runs is finished first
}

Result<std::shared_ptr<const Deployment>> Registry::deployment_of(const ModelRow& model, const std::optional<VersionRow>& face) {
  auto out = std::make_shared<Deployment>();
  out->model_id = model.id;
  out->name = model.name;
  out->owner_id = model.owner_id;
  out->status = face ? face->status : std::string(state::kImporting);
  if (!face || face->status != state::kReady) return std::shared_ptr<const Deployment>(out);
  out->version = face->number;
  out->batch_window = Millis(model.batch_window);
  const auto current = find(model.id);
  if (current != nullptr && current->served() && current->version == face->number) {  // only its description has changed
    out->codec = current->codec;
    out->model = current->model;
    out->model->keep(residence_of(model.residence));
    if (current->batch_window != out->batch_window) out->model->gather(out->batch_window);
    return std::shared_ptr<const Deployment>(out);
  }
  const auto schema = std::make_shared<const Schema>(TRY(Schema::from_json(TRY(json::parse(face->schema)))));
  out->codec = std::make_shared<const RequestCodec>(*schema);
  inference::ModelSpec spec;
  spec.id = face->id;
  spec.schema = schema;
  spec.source = [&intake = intake_, version = *face] { return intake.open_artifact(version); };
  spec.artifact_bytes = static_cast<std::uint64_t>(face->artifact_size);
  spec.residence = residence_of(model.residence);
  spec.batch_window = out->batch_window;
  spec.verified = true;  // checked by its own cell before it became ready; the digest proves it is that one
  out->model = engine_.deploy(std::move(spec));
  return std::shared_ptr<const Deployment>(out);
}

Result<std::shared_ptr<const Deployment>> Registry::of_version(std::string_view model_id, std::int64_t number) {
  auto current = find(model_id);
  if (current != nullptr && current->served() && current->version == number) return current;
  std::optional<VersionRow> version;
  auto model = TRY(database_.read([&](store::Session& s) -> Result<std::optional<ModelRow>> {
    version = TRY(find_version(s, model_id, number));
    return find_model(s, model_id);
  }));
  if (!model || !version) return no_model();
  if (version->status != state::kReady) return Error(ErrorCode::model_not_ready, "version " + std::to_string(number) + " is " + version->status);
  model->residence = "on_demand";
  model->batch_window = 0;
  return deployment_of(*model, version);
}

Status Registry::refresh(std::string_view model_id) {
  std::optional<VersionRow> face;
  const auto model = TRY(database_.read([&](store::Session& s) -> Result<std::optional<ModelRow>> {
    auto found = TRY(find_model(s, model_id));
    if (found) face = TRY(face_of(s, *found));
    return found;
  }));
  auto deployment = model ? TRY(deployment_of(*model, face)) : nullptr;
  if (deployment != nullptr) load_before_it_replaces(*deployment);
  put(model_id, std::move(deployment));
  return ok();
}

// Who asks just then must not wait for a cold start: the model that is loaded answers until the new one is, too.
void Registry::load_before_it_replaces(const Deployment& next) const {
  constexpr std::chrono::seconds kPatience{30};
  const auto current = find(next.model_id);
  if (!next.served() || current == nullptr || !current->served() || current->model == next.model || !current->model->stats().loaded) return;
  auto loaded = std::make_shared<std::promise<void>>();  // the engine may call when nobody waits any more
  auto ready = loaded->get_future();
  next.model->load([loaded](Status) { loaded->set_value(); });
  ready.wait_for(kPatience);
}

Status Registry::remove(std::string_view model_id) {
  put(model_id, nullptr);  // invisible at once, also to predictions
  TRY(intake_.remove(model_id));
  return removed_ ? removed_(model_id) : ok();
}

Status Registry::promote(std::string_view model_id, std::int64_t number) {
  TRY(database_.write([&](store::Session& s) -> Status {
    auto model = TRY(find_model(s, model_id));
    const auto version = TRY(find_version(s, model_id, number));
    if (!model || !version) return Error(ErrorCode::not_found, "there is no such version");
    if (version->status != state::kReady)
      return Error(ErrorCode::model_not_ready, "version " + std::to_string(number) + " is " + version->status + ", not ready");
    model->current_version = number;
    model->updated_at = clock_.unix_ms();
    return update_model(s, *model);
  }));
  log::info("model.promoted", {{"model", std::string(model_id)}, {"version", number}});
  return refresh(model_id);
}

json::Value Registry::describe(const ModelRow& model, const std::optional<VersionRow>& face, bool details) const {
  json::Array tags(model.tags.begin(), model.tags.end());
  json::Value out = json::object({{"id", model.id},
                                  {"name", model.name},
                                  {"description", model.description},
                                  {"tags", std::move(tags)},
                                  {"format", face ? face->format : ""},
                                  {"status", face ? face->status : ""},
                                  {"version", face ? face->number : 0},
                                  {"sha256", face ? face->sha256 : ""},
                                  {"size", face ? face->size : 0},
                                  {"filename", face ? face->filename : ""},
                                  {"files", face ? files_json(*face) : json::Array()},
                                  {"endpoint_url", base_url_ + "/api/predict/" + model.id},
                                  {"residence", model.residence},
                                  {"batch_window", model.batch_window},
                                  {"created_at", to_rfc3339(model.created_at)},
                                  {"updated_at", to_rfc3339(model.updated_at)}});
  if (const auto deployment = find(model.id); deployment != nullptr && deployment->served())
    out.set("runtime", runtime_json(deployment->model->stats()));
  if (face && !face->entry.empty()) out.set("entry", face->entry);
  if (face && !face->reason.empty()) out.set("reason", face->reason);
  if (details && face) add_facts(out, *face);
  return out;
}

json::Value Registry::describe_version(const VersionRow& version) const {
  json::Value out = json::object({{"version", version.number},
                                  {"status", version.status},
                                  {"format", version.format},
                                  {"sha256", version.sha256},
                                  {"size", version.size},
                                  {"filename", version.filename},
                                  {"files", files_json(version)},
                                  {"created_at", to_rfc3339(version.created_at)},
                                  {"updated_at", to_rfc3339(version.updated_at)}});
  if (!version.entry.empty()) out.set("entry", version.entry);
  if (!version.reason.empty()) out.set("reason", version.reason);
  return out;
}

Result<json::Value> Registry::describe(std::string_view model_id) const {
  return database_.read([&](store::Session& s) -> Result<json::Value> {
    const auto model = TRY(find_model(s, model_id));
    if (!model) return no_model();
    json::Value out = describe(*model, TRY(face_of(s, *model)), true);
    return out;
  });
}

}  // namespace slipway::models
