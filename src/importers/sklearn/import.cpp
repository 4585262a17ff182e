#include "slipway/importers/sklearn/import.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/sklearn/contents.hpp"
#include "slipway/importers/sklearn/direct/check.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr Version kNewestTested{1, 9};
constexpr int kVersionDepthMax = 6;

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
Status add_outputs(Artifact& artifact, Builder& graph, const Prediction& p) {
  std::vector<Val> labels;
  for (const Prediction& output : p.outputs) {
    const Val label = output.labels->pick(graph, *output.label);
    if (!labels.empty() && labels[0].dtype != label.dtype)
      return Error(ErrorCode::model_refused, "its outputs have classes of different types, which one answer can't hold");
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

Status add_prediction(Artifact& artifact, Builder& graph, const Prediction& p) {
  switch (p.kind) {
    case Prediction::Kind::regressor:
      artifact.schema.kind = "regressor";
      add_output(artifact, graph, "prediction", *p.value, width_of_value(*p.value));
      return ok();
    case Prediction::Kind::classifier:
      artifact.schema.kind = "classifier";
      if (!p.outputs.empty()) return add_outputs(artifact, graph, p);
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

Status finish(Artifact& artifact, Builder& builder, const Inputs& inputs, const Report& report) {
  artifact.model = builder.finish();
  artifact.model.producer_name = "slipway";
  TRY(inputs.finish(artifact.model, artifact.schema));
  artifact.schema.batched = artifact.schema.rows_independent = true;
  artifact.example = inputs.example(artifact.schema);
  artifact.report = report;
  return ok();
}

std::string place_of(const View& model) { return model.path().empty() ? "the model" : model.path(); }

// Each link is told with its own name: the same path may stand in several files.
Error labelled(Error error, const Link& link) { return link.label.empty() ? std::move(error) : std::move(error).within(link.label); }

std::int64_t whole_number(const json::Value& v) {
  if (v.is_int()) return v.as_int();
  if (v.is_bool()) return v.as_bool() ? 1 : 0;
  if (v.is_number() && v.as_double() >= 0 && v.as_double() < 1e9 && v.as_double() == static_cast<double>(static_cast<std::int64_t>(v.as_double())))
    return static_cast<std::int64_t>(v.as_double());
  return -1;
}

// classes[i] of the model is encoder.classes_[classes[i]] of the answer.
Result<Labels> decoded_labels(const Link& decoder, const Labels& labels) {
  const Labels known = TRY(read_labels(TRY(decoder.model.attribute("classes_"))));
  std::vector<std::int64_t> which;
  for (const json::Value& shown : labels.shown) {
    const std::int64_t at = whole_number(shown);
    if (at < 0 || at >= static_cast<std::int64_t>(known.count())) {
      return refuse(decoder.model, "LabelEncoder decodes 0 to " + std::to_string(known.count() - 1) + ", but the model answers " + shown.dump() +
                                       "; leave the encoder out if it doesn't belong to the answer");
    }
    which.push_back(at);
  }
  const auto n = static_cast<std::int64_t>(which.size());
  Labels out;
  for (const auto at : which) out.shown.push_back(known.shown[static_cast<std::size_t>(at)]);
  if (known.values.dtype() == DType::string) {
    std::vector<std::string> texts;
    for (const auto at : which) texts.push_back(known.values.strings()[static_cast<std::size_t>(at)]);
    out.values = Tensor::of_strings({n}, std::move(texts));
  } else {
    out.values = Tensor(known.values.dtype(), {n});
    const std::size_t size = known.values.bytes().size() / known.count();
    for (std::size_t i = 0; i < which.size(); ++i) {
      std::copy_n(known.values.bytes().begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(which[i]) * size), size,
                  out.values.bytes().begin() + static_cast<std::ptrdiff_t>(i * size));
    }
  }
  return out;
}

Status decode(const Link& decoder, Prediction& prediction) {
  if (prediction.kind != Prediction::Kind::classifier || prediction.indicator || !prediction.outputs.empty() || !prediction.labels) {
    return refuse(decoder.model, "LabelEncoder decodes the answer of a classifier of one label a row, but the last step is none; leave it out");
  }
  prediction.labels = TRY(decoded_labels(decoder, *prediction.labels));
  return ok();
}

// Estimators of other libraries don't tell; those of scikit-learn inside them do.
std::string version_said(const View& model, int depth = 0) {
  std::string said = text_or(model, "_sklearn_version", "");
  if (!said.empty() || depth > kVersionDepthMax) return said;
  std::vector<View> parts = inside(model);
  if (const auto members = model.find("estimators_"); parts.empty() && members && members->size() > 0) parts.push_back(members->at(0));
  for (const View& part : parts) {
    if (!part.is(Kind::object)) continue;
    said = version_said(part, depth + 1);
    if (!said.empty()) break;
  }
  return said;
}

Version version_of(const View& model) { return version_text(version_said(model)).value_or(kNewestTested); }

void warn_of_version(const Link& link, Report& report) {
  const std::string said = version_said(link.model);
  const std::string of = link.label.empty() ? std::string() : link.label + ": ";
  const auto read = version_text(said);
  if (!read) {
    report.warnings.push_back(of + (link.label.empty() ? "the file" : "it") + " doesn't tell which version of scikit-learn wrote it; read as 1.9");
    return;
  }
  if (!read->at_least(0, 22)) report.warnings.push_back(of + "written by scikit-learn " + said + "; the oldest version tested is 0.22");
  if (read->at_least(kNewestTested.major, kNewestTested.minor + 1)) {
    report.warnings.push_back(of + "written by scikit-learn " + said + ", newer than the newest version tested (1.9): check its answers");
  }
}

void describe(const Chain& chain, Report& report) {
  for (const Link& link : chain.links) {
    const std::string said = version_said(link.model);
    if (report.producer.empty() && !said.empty()) report.producer = "scikit-learn " + said;
    report.title += (report.title.empty() ? "" : " → ") + title_of(link.model);
    warn_of_version(link, report);
  }
  if (chain.decoder) report.title += " → LabelEncoder";
  if (report.producer.empty()) report.producer = "scikit-learn";
}

// The names of the features: as given beside the model, or as the first link knows them.
Result<Width> width_of_chain(const Chain& chain) {
  const View& first = chain.links.front().model;
  Width width = TRY(width_of(first));
  if (chain.names.empty()) return width;
  const auto given = static_cast<std::int64_t>(chain.names.size());
  if (width.count >= 0 && given != width.count) {
    return refuse(first,
                  "the list names " + std::to_string(given) + " columns, but " + std::string(first.name()) + " takes " + std::to_string(width.count));
  }
  for (std::size_t i = 0; i < width.names.size(); ++i) {
    if (width.names[i] == chain.names[i]) continue;
    return refuse(first, "the list names column " + std::to_string(i) + " '" + excerpt(chain.names[i]) + "', but " + std::string(first.name()) +
                             " was fitted on '" + excerpt(width.names[i]) + "' there; leave the list out, or put it in the model's order");
  }
  width.names = chain.names;
  width.count = given;
  return width;
}

Result<Table> run_to_last(Lowering& to, std::span<const Link> links, Table table) {
  for (const Link& link : links.first(links.size() - 1)) {
    to.set_root_version(version_of(link.model));
    auto next = to.transform(link.model, table);
    if (!next.ok()) return labelled(std::move(next).error(), link);
    table = std::move(*next);
  }
  to.set_root_version(version_of(links.back().model));
  return table;
}

Result<json::Value> check_of(const Chain& chain, const Inputs& inputs, const Schema& schema) {
  std::vector<View> models;
  for (const Link& link : chain.links) models.push_back(link.model);
  return make_check(models, version_of(models.front()), inputs, schema);
}

}  // namespace

bool is_decoder(const View& model) { return model.is(Kind::object) && model.name() == "LabelEncoder" && model.module().substr(0, 7) == "sklearn"; }

Result<Artifact> artifact_of(Builder& builder, Inputs& inputs, const Report& report, const Prediction& prediction) {
  Artifact artifact;
  TRY(add_prediction(artifact, builder, prediction));
  TRY(finish(artifact, builder, inputs, report));
  return artifact;
}

bool decodes(const View& encoder, const View& classifier) {
  const auto classes = classifier.find("classes_"), known = encoder.find("classes_");
  if (!classes || !known) return false;
  const auto labels = read_labels(*classes), decoded = read_labels(*known);
  if (!labels.ok() || !decoded.ok()) return false;
  return std::all_of(labels->shown.begin(), labels->shown.end(), [&](const json::Value& shown) {
    const std::int64_t at = whole_number(shown);
    return at >= 0 && at < static_cast<std::int64_t>(decoded->count());
  });
}

std::int64_t features_of(const View& model) {
  const auto width = width_of(model);
  return width.ok() ? width->count : -1;
}

std::vector<std::string> feature_names_of(const View& model) {
  auto width = width_of(model);
  return width.ok() ? std::move(width->names) : std::vector<std::string>{};
}

Result<int> check_order(std::span<const Link> links) {
  Report scratch;
  Builder builder("scikit-learn");
  Width width = TRY(width_of(links.front().model));
  std::vector<std::string> names = width.names;
  Inputs inputs(builder, std::move(width.names), width.count);
  Lowering to(builder, inputs, scratch, kNewestTested);
  Table table = inputs.all();
  int against = 0;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const View& model = links[i].model;
    const Width wanted = TRY(width_of(model));
    if (i > 0 && !table.free && wanted.count >= 0 && wanted.count != static_cast<std::int64_t>(table.width())) {
      return Error(ErrorCode::model_refused, links[i].label + ": " + std::string(model.name()) + " takes " + std::to_string(wanted.count) +
                                                 " columns, but " + links[i - 1].label + " gives " + std::to_string(table.width()));
    }
    if (i > 0 && !wanted.names.empty() && wanted.names != names) {
      const bool kept = names.size() == table.width();  // the step before changes values, not columns
      if (names.empty() || kept) ++against;
    }
    names = wanted.names;
    if (i + 1 == links.size()) break;
    to.set_root_version(version_of(model));
    auto next = to.transform(model, table);
    if (!next.ok()) return labelled(std::move(next).error(), links[i]);
    table = std::move(*next);
  }
  return against;
}

Result<Artifact> import_chain(const Chain& chain, Report& report, graph::Operators operators) {
  describe(chain, report);
  for (const Link& link : chain.links) {
    if (!covered(link.model)) return labelled(not_covered(link.model), link);
  }
  const Link& last = chain.links.back();
  Artifact artifact;
  Builder builder("scikit-learn", operators);
  Width width = TRY(width_of_chain(chain));
  Inputs inputs(builder, std::move(width.names), width.count);
  Lowering to(builder, inputs, report, version_of(chain.links.front().model));
  const Table table = TRY(run_to_last(to, chain.links, inputs.all()));
  if (predicts(last.model)) {
    auto prediction = to.predict(last.model, table);
    if (!prediction.ok()) return labelled(std::move(prediction).error(), last);
    if (chain.decoder) {
      const Status decoded = decode(*chain.decoder, *prediction);
      if (!decoded.ok()) return labelled(decoded.error(), *chain.decoder);
    }
    TRY(add_prediction(artifact, builder, *prediction).within(place_of(last.model)));
  } else {
    auto transformed = to.transform(last.model, table);
    if (!transformed.ok()) return labelled(std::move(transformed).error(), last);
    if (chain.decoder) {
      return labelled(refuse(chain.decoder->model, "LabelEncoder decodes the answer of a classifier, but the last step is none"), *chain.decoder);
    }
    TRY(add_table(artifact, to, last.model, *transformed));
  }
  TRY(finish(artifact, builder, inputs, report).within(place_of(last.model)));
  artifact.schema.rows_independent = to.rows_independent();
  if (!chain.decoder) artifact.check = TRY(check_of(chain, inputs, artifact.schema).within("evaluating the file directly"));
  return artifact;
}

}  // namespace slipway::importers::sklearn
