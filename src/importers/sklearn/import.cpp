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

void add_prediction(Artifact& artifact, Builder& graph, const Prediction& p) {
  if (p.kind == Prediction::Kind::regressor) {
    artifact.schema.kind = "regressor";
    add_output(artifact, graph, "prediction", *p.value, p.value->columns < 0 ? 0 : p.value->columns);
    return;
  }
  artifact.schema.kind = "classifier";
  artifact.schema.classes = p.labels->shown;
  add_output(artifact, graph, "label", p.labels->pick(graph, *p.label), 0);
  if (p.probabilities) {
    add_output(artifact, graph, "probabilities", *p.probabilities, static_cast<std::int64_t>(p.labels->count()));
  } else if (p.scores) {
    add_output(artifact, graph, "scores", *p.scores, p.scores->columns < 0 ? 0 : p.scores->columns);
  }
}

Status add_table(Artifact& artifact, Lowering& to, const View& model, const Table& table) {
  artifact.schema.kind = "transformer";
  std::size_t texts = 0;
  for (const Column& column : table.columns) texts += to.inputs.known_text(column) ? 1 : 0;
  if (texts != 0 && texts != table.width()) {
    return refuse(model,
                  "its result mixes columns of text and of numbers, which one answer can't hold; serve it together with the model that uses it");
  }
  const Val v = texts != 0 ? TRY(to.inputs.texts(table)) : TRY(to.inputs.numbers(table));
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
    add_prediction(artifact, builder, TRY(to.predict(model, inputs.all())));
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
