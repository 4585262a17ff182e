// text/csv to the tensors of a tabular model: RFC 4180 with a header line, whose names are features in any order.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/codec_plan.hpp"

namespace slipway {
namespace {

constexpr std::size_t kHeaderColumnsMax = 100'000;

// Reads one cell after the other. A cell ends at a comma or at the end of its line; a quoted one may hold both.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  struct Cell {
    std::string_view text;  // valid until the next cell
    bool quoted = false;
    bool last_of_line = false;
  };
  bool at_end() const { return at_ >= text_.size(); }
  bool at_blank_rest() const { return text_.find_first_not_of("\r\n", at_) == std::string_view::npos; }
  std::size_t line() const { return line_; }

  // Nothing: the quotes are wrong.
  std::optional<Cell> next() {
    Cell cell;
    cell.quoted = at_ < text_.size() && text_[at_] == '"';
    if (cell.quoted) {
      if (!quoted(cell.text)) return std::nullopt;
    } else {
      const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      cell.text = text_.substr(at_, end - at_);
      if (cell.text.find('"') != std::string_view::npos) return std::nullopt;
      at_ = end;
    }
    if (at_ >= text_.size()) {
      cell.last_of_line = true;
    } else if (text_[at_] == ',') {
      ++at_;
    } else {
      if (text_[at_] == '\r') ++at_;
      if (at_ < text_.size() && text_[at_] == '\n') ++at_;
      cell.last_of_line = true;
      ++line_;
    }
    return cell;
  }

 private:
  bool quoted(std::string_view& out) {
    const std::size_t from = ++at_;
    bool doubled = false;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') continue;
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        doubled = true;
        ++at_;
        continue;
      }
      out = text_.substr(from, at_ - from);
      ++at_;
      if (doubled) undouble(out);
      return at_ >= text_.size() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n';
    }
    return false;
  }
  void undouble(std::string_view& out) {
    scratch_.clear();
    for (std::size_t i = 0; i < out.size(); ++i) {
      scratch_ += out[i];
      if (out[i] == '"') ++i;
    }
    out = scratch_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::string scratch_;
};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool is_word(std::string_view s, std::string_view lower) {
  return s.size() == lower.size() &&
         std::equal(s.begin(), s.end(), lower.begin(), [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

bool is_missing(std::string_view s) { return s.empty() || is_word(s, "nan") || is_word(s, "null") || s == "NA" || s == "N/A" || s == "None"; }

std::string put_cell(const CodecPlan& plan, std::uint32_t feature, const CsvReader::Cell& cell, Tables& tables, std::size_t row) {
  if (plan.cells[feature].type == FeatureType::document) return put_document(plan, feature, cell.text, tables, row);
  if (plan.cells[feature].type == FeatureType::text) {
    if (cell.text.empty() && !cell.quoted) return put_missing(plan, feature, "an empty cell", tables, row);
    return put_text(plan, feature, cell.text, tables, row);
  }
  std::string_view text = trimmed(cell.text);
  if (is_missing(text)) return put_missing(plan, feature, text.empty() ? "an empty cell" : excerpt(text), tables, row);
  if (is_word(text, "true") || is_word(text, "false")) return put_boolean(plan, feature, text.size() == 4, tables, row);
  const std::string_view whole_text = text;
  if (text.front() == '+') text.remove_prefix(1);
  JsonScanner::Number n;
  const char* const end = text.data() + text.size();
  const auto whole = std::from_chars(text.data(), end, n.whole);
  n.is_whole = whole.ec == std::errc{} && whole.ptr == end;
  const auto natural = std::from_chars(text.data(), end, n.natural);
  n.is_natural = natural.ec == std::errc{} && natural.ptr == end;
  const auto real = std::from_chars(text.data(), end, n.real);
  if (real.ptr != end || real.ec == std::errc::invalid_argument || (text.size() < whole_text.size() && text.starts_with('-'))) {
    return expected(plan, feature, "the text \"" + excerpt(whole_text) + "\"");
  }
  n.too_large = real.ec == std::errc::result_out_of_range && text.find("e-") == std::string_view::npos && text.find("E-") == std::string_view::npos;
  if (std::isnan(n.real)) return put_missing(plan, feature, excerpt(whole_text), tables, row);                     // "-nan"
  if (std::abs(n.real) > std::numeric_limits<double>::max()) return put_real(plan, feature, n.real, tables, row);  // "inf"
  return put_number(plan, feature, n, tables, row);
}

struct Header {
  std::vector<std::uint32_t> order;  // feature by position
};

Error csv_broken(std::size_t line, const std::string& what) {
  return {ErrorCode::bad_request, "the CSV can't be read: line " + std::to_string(line) + ": " + what};
}

Result<Header> read_header(const CodecPlan& plan, CsvReader& csv) {
  Header header;
  Problems problems;
  std::vector<bool> seen(plan.cells.size());
  for (bool last = false; !last;) {
    const auto cell = csv.next();
    if (!cell) return csv_broken(1, "a quote is not closed, or stands inside an unquoted cell");
    last = cell->last_of_line;
    const std::string_view name = cell->quoted || plan.feature(cell->text) ? cell->text : trimmed(cell->text);
    const auto feature = plan.feature(name);
    if (!feature) {
      problems.add("line 1", plan.unknown_feature(name));
    } else if (seen[*feature]) {
      problems.add("line 1", plan.schema.features[*feature].name + " is there twice");
    } else {
      seen[*feature] = true;
      header.order.push_back(*feature);
    }
    if (problems.full() || header.order.size() > kHeaderColumnsMax) break;
  }
  for (std::size_t i = 0; i < seen.size() && !problems.full(); ++i) {
    if (!seen[i] && !plan.cells[i].ignored) problems.add("line 1", plan.schema.features[i].name + " is missing");
  }
  if (!problems.empty()) return problems.error();
  return header;
}

}  // namespace

Result<DecodedRequest> RequestCodec::decode_csv(std::string_view body, const DecodeLimits& limits) const {
  const CodecPlan& plan = *plan_;
  if (!plan.tabular()) return Error(ErrorCode::invalid_input, "CSV is for models with named columns; this one takes tensors: send JSON");
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  if (!is_valid_utf8(body)) return Error(ErrorCode::bad_request, "the CSV is not UTF-8");
  if (body.empty()) return Error(ErrorCode::bad_request, "the CSV is empty: its first line must name the features");
  CsvReader csv(body);
  const Header header = TRY(read_header(plan, csv));
  Tables tables(plan, limits);
  Problems problems;
  std::size_t row = 0;
  for (; !csv.at_end() && !csv.at_blank_rest() && !problems.full(); ++row) {
    if (row == limits.rows_max) return too_many_rows(limits);
    if (!tables.add_row()) return too_large(limits);
    const std::size_t line = csv.line();
    std::size_t position = 0;
    for (bool last = false; !last; ++position) {
      const auto cell = csv.next();
      if (!cell) return csv_broken(line, "a quote is not closed, or stands inside an unquoted cell");
      last = cell->last_of_line;
      if (position >= header.order.size()) continue;
      const std::uint32_t feature = header.order[position];
      std::string wrong = put_cell(plan, feature, *cell, tables, row);
      if (!wrong.empty()) problems.add("line " + std::to_string(line) + ", " + plan.schema.features[feature].name, std::move(wrong));
      if (tables.over()) return too_large(limits);
    }
    if (position != header.order.size()) {
      problems.add("line " + std::to_string(line),
                   "the line must have " + std::to_string(header.order.size()) + " cells, got " + std::to_string(position));
    }
  }
  if (!problems.empty()) return problems.error();
  if (row == 0) return Error(ErrorCode::invalid_input, "the CSV has no rows under its header");
  return tables.finish();
}

}  // namespace slipway
