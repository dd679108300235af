#!/usr/bin/env bash
# Fails where a source file is not formatted as .clang-format says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find base alloc atags uart shell kernel tests tools -name '*.hpp' -o -name '*.cpp' |
  xargs clang-format --dry-run --Werror
