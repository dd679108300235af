#!/usr/bin/env bash
# Builds heap_under_threads.cpp with ThreadSanitizer and runs it.
# Arguments: the compiler, and a folder for the program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
program=$2/heap_under_threads
"$1" -std=c++23 -O1 -g -fsanitize=thread -I"$root" -I"$root/tests/unit/kernel" \
  "$root"/tests/unit/kernel/heap_under_threads.cpp "$root"/kernel/stress.cpp "$root"/alloc/*.cpp "$root"/base/*.cpp \
  -o "$program"
exec setarch -R "$program"
