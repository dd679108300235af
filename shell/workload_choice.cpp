// Reading the choice, and finding out what the workload needs.
#include "shell/workload_choice.hpp"

#include <algorithm>

#include "shell/argument_values.hpp"

namespace heapscope::shell {
namespace {

constexpr std::uint64_t kDefaultOperations = 20'000;
constexpr std::string_view kInitrd = "initrd";

/// How often long work looks for Ctrl-C, in operations; a power of two.
constexpr std::uint64_t kBetweenChecks = 256;
constexpr std::uint64_t kMicrosecondsBetweenProgress = 1'000'000;

/// Too large for a stack, and there is one at a time.
constinit std::optional<workload::Generator> the_generator;

/// As many slots as there is use or room for, and what is left behind them.
std::span<workload::Slot> take_slots(Range& room, std::uint64_t wanted) {
  const std::uint64_t fits = room.size() / sizeof(workload::Slot);
  const std::uint64_t count = std::min(wanted, fits);
  auto* const first = reinterpret_cast<workload::Slot*>(room.start);
  room.start += count * sizeof(workload::Slot);
  return {first, static_cast<std::size_t>(count)};
}

}  // namespace

std::optional<std::string_view> initrd_trace(const Environment& environment) {
  const Range initrd = environment.boot.initrd;
  if (initrd.empty()) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(initrd.start), initrd.size());
  if (!workload::is_trace(text)) return std::nullopt;
  return text;
}

std::optional<NamedWorkload> find_workload(Context& context, const CommandRecord& command,
                                           std::string_view word, int& status) {
  if (word == kInitrd) {
    const auto trace = initrd_trace(context.environment);
    if (trace) return NamedWorkload{.name = kInitrd, .generator = nullptr, .trace = *trace};
    status = context.reply.fail("no-trace", "there is no trace in an initrd");
    return std::nullopt;
  }
  const workload::GeneratorRecord* const generator = workload::find_generator(word);
  if (generator != nullptr) {
    return NamedWorkload{.name = generator->name, .generator = generator, .trace = {}};
  }
  status = context.reply.refuse(command.usage, "there is no workload '{}'", word);
  return std::nullopt;
}

std::optional<workload::Figures> survey(Context& context, std::string_view name,
                                        workload::Source& source) {
  Range room = context.environment.setup.workspace();
  workload::NoTarget target;
  workload::Player player(target, take_slots(room, workload::kMaxBlocks));
  PlayWatch watch(context, "survey");
  const auto played = player.play(source, &watch);
  if (!played) {
    context.reply.fail("bad-trace", "{}: line {} {}", name, played.error().position,
                       workload::fault_text(played.error().fault));
    return std::nullopt;
  }
  if (!watch.stopped()) return player.figures();
  context.reply.fail("interrupted", "interrupted; nothing was played");
  return std::nullopt;
}

std::optional<WorkloadChoice> WorkloadChoice::read(Context& context, const CommandRecord& command,
                                                   const Arguments& arguments, int& status) {
  WorkloadChoice choice;
  const auto found = find_workload(context, command, arguments[0], status);
  if (!found) return std::nullopt;
  choice.workload_ = *found;
  status = kWrongUsage;
  if (const auto word = arguments.value_of('s')) {
    const auto seed = read_number(context, command, *word, "SEED");
    if (!seed) return std::nullopt;
    choice.seed_ = *seed;
  }
  choice.limit_ = found->generator != nullptr ? kDefaultOperations : UINT64_MAX;
  if (const auto word = arguments.value_of('n')) {
    const auto limit = read_number(context, command, *word, "OPERATIONS", 1);
    if (!limit) return std::nullopt;
    choice.limit_ = *limit;
  }
  status = kFailed;
  const auto needs = survey(context, found->name, choice.begin());
  if (!needs) return std::nullopt;
  choice.needs_ = *needs;
  choice.room_ = context.environment.setup.workspace();
  choice.slots_ = take_slots(choice.room_, needs->slots);
  return choice;
}

std::optional<std::uint64_t> WorkloadChoice::seed() const {
  if (workload_.generator == nullptr) return std::nullopt;
  return seed_;
}

workload::Source& WorkloadChoice::begin() {
  if (workload_.generator != nullptr) {
    the_generator.emplace(*workload_.generator, seed_, limit_);
    source_ = Limited(*the_generator, limit_);
  } else {
    reader_ = workload::TraceReader(workload_.trace);
    source_ = Limited(reader_, limit_);
  }
  return source_;
}

PlayWatch::PlayWatch(Context& context, std::string_view what)
    : context_(context),
      what_(what),
      next_progress_us_(context.environment.platform.uptime_us() + kMicrosecondsBetweenProgress) {}

bool PlayWatch::played(const workload::Operation&, const workload::Figures&) {
  if (++played_ % kBetweenChecks != 0) return true;
  const std::uint64_t now = context_.environment.platform.uptime_us();
  if (now >= next_progress_us_) {
    next_progress_us_ = now + kMicrosecondsBetweenProgress;
    FixedText<80> text;
    format(text, "{}: {} operations", what_, played_);
    context_.reply.progress(text.view());
  }
  stopped_ = context_.interrupted();
  return !stopped_;
}

}  // namespace heapscope::shell
