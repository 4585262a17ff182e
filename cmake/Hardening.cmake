# Compiler and linker flags of every target: warnings, and the hardening list of docs/security.md.
set(SLIPWAY_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

add_compile_options(-Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -Wvla -Wno-missing-field-initializers -fno-strict-aliasing
                    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=" -D_GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised members inside every moved std::variant; clang-tidy and the sanitizers look for the real ones.
  add_compile_options(-Wshadow=local -Walloca -Wno-maybe-uninitialized)
endif()
if(SLIPWAY_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-g1)  # reports need lines only; the rest of -g is a quarter of g++'s time
  endif()
  add_compile_options("-fsanitize=${SLIPWAY_SANITIZE}" -fno-sanitize-recover=undefined)
  add_link_options("-fsanitize=${SLIPWAY_SANITIZE}")
  add_compile_definitions(SLIPWAY_SANITIZED=1)
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero
                      "$<$<CONFIG:Release>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
add_compile_options(-fPIE)
add_link_options(-pie)
