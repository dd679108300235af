// `who`: what lies at an address, and where it comes from.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_argument.hpp"
#include "shell/block_fields.hpp"
#include "shell/block_origin.hpp"
#include "shell/memory_regions.hpp"
#include "shell/origin_fields.hpp"

namespace heapscope::shell {
namespace {

int run_who(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"who a1", "who 0x80000"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::block}};
constexpr std::array<std::string_view, 4> kRelated{"blocks", "origins", "dump", "memmap"};
constexpr CommandRecord kRecord{
    .name = "who",
    .usage = "who ADDRESS|HANDLE",
    .summary = "say what lies at an address",
    .help =
        "Which block holds the address, how far in, who allocated it and when or, where it is "
        "free, who had it last and who freed it. Callers are named innermost first. Of other "
        "memory, what it is. In heap.hardening=full, part says whether the address is in the "
        "block or in the zone before or behind it, and kept whether the block was freed already "
        "and is kept back for a while.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 1,
    .safe_in_panic = true,
    .run = run_who,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "state", .width = 8},
    Column{.name = "id", .width = 8},
    Column{.name = "tag"},
};

void show_handle(Context& context, const alloc::Extent& extent) {
  std::optional<Handle> handle;
  if (extent.state == alloc::ExtentState::live) {
    handle = context.environment.handles.find_address(extent.start);
  }
  show_name(context.reply, handle);
}

void show_neighbour(Context& context, alloc::Address address) {
  const auto extent = context.environment.heap.owner(address);
  if (!extent) return;
  context.reply.begin_item();
  context.reply.field("address", Value::address(extent->start));
  context.reply.field("size", Value::bytes(extent->size));
  context.reply.field("state", Value::text(alloc::state_name(extent->state)));
  show_handle(context, *extent);
  context.reply.end_item();
}

/// Where in a block with zones the address is.
std::string_view part_name(const alloc::GuardedBlock& block, alloc::Address address) {
  if (address < block.address) return "zone before";
  return address < block.end() ? "block" : "zone behind";
}

/// The handle of what is there, and where in it the address is.
void show_holder(Context& context, alloc::Address address, const alloc::Extent& extent,
                 const std::optional<alloc::GuardedBlock>& guarded) {
  if (!guarded) return show_handle(context, extent);
  std::optional<Handle> handle;
  if (!guarded->freed) handle = context.environment.handles.find_address(guarded->address);
  show_name(context.reply, handle);
  context.reply.field("part", Value::text(part_name(*guarded, address)));
  context.reply.field("kept", Value::boolean(guarded->freed));
}

/// The origin of what is there or, where nothing is, of what was there last.
void show_history(Context& context, alloc::Address address, const alloc::Extent& extent,
                  const std::optional<alloc::GuardedBlock>& guarded) {
  if (extent.state == alloc::ExtentState::metadata) return;
  const bool live = guarded ? !guarded->freed : extent.state == alloc::ExtentState::live;
  const alloc::Address start = guarded ? guarded->address : extent.start;
  const auto origin = origin_of(context.environment.heap, live || guarded ? start : address);
  // A live block has not the origin of one that lay there before it.
  if (!origin || (live && !origin->live)) return show_no_origin(context);
  context.reply.field("block", Value::address(origin->address));
  context.reply.field("block_size", Value::bytes(origin->layout.size));
  context.reply.field("block_align", Value::bytes(origin->layout.align));
  show_origin(context, *origin);
}

int tell_region(Context& context, std::uint64_t address) {
  for (const Region& region : address_space(context.environment)) {
    if (!region.range.contains(address)) continue;
    context.reply.field("address", Value::address(address));
    context.reply.field("state", Value::text("outside"));
    context.reply.field("region", Value::text(region.name));
    context.reply.field("offset", Value::bytes(address - region.range.start));
    return kSuccess;
  }
  return context.reply.fail("outside-memory", "{:#x} is beyond all memory and registers", address);
}

int run_who(Context& context, const Arguments& arguments) {
  const auto place = read_place(context, kRecord, arguments[0]);
  if (!place) return place.error();
  Environment& environment = context.environment;
  Reply& reply = context.reply;
  if (!environment.setup.plan().heap.contains(place->start)) {
    return tell_region(context, place->start);
  }
  const auto address = static_cast<alloc::Address>(place->start);
  const auto extent = environment.heap.owner(address);
  if (!extent) return tell_region(context, address);
  reply.field("address", Value::address(address));
  reply.field("state", Value::text(alloc::state_name(extent->state)));
  reply.field("start", Value::address(extent->start));
  reply.field("size", Value::bytes(extent->size));
  reply.field("offset", Value::bytes(address - extent->start));
  const auto guarded = environment.heap.guarded_block(address);
  show_holder(context, address, *extent, guarded);
  show_history(context, address, *extent, guarded);
  reply.begin_list("neighbours", kColumns);
  show_neighbour(context, extent->start - 1);
  show_neighbour(context, extent->end());
  reply.end_list();
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
