#!/usr/bin/env bash
# Records all the traces of this folder anew: the exact commands that made them.
# Needs the Debian packages sqlite3, jq, perl, git, g++, clang-format, cmake,
# ninja-build and openssl. What they give depends a little on their versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
traces=tests/traces programs=tests/traces/programs
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

record() { ./heapscope record -o "$traces/$1.trace.xz" "${@:2}" >/dev/null; }

/usr/bin/python3 $programs/items.py >"$work/items.json"

record bash -- bash $programs/report.sh
record cc1plus --process cc1plus -- g++ -c $programs/shapes.cpp -o /dev/null
record clang-format -- clang-format kernel/main.cpp
record cmake --process cmake -- cmake -S . -B "$work/build" -G Ninja
record git-log -- git --no-pager log -p --stat -n 60
record jq -- jq -c -f $programs/items.jq "$work/items.json"
record openssl -- openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=a -keyout /dev/null
record perl -- perl $programs/tally.pl
PYTHONMALLOC=malloc PYTHONHASHSEED=0 record python -- /usr/bin/python3 -S $programs/words.py
record sqlite -- sqlite3 -init /dev/null :memory: ".read $programs/orders.sql"
