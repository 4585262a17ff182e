// Nested arrays of JSON to the tensors of a model without features. One decoding, one thread.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "slipway/tensor/codec_plan.hpp"

namespace slipway {

class JsonTensors {
 public:
  JsonTensors(const CodecPlan& plan, const DecodeLimits& limits, JsonScanner& scanner, Problems& problems);

  // Each reads one value of the document. False: stop (a syntax error, a limit, or a shape that makes the rest meaningless).
  bool whole(std::uint32_t input, std::string pointer);                 // a tensor with all its dimensions
  bool row(std::uint32_t input, std::size_t row, std::string pointer);  // one row's part: without dimension 0, appended
  bool single(std::uint32_t input, std::string pointer);                // of a model without rows: whole, or without a leading 1

  bool over() const { return over_; }
  bool too_many_rows() const { return too_many_rows_; }
  bool given(std::uint32_t input) const { return fills_[input].given; }
  // Checks what holds between the inputs. Nothing when it added a problem.
  std::optional<DecodedRequest> finish();

 private:
  struct Fill {
    bool given = false;
    std::size_t rank = 0;
    std::array<std::int64_t, kRankMax> dims{};  // -1: not seen yet
    std::vector<std::byte> bytes;
    std::vector<std::string> texts;
  };
  bool start(std::uint32_t input, std::size_t rank);
  bool nested(std::size_t level);
  bool close_level(std::size_t level, std::int64_t count);
  bool scalar();
  bool wrong(const std::string& wanted, std::size_t level);  // reads the value that stands here and reports it
  bool charge(std::size_t bytes);
  std::size_t brackets();  // how many [ stand here in a row
  std::string here(std::size_t levels) const;

  const CodecPlan& plan_;
  const DecodeLimits& limits_;
  JsonScanner& scanner_;
  Problems& problems_;
  std::vector<Fill> fills_;
  std::size_t bytes_ = 0;
  bool over_ = false;
  bool too_many_rows_ = false;

  // of the tensor being read
  std::uint32_t input_ = 0;
  std::size_t first_level_ = 0;
  std::string pointer_;
  std::array<std::int64_t, kRankMax> index_{};
};

std::string got_text(JsonScanner& scanner);  // reads any value and says what it was: "the text \"abc\""; empty after a syntax error

}  // namespace slipway
