# The allocators under libFuzzer; skipped where clang-19 is missing.
add_test(NAME fuzz.bin_allocator
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/run.sh ${CMAKE_CURRENT_BINARY_DIR}/fuzz)
set_tests_properties(fuzz.bin_allocator PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800)
