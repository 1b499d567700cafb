#!/usr/bin/env bash
# Builds a pinned cargo subcommand once into the per-user cache and prints the folder to put on PATH.
# It must not touch the user's own cargo binaries.
set -euo pipefail
case ${1:-} in
  cargo-deny) version=0.20.2 takes='about 4 minutes' ;;
  cargo-fuzz) version=0.13.2 takes='about a minute' ;;
  *) echo "usage: cargo-tool.sh cargo-deny|cargo-fuzz" >&2 && exit 2 ;;
esac
root="${ECR_WEBHOOK_CACHE:-$HOME/.cache/ecr-compliance-webhook}/tools/$1-$version"
if [ ! -x "$root/bin/$1" ]; then
  echo "building $1 $version: first time only, $takes" >&2
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR="$build" cargo install --quiet --locked --root "$root" "$1@$version" >&2
fi
echo "$root/bin"
