// Texts to term counts and their weights: CountVectorizer, TfidfVectorizer, HashingVectorizer, TfidfTransformer.
#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/table.hpp"
#include "slipway/ops/text/analyzer.hpp"
#include "slipway/ops/text/unicode.hpp"

namespace slipway::importers::sklearn {
namespace {

using graph::attr;

constexpr std::int64_t kHashedMax = 1 << 21;
constexpr std::size_t kStopWordsMax = 1'000'000;

// A function of the user's is code; the parameter's name is told.
Status no_function(const View& model, const char* parameter) {
  const auto v = model.find(parameter);
  if (!v || v->is_none() || v->is(Kind::text)) return ok();
  const bool named = v->is(Kind::global) || v->is(Kind::object);
  return refuse(*v, std::string(parameter) + " is " + (named ? v->qualified_name() : v->describe()) +
                        ", which is code; a model file is read as data and its code never runs");
}

bool is_single(const View& model) {
  const auto dtype = model.find("dtype");
  if (!dtype) return false;
  if (dtype->is(Kind::global)) return dtype->name() == "float32";
  if (dtype->is(Kind::text)) return dtype->is_text("float32") || dtype->is_text("f4");
  return dtype->is(Kind::dtype) && dtype->dtype_text() == "<f4";
}

// Counts in less than four bytes would wrap around; bool holds 0 and 1.
Result<bool> is_boolean(const View& model) {
  const auto dtype = model.find("dtype");
  if (!dtype || !dtype->is(Kind::global)) return false;
  const std::string_view name = dtype->name();
  if (name == "bool" || name == "bool_") return true;
  if (name == "int8" || name == "uint8" || name == "int16" || name == "uint16" || name == "float16")
    return refuse(*dtype, "counts in " + std::string(name) + " are not supported");
  return false;
}

Result<std::vector<std::string>> stop_words(const View& model, const std::string& unit) {
  std::vector<std::string> out;
  const auto v = model.find("stop_words");
  if (!v || v->is_none() || unit != "word") return out;
  if (v->is_text("english")) {
    const auto words = ops::text::english_stop_words();
    return std::vector<std::string>(words.begin(), words.end());
  }
  if (v->is(Kind::text)) return refuse(*v, "the stop word list " + v->describe() + " is not known");
  if (v->size() > kStopWordsMax) return refuse(*v, "there are too many stop words");
  if (v->is(Kind::list) || v->is(Kind::tuple) || v->is(Kind::set) || v->is(Kind::array)) {
    for (std::size_t i = 0; i < v->size(); ++i) out.push_back(TRY(v->at(i).text()));
    return out;
  }
  if (v->is(Kind::object) && v->arguments() == 1) {  // frozenset([...])
    const View inside = *v->argument(0);
    for (std::size_t i = 0; i < inside.size(); ++i) out.push_back(TRY(inside.at(i).text()));
    return out;
  }
  return refuse(*v, "the stop words are " + v->describe());
}

struct Spec {
  ops::text::AnalyzerOptions options;
  std::string unit, accents;
  std::vector<std::string> stop_words;
};

Result<Spec> read_spec(const View& model) {
  Spec spec;
  for (const char* parameter : {"analyzer", "preprocessor", "tokenizer", "strip_accents"}) TRY(no_function(model, parameter));
  const std::string input = text_or(model, "input", "content");
  if (input != "content") return refuse(model, "its texts are read from files (input='" + input.substr(0, 40) + "'), which is not supported");
  spec.unit = text_or(model, "analyzer", "word");
  spec.accents = text_or(model, "strip_accents", "");
  if (spec.unit != "word" && spec.unit != "char" && spec.unit != "char_wb")
    return refuse(model, "the analyzer '" + spec.unit.substr(0, 40) + "' is not known");
  if (!spec.accents.empty() && spec.accents != "ascii" && spec.accents != "unicode")
    return refuse(model, "strip_accents='" + spec.accents.substr(0, 40) + "' is not known");
  using Options = ops::text::AnalyzerOptions;
  spec.options.unit = spec.unit == "word" ? Options::Unit::word : spec.unit == "char" ? Options::Unit::character : Options::Unit::character_in_word;
  spec.options.lowercase = TRY(flag_or(model, "lowercase", true));
  if (const auto range = model.find("ngram_range"); range && !range->is_none()) {
    const auto n = TRY(range->integers());
    if (n.size() != 2) return refuse(*range, "ngram_range is no pair");
    spec.options.min_n = n[0];
    spec.options.max_n = n[1];
  }
  spec.options.pattern = text_or(model, "token_pattern", spec.options.pattern);
  spec.stop_words = TRY(stop_words(model, spec.unit));
  try {
    const ops::text::Analyzer probe(spec.options, {});
  } catch (const std::invalid_argument& e) {
    return refuse(model, (spec.unit == "word" ? "token_pattern '" + spec.options.pattern.substr(0, 100) + "': " : "") + e.what());
  }
  return spec;
}

// The terms in the order of their columns.
Result<std::vector<std::string>> vocabulary(const View& model) {
  auto v = model.find("vocabulary_");
  if (!v) v = model.find("vocabulary");
  if (!v || v->is_none()) return refuse(model, "it has no vocabulary_ (is it fitted?)");
  if (v->entries() == 0 && v->size() > 0) return v->texts();  // terms in order
  const std::size_t n = v->entries();
  if (n == 0) return refuse(*v, "the vocabulary is empty");
  std::vector<std::string> out(n);
  std::vector<bool> taken(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t column = TRY(v->value_at(i).integer());
    if (column < 0 || column >= static_cast<std::int64_t>(n) || taken[static_cast<std::size_t>(column)])
      return refuse(*v, "the vocabulary's columns are not 0 to " + std::to_string(n - 1));
    taken[static_cast<std::size_t>(column)] = true;
    out[static_cast<std::size_t>(column)] = TRY(v->key_at(i).text());
  }
  return out;
}

Result<Val> one_text(Lowering& to, const View& model, const Table& in) {
  if (in.width() != 1) return refuse(model, std::string(model.name()) + " takes one column of texts but is given " + std::to_string(in.width()));
  to.inputs.refuse_missing(in);
  return to.inputs.texts(in);
}

Val text_row(Builder& graph, std::vector<std::string> texts) {
  const auto n = static_cast<std::int64_t>(texts.size());
  return graph.constant(Tensor::of_strings({n}, std::move(texts)));
}

// features: hashed into so many columns; 0: by the vocabulary.
Sparse count_terms(Builder& graph, const Val& texts, const Spec& spec, std::vector<std::string> terms, bool binary, std::int64_t features,
                   bool with_sign) {
  const std::vector<Val> inputs{texts, terms.empty() ? Builder::absent() : text_row(graph, std::move(terms)),
                                spec.stop_words.empty() ? Builder::absent() : text_row(graph, spec.stop_words)};
  std::vector<graph::Attribute> attributes{
      attr("analyzer", spec.unit),       attr("accents", spec.accents),     attr("lowercase", std::int64_t{spec.options.lowercase}),
      attr("min_n", spec.options.min_n), attr("max_n", spec.options.max_n), attr("binary", std::int64_t{binary})};
  if (spec.unit == "word") attributes.push_back(attr("pattern", spec.options.pattern));
  if (features > 0) {
    attributes.push_back(attr("features", features));
    attributes.push_back(attr("signed", std::int64_t{with_sign}));
  }
  const auto out = graph.op_n("CountTerms", inputs, 3, std::move(attributes), graph::kOwnDomain);
  return {Builder::typed(out[0], DType::int64, -1), Builder::typed(out[1], DType::int64, -1), Builder::typed(out[2], DType::float64, -1)};
}

Result<std::int64_t> norm_of(const View& model, std::string_view otherwise) {
  const auto v = model.find("norm");
  if (v && v->is_none()) return 0;
  const std::string norm = v ? text_or(model, "norm", "?") : std::string(otherwise);
  if (norm == "l1") return 1;
  if (norm == "l2") return 2;
  if (norm == "max") return 3;
  return refuse(model, "the norm '" + norm.substr(0, 40) + "' is not known");
}

Sparse weigh(Builder& graph, Sparse terms, const std::vector<double>& idf, bool sublinear, std::int64_t norm) {
  std::vector<Val> inputs{terms.starts, terms.columns, terms.values};
  if (!idf.empty()) inputs.push_back(graph.row(idf));
  terms.values = graph.own("WeighTerms", inputs, DType::float64, -1,
                           {attr("sublinear", std::int64_t{sublinear}), attr("norm", norm), attr("single", std::int64_t{terms.single})});
  return terms;
}

// idf_ (from 1.5 on), or the diagonal of a sparse matrix.
Result<std::vector<double>> idf_of(const View& tfidf, std::size_t width) {
  if (!TRY(flag_or(tfidf, "use_idf", true))) return std::vector<double>{};
  std::vector<double> idf;
  if (present(tfidf, "idf_")) {
    idf = TRY(vector(tfidf, "idf_"));
  } else {
    const View diagonal = TRY(tfidf.attribute("_idf_diag"));
    idf = TRY(vector(diagonal, "data"));
  }
  if (idf.size() != width) return refuse(tfidf, "it has " + std::to_string(idf.size()) + " idf weights for " + std::to_string(width) + " terms");
  return idf;
}

Result<Sparse> tfidf(Lowering& to, const View& model, const Sparse& terms, std::size_t width) {
  const auto idf = TRY(idf_of(model, width));
  return weigh(to.graph, terms, idf, TRY(flag_or(model, "sublinear_tf", false)), TRY(norm_of(model, "l2")));
}

Result<Sparse> counted(Lowering& to, const View& model, const Table& in, std::int64_t& width) {
  const Spec spec = TRY(read_spec(model));
  auto terms = TRY(vocabulary(model));
  const bool binary = TRY(flag_or(model, "binary", false)) || TRY(is_boolean(model));
  const Val texts = TRY(one_text(to, model, in));
  std::string sample;
  for (std::size_t i = 0; i < std::min<std::size_t>(terms.size(), 3); ++i) sample += (i > 0 ? " " : "") + terms[i];
  to.inputs.hint_sample(in.columns[0], sample);
  width = static_cast<std::int64_t>(terms.size());
  Sparse out = count_terms(to.graph, texts, spec, std::move(terms), binary, 0, false);
  out.single = is_single(model);
  return out;
}

Result<Table> count(Lowering& to, const View& model, const Table& in) {
  std::int64_t width = 0;
  const Sparse terms = TRY(counted(to, model, in, width));
  return to.inputs.sparse_table(terms, width);
}

Result<Table> count_and_weigh(Lowering& to, const View& model, const Table& in) {
  std::int64_t width = 0;
  const Sparse terms = TRY(counted(to, model, in, width));
  const View weights = TRY(model.attribute("_tfidf"));
  return to.inputs.sparse_table(TRY(tfidf(to, weights, terms, static_cast<std::size_t>(width))), width);
}

Result<Table> hash(Lowering& to, const View& model, const Table& in) {
  const Spec spec = TRY(read_spec(model));
  const double width = TRY(number_or(model, "n_features", 1 << 20));
  if (!(width >= 1) || width > static_cast<double>(kHashedMax) || width != std::floor(width))
    return refuse(model, "n_features must be a whole number up to " + std::to_string(kHashedMax));
  const bool binary = TRY(flag_or(model, "binary", false)) || TRY(is_boolean(model));
  const Val texts = TRY(one_text(to, model, in));
  const auto columns = static_cast<std::int64_t>(width);
  Sparse terms = count_terms(to.graph, texts, spec, {}, binary, columns, TRY(flag_or(model, "alternate_sign", true)));
  terms.single = is_single(model);
  return to.inputs.sparse_table(weigh(to.graph, terms, {}, false, TRY(norm_of(model, "l2"))), columns);
}

Result<Table> weigh_counts(Lowering& to, const View& model, const Table& in) {
  to.inputs.refuse_missing(in);
  std::optional<Sparse> terms = to.inputs.sparse(in);
  if (!terms) {
    const Val x = TRY(to.inputs.numbers(in));
    const auto parts = to.graph.op_n("DenseToSparse", {x}, 3, {}, graph::kOwnDomain);
    terms =
        Sparse{Builder::typed(parts[0], DType::int64, -1), Builder::typed(parts[1], DType::int64, -1), Builder::typed(parts[2], DType::float64, -1)};
  }
  if (in.free) return refuse(model, "the file doesn't tell how many columns this step is given");
  return to.inputs.sparse_table(TRY(tfidf(to, model, *terms, in.width())), static_cast<std::int64_t>(in.width()));
}

constexpr Converter kConverters[] = {
    {"CountVectorizer", count, nullptr},
    {"TfidfVectorizer", count_and_weigh, nullptr},
    {"HashingVectorizer", hash, nullptr},
    {"TfidfTransformer", weigh_counts, nullptr},
};

}  // namespace

Family text_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
