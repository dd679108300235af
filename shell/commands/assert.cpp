// `assert`: fails where a comparison of the heap's figures does not hold.
#include <algorithm>
#include <array>

#include "shell/command.hpp"
#include "shell/expression.hpp"
#include "shell/stat_fields.hpp"

namespace heapscope::shell {
namespace {

int run_assert(Context& context, const Arguments& arguments);

constexpr auto kNames = [] {
  std::array<std::string_view, kStatFields.size()> names{};
  std::ranges::transform(kStatFields, names.begin(), &StatField::name);
  return names;
}();
constexpr std::array<std::string_view, 3> kExamples{
    "assert live_blocks <= 100", "assert used_bytes - requested_bytes < 4K",
    "assert '2 * largest_free_bytes >= free_bytes'"};
constexpr std::array<std::string_view, 3> kRelated{"stats", "set", "repeat"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kNames}};
constexpr CommandRecord kRecord{
    .name = "assert",
    .usage = "assert EXPRESSION",
    .summary = "fail where a comparison does not hold",
    .help =
        "Compares numbers and figures of stats by == != < <= > >=, with + - * / and "
        "parentheses on both sides. Status 1 where that does not hold; what the figures are is "
        "said then.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = kMaxWords - 1,
    .takes_words_as_they_are = true,
    .run = run_assert,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// The heap's figures as they were at one moment.
class HeapFigures final : public Figures {
 public:
  explicit HeapFigures(const alloc::Heap& heap) : stats_(heap.stats()) {}
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view name) const override {
    const auto* const field = std::ranges::find(kStatFields, name, &StatField::name);
    if (field == kStatFields.end()) return std::nullopt;
    return field->read(stats_).number();
  }

 private:
  alloc::Stats stats_;
};

using Text = FixedText<Words::kRoom + kMaxWords>;

int refuse(Context& context, const ExpressionError& error) {
  Reply& reply = context.reply;
  switch (error.kind) {
    case ExpressionError::Kind::no_comparison:
      return reply.refuse(kRecord.usage, "a comparison is missing: == != < <= > or >=");
    case ExpressionError::Kind::unexpected:
      return error.text.empty()
                 ? reply.refuse(kRecord.usage, "the expression ends too soon")
                 : reply.refuse(kRecord.usage, "'{}' cannot stand there", error.text);
    case ExpressionError::Kind::unknown_name:
      return reply.refuse(kRecord.usage, "stats has no figure {}", error.text);
    case ExpressionError::Kind::bad_number:
      return reply.refuse(kRecord.usage, "'{}' is not a number", error.text);
    case ExpressionError::Kind::out_of_range:
      return reply.refuse(kRecord.usage, "a number does not fit in 64 bits with a sign");
    case ExpressionError::Kind::too_deep:
      return reply.refuse(kRecord.usage, "too many parentheses within one another");
    case ExpressionError::Kind::division_by_zero:
      break;
  }
  return reply.fail("division-by-zero", "assert: division by 0");
}

/// Each figure that the expression names, once, and what it is.
int explain(Context& context, std::string_view expression, const HeapFigures& figures) {
  FixedText<Words::kRoom> named;
  std::string_view rest = expression;
  for (std::string_view name; !(name = take_name(rest)).empty();) {
    std::string_view before =
        expression.substr(0, static_cast<std::size_t>(name.data() - expression.data()));
    bool first = true;
    for (std::string_view other; !(other = take_name(before)).empty();) {
      first = first && other != name;
    }
    if (!first) continue;
    named.write(named.view().empty() ? ": " : ", ");
    format(named, "{} is {}", name, figures.find(name).value_or(0));
  }
  return context.reply.fail("assertion", "assert: {} does not hold{}", expression, named.view());
}

int run_assert(Context& context, const Arguments& arguments) {
  Text expression;
  for (const std::string_view word : arguments.positional()) {
    if (!expression.view().empty()) expression.write(" ");
    expression.write(word);
  }
  const HeapFigures figures(context.environment.heap);
  const auto held = holds(expression.view(), figures);
  if (!held) return refuse(context, held.error());
  if (*held) return kSuccess;
  return explain(context, expression.view(), figures);
}

}  // namespace
}  // namespace heapscope::shell
