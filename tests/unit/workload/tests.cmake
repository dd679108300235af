# The unit tests of alloc/workload/.
heapscope_unit_test(workload
  unit/workload/generator_test.cpp
  unit/workload/player_test.cpp
  unit/workload/random_test.cpp
  unit/workload/smallest_heap_test.cpp
  unit/workload/trace_test.cpp)
