// Random calls to each allocator beside a model of its live blocks: mixed sizes,
// alignments up to 4 MiB, heaps from a page to many megabytes.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "tests/unit/alloc/allocators_under_test.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

struct Shape {
  std::size_t heap_bytes;
  std::size_t offset;
  std::uint64_t steps;
  bool unsized;  // Whether blocks also come back without their layout.
};

constexpr Shape kShapes[] = {
    {.heap_bytes = 4096, .offset = 0, .steps = 15'000, .unsized = false},
    {.heap_bytes = 10'007, .offset = 13, .steps = 15'000, .unsized = true},
    {.heap_bytes = std::size_t{200} << 10, .offset = 16, .steps = 20'000, .unsized = false},
    {.heap_bytes = std::size_t{24} << 20, .offset = 48, .steps = 20'000, .unsized = true},
};

/// Mostly small, sometimes a good part of the heap.
std::size_t any_size(RandomSource& random, std::size_t heap) {
  const std::uint64_t kind = random.below(100);
  if (kind < 55) return random.between(1, 128);
  if (kind < 85) return random.between(1, 2048);
  if (kind < 97) return random.between(1, heap / 16);
  return random.between(1, heap / 3);
}

std::size_t any_align(RandomSource& random) {
  const std::uint64_t kind = random.below(100);
  if (kind < 45) return 16;
  if (kind < 70) return std::size_t{1} << random.below(4);
  if (kind < 95) return std::size_t{1} << random.between(5, 12);
  return std::size_t{1} << random.between(13, 22);
}

/// Whether the free memory is such that "exhausted" may be said: no run is as long
/// as the block and the most padding that its alignment can need.
template <Allocator A>
bool justifies_exhausted(const A& allocator, Layout layout) {
  constexpr std::size_t kFreeAlign = AllocatorTraits<A>::kFreeAlign;
  const std::size_t padding = layout.align > kFreeAlign ? layout.align - kFreeAlign : 0;
  // A free slot serves its own class only.
  constexpr std::size_t kLargestSlot = HasSlabs<A> ? Slabs::kClasses * kFreeAlign : 0;
  const std::size_t enough = std::max(allocator.usable_size(layout) + padding, kLargestSlot + 1);
  return allocator.stats().largest_free_bytes < enough;
}

template <Allocator A>
class RandomDriver {
 public:
  RandomDriver(const Shape& shape, std::uint64_t seed)
      : shape_(shape),
        random_(seed),
        region_(shape.heap_bytes, shape.offset, Region::kLargeAnchor) {
    restart();
  }

  void run() {
    const std::uint64_t steps = rounds(shape_.steps);
    for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      if (i % 128 == 0) inspect();
      // Now and then the heap runs empty, so that it is not always near full.
      if (random_.below(3000) == 0) shadow_.deallocate_all(random_);
      if (!kReturnsMemory && allocator_.stats().free_bytes < 64) restart();
    }
    finish();
  }

 private:
  static constexpr bool kReturnsMemory = AllocatorTraits<A>::kReturnsMemory;

  void restart() {
    EXPECT_TRUE(shadow_.contents_intact());
    allocator_ = A();
    allocator_.initialize(region_.range());
    fresh_ = extents_of(allocator_);
    failures_ = 0;
    shadow_.abandon_all();
  }

  void step() {
    const std::uint64_t kind = random_.below(100);
    if (shadow_.empty() || kind < 50) {
      allocate({.size = any_size(random_, shape_.heap_bytes), .align = any_align(random_)});
    } else if (kind < 52) {
      allocate(any_bad_layout());
    } else if (kind < 65) {
      resize();
    } else if (kind < 70) {
      free_wrongly();
    } else if (shape_.unsized && kind < 78) {
      shadow_.deallocate_unsized(shadow_.any(random_));
    } else {
      shadow_.deallocate(shadow_.any(random_));
    }
  }

  void allocate(Layout layout) {
    const auto address = shadow_.allocate(layout);
    if (address) return;
    ++failures_;
    const bool ever = layout.valid() && fits_in_fresh_heap(layout);
    EXPECT_EQ(address.error(), ever ? HeapError::exhausted : HeapError::unsupported)
        << layout.size << " align " << layout.align;
    if (!ever) return;
    EXPECT_TRUE(justifies_exhausted(allocator_, layout))
        << layout.size << " align " << layout.align;
  }

  Layout any_bad_layout() {
    constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
    const Layout bad[] = {{.size = 0, .align = any_align(random_)},
                          {.size = 16, .align = random_.below(2) * 3},
                          {.size = kMost - random_.below(64), .align = any_align(random_)},
                          {.size = shape_.heap_bytes + 1, .align = 1},
                          {.size = 1, .align = std::size_t{1} << 60}};
    return random_.pick(bad);
  }

  [[nodiscard]] bool fits_in_fresh_heap(Layout layout) const {
    const Extent run = only(fresh_, ExtentState::free).front();
    if (layout.size > shape_.heap_bytes) return false;
    const Address aligned = align_up(run.start, layout.align);
    return aligned <= run.end() && allocator_.usable_size(layout) <= run.end() - aligned;
  }

  void resize() {
    const Address address = shadow_.any(random_);
    const Layout layout = shadow_.block(address).layout;
    const std::size_t size = random_.percent(50) ? any_size(random_, shape_.heap_bytes)
                                                 : random_.between(1, layout.size);
    const auto resized = shadow_.resize_in_place(address, size);
    if (resized) return;
    const bool in_slot = HasSlabs<A> && layout.size <= Slabs::kClasses * kDefaultAlign;
    EXPECT_TRUE(size > layout.size || in_slot) << "shrinking succeeds but in a slab";
    if (resized.error() == HeapError::unsupported) ++failures_;
    const bool ever = fits_in_fresh_heap({.size = size, .align = layout.align});
    // An allocator may leave it to the move to find out that it never fits.
    EXPECT_TRUE(resized.error() == HeapError::exhausted || !ever);
  }

  void free_wrongly() {
    const Address address = shadow_.any(random_);
    const Layout layout = shadow_.block(address).layout;
    for (Layout wrong :
         {Layout{.size = layout.size, .align = 3}, Layout{.size = 0, .align = layout.align}}) {
      EXPECT_EQ(allocator_.deallocate(address, wrong), fail(HeapError::wrong_layout));
    }
    EXPECT_EQ(allocator_.deallocate(region_.end() + address, layout),
              fail(HeapError::outside_heap));
  }

  void inspect() {
    settle(allocator_);
    EXPECT_EQ(unsound(allocator_), "");
    const Stats stats = allocator_.stats();
    EXPECT_EQ(stats.live_blocks, shadow_.count());
    EXPECT_EQ(stats.failures, failures_);
    if (!kReturnsMemory) return;
    EXPECT_EQ(stats.used_bytes, shadow_.usable_bytes());
    // A block that comes back without its layout counts as requested in full.
    EXPECT_TRUE(shape_.unsized || stats.requested_bytes == shadow_.requested_bytes());
    for (const Extent& extent : only(extents_of(allocator_), ExtentState::live)) {
      EXPECT_EQ(extent.size, shadow_.block(extent.start).usable);
    }
  }

  void finish() {
    inspect();
    EXPECT_TRUE(shadow_.contents_intact());
    shadow_.deallocate_all(random_);
    inspect();
    if (!kReturnsMemory) return;
    EXPECT_EQ(extents_of(allocator_), fresh_);
    EXPECT_TRUE(shape_.unsized || allocator_.stats().requested_bytes == 0);
  }

  Shape shape_;
  RandomSource random_;
  Region region_;
  A allocator_;
  ShadowHeap<A> shadow_{allocator_};
  std::vector<Extent> fresh_;
  std::uint64_t failures_ = 0;
};

template <class A>
class RandomCalls : public ::testing::Test {};
TYPED_TEST_SUITE(RandomCalls, AllocatorsUnderTest);

TYPED_TEST(RandomCalls, AgreeWithTheModel) {
  for (const Shape& shape : kShapes) {
    for (const std::uint64_t seed : kSeeds) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", " << shape.heap_bytes << " bytes");
      RandomDriver<TypeParam>(shape, seed).run();
      if (this->HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace heapscope::alloc
