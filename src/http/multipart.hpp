// multipart/form-data (RFC 7578), fed block by block: linear time, bounded memory, no part is ever held here. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::http {

struct Part {
  std::string name;       // of the form field
  std::string file_name;  // as sent: a label, never a path. Empty: a text field
  std::string content_type;
  bool is_file = false;
};

class PartReceiver {
 public:
  virtual ~PartReceiver() = default;
  virtual Status part_begin(const Part& part) = 0;
  virtual Status part_data(std::span<const std::byte> bytes) = 0;
  virtual Status part_end() = 0;
};

struct MultipartLimits {
  std::size_t parts_max = 64;
  std::size_t part_header_bytes_max = 8192;
  std::size_t text_bytes_max = 64 * 1024;  // of a part without a file name
};

class MultipartReader {
 public:
  // content_type: the request's whole header value. Errors: unsupported_media_type (not multipart/form-data), bad_request (no boundary,
  // one over 70 characters or of other characters than RFC 2046 has).
  static Result<MultipartReader> make(std::string_view content_type, PartReceiver& receiver, MultipartLimits limits = {});
  MultipartReader(MultipartReader&&) noexcept;
  MultipartReader& operator=(MultipartReader&&) noexcept;
  ~MultipartReader();

  Status feed(std::span<const std::byte> bytes);  // after an error: nothing more may be fed
  Status end();                                   // the body has ended: bad_request unless the closing boundary was seen

 private:
  struct Impl;
  explicit MultipartReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::http
