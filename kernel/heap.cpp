// The kernel's heap, and the C++ operators that take from it.
#include "kernel/heap.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "alloc/hardened_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "base/panic.hpp"
#include "kernel/heap_lock.hpp"
#include "kernel/recovery.hpp"
#include "kernel/suspects.hpp"

namespace heapscope::kernel {
namespace {

// Of those of one name the hardening decides which one runs.
using KernelHeap = alloc::LockedHeap<HeapLock, alloc::BinAllocator, alloc::BumpAllocator,
                                     alloc::FirstFitAllocator, alloc::UncheckedBinAllocator,
                                     alloc::Hardened<alloc::BinAllocator, KeepFindingAndPanic>>;

// Made when they are first asked for, so that they take no room in the image. That
// is at boot, or in a command, and so before the other cores ask.
constinit std::optional<KernelHeap> watched_heap;
constinit std::optional<KernelHeap> the_trial_heap;

// Whether cores beside core 0 may use them.
constinit bool shared_with_others = false;

constinit bool lock_measured = false;
constinit HoldRecord measured_holds;

bool locks_are_taken() { return shared_with_others || lock_measured; }

[[gnu::cold, gnu::noinline]] void make(std::optional<KernelHeap>& heap) {
  heap.emplace();
  heap->set_alone(!locks_are_taken());
}

/// While another core uses the heaps they are shared, and stay as they are.
[[gnu::cold]] void set_use(bool shared, bool measured) {
  const bool before = locks_are_taken();
  shared_with_others = shared;
  lock_measured = measured;
  if (locks_are_taken() == before) return;
  for (std::optional<KernelHeap>* const heap : {&watched_heap, &the_trial_heap}) {
    if (*heap) (*heap)->set_alone(before);
  }
}

KernelHeap& made(std::optional<KernelHeap>& heap) {
  if (!heap) [[unlikely]]
    make(heap);
  return *heap;
}

KernelHeap& the_heap() { return made(watched_heap); }

[[gnu::cold]] void write_holds_to(HoldRecord* record) { the_heap().measure_holds(record); }

/// What `new` asks for. Not every form of `delete` knows the size, so that the
/// size is rounded to what the heap would grant anyway: then a block's requested
/// size follows from the block itself. No object has the address of another, so
/// that no block is of size 0.
alloc::Layout layout_for(std::size_t size, std::size_t align) {
  const std::size_t unit = alloc::kDefaultAlign;
  const std::size_t whole = std::max<std::size_t>(size, 1);
  // A size that would wrap is left as it is, and is refused by the heap.
  const std::size_t rounded = whole > SIZE_MAX - unit ? whole : (whole + unit - 1) / unit * unit;
  return {.size = rounded, .align = std::max(align, unit)};
}

// The lock and the allocator are not compiled into every form of new and delete.
[[gnu::noinline]] void* take_or_null(std::size_t size, std::size_t align) {
  const auto address = the_heap().allocate(layout_for(size, align));
  return address ? reinterpret_cast<void*>(*address) : nullptr;
}

/// The size by reference, so that `new` keeps it in memory and saves no register for it.
[[noreturn, gnu::cold, gnu::noinline]] void refuse(const std::size_t& size) {
  recover_from_refusal(size);
  panic("out of memory: new asked for {} bytes", size);
}

void* take(std::size_t size, std::size_t align) {
  void* const memory = take_or_null(size, align);
  if (memory == nullptr) [[unlikely]]
    refuse(size);
  return memory;
}

void check_given_back(const void* memory, Result<void, alloc::HeapError> freed) {
  if (freed) return;
  keep_refused_free(reinterpret_cast<std::uintptr_t>(memory), freed.error());
  panic("delete: {:#x} {}", reinterpret_cast<std::uintptr_t>(memory),
        alloc::error_text(freed.error()));
}

[[gnu::noinline]] void give_back(void* memory) {
  if (memory == nullptr) return;
  const auto address = reinterpret_cast<alloc::Address>(memory);
  check_given_back(memory, the_heap().deallocate_unsized(address));
}

[[gnu::noinline]] void give_back(void* memory, std::size_t size, std::size_t align) {
  if (memory == nullptr) return;
  const auto address = reinterpret_cast<alloc::Address>(memory);
  check_given_back(memory, the_heap().deallocate(address, layout_for(size, align)));
}

constexpr std::size_t bytes(std::align_val_t align) { return static_cast<std::size_t>(align); }

}  // namespace

alloc::Heap& heap() { return the_heap(); }
[[gnu::cold]] void give_back_exactly(alloc::Address address, alloc::Layout layout) {
  check_given_back(reinterpret_cast<const void*>(address), the_heap().deallocate(address, layout));
}

alloc::Heap& trial_heap() { return made(the_trial_heap); }

LockCounters heap_lock_counters() { return the_heap().lock_counters(); }

[[gnu::cold]] void share_heaps(bool shared) { set_use(shared, lock_measured); }
[[gnu::cold]] bool heaps_shared() { return shared_with_others; }

[[gnu::cold]] void measure_heap_lock(bool measured) {
  write_holds_to(nullptr);
  set_use(shared_with_others, measured);
  if (measured) write_holds_to(&measured_holds);
}
[[gnu::cold]] bool heap_lock_measured() { return lock_measured; }

// Nobody writes to the record while nothing is measured.
[[gnu::cold]] HoldRecord heap_lock_holds() {
  write_holds_to(nullptr);
  const HoldRecord holds = measured_holds;
  if (lock_measured) write_holds_to(&measured_holds);
  return holds;
}
[[gnu::cold]] void clear_heap_lock_holds() {
  write_holds_to(nullptr);
  measured_holds = {};
  if (lock_measured) write_holds_to(&measured_holds);
}

}  // namespace heapscope::kernel

namespace {
using heapscope::alloc::kDefaultAlign;
using heapscope::kernel::bytes;
using heapscope::kernel::give_back;
using heapscope::kernel::take;
using heapscope::kernel::take_or_null;
}  // namespace

void* operator new(std::size_t size) { return take(size, kDefaultAlign); }
void* operator new[](std::size_t size) { return take(size, kDefaultAlign); }
void* operator new(std::size_t size, std::align_val_t align) { return take(size, bytes(align)); }
void* operator new[](std::size_t size, std::align_val_t align) { return take(size, bytes(align)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return take_or_null(size, kDefaultAlign);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return take_or_null(size, kDefaultAlign);
}
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return take_or_null(size, bytes(align));
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return take_or_null(size, bytes(align));
}

void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t size) noexcept {
  give_back(memory, size, kDefaultAlign);
}
void operator delete[](void* memory, std::size_t size) noexcept {
  give_back(memory, size, kDefaultAlign);
}
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t size, std::align_val_t align) noexcept {
  give_back(memory, size, bytes(align));
}
void operator delete[](void* memory, std::size_t size, std::align_val_t align) noexcept {
  give_back(memory, size, bytes(align));
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  give_back(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  give_back(memory);
}
