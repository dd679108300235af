// Deciding which allocation is to fail.
#include "alloc/failure_plan.hpp"

namespace heapscope::alloc {
namespace {

/// SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e37'79b9'7f4a'7c15;
  std::uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
  z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
  return z ^ z >> 31;
}

}  // namespace

bool FailurePlan::refuses(Layout layout) {
  ++seen_;
  bool refused = false;
  switch (rule_.kind) {
    case FailureRule::Kind::off:
      break;
    case FailureRule::Kind::nth:
      refused = seen_ == rule_.value;
      break;
    case FailureRule::Kind::every:
      refused = seen_ % rule_.value == 0;
      break;
    case FailureRule::Kind::above:
      refused = layout.size > rule_.value;
      break;
    case FailureRule::Kind::probability:
      refused = next_random(random_) % 100 < rule_.value;
      break;
  }
  if (refused) ++refused_;
  return refused;
}

}  // namespace heapscope::alloc
