# slipway_grpc: gRPC as the distribution has it. Not its own CMake package: that links the full protobuf beside the lite one, and finding it
# wants the development files of all that gRPC is made of.
find_path(GRPCPP_INCLUDE_DIR grpcpp/grpcpp.h REQUIRED)
find_library(GRPCPP_LIBRARY grpc++_unsecure REQUIRED)  # TLS is not served here yet: without it the library is a third smaller
find_library(GRPC_LIBRARY grpc_unsecure REQUIRED)
find_library(GPR_LIBRARY gpr REQUIRED)
find_library(ABSL_SYNCHRONIZATION_LIBRARY absl_synchronization REQUIRED)  # what inline parts of its headers call
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
add_library(slipway_grpc INTERFACE)
target_include_directories(slipway_grpc SYSTEM INTERFACE "${GRPCPP_INCLUDE_DIR}")
target_compile_definitions(slipway_grpc INTERFACE GRPC_USE_PROTO_LITE)
target_link_libraries(slipway_grpc INTERFACE "${GRPCPP_LIBRARY}" "${GRPC_LIBRARY}" "${GPR_LIBRARY}"
  "${ABSL_SYNCHRONIZATION_LIBRARY}")
