// The yardstick for large models: ONNX Runtime alone, one run after the other in this process, default options.
//   bench_ort_loop LIBRARY MODEL.onnx SECONDS [THREADS [INPUT OUTPUT]]      prints runs a second
// INPUT: the floats to compute with; OUTPUT: where the floats of the answer go.
#include <dlfcn.h>
#include <onnxruntime_cxx_api.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_ort_loop LIBRARY MODEL.onnx SECONDS [THREADS [INPUT OUTPUT]]\n");
    return 2;
  }
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  void* const library = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 1;
  }
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  Ort::InitApi(base()->GetApi(ORT_API_VERSION));
  const Ort::Env env(ORT_LOGGING_LEVEL_ERROR, "bench");
  Ort::SessionOptions options;
  if (argc > 4) options.SetIntraOpNumThreads(std::atoi(argv[4]));
  Ort::Session session(env, argv[2], options);

  Ort::AllocatorWithDefaultOptions allocator;
  const std::string input = session.GetInputNameAllocated(0, allocator).get();
  const std::string output = session.GetOutputNameAllocated(0, allocator).get();
  const char* const inputs[] = {input.c_str()};
  const char* const outputs[] = {output.c_str()};
  std::vector<std::int64_t> shape = session.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
  std::size_t count = 1;
  for (auto& d : shape) {
    if (d < 0) d = 1;
    count *= static_cast<std::size_t>(d);
  }
  std::vector<float> values(count, 0.5f);
  if (argc > 6 &&
      !std::ifstream(argv[5], std::ios::binary).read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(float)))) {
    std::fprintf(stderr, "%s has fewer than %zu floats\n", argv[5], count);
    return 1;
  }
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const Ort::Value value = Ort::Value::CreateTensor<float>(memory, values.data(), values.size(), shape.data(), shape.size());
  const auto run = [&] { return session.Run(Ort::RunOptions(), inputs, &value, 1, outputs, 1); };
  if (argc > 6) {
    const auto answer = run();
    const auto bytes = answer[0].GetTensorTypeAndShapeInfo().GetElementCount() * sizeof(float);
    if (!std::ofstream(argv[6], std::ios::binary)
             .write(reinterpret_cast<const char*>(answer[0].GetTensorData<float>()), static_cast<std::streamsize>(bytes)))
      return 1;
  }

  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 5; ++i) run();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(std::atof(argv[3]));
  long runs = 0;
  auto now = begin;
  for (; now < end; now = Clock::now(), ++runs) run();
  std::printf("%.3f\n", static_cast<double>(runs) / std::chrono::duration<double>(now - begin).count());
}
