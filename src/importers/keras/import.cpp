#include "slipway/importers/keras/import.hpp"

#include <charconv>

#include "slipway/base/borrowed.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/formats/hdf5.hpp"
#include "slipway/formats/zip.hpp"
#include "slipway/importers/graph_schema.hpp"
#include "slipway/importers/keras/lowering.hpp"

namespace slipway::importers::keras {
namespace {

constexpr std::size_t kConfigBytesMax = 64U << 20;

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

Dialect dialect_of(std::string_view version) {
  Dialect d;
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, d.major);
  if (error == std::errc() && dot != end && *dot == '.') std::from_chars(dot + 1, end, d.minor);
  d.standalone = d.major < 2 || (d.major == 2 && d.minor <= 3 && !version.ends_with("-tf"));  // TensorFlow's: "2.3.0-tf", and "2.4.0" on
  return d;
}

Result<json::Value> config_of(std::string_view text, std::string_view where) {
  if (text.size() > kConfigBytesMax) return refuse(std::string(where) + " has more than " + std::to_string(kConfigBytesMax) + " bytes");
  auto parsed = json::parse(text);
  if (!parsed.ok()) return refuse(std::string(where) + ": " + parsed.error().detail());
  return parsed;
}

void list_layers(const ModelConfig& model, const std::string& prefix, int depth, Report& report) {  // NOLINT(misc-no-recursion): depth is bounded
  constexpr std::size_t kLinesMax = 500;
  for (const LayerConfig& layer : model.layers) {
    if (report.contents.size() >= kLinesMax || depth > 4) return;
    report.contents.push_back(prefix + excerpt(layer.name) + ": " + excerpt(layer.class_name));
    if (!is_model_class(layer.class_name)) continue;
    const auto inner = read_model_config(json::object({{"class_name", layer.class_name}, {"config", layer.config}}));
    if (inner.ok()) list_layers(*inner, prefix + excerpt(layer.name) + "/", depth + 1, report);
  }
}

Result<Artifact> lower(const json::Value& config, const Weights& weights, Dialect dialect, const Asset& asset, Report& report) {
  const ModelConfig model = TRY(read_model_config(config));
  report.title = model.name.empty() ? "Keras model" : excerpt(model.name, 80);
  list_layers(model, "", 0, report);
  graph::Builder builder(report.title);
  Net net(builder);
  Lowering lowering(net, dialect, asset);
  TRY(lowering.run(model, weights));
  Artifact a;
  a.model = builder.finish();
  TRY(describe_ports(a.model.graph, a.schema));
  a.schema.kind = "graph";
  a.schema.rows_independent = a.schema.batched && !lowering.rows_mixed();  // no layer looks at another row at inference
  if (a.schema.batched) add_features(a.schema);
  a.example = TRY(zero_example(a.model.graph, a.schema));
  report.contents.push_back(weight_line(a.model.graph));
  for (std::string& line : port_lines(a.schema)) report.contents.push_back(std::move(line));
  a.report = report;
  return a;
}

}  // namespace

Result<Artifact> import_h5(std::span<const std::byte> bytes, const Options& options, Report& report) {
  report.format = "Keras HDF5";
  const hdf5::File file = TRY(hdf5::File::open(bytes, {.tensors_in_place = options.weights_in_place}));
  const hdf5::Object root = file.root();
  if (!root.has_attribute("model_config")) {
    if (root.has_attribute("layer_names") || root.has("layers") || root.has("_layer_checkpoint_dependencies"))
      return refuse("this file holds weights only: the architecture is not in it. Save the whole model: model.save(\"model.keras\")");
    return refuse("this is an HDF5 file, but no Keras model: it has no \"model_config\"");
  }
  std::string version = "2.0";  // older files don't say
  for (const std::string_view at : {"keras_version"}) {
    if (root.has_attribute(at)) {
      version = TRY(root.text(at));
    } else if (root.has("model_weights") && TRY(root.child("model_weights")).has_attribute(at)) {
      version = TRY(TRY(root.child("model_weights")).text(at));
    }
  }
  report.producer = "Keras " + excerpt(version, 40);
  const json::Value config = TRY(config_of(TRY(root.text("model_config")), "model_config"));
  const Weights weights = TRY(Weights::legacy(root.has("model_weights") ? TRY(root.child("model_weights")) : root));
  return lower(config, weights, dialect_of(version), {}, report);
}

Result<Artifact> import_archive(std::span<const std::byte> bytes, const Options& options, Report& report) {
  report.format = "Keras archive";
  zip::Archive archive = TRY(zip::Archive::open(bytes, {.bytes_max = options.bytes_max}));
  if (!archive.has("config.json")) return refuse("the archive has no config.json");
  if (archive.has("model.weights.npz"))
    return refuse("the archive keeps its weights as numpy pickles (model.weights.npz), which Keras itself doesn't write");
  if (!archive.has("model.weights.h5")) return refuse("the archive has no model.weights.h5");
  std::string version = "3.0";
  if (archive.has("metadata.json")) {
    const json::Value metadata = TRY(config_of(as_text(TRY(archive.read("metadata.json"))), "metadata.json"));
    version = metadata.string_or("keras_version", version);
  }
  report.producer = "Keras " + excerpt(version, 40);
  const std::span<const std::byte> config = TRY(archive.read("config.json"));
  const std::span<const std::byte> weights = TRY(archive.read("model.weights.h5"));
  const auto asset = [&archive](const std::string& path) -> std::optional<std::string> {
    if (!archive.has(path)) return std::nullopt;
    const auto file_bytes = archive.read(path);
    if (!file_bytes.ok()) return std::nullopt;
    return std::string(as_text(*file_bytes));
  };
  const bool stored = lies_within(as_text(weights), as_text(bytes));
  return import_parts(as_text(config), weights, version, asset, options.weights_in_place && stored, report);
}

Result<Artifact> import_parts(std::string_view config, std::span<const std::byte> weights, std::string_view version, const Asset& asset,
                              bool in_place, Report& report) {
  const json::Value parsed = TRY(config_of(config, "config.json"));
  const hdf5::File file = TRY(hdf5::File::open(weights, {.tensors_in_place = in_place}));
  return lower(parsed, Weights::archive(file.root()), dialect_of(version), asset, report);
}

}  // namespace slipway::importers::keras
