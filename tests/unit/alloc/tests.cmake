# The unit tests of alloc/, and the test that installs it and uses it from
# another project.
heapscope_unit_test(alloc
  unit/alloc/block_map_test.cpp
  unit/alloc/bump_test.cpp
  unit/alloc/coalescing_damage_test.cpp
  unit/alloc/coalescing_test.cpp
  unit/alloc/conformance_test.cpp
  unit/alloc/exhaustive_test.cpp
  unit/alloc/first_fit_test.cpp
  unit/alloc/good_fit_test.cpp
  unit/alloc/hardened_test.cpp
  unit/alloc/inspection_test.cpp
  unit/alloc/instruments_test.cpp
  unit/alloc/layout_test.cpp
  unit/alloc/locked_heap_test.cpp
  unit/alloc/misuse_test.cpp
  unit/alloc/outside/tiny_malloc.cpp
  unit/alloc/program_test.cpp
  unit/alloc/random_test.cpp
  unit/alloc/slab_test.cpp
  unit/alloc/smallest_allocator_test.cpp)
# What texts show is compared with what the tests compile and compute.
target_compile_definitions(alloc_test PRIVATE
  HEAPSCOPE_DOCS="${PROJECT_SOURCE_DIR}/docs" HEAPSCOPE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

set(package_dir ${CMAKE_CURRENT_BINARY_DIR}/package)
add_test(NAME package.install
  COMMAND ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --prefix ${package_dir}/prefix
          --component alloc)
set_tests_properties(package.install PROPERTIES FIXTURES_SETUP package LABELS unit)
# The same compiler and flags: what was built with sanitizers must be linked so.
add_test(NAME package.alloc
  COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${CMAKE_CURRENT_LIST_DIR}/package ${package_dir}/build
    --build-generator ${CMAKE_GENERATOR}
    --build-options
      -DCMAKE_PREFIX_PATH=${package_dir}/prefix
      -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
      -DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS}
      -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE}
    --test-command ${package_dir}/build/consumer)
set_tests_properties(package.alloc PROPERTIES FIXTURES_REQUIRED package LABELS unit)

# The hardening level is chosen when the library is built.
foreach(level IN ITEMS none default full)
  add_test(NAME levels.${level}
    COMMAND ${CMAKE_CTEST_COMMAND}
      --build-and-test ${CMAKE_CURRENT_LIST_DIR}/levels ${CMAKE_CURRENT_BINARY_DIR}/levels/${level}
      --build-generator ${CMAKE_GENERATOR}
      --build-options
        -DHEAPSCOPE_SOURCE=${PROJECT_SOURCE_DIR}
        -DHEAPSCOPE_HARDENING=${level}
        -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
        -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE}
      --test-command ${CMAKE_CURRENT_BINARY_DIR}/levels/${level}/levels)
  set_tests_properties(levels.${level} PROPERTIES LABELS unit)
endforeach()
add_test(NAME levels.wrong
  COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR}
    -B ${CMAKE_CURRENT_BINARY_DIR}/levels/wrong -DHEAPSCOPE_HARDENING=max
    -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER})
set_tests_properties(levels.wrong PROPERTIES LABELS unit
  PASS_REGULAR_EXPRESSION "HEAPSCOPE_HARDENING is max: it is none, default or full")
