#!/usr/bin/env bash
# Builds the local control plane once per machine and state of its sources:
#
#   build.sh OUT_DIR
#
# puts the binary at OUT_DIR/control-plane-HASH and prints that path, alone, on stdout. With nothing to
# do it only prints. Progress and errors go to stderr. Two builds at a time are safe: the second waits.
set -euo pipefail

kubernetes=v1.37.2
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    echo "$1" >&2
    exit 1
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# What the binary is made of: the sources, for which machine, by which Go.
key() {
    {
        cd "$sources"
        cat go.mod go.sum ./*.go build.sh
        GOTOOLCHAIN=local go env GOOS GOARCH
        GOTOOLCHAIN=local go version
    } | sha256 | cut -c 1-16
}

# The lock is a symbolic link that names its owner's process; that of a dead owner is taken away.
lock() {
    local owner said=no
    until ln -s $$ "$1" 2>/dev/null; do
        owner=$(readlink "$1" || true)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -f "$1"
            continue
        fi
        [ $said = yes ] || echo "another build of the control plane is running: waiting for it" >&2
        said=yes
        sleep 1
    done
}

# Says that the build is alive, since it is silent for minutes. The sleep outlives this function's end:
# it must not keep the caller's pipes open.
progress() {
    while sleep 15 >/dev/null 2>&1; do
        echo "building the control plane: $((SECONDS - $1)) s" >&2
    done
}

build() {
    echo "building the control plane: first time only, about 6 minutes on two idle cores, 800 MB of Go modules …" >&2
    local started=$SECONDS
    progress "$started" >/dev/null &
    ticker=$!
    (cd "$sources" && CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes -X k8s.io/client-go/pkg/version.gitVersion=$kubernetes" \
        -o "$1.$$.partial" .) >&2 || fail "the control plane could not be built: see the lines above"
    mv "$1.$$.partial" "$1"
    echo "building the control plane: done in $((SECONDS - started)) s" >&2
}

[ $# -eq 1 ] || fail "usage: build.sh OUT_DIR"
command -v go >/dev/null ||
    fail "The control plane is built with Go 1.26 or newer: install it, or set KUBECONFIG to a cluster's, or set KUBEBUILDER_ASSETS to a directory with etcd and kube-apiserver."

mkdir -p "$1"
out=$(cd "$1" && pwd)
binary=$out/control-plane-$(key)
if [ ! -x "$binary" ]; then
    ticker=
    lock "$binary.lock"
    trap '[ -z "$ticker" ] || kill "$ticker" 2>/dev/null; rm -f "$binary.lock" "$binary.$$.partial"' EXIT
    trap 'exit 1' INT TERM
    [ -x "$binary" ] || build "$binary"
fi
echo "$binary"
