// The history: order, duplicates, its bounded room, and looking things up.
#include "shell/history.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace heapscope::shell {
namespace {

std::vector<std::string> lines_of(const History& history) {
  std::vector<std::string> lines;
  for (std::size_t age = 0; age < history.size(); ++age) lines.emplace_back(history.line(age));
  return lines;
}

using Lines = std::vector<std::string>;

TEST(History, TheNewestLineIsTheFirst) {
  History history;
  EXPECT_EQ(history.size(), 0U);
  EXPECT_EQ(history.line(0), "");
  for (const char* line : {"one", "two", "three"}) history.add(line);
  EXPECT_EQ(lines_of(history), (Lines{"three", "two", "one"}));
  EXPECT_EQ(history.line(3), "");
  history.clear();
  EXPECT_EQ(history.size(), 0U);
}

TEST(History, ALineIsThereOnce) {
  History history;
  for (const char* line : {"a", "b", "a", "c", "b"}) history.add(line);
  EXPECT_EQ(lines_of(history), (Lines{"b", "c", "a"}));
}

TEST(History, BlankLinesAndWhatNeverFitsAreNotTaken) {
  History history;
  history.add("a");
  for (const std::string& line : {std::string(), std::string("  \t"), std::string(4096, 'x')}) {
    history.add(line);
  }
  EXPECT_EQ(lines_of(history), (Lines{"a"}));
}

TEST(History, TheOldestMakePlace) {
  History history;
  std::vector<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back("line number " + std::to_string(i));
    history.add(all.back());
    std::size_t bytes = 0;
    const auto lines = lines_of(history);
    for (std::size_t age = 0; age < lines.size(); ++age) {
      ASSERT_EQ(lines[age], all[all.size() - 1 - age]);
      bytes += lines[age].size() + 1;
    }
    ASSERT_LE(bytes, History::kRoom);
  }
  EXPECT_GT(history.size(), 200U);
}

TEST(History, FindsByPrefixAndByPart) {
  History history;
  for (const char* line : {"alloc 64", "free a1", "alloc 128", "stats"}) history.add(line);
  EXPECT_EQ(history.find_prefix("alloc", 0), 1U);
  EXPECT_EQ(history.find_prefix("alloc", 2), 3U);
  EXPECT_EQ(history.find_prefix("alloc", 4), 4U);
  EXPECT_EQ(history.find_prefix("", 2), 2U);
  EXPECT_EQ(history.find_part("a1", 0), 2U);
  EXPECT_EQ(history.find_part("nowhere", 0), 4U);
}

TEST(History, RandomLinesAgreeWithAList) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  History history;
  std::vector<std::string> model;  // Newest first.
  for (int round = 0; round < 5000; ++round) {
    const std::string line(1 + random() % 300, static_cast<char>('a' + random() % 6));
    history.add(line);
    std::erase(model, line);
    model.insert(model.begin(), line);
    std::size_t room = 0;
    std::size_t kept = 0;
    while (kept < model.size() && room + model[kept].size() + 1 <= History::kRoom) {
      room += model[kept++].size() + 1;
    }
    model.resize(kept);
    ASSERT_EQ(lines_of(history), model) << "seed " << seed << ", round " << round;
  }
}

}  // namespace
}  // namespace heapscope::shell
