// Commands that fault are given up: what they had begun to show is ended, the
// fault is shown, and the shell goes on.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "shell/json_printer.hpp"
#include "shell/plain_printer.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::ShellRig;

constexpr std::string_view kSummary = "data abort at 0x50000000";

TEST(Fault, InPlainModeShowsTheDetailsAndOneError) {
  ShellRig rig;
  rig.platform.fault_next();
  EXPECT_EQ(rig.plain("echo 1"), "1\nregisters\nerror: data abort at 0x50000000\n");
  EXPECT_EQ(rig.status(), "1");
}

TEST(Fault, InJsonModeIsStillOneLine) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string_view line : {"stats", "heapmap -b", "atags -x", "alloc 64", "help"}) {
    rig.platform.fault_next();
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.result["problem"]["kind"].text(), "fault") << line;
    EXPECT_EQ(reply.result["problem"]["message"].text(), kSummary) << line;
    EXPECT_EQ(rig.status(), "1") << line;
  }
}

TEST(Fault, EndsTheChainLikeAnyFailure) {
  ShellRig rig;
  rig.platform.fault_next();
  const std::string output = rig.plain("@t echo 1 && echo 2 || echo 3; echo 4");
  EXPECT_EQ(output,
            "@t BEGIN\n1\nregisters\nerror: data abort at 0x50000000\n3\n4\n@t END status=0\n");
}

class StringSink final : public TextSink {
 public:
  void write(std::string_view text) override { text_ += text; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// A reply with one of everything, as a list of the calls that make it.
const std::vector<std::function<void(Reply&)>> kSteps{
    [](Reply& reply) { reply.field("first", Value::count(1)); },
    [](Reply& reply) {
      reply.begin_cells("cells", {.start = 0x1000, .cell_bytes = 8, .columns = 2});
    },
    [](Reply& reply) { reply.cell({.permille = 1000}); },
    [](Reply& reply) { reply.cell({.permille = 0}); },
    [](Reply& reply) { reply.cell({.permille = 500}); },
    [](Reply& reply) { reply.end_cells(); },
    [](Reply& reply) { reply.begin_list("list", {}); },
    [](Reply& reply) { reply.begin_item(); },
    [](Reply& reply) { reply.field("a", Value::text("x")); },
    [](Reply& reply) { reply.field("b", Value::none()); },
    [](Reply& reply) { reply.end_item(); },
    [](Reply& reply) { reply.begin_item(); },
    [](Reply& reply) { reply.field("a", Value::text("y")); },
    [](Reply& reply) { reply.end_item(); },
    [](Reply& reply) { reply.end_list(); },
    [](Reply& reply) { reply.line("text", "done"); },
};

/// Answers with the first `steps` of the reply and is then given up.
void give_up_after(ReplyPrinter& printer, std::size_t steps) {
  printer.begin("test");
  for (std::size_t i = 0; i < steps; ++i) kSteps[i](printer);
  printer.give_up();
  if (printer.begun()) {
    (void)printer.problem("fault", "{}", kSummary);
  } else {
    (void)printer.fail("fault", "{}", kSummary);
  }
  printer.end();
}

TEST(Fault, WhereverAJsonReplyIsGivenUpItCanBeParsed) {
  for (std::size_t steps = 0; steps <= kSteps.size(); ++steps) {
    StringSink sink;
    JsonPrinter printer(sink);
    give_up_after(printer, steps);
    const auto lines = test::split_lines(sink.text());
    ASSERT_EQ(lines.size(), 1U) << steps;
    const JsonReply reply = test::read_reply(lines[0]);
    const test::Json& fault = steps == 0 ? reply.error : reply.result["problem"];
    EXPECT_EQ(fault["message"].text(), kSummary) << steps;
    // The next command begins with a clean slate.
    give_up_after(printer, 0);
    EXPECT_EQ(test::read_reply(test::split_lines(sink.text()).at(1)).kind(), "fault") << steps;
  }
}

TEST(Fault, WhereverAPlainReplyIsGivenUpTheNextOneIsAsEver) {
  const auto shown = [](std::size_t steps) {
    StringSink sink;
    PlainPrinter printer(sink);
    give_up_after(printer, steps);
    const std::size_t before = sink.text().size();
    give_up_after(printer, kSteps.size());
    return sink.text().substr(before);
  };
  for (std::size_t steps = 1; steps <= kSteps.size(); ++steps) {
    EXPECT_EQ(shown(steps), shown(0)) << steps;
  }
}

}  // namespace
}  // namespace heapscope::shell
