// The end of a kernel whose contract was broken.
#include "base/panic.hpp"

#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/serial.hpp"

namespace heapscope {

void panic_handler(std::string_view message) {
  kernel::mask_interrupts();
  kernel::stop_other_cores();
  kernel::write_last_words("\npanic: ");
  kernel::write_last_words(message);
  kernel::write_last_words("\nhalted\n");
  kernel::halt();
}

}  // namespace heapscope
