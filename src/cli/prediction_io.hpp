// What `slipway predict` reads and writes: inputs by suffix or by look, answers as JSON, CSV or npy. Pure but for the files.
#pragma once

#include <string>
#include <string_view>

#include "console.hpp"
#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"

namespace slipway::cli {

enum class InputForm { json, csv, npy };

struct PredictionInput {
  InputForm form = InputForm::json;
  std::string body;  // as POST /api/predict takes it
  std::string_view media_type() const;
};

// path: .json, .csv, .npy; another suffix and "-" (stdin) are told by their first bytes. A bare JSON array becomes {"instances": …}.
Result<PredictionInput> read_input(const std::string& path, std::size_t bytes_max);

// `answer`: the JSON of POST /api/predict. path "" and "-": stdout. output: for .npy and .csv, only that one; empty: all (csv).
Status write_answer(Console& console, const std::string& answer, const std::string& path, const std::string& output);
Status check_output_path(const std::string& path);  // before anything is run

// outputs {name: nested array} as CSV with a header line, and one output as a .npy file of float64 or int64.
Result<std::string> outputs_to_csv(const json::Value& outputs);
Result<std::string> output_to_npy(const json::Value& tensor);

}  // namespace slipway::cli
