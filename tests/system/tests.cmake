# The system tests: each test_NAME.py here is one CTest test `system.NAME`, which
# runs pytest on the kernel that the pi3 preset has built.
file(GLOB system_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file IN LISTS system_tests)
  cmake_path(GET file STEM name)
  string(REGEX REPLACE "^test_" "system." name ${name})
  add_test(NAME ${name}
    COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
      --junitxml=${PROJECT_BINARY_DIR}/reports/${name}.xml ${file})
  set_tests_properties(${name} PROPERTIES LABELS system TIMEOUT 600
    ENVIRONMENT HEAPSCOPE_KERNEL=${PROJECT_SOURCE_DIR}/build/pi3/kernel/kernel8.img)
endforeach()
