# The tests of atags/: paths are relative to tests/.
heapscope_unit_test(atags
  unit/atags/boot_info_test.cpp
  unit/atags/device_tree_robustness_test.cpp
  unit/atags/device_tree_test.cpp
  unit/atags/memory_map_test.cpp
  unit/atags/tag_list_robustness_test.cpp
  unit/atags/tag_list_test.cpp)
