// Fields of an origin.
#include "shell/origin_fields.hpp"

#include "shell/block_origin.hpp"

namespace heapscope::shell {

void show_call(Context& context, const alloc::CallStamp& call, const CallNames& names) {
  const Platform& platform = context.environment.platform;
  const CallersText callers(platform, call.path);
  context.reply.field(names.us, Value::count(platform.microseconds_at(call.ticks())));
  context.reply.field(names.core, Value::count(call.core()));
  context.reply.field(names.by, Value::text(callers.view()));
}

void show_origin(Context& context, const alloc::Origin& origin) {
  context.reply.field("sequence", Value::count(origin.sequence));
  show_call(context, origin.allocated,
            {.us = "allocated_us", .core = "allocated_core", .by = "allocated_by"});
  if (origin.live) return;
  show_call(context, origin.freed, {.us = "freed_us", .core = "freed_core", .by = "freed_by"});
}

void show_no_origin(Context& context) {
  const bool recording = context.environment.heap.with_instruments(
      [](const alloc::Instruments& all) { return all.recording(); });
  context.reply.field("origin", Value::text(recording ? "not recorded, or not any more"
                                                      : "not recorded: origins are off"));
}

}  // namespace heapscope::shell
