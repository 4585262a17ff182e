#include "slipway/ops/ort/register.hpp"

#include <onnxruntime_c_api.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

constexpr std::size_t kOutputsMax = 8;

// A failed call of the C API. what() is ONNX Runtime's own text.
class OrtFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void check(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return;
  OrtFailure failure(api.GetErrorMessage(status));
  api.ReleaseStatus(status);
  throw failure;
}

ONNXTensorElementDataType ort_type(char letter) {
  switch (letter) {
    case 'i': return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case 's': return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING;
    case 'b': return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    default: return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
  }
}

Type own_type(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return Type::float64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return Type::int64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING: return Type::text;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return Type::boolean;
    default: throw std::invalid_argument("an input has a type that the operator doesn't take");
  }
}

struct Read {
  In in;
  std::vector<char> characters;  // that in.texts point into; moves with its buffer
};

// with_texts false: texts stay where they are, only their shape is told.
Read read(const OrtApi& api, const OrtValue* value, bool with_texts = true) {
  Read out;
  if (value == nullptr) return out;
  out.in.present = true;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api, api.GetTensorTypeAndShape(value, &info));
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::size_t rank = 0;
  OrtStatus* status = api.GetTensorElementType(info, &type);
  if (status == nullptr) status = api.GetDimensionsCount(info, &rank);
  out.in.shape.resize(rank);
  if (status == nullptr) status = api.GetDimensions(info, out.in.shape.data(), rank);
  api.ReleaseTensorTypeAndShapeInfo(info);
  check(api, status);
  out.in.type = own_type(type);
  if (out.in.type != Type::text) {
    void* data = nullptr;
    check(api, api.GetTensorMutableData(const_cast<OrtValue*>(value), &data));
    out.in.data = data;
    return out;
  }
  if (!with_texts) return out;
  const std::size_t n = out.in.count();
  std::size_t bytes = 0;
  check(api, api.GetStringTensorDataLength(value, &bytes));
  out.characters.resize(bytes);
  std::vector<std::size_t> offsets(n);
  if (n > 0) check(api, api.GetStringTensorContent(value, out.characters.data(), bytes, offsets.data(), n));
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t end = i + 1 < n ? offsets[i + 1] : bytes;
    out.in.texts.emplace_back(out.characters.data() + offsets[i], end - offsets[i]);
  }
  return out;
}

class OrtOuts final : public Outs {
 public:
  OrtOuts(const OrtApi& api, OrtKernelContext* context) : api_(api), context_(context) {}

  std::span<double> doubles(std::size_t output, std::vector<std::int64_t> shape) override { return room<double>(output, shape); }
  std::span<std::int64_t> ints(std::size_t output, std::vector<std::int64_t> shape) override { return room<std::int64_t>(output, shape); }
  std::span<bool> booleans(std::size_t output, std::vector<std::int64_t> shape) override { return room<bool>(output, shape); }
  void texts(std::size_t output, std::vector<std::int64_t> shape, const std::vector<std::string>& values) override {
    OrtValue* value = make(output, shape);
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const std::string& s : values) pointers.push_back(s.c_str());
    if (!pointers.empty()) check(api_, api_.FillStringTensor(value, pointers.data(), pointers.size()));
  }

  void parallel(std::size_t n, const std::function<void(std::size_t)>& each) override {
    if (n == 0) return;
    const auto call = [](void* function, std::size_t i) { (*static_cast<const std::function<void(std::size_t)>*>(function))(i); };
    check(api_, api_.KernelContext_ParallelFor(context_, call, n, 0, const_cast<std::function<void(std::size_t)>*>(&each)));
  }

 private:
  OrtValue* make(std::size_t output, const std::vector<std::int64_t>& shape) {
    OrtValue* value = nullptr;
    check(api_, api_.KernelContext_GetOutput(context_, output, shape.data(), shape.size(), &value));
    if (value == nullptr) throw OrtFailure("the node doesn't have this output");
    return value;
  }
  template <class T>
  std::span<T> room(std::size_t output, const std::vector<std::int64_t>& shape) {
    std::size_t count = 1;
    for (const std::int64_t d : shape) count *= static_cast<std::size_t>(d);
    void* data = nullptr;
    check(api_, api_.GetTensorMutableData(make(output, shape), &data));
    return {static_cast<T*>(data), count};
  }
  const OrtApi& api_;
  OrtKernelContext* context_;
};

class OrtSetup final : public Setup {
 public:
  OrtSetup(const OrtApi& api, const OrtKernelInfo* info) : api_(api), info_(info) {}

  std::int64_t integer(const char* attribute, std::int64_t otherwise) const override {
    std::int64_t value = 0;
    return found(api_.KernelInfoGetAttribute_int64(info_, attribute, &value)) ? value : otherwise;
  }
  std::string text(const char* attribute, std::string_view otherwise) const override {
    std::size_t size = 0;
    if (!found(api_.KernelInfoGetAttribute_string(info_, attribute, nullptr, &size))) return std::string(otherwise);
    std::string value(size, '\0');
    check(api_, api_.KernelInfoGetAttribute_string(info_, attribute, value.data(), &size));
    value.resize(size == 0 ? 0 : size - 1);  // the size counts a terminator
    return value;
  }
  std::vector<std::int64_t> integers(const char* attribute) const override {
    std::size_t size = 0;
    if (!found(api_.KernelInfoGetAttributeArray_int64(info_, attribute, nullptr, &size))) return {};
    std::vector<std::int64_t> values(size);
    if (size > 0) check(api_, api_.KernelInfoGetAttributeArray_int64(info_, attribute, values.data(), &size));
    return values;
  }
  In constant(std::size_t input) const override {
    std::size_t inputs = 0;
    check(api_, api_.KernelInfo_GetInputCount(info_, &inputs));
    if (input >= inputs) return {};
    int is_constant = 0;
    const OrtValue* value = nullptr;
    if (!found(api_.KernelInfoGetConstantInput_tensor(info_, input, &is_constant, &value)) || is_constant == 0) return {};
    kept_.push_back(std::make_unique<Read>(read(api_, value)));
    if (kept_.back()->in.type == Type::text) taken_texts_.push_back(input);
    return kept_.back()->in;
  }

  // Inputs whose texts the maker has: a vocabulary needn't be copied at every request.
  const std::vector<std::size_t>& taken_texts() const { return taken_texts_; }

 private:
  bool found(OrtStatus* status) const {
    if (status != nullptr) api_.ReleaseStatus(status);
    return status == nullptr;
  }
  const OrtApi& api_;
  const OrtKernelInfo* info_;
  mutable std::vector<std::unique_ptr<Read>> kept_;  // the characters that texts of constants point into
  mutable std::vector<std::size_t> taken_texts_;
};

struct LoadedKernel {
  const OrtApi* api;
  std::unique_ptr<Kernel> kernel;
  std::vector<std::size_t> taken_texts;  // inputs that compute() gets without their texts
};

// One operator as ONNX Runtime wants it: a struct of functions, ours behind it.
struct OrtOperator : OrtCustomOp {
  const Implementation* implementation = nullptr;
  std::string name, inputs, outputs;
  std::size_t inputs_min = 0;

  explicit OrtOperator(const Implementation& of);
};

const OrtOperator& self(const OrtCustomOp* op) { return *static_cast<const OrtOperator*>(op); }

OrtStatus* failed(const OrtApi& api, const char* what) { return api.CreateStatus(ORT_INVALID_ARGUMENT, what); }

OrtStatus* create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** kernel) {
  try {
    const OrtSetup setup(*api, info);
    auto made = self(op).implementation->make(setup);
    *kernel = new LoadedKernel{api, std::move(made), setup.taken_texts()};
    return nullptr;
  } catch (const std::exception& e) { return failed(*api, (self(op).name + ": " + e.what()).c_str()); }
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) {
  const LoadedKernel& loaded = *static_cast<const LoadedKernel*>(kernel);
  const OrtApi& api = *loaded.api;
  try {
    std::size_t inputs = 0;
    check(api, api.KernelContext_GetInputCount(context, &inputs));
    std::vector<Read> reads;
    std::vector<In> in;
    reads.reserve(inputs);
    for (std::size_t i = 0; i < inputs; ++i) {
      const OrtValue* value = nullptr;
      check(api, api.KernelContext_GetInput(context, i, &value));
      const bool taken = std::find(loaded.taken_texts.begin(), loaded.taken_texts.end(), i) != loaded.taken_texts.end();
      reads.push_back(read(api, value, !taken));
      in.push_back(reads.back().in);
    }
    OrtOuts out(api, context);
    loaded.kernel->compute(in, out);
    return nullptr;
  } catch (const std::exception& e) { return failed(api, e.what()); }
}

void no_optional(std::string& letters, std::size_t& required) {
  const auto bar = letters.find('|');
  required = bar == std::string::npos ? letters.size() : bar;
  if (bar != std::string::npos) letters.erase(bar, 1);
}

OrtOperator::OrtOperator(const Implementation& of)
    : OrtCustomOp{}, implementation(&of), name(of.op.name), inputs(of.op.inputs), outputs(of.op.outputs) {
  no_optional(inputs, inputs_min);
  version = ORT_API_VERSION;
  GetName = [](const OrtCustomOp* op) { return self(op).name.c_str(); };
  GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  GetInputType = [](const OrtCustomOp* op, std::size_t i) { return ort_type(self(op).inputs[i]); };
  GetInputTypeCount = [](const OrtCustomOp* op) { return self(op).inputs.size(); };
  GetOutputType = [](const OrtCustomOp* op, std::size_t i) { return ort_type(self(op).outputs[i]); };
  GetOutputTypeCount = [](const OrtCustomOp* op) { return self(op).outputs.size(); };
  GetInputCharacteristic = [](const OrtCustomOp* op, std::size_t i) {
    return i < self(op).inputs_min ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  };
  GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_REQUIRED; };
  GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
  GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
  GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 1; };
  GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
  GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
  CreateKernel = nullptr;
  CreateKernelV2 = create;
  KernelCompute = nullptr;
  KernelComputeV2 = compute;
  KernelDestroy = [](void* kernel) { delete static_cast<LoadedKernel*>(kernel); };
  InferOutputShapeFn = nullptr;
  GetStartVersion = [](const OrtCustomOp*) { return 1; };
  GetEndVersion = [](const OrtCustomOp*) { return 1; };
}

OrtCustomOpDomain* make_domain(const OrtApi& api) {
  static std::vector<OrtOperator> operators(implementations().begin(), implementations().end());
  OrtCustomOpDomain* made = nullptr;
  check(api, api.CreateCustomOpDomain("slipway", &made));
  for (OrtOperator& op : operators) check(api, api.CustomOpDomain_Add(made, &op));
  return made;
}

}  // namespace

OrtStatus* register_operators(const OrtApi& api, OrtSessionOptions& options) {
  try {
    static OrtCustomOpDomain* domain = make_domain(api);
    return api.AddCustomOpDomain(&options, domain);
  } catch (const std::exception& e) { return failed(api, e.what()); }
}

}  // namespace slipway::ops
