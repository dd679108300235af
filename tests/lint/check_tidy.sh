#!/usr/bin/env bash
# Runs clang-tidy over the rooms: minutes of work, so only among the long tests.
# The argument is a build folder with compile_commands.json. Exit status 77: skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ ${HEAPSCOPE_LONG-} == 1 ]] || exit 77
command -v clang-tidy-19 >/dev/null || { echo "clang-tidy-19 is not installed"; exit 77; }
find base alloc atags shell -name '*.cpp' | xargs -P2 -n4 clang-tidy-19 --quiet -p "$1"
