// What stands inside an estimator, for titles, lists of contents and the number of features.
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kInsideMax = 100;

// Pairs (or triples) of name and estimator.
constexpr const char* kNamed[] = {"steps", "transformers_", "transformer_list"};
// Fitted members: a list, or a table of them.
constexpr const char* kListed[] = {"estimators_", "calibrated_classifiers_"};
// One fitted estimator. The unfitted ones that the fitted are copies of ("estimator" of a Bagging) count only where there are no others.
constexpr const char* kOne[] = {"best_estimator_", "estimator_", "base_estimator_", "regressor_", "initial_imputer_"};
constexpr const char* kWrapped[] = {"estimator", "base_estimator"};

// Estimators that are forests by their nature: their trees are no news.
bool is_forest(std::string_view name) {
  for (const std::string_view part : {"Forest", "ExtraTrees", "GradientBoosting", "RandomTrees"}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

bool is_listed(const View& v) { return v.is(Kind::list) || v.is(Kind::tuple) || (v.is(Kind::array) && v.is_object_array()); }

void add_named(const View& list, std::vector<View>& out) {
  for (std::size_t i = 0; i < list.size() && out.size() < kInsideMax; ++i) {
    const View entry = list.at(i);
    if ((entry.is(Kind::tuple) || entry.is(Kind::list)) && entry.size() >= 2 && entry.at(1).is(Kind::object)) out.push_back(entry.at(1));
  }
}

void add_one(const View& model, const char* attribute, std::vector<View>& out) {
  if (const auto found = model.find(attribute); found && found->is(Kind::object)) out.push_back(*found);
}

}  // namespace

std::vector<View> inside(const View& model) {
  std::vector<View> out;
  if (is_forest(model.name())) return out;
  for (const char* attribute : kNamed) {
    if (const auto list = model.find(attribute); list && out.empty() && is_listed(*list)) add_named(*list, out);
  }
  if (!out.empty()) return out;
  for (const char* attribute : kListed) {
    const auto list = model.find(attribute);
    for (std::size_t i = 0; list && is_listed(*list) && i < list->size() && out.size() < kInsideMax; ++i) {
      if (list->at(i).is(Kind::object)) out.push_back(list->at(i));
    }
  }
  for (const char* attribute : kOne) add_one(model, attribute, out);
  if (out.empty()) {
    for (const char* attribute : kWrapped) {
      if (out.empty()) add_one(model, attribute, out);
    }
  }
  add_one(model, "final_estimator_", out);
  return out;
}

}  // namespace slipway::importers::sklearn
