// Trying the sources one after the other. Each attempt gives a BootInfo, or the
// reason why that source cannot be used.
#include "atags/boot_info.hpp"

#include "atags/device_tree.hpp"
#include "atags/reserved_list.hpp"
#include "atags/tag_list.hpp"

namespace heapscope::atags {
namespace {

using Reason = std::string_view;
using Attempt = Result<BootInfo, Reason>;

struct Place {
  std::span<const std::byte> bytes;
  std::uint64_t address = 0;
};

void add_bank(BootInfo& info, const Range& bank) {
  if (!bank.empty() && !info.banks.push_back(bank)) info.banks_truncated = true;
}

void add_tag(BootInfo& info, const Tag& tag) {
  if (const auto* mem = tag.as<Mem>()) add_bank(info, range_from_size(mem->start, mem->size));
  if (const auto* initrd = tag.as<Initrd2>()) {
    info.initrd = range_from_size(initrd->start, initrd->size);
  }
  if (const auto* line = tag.as<CmdLine>()) info.command_line = line->text;
}

bool is_word_aligned(std::span<const std::byte> bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint32_t) == 0;
}

std::span<const std::uint32_t> words_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint32_t*>(bytes.data()),
          bytes.size() / sizeof(std::uint32_t)};
}

Attempt try_tags(const Place& place) {
  if (!is_word_aligned(place.bytes)) return fail(Reason("the address is not a multiple of 4"));
  const auto list = TagList::open(words_of(place.bytes));
  if (!list) return fail(describe(list.error()));

  BootInfo info{.source = BootSource::atags, .address = place.address};
  TagCursor cursor = list->cursor();
  while (const auto tag = cursor.next()) add_tag(info, *tag);
  info.malformed = cursor.malformed();
  if (info.banks.empty()) {
    return fail(info.malformed ? info.malformed->describe() : Reason("no MEM tag with memory"));
  }
  info.tags = list->extent();
  add_reserved(info.reserved, range_from_size(place.address, info.tags.size_bytes()));
  return info;
}

Attempt try_device_tree(const Place& place) {
  const auto facts = read_device_tree(place.bytes);
  if (!facts) return fail(describe(facts.error()));
  if (facts->banks.empty()) return fail(Reason("a device tree without memory"));

  BootInfo info{.source = BootSource::device_tree,
                .address = place.address,
                .banks = facts->banks,
                .banks_truncated = facts->banks_truncated,
                .command_line = facts->command_line,
                .initrd = facts->initrd};
  add_reserved(info.reserved, range_from_size(place.address, facts->total_size));
  for (const Range& range : facts->reserved) add_reserved(info.reserved, range);
  return info;
}

Attempt try_mailbox(const std::optional<Range>& memory) {
  if (!memory) return fail(Reason("the mailbox did not answer"));
  if (memory->empty()) return fail(Reason("the mailbox reports no memory"));
  BootInfo info{.source = BootSource::mailbox};
  add_bank(info, *memory);
  return info;
}

// Keeps the rejections of the attempts made so far.
class Search {
 public:
  // Notes what is wrong with a failed attempt; true if it did not fail.
  bool accept(Attempt attempt, BootSource source, std::uint64_t address) {
    if (attempt) {
      found_ = *attempt;
      found_.rejected = rejected_;
      return true;
    }
    static_cast<void>(
        rejected_.push_back({.source = source, .address = address, .reason = attempt.error()}));
    return false;
  }

  [[nodiscard]] const BootInfo& found() const { return found_; }
  [[nodiscard]] NoBootSource nothing() const { return {.rejected = rejected_}; }

 private:
  BootInfo found_;
  Rejections rejected_;
};

}  // namespace

std::string_view boot_source_name(BootSource source) {
  switch (source) {
    case BootSource::atags:
      return "atags";
    case BootSource::device_tree:
      return "device-tree";
    case BootSource::mailbox:
      return "mailbox";
  }
  return "unknown";
}

Result<BootInfo, NoBootSource> discover(const BootCandidates& candidates) {
  const Place fixed{.bytes = candidates.at_0x100, .address = kFirmwareTagsAddress};
  const Place given{.bytes = candidates.at_x0, .address = candidates.x0};
  const bool has_given = !given.bytes.empty() && given.address != fixed.address;

  Search search;
  const auto tags_at = [&search](const Place& place) {
    return search.accept(try_tags(place), BootSource::atags, place.address);
  };
  const auto tree_at = [&search](const Place& place) {
    return search.accept(try_device_tree(place), BootSource::device_tree, place.address);
  };
  const bool found = tags_at(fixed) || (has_given && tags_at(given)) ||
                     (has_given && tree_at(given)) || tree_at(fixed) ||
                     search.accept(try_mailbox(candidates.mailbox_memory), BootSource::mailbox, 0);
  if (!found) return fail(search.nothing());
  return search.found();
}

}  // namespace heapscope::atags
