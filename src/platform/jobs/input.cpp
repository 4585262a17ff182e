#include "slipway/platform/jobs/input.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/json_scanner.hpp"

namespace slipway::jobs {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

std::string line_text(Format format, std::int64_t line) { return (format == Format::npy ? "row " : "line ") + std::to_string(line); }

// Where a CSV record ends: at a line end outside quotes. A quote opens at the beginning of a cell only; what is wrong with quotes elsewhere
// the codec tells.
class RecordScan {
 public:
  bool take(char c) {  // true: c is the line end
    switch (state_) {
      case State::quoted:
        if (c == '"') state_ = State::quote;
        lines_ += c == '\n' ? 1 : 0;
        return false;
      case State::quote:
        if (c == '"') {
          state_ = State::quoted;
          return false;
        }
        break;
      case State::cell:
        if (c == '"') {
          state_ = State::quoted;
          return false;
        }
        break;
      case State::plain: break;
    }
    if (c == '\n' || c == '\r') return true;
    if (c == ',') ++cells_;
    state_ = c == ',' ? State::cell : State::plain;
    return false;
  }
  std::int64_t lines() const { return lines_; }
  std::size_t cells() const { return cells_; }
  bool open() const { return state_ == State::quoted; }

 private:
  enum class State : std::uint8_t { cell, plain, quoted, quote };
  State state_ = State::cell;
  std::int64_t lines_ = 1;
  std::size_t cells_ = 1;
};

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// "#/instances/0/age" -> ", age"; the codecs write features and positions so.
std::string rest_of(std::string_view pointer, std::string_view front) {
  pointer.remove_prefix(std::min(front.size(), pointer.size()));
  while (pointer.starts_with('/')) pointer.remove_prefix(1);
  return pointer.empty() ? std::string() : ", " + std::string(pointer);
}

}  // namespace

std::string_view format_name(Format format) {
  switch (format) {
    case Format::csv: return "csv";
    case Format::ndjson: return "ndjson";
    case Format::npy: return "npy";
  }
  return "";
}

std::optional<Format> format_from(std::string_view name) {
  for (const Format format : {Format::csv, Format::ndjson, Format::npy}) {
    if (name == format_name(format)) return format;
  }
  return std::nullopt;
}

std::string_view media_type(Format format) {
  switch (format) {
    case Format::csv: return "text/csv; charset=utf-8";
    case Format::ndjson: return "application/x-ndjson";
    case Format::npy: return "application/x-npy";
  }
  return "";
}

std::size_t cells_in(std::string_view csv_record) {
  RecordScan scan;
  for (const char c : csv_record) scan.take(c);
  return scan.cells();
}

std::optional<std::int64_t> Cutter::rows_total() const {
  if (format_ != Format::npy) return std::nullopt;
  return npy_.shape.empty() ? 0 : npy_.shape[0];
}

Status Cutter::more() {
  buffer_.erase(0, used_);
  used_ = 0;
  const std::size_t held = buffer_.size();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(kReadBytes, held), size_ - end_));
  buffer_.resize(held + wanted);
  const std::size_t got = TRY(read_(end_, std::as_writable_bytes(std::span(buffer_.data() + held, wanted))));
  if (got != wanted) return Error(ErrorCode::internal, "the stored input is shorter than it was").because("input cut short");
  end_ += got;
  return ok();
}

Result<std::optional<Cutter::Found>> Cutter::find() {
  for (;;) {
    const std::string_view text = ahead();
    const bool all = end_ == size_;
    if (text.empty() && all) return std::optional<Found>();
    Found found;
    bool ended = false;
    bool open = false;
    if (format_ == Format::csv) {
      RecordScan scan;
      std::size_t i = 0;
      while (i < text.size() && !scan.take(text[i])) ++i;
      found = {i, i, scan.lines()};
      open = scan.open();
      if (i < text.size()) {
        const bool cr = text[i] == '\r';
        ended = !cr || i + 1 < text.size() || all;  // an LF may follow the CR
        found.whole = i + (cr && i + 1 < text.size() && text[i + 1] == '\n' ? 2 : 1);
      }
    } else {
      const std::size_t end = text.find('\n');
      ended = end != std::string_view::npos;
      found = {ended ? end : text.size(), ended ? end + 1 : text.size(), 1};
    }
    if (found.size > kRecordBytesMax) {
      return Error(ErrorCode::bad_request, "the input can't be read: line " + std::to_string(line_) + " has more than " +
                                               std::to_string(kRecordBytesMax) + " bytes" + (open ? "; is a quote not closed?" : ""));
    }
    if (ended || all) return std::optional<Found>(found);
    TRY(more());
  }
}

void Cutter::drop(const Found& found) {
  used_ += found.whole;
  line_ += found.lines;
}

Status Cutter::begin() {
  TRY(more());
  if (format_ == Format::npy) {
    npy_ = TRY(read_npy_head(std::string_view(buffer_).substr(0, kNpyHeadBytesMax)));
    if (npy_.shape.empty()) return Error(ErrorCode::bad_request, "the npy file holds a single value; rows are wanted");
    if (npy_.fortran && npy_.shape.size() > 1)
      return Error(ErrorCode::bad_request, "the npy file is in Fortran order, where no row stands together: save numpy.ascontiguousarray(a)");
    const auto elements = element_count(std::span(npy_.shape).subspan(1));
    const auto bytes = elements ? checked_mul(*elements, dtype_size(npy_.dtype)) : std::nullopt;
    const auto total = bytes ? checked_mul(*bytes, static_cast<std::size_t>(npy_.shape[0])) : std::nullopt;
    if (!total || *total != size_ - npy_.bytes)
      return Error(ErrorCode::bad_request, "the npy file's shape " + shape_text(npy_.shape) + " doesn't fit its size");
    if (*bytes == 0 || *bytes > kRecordBytesMax) return Error(ErrorCode::bad_request, "the npy file's rows are empty or too large");
    row_bytes_ = *bytes;
    go_to(npy_.bytes, 1);
    return ok();
  }
  if (buffer_.starts_with("\xEF\xBB\xBF")) used_ = 3;
  if (format_ != Format::csv) return ok();
  for (;;) {
    const auto found = TRY(find());
    if (!found) return Error(ErrorCode::bad_request, "the CSV is empty: its first line must name the features");
    header_ = ahead().substr(0, found->size);
    drop(*found);
    if (!blank(header_)) return ok();
  }
}

void Cutter::go_to(std::uint64_t at, std::int64_t line) {
  buffer_.clear();
  used_ = 0;
  end_ = at;
  line_ = line;
}

Result<Chunk> Cutter::next_rows(std::size_t rows_max, std::size_t bytes_max) {
  Chunk out;
  const std::size_t rows = std::clamp<std::size_t>(bytes_max / row_bytes_, 1, rows_max);
  while (ahead().size() < rows * row_bytes_ && end_ < size_) TRY(more());
  const std::size_t got = std::min(rows, ahead().size() / row_bytes_);
  out.text = ahead().substr(0, got * row_bytes_);
  for (std::size_t i = 0; i < got; ++i) out.records.push_back({i * row_bytes_, row_bytes_, line_ + static_cast<std::int64_t>(i)});
  drop({0, got * row_bytes_, static_cast<std::int64_t>(got)});
  return out;
}

Result<Chunk> Cutter::next(std::size_t rows_max, std::size_t bytes_max) {
  Chunk out;
  if (format_ == Format::npy) {
    out = TRY(next_rows(rows_max, bytes_max));
  } else {
    while (out.records.size() < rows_max && out.text.size() < bytes_max) {
      const auto found = TRY(find());
      if (!found) break;
      std::string_view record = ahead().substr(0, found->size);
      if (format_ == Format::ndjson && record.ends_with('\r')) record.remove_suffix(1);
      if (!blank(record)) {
        out.records.push_back({out.text.size(), record.size(), line_});
        out.text += record;
        out.text += '\n';
      }
      drop(*found);
    }
  }
  out.end_at = end_ - ahead().size();
  out.next_line = line_;
  return out;
}

Status ChunkDecoder::check_head() const {
  const Schema& schema = codec_.schema();
  if (format_ != Format::csv) return ok();
  if (schema.features.empty())
    return Error(ErrorCode::invalid_input, "CSV is for models with named columns; this one takes tensors: send JSON lines or npy");
  const auto decoded = codec_.decode_csv(cutter_.header() + "\n", limits_);
  // A good header without rows is all that may be wrong here.
  if (decoded.ok() || (decoded.error().code() == ErrorCode::invalid_input && decoded.error().fields().empty())) return ok();
  return decoded.error();
}

Result<DecodedRequest> ChunkDecoder::decode_rows(const Chunk& chunk, std::size_t from, std::size_t to) const {
  const std::size_t begin = chunk.records[from].at;
  const std::size_t end = chunk.records[to - 1].at + chunk.records[to - 1].size;
  const std::string_view rows = std::string_view(chunk.text).substr(begin, end - begin);
  if (format_ == Format::csv) return codec_.decode_csv(cutter_.header() + "\n" + std::string(rows) + "\n", limits_);
  if (format_ == Format::npy) {
    Shape shape = cutter_.npy().shape;
    shape[0] = static_cast<std::int64_t>(to - from);
    return codec_.decode_npy(npy_head(cutter_.npy().dtype, shape) + std::string(rows), limits_);
  }
  std::string body = "{\"instances\":[";
  std::string scratch;
  for (std::size_t i = from; i < to; ++i) {
    // Each line alone must be a JSON value: what is put between brackets can't break out of them.
    JsonScanner scanner(chunk.record(i), scratch);
    if (!scanner.skip() || !scanner.at_end()) return Error(ErrorCode::invalid_json, "the line is not one JSON value: " + scanner.error());
    if (i > from) body += ',';
    body += chunk.record(i);
  }
  body += "]}";
  return codec_.decode_json(body, limits_);
}

Result<DecodedRequest> ChunkDecoder::decode(const Chunk& chunk, std::size_t from, std::size_t to) const {
  auto decoded = decode_rows(chunk, from, to);
  if (decoded.ok() && codec_.schema().batched && decoded->rows != to - from)
    decoded = Error(ErrorCode::invalid_input, "the line doesn't hold one row");
  if (!decoded.ok() && to - from == 1) return placed(std::move(decoded).error(), format_, chunk.records[from].line);
  return decoded;
}

Error placed(Error error, Format format, std::int64_t line) {
  const std::string place = line_text(format, line);
  std::string detail = error.detail();
  if (constexpr std::string_view kOfTheChunk = "the CSV can't be read: line 2: "; detail.starts_with(kOfTheChunk))
    detail.erase(0, kOfTheChunk.size());
  Error out(error.code(), place + ": " + detail);
  for (const FieldError& field : error.fields()) {
    const std::string_view pointer = field.pointer;
    std::string rest;
    if (format == Format::csv)
      rest = pointer.starts_with("line ") && pointer.find(", ") != std::string_view::npos ? std::string(pointer.substr(pointer.find(", "))) : "";
    else if (format == Format::ndjson)
      rest = rest_of(pointer, "#/instances/0");
    else
      rest = rest_of(pointer, "#/0");
    out.add(place + rest, field.detail);
  }
  return std::move(out).because(error.internal());
}

}  // namespace slipway::jobs
