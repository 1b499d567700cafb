#!/usr/bin/env bash
# Builds the pinned cargo-fuzz once into the per-user cache and prints the folder to put on PATH.
# It must not touch the user's own cargo binaries.
set -euo pipefail
version=0.13.2
root="${ECR_WEBHOOK_CACHE:-$HOME/.cache/ecr-compliance-webhook}/tools/cargo-fuzz-$version"
if [ ! -x "$root/bin/cargo-fuzz" ]; then
  echo "building cargo-fuzz $version: first time only, about a minute" >&2
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR="$build" cargo install --quiet --locked --root "$root" "cargo-fuzz@$version" >&2
fi
echo "$root/bin"
