#include "slipway/importers/sklearn/import.hpp"

#include <algorithm>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr Version kNewestTested{1, 9};
constexpr int kTitleDepthMax = 4;
constexpr std::size_t kTitleMax = 300, kContentsMax = 100;

// The estimators directly inside: of steps, transformers or other named lists.
std::vector<View> inner(const View& model) {
  std::vector<View> out;
  for (const char* list : {"steps", "transformers_", "transformer_list"}) {
    const auto named = model.find(list);
    if (!named || !(named->is(Kind::list) || named->is(Kind::tuple))) continue;
    for (std::size_t i = 0; i < named->size() && i < kContentsMax; ++i) {
      const View entry = named->at(i);
      if (entry.size() >= 2 && entry.at(1).is(Kind::object)) out.push_back(entry.at(1));
    }
    if (!out.empty()) break;
  }
  return out;
}

std::string title(const View& model, int depth) {
  std::string out(model.name());
  const auto parts = depth < kTitleDepthMax ? inner(model) : std::vector<View>{};
  for (std::size_t i = 0; i < parts.size() && out.size() < kTitleMax; ++i) out += (i == 0 ? "(" : ", ") + title(parts[i], depth + 1);
  if (!parts.empty()) out += ")";
  return out;
}

void list(const View& model, std::vector<std::string>& lines, int depth) {
  if (lines.size() >= kContentsMax) return;
  lines.push_back((model.path().empty() ? std::string("model") : model.path()) + ": " + model.qualified_name());
  if (depth >= kTitleDepthMax) return;
  for (const View& part : inner(model)) list(part, lines, depth + 1);
}

void add_output(Artifact& artifact, Builder& graph, std::string name, const Val& v, std::int64_t columns) {
  std::vector<graph::Dim> dims{graph::Dim{-1, "N"}};
  Shape shape{-1};
  if (columns != 0) {
    dims.push_back(columns < 0 ? graph::Dim{-1, "F"} : graph::Dim{columns, ""});
    shape.push_back(columns);
  }
  graph.output(name, v, dims);
  artifact.schema.outputs.push_back({std::move(name), v.dtype, std::move(shape)});
}

std::int64_t width_of_value(const Val& v) { return v.columns < 0 ? 0 : v.columns; }

// Several outputs a row: label is [N, outputs]; probabilities (or scores) are one tensor an output, since their classes differ.
Status add_outputs(Artifact& artifact, Builder& graph, const View& model, const Prediction& p) {
  std::vector<Val> labels;
  for (const Prediction& output : p.outputs) {
    const Val label = output.labels->pick(graph, *output.label);
    if (!labels.empty() && labels[0].dtype != label.dtype)
      return refuse(model, "its outputs have classes of different types, which one answer can't hold");
    labels.push_back(graph.reshape(label, {-1, 1}, 1));
  }
  add_output(artifact, graph, "label", graph.concat_columns(labels), static_cast<std::int64_t>(labels.size()));
  for (std::size_t i = 0; i < p.outputs.size(); ++i) {
    const Prediction& output = p.outputs[i];
    if (output.probabilities)
      add_output(artifact, graph, "probabilities_" + std::to_string(i), *output.probabilities, static_cast<std::int64_t>(output.labels->count()));
    else if (output.scores)
      add_output(artifact, graph, "scores_" + std::to_string(i), *output.scores, width_of_value(*output.scores));
  }
  return ok();
}

void add_classifier(Artifact& artifact, Builder& graph, const Prediction& p) {
  artifact.schema.classes = p.labels->shown;
  if (p.indicator)
    add_output(artifact, graph, "label", *p.indicator, static_cast<std::int64_t>(p.labels->count()));
  else
    add_output(artifact, graph, "label", p.labels->pick(graph, *p.label), 0);
  if (p.probabilities) {
    add_output(artifact, graph, "probabilities", *p.probabilities, static_cast<std::int64_t>(p.labels->count()));
  } else if (p.scores) {
    add_output(artifact, graph, "scores", *p.scores, width_of_value(*p.scores));
  }
}

Status add_prediction(Artifact& artifact, Builder& graph, const View& model, const Prediction& p) {
  switch (p.kind) {
    case Prediction::Kind::regressor:
      artifact.schema.kind = "regressor";
      add_output(artifact, graph, "prediction", *p.value, width_of_value(*p.value));
      return ok();
    case Prediction::Kind::classifier:
      artifact.schema.kind = "classifier";
      if (!p.outputs.empty()) return add_outputs(artifact, graph, model, p);
      add_classifier(artifact, graph, p);
      return ok();
    case Prediction::Kind::clusterer:
      artifact.schema.kind = "clusterer";
      add_output(artifact, graph, "cluster", *p.cluster, 0);
      return ok();
    case Prediction::Kind::outlier_detector:
      artifact.schema.kind = "outlier_detector";
      add_output(artifact, graph, "label", *p.inlier, 0);
      if (p.score) add_output(artifact, graph, "score", *p.score, 0);
      return ok();
    case Prediction::Kind::density:
      artifact.schema.kind = "density";
      add_output(artifact, graph, "score", *p.score, 0);
      if (p.cluster) add_output(artifact, graph, "cluster", *p.cluster, 0);
      if (p.probabilities) add_output(artifact, graph, "probabilities", *p.probabilities, width_of_value(*p.probabilities));
      return ok();
  }
  return ok();
}

Status add_table(Artifact& artifact, Lowering& to, const View& model, const Table& table) {
  artifact.schema.kind = "transformer";
  if (table.columns.empty() && !table.free) {  // a selection of nothing: rows of no columns
    const Val none = to.graph.columns(TRY(to.inputs.numbers(to.inputs.all())), std::span<const std::int64_t>());
    to.graph.output("transformed", none, {graph::Dim{-1, "N"}, graph::Dim{0, ""}});
    artifact.schema.outputs.push_back({"transformed", none.dtype, {-1, 0}});
    return ok();
  }
  std::size_t texts = 0;
  for (const Column& column : table.columns) texts += to.inputs.known_text(column) ? 1 : 0;
  if (texts != 0 && texts != table.width()) {
    return refuse(model,
                  "its result mixes columns of text and of numbers, which one answer can't hold; serve it together with the model that uses it");
  }
  const Val v = texts != 0 ? TRY(to.inputs.texts(table)) : TRY(to.inputs.numbers(table));
  if (table.vector) {
    add_output(artifact, to.graph, "transformed", to.graph.reshape(v, {-1}, -1), 0);
    return ok();
  }
  add_output(artifact, to.graph, "transformed", v, table.free ? -1 : static_cast<std::int64_t>(table.width()));
  return ok();
}

}  // namespace

std::string title_of(const View& model) { return title(model, 0); }
void list_contents(const View& model, std::vector<std::string>& lines) { list(model, lines, 0); }

Result<Artifact> import_estimator(const View& model, Report& report) {
  Version version = kNewestTested;
  const std::string said = text_or(model, "_sklearn_version", "");
  report.producer = said.empty() ? "scikit-learn" : "scikit-learn " + said;
  report.title = title_of(model);
  list_contents(model, report.contents);

  if (const auto read = version_text(said)) {
    version = *read;
    if (!read->at_least(0, 22)) report.warnings.push_back("written by scikit-learn " + said + "; the oldest version tested is 0.22");
    if (read->at_least(kNewestTested.major, kNewestTested.minor + 1)) {
      report.warnings.push_back("written by scikit-learn " + said + ", newer than the newest version tested (1.9): check its answers");
    }
  } else {
    report.warnings.push_back("the file doesn't tell which version of scikit-learn wrote it; read as 1.9");
  }
  if (!covered(model)) return not_covered(model);

  Artifact artifact;
  Builder builder("scikit-learn");
  Width width = TRY(width_of(model));
  Inputs inputs(builder, std::move(width.names), width.count);
  Lowering to(builder, inputs, report, version);
  if (predicts(model)) {
    TRY(add_prediction(artifact, builder, model, TRY(to.predict(model, inputs.all()))));
  } else {
    TRY(add_table(artifact, to, model, TRY(to.transform(model, inputs.all()))));
  }
  artifact.model = builder.finish();
  artifact.model.producer_name = "slipway";
  TRY(inputs.finish(artifact.model, artifact.schema).within(model.path().empty() ? "the model" : model.path()));
  artifact.schema.batched = artifact.schema.rows_independent = true;
  artifact.example = inputs.example(artifact.schema);
  artifact.report = report;
  return artifact;
}

}  // namespace slipway::importers::sklearn
