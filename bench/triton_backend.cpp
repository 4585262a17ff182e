// ONNX Runtime as a backend of Triton's: PyPI has Triton's server without one in C++. As lean as can be, in Triton's favour: it takes the batch
// that Triton's scheduler made, runs it with one thread, and hands the rows back. One input, all of the model's outputs, no strings.
// Environment: BENCH_ORT_LIBRARY. Reads <model>/<version>/model.onnx.
#include <dlfcn.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

// The part of Triton's C interface that is used here; its objects are opaque.
extern "C" {
struct TRITONSERVER_Error;
struct TRITONBACKEND_Model;
struct TRITONBACKEND_ModelInstance;
struct TRITONBACKEND_Request;
struct TRITONBACKEND_Response;
struct TRITONBACKEND_Input;
struct TRITONBACKEND_Output;

TRITONSERVER_Error* TRITONSERVER_ErrorNew(int code, const char* message);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceModel(TRITONBACKEND_ModelInstance*, TRITONBACKEND_Model**);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceSetState(TRITONBACKEND_ModelInstance*, void*);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceState(TRITONBACKEND_ModelInstance*, void**);
TRITONSERVER_Error* TRITONBACKEND_ModelRepository(TRITONBACKEND_Model*, int* kind, const char** location);
TRITONSERVER_Error* TRITONBACKEND_ModelVersion(TRITONBACKEND_Model*, std::uint64_t*);
TRITONSERVER_Error* TRITONBACKEND_RequestInputByIndex(TRITONBACKEND_Request*, std::uint32_t, TRITONBACKEND_Input**);
TRITONSERVER_Error* TRITONBACKEND_InputProperties(TRITONBACKEND_Input*, const char** name, int* type, const std::int64_t** shape, std::uint32_t* dims,
                                                  std::uint64_t* bytes, std::uint32_t* buffers);
TRITONSERVER_Error* TRITONBACKEND_InputBuffer(TRITONBACKEND_Input*, std::uint32_t, const void**, std::uint64_t* bytes, int* memory,
                                              std::int64_t* device);
TRITONSERVER_Error* TRITONBACKEND_ResponseNew(TRITONBACKEND_Response**, TRITONBACKEND_Request*);
TRITONSERVER_Error* TRITONBACKEND_ResponseOutput(TRITONBACKEND_Response*, TRITONBACKEND_Output**, const char* name, int type,
                                                 const std::int64_t* shape, std::uint32_t dims);
TRITONSERVER_Error* TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output*, void**, std::uint64_t bytes, int* memory, std::int64_t* device);
TRITONSERVER_Error* TRITONBACKEND_ResponseSend(TRITONBACKEND_Response*, std::uint32_t flags, TRITONSERVER_Error*);
TRITONSERVER_Error* TRITONBACKEND_RequestRelease(TRITONBACKEND_Request*, std::uint32_t flags);
}

namespace {

constexpr int kInternal = 1;
constexpr std::uint32_t kFinal = 1, kAll = 1;
constexpr int kInt64 = 9, kFloat32 = 11;

// What Triton's calls give back, as an exception, so that one place below handles all.
struct Refused {
  TRITONSERVER_Error* error;
};

void check(TRITONSERVER_Error* error) {
  if (error != nullptr) throw Refused{error};
}

struct Instance {
  Ort::Env env{ORT_LOGGING_LEVEL_ERROR, "bench"};
  std::unique_ptr<Ort::Session> session;
  std::string input;
  std::vector<std::string> outputs;
  std::vector<const char*> output_names;
  std::vector<float> batch;

  explicit Instance(const std::string& path) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    session = std::make_unique<Ort::Session>(env, path.c_str(), options);
    Ort::AllocatorWithDefaultOptions allocator;
    input = session->GetInputNameAllocated(0, allocator).get();
    for (std::size_t i = 0; i < session->GetOutputCount(); ++i) outputs.emplace_back(session->GetOutputNameAllocated(i, allocator).get());
    for (const std::string& name : outputs) output_names.push_back(name.c_str());
  }

  // The rows of all requests, one behind the other; how many each brings.
  std::vector<std::int64_t> gather(TRITONBACKEND_Request** requests, std::uint32_t count, std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> rows;
    batch.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      TRITONBACKEND_Input* tensor = nullptr;
      check(TRITONBACKEND_RequestInputByIndex(requests[i], 0, &tensor));
      const std::int64_t* dims = nullptr;
      std::uint32_t dim_count = 0, buffers = 0;
      check(TRITONBACKEND_InputProperties(tensor, nullptr, nullptr, &dims, &dim_count, nullptr, &buffers));
      shape.assign(dims, dims + dim_count);
      rows.push_back(shape[0]);
      for (std::uint32_t b = 0; b < buffers; ++b) {
        const void* data = nullptr;
        std::uint64_t bytes = 0;
        int memory = 0;
        std::int64_t device = 0;
        check(TRITONBACKEND_InputBuffer(tensor, b, &data, &bytes, &memory, &device));
        const std::size_t old = batch.size();
        batch.resize(old + bytes / sizeof(float));
        std::memcpy(batch.data() + old, data, bytes);
      }
    }
    shape[0] = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
    return rows;
  }

  std::vector<Ort::Value> run(const std::vector<std::int64_t>& shape) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const Ort::Value value = Ort::Value::CreateTensor<float>(memory, batch.data(), batch.size(), shape.data(), shape.size());
    const char* const names[] = {input.c_str()};
    return session->Run(Ort::RunOptions(), names, &value, 1, output_names.data(), output_names.size());
  }

  void answer(TRITONBACKEND_Response* response, const std::vector<Ort::Value>& values, std::int64_t begin, std::int64_t rows,
              std::int64_t all) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto info = values[i].GetTensorTypeAndShapeInfo();
      const bool whole = info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
      const std::size_t row_bytes = info.GetElementCount() / static_cast<std::size_t>(all) * (whole ? 8 : 4);
      const std::vector<std::int64_t> own = info.GetShape();
      std::vector<std::int64_t> shape(std::max<std::size_t>(2, own.size()), 1);  // a label a row is [rows, 1] to Triton
      std::copy(own.begin(), own.end(), shape.begin());
      shape[0] = rows;
      TRITONBACKEND_Output* output = nullptr;
      check(TRITONBACKEND_ResponseOutput(response, &output, output_names[i], whole ? kInt64 : kFloat32, shape.data(),
                                         static_cast<std::uint32_t>(shape.size())));
      void* buffer = nullptr;
      int memory = 0;
      std::int64_t device = 0;
      const std::size_t bytes = row_bytes * static_cast<std::size_t>(rows);
      check(TRITONBACKEND_OutputBuffer(output, &buffer, bytes, &memory, &device));
      std::memcpy(buffer, static_cast<const char*>(values[i].GetTensorRawData()) + row_bytes * static_cast<std::size_t>(begin), bytes);
    }
  }

  void execute(TRITONBACKEND_Request** requests, std::uint32_t count) {
    std::vector<std::int64_t> shape;
    const std::vector<std::int64_t> rows = gather(requests, count, shape);
    const std::vector<Ort::Value> values = run(shape);
    std::int64_t begin = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      TRITONBACKEND_Response* response = nullptr;
      check(TRITONBACKEND_ResponseNew(&response, requests[i]));
      answer(response, values, begin, rows[i], shape[0]);
      check(TRITONBACKEND_ResponseSend(response, kFinal, nullptr));
      check(TRITONBACKEND_RequestRelease(requests[i], kAll));
      begin += rows[i];
    }
  }
};

void open_library() {
  const char* const path = std::getenv("BENCH_ORT_LIBRARY");
  void* const library = path == nullptr ? nullptr : ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(path == nullptr ? "BENCH_ORT_LIBRARY is not set" : ::dlerror());
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  Ort::InitApi(base()->GetApi(ORT_API_VERSION));
}

template <typename Work>
TRITONSERVER_Error* guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const Refused& refused) { return refused.error; } catch (const std::exception& error) {
    return TRITONSERVER_ErrorNew(kInternal, error.what());
  }
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED TRITONSERVER_Error* TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance* instance) {
  return guarded([instance] {
    open_library();
    TRITONBACKEND_Model* model = nullptr;
    check(TRITONBACKEND_ModelInstanceModel(instance, &model));
    int kind = 0;
    const char* location = nullptr;
    std::uint64_t version = 0;
    check(TRITONBACKEND_ModelRepository(model, &kind, &location));
    check(TRITONBACKEND_ModelVersion(model, &version));
    auto state = std::make_unique<Instance>(std::string(location) + "/" + std::to_string(version) + "/model.onnx");
    check(TRITONBACKEND_ModelInstanceSetState(instance, state.release()));
  });
}

EXPORTED TRITONSERVER_Error* TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance* instance) {
  return guarded([instance] {
    void* state = nullptr;
    check(TRITONBACKEND_ModelInstanceState(instance, &state));
    delete static_cast<Instance*>(state);
  });
}

// An error makes Triton answer all of them with it; it happens before the first is answered or not at all.
EXPORTED TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance* instance, TRITONBACKEND_Request** requests,
                                                                std::uint32_t count) {
  return guarded([=] {
    void* state = nullptr;
    check(TRITONBACKEND_ModelInstanceState(instance, &state));
    static_cast<Instance*>(state)->execute(requests, count);
  });
}
