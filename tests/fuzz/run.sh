#!/usr/bin/env bash
# Builds the targets and lets each follow coverage for FUZZ_SECONDS, from the seeds and from what earlier runs found.
# FUZZ_TARGET picks one of them, FUZZ_INPUT plays one input again. Everything it makes goes below the given folder.
set -euo pipefail
: "${1:?usage: run.sh TARGET_DIR}"
mkdir -p "$1"
out=$(realpath "$1")/fuzz
input=${FUZZ_INPUT:+$(realpath "$FUZZ_INPUT")}
cd "$(dirname "$0")"
host=$(rustc -vV | sed -n 's/^host: //p')

cargo tree --quiet --locked >/dev/null # cargo-fuzz would mend the lock file by itself
cargo fuzz build --fuzz-dir . --sanitizer none --target-dir "$out"

play() { # <target> <argument of libFuzzer>...
  "$out/$host/release/$1" "${@:2}" -timeout=10 -rss_limit_mb=2048
}

if [ -n "$input" ]; then
  play "${FUZZ_TARGET:?which target is FUZZ_INPUT for?}" "$input"
  exit
fi

failed=0
for target in ${FUZZ_TARGET:-review event policy reference host}; do
  seeds=$out/seeds/$target corpus=$out/corpus/$target broken=$out/broken/$target log=$out/$target.log
  rm -rf "$seeds"
  mkdir -p "$seeds" "$corpus" "$broken"
  number=0
  while IFS= read -r line; do printf %s "$line" >"$seeds/$((++number))"; done <"seeds/$target"
  # The longest input is somewhat longer than the longest seed, or than what the grammar lets pass.
  case $target in
    review) cp ../../lambda/fixtures/review.json "$seeds/" && words=json longest=8192 ;;
    event) cp ../../lambda/fixtures/event*.json "$seeds/" && words=json longest=12288 ;;
    policy) words=json longest=4096 ;;
    reference) words=name longest=1024 ;;
    host) words=name longest=256 ;;
  esac
  # What broke a promise once is tried first, until it no longer does.
  if play "$target" "$corpus" "$seeds" "$broken" -max_total_time="${FUZZ_SECONDS:-20}" -max_len="$longest" \
    -dict="$words.dict" -use_value_profile=1 -reload=0 -artifact_prefix="$broken/" >"$log" 2>&1; then
    sed -n "s/^#\([0-9]*\)\tDONE *cov: \([0-9]*\).*/$target: \1 inputs, \2 places of the code reached/p" "$log"
    continue
  fi
  failed=1
  grep -a -A 2 -e 'panicked at' -e 'ERROR: libFuzzer' "$log" | cut -c 1-1000 >&2 || tail -n 5 "$log" >&2
  printf '%s: a promise is broken; this plays it again:\n' "$target" >&2
  sed -n "s/.*Test unit written to /  make fuzz FUZZ_TARGET=$target FUZZ_INPUT=/p" "$log" >&2
done
exit "$failed"
