#include "slipway/importers/custom_code.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"

namespace slipway::importers {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kShown = 100;

// Packages whose names in a model file are no code of the user's own.
constexpr std::string_view kLibraries[] = {"sklearn",
                                           "numpy",
                                           "scipy",
                                           "pandas",
                                           "joblib",
                                           "builtins",
                                           "__builtin__",
                                           "collections",
                                           "copyreg",
                                           "copy_reg",
                                           "_codecs",
                                           "xgboost",
                                           "keras",
                                           "lightgbm",
                                           "catboost",
                                           "imblearn",
                                           "feature_engine",
                                           "category_encoders",
                                           "torch",
                                           "tensorflow",
                                           "skops",
                                           "_loss",
                                           "functools",
                                           "operator",
                                           "datetime",
                                           "decimal",
                                           "re",
                                           "cloudpickle",
                                           "dill",
                                           "nltk",
                                           "spacy",
                                           "statsmodels",
                                           "umap",
                                           "hdbscan",
                                           "sktime",
                                           "pyod",
                                           "mlxtend",
                                           "skopt",
                                           "prophet",
                                           "transformers",
                                           "interpret",
                                           "ngboost",
                                           "daal4py",
                                           "onedal",
                                           "cuml",
                                           "types",
                                           "enum",
                                           "typing",
                                           "string",
                                           "math",
                                           "random",
                                           "pyarrow",
                                           "polars",
                                           "scikeras",
                                           "sklearn_crfsuite",
                                           "loky",
                                           "lifelines",
                                           "sksurv",
                                           "surprise",
                                           "gensim",
                                           "sentence_transformers",
                                           "econml",
                                           "pmdarima",
                                           "tpot",
                                           "autosklearn",
                                           "pycaret",
                                           "sklearn_pandas",
                                           "thundersvm",
                                           "implicit",
                                           "lightfm",
                                           "snapml",
                                           "sklearnex",
                                           "pygam",
                                           "lineartree",
                                           "dask_ml",
                                           "skorch",
                                           "fastai",
                                           "imodels",
                                           "hmmlearn",
                                           "tslearn",
                                           "stable_baselines3",
                                           "h2o",
                                           "mord",
                                           "missingpy",
                                           "pytorch_tabnet",
                                           "dirty_cat",
                                           "skrub",
                                           "pyearth",
                                           "gplearn",
                                           "fasttext",
                                           "flair",
                                           "shap",
                                           "eli5",
                                           "mapie",
                                           "optuna",
                                           "hyperopt",
                                           "torchvision",
                                           "pytorch_lightning",
                                           "lightning",
                                           "jax",
                                           "flax",
                                           "sympy",
                                           "networkx",
                                           "geopandas",
                                           "fancyimpute",
                                           "rfpimp",
                                           "boruta",
                                           "river",
                                           "prince",
                                           "darts",
                                           "gluonts",
                                           "causalml",
                                           "pomegranate",
                                           "neuralprophet"};

std::string_view root_of(std::string_view module) { return module.substr(0, module.find('.')); }

bool is_pickler(std::string_view module) {
  return root_of(module) == "cloudpickle" || root_of(module) == "dill" || root_of(module) == "_cloudpickle";
}

std::string text_of(const std::optional<View>& v) {
  if (!v || !v->is(Kind::text)) return {};
  auto text = v->text();
  return text.ok() ? excerpt(*text, kShown) : std::string();
}

// A code object's texts are, in every version of Python: file name, name (and qualified name), and then comes the line.
void read_code_object(const View& code, CustomCode& out) {
  std::string file;
  for (std::size_t i = 0; i < code.arguments(); ++i) {
    const std::string text = text_of(code.argument(i));
    if (text.empty()) continue;
    if (file.empty()) {
      file = text;
      continue;
    }
    out.name = text;
    for (std::size_t k = i + 1; k < code.arguments() && k < i + 4; ++k) {
      const auto line = code.argument(k);
      if (!line->is(Kind::integer)) continue;
      out.where = (file == "<dynamic-code>" ? "" : file + ", ") + "line " + std::to_string(line->integer().ok() ? *line->integer() : 0);
      break;
    }
    break;
  }
}

// The module that a function's globals say, when they do.
std::string module_in(const std::optional<View>& globals) { return globals ? text_of(globals->get("__name__")) : std::string(); }

std::optional<CustomCode> function_by_value(const View& made) {
  const std::string_view name = made.name();
  if (name == "_fill_function" || name == "_make_skel_func") {  // cloudpickle before 1.5
    CustomCode code;
    const auto inner = name == "_fill_function" ? made.argument(0) : std::optional(made);
    if (inner && inner->argument(0)) read_code_object(*inner->argument(0), code);
    if (const auto facts = made.argument(1); facts && facts->is(Kind::dict)) {
      if (const std::string said = text_of(facts->get("name")); !said.empty()) code.name = said;
      code.module = text_of(facts->get("module"));
    }
    return code;
  }
  if (name != "_make_function" && name != "_create_function" && name != "_make_skeleton_func") return std::nullopt;
  CustomCode code;
  if (const auto object = made.argument(0)) read_code_object(*object, code);
  code.module = module_in(made.argument(1));
  if (const std::string said = text_of(made.argument(2)); !said.empty()) code.name = said;  // dill; of cloudpickle mostly None
  return code;
}

std::optional<CustomCode> class_by_value(const View& made) {
  const std::string_view name = made.name();
  if (name == "_rehydrate_skeleton_class") {  // cloudpickle before 1.3
    const auto inner = made.argument(0);
    return inner ? class_by_value(*inner) : std::nullopt;
  }
  if (name != "_make_skeleton_class" && name != "_create_type" && name != "_make_skeleton_enum") return std::nullopt;
  CustomCode code;
  code.kind = CustomCode::Kind::class_;
  code.name = text_of(made.argument(1));
  for (const std::size_t i : {std::size_t{3}, std::size_t{2}}) {
    const auto facts = made.argument(i);
    if (facts && facts->is(Kind::dict)) code.module = text_of(facts->get("__module__"));
    if (!code.module.empty()) break;
  }
  return code;
}

std::optional<CustomCode> by_value(const View& view) {
  if (!view.is(Kind::object) || !is_pickler(view.module())) return std::nullopt;
  auto code = function_by_value(view);
  if (!code) code = class_by_value(view);
  if (!code) return std::nullopt;
  if (code->name.empty()) code->name = "?";
  if (code->kind == CustomCode::Kind::function && code->name == "<lambda>") code->kind = CustomCode::Kind::lambda;
  return code;
}

}  // namespace

std::optional<CustomCode> custom_code(const View& view) {
  if (!view.is(Kind::object) && !view.is(Kind::global)) return std::nullopt;
  if (auto code = by_value(view)) return code;
  if (view.is(Kind::object) && view.module().empty()) {  // made by what the stream itself makes: an instance of a class by value
    auto callable = view.callable();
    // _builtin_type("LambdaType")(code, globals, name, …): a function of cloudpickle before 2.0
    if (callable && callable->is(Kind::object) && (callable->name() == "_builtin_type" || callable->name() == "_load_type") && view.argument(0) &&
        view.argument(0)->arguments() > 10) {
      CustomCode code;
      read_code_object(*view.argument(0), code);
      code.module = module_in(view.argument(1));
      if (code.name == "<lambda>") code.kind = CustomCode::Kind::lambda;
      if (!code.name.empty()) return code;
    }
    for (int depth = 0; callable && depth < 4; ++depth) {
      if (auto code = by_value(*callable)) {
        if (code->kind == CustomCode::Kind::class_) code->kind = CustomCode::Kind::object;
        return code;
      }
      callable = callable->callable();
    }
    return std::nullopt;
  }
  const std::string_view root = root_of(view.module());
  if (root.empty() || std::find(std::begin(kLibraries), std::end(kLibraries), root) != std::end(kLibraries)) return std::nullopt;
  CustomCode code;
  code.name = excerpt(view.name(), kShown);
  code.module = excerpt(view.module(), kShown);
  const bool capital = !code.name.empty() && code.name[0] >= 'A' && code.name[0] <= 'Z';
  code.kind = view.is(Kind::object) ? CustomCode::Kind::object : capital ? CustomCode::Kind::class_ : CustomCode::Kind::function;
  return code;
}

std::string CustomCode::describe() const {
  const std::string owner =
      module.empty() || module.substr(0, 8) == "__main__" ? "the script that saved the file" : "the package " + std::string(root_of(module));
  const std::string qualified = (module.empty() ? std::string() : module + ".") + name;
  std::string out = kind == Kind::lambda     ? "a lambda of " + owner
                    : kind == Kind::function ? qualified + ", a function of " + owner
                                             : qualified + ", a class of " + owner;
  if (!where.empty()) out += " (" + where + ")";
  return out;
}

std::string recipe_for(const CustomCode& code) {
  switch (code.kind) {
    case CustomCode::Kind::lambda:
      return "Replace the lambda by a plain numpy function such as numpy.log1p or by a scikit-learn transformer, or export the model to ONNX "
             "where it was trained";
    case CustomCode::Kind::function:
      return "Replace the function by a plain numpy function such as numpy.log1p or by a scikit-learn transformer, or export the model to ONNX "
             "where it was trained";
    default:
      return "Replace it by a scikit-learn estimator with the same fitted values, or export the model to ONNX where it was trained "
             "(skl2onnx.to_onnx(model, X[:1]) with a converter for this class)";
  }
}

}  // namespace slipway::importers
