# alloc/ as a library of its own: `cmake --install BUILD --component alloc`, then
# find_package(heapscope) and link heapscope::alloc from any other project.
include(CMakePackageConfigHelpers)

install(TARGETS alloc EXPORT heapscopeTargets ARCHIVE DESTINATION lib/heapscope COMPONENT alloc)
install(DIRECTORY . DESTINATION include/heapscope/alloc COMPONENT alloc
  FILES_MATCHING PATTERN "*.hpp" PATTERN workload EXCLUDE)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/generated/alloc/built_hardening.hpp
  DESTINATION include/heapscope/alloc COMPONENT alloc)

configure_package_config_file(heapscopeConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/heapscopeConfig.cmake
  INSTALL_DESTINATION lib/cmake/heapscope
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/heapscopeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/heapscopeConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/heapscopeConfigVersion.cmake
  DESTINATION lib/cmake/heapscope COMPONENT alloc)
install(EXPORT heapscopeTargets NAMESPACE heapscope:: DESTINATION lib/cmake/heapscope
  COMPONENT alloc)
