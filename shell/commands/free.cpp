// `free`: gives blocks back, by handle, address or tag, each checked first.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_argument.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_free(Context& context, const Arguments& arguments);

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
    .run = run_free,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "id", .width = 8},
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
};

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
    const auto block = read_block(context, kRecord, word);
    if (!block) return block.error();
    for (const HandleId other : ids) {
      if (other != block->id) continue;
      return context.reply.fail("not-allocated", "{} is named twice", HandleName(other).view());
    }
    if (!ids.push_back(block->id)) break;
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

int run_free(Context& context, const Arguments& arguments) {
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
