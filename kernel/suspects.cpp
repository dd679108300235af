// One complaint for each core: they may panic at once, and only one of them reports.
#include "kernel/suspects.hpp"

#include <array>
#include <optional>

#include "kernel/cpu.hpp"
#include "kernel/image.hpp"
#include "shell/suspects.hpp"

namespace heapscope::kernel {
namespace {

struct Complaint {
  std::optional<alloc::Finding> finding;
  std::optional<shell::RefusedFree> refused;
};

// Nobody comes back from a panic, so that what is kept is what it was about.
constinit std::array<Complaint, kCores> complaints;

Complaint& complaint_here() { return complaints[core_number()]; }

}  // namespace

void KeepFindingAndPanic::report(const alloc::Finding& finding) {
  complaint_here().finding = finding;
  alloc::PanicOnFinding::report(finding);
}

// Where the damage comes from is looked for when it is reported.
void KeepFindingAndPanic::report(const alloc::Damage& damage) {
  alloc::PanicOnFinding::report(damage);
}

void keep_refused_free(alloc::Address address, alloc::HeapError error) {
  complaint_here().refused = shell::RefusedFree{.address = address, .error = error};
}

void write_kept_suspects(TextSink& out, shell::Environment& environment, std::string_view message) {
  const Complaint& kept = complaint_here();
  if (kept.finding) return write_suspects(out, environment, *kept.finding);
  if (kept.refused) return write_suspects(out, environment, *kept.refused);
  if (!message.starts_with(alloc::kDamagePanic)) return;
  const auto found = shell::search_for_misuse(environment);
  if (!found) return;
  if (found->names_block()) {
    format(out, "found at {:#x}: {}\n", found->at, alloc::finding_text(found->kind));
  }
  write_suspects(out, environment, *found);
}

}  // namespace heapscope::kernel
