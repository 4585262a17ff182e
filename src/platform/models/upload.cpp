// POST /api/models/upload and /api/models/:id/versions: a multipart body, streamed into an Upload: one file, or several in the
// order they apply. What is no file is a text field.
#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"
#include "slipway/http/multipart.hpp"
#include "slipway/platform/models/registry.hpp"

namespace slipway::models {
namespace {

// Tags come as a JSON array or separated by commas; both are what people write.
Result<std::vector<std::string>> read_tags(const std::string& text) {
  std::vector<std::string> out;
  if (text.starts_with("[")) {
    const auto value = json::parse(text);
    if (!value.ok() || !value->is_array())
      return Error(ErrorCode::invalid_input, "the tags can't be read").at("tags", "must be a JSON array of texts, or texts with commas between");
    for (const json::Value& tag : value->as_array()) {
      if (!tag.is_string()) return Error(ErrorCode::invalid_input, "the tags can't be read").at("tags", "must be texts");
      out.push_back(tag.as_string());
    }
    return out;
  }
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    std::string_view tag = std::string_view(text).substr(start, end - start);
    while (!tag.empty() && tag.front() == ' ') tag.remove_prefix(1);
    while (!tag.empty() && tag.back() == ' ') tag.remove_suffix(1);
    if (!tag.empty()) out.emplace_back(tag);
    start = end + 1;
  }
  return out;
}

class Fields final : public http::PartReceiver {
 public:
  Fields(Registry& registry, std::string owner_id, std::string model_id, std::string entry)
      : registry_(registry), owner_id_(std::move(owner_id)), model_id_(std::move(model_id)) {
    meta_.entry = std::move(entry);  // of the query; a form field `entry` wins
  }

  Status part_begin(const http::Part& part) override {
    field_ = part.name;
    if (!part.is_file) {
      text_.clear();
      for (const char* known : {"name", "description", "tags", "entry", "class"}) {
        if (field_ == known) return ok();
      }
      return Error(ErrorCode::invalid_input, "a field of the form is not known here")
          .at(excerpt(field_), "is not one of file, name, description, tags, entry, class");
    }
    if (field_ != "file")
      return Error(ErrorCode::invalid_input, "the file must be in the field `file`").at(excerpt(field_), "is a file, but not the field `file`");
    if (!upload_) upload_ = TRY(registry_.intake().begin(owner_id_, model_id_));
    TRY(upload_->next_file(part.file_name));
    in_file_ = true;
    return ok();
  }

  Status part_data(std::span<const std::byte> bytes) override {
    if (in_file_) return upload_->write(bytes);
    text_.append(as_text(bytes));
    return ok();
  }

  Status part_end() override {
    if (std::exchange(in_file_, false)) return ok();
    if (text_.find('\0') != std::string::npos)
      return Error(ErrorCode::invalid_input, "a field can't be used").at(field_, "must not hold a NUL character");
    if (field_ == "name") meta_.name = text_;
    if (field_ == "description") meta_.description = text_;
    if (field_ == "entry" && !text_.empty()) meta_.entry = text_;
    if (field_ == "class") class_ = text_;
    if (field_ == "tags") meta_.tags = TRY(read_tags(text_));
    return ok();
  }

  Result<VersionRow> finish() {
    if (!upload_) return Error(ErrorCode::invalid_input, "the form has no file").at("file", "is required");
    if (!class_.empty()) meta_.entry += ";class=" + class_;
    auto version = upload_->finish(meta_);
    upload_.reset();
    return version;
  }

 private:
  Registry& registry_;
  std::string owner_id_, model_id_;
  std::unique_ptr<Upload> upload_;
  UploadMeta meta_;
  std::string field_, text_, class_;
  bool in_file_ = false;
};

http::Response accepted(Registry& registry, const VersionRow& version) {
  auto body = registry.describe(version.model_id);
  if (!body.ok()) return http::Response::json(registry.describe_version(version).dump(), 201);
  return http::Response::json(body->dump(), 201).with("Location", "/api/models/" + version.model_id);
}

class UploadSink final : public http::BodySink {
 public:
  static Result<std::unique_ptr<http::BodySink>> make(Registry& registry, http::Request& request, std::string model_id) {
    auto sink = std::unique_ptr<UploadSink>(new UploadSink(registry, request.principal->user_id, std::move(model_id),
                                                           request.query("entry").value_or(""), request.query("wait") == "true"));
    sink->reader_ = TRY(http::MultipartReader::make(request.header("Content-Type").value_or(""), sink->fields_));
    return std::unique_ptr<http::BodySink>(std::move(sink));
  }

  Status write(std::span<const std::byte> bytes) override { return reader_->feed(bytes); }

  void finish(http::Responder responder) override {
    if (const Status ended = reader_->end(); !ended.ok()) return responder.send(ended.error());
    auto version = fields_.finish();
    if (!version.ok()) return responder.send(version.error());
    Registry& registry = registry_;
    if (const Status shown = registry.refresh(version->model_id); !shown.ok()) return responder.send(shown.error());
    if (!wait_) responder.send(accepted(registry, *version));
    registry.intake().process(version->id, [&registry, responder, wait = wait_, model_id = version->model_id](Result<VersionRow> done) {
      if (wait) responder.send(answer(registry, model_id, std::move(done)));
    });
  }

 private:
  UploadSink(Registry& registry, const std::string& owner_id, std::string model_id, std::string entry, bool wait)
      : registry_(registry), fields_(registry, owner_id, std::move(model_id), std::move(entry)), wait_(wait) {}

  static Result<http::Response> answer(Registry& registry, const std::string& model_id, Result<VersionRow> done) {
    if (!done.ok()) return done.error();
    if (done->status == state::kRefused) {
      return Error(ErrorCode::model_refused, done->reason).at("file", "was refused; GET /api/models/" + model_id + " keeps the reason");
    }
    // The file is kept, whatever became of its import: the server's own trouble.
    if (done->status == state::kFailed) return Error(ErrorCode::internal, done->reason);
    return accepted(registry, *done);
  }

  Registry& registry_;
  Fields fields_;
  std::optional<http::MultipartReader> reader_;
  bool wait_;
};

}  // namespace

std::vector<http::Route> upload_routes(Registry& registry, std::uint64_t upload_bytes_max) {
  const auto body = [&] { return http::Body::streamed(upload_bytes_max + (1 << 20), {"multipart/form-data"}); };  // the fields need room too
  const std::vector<http::DocParam> wait = {
      {"wait", "true: answer when the model is ready (201), refused (422), or put off by a fault of the server (201, status importing)",
       R"({"type":"boolean"})"},
      {"entry", "the object inside a dict or list: `model`; several that follow one another: `scaler,model`"}};
  const std::vector<ErrorCode> errors = {ErrorCode::invalid_input, ErrorCode::model_refused, ErrorCode::too_large, ErrorCode::rate_limited,
                                         ErrorCode::storage_full};
  const std::string form =
      R"({"type":"object","required":["file"],"properties":{"file":{"description":"the model file; may be there several times, in the order the files apply","type":"string","format":"binary"},"entry":{"type":"string"},"class":{"description":"of PyTorch weights: the class in the source, which is one of the files","type":"string"},"name":{"type":"string"},"description":{"type":"string"},"tags":{"type":"string"}}})";
  const std::string example =
      R"({"id":"mdl_01hf3k","name":"iris","status":"ready","version":1,"endpoint_url":"http://127.0.0.1:8080/api/predict/mdl_01hf3k"})";
  const auto doc = [&](const char* id, const char* summary) {
    return http::Doc{
        .id = id, .summary = summary, .query = wait, .request_schema = form, .responses = {{201, "the model", example}}, .errors = errors};
  };
  constexpr Millis kTimeout(3'600'000);
  http::RouteList routes("models");
  routes
      .add(http::Method::post, "/api/models/upload", http::Access::scope("models:write"), body(),
           http::into_sink([&registry](http::Request& request) { return UploadSink::make(registry, request, ""); }),
           doc("uploadModel", "Upload a model file"))
      .timeout = kTimeout;
  routes
      .add(http::Method::post, "/api/models/:id/versions", http::Access::scope("models:write"), body(),
           http::into_sink([&registry](http::Request& request) -> Result<std::unique_ptr<http::BodySink>> {
             const std::string id(request.param("id"));
             TRY(registry.visible(*request.principal, id));
             return UploadSink::make(registry, request, id);
           }),
           doc("uploadVersion", "Upload a new version; promote it to serve it"))
      .timeout = kTimeout;
  return std::move(routes).take();
}

}  // namespace slipway::models
