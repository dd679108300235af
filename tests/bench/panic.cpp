// The panic hook of the benchmarks.
#include "base/panic.hpp"

#include <cstdio>
#include <cstdlib>

namespace heapscope {

void panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace heapscope
