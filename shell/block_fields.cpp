// A block's fields, the same in every command that allocates.
#include "shell/block_fields.hpp"

#include "shell/argument_values.hpp"

namespace heapscope::shell {

void show_block(Context& context, const Handle& handle) {
  Reply& reply = context.reply;
  reply.field("id", Value::text(HandleName(handle.id).view()));
  reply.field("address", Value::address(handle.address));
  reply.field("size", Value::bytes(handle.size));
  reply.field("align", Value::bytes(handle.align));
  reply.field("usable", Value::bytes(context.environment.heap.usable_size(handle.layout())));
  reply.field("tag", handle.tag.empty() ? Value::none() : Value::text(handle.tag));
}

void show_name(Reply& reply, const std::optional<Handle>& handle) {
  const HandleName name(handle ? handle->id : 0);
  reply.field("id", handle ? Value::text(name.view()) : Value::none());
  const std::string_view tag = handle ? handle->tag : std::string_view();
  reply.field("tag", tag.empty() ? Value::none() : Value::text(tag));
}

}  // namespace heapscope::shell
