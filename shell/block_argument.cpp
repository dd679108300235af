// Looking up what was named, and saying why it is not there.
#include "shell/block_argument.hpp"

#include "shell/argument_values.hpp"
#include "shell/block_origin.hpp"
#include "shell/number.hpp"

namespace heapscope::shell {
namespace {

int explain_handle(Context& context, HandleId id) {
  const HandleTable& handles = context.environment.handles;
  const HandleName name(id);
  if (id >= handles.next_id()) {
    return context.reply.fail("not-allocated", "there is no block {}", name.view());
  }
  if (id < handles.first_id()) {
    return context.reply.fail("not-allocated", "{} is gone: the heap was started anew since",
                              name.view());
  }
  return context.reply.fail("not-allocated", "{} is already free", name.view());
}

int explain_inside(Context& context, alloc::Address address, const Handle& block) {
  return context.reply.fail("inside-block", "{:#x} is inside {}, {} bytes behind its start",
                            address, HandleName(block.id).view(), address - block.address);
}

/// `address` is, or was, in a block that was freed; by whom, where that is recorded.
int explain_freed(Context& context, alloc::Address address) {
  const Environment& environment = context.environment;
  FixedText<100> by;
  const auto origin = origin_of(environment.heap, address);
  if (origin && !origin->live) {
    by.write(", by ");
    if (!environment.platform.write_caller(by, origin->freed.path, 0)) by.clear();
  }
  return context.reply.fail("not-allocated", "{:#x} is already free{}", address, by.view());
}

/// `address` is in the memory of a block that has zones, where no block starts.
int explain_guarded(Context& context, alloc::Address address, const alloc::GuardedBlock& block) {
  if (block.freed) return explain_freed(context, address);
  const auto handle = context.environment.handles.find_address(block.address);
  if (address < block.address) {
    return context.reply.fail("not-allocated", "{:#x} is in the zone before {}", address,
                              handle ? HandleName(handle->id).view() : "a block");
  }
  if (handle) return explain_inside(context, address, *handle);
  return context.reply.fail("not-yours", "{:#x} is in a block that alloc did not make", address);
}

/// Says what is at `address`, where no block that has a handle starts.
int explain_address(Context& context, alloc::Address address) {
  const Environment& environment = context.environment;
  const auto owner = environment.heap.owner(address);
  if (!owner) {
    const Range heap = environment.setup.plan().heap;
    return context.reply.fail("outside-heap", "{:#x} is outside the heap ({:#x} to {:#x})", address,
                              heap.start, heap.end);
  }
  if (owner->state == alloc::ExtentState::metadata) {
    return context.reply.fail("outside-heap", "{:#x} is among the allocator's own records",
                              address);
  }
  if (owner->state == alloc::ExtentState::free) return explain_freed(context, address);
  if (const auto guarded = environment.heap.guarded_block(address)) {
    return explain_guarded(context, address, *guarded);
  }
  const auto block = owner->state == alloc::ExtentState::live
                         ? environment.handles.find_address(owner->start)
                         : environment.handles.find_containing(address);
  if (block) return explain_inside(context, address, *block);
  if (owner->state == alloc::ExtentState::used) {
    return context.reply.fail("not-allocated", "no block that is allocated now starts at {:#x}",
                              address);
  }
  return context.reply.fail("not-yours", "{:#x} is in a block that alloc did not make", address);
}

int refuse(Context& context, const CommandRecord& command, std::string_view word) {
  return context.reply.refuse(command.usage, "'{}' is neither a handle nor an address", word);
}

Result<Handle, int> read_handle(Context& context, HandleId id) {
  if (const auto handle = context.environment.handles.find(id)) return *handle;
  return fail(explain_handle(context, id));
}

}  // namespace

Result<Handle, int> read_block(Context& context, const CommandRecord& command,
                               std::string_view word) {
  if (const auto id = handle_number(word)) return read_handle(context, *id);
  const auto address = parse_number(word);
  if (!address) return fail(refuse(context, command, word));
  if (const auto handle = context.environment.handles.find_address(*address)) return *handle;
  return fail(explain_address(context, *address));
}

Result<Range, int> read_place(Context& context, const CommandRecord& command,
                              std::string_view word) {
  if (const auto id = handle_number(word)) {
    const auto handle = read_handle(context, *id);
    if (!handle) return fail(handle.error());
    return Range{.start = handle->address, .end = handle->address + handle->size};
  }
  const auto address = parse_number(word);
  if (!address) return fail(refuse(context, command, word));
  return Range{.start = *address, .end = UINT64_MAX};
}

}  // namespace heapscope::shell
