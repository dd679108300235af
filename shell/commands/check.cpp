// `check`: whether the heap is sound, now and as it is used.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_fields.hpp"
#include "shell/block_origin.hpp"
#include "shell/heap_check.hpp"
#include "shell/hex_rows.hpp"
#include "shell/origin_fields.hpp"

namespace heapscope::shell {
namespace {

int run_check(Context& context, const Arguments& arguments);

constexpr std::string_view kOff = "off";
constexpr std::array kEveryWords{kOff};
constexpr std::array kOptions{
    OptionRecord{.letter = 'e',
                 .word = "every",
                 .value_name = "N",
                 .help = "go on, a round every N calls; off ends it",
                 .completes = {.kind = Completes::Kind::values, .values = kEveryWords}},
};
constexpr std::array<std::string_view, 4> kExamples{"check", "check --every 1000",
                                                    "check --one-line", "check --every off"};
constexpr std::array<std::string_view, 4> kRelated{"who", "dump", "blocks", "harden"};
constexpr CommandRecord kRecord{
    .name = "check",
    .usage = "check [--every N]",
    .summary = "check whether the heap is sound",
    .help =
        "Verifies all that the allocator keeps about its heap; hardened in full also the zones "
        "around blocks and what was freed. Of damage it says where it begins and what it is, the "
        "block before, or those that are to blame where that is known, who allocated them, and "
        "shows the memory; the status is 1. With --every a patrol goes on with it: each call of "
        "the heap checks a few extents, and a new round begins every N calls. What it finds is "
        "told at once, and by check, with the call that met it; the damage was done before.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_check,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// Shown before and behind the place that is damaged, where the heap goes so far.
constexpr std::uint64_t kBytesBefore = 32;
constexpr std::uint64_t kBytesBehind = 48;

struct PatrolState {
  std::uint64_t interval = 0;
  std::uint64_t rounds = 0;
  std::optional<alloc::PatrolFinding> finding;
};

PatrolState patrol_state(alloc::Heap& heap) {
  PatrolState state;
  heap.with_instruments([&](alloc::Instruments& all) {
    const alloc::Patrol& patrol = all.patrol();
    state.interval = patrol.interval();
    state.rounds = patrol.rounds();
    state.finding = patrol.finding();
  });
  return state;
}

void show_patrol(Context& context, const PatrolState& patrol) {
  Reply& reply = context.reply;
  reply.field("patrol_every", patrol.interval == 0 ? Value::none() : Value::count(patrol.interval));
  reply.field("patrol_rounds", Value::count(patrol.rounds));
  if (!patrol.finding) return;
  const alloc::PatrolFinding& found = *patrol.finding;
  reply.field("patrol_found", Value::address(found.damage.address));
  reply.field("patrol_what", Value::text(found.damage.what));
  reply.field("patrol_sequence",
              found.sequence == 0 ? Value::none() : Value::count(found.sequence));
  show_call(context, found.call, {.us = "patrol_us", .core = "patrol_core", .by = "patrol_by"});
}

/// A block that has to do with the damage: its place, its name, and where it comes from.
void show_party(Context& context, std::string_view role, const alloc::Party& party,
                const std::optional<alloc::Origin>& origin) {
  Reply& reply = context.reply;
  reply.begin_item();
  reply.field("role", Value::text(role));
  reply.field("address", Value::address(party.address));
  reply.field("size", Value::bytes(party.size));
  show_name(reply, context.environment.handles.find_address(party.address));
  if (origin) {
    show_origin(context, *origin);
  } else {
    show_no_origin(context);
  }
  reply.end_item();
}

void show_live(Context& context, std::string_view role, const alloc::Extent& block) {
  auto origin = origin_of(context.environment.heap, block.start);
  // A live block has not the origin of one that lay there before it.
  if (origin && !origin->live) origin.reset();
  const std::size_t size = origin ? origin->layout.size : block.size;
  show_party(context, role, {.address = block.start, .size = size}, origin);
}

/// Of free memory, who had it last.
void show_there(Context& context, const HeapCheck& check) {
  if (check.damaged.state == alloc::ExtentState::live) {
    return show_live(context, "there", check.damaged);
  }
  if (check.damaged.state != alloc::ExtentState::free) return;
  const auto origin = origin_of(context.environment.heap, check.damage->address);
  if (!origin || origin->live) return;
  show_party(context, "freed", {.address = origin->address, .size = origin->layout.size}, origin);
}

void show_parties(Context& context, const HeapCheck& check) {
  const alloc::Damage& damage = *check.damage;
  alloc::Heap& heap = context.environment.heap;
  context.reply.begin_list("blocks", {});
  if (damage.culprit.address != 0) {
    show_party(context, damage.disputed ? "suspect" : "culprit", damage.culprit,
               origin_of(heap, damage.culprit.address));
    if (damage.victim.address != 0) {
      show_party(context, damage.disputed ? "suspect" : "victim", damage.victim,
                 origin_of(heap, damage.victim.address));
    }
  } else {
    if (check.before) show_live(context, "before", *check.before);
    show_there(context, check);
  }
  context.reply.end_list();
}

void show_memory(Context& context, alloc::Address address) {
  const Range heap = context.environment.setup.plan().heap;
  const std::uint64_t row = address / 16 * 16;
  const Range around{.start = row - std::min<std::uint64_t>(row, kBytesBefore),
                     .end = row + kBytesBehind};
  (void)show_hex_rows(context, "rows", heap.intersection(around));
}

void show_figures(Context& context, const HeapCheck& check, const PatrolState& patrol) {
  Reply& reply = context.reply;
  reply.field("sound", check.stopped ? Value::none() : Value::boolean(!check.damage));
  reply.field("extents", Value::count(check.extents));
  reply.field("live_blocks", Value::count(check.live_blocks));
  reply.field("changed_meanwhile", Value::boolean(check.changed));
  show_patrol(context, patrol);
}

int tell_damage(Context& context, const HeapCheck& check, const PatrolState& patrol) {
  const alloc::Damage& damage = *check.damage;
  Reply& reply = context.reply;
  const int status =
      reply.fail_with_fields("damaged", "heap damaged at {:#x}: {}", damage.address, damage.what);
  reply.field("address", Value::address(damage.address));
  reply.field("what", Value::text(damage.what));
  reply.field("extent", Value::address(check.damaged.start));
  reply.field("extent_size", Value::bytes(check.damaged.size));
  reply.field("state", Value::text(alloc::state_name(check.damaged.state)));
  show_figures(context, check, patrol);
  show_parties(context, check);
  if (!reply.in_one_line()) show_memory(context, damage.address);
  return status;
}

/// Where the damage is not to be seen any more, a patrol has seen it all the same.
int tell_finding(Context& context, const HeapCheck& check, const PatrolState& patrol) {
  const alloc::Damage& damage = patrol.finding->damage;
  const int status = context.reply.fail_with_fields(
      "was-damaged", "a patrol found damage at {:#x} that is not there now: {}", damage.address,
      damage.what);
  show_figures(context, check, patrol);
  return status;
}

/// Starts or ends the patrol; false, and the call has been refused, where it is not said how.
bool set_patrol(Context& context, std::string_view every) {
  std::optional<std::uint64_t> interval = 0;
  if (every != kOff) interval = read_number(context, kRecord, every, "N");
  if (!interval) return false;
  context.environment.heap.with_instruments(
      [&](alloc::Instruments& all) { all.patrol().set(*interval); });
  return true;
}

int run_check(Context& context, const Arguments& arguments) {
  const auto every = arguments.value_of('e');
  if (every && !set_patrol(context, *every)) return kWrongUsage;
  const HeapCheck check = check_heap(context);
  const PatrolState patrol = patrol_state(context.environment.heap);
  if (check.damage) return tell_damage(context, check, patrol);
  if (patrol.finding && !check.stopped) return tell_finding(context, check, patrol);
  show_figures(context, check, patrol);
  if (!check.stopped) return kSuccess;
  return context.reply.problem("interrupted", "interrupted: not all of the heap was checked");
}

}  // namespace
}  // namespace heapscope::shell
