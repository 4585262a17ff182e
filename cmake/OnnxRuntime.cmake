# onnxruntime_headers: the C++ API's headers. The library itself is never linked: cells open it at run time
# (src/inference/cell/engine.cpp), so the server neither maps nor initialises it. A copy stands beside the program.
#
# Found, in this order: SLIPWAY_ORT_ROOT (include/, lib/), a system package of 1.32 or newer, what `./dev setup` fetched.
set(SLIPWAY_ORT_MIN 1.32.0)
set(root "$ENV{SLIPWAY_ORT_ROOT}")
if(NOT root)
  find_package(onnxruntime ${SLIPWAY_ORT_MIN} CONFIG QUIET)
  if(onnxruntime_FOUND)
    get_target_property(ort_include onnxruntime::onnxruntime INTERFACE_INCLUDE_DIRECTORIES)
    get_target_property(ort_library onnxruntime::onnxruntime LOCATION)
  else()
    set(root "${CMAKE_SOURCE_DIR}/build/deps/onnxruntime-${SLIPWAY_ORT_MIN}")
  endif()
endif()
if(root)
  find_path(ort_include onnxruntime_cxx_api.h PATHS "${root}/include" PATH_SUFFIXES onnxruntime onnxruntime/core/session NO_DEFAULT_PATH)
  file(GLOB ort_candidates "${root}/lib/libonnxruntime.so.*.*.*" "${root}/lib64/libonnxruntime.so.*.*.*")
  list(SORT ort_candidates COMPARE NATURAL ORDER DESCENDING)
  list(GET ort_candidates 0 ort_library)
endif()
if(NOT ort_include OR NOT ort_library)
  message(FATAL_ERROR "ONNX Runtime ${SLIPWAY_ORT_MIN} or newer not found: run ./dev setup, or set SLIPWAY_ORT_ROOT")
endif()
message(STATUS "ONNX Runtime: ${ort_library}")

add_library(onnxruntime_headers INTERFACE)
target_include_directories(onnxruntime_headers SYSTEM INTERFACE "${ort_include}")

get_filename_component(SLIPWAY_ORT_FILE "${ort_library}" NAME)
file(COPY_FILE "${ort_library}" "${CMAKE_BINARY_DIR}/${SLIPWAY_ORT_FILE}" ONLY_IF_DIFFERENT)
target_compile_definitions(onnxruntime_headers INTERFACE SLIPWAY_ORT_FILE="${SLIPWAY_ORT_FILE}" ORT_API_MANUAL_INIT)
