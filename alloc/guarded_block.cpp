// Writing and reading the zones of a fully hardened heap.
#include "alloc/guarded_block.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace heapscope::alloc {
namespace {

struct Record {
  std::uint64_t what;
  std::uint64_t seal;
  friend bool operator==(const Record&, const Record&) = default;
};
static_assert(sizeof(Record) == GuardedBlock::kRecordBytes);

constexpr unsigned kAlignShift = 56;

/// What a record stands for; added to what is sealed.
enum class Role : std::uint64_t {
  front_of_live = 0x6c69'7665'626c'6f63,
  front_of_freed = 0x6672'6565'6462'6c6b,
  behind = 0x6265'6869'6e64'6974,  // Live or freed alike: known when the front is gone.
};

constexpr Role front_role(bool freed) { return freed ? Role::front_of_freed : Role::front_of_live; }

// The last byte of a record is neither zero nor text either: what runs down into
// it is noticed.
constexpr std::uint64_t kLastByteMark = std::uint64_t{0x81} << 56;

std::byte* memory(Address address) { return reinterpret_cast<std::byte*>(address); }

/// Each bit of the result depends on all of `value`. It need not be hard to
/// forge, only unlikely to come about.
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 32)) * 0xd6e8'feb8'6659'fd93;
  value = (value ^ (value >> 32)) * 0xd6e8'feb8'6659'fd93;
  return value ^ (value >> 32);
}

Record record_for(Address place, Layout layout, Role role) {
  const auto align = static_cast<std::uint64_t>(std::countr_zero(layout.align));
  const std::uint64_t what = (layout.size | align << kAlignShift) ^ mix(place);
  return {.what = what,
          .seal = mix(what + static_cast<std::uint64_t>(role) + place) | kLastByteMark};
}

Record read_record(Address place) {
  Record record;
  std::memcpy(&record, memory(place), sizeof(record));
  return record;
}

void write_record(Address place, Layout layout, Role role) {
  const Record record = record_for(place, layout, role);
  std::memcpy(memory(place), &record, sizeof(record));
}

/// The layout that the record at `place` holds, if it is one.
std::optional<Layout> sealed_layout(Address place, Role role) {
  const Record found = read_record(place);
  const std::uint64_t what = found.what ^ mix(place);
  const Layout layout{.size = what & ((std::uint64_t{1} << kAlignShift) - 1),
                      .align = std::size_t{1} << (what >> kAlignShift) % 64};
  if (!GuardedBlock::possible(layout)) return std::nullopt;
  if (found != record_for(place, layout, role)) return std::nullopt;
  return layout;
}

void fill(Address address, std::size_t size, unsigned char with) {
  std::memset(memory(address), with, std::min(size, GuardedBlock::kMostFilled));
}

std::byte gap_byte(const Record& tail) { return std::byte(tail.seal >> 56); }

/// The first byte of `size` at `address` that is not `fill`, or 0.
Address first_other(Address address, std::size_t size, std::byte fill) {
  const std::byte* const bytes = memory(address);
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != fill) return address + i;
  }
  return 0;
}

/// The first byte at `place` that is not `expected`'s, or 0.
Address first_difference(Address place, const Record& expected) {
  std::array<std::byte, sizeof(Record)> wanted;
  std::memcpy(wanted.data(), &expected, sizeof(expected));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (memory(place)[i] != wanted[i]) return place + i;
  }
  return 0;
}

/// Whether the last two bytes of the record are not as they should be.
bool differing_end(Address place, Layout layout, Role role) {
  return (read_record(place).seal ^ record_for(place, layout, role).seal) >> 48 != 0;
}

}  // namespace

std::optional<GuardedBlock> GuardedBlock::at(Address address, Range heap) {
  if (address % kRecordBytes != 0 || !heap.contains(address)) return std::nullopt;
  if (address - heap.start < kRecordBytes) return std::nullopt;
  for (const bool freed : {false, true}) {
    if (const auto layout = sealed_layout(address - kRecordBytes, front_role(freed))) {
      return GuardedBlock{.address = address, .layout = *layout, .freed = freed};
    }
  }
  return std::nullopt;
}

std::optional<GuardedBlock> GuardedBlock::in(Range outer) {
  for (std::size_t front = kRecordBytes; front < outer.size(); front *= 2) {
    const auto block = at(static_cast<Address>(outer.start + front), outer);
    if (block && block->front_bytes() == front) return block;
  }
  if (outer.size() < 2 * kRecordBytes) return std::nullopt;
  const auto tail = static_cast<Address>(outer.end - kRecordBytes);
  const auto layout = sealed_layout(tail, Role::behind);
  if (!layout) return std::nullopt;
  GuardedBlock block{.address = 0, .layout = *layout};
  block.address = tail - block.tail_offset();
  return block;
}

void GuardedBlock::write_zones() const {
  const Address tail = address + tail_offset();
  write_record(address - kRecordBytes, layout, front_role(freed));
  write_record(tail, layout, Role::behind);
  std::memset(memory(end()), static_cast<int>(gap_byte(read_record(tail))), tail - end());
}

void GuardedBlock::prepare() const {
  // A record that an earlier heap left in the padding must not be taken for ours.
  for (std::size_t front = kRecordBytes; front < front_bytes(); front *= 2) {
    std::memset(memory(outer_start() + front - kRecordBytes), kFreshFill, kRecordBytes);
  }
  fill(address, layout.size, kFreshFill);
  write_zones();
}

void GuardedBlock::prepare_resized(std::size_t old_size) const {
  if (layout.size > old_size) {
    fill(address + old_size, layout.size - old_size, kFreshFill);
  }
  write_zones();
}

void GuardedBlock::poison() {
  freed = true;
  fill(address, layout.size, kFreedFill);
  write_zones();
}

void GuardedBlock::wipe() const {
  fill(address - kRecordBytes, kRecordBytes + layout.size, kFreedFill);
  fill(end(), outer_end() - end(), kFreedFill);
}

Address GuardedBlock::damage_before() const {
  const Address place = address - kRecordBytes;
  return first_difference(place, record_for(place, layout, front_role(freed)));
}

Address GuardedBlock::damage_behind() const {
  const Address tail = address + tail_offset();
  const Record expected = record_for(tail, layout, Role::behind);
  const Address in_gap = first_other(end(), tail - end(), gap_byte(expected));
  return in_gap != 0 ? in_gap : first_difference(tail, expected);
}

bool GuardedBlock::overwritten_from_end() const {
  const Address first = damage_behind();
  return first != 0 && first - end() < 2;
}

bool GuardedBlock::overwritten_up_to_start() const {
  return differing_end(address - kRecordBytes, layout, front_role(freed));
}

bool GuardedBlock::overwritten_through_tail() const {
  return differing_end(address + tail_offset(), layout, Role::behind);
}

bool GuardedBlock::overwritten_through_front() const {
  const Address place = address - kRecordBytes;
  const Record expected = record_for(place, layout, front_role(freed));
  return ((read_record(place).what ^ expected.what) & 0xffff) != 0;
}

Address GuardedBlock::damage_inside() const {
  return freed ? first_other(address, std::min(layout.size, kMostFilled), std::byte{kFreedFill})
               : 0;
}

}  // namespace heapscope::alloc
