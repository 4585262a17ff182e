// What the library holds as sparse matrices. To most estimators that makes no difference, as the numbers are the same; XGBoost takes
// what such a matrix doesn't store as missing.
#include <algorithm>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

enum class Rule : std::uint8_t {
  always,
  as_given,   // a sparse matrix stays one
  by_flag,    // a parameter says so
  by_parts,   // what stands inside decides, and the converter has said it
  not_dense,  // a product of sparse matrices, unless a parameter asks for a dense one
};

struct Sparsity {
  std::string_view name;
  Rule rule;
  bool otherwise = false;                   // where the parameter isn't there
  std::string_view flag = "sparse_output";  // its name since 1.2
  std::string_view before = "";             // and before
};

constexpr Sparsity kSparsities[] = {
    {"Pipeline", Rule::by_parts},
    {"FeatureUnion", Rule::by_parts},
    {"ColumnTransformer", Rule::by_parts},
    {"FrozenEstimator", Rule::by_parts},
    {"GridSearchCV", Rule::by_parts},
    {"RandomizedSearchCV", Rule::by_parts},
    {"HalvingGridSearchCV", Rule::by_parts},
    {"HalvingRandomSearchCV", Rule::by_parts},
    {"CountVectorizer", Rule::always},
    {"TfidfVectorizer", Rule::always},
    {"TfidfTransformer", Rule::always},
    {"HashingVectorizer", Rule::always},
    {"FeatureHasher", Rule::always},
    {"KNeighborsTransformer", Rule::always},
    {"RadiusNeighborsTransformer", Rule::always},
    {"DictVectorizer", Rule::by_flag, true, "sparse"},
    {"OneHotEncoder", Rule::by_flag, true, "sparse_output", "sparse"},
    {"RandomTreesEmbedding", Rule::by_flag, true},
    {"LabelBinarizer", Rule::by_flag},
    {"MultiLabelBinarizer", Rule::by_flag},
    {"SplineTransformer", Rule::by_flag},
    {"SparseRandomProjection", Rule::not_dense},
    {"StandardScaler", Rule::as_given},
    {"MaxAbsScaler", Rule::as_given},
    {"RobustScaler", Rule::as_given},
    {"Normalizer", Rule::as_given},
    {"Binarizer", Rule::as_given},
    {"QuantileTransformer", Rule::as_given},
    {"PolynomialFeatures", Rule::as_given},
    {"AdditiveChi2Sampler", Rule::as_given},
    {"FunctionTransformer", Rule::as_given},
    {"SimpleImputer", Rule::as_given},
    {"SelectKBest", Rule::as_given},
    {"SelectPercentile", Rule::as_given},
    {"SelectFpr", Rule::as_given},
    {"SelectFdr", Rule::as_given},
    {"SelectFwe", Rule::as_given},
    {"GenericUnivariateSelect", Rule::as_given},
    {"VarianceThreshold", Rule::as_given},
    {"RFE", Rule::as_given},
    {"RFECV", Rule::as_given},
    {"SequentialFeatureSelector", Rule::as_given},
    {"SelectFromModel", Rule::as_given},
};

bool flag(const View& model, std::string_view name, bool otherwise) {
  const auto found = model.find(name);
  if (!found || !found->is(Kind::boolean)) return otherwise;  // not there, or "deprecated"
  const auto value = found->boolean();
  return value.ok() ? *value : otherwise;
}

}  // namespace

std::optional<bool> gives_sparse(const View& model, bool given) {
  const std::string_view name = model.name();
  if (name == "KBinsDiscretizer") return text_or(model, "encode", "onehot") == "onehot";
  if (name == "MissingIndicator") return flag(model, "sparse", given);  // 'auto': as given
  const auto* const found = std::find_if(std::begin(kSparsities), std::end(kSparsities), [&](const Sparsity& s) { return s.name == name; });
  if (found == std::end(kSparsities)) return false;
  switch (found->rule) {
    case Rule::always: return true;
    case Rule::as_given: return given;
    case Rule::by_flag: return flag(model, found->flag, flag(model, found->before, found->otherwise));
    case Rule::by_parts: return std::nullopt;
    case Rule::not_dense: return given && !flag(model, "dense_output", false);
  }
  return false;
}

}  // namespace slipway::importers::sklearn
