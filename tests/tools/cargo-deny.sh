#!/usr/bin/env bash
# Builds the pinned cargo-deny once into the per-user cache and prints the folder to put on PATH.
# It must not touch the user's own cargo binaries.
set -euo pipefail
version=0.20.2
root="${ECR_WEBHOOK_CACHE:-$HOME/.cache/ecr-compliance-webhook}/tools/cargo-deny-$version"
if [ ! -x "$root/bin/cargo-deny" ]; then
  echo "building cargo-deny $version: first time only, about 4 minutes" >&2
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR="$build" cargo install --quiet --locked --root "$root" "cargo-deny@$version" >&2
fi
echo "$root/bin"
