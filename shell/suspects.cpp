// Finding out about the blocks, and laying that out in lines.
#include "shell/suspects.hpp"

#include "shell/argument_values.hpp"
#include "shell/block_origin.hpp"

namespace heapscope::shell {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::string_view kIndent = "  ";

/// Writes a text as lines that are broken at blanks; all but the first are indented.
void write_wrapped(TextSink& out, std::string_view indent, std::string_view text) {
  out.write(indent);
  std::size_t column = indent.size();
  bool first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!first && column + 1 + word.size() > kColumns) {
      format(out, "\n{}{}", indent, kIndent);
      column = indent.size() + kIndent.size();
    } else if (!first) {
      out.write(" ");
      ++column;
    }
    out.write(word);
    column += word.size();
    first = false;
  }
  out.write("\n");
}

/// A block, and what is recorded of it.
struct Party {
  alloc::Address address = 0;
  std::size_t size = 0;
  bool freed = false;
  std::optional<alloc::Origin> origin;
};

void write_call(TextSink& out, const Platform& platform, std::string_view what,
                const alloc::CallStamp& call, std::uint64_t sequence) {
  FixedText<400> text;
  const CallersText callers(platform, call.path);
  format(text, "{} by {}, core {}", what, callers.view(), call.core());
  if (sequence != 0) format(text, ", call {}", sequence);
  format(text, ", at {} us", platform.microseconds_at(call.ticks()));
  write_wrapped(out, kIndent, text.view());
}

/// `remark` ends the first line.
void write_party(TextSink& out, Environment& environment, std::string_view label,
                 const Party& party, std::string_view remark = {}) {
  FixedText<240> text;
  format(text, "{}: {:#x} ({} bytes{})", label, party.address, party.size,
         party.freed ? ", freed" : "");
  const auto handle = environment.handles.find_address(party.address);
  if (handle && !party.freed) {
    format(text, ", {}", HandleName(handle->id).view());
    if (!handle->tag.empty()) format(text, " '{}'", handle->tag);
  }
  text.write(remark);
  write_wrapped(out, {}, text.view());
  if (!party.origin) return;
  const alloc::Origin& origin = *party.origin;
  write_call(out, environment.platform, "allocated", origin.allocated, origin.sequence);
  if (!origin.live) write_call(out, environment.platform, "freed", origin.freed, 0);
}

bool recording(alloc::Heap& heap) {
  return heap.with_instruments([](const alloc::Instruments& all) { return all.recording(); });
}

/// Why nothing is told of who allocated and freed it.
void explain_missing(TextSink& out, Environment& environment, const Party& party) {
  if (party.origin) return;
  out.write(recording(environment.heap) ? "  its origin is not recorded, or not any more\n"
                                        : "  heap.origins=on names who allocated and freed it\n");
}

/// A record of an earlier block at the same place says nothing of this one.
Party party_of(Environment& environment, const alloc::GuardedBlock& block) {
  Party party{.address = block.address,
              .size = block.layout.size,
              .freed = block.freed,
              .origin = origin_of(environment.heap, block.address)};
  const auto& origin = party.origin;
  const bool same = origin && origin->address == block.address && origin->layout == block.layout &&
                    (origin->live || block.freed);
  if (!same) party.origin.reset();
  return party;
}

Party party_of(const alloc::Origin& origin) {
  return {.address = origin.address,
          .size = origin.layout.size,
          .freed = !origin.live,
          .origin = origin};
}

void write_block(TextSink& out, Environment& environment, std::string_view label,
                 const alloc::GuardedBlock& block) {
  const Party party = party_of(environment, block);
  write_party(out, environment, label, party);
  explain_missing(out, environment, party);
}

/// What lay last where nothing lies now.
void write_last(TextSink& out, Environment& environment, alloc::Address address) {
  const auto origin = origin_of(environment.heap, address);
  if (origin) write_party(out, environment, "last there", party_of(*origin));
}

/// The block whose zones do not tell any more where it is: one whose origin lies where it
/// would be with one alignment or another.
void write_lost(TextSink& out, Environment& environment, alloc::Address address) {
  const auto extent = environment.heap.owner(address);
  if (!extent) return;
  constexpr std::size_t kLargestFront = 4096;
  for (std::size_t front = alloc::GuardedBlock::kRecordBytes;
       front <= kLargestFront && front < extent->size; front *= 2) {
    const auto origin = origin_of(environment.heap, extent->start + front);
    if (!origin || origin->address != extent->start + front) continue;
    return write_party(out, environment, "hit", party_of(*origin));
  }
}

/// The block that a free named, whatever is there now.
std::optional<Party> named_by(Environment& environment, alloc::Address address) {
  if (const auto block = environment.heap.guarded_block(address)) {
    return party_of(environment, *block);
  }
  const auto extent = environment.heap.owner(address);
  if (!extent || extent->state == alloc::ExtentState::metadata) return std::nullopt;
  const bool live = extent->state == alloc::ExtentState::live;
  auto origin = origin_of(environment.heap, live ? extent->start : address);
  if (live && origin && !origin->live) origin.reset();
  if (origin) return party_of(*origin);
  if (!live) return std::nullopt;
  return Party{.address = extent->start, .size = extent->size, .freed = false, .origin = {}};
}

}  // namespace

void write_suspects(TextSink& out, Environment& environment, const alloc::Finding& finding) {
  if (finding.kind == alloc::FindingKind::records) return write_last(out, environment, finding.at);
  if (finding.kind == alloc::FindingKind::zones_lost) {
    return write_lost(out, environment, finding.at);
  }
  const bool either = finding.kind == alloc::FindingKind::between_blocks;
  write_block(out, environment, either ? "suspect" : "culprit", finding.block);
  if (finding.lost != 0) write_lost(out, environment, finding.lost);
  if (finding.other) write_block(out, environment, either ? "suspect" : "hit", *finding.other);
}

void write_suspects(TextSink& out, Environment& environment, const RefusedFree& refused) {
  if (refused.error == alloc::HeapError::outside_heap) return;
  const auto party = named_by(environment, refused.address);
  if (!party) {
    format(out, "no block is known to have been at {:#x}\n", refused.address);
    return;
  }
  FixedText<80> remark;
  if (refused.address > party->address) {
    format(remark, "; {:#x} is {} bytes behind its start", refused.address,
           refused.address - party->address);
  } else if (refused.address < party->address) {
    format(remark, "; {:#x} is {} bytes before its start", refused.address,
           party->address - refused.address);
  }
  write_party(out, environment, "culprit", *party, remark.view());
  explain_missing(out, environment, *party);
}

std::optional<alloc::Finding> search_for_misuse(Environment& environment) {
  constexpr std::size_t kAtOnce = 16;
  const Range heap = environment.setup.plan().heap;
  auto from = static_cast<alloc::Address>(heap.start);
  std::optional<alloc::Finding> other;
  for (std::size_t i = 0; i < kMostSearched && heap.contains(from); i += kAtOnce) {
    const auto found = environment.heap.find_misuse(from, kAtOnce);
    if (found && found->names_block()) return found;
    // Records that are damaged say more than zones that are gone: the heap wipes those too.
    const bool better = found && (!other || (found->kind == alloc::FindingKind::records &&
                                             other->kind != alloc::FindingKind::records));
    if (better) other = found;
  }
  return other;
}

}  // namespace heapscope::shell
