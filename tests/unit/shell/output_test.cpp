// Line ends on their way to the console.
#include "shell/output.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace heapscope::shell {
namespace {

class Recorder final : public Console {
 public:
  std::optional<std::uint8_t> read() override { return std::nullopt; }
  void write(std::string_view bytes) override { sent_ += bytes; }
  bool take_interrupt() override { return false; }
  bool has_input() override { return false; }
  void wait(std::uint64_t) override {}
  void set_raw(bool) override {}
  std::string take() { return std::exchange(sent_, {}); }

 private:
  std::string sent_;
};

TEST(Output, LineFeedsBecomeCrLf) {
  Recorder recorder;
  Output output(recorder);
  output.write("a\n\nb");
  EXPECT_EQ(recorder.take(), "a\r\n\r\nb");
  output.write("\nc\n");
  EXPECT_EQ(recorder.take(), "\r\nc\r\n");
}

TEST(Output, BeginLineEndsTheLineThatWasBegunIfAny) {
  Recorder recorder;
  Output output(recorder);
  output.begin_line();
  EXPECT_EQ(recorder.take(), "");
  output.write("a");
  output.write("");
  output.begin_line();
  EXPECT_EQ(recorder.take(), "a\r\n");
  output.begin_line();
  output.write("b\n");
  output.begin_line();
  EXPECT_EQ(recorder.take(), "b\r\n");
}

}  // namespace
}  // namespace heapscope::shell
