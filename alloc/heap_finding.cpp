// The lines that a fully hardened heap dies with.
#include "alloc/heap_finding.hpp"

#include "base/panic.hpp"

namespace heapscope::alloc {

std::string_view finding_text(FindingKind kind) {
  switch (kind) {
    case FindingKind::overflow:
      return "a block was written past its end";
    case FindingKind::underflow:
      return "a block was written before its start";
    case FindingKind::use_after_free:
      return "a block was written after it was freed";
    case FindingKind::zones_lost:
      return "a block lost its zones on both sides";
  }
  return "a block is damaged";
}

Damage damage_of(const Finding& finding) {
  Damage damage{.address = finding.at, .what = finding_text(finding.kind)};
  if (finding.kind != FindingKind::zones_lost) {
    damage.culprit = {.address = finding.block.address, .size = finding.block.layout.size};
  }
  if (finding.other) {
    damage.victim = {.address = finding.other->address, .size = finding.other->layout.size};
  }
  return damage;
}

void PanicOnFinding::report(const Finding& finding) {
  FixedText<200> parties;
  if (finding.kind != FindingKind::zones_lost) {
    format(parties, ": {:#x} ({} bytes)", finding.block.address, finding.block.layout.size);
  }
  if (finding.other) {
    format(parties, ", into {:#x} ({} bytes)", finding.other->address, finding.other->layout.size);
  }
  panic("heap damaged at {:#x}: {}{}", finding.at, finding_text(finding.kind), parties.view());
}

void PanicOnFinding::report(const Damage& damage) {
  panic("heap damaged at {:#x}: {}", damage.address, damage.what);
}

}  // namespace heapscope::alloc
