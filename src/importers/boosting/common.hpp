// What the boosting libraries' lowerings share. For boosting/*.cpp only.
#pragma once

#include <functional>

#include "slipway/importers/boosting/import.hpp"
#include "slipway/importers/sklearn/direct/direct.hpp"
#include "slipway/importers/sklearn/lowering.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::boosting {

using graph::Builder;
using graph::Val;
using pickle::Kind;
using pickle::View;
using sklearn::Converter;
using sklearn::Lowering;
using sklearn::Prediction;
using sklearn::Width;

// Labels 0 ... n - 1.
Labels numbered_labels(std::int64_t n);
// Labels of a JSON list of texts, whole numbers or booleans.
Result<Labels> json_labels(const json::Value& list);

// One column of values that aren't codes yet: the place of its value among the categories, NaN where it has none.
Result<Val> text_codes(Lowering& to, const Column& column, const std::vector<std::string>& categories, bool closed);
Result<Val> number_codes(Lowering& to, const Column& column, const std::vector<double>& categories, bool closed);

// Runs a lowering without an estimator around it: a file of a library's own.
using Lower = std::function<Result<Prediction>(Lowering& to, const Table& in)>;
using Evaluated = std::function<Result<std::optional<sklearn::Answerer>>()>;  // the file evaluated directly: its certificate
Result<Artifact> import_file(std::string_view library, Width width, Report& report, const Lower& lower, const Evaluated& evaluated);

std::string_view text_of(Bytes bytes);
inline std::string number_text(std::int64_t n) { return std::to_string(n); }
constexpr std::size_t kFeaturesMax = 1'000'000;

}  // namespace slipway::importers::boosting
