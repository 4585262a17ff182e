#include "slipway/inference/cell/session.hpp"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <set>

#include "slipway/inference/cell/ort.hpp"
#include "slipway/ops/ort/register.hpp"

namespace slipway::inference {

using wire::TensorView;

namespace {

// A merged run stays below these, so that one large request is not copied and small ones don't wait for thousands of others.
constexpr std::uint64_t kMergedBytesMax = 8 << 20;
constexpr std::int64_t kMergedRowsMax = 8192;

bool is_memory_failure(std::string_view what) {
  for (std::string_view sign : {"bad_alloc", "bad alloc", "Failed to allocate", "failed to allocate", "Available memory of"}) {
    if (what.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

// What a node said, without the engine's "Non-zero status code returned while running X node. Name:'' Status Message: " in front.
std::string_view own_words(std::string_view what) {
  constexpr std::string_view kMark = "Status Message: ";
  const auto at = what.rfind(kMark);
  return at == std::string_view::npos ? what : what.substr(at + kMark.size());
}

ONNXTensorElementDataType element_type(DType dtype) { return static_cast<ONNXTensorElementDataType>(dtype); }  // both are TensorProto's numbers

class OrtSession final : public Session {
 public:
  OrtSession(std::shared_ptr<Ort::Session> session, const Schema& schema)
      : schema_(schema),
        session_(std::move(session)),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)),
        merges_(schema.batched && schema.rows_independent) {
    for (const auto& p : schema.inputs) input_names_.push_back(p.name);
    for (const auto& p : schema.outputs) output_names_.push_back(p.name);
    for (const auto& n : input_names_) inputs_.push_back(n.c_str());
    for (const auto& n : output_names_) outputs_.push_back(n.c_str());
    scratch_.resize(input_names_.size());
  }

  std::unique_ptr<Session> another() const override { return std::make_unique<OrtSession>(session_, schema_); }
  bool merges() const override { return merges_; }

  Status same_names() const {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<std::string> inputs, outputs;
    for (std::size_t i = 0; i < session_->GetInputCount(); ++i) inputs.emplace_back(session_->GetInputNameAllocated(i, allocator).get());
    for (std::size_t i = 0; i < session_->GetOutputCount(); ++i) outputs.emplace_back(session_->GetOutputNameAllocated(i, allocator).get());
    if (!same(inputs, input_names_) || !includes(outputs, output_names_)) {
      return Error(ErrorCode::model_refused, "The graph's inputs and outputs are not those of its schema");
    }
    return ok();
  }

  void run(std::span<const std::span<const std::byte>> requests, AnswerRoom& answers, std::vector<Outcome>& outcomes) override {
    outcomes.assign(requests.size(), {});
    std::vector<std::vector<TensorView>> views(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto v = wire::view_payload(requests[i]);
      if (v.ok()) views[i] = std::move(*v);
    }
    for (std::size_t first = 0; first < requests.size();) {
      const std::size_t last = merge_end(views, first);
      const auto began = Clock::now();
      if (last - first > 1 && run_merged(views, first, last, answers, outcomes)) {
        note_run(views, first, last, began, outcomes);
      } else {
        for (std::size_t i = first; i < last; ++i) {
          const auto began_one = Clock::now();
          run_one(views[i], i, answers, outcomes[i]);
          note_run(views, i, i + 1, began_one, outcomes);
        }
      }
      first = last;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  static void note_run(const std::vector<std::vector<TensorView>>& views, std::size_t first, std::size_t last, Clock::time_point began,
                       std::vector<Outcome>& outcomes) {
    os::RunNote note;
    note.ns = static_cast<std::uint64_t>((Clock::now() - began).count());
    note.requests = last - first;
    for (std::size_t i = first; i < last; ++i)
      note.rows += views[i].empty() || views[i][0].rank == 0 ? 1 : static_cast<std::uint64_t>(views[i][0].dims[0]);
    for (std::size_t i = first; i < last; ++i) outcomes[i].note = note;
  }

  static bool same(std::vector<std::string> a, std::vector<std::string> b) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
  }
  static bool includes(const std::vector<std::string>& all, const std::vector<std::string>& some) {
    const std::set<std::string> names(all.begin(), all.end());
    return std::all_of(some.begin(), some.end(), [&](const auto& n) { return names.contains(n); });
  }

  static bool joinable(const std::vector<TensorView>& a, const std::vector<TensorView>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t p = 0; p < a.size(); ++p) {
      if (a[p].dtype != b[p].dtype || a[p].rank != b[p].rank || a[p].rank == 0) return false;
      if (!std::equal(a[p].dims.begin() + 1, a[p].dims.begin() + a[p].rank, b[p].dims.begin() + 1)) return false;
      if (b[p].dims[0] != b[0].dims[0] || a[p].dims[0] != a[0].dims[0]) return false;
    }
    return true;
  }

  static std::uint64_t bytes_of(const std::vector<TensorView>& views) {
    std::uint64_t total = 0;
    for (const auto& v : views) total += v.data.size();
    return total;
  }

  // Requests [first, end) go into one run.
  std::size_t merge_end(const std::vector<std::vector<TensorView>>& views, std::size_t first) const {
    std::size_t end = first + 1;
    if (!merges_ || views[first].empty() || views[first][0].rank == 0) return end;
    std::uint64_t bytes = bytes_of(views[first]);
    std::int64_t rows = views[first][0].dims[0];
    for (; end < views.size() && joinable(views[first], views[end]); ++end) {
      bytes += bytes_of(views[end]);
      rows += views[end][0].dims[0];
      if (bytes > kMergedBytesMax || rows > kMergedRowsMax) break;
    }
    return end;
  }

  Ort::Value borrow(const TensorView& v) {
    if (v.dtype == DType::string) return strings_of(std::span(&v, 1), v);
    return Ort::Value::CreateTensor(memory_, const_cast<std::byte*>(v.data.data()), v.data.size(), v.dims.data(), v.rank, element_type(v.dtype));
  }

  // A string tensor of the parts' elements in order, with the shape of `whole`.
  Ort::Value strings_of(std::span<const TensorView> parts, const TensorView& whole) {
    std::vector<std::string> values;
    for (const auto& part : parts) {
      auto read = wire::read_strings(part);
      if (!read.ok()) throw std::runtime_error("strings can't be read");
      std::move(read->begin(), read->end(), std::back_inserter(values));
    }
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value value = Ort::Value::CreateTensor(allocator, whole.dims.data(), whole.rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
    for (std::size_t i = 0; i < values.size(); ++i) {  // with its length: FillStringTensor would end a text at its first NUL
      char* const at = value.GetResizedStringTensorElementBuffer(i, values[i].size());
      // NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length, that is the point
      if (!values[i].empty()) std::memcpy(at, values[i].data(), values[i].size());
    }
    return value;
  }

  Ort::Value join(const std::vector<std::vector<TensorView>>& views, std::size_t first, std::size_t last, std::size_t port) {
    TensorView whole = views[first][port];
    whole.dims[0] = 0;
    std::vector<TensorView> texts;
    auto& buffer = scratch_[port];
    buffer.clear();
    for (std::size_t i = first; i < last; ++i) {
      const TensorView& part = views[i][port];
      whole.dims[0] += part.dims[0];
      if (whole.dtype == DType::string)
        texts.push_back(part);
      else
        buffer.insert(buffer.end(), part.data.begin(), part.data.end());
    }
    if (whole.dtype == DType::string) return strings_of(texts, whole);
    whole.data = buffer;
    return borrow(whole);
  }

  std::vector<Ort::Value> call(const std::vector<Ort::Value>& values) {
    return session_->Run(options_, inputs_.data(), values.data(), values.size(), outputs_.data(), outputs_.size());
  }

  void run_one(const std::vector<TensorView>& views, std::size_t request, AnswerRoom& answers, Outcome& outcome) {
    try {
      if (views.size() != inputs_.size()) throw std::runtime_error("the number of inputs is wrong");
      std::vector<Ort::Value> values;
      for (const auto& v : views) values.push_back(borrow(v));
      write_answer(call(values), 0, -1, request, answers, outcome);
    } catch (const std::bad_alloc&) { throw; } catch (const std::exception& e) {
      if (is_memory_failure(e.what())) throw std::bad_alloc();
      refuse(own_words(e.what()), request, answers, outcome);
    }
  }

  // False: run them one by one (which also finds the guilty one).
  bool run_merged(const std::vector<std::vector<TensorView>>& views, std::size_t first, std::size_t last, AnswerRoom& answers,
                  std::vector<Outcome>& outcomes) {
    try {
      if (views[first].size() != inputs_.size()) return false;
      std::vector<Ort::Value> values;
      for (std::size_t p = 0; p < inputs_.size(); ++p) values.push_back(join(views, first, last, p));
      const auto results = call(values);
      std::int64_t rows = 0;
      for (std::size_t i = first; i < last; ++i) rows += views[i][0].dims[0];
      for (const auto& r : results) {
        const auto shape = r.GetTensorTypeAndShapeInfo().GetShape();
        if (shape.empty() || shape[0] != rows) {  // its rows aren't what the schema says: never again
          merges_ = false;
          return false;
        }
      }
      std::int64_t row = 0;
      for (std::size_t i = first; i < last; ++i) {
        write_answer(results, row, views[i][0].dims[0], i, answers, outcomes[i]);
        row += views[i][0].dims[0];
      }
      return true;
    } catch (const std::exception&) { return false; }
  }

  static void refuse(std::string_view why, std::size_t request, AnswerRoom& answers, Outcome& outcome) {
    auto room = answers.room(request, std::min<std::size_t>(why.size(), 512));
    std::memcpy(room.data(), why.data(), room.size());
    outcome = {os::RunStatus::refused, room.size()};
  }

  struct Part {  // the rows of one output that are one request's
    TensorView view;
    std::uint64_t bytes = 0;
    std::vector<std::string> strings;
  };

  // rows -1: the whole output.
  static Part part_of(const Ort::Value& value, std::int64_t row, std::int64_t rows) {
    if (!value.IsTensor()) throw std::runtime_error("an output is not a tensor");
    const auto info = value.GetTensorTypeAndShapeInfo();
    auto shape = info.GetShape();
    if (shape.size() > kRankMax) throw std::runtime_error("an output has too many dimensions");
    std::uint64_t stride = 1;  // elements a row
    for (std::size_t d = rows < 0 ? 0 : 1; d < shape.size(); ++d) stride *= static_cast<std::uint64_t>(shape[d]);
    if (rows >= 0) shape[0] = rows;
    Part part;
    part.view.dtype = static_cast<DType>(info.GetElementType());
    part.view.rank = static_cast<std::uint8_t>(shape.size());
    std::copy(shape.begin(), shape.end(), part.view.dims.begin());
    const std::uint64_t begin = rows < 0 ? 0 : static_cast<std::uint64_t>(row) * stride;
    const std::uint64_t count = rows < 0 ? stride : static_cast<std::uint64_t>(rows) * stride;
    if (part.view.dtype == DType::string) {
      for (std::uint64_t i = 0; i < count; ++i) part.strings.push_back(value.GetStringTensorElement(begin + i));
      part.bytes = wire::string_bytes(part.strings);
      return part;
    }
    const std::size_t size = dtype_size(part.view.dtype);
    if (size == 0) throw std::runtime_error("an output has a type that can't be sent");
    part.bytes = count * size;
    part.view.data = {static_cast<const std::byte*>(value.GetTensorRawData()) + begin * size, part.bytes};
    return part;
  }

  static void write_answer(const std::vector<Ort::Value>& results, std::int64_t row, std::int64_t rows, std::size_t request, AnswerRoom& answers,
                           Outcome& outcome) {
    std::vector<Part> parts;
    std::vector<std::uint64_t> sizes;
    for (const auto& r : results) {
      parts.push_back(part_of(r, row, rows));
      sizes.push_back(parts.back().bytes);
    }
    const auto layout = wire::layout(sizes);
    auto room = answers.room(request, layout.total);
    if (room.empty()) {
      outcome = {os::RunStatus::too_large, 0};
      return;
    }
    for (std::size_t p = 0; p < parts.size(); ++p) {
      wire::write_head(room, p, parts.size(), parts[p].view, layout.offsets[p], parts[p].bytes);
      auto at = room.subspan(layout.offsets[p], parts[p].bytes);
      if (parts[p].view.dtype == DType::string)
        wire::write_strings(at, parts[p].strings);
      else if (!at.empty())
        std::memcpy(at.data(), parts[p].view.data.data(), at.size());
    }
    outcome = {os::RunStatus::ok, layout.total};
  }

  const Schema schema_;
  const std::shared_ptr<Ort::Session> session_;  // runs for several threads at once
  Ort::MemoryInfo memory_;
  Ort::RunOptions options_;
  bool merges_;
  std::vector<std::string> input_names_, output_names_;
  std::vector<const char*> inputs_, outputs_;
  std::vector<std::vector<std::byte>> scratch_;  // joined inputs, a port each
};

Ort::SessionOptions options_for(unsigned threads) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(static_cast<int>(threads));
  options.SetInterOpNumThreads(1);
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  // Between the nodes of one run its threads spin, that is much faster than sleeping; after the run they stop at once, the cores are the server's.
  options.AddConfigEntry("session.intra_op.allow_spinning", threads > 1 ? "1" : "0");
  options.AddConfigEntry("session.force_spinning_stop", "1");
  return options;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::load(std::span<const std::byte> onnx, const Schema& schema, unsigned threads) {
  try {
    auto options = options_for(std::max(1u, threads));
    Ort::ThrowOnError(ops::register_operators(Ort::GetApi(), *static_cast<OrtSessionOptions*>(options)));
    auto session = std::make_shared<Ort::Session>(*static_cast<Ort::Env*>(ort_env()), onnx.data(), onnx.size(), options);
    auto loaded = std::make_unique<OrtSession>(std::move(session), schema);
    TRY(loaded->same_names());
    return std::unique_ptr<Session>(std::move(loaded));
  } catch (const Ort::Exception& e) {
    if (is_memory_failure(e.what())) throw std::bad_alloc();
    return Error(ErrorCode::model_refused, std::string("ONNX Runtime can't load it: ") + e.what());
  }
}

}  // namespace slipway::inference
