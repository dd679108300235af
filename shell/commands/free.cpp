// `free`: gives blocks back, by handle, address or tag, each checked first.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/command.hpp"
#include "shell/number.hpp"

namespace heapscope::shell {
namespace {

int run(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 't',
                 .value_name = "TAG",
                 .help = "all blocks that have this tag",
                 .completes = {.kind = Completes::Kind::tag}},
};
constexpr std::array<std::string_view, 3> kExamples{"free a1", "free a2 a3", "free -t page"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::block}};
constexpr std::array<std::string_view, 2> kRelated{"alloc", "heapmap"};
constexpr CommandRecord kRecord{
    .name = "free",
    .usage = "free WHAT... | all | -t TAG",
    .summary = "free blocks",
    .help =
        "Frees the blocks named by handle (a1) or address. If one of them cannot be freed, "
        "none is.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = kMaxWords - 1,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "id", .width = 8},
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
};

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

/// Says why the block at `address`, which has no handle, cannot be freed.
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
  if (owner->state == alloc::ExtentState::free) {
    return context.reply.fail("not-allocated", "{:#x} is already free", address);
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

/// The live block that a word names, or the status of the error that was shown.
Result<HandleId, int> resolve(Context& context, std::string_view word) {
  if (const auto id = handle_number(word)) {
    if (context.environment.handles.find(*id)) return *id;
    return fail(explain_handle(context, *id));
  }
  const auto address = parse_number(word);
  if (!address) {
    return fail(
        context.reply.refuse(kRecord.usage, "'{}' is neither a handle nor an address", word));
  }
  const auto handle = context.environment.handles.find_address(*address);
  if (handle) return handle->id;
  return fail(explain_address(context, *address));
}

/// Frees one live block and lists it; false, and a problem shown, where the
/// heap refuses, which means that its records do not agree with ours.
bool free_one(Context& context, const Handle& handle) {
  const auto freed = context.environment.heap.deallocate(handle.address, handle.layout());
  if (!freed) return false;
  context.reply.begin_item();
  context.reply.field("id", Value::text(HandleName(handle.id).view()));
  context.reply.field("address", Value::address(handle.address));
  context.reply.field("size", Value::bytes(handle.size));
  context.reply.end_item();
  context.environment.handles.remove(handle.id);
  return true;
}

int refused_by_heap(Context& context, HandleId id) {
  return context.reply.problem("refused", "the heap does not take {} back", HandleName(id).view());
}

/// Frees all blocks, or all with a tag.
int free_matching(Context& context, std::string_view tag) {
  HandleTable& handles = context.environment.handles;
  context.reply.begin_list("freed", kColumns);
  auto handle = handles.oldest();
  bool accepted = true;
  while (handle && accepted && !context.interrupted()) {
    const auto next = handles.after(handle->id);
    if (tag.empty() || handle->tag == tag) accepted = free_one(context, *handle);
    if (accepted) handle = next;
  }
  context.reply.end_list();
  if (!accepted) return refused_by_heap(context, handle->id);
  if (handle) return context.reply.problem("interrupted", "interrupted; the rest is still live");
  return kSuccess;
}

int free_named(Context& context, const Arguments& arguments) {
  StaticVector<HandleId, kMaxWords> ids;
  for (const std::string_view word : arguments.positional()) {
    const auto id = resolve(context, word);
    if (!id) return id.error();
    for (const HandleId other : ids) {
      if (other != *id) continue;
      return context.reply.fail("not-allocated", "{} is named twice", HandleName(*id).view());
    }
    if (!ids.push_back(*id)) break;
  }
  context.reply.begin_list("freed", kColumns);
  HandleId failed = 0;
  for (const HandleId id : ids) {
    const auto handle = context.environment.handles.find(id);
    if (handle && free_one(context, *handle)) continue;
    failed = id;
    break;
  }
  context.reply.end_list();
  return failed == 0 ? kSuccess : refused_by_heap(context, failed);
}

/// Whether any live block has the tag. Linear in the handles.
bool tag_in_use(const HandleTable& handles, std::string_view tag) {
  for (auto handle = handles.oldest(); handle; handle = handles.after(handle->id)) {
    if (handle->tag == tag) return true;
  }
  return false;
}

int run(Context& context, const Arguments& arguments) {
  const auto tag = arguments.value_of('t');
  if (tag) {
    if (arguments.size() > 0) {
      return context.reply.refuse(kRecord.usage, "-t TAG stands alone");
    }
    // Blocks without a tag have an empty one; it names none of them.
    if (tag->empty()) return context.reply.refuse(kRecord.usage, "TAG is empty");
    if (!tag_in_use(context.environment.handles, *tag)) {
      return context.reply.fail("not-allocated", "no live block has the tag {}", *tag);
    }
    return free_matching(context, *tag);
  }
  if (arguments.size() == 0) {
    return context.reply.refuse(kRecord.usage, "free needs a handle, an address, all, or -t TAG");
  }
  if (arguments[0] == "all") {
    if (arguments.size() > 1) return context.reply.refuse(kRecord.usage, "all stands alone");
    return free_matching(context, {});
  }
  return free_named(context, arguments);
}

}  // namespace
}  // namespace heapscope::shell
