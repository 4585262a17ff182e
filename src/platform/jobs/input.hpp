// A job's input: cut into rows and runs of rows (chunks) as it is read, so that no more than a chunk or two is ever in memory, and decoded by
// the model's own codec: what a row is and what is wrong with it is said in one place, for requests and for jobs.
//
// CSV: a header line, then records; line ends may be LF, CRLF or CR, and stand inside quotes. JSON lines: a row is one line. Blank lines are
// no rows. npy: rows of the first dimension. Pure but for what reads; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/tensor/npy.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::jobs {

enum class Format : std::uint8_t { csv, ndjson, npy };
std::string_view format_name(Format format);
std::optional<Format> format_from(std::string_view name);
std::string_view media_type(Format format);

struct Record {
  std::size_t at = 0, size = 0;  // in Chunk::text
  std::int64_t line = 0;         // of the input, from 1; npy: the row, from 1
};

struct Chunk {
  std::string text;  // the records, each followed by a line end (npy: by nothing)
  std::vector<Record> records;
  std::uint64_t end_at = 0;    // byte of the input behind it
  std::int64_t next_line = 1;  // that stands there
  std::string_view record(std::size_t i) const { return std::string_view(text).substr(records[i].at, records[i].size); }
};

inline constexpr std::size_t kRecordBytesMax = 4 << 20;

class Cutter {
 public:
  using Read = std::function<Result<std::size_t>(std::uint64_t offset, std::span<std::byte> into)>;  // all of `into`, less only at the end
  Cutter(Format format, Read read, std::uint64_t size) : format_(format), read_(std::move(read)), size_(size) {}

  // Reads the head: the CSV's header line, the npy file's type and shape. Errors: bad_request.
  Status begin();
  void go_to(std::uint64_t at, std::int64_t line);  // a place that Chunk::end_at and next_line named
  // The next rows; none: the input is over. Errors: bad_request naming the line, and the read's.
  Result<Chunk> next(std::size_t rows_max, std::size_t bytes_max);

  const std::string& header() const { return header_; }  // of CSV
  const NpyHead& npy() const { return npy_; }
  std::optional<std::int64_t> rows_total() const;  // npy only: the others are counted as they are read

 private:
  struct Found {
    std::size_t size = 0, whole = 0;  // without and with the line end
    std::int64_t lines = 1;
  };
  std::string_view ahead() const { return std::string_view(buffer_).substr(used_); }
  Status more();
  Result<std::optional<Found>> find();  // nothing: the input is over
  void drop(const Found& found);
  Result<Chunk> next_rows(std::size_t rows_max, std::size_t bytes_max);

  const Format format_;
  const Read read_;
  const std::uint64_t size_;
  std::string buffer_;
  std::size_t used_ = 0;   // of the buffer
  std::uint64_t end_ = 0;  // of the input, of the buffer
  std::int64_t line_ = 1;
  std::string header_;
  NpyHead npy_;
  std::size_t row_bytes_ = 0;
};

std::size_t cells_in(std::string_view csv_record);

class ChunkDecoder {
 public:
  ChunkDecoder(const RequestCodec& codec, Format format, const Cutter& cutter, DecodeLimits limits)
      : codec_(codec), format_(format), cutter_(cutter), limits_(limits) {}
  // Whether the head fits the model at all. Errors: invalid_input, bad_request.
  Status check_head() const;
  // The rows [from, to). Errors: as the codec gives them, for a single row with its line in the input.
  Result<DecodedRequest> decode(const Chunk& chunk, std::size_t from, std::size_t to) const;

 private:
  Result<DecodedRequest> decode_rows(const Chunk& chunk, std::size_t from, std::size_t to) const;
  const RequestCodec& codec_;
  const Format format_;
  const Cutter& cutter_;
  const DecodeLimits limits_;
};

// The same error with its places named in the input: "line 17, age". `line`: of the one row that was decoded.
Error placed(Error error, Format format, std::int64_t line);

}  // namespace slipway::jobs
