# slipway_library(<folder> DEPS <folder>... LIBS <external>... NESTED <sub-folders that are libraries of their own>...)
#
# One folder under src/ is one library. It exports an include root that holds nothing but itself: the link
# build/<preset>/view/<name>/slipway/<folder> -> src/<folder>. A target therefore sees the headers of the folders it
# declares and of no others: DEPS are linked PRIVATE, so include roots never travel, and an undeclared include is a compile
# error also two steps away. (A folder therefore also declares what the headers of its DEPS include.)
#
# x_test.cpp files become one test program per folder, <name>_test.
function(slipway_library folder)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;NESTED" ${ARGN})
  string(REPLACE "/" "_" name "${folder}")
  file(GLOB_RECURSE all CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/*.cpp")
  foreach(nested IN LISTS ARG_NESTED)
    list(FILTER all EXCLUDE REGEX "/src/${folder}/${nested}/")
  endforeach()
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_test\\.cpp$")

  set(view "${CMAKE_BINARY_DIR}/view/${name}")
  get_filename_component(parent "${view}/slipway/${folder}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/src/${folder}" "${view}/slipway/${folder}" SYMBOLIC)

  set(deps ${ARG_DEPS})
  list(TRANSFORM deps REPLACE "/" "_")
  list(TRANSFORM deps PREPEND "slipway_")
  if(all)
    add_library(slipway_${name} STATIC ${all})
    target_include_directories(slipway_${name} PUBLIC "${view}")
    target_link_libraries(slipway_${name} PRIVATE ${deps} ${ARG_LIBS})
  else()
    add_library(slipway_${name} INTERFACE)
    target_include_directories(slipway_${name} INTERFACE "${view}")
    target_link_libraries(slipway_${name} INTERFACE ${deps} ${ARG_LIBS})
  endif()

  if(SLIPWAY_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE slipway_${name} ${deps} ${ARG_LIBS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE SLIPWAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLIPWAY_BINARY_DIR="${CMAKE_BINARY_DIR}")
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()
