#include "slipway/importers/sklearn/direct/direct.hpp"

#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/column_transformer.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kDepthMax = 24;

Result<std::optional<Step>> chain(Direct& by, const View& steps, std::size_t count) {
  std::vector<Step> all;
  for (std::size_t i = 0; i < count; ++i) {
    const View step = steps.at(i).at(1);
    if (does_nothing(step)) continue;
    auto made = TRY(by.transform(step));
    if (!made) return std::optional<Step>{};
    all.push_back(std::move(*made));
    by.behind(undo_of(step));
  }
  return std::optional<Step>([all](const Row& row) {
    Row at = row;
    for (const Step& step : all) at = step(at);
    return at;
  });
}

Result<View> steps_of(const View& model) {
  const View steps = TRY(model.attribute("steps"));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps.at(i).size() != 2) return refuse(steps.at(i), "a step is no pair of name and estimator");
  }
  if (steps.size() == 0) return refuse(steps, "there is no step");
  return steps;
}

Result<std::optional<Step>> pipeline_transform(Direct& by, const View& model) {
  const View steps = TRY(steps_of(model));
  const std::size_t behind = by.steps_behind();
  auto made = TRY(chain(by, steps, steps.size()));
  by.leave(behind);
  return made;
}

Result<std::optional<Answerer>> pipeline_predict(Direct& by, const View& model) {
  const View steps = TRY(steps_of(model));
  const std::size_t behind = by.steps_behind();
  const auto before = TRY(chain(by, steps, steps.size() - 1));
  const auto last = TRY(by.predict(steps.at(steps.size() - 1).at(1)));
  by.leave(behind);
  if (!before || !last) return std::optional<Answerer>{};
  return std::optional<Answerer>([before = *before, last = *last](const Row& row) { return last(before(row)); });
}

Result<std::optional<Step>> column_transformer(Direct& by, const View& model) {
  struct Part {
    std::vector<std::int64_t> columns;
    std::optional<Step> step;  // none: passthrough
    double weight = 1;
  };
  std::vector<Part> parts;
  const bool sparse = TRY(flag_or(model, "sparse_output_", false));
  const auto weights = model.find("transformer_weights");
  const std::size_t behind = by.steps_behind();
  by.behind(std::nullopt);
  for (const Share& share : TRY(shares_of(model))) {
    Part part;
    part.columns = share.columns;
    if (!share.transformer.is_text("passthrough")) {
      auto made = TRY(by.transform(share.transformer));
      if (!made) return std::optional<Step>{};
      part.step = std::move(*made);
    }
    if (weights && !weights->is_none() && share.name.is(Kind::text)) {
      if (const auto weight = weights->get(TRY(share.name.text()))) part.weight = TRY(weight->number());
    }
    if (part.weight == 0) return std::optional<Step>{};  // a sparse part then stores zeros
    parts.push_back(std::move(part));
  }
  by.leave(behind);
  return std::optional<Step>([parts, sparse](const Row& row) {
    Row out;
    out.sparse = sparse;
    for (const Part& part : parts) {
      Row taken;
      taken.sparse = row.sparse;
      for (const std::int64_t c : part.columns) taken.push_back(row.at(static_cast<std::size_t>(c)));
      if (part.step) taken = (*part.step)(taken);
      for (Cell& cell : taken) {
        if (part.weight != 1) cell.number *= part.weight;
        out.push_back(std::move(cell));
      }
    }
    return out;
  });
}

constexpr DirectConverter kStructure[] = {
    {"Pipeline", pipeline_transform, pipeline_predict},
    {"Pipeline", pipeline_transform, pipeline_predict, "imblearn"},
    {"ColumnTransformer", column_transformer, nullptr},
};

// What it gives, said to be sparse or not by the table that the lowering goes by. Parts inside say it themselves.
Step with_sparsity(const View& model, Step step) {
  const auto of_dense = gives_sparse(model, false), of_sparse = gives_sparse(model, true);
  if (!of_dense || !of_sparse) return step;
  return [step = std::move(step), of_dense = *of_dense, of_sparse = *of_sparse](const Row& row) {
    Row out = step(row);
    out.sparse = row.sparse ? of_sparse : of_dense;
    return out;
  };
}

const DirectConverter* find(const View& model) {
  const std::string_view root = model.module().substr(0, model.module().find('.'));
  for (const auto family : {std::span<const DirectConverter>(kStructure), direct_preprocessing(), direct_models(), direct_machines(),
                            direct_nearness(), direct_likelihoods(), direct_columns(), direct_wrappers(), direct_boosted(), direct_composed(),
                            direct_texts(), direct_xgboost(), direct_lightgbm(), direct_catboost()}) {
    const auto it = std::find_if(family.begin(), family.end(), [&](const auto& c) { return c.name == model.name() && c.root == root; });
    if (it != family.end()) return &*it;
  }
  return nullptr;
}

}  // namespace

void Direct::try_row(std::vector<double> row) {
  constexpr std::size_t kRowsMax = 60;
  if (rows_.size() >= kRowsMax) return;
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    if (!*undo) return;
    (**undo)(row);
  }
  if (std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); })) rows_.push_back(std::move(row));
}

Version Direct::version(const View& model) const { return version_text(text_or(model, "_sklearn_version", "")).value_or(root_); }

Result<std::optional<Step>> Direct::transform(const View& model) {
  const DirectConverter* converter = covered(model) && depth_ < kDepthMax ? find(model) : nullptr;
  if (converter == nullptr || converter->transform == nullptr) {
    unchecked_.insert(std::string(model.name()));
    return std::optional<Step>{};
  }
  ++depth_;
  auto made = converter->transform(*this, model);
  --depth_;
  if (!made.ok()) return made;
  if (!*made)
    unchecked_.insert(std::string(model.name()));
  else
    *made = with_sparsity(model, std::move(**made));
  return made;
}

Result<std::optional<Answerer>> Direct::predict(const View& model) {
  const DirectConverter* converter = covered(model) && depth_ < kDepthMax ? find(model) : nullptr;
  if (converter == nullptr || converter->predict == nullptr) {
    unchecked_.insert(std::string(model.name()));
    return std::optional<Answerer>{};
  }
  ++depth_;
  auto made = converter->predict(*this, model);
  --depth_;
  if (made.ok() && !*made) unchecked_.insert(std::string(model.name()));
  return made;
}

}  // namespace slipway::importers::sklearn
