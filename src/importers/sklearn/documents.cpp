// DictVectorizer, FeatureHasher and MultiLabelBinarizer: an instance is an object with free keys or a list.
#include <cmath>

#include "slipway/importers/sklearn/categories.hpp"
#include "slipway/importers/sklearn/table.hpp"
#include "slipway/ops/text/json.hpp"

namespace slipway::importers::sklearn {
namespace {

using graph::attr;

constexpr std::int64_t kHashedMax = 1 << 21;

Result<Val> one_document(Lowering& to, const View& model, const Table& in) {
  if (in.width() != 1)
    return refuse(model, std::string(model.name()) + " takes one object or list an instance but is given " + std::to_string(in.width()) + " columns");
  to.inputs.refuse_missing(in);
  return to.inputs.documents(in);
}

Sparse count_items(Builder& graph, const Val& documents, std::vector<std::string> names, std::vector<graph::Attribute> attributes) {
  std::vector<Val> inputs{documents};
  const auto n = static_cast<std::int64_t>(names.size());
  if (n > 0) inputs.push_back(graph.constant(Tensor::of_strings({n}, std::move(names))));
  const auto out = graph.op_n("CountItems", inputs, 3, std::move(attributes), graph::kOwnDomain);
  return {Builder::typed(out[0], DType::int64, -1), Builder::typed(out[1], DType::int64, -1), Builder::typed(out[2], DType::float64, -1)};
}

Result<Table> dict(Lowering& to, const View& model, const Table& in) {
  const View vocabulary = TRY(model.attribute("vocabulary_"));
  const std::size_t n = vocabulary.entries();
  if (n == 0) return refuse(vocabulary, "the vocabulary is empty");
  std::vector<std::string> names(n);
  std::vector<bool> taken(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t column = TRY(vocabulary.value_at(i).integer());
    if (column < 0 || column >= static_cast<std::int64_t>(n) || taken[static_cast<std::size_t>(column)])
      return refuse(vocabulary, "the vocabulary's columns are not 0 to " + std::to_string(n - 1));
    taken[static_cast<std::size_t>(column)] = true;
    names[static_cast<std::size_t>(column)] = TRY(vocabulary.key_at(i).text());
  }
  const std::string separator = text_or(model, "separator", "=");
  json::Object sample;
  for (std::size_t i = 0; i < n && sample.size() < 3; ++i) {
    const std::size_t cut = separator.empty() ? std::string::npos : names[i].find(separator);
    const std::string key = names[i].substr(0, cut);
    if (!sample.empty() && sample.back().first == key) continue;
    sample.emplace_back(key, cut == std::string::npos ? json::Value(1.0) : json::Value(names[i].substr(cut + separator.size())));
  }
  to.inputs.hint_sample(in.width() == 1 ? in.columns[0] : Column{}, json::Value(std::move(sample)));
  const Val documents = TRY(one_document(to, model, in));
  const Sparse out = count_items(to.graph, documents, std::move(names), {attr("kind", std::string("dict")), attr("separator", separator)});
  return to.inputs.sparse_table(out, static_cast<std::int64_t>(n));
}

Result<Table> hasher(Lowering& to, const View& model, const Table& in) {
  const double width = TRY(number_or(model, "n_features", 1 << 20));
  if (!(width >= 1) || width > static_cast<double>(kHashedMax) || width != std::floor(width))
    return refuse(model, "n_features must be a whole number up to " + std::to_string(kHashedMax));
  const std::string type = text_or(model, "input_type", "dict");
  if (type != "dict" && type != "pair" && type != "string") return refuse(model, "input_type='" + type.substr(0, 40) + "' is not known");
  json::Value sample = json::object({{"name", 1.0}});
  if (type == "pair") sample = json::Array{json::Array{"name", 1.0}};
  if (type == "string") sample = json::Array{"name"};
  to.inputs.hint_sample(in.width() == 1 ? in.columns[0] : Column{}, std::move(sample));
  const Val documents = TRY(one_document(to, model, in));
  const auto columns = static_cast<std::int64_t>(width);
  const bool alternate = TRY(flag_or(model, "alternate_sign", true));
  return to.inputs.sparse_table(
      count_items(to.graph, documents, {}, {attr("kind", "hash_" + type), attr("features", columns), attr("signed", std::int64_t{alternate})}),
      columns);
}

Result<Table> label_sets(Lowering& to, const View& model, const Table& in) {
  const View classes = TRY(model.attribute("classes_"));
  const Categories labels = TRY(read_category_list(classes));
  if (labels.count() == 0) return refuse(classes, "there is no class");
  std::vector<std::string> keys;
  json::Array sample;
  for (std::size_t i = 0; i < labels.count(); ++i)
    keys.push_back(labels.documents ? labels.texts[i] : labels.text ? ops::text::key_of(labels.texts[i]) : ops::text::key_of(labels.numbers[i]));
  if (!labels.shown.empty()) sample.push_back(labels.shown[0]);
  to.inputs.hint_sample(in.width() == 1 ? in.columns[0] : Column{}, json::Value(std::move(sample)));
  const auto width = static_cast<std::int64_t>(keys.size());
  const Val documents = TRY(one_document(to, model, in));
  return to.inputs.sparse_table(count_items(to.graph, documents, std::move(keys), {attr("kind", std::string("labels"))}), width);
}

constexpr Converter kConverters[] = {
    {"DictVectorizer", dict, nullptr},
    {"FeatureHasher", hasher, nullptr},
    {"MultiLabelBinarizer", label_sets, nullptr},
};

}  // namespace

Family documents_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
