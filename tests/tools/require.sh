#!/usr/bin/env bash
# Names every missing program with the way to get it, all at once; installs nothing.
set -euo pipefail
missing=0
for program in "$@"; do
  command -v "$program" >/dev/null 2>&1 && continue
  missing=1
  case "$program" in
    cargo) echo "cargo is missing: install Rust with rustup (rustup.rs), stable 1.94.1 or newer" >&2 ;;
    python3) echo "python3 is missing: install Python 3.10 or newer with the venv module (Debian: apt-get install python3 python3-venv)" >&2 ;;
    c++) echo "c++ is missing: libFuzzer is compiled here; install g++ or clang (Debian: apt-get install g++)" >&2 ;;
    *) echo "$program is missing: install it with your system's package manager" >&2 ;;
  esac
done
exit "$missing"
