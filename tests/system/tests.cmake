# The system tests: each test_NAME.py here is one CTest test `system.NAME`, which
# runs pytest on the kernel that the pi3 preset has built.
# Those that boot the kernel in every way and run every command are repeated on a
# second QEMU, tools/newer_qemu.py, which enforces alignment: system.newer_qemu.NAME.
set(on_newer_qemu alignment boot builtins_json demo entry faults guest_errors)

function(heapscope_system_test name file environment)
  add_test(NAME ${name}
    COMMAND /usr/bin/python3 -m pytest -q -rs -p no:cacheprovider
      --junitxml=${PROJECT_BINARY_DIR}/reports/${name}.xml ${file})
  set_tests_properties(${name} PROPERTIES LABELS system TIMEOUT 600 ENVIRONMENT
    "HEAPSCOPE_KERNEL=${PROJECT_SOURCE_DIR}/build/pi3/kernel/kernel8.img;${environment}")
endfunction()

file(GLOB system_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file IN LISTS system_tests)
  cmake_path(GET file STEM name)
  string(REGEX REPLACE "^test_" "" name ${name})
  heapscope_system_test(system.${name} ${file} "")
  if(name IN_LIST on_newer_qemu)
    heapscope_system_test(system.newer_qemu.${name} ${file} HEAPSCOPE_ON_NEWER_QEMU=1)
  endif()
endforeach()
