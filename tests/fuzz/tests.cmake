# The allocators and the shell's language under libFuzzer; skipped where clang-19 is
# missing.
foreach(target bin_allocator language)
  add_test(NAME fuzz.${target}
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/run.sh ${target} ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${target})
  set_tests_properties(fuzz.${target} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800)
endforeach()
