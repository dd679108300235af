// Allocations that fail on purpose, to see what their callers do then.
#pragma once

#include <cstdint>

#include "alloc/layout.hpp"

namespace heapscope::alloc {

/// Which allocations are refused as if memory had run out.
struct FailureRule {
  enum class Kind : std::uint8_t {
    off,
    nth,          ///< The one of that number from now on, counted from 1.
    every,        ///< That one, and each as many later.
    above,        ///< Those of more bytes than that.
    probability,  ///< Of a hundred that many, by chance.
  };
  Kind kind = Kind::off;
  std::uint64_t value = 0;
  std::uint64_t seed = 0;  ///< Of chance: the same seed refuses the same ones.
};

/// Follows a rule.
class FailurePlan {
 public:
  [[gnu::cold]] void set(const FailureRule& rule) {
    rule_ = rule;
    seen_ = refused_ = 0;
    random_ = rule.seed;
  }
  /// Refuses no more; what was counted stays, up to the next rule.
  [[gnu::cold]] void stop() { rule_ = {}; }
  [[nodiscard]] bool on() const { return rule_.kind != FailureRule::Kind::off; }
  [[nodiscard]] const FailureRule& rule() const { return rule_; }
  /// Whether it was for one allocation, which has come.
  [[nodiscard]] bool done() const {
    return rule_.kind == FailureRule::Kind::nth && seen_ >= rule_.value;
  }
  /// Allocations since the rule was set, and those of them that were refused for it.
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  /// Whether the next allocation, of that layout, is to be refused. To grow a block is one,
  /// in place or not.
  [[nodiscard, gnu::cold]] bool refuses(Layout layout);

 private:
  FailureRule rule_;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t random_ = 0;
};

}  // namespace heapscope::alloc
