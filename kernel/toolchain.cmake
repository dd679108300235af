# Cross-building for the Raspberry Pi 3: Debian's g++-aarch64-linux-gnu, without
# its operating system. -mstrict-align and -mno-outline-atomics matter on real
# hardware: before the MMU is on, unaligned accesses and exclusives fault, and so
# do copies through 16-byte registers that are only aligned to 8.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_OBJCOPY aarch64-linux-gnu-objcopy)
set(CMAKE_OBJDUMP aarch64-linux-gnu-objdump)
set(CMAKE_NM aarch64-linux-gnu-nm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_CXX_FLAGS_INIT
  "-ffreestanding -mcpu=cortex-a53 -mstrict-align -mno-outline-atomics -fno-pic -fno-pie \
-fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-asynchronous-unwind-tables \
-fno-unwind-tables -ffunction-sections -fdata-sections -fno-omit-frame-pointer \
-fno-tree-loop-distribute-patterns -fno-stack-protector -mgeneral-regs-only")
set(CMAKE_CXX_FLAGS_RELEASE_INIT "-O2 -g")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g" CACHE STRING "")
