// slipway predict FILE...|MODEL -i INPUT: one prediction, from a file here or from a model of the server.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"
#include "local_models.hpp"
#include "prediction_io.hpp"
#include "scoring.hpp"
#include "settings_flags.hpp"
#include "source_options.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> models;
  std::string input, out, output, entry, url, on_error = "fail";
  SourceOptions source;
  bool job = false, include_input = false;
};

bool is_file(const std::string& word) { return word == "-" || ::access(word.c_str(), F_OK) == 0; }

bool looks_like_path(const std::string& word) {
  static constexpr std::string_view kSuffixes[] = {".pkl", ".pickle", ".joblib", ".onnx", ".pt", ".pth", ".h5", ".keras", ".json", ".npy", ".zip"};
  return word.find('/') != std::string::npos || std::any_of(std::begin(kSuffixes), std::end(kSuffixes), [&](auto s) { return word.ends_with(s); });
}

Result<DecodedRequest> decode(const Schema& schema, const PredictionInput& input, const DecodeLimits& limits) {
  switch (input.form) {
    case InputForm::csv: return decode_csv(schema, input.body, limits);
    case InputForm::npy: return decode_npy(schema, input.body, limits);
    default: return decode_json(schema, input.body, limits);
  }
}

Result<std::string> predict_here(Console& console, const Wish& wish, const Settings& settings, const PredictionInput& input) {
  const auto files = TRY(open_files(wish.source.with_files(wish.models), settings));
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, {.entry = wish.source.with_entry(wish.entry)}));
  const ArtifactView view = TRY(artifact_of(imported));
  for (const std::string& warning : view.report.warnings) console.warn(warning);
  DecodeLimits limits;
  limits.rows_max = static_cast<std::size_t>(settings.inference_rows_max);
  const DecodedRequest request = TRY(decode(view.schema, input, limits));
  return models->predict(imported, files[wish.models.size() - 1].name, request);
}

Result<std::string> predict_there(Console& console, const Wish& wish, const PredictionInput& input) {
  const auto client = TRY(connect(console, wish.url));
  const json::Value model = TRY(client->model(wish.models.front()));
  return client->post_raw("/api/predict/" + escape_path(model.string_or("id", "")), input.media_type(), input.body);
}

// Files that are too much for one request, rows a line, and whatever only a job can do.
bool wants_job(const Wish& wish) {
  const bool by_lines = wish.input.ends_with(".ndjson") || wish.input.ends_with(".jsonl");
  const bool fits = wish.output.empty() && check_job_output(wish.out).ok();
  return wish.job || wish.include_input || wish.on_error == "skip" || by_lines || (is_large(wish.input) && fits);
}

Result<int> score_there(Console& console, const Wish& wish) {
  if (!wish.output.empty()) return Error(ErrorCode::bad_request, "a job's result has all outputs; leave --output out");
  if (job_media_type(wish.input).empty()) return Error(ErrorCode::bad_request, wish.input + ": a job takes a .csv, .ndjson or .npy file");
  TRY(check_job_output(wish.out));
  const auto client = TRY(connect(console, wish.url));
  const json::Value model = TRY(client->model(wish.models.front()));
  return score(console, *client, model.string_or("id", ""), {wish.input, wish.out, wish.on_error == "skip", wish.include_input});
}

Result<int> predict(Console& console, const Wish& wish) {
  const bool here = is_file(wish.models.front());
  if (!here && (looks_like_path(wish.models.front()) || wish.models.size() > 1)) {
    return Error(ErrorCode::not_found, "there is no file " + wish.models.front());
  }
  if (here && wish.input == "-" && std::find(wish.models.begin(), wish.models.end(), "-") != wish.models.end()) {
    return Error(ErrorCode::bad_request, "the model and the input can't both come from stdin");
  }
  if (here && (wish.job || wish.include_input || wish.on_error == "skip"))
    return Error(ErrorCode::bad_request, "jobs are the server's: give the id or name of a model there");
  if (!here && wants_job(wish)) return score_there(console, wish);
  TRY(check_output_path(wish.out));
  const Settings settings = TRY(settings_without_flags(console.environment()));
  const PredictionInput input = TRY(read_input(wish.input, static_cast<std::size_t>(settings.server_body_bytes_max)));
  const std::string answer = here ? TRY(predict_here(console, wish, settings, input)) : TRY(predict_there(console, wish, input));
  TRY(write_answer(console, answer, wish.out, wish.output));
  if (!wish.out.empty() && wish.out != "-") console.say(console.mark(Mark::good, false) + " " + wish.out);
  return kOk;
}

}  // namespace

Action declare_predict(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("FILE|MODEL", wish->models, "model file (several in the order they apply), or the id or name of a model on the server")->required();
  app.add_option("-i,--input", wish->input, "rows: .json, .csv, .npy, or - for stdin; .ndjson by a job")->type_name("INPUT")->required();
  app.add_option("-o,--out", wish->out, "where the answer goes: .json, .csv or .npy (of a job: .csv, .ndjson, .npy); else stdout")->type_name("OUT");
  app.add_option("--output", wish->output, "with .npy and .csv: this output of the model only")->type_name("NAME");
  app.add_option("--entry", wish->entry, "the model inside a dict or list, such as model; several with commas: scaler,model")->type_name("PATH");
  add_source_options(app, wish->source);
  app.add_flag("--job", wish->job, "let the server score the file as a job, whatever its size");
  app.add_option("--on-error", wish->on_error, "of a job: fail at a wrong row, or skip it and leave its answer empty")
      ->type_name("fail|skip")
      ->check(CLI::IsMember({"fail", "skip"}));
  app.add_flag("--include-input", wish->include_input, "of a job from CSV to CSV: the input's columns before the answers");
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    if (!check_output_path(wish->out).ok() && !check_job_output(wish->out).ok())
      return c.usage("slipway predict: " + check_output_path(wish->out).error().detail());
    const auto code = predict(c, *wish);
    return code.ok() ? *code : c.fail(code.error());
  };
}

}  // namespace slipway::cli
