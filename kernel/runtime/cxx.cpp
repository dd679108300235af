// What compiled C++ expects of its runtime when there is no operating system:
// the kernel never ends, and where the standard library would throw, it stops.
#include <cstddef>
#include <new>

#include "base/panic.hpp"

extern "C" {

void* __dso_handle = nullptr;

// Destructors of globals are never run.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }

void __cxa_pure_virtual() { heapscope::panic("a pure virtual function was called"); }
void __cxa_deleted_virtual() { heapscope::panic("a deleted virtual function was called"); }
void abort() { heapscope::panic("abort was called"); }

}  // extern "C"

namespace std {

const nothrow_t nothrow{};

void __throw_bad_alloc() { heapscope::panic("std::bad_alloc"); }
void __throw_bad_array_new_length() { heapscope::panic("std::bad_array_new_length"); }
void __throw_length_error(const char* what) { heapscope::panic("std::length_error: {}", what); }
void __throw_logic_error(const char* what) { heapscope::panic("std::logic_error: {}", what); }
void __throw_out_of_range(const char* what) { heapscope::panic("std::out_of_range: {}", what); }
void __throw_out_of_range_fmt(const char* what, ...) {
  heapscope::panic("std::out_of_range: {}", what);
}
void __throw_bad_optional_access() { heapscope::panic("std::bad_optional_access"); }
void __throw_bad_variant_access(const char* what) {
  heapscope::panic("std::bad_variant_access: {}", what);
}
void __throw_bad_function_call() { heapscope::panic("std::bad_function_call"); }

}  // namespace std
