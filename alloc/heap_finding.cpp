// The lines that a fully hardened heap dies with.
#include "alloc/heap_finding.hpp"

#include "base/panic.hpp"

namespace heapscope::alloc {
namespace {

void write_party(TextSink& out, const GuardedBlock& block, bool tell_freed) {
  format(out, "{:#x} ({} bytes{})", block.address, block.layout.size,
         block.freed && tell_freed ? ", freed" : "");
}

}  // namespace

std::string_view finding_text(FindingKind kind) {
  switch (kind) {
    case FindingKind::overflow:
      return "a block was written past its end";
    case FindingKind::underflow:
      return "a block was written before its start";
    case FindingKind::use_after_free:
      return "a block was written after it was freed";
    case FindingKind::between_blocks:
      return "what lies between two blocks was overwritten";
    case FindingKind::zones_lost:
      return "a block lost its zones on both sides";
    case FindingKind::records:
      return "the heap's own records were overwritten";
  }
  return "a block is damaged";
}

Damage damage_of(const Finding& finding) {
  Damage damage{.address = finding.at, .what = finding_text(finding.kind)};
  damage.disputed = finding.kind == FindingKind::between_blocks;
  if (finding.names_block()) {
    damage.culprit = {.address = finding.block.address, .size = finding.block.layout.size};
  }
  if (finding.other) {
    damage.victim = {.address = finding.other->address, .size = finding.other->layout.size};
  }
  return damage;
}

void PanicOnFinding::report(const Finding& finding) {
  FixedText<200> parties;
  if (finding.names_block()) {
    parties.write(": ");
    write_party(parties, finding.block, finding.kind != FindingKind::use_after_free);
  }
  if (finding.other) {
    parties.write(finding.kind == FindingKind::between_blocks ? " and " : ", into ");
    write_party(parties, *finding.other, true);
  }
  panic("{} at {:#x}: {}{}", kDamagePanic, finding.at, finding_text(finding.kind), parties.view());
}

void PanicOnFinding::report(const Damage& damage) {
  panic("{} at {:#x}: {}", kDamagePanic, damage.address, damage.what);
}

}  // namespace heapscope::alloc
