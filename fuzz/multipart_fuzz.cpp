// multipart/form-data: the first line is the Content-Type, the rest the body. The parts are the same however the body is cut, in order,
// and within their limits.
#include <string>

#include "slipway/base/encoding.hpp"
#include "slipway/http/multipart.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

constexpr http::MultipartLimits kLimits{.parts_max = 8, .part_header_bytes_max = 512, .text_bytes_max = 256};

class Recorder : public http::PartReceiver {
 public:
  Status part_begin(const http::Part& part) override {
    check(!open_ && !part.name.empty() && is_valid_utf8(part.name) && is_valid_utf8(part.file_name));
    check(part.name.size() + part.file_name.size() + part.content_type.size() <= kLimits.part_header_bytes_max);
    open_ = true;
    is_file_ = part.is_file;
    held_ = 0;
    ++parts_;
    log_ += "\n<" + part.name + "|" + part.file_name + "|" + part.content_type + ">";
    return ok();
  }
  Status part_data(std::span<const std::byte> bytes) override {
    check(open_ && !bytes.empty());
    held_ += bytes.size();
    check(is_file_ || held_ <= kLimits.text_bytes_max);
    log_ += as_text(bytes);
    return ok();
  }
  Status part_end() override {
    check(open_);
    open_ = false;
    log_ += "</>";
    return ok();
  }
  bool finished() const { return !open_ && parts_ <= kLimits.parts_max; }
  const std::string& log() const { return log_; }

 private:
  bool open_ = false, is_file_ = false;
  std::size_t parts_ = 0, held_ = 0;
  std::string log_;
};

bool read(std::string_view type, std::string_view body, fuzz::Cuts* cuts, Recorder& recorder) {
  auto reader = http::MultipartReader::make(type, recorder, kLimits);
  if (!reader.ok()) return false;
  while (!body.empty()) {
    const std::string_view piece = cuts != nullptr ? cuts->next(body) : std::exchange(body, std::string_view());
    if (!reader->feed(fuzz::bytes_of(piece))) {
      check(!reader->end());
      return false;
    }
  }
  const bool ended = reader->end().ok();
  if (ended) check(recorder.finished());
  return ended;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  fuzz::Cuts cuts(input.number<std::uint32_t>());
  const std::string_view type = input.line();
  Recorder whole, pieces;
  const bool good = read(type, input.rest(), nullptr, whole);
  check(read(type, input.rest(), &cuts, pieces) == good);
  if (good) check(whole.log() == pieces.log());
  return 0;
}
