#!/usr/bin/env bash
# Builds the fuzz target of the bin allocator, replays its corpus and looks for more
# for 20 seconds, or 20 minutes in the long run. The argument is a folder for what is
# built and found. Exit status 77: skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang++-19 >/dev/null || { echo "clang-19 is not installed"; exit 77; }
mkdir -p "$1/found"
clang++-19 -std=c++23 -O1 -g -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  tests/fuzz/bin_allocator.cpp alloc/bin_allocator.cpp alloc/block_map.cpp alloc/slabs.cpp \
  base/format.cpp \
  -o "$1/bin_allocator"
seconds=20
[[ ${HEAPSCOPE_LONG-} != 1 ]] || seconds=1200
"$1/bin_allocator" -runs=0 tests/fuzz/corpus/bin_allocator
"$1/bin_allocator" -max_total_time=$seconds -max_len=600 -timeout=10 -artifact_prefix="$1/" \
  "$1/found" tests/fuzz/corpus/bin_allocator
