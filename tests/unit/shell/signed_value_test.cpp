// Numbers that may be negative, as both printers show them. Apart from the other
// tests because the printers have no type information.
#include <gtest/gtest.h>

#include "shell/json_printer.hpp"
#include "shell/plain_printer.hpp"

namespace heapscope::shell {
namespace {

void show_extremes(ReplyPrinter& printer) {
  printer.begin("test");
  printer.field("small", Value::signed_count(-27));
  printer.field("least", Value::signed_count(INT64_MIN));
  printer.field("most", Value::signed_count(INT64_MAX));
  printer.end();
}

TEST(SignedValue, IsShownWithItsSignInPlain) {
  FixedText<400> text;
  PlainPrinter printer(text);
  show_extremes(printer);
  EXPECT_EQ(text.view(),
            "small                  -27\n"
            "least                  -9223372036854775808\n"
            "most                   9223372036854775807\n");
}

TEST(SignedValue, IsAnIntegerInJson) {
  FixedText<400> text;
  JsonPrinter printer(text);
  show_extremes(printer);
  EXPECT_EQ(text.view(), R"({"schema":1,"command":"test","status":0,"result":{"small":-27,)"
                         R"("least":-9223372036854775808,"most":9223372036854775807}})"
                         "\n");
}

}  // namespace
}  // namespace heapscope::shell
