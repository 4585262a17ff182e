// slipway predict FILE...|MODEL -i INPUT: one prediction, from a file here or from a model of the server.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"
#include "local_models.hpp"
#include "prediction_io.hpp"
#include "settings_flags.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> models;
  std::string input, out, output, entry, url;
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
  const auto files = TRY(open_files(wish.models, settings));
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, {.entry = wish.entry}));
  const ArtifactView view = TRY(artifact_of(imported));
  for (const std::string& warning : view.report.warnings) console.warn(warning);
  DecodeLimits limits;
  limits.rows_max = static_cast<std::size_t>(settings.inference_rows_max);
  const DecodedRequest request = TRY(decode(view.schema, input, limits));
  return models->predict(imported, files.back().name, request);
}

Result<std::string> predict_there(Console& console, const Wish& wish, const PredictionInput& input) {
  const auto client = TRY(connect(console, wish.url));
  const json::Value model = TRY(client->model(wish.models.front()));
  return client->post_raw("/api/predict/" + escape_path(model.string_or("id", "")), input.media_type(), input.body);
}

Status predict(Console& console, const Wish& wish) {
  const bool here = is_file(wish.models.front());
  if (!here && (looks_like_path(wish.models.front()) || wish.models.size() > 1)) {
    return Error(ErrorCode::not_found, "there is no file " + wish.models.front());
  }
  if (here && wish.input == "-" && std::find(wish.models.begin(), wish.models.end(), "-") != wish.models.end()) {
    return Error(ErrorCode::bad_request, "the model and the input can't both come from stdin");
  }
  const Settings settings = TRY(settings_without_flags(console.environment()));
  const PredictionInput input = TRY(read_input(wish.input, static_cast<std::size_t>(settings.server_body_bytes_max)));
  const std::string answer = here ? TRY(predict_here(console, wish, settings, input)) : TRY(predict_there(console, wish, input));
  TRY(write_answer(console, answer, wish.out, wish.output));
  if (!wish.out.empty() && wish.out != "-") console.say(console.mark(Mark::good, false) + " " + wish.out);
  return ok();
}

}  // namespace

Action declare_predict(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("FILE|MODEL", wish->models, "model file (several in the order they apply), or the id or name of a model on the server")->required();
  app.add_option("-i,--input", wish->input, "rows: .json, .csv, .npy, or - for stdin")->type_name("INPUT")->required();
  app.add_option("-o,--out", wish->out, "where the answer goes: .json, .csv or .npy; else stdout as JSON")->type_name("OUT");
  app.add_option("--output", wish->output, "with .npy and .csv: this output of the model only")->type_name("NAME");
  app.add_option("--entry", wish->entry, "the model inside a dict or list, such as model; several with commas: scaler,model")->type_name("PATH");
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    if (const Status path = check_output_path(wish->out); !path.ok()) return c.usage("slipway predict: " + path.error().detail());
    const Status status = predict(c, *wish);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
