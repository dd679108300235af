# What of the kernel is pure computation is tested on the host as well.
add_library(kernel STATIC
  ${PROJECT_SOURCE_DIR}/kernel/background_workload.cpp
  ${PROJECT_SOURCE_DIR}/kernel/commands/growth_log.cpp
  ${PROJECT_SOURCE_DIR}/kernel/page_tables.cpp
  ${PROJECT_SOURCE_DIR}/kernel/stress.cpp)
target_link_libraries(kernel PUBLIC workload alloc base)
heapscope_room(kernel)

heapscope_unit_test(kernel
  unit/kernel/background_workload_test.cpp
  unit/kernel/growth_log_test.cpp
  unit/kernel/histogram_test.cpp
  unit/kernel/pacer_test.cpp
  unit/kernel/page_tables_test.cpp
  unit/kernel/stress_test.cpp
  unit/kernel/ticket_lock_test.cpp)
target_include_directories(kernel_test PRIVATE unit/kernel)

add_test(NAME unit.kernel.heap_under_thread_sanitizer
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/run_under_tsan.sh ${CMAKE_CXX_COMPILER}
    ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(unit.kernel.heap_under_thread_sanitizer PROPERTIES LABELS unit TIMEOUT 300)
