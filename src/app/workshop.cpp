#include "slipway/app/workshop.hpp"

#include "slipway/graph/artifact.hpp"
#include "slipway/importers/answer.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/tensor/comparison.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::app {
namespace {

// The answer comes from a cell that has read a stranger's file: everything in it is checked before it is believed.
Result<models::Imported> imported_of(const os::Fd& answer_fd) {
  const os::Mapping bytes = TRY(os::Mapping::read_only(answer_fd));
  const importers::ImportAnswer answer = TRY(importers::parse_import_answer(bytes.bytes()));
  models::Imported out;
  if (!answer.ok) {
    out.refusal = answer.refusal;
    out.format = answer.report.format;
    out.report = answer.report.to_json().dump();
    return out;
  }
  const ArtifactView view = TRY(view_artifact(answer.artifact));
  out.artifact = TRY(os::make_sealed("artifact", answer.artifact));
  out.artifact_bytes = answer.artifact.size();
  out.format = view.report.format;
  out.schema = view.schema.to_json().dump();
  out.example = view.example.dump();
  out.report = view.report.to_json().dump();
  return out;
}

Error refused(std::string_view what, const Error& why) {
  return Error(ErrorCode::model_refused, std::string(what) + why.detail()).because(why.internal());
}

}  // namespace

void CellWorkshop::import(std::vector<models::OriginalFile> files, std::string entry, std::function<void(Result<models::Imported>)> done) {
  inference::ImportJob job;
  for (models::OriginalFile& file : files) job.files.push_back({std::move(file.name), std::move(file.bytes)});
  importers::Options options;
  options.entry = std::move(entry);
  job.options_json = importers::options_to_json(options, false);
  job.memory_bytes = static_cast<std::uint64_t>(settings_.models_import_memory_bytes);
  job.deadline = system_clock().steady() + Millis(settings_.models_import_timeout_ms);
  engine_.import_model(std::move(job), [this, done = std::move(done)](Result<os::Fd> answer) {
    auto shared = std::make_shared<Result<os::Fd>>(std::move(answer));
    post([shared, done] {  // parsing the answer is no work for the engine's thread
      if (!shared->ok()) return done(shared->error());
      done(imported_of(shared->value()));
    });
  });
}

// One check under way: the model in its cell, and what is known of it.
struct CellWorkshop::Check {
  std::shared_ptr<const Schema> schema;
  std::function<Result<os::Fd>()> artifact;
  json::Value report;
  std::shared_ptr<inference::Model> model;
  std::function<void(Result<std::string>)> done;

  void end(Result<std::string> result) {
    model->retire();
    done(std::move(result));
  }
};

void CellWorkshop::check(const models::VersionRow& version, std::function<Result<os::Fd>()> artifact, std::function<void(Result<std::string>)> done) {
  auto check = std::make_shared<Check>();
  check->artifact = artifact;
  const auto example = [&]() -> Result<DecodedRequest> {
    check->schema = std::make_shared<const Schema>(TRY(Schema::from_json(TRY(json::parse(version.schema)))));
    check->report = TRY(json::parse(version.report));
    return TRY(decode_json(*check->schema, version.example, {}).within("the example made from the model"));
  }();
  if (!example.ok()) return done(Error(ErrorCode::model_refused, "the model's own example does not fit it: " + example.error().detail()));
  inference::ModelSpec spec;
  spec.id = version.id + "-check";
  spec.schema = check->schema;
  spec.source = std::move(artifact);
  spec.artifact_bytes = static_cast<std::uint64_t>(version.artifact_size);
  check->model = engine_.deploy(std::move(spec));
  check->done = std::move(done);
  // Loaded first: to a prediction, a model that can't be loaded and a process that can't be started are the same.
  check->model->load([this, check, request = *example](Status loaded) {
    post([this, check, request, loaded = std::move(loaded)] {
      if (loaded.ok()) return ask(check, request, "the model could not answer its own example: ", [this, check](auto) { certify(check); });
      const bool at_fault = loaded.error().code() == ErrorCode::model_refused;
      check->end(at_fault ? refused("the model can't be loaded: ", loaded.error()) : loaded.error());
    });
  });
}

void CellWorkshop::ask(const std::shared_ptr<Check>& check, DecodedRequest request, std::string_view when_refused,
                       std::function<void(std::vector<Tensor>)> answered) {
  inference::PredictJob job;
  job.inputs = std::move(request.inputs);
  job.rows = request.rows;
  job.deadline = system_clock().steady() + Millis(settings_.models_import_timeout_ms);
  job.loop = &loop_;
  check->model->predict(std::move(job), [this, check, when_refused, answered = std::move(answered)](Result<std::vector<Tensor>> outputs) {
    auto shared = std::make_shared<Result<std::vector<Tensor>>>(std::move(outputs));
    post([check, when_refused, answered, shared] {  // the loop is for requests
      if (shared->ok()) return answered(std::move(*shared).value());
      const ErrorCode code = shared->error().code();
      const bool ours = code == ErrorCode::unavailable || code == ErrorCode::overloaded;
      check->end(ours ? shared->error() : refused(when_refused, shared->error()));
    });
  });
}

// The graph's answers against the file's own parameters (docs/formats/artifact.md, Check).
void CellWorkshop::certify(const std::shared_ptr<Check>& check) {
  const auto rows = [&]() -> Result<json::Value> {
    const os::Mapping bytes = TRY(os::Mapping::read_only(TRY(check->artifact())));
    return TRY(view_artifact(bytes.bytes())).check;
  }();
  if (!rows.ok()) return check->end(rows.error());
  const json::Value* request = rows->find("request");
  const json::Value* expected = rows->find("expected");
  if (request == nullptr || expected == nullptr) {
    if (rows->find("unchecked") != nullptr) check->report.set("certificate", *rows);
    return check->end(check->report.dump());
  }
  auto decoded = decode_json(*check->schema, request->dump(), {});
  if (!decoded.ok()) return check->end(refused("the rows made to check the model do not fit it: ", decoded.error()));
  ask(check, std::move(*decoded), "the model could not answer the rows made to check it: ", [check, expected = *expected](auto outputs) {
    const auto compared = compare_outputs(*check->schema, outputs, expected);
    if (!compared.ok()) return check->end(refused("the model's answers have another shape than its file's: ", compared.error()));
    if (compared->rows_over > 0) {
      return check->end(Error(ErrorCode::model_refused, "the graph made from the file doesn't answer as the file's own parameters do (" +
                                                            std::to_string(compared->rows_over) + " of " + std::to_string(compared->rows) +
                                                            " rows; " + compared->first + "). The file is not at fault; please report it"));
    }
    check->report.set("certificate", json::object({{"rows", compared->rows},
                                                   {"largest_difference", compared->largest_difference},
                                                   {"label_flips", compared->label_flips},
                                                   {"tolerance", kRelativeTolerance}}));
    check->end(check->report.dump());
  });
}

void CellWorkshop::later(Millis delay, std::function<void()> work) {
  loop_.post(
      [this, delay, work = std::move(work)]() mutable { loop_.after(delay, [this, work = std::move(work)]() mutable { post(std::move(work)); }); });
}

}  // namespace slipway::app
