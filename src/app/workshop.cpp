#include "slipway/app/workshop.hpp"

#include "slipway/graph/artifact.hpp"
#include "slipway/importers/answer.hpp"
#include "slipway/os/memfd.hpp"
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

void CellWorkshop::check(const models::VersionRow& version, std::function<Result<os::Fd>()> artifact, std::function<void(Status)> done) {
  const auto prepared = [&]() -> Result<std::pair<std::shared_ptr<const Schema>, DecodedRequest>> {
    auto schema = std::make_shared<const Schema>(TRY(Schema::from_json(TRY(json::parse(version.schema)))));
    DecodedRequest example = TRY(decode_json(*schema, version.example, {}).within("the example made from the model"));
    return std::pair{std::move(schema), std::move(example)};
  }();
  if (!prepared.ok()) return done(Error(ErrorCode::model_refused, "the model's own example does not fit it: " + prepared.error().detail()));
  inference::ModelSpec spec;
  spec.id = version.id + "-check";
  spec.schema = prepared->first;
  spec.source = std::move(artifact);
  spec.artifact_bytes = static_cast<std::uint64_t>(version.artifact_size);
  const auto model = engine_.deploy(std::move(spec));
  inference::PredictJob job;
  job.inputs = prepared->second.inputs;
  job.rows = prepared->second.rows;
  job.deadline = system_clock().steady() + Millis(settings_.models_import_timeout_ms);
  job.loop = &loop_;
  model->predict(std::move(job), [model, done = std::move(done)](Result<std::vector<Tensor>> outputs) {
    model->retire();
    if (outputs.ok()) return done(ok());
    done(Error(ErrorCode::model_refused, "the model could not answer its own example: " + outputs.error().detail())
             .because(outputs.error().internal()));
  });
}

}  // namespace slipway::app
