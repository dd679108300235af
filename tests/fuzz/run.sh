#!/usr/bin/env bash
# Builds a fuzz target, replays its corpus and looks for more for 20 seconds, or 20
# minutes in the long run. The arguments are the target's name, which is that of its
# source and its corpus, and a folder for what is built and found. Exit status 77:
# skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang++-19 >/dev/null || { echo "clang-19 is not installed"; exit 77; }
case $1 in
  bin_allocator) sources=(alloc/bin_allocator.cpp alloc/block_map.cpp alloc/slabs.cpp) length=600 ;;
  language) sources=(shell/language.cpp shell/variables.cpp) length=1400 ;;
esac
mkdir -p "$2/found"
clang++-19 -std=c++23 -O1 -g -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  "tests/fuzz/$1.cpp" "${sources[@]}" base/format.cpp -o "$2/$1"
seconds=20
[[ ${HEAPSCOPE_LONG-} != 1 ]] || seconds=1200
"$2/$1" -runs=0 "tests/fuzz/corpus/$1"
"$2/$1" -max_total_time=$seconds -max_len=$length -timeout=10 -artifact_prefix="$2/" \
  "$2/found" "tests/fuzz/corpus/$1"
