# The rules of style that tools can check.
add_test(NAME lint.format COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_format.sh)
add_test(NAME lint.tidy
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_tidy.sh ${PROJECT_BINARY_DIR})
set_tests_properties(lint.tidy PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800)
