# slipway_manuals(<variable>): a generated .cpp that holds the .md manuals of this folder, for --help and `slipway help TOPIC`.
# With -DOUT=... -DDIR=... as a script it writes that file.
if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB manuals "${DIR}/*.md")
  list(SORT manuals)
  set(text "// Generated from src/cli/*.md.\n#include <string_view>\n\nnamespace slipway::cli {\n\nstd::string_view manual(std::string_view name) {\n")
  foreach(file IN LISTS manuals)
    get_filename_component(name "${file}" NAME_WE)
    file(READ "${file}" content)
    string(APPEND text "  if (name == \"${name}\") return R\"manual(${content})manual\";\n")
  endforeach()
  string(APPEND text "  return {};\n}\n\n}  // namespace slipway::cli\n")
  file(WRITE "${OUT}" "${text}")
  return()
endif()

function(slipway_manuals variable)
  set(dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
  set(out "${CMAKE_BINARY_DIR}/cli/manuals.cpp")
  file(GLOB manuals CONFIGURE_DEPENDS "${dir}/*.md")
  add_custom_command(OUTPUT "${out}" DEPENDS ${manuals} "${dir}/manuals.cmake"
    COMMAND "${CMAKE_COMMAND}" "-DOUT=${out}" "-DDIR=${dir}" -P "${dir}/manuals.cmake" VERBATIM)
  set(${variable} "${out}" PARENT_SCOPE)
endfunction()
