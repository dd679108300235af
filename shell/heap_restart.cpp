// Refusals, of a restart and of what needs the heap for itself.
#include "shell/heap_restart.hpp"

namespace heapscope::shell {
namespace {

int refuse_for_blocks(Context& context) {
  return context.reply.fail("in-use", "the kernel itself has live blocks in the heap");
}

}  // namespace

bool has_heap_to_itself(Context& context) {
  if (!context.environment.setup.has_tenant()) return true;
  context.reply.fail("in-use", "stop the workload first: workload stop");
  return false;
}

std::optional<int> refuse_heap_restart(Context& context) {
  if (!has_heap_to_itself(context)) return kFailed;
  const Environment& environment = context.environment;
  if (environment.heap.stats().live_blocks == environment.handles.size()) return std::nullopt;
  return refuse_for_blocks(context);
}

int report_setup_error(Context& context, const CommandRecord& command, SetupError error,
                       std::string_view allocator) {
  switch (error) {
    case SetupError::no_such_allocator:
      return context.reply.refuse(command.usage, "there is no allocator '{}'", allocator);
    case SetupError::too_large:
      return context.reply.fail("exhausted", "it does not fit: the largest heap is {} bytes",
                                context.environment.setup.largest_heap());
    case SetupError::too_small:
      return context.reply.fail("unsupported", "{} cannot work in so small a heap", allocator);
    case SetupError::blocks_in_use:
      break;
  }
  return refuse_for_blocks(context);
}

}  // namespace heapscope::shell
