// Sizes as people read them.
#include "shell/human_size.hpp"

#include <gtest/gtest.h>

#include <string>

namespace heapscope::shell {
namespace {

class StringSink final : public TextSink {
 public:
  void write(std::string_view text) override { text_ += text; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string human(std::uint64_t bytes) {
  StringSink sink;
  write_human_size(sink, bytes);
  return sink.text();
}

TEST(HumanSize, InTheLargestUnitOfWhichThereIsOne) {
  EXPECT_EQ(human(0), "0 bytes");
  EXPECT_EQ(human(1023), "1023 bytes");
  EXPECT_EQ(human(1024), "1.0 KiB");
  EXPECT_EQ(human(65'536), "64.0 KiB");
  EXPECT_EQ(human(1'048'575), "1023.9 KiB");
  EXPECT_EQ(human(1'048'576), "1.0 MiB");
  EXPECT_EQ(human(994'050'048), "948.0 MiB");
  EXPECT_EQ(human(std::uint64_t{3} << 30), "3.0 GiB");
  EXPECT_EQ(human(std::uint64_t{1} << 40), "1.0 TiB");
  EXPECT_EQ(human(UINT64_MAX), "16777215.9 TiB");
}

TEST(HumanSize, IsCutToATenth) {
  EXPECT_EQ(human(1024 + 102), "1.0 KiB");
  EXPECT_EQ(human(1024 + 103), "1.1 KiB");
  EXPECT_EQ(human(2 * 1024 - 1), "1.9 KiB");
}

}  // namespace
}  // namespace heapscope::shell
