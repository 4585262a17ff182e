// A job's result, written row by row in the input's order: CSV with a column a value, JSON lines with each row as POST /api/predict gives it,
// or the elements of an npy file (its head comes last, when the rows are counted: output_head). Numbers are written as the prediction's
// JSON has them. Pure; one thread.
#pragma once

#include <string>
#include <vector>

#include "slipway/platform/jobs/input.hpp"

namespace slipway::jobs {

struct OutputOptions {
  Format format = Format::csv;
  bool include_input = false;  // CSV to CSV only
};

// Whether a model's answers can be written so at all, and with empty rows among them. Error: bad_request that names the parameter `format`.
Status check_output(const Schema& schema, Format format, bool with_empty_rows);
Format natural_output(const Schema& schema, Format input, bool with_empty_rows);

class OutputWriter {
 public:
  // shape: what shape() said before, when a job goes on; empty: it begins. csv_header: the input's, for include_input.
  OutputWriter(const Schema& schema, OutputOptions options, std::string csv_header, const std::string& shape);

  // The answered rows of the chunk from `from` on. Errors: invalid_input when the answers have another shape than those before, or no rows.
  Status rows(std::span<const Tensor> outputs, const Chunk& chunk, std::size_t from, std::size_t count, std::string& out);
  // A wrong row that is skipped: empty cells, null, NaN. What comes before the first answer waits for it.
  void wrong(const Chunk& chunk, std::size_t i, std::string& out);
  bool begun() const { return begun_; }  // some row was answered: nothing waits
  std::string shape() const;             // JSON, for shape above and for output_head

 private:
  struct Columns {
    DType dtype = DType::undefined;
    Shape row;  // dimensions behind the rows
    std::size_t width = 1;
  };
  Status begin(std::span<const Tensor> outputs, std::size_t count, std::string& out);
  void append_header(std::string& out) const;
  void append_input(const Chunk& chunk, std::size_t i, bool answered, std::string& out) const;
  void append_empty(const Chunk& chunk, std::size_t i, std::string& out) const;

  const Schema& schema_;
  const OutputOptions options_;
  const std::string csv_header_;
  const std::size_t input_cells_;
  std::vector<Columns> columns_;  // by output
  bool begun_ = false;
  Chunk waiting_;  // wrong rows before the first answer
};

// What stands before the parts of a finished result: the npy head; nothing for the others.
std::string output_head(Format format, const std::string& shape, std::int64_t rows);

}  // namespace slipway::jobs
