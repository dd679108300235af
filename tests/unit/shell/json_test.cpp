// The tests' own JSON reader: it must be strict, or it proves nothing.
#include "json.hpp"

#include <gtest/gtest.h>

namespace heapscope::shell::test {
namespace {

TEST(JsonReader, ReadsEveryKindOfValue) {
  const Json value = Json::parse(R"({"a":null,"b":[true,false],"c":{"d":0},"e":"0x1f"})");
  EXPECT_EQ(value.names(), (std::vector<std::string>{"a", "b", "c", "e"}));
  EXPECT_TRUE(value["a"].is_null());
  EXPECT_TRUE(value["b"][0].boolean());
  EXPECT_FALSE(value["b"][1].boolean());
  EXPECT_EQ(value["c"]["d"].number(), 0U);
  EXPECT_EQ(value["e"].address(), 0x1fU);
  EXPECT_EQ(Json::parse("18446744073709551615").number(), UINT64_MAX);
  EXPECT_EQ(Json::parse("[]").size(), 0U);
  EXPECT_TRUE(Json::parse("{}").names().empty());
}

TEST(JsonReader, ReadsTextsWithEscapesAndUtf8) {
  EXPECT_EQ(Json::parse(R"("\"\\\/\b\f\n\r\t\u001b\u00e4\ufffd")").text(),
            "\"\\/\b\f\n\r\t\x1b\u00e4\ufffd");
  EXPECT_EQ(Json::parse("\"\u00e4\u20ac\U0001f600\"").text(), "\u00e4\u20ac\U0001f600");
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const std::string_view text : {"",
                                      "nul",
                                      "{",
                                      "[",
                                      "[1,]",
                                      "[1 ,2]",
                                      " 1",
                                      "1 ",
                                      "01",
                                      "-1",
                                      "1.5",
                                      "1e3",
                                      "+1",
                                      "abc",
                                      "18446744073709551616",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\":1,\"a\":2}",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\x1b\"",
                                      "\"\n\"",
                                      "\"\x80\"",
                                      "\"\xc3\"",
                                      "\"\xc0\x80\"",
                                      "\"\xe0\x80\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xff\"",
                                      "1}",
                                      "[1]]"}) {
    EXPECT_THROW((void)Json::parse(text), JsonError) << text;
  }
}

TEST(JsonReader, AccessorsCheckTheKind) {
  const Json value = Json::parse(R"({"n":1,"t":"1","z":"0xg"})");
  EXPECT_THROW((void)value["n"].text(), JsonError);
  EXPECT_THROW((void)value["t"].number(), JsonError);
  EXPECT_THROW((void)value["t"].address(), JsonError);
  EXPECT_THROW((void)value["z"].address(), JsonError);
  EXPECT_THROW((void)value["none"], JsonError);
  EXPECT_THROW((void)value[0], JsonError);
}

}  // namespace
}  // namespace heapscope::shell::test
