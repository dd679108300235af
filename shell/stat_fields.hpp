// The heap's figures by name: what `stats` shows, and what `assert` compares.
#pragma once

#include <array>
#include <string_view>

#include "alloc/inspection.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

struct StatField {
  std::string_view name;
  Value (*read)(const alloc::Stats& stats);
};

/// In the order in which they are shown.
inline constexpr std::array kStatFields{
    StatField{"start", [](const alloc::Stats& s) { return Value::address(s.start); }},
    StatField{"end", [](const alloc::Stats& s) { return Value::address(s.end); }},
    StatField{"heap_bytes", [](const alloc::Stats& s) { return Value::bytes(s.heap_bytes); }},
    StatField{"used_bytes", [](const alloc::Stats& s) { return Value::bytes(s.used_bytes); }},
    StatField{"requested_bytes",
              [](const alloc::Stats& s) { return Value::bytes(s.requested_bytes); }},
    StatField{"free_bytes", [](const alloc::Stats& s) { return Value::bytes(s.free_bytes); }},
    StatField{"metadata_bytes",
              [](const alloc::Stats& s) { return Value::bytes(s.metadata_bytes); }},
    StatField{"peak_used_bytes",
              [](const alloc::Stats& s) { return Value::bytes(s.peak_used_bytes); }},
    StatField{"largest_free_bytes",
              [](const alloc::Stats& s) { return Value::bytes(s.largest_free_bytes); }},
    StatField{"fragmentation_permille",
              [](const alloc::Stats& s) { return Value::count(s.fragmentation_permille()); }},
    StatField{"live_blocks", [](const alloc::Stats& s) { return Value::count(s.live_blocks); }},
    StatField{"allocations", [](const alloc::Stats& s) { return Value::count(s.allocations); }},
    StatField{"frees", [](const alloc::Stats& s) { return Value::count(s.frees); }},
    StatField{"failures", [](const alloc::Stats& s) { return Value::count(s.failures); }},
};

}  // namespace heapscope::shell
