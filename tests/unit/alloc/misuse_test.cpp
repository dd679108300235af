// The misuse table: each kind of misuse really committed, on each allocator at
// each level, and what came of it. The table in docs/hardening.md is compared with
// what is found here.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "alloc/bump_allocator.hpp"
#include "alloc/default_allocator.hpp"
#include "tests/unit/alloc/allocators_under_test.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr Layout kLayout{.size = 64};
/// Too large for a slab: two of these that are freed side by side become one run.
constexpr Layout kMerging{.size = 400};

/// What the program with the misuse notes where its parent can read it.
struct Notes {
  bool misused;    // The misuse is over, the rest of the program runs.
  bool at_once;    // The misuse itself was refused.
  bool later;      // A correct free was refused afterwards.
  bool corrupted;  // Memory in use was handed out, written to, or left the heap.
};

/// A heap in the middle of canaries, and the program's own idea of its blocks.
template <Allocator A>
class Program {
 public:
  struct Block {
    Address address = 0;
    Layout layout;
    unsigned char fill = 0;
  };

  explicit Program(Notes& notes) : notes_(notes) { allocator_.initialize(region_.range()); }

  A& allocator() { return allocator_; }
  [[nodiscard]] Range heap() const { return region_.range(); }
  Notes& notes() { return notes_; }

  Block allocate(const Layout& layout) {
    const auto address = allocator_.allocate(layout);
    if (!address) return {};
    const Block block{.address = *address, .layout = layout, .fill = next_fill_++};
    if (clashes(block)) give_up();
    live_.push_back(block);
    write(block);
    return block;
  }

  /// A free as it should be: one that is refused shows that something is wrong.
  void free(const Block& block) {
    forget(block);
    check(block);
    if (!allocator_.deallocate(block.address, block.layout)) notes_.later = true;
  }

  /// Takes a block from the model without freeing it.
  void forget(const Block& block) {
    std::erase_if(live_, [&](const Block& each) { return each.address == block.address; });
  }

  /// A free as it should not be.
  void free_wrongly(Address address, const Layout& layout) {
    wrong_free_ = address;
    if (!allocator_.deallocate(address, layout)) notes_.at_once = true;
  }

  /// Whose pointer is misused, and which neighbour that reaches.
  void blame(const Block& culprit, const Block& reached = {}) {
    culprit_ = culprit.address;
    reached_ = reached.address;
  }
  [[nodiscard]] Address culprit() const { return culprit_; }
  [[nodiscard]] Address reached() const { return reached_; }
  /// What was freed as it should not be; nothing where that is not the misuse.
  [[nodiscard]] std::optional<Address> wrong_free() const { return wrong_free_; }

  /// What a correct program does with the heap afterwards.
  void go_on() {
    notes_.misused = true;
    // First what was misused, if it is to be had: that is where harm would show.
    for (const std::size_t size : {64U, 112U, 100U, 96U, 512U}) {
      for (int i = 0; i < 3; ++i) allocate({.size = size});
    }
    // Whoever's bytes were overwritten writes them again: what else changes them
    // is the heap's doing.
    for (const Block& block : live_) write(block);
    RandomSource random(kSeeds[0]);
    for (int i = 0; i < 400; ++i) {
      if (!live_.empty() && random.percent(45)) {
        free(Block(random.pick(live_)));
      } else {
        const std::size_t most = random.percent(10) ? 20'000 : 400;
        allocate({.size = random.between(1, most), .align = random.percent(80) ? 16U : 8U});
      }
    }
    while (!live_.empty()) free(Block(live_.back()));
    if (!region_.fences_intact() || !unsound(allocator_).empty()) notes_.corrupted = true;
  }

 private:
  [[nodiscard]] bool clashes(const Block& block) const {
    const Range bytes = range(block);
    if (bytes.start < heap().start || bytes.end > heap().end) return true;
    return std::ranges::any_of(live_,
                               [&](const Block& other) { return bytes.overlaps(range(other)); });
  }
  static Range range(const Block& block) {
    return {.start = block.address, .end = block.address + block.layout.size};
  }
  static void write(const Block& block) {
    std::memset(bytes_at(block.address), block.fill, block.layout.size);
  }
  void check(const Block& block) {
    if (!filled_with(block.address, block.layout.size, block.fill)) notes_.corrupted = true;
  }
  [[noreturn]] void give_up() {
    notes_.corrupted = true;
    _exit(0);
  }

  Notes& notes_;
  Region region_{4 * kMiB};
  A allocator_;
  std::vector<Block> live_;
  unsigned char next_fill_ = 1;
  Address culprit_ = 0;
  Address reached_ = 0;
  std::optional<Address> wrong_free_;
};

/// Blocks around the one that is misused, which has neighbours of the kind that is
/// asked for and more than 1 MiB of the heap on both sides. All are too large for slabs,
/// so that they lie side by side.
template <Allocator A>
struct Scene {
  using Block = typename Program<A>::Block;

  Scene(Program<A>& program, bool free_neighbours) {
    constexpr Layout kFar{.size = kMiB + 65'536};
    constexpr Layout kNear{.size = 512};
    constexpr Layout kApart{.size = 272};
    program.allocate(kFar);
    const Block middle = program.allocate({.size = kMiB});
    if constexpr (AllocatorTraits<A>::kReturnsMemory) {
      // All else is taken, so that the rest comes from here.
      for (std::size_t size = kMiB; size >= kApart.size; size /= 2) {
        while (program.allocate({.size = size}).address != 0) continue;
      }
      program.free(middle);
    }
    // Others of the same size, so that a freed one has links to somewhere.
    const Block twin = program.allocate(kNear);
    program.allocate(kApart);
    const Block before = program.allocate(kNear);
    block = program.allocate({.size = 400});
    behind = program.allocate(kNear);
    program.allocate(kApart);
    const Block last_twin = program.allocate(kNear);
    program.allocate(kApart);
    EXPECT_TRUE(block.address != 0 && last_twin.address != 0);
    lower = before.address < block.address ? before : behind;
    upper = before.address < block.address ? behind : before;
    if constexpr (!AllocatorTraits<A>::kReturnsMemory) program.allocate(kFar);
    if (!free_neighbours) return;
    for (const Block& each : {twin, before, last_twin, behind}) program.free(each);
  }

  Block block;
  Block behind;
  Block lower;  // One of the two that the block lies between.
  Block upper;
};

/// A kind of misuse, for any allocator.
template <Allocator A>
struct Misuse {
  std::string name;
  std::function<void(Program<A>&)> commit;
};

template <Allocator A>
void add_double_frees(std::vector<Misuse<A>>& all) {
  using P = Program<A>;
  all.push_back({"double free, at once", [](P& p) {
                   const auto a = p.allocate(kLayout);
                   p.allocate(kLayout);
                   p.free(a);
                   p.blame(a);
                   p.free_wrongly(a.address, kLayout);
                 }});
  all.push_back({"double free, another in between", [](P& p) {
                   const auto a = p.allocate(kLayout);
                   p.allocate(kLayout);
                   const auto b = p.allocate(kLayout);
                   p.allocate(kLayout);
                   p.free(a);
                   p.free(b);
                   p.blame(a);
                   p.free_wrongly(a.address, kLayout);
                 }});
  all.push_back({"double free, after it merged", [](P& p) {
                   const auto a = p.allocate(kMerging);
                   const auto b = p.allocate(kMerging);
                   p.allocate(kMerging);
                   p.free(b);
                   p.free(a);
                   p.blame(b);
                   p.free_wrongly(b.address, kMerging);
                 }});
  all.push_back({"double free, handed out again", [](P& p) {
                   const auto a = p.allocate(kLayout);
                   p.allocate(kLayout);
                   p.free(a);
                   p.allocate(kLayout);
                   p.blame(a);
                   p.free_wrongly(a.address, kLayout);
                 }});
  all.push_back({"double free, inside a new block", [](P& p) {
                   const auto a = p.allocate(kMerging);
                   const auto b = p.allocate(kMerging);
                   p.allocate(kMerging);
                   p.free(a);
                   p.free(b);
                   p.allocate({.size = 2 * kMerging.size});
                   const auto upper = a.address > b.address ? a : b;
                   p.blame(upper);
                   p.free_wrongly(upper.address, kMerging);
                 }});
}

template <Allocator A>
void add_invalid_frees(std::vector<Misuse<A>>& all) {
  using P = Program<A>;
  const auto add = [&](std::string where, std::function<Address(P&)> address) {
    all.push_back({"invalid free, " + where, [address](P& p) {
                     const Address wrong = address(p);
                     p.free_wrongly(wrong, kLayout);
                   }});
  };
  add("null", [](P& p) { return p.allocate(kLayout).address * 0; });
  add("inside a block", [](P& p) {
    const auto block = p.allocate({.size = 256});
    p.blame(block);
    return block.address + 64;
  });
  add("one byte into a block", [](P& p) {
    const auto block = p.allocate(kLayout);
    p.blame(block);
    return block.address + 1;
  });
  add("memory never handed out", [](P& p) { return p.allocate(kLayout).address + 4096; });
  add("below the heap", [](P& p) {
    p.allocate(kLayout);
    return static_cast<Address>(p.heap().start) - 64;
  });
  add("above the heap", [](P& p) {
    p.allocate(kLayout);
    return static_cast<Address>(p.heap().end) + 64;
  });
  add("the heap's first byte", [](P& p) {
    p.allocate({.size = 32});
    p.allocate(kLayout);
    return static_cast<Address>(p.heap().start);
  });
}

template <Allocator A>
void add_wrong_layouts(std::vector<Misuse<A>>& all) {
  using P = Program<A>;
  const auto add = [&](std::string how, Layout right, Layout wrong) {
    all.push_back({"wrong layout, " + how, [right, wrong](P& p) {
                     const auto a = p.allocate(right);
                     p.allocate(right);
                     p.forget(a);
                     p.blame(a);
                     p.free_wrongly(a.address, wrong);
                   }});
  };
  add("size 1 less, same rounding", {.size = 100}, {.size = 99});
  add("size 1 more, same rounding", {.size = 100}, {.size = 101});
  add("size smaller", {.size = 100}, {.size = 40});
  add("size larger", {.size = 100}, {.size = 400});
  add("alignment smaller", {.size = 96}, {.size = 96, .align = 8});
  add("alignment larger", {.size = 96, .align = 8}, {.size = 96, .align = 1 << 16});
}

template <Allocator A>
void add_wild_writes(std::vector<Misuse<A>>& all) {
  using P = Program<A>;
  struct Length {
    const char* name;
    std::size_t bytes;
  };
  constexpr Length kLengths[] = {{"1 byte", 1},   {"16 bytes", 16},   {"256 bytes", 256},
                                 {"4 KiB", 4096}, {"64 KiB", 65'536}, {"1 MiB", kMiB}};
  for (const bool over : {true, false}) {
    for (const bool free_neighbours : {false, true}) {
      for (const Length& length : kLengths) {
        const std::string name = std::string(over ? "overflow" : "underflow") + " of " +
                                 length.name + ", " + (free_neighbours ? "free" : "live") +
                                 " neighbour";
        const std::size_t bytes = length.bytes;
        all.push_back({name, [=](P& p) {
                         const Scene<A> scene(p, free_neighbours);
                         const Address end = scene.block.address + scene.block.layout.size;
                         const Address from = over ? end : scene.block.address - bytes;
                         p.blame(scene.block, over ? scene.upper : scene.lower);
                         std::memset(bytes_at(from), 'A', bytes);
                       }});
      }
    }
  }
  struct Place {
    const char* name;
    std::size_t offset;
    std::size_t bytes;
  };
  constexpr Place kPlaces[] = {
      {"the first 8 bytes", 0, 8}, {"one byte inside", 200, 1}, {"all of it", 0, 512}};
  for (const Place& place : kPlaces) {
    all.push_back({std::string("use after free, ") + place.name, [place](P& p) {
                     const Scene<A> scene(p, true);
                     p.blame(scene.behind);
                     std::memset(bytes_at(scene.behind.address + place.offset), 'A', place.bytes);
                   }});
  }
}

template <Allocator A>
std::vector<Misuse<A>> all_misuses() {
  std::vector<Misuse<A>> all;
  add_double_frees(all);
  add_invalid_frees(all);
  add_wrong_layouts(all);
  add_wild_writes(all);
  return all;
}

/// Runs the misuse in a process of its own, which may come to any end.
template <Allocator A>
std::string outcome_of(const Misuse<A>& misuse) {
  void* const shared =
      mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& notes = *new (shared) Notes{};
  const pid_t child = fork();
  if (child == 0) {
    // What it dies of is seen in its status.
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    alarm(20);
    Program<A> program(notes);
    misuse.commit(program);
    program.go_on();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const Notes seen = notes;
  munmap(shared, sizeof(Notes));
  const bool panicked = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  const bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (seen.corrupted || !(panicked || ended)) return "silent";
  if (seen.at_once || (panicked && !seen.misused)) return "at once";
  if (seen.later || panicked) return "later";
  return "survived";
}

template <Allocator A>
std::vector<std::string> column() {
  std::vector<std::string> outcomes;
  for (const auto& misuse : all_misuses<A>()) outcomes.push_back(outcome_of(misuse));
  return outcomes;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

struct Table {
  std::vector<std::string> names;
  std::vector<std::string> heads{"bump", "bin none", "bin default", "bin full"};
  std::vector<std::vector<std::string>> columns;

  [[nodiscard]] std::string text() const {
    std::string all = line("misuse", heads);
    all += line("---", std::vector<std::string>(heads.size(), "---"));
    for (std::size_t row = 0; row < names.size(); ++row) {
      std::vector<std::string> cells;
      for (const auto& each : columns) cells.push_back(each[row]);
      all += line(names[row], cells);
    }
    return all;
  }

 private:
  static std::string line(const std::string& name, const std::vector<std::string>& cells) {
    std::string text = "| " + padded(name, 40) + " |";
    for (const std::string& cell : cells) text += " " + padded(cell, 11) + " |";
    return text + "\n";
  }
};

const Table& table() {
  static const Table made = [] {
    Table result;
    for (const auto& misuse : all_misuses<BumpAllocator>()) result.names.push_back(misuse.name);
    result.columns = {column<BumpAllocator>(), column<BinAllocatorAt<Hardening::none>>(),
                      column<BinAllocatorAt<Hardening::standard>>(),
                      column<BinAllocatorAt<Hardening::full>>()};
    return result;
  }();
  return made;
}

TEST(Misuse, TheTableIsTheOneInTheDocumentation) {
  const std::string found = table().text();
  std::cout << found;
  std::ifstream file(HEAPSCOPE_DOCS "/hardening.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(found), std::string::npos)
      << "docs/hardening.md shows another table than the one above";
}

TEST(Misuse, NoWildWriteMakesTheHeapCorruptMore) {
  for (std::size_t row = 0; row < table().names.size(); ++row) {
    const std::string& name = table().names[row];
    if (!name.starts_with("overflow") && !name.starts_with("underflow")) continue;
    for (const std::size_t level : {2U, 3U}) {
      EXPECT_NE(table().columns[level][row], "silent") << name << ", " << table().heads[level];
    }
  }
}

TEST(Misuse, FullNoticesAllOfIt) {
  for (std::size_t row = 0; row < table().names.size(); ++row) {
    const std::string& outcome = table().columns[3][row];
    EXPECT_TRUE(outcome == "at once" || outcome == "later") << table().names[row];
  }
}

/// What is known of a misuse, where the parent can read it.
struct Named {
  bool committed;     // All below but `caught` is filled in.
  bool freed;         // The misuse was a free, of a block that is `named`, 0 for none.
  bool none_blamed;   // It misuses no block's pointer.
  bool right;         // The culprit is named right after the misuse.
  bool right_kind;    // And what was done with its pointer.
  bool right_other;   // And the neighbour.
  bool caught;        // The program was stopped by a finding.
  bool caught_right;  // That has the culprit as such, or as one of two.
};

Named* named_here = nullptr;
Address blamed = 0;

bool names(const Finding& finding, Address culprit) {
  if (finding.kind != FindingKind::between_blocks) return finding.block.address == culprit;
  return finding.block.address == culprit || finding.other->address == culprit;
}

/// Notes whom the panic names.
struct NotingReport {
  static void report(const Finding& finding) {
    named_here->caught = finding.names_block();
    named_here->caught_right = names(finding, blamed);
    PanicOnFinding::report(finding);
  }
  static void report(const Damage& damage) { PanicOnFinding::report(damage); }
};
using Noting = Hardened<BinAllocator, NotingReport>;

/// What a look through the heap finds first that names a block.
std::optional<Finding> search(const Noting& heap, Range range) {
  for (auto at = static_cast<Address>(range.start); range.contains(at);) {
    const auto found = heap.finding_at(at);
    if (found && found->names_block()) return found;
    at = heap.extent_at(at).end();
  }
  return std::nullopt;
}

/// In a panic of the allocator inside, as the kernel does.
Program<Noting>* dying = nullptr;
void search_in_panic(int) {
  if (!named_here->caught) {
    const auto found = search(dying->allocator(), dying->heap());
    named_here->caught = found.has_value();
    named_here->caught_right = found && names(*found, blamed);
  }
  _exit(1);
}

FindingKind kind_of(std::string_view misuse) {
  if (misuse.starts_with("overflow")) return FindingKind::overflow;
  return misuse.starts_with("underflow") ? FindingKind::underflow : FindingKind::use_after_free;
}

void name_culprit(const Misuse<Noting>& misuse, Named& named) {
  named_here = &named;
  Program<Noting> program(*new Notes{});
  misuse.commit(program);
  blamed = program.culprit();
  named.none_blamed = blamed == 0;
  if (const auto wrong = program.wrong_free()) {
    named.freed = true;
    const auto block = program.allocator().guarded_block(*wrong);
    named.right = blamed == (block ? block->address : 0);
    named.committed = true;
    return;
  }
  const auto found = search(program.allocator(), program.heap());
  named.right = found && found->kind != FindingKind::between_blocks && names(*found, blamed);
  named.right_kind = found && found->kind == kind_of(misuse.name);
  const Address reached = program.reached();
  named.right_other = reached == 0 || (found && found->other && found->other->address == reached);
  named.committed = true;
  dying = &program;
  static_cast<void>(std::signal(SIGABRT, search_in_panic));
  program.go_on();
}

Named named_by(const Misuse<Noting>& misuse) {
  void* const shared =
      mmap(nullptr, sizeof(Named), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& named = *new (shared) Named{};
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    alarm(20);
    name_culprit(misuse, named);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  const Named seen = named;
  munmap(shared, sizeof(Named));
  return seen;
}

/// Whether the next block is reached and keeps a zone, so that it is known.
bool reaches_one(std::string_view misuse) { return misuse.contains("256 bytes"); }

TEST(Misuse, FullNamesTheCulpritOfAllOfIt) {
  std::size_t without_culprit = 0;
  for (const auto& misuse : all_misuses<Noting>()) {
    SCOPED_TRACE(misuse.name);
    const Named named = named_by(misuse);
    EXPECT_TRUE(named.committed);
    EXPECT_TRUE(named.right);
    if (named.none_blamed) ++without_culprit;
    if (named.freed) continue;
    EXPECT_TRUE(named.right_kind);
    EXPECT_TRUE(named.right_other || !reaches_one(misuse.name));
    // By then the program has written to its blocks again, so that it may not be told any
    // more which of two it was.
    EXPECT_TRUE(named.caught);
    EXPECT_TRUE(named.caught_right);
  }
  // Frees of what never was a block.
  EXPECT_EQ(without_culprit, 5U);
}

}  // namespace
}  // namespace heapscope::alloc
