# Writes build_info.hpp: the version, and the revision of the source as it is at
# the time of building. Run by the build; -DOUT, -DVERSION and -DSOURCE are set.
cmake_minimum_required(VERSION 3.25)

execute_process(
  COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=10
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
  RESULT_VARIABLE failed)
if(failed)
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT
"// Which build this is. Written by the build.
#pragma once

#include <string_view>

namespace heapscope::build_info {

inline constexpr std::string_view kVersion = \"@VERSION@\";
inline constexpr std::string_view kRevision = \"@revision@\";

}  // namespace heapscope::build_info
")
