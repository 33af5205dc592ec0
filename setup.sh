#!/usr/bin/env bash
# Sets up mask-edge in this folder: ./setup.sh --demo runs it, ./setup.sh --test tests it. See --help.
set -euo pipefail

readonly MINIMUM="3.11"
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly HERE
readonly VENV="${SETUP_VENV:-$HERE/.venv}"

usage() {
    cat <<'TEXT'
usage: ./setup.sh --demo | --test | --help

  --demo   make a virtual environment, install mask-edge, and run it on the built-in scene
  --test   install what the tests need as well, and run them
  --help   this text

The environment is .venv in this folder, or $SETUP_VENV. Nothing outside of it is changed,
but for Debian's package python3-venv, which is installed if it is missing.
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    say "$1"
    exit "${2:-1}"
}

check_machine() {
    case "$(uname -m)" in
        x86_64 | aarch64) ;;
        armv7l | armv6l) fail "this is a 32-bit system ($(uname -m)); flash the 64-bit Raspberry Pi OS, the TFLite runtime exists for that alone" ;;
        *) fail "no TFLite runtime exists for $(uname -m); use a 64-bit Raspberry Pi or PC" ;;
    esac
    command -v python3 >/dev/null || fail "python3 is missing; sudo apt install python3 python3-venv"
    python3 - "$MINIMUM" <<'PY' || fail "Python $MINIMUM or newer is needed, this is $(python3 -V); use Raspberry Pi OS bookworm or newer"
import sys
sys.exit(sys.version_info[:2] < tuple(map(int, sys.argv[1].split("."))))
PY
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root is needed for: $*"
    fi
}

ensure_venv_module() {
    python3 -c 'import ensurepip, venv' 2>/dev/null && return
    command -v apt-get >/dev/null || fail "Python's venv module is missing; install it with your package manager"
    say "installing python3-venv"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
}

# install EXTRAS: into the environment, unless exactly this was installed before.
install() {
    local extras="$1" stamp="$VENV/.mask-edge-$1" now
    now="$(python3 -V) $(sha256sum <"$HERE/pyproject.toml")"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        say "installed already: $VENV"
        return
    fi
    [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
    say "installing mask-edge[$extras] into $VENV (some minutes the first time)"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable "${HERE}[$extras]"
    printf '%s\n' "$now" >"$stamp"
}

demo() {
    install cpu
    say "running the built-in scene: someone walks in bare, puts a mask on, lets it slip, mends it, leaves"
    cd "$HERE"
    "$VENV/bin/python" -m edge demo
}

run_tests() {
    install test,training,lint
    cd "$HERE"
    "$VENV/bin/python" -m pytest "$@"
}

main() {
    local action="${1:-}"
    case "$action" in
        --help | -h) usage && return ;;
        --demo | --test) shift ;;
        "") usage >&2 && fail "choose --demo or --test" 2 ;;
        *) usage >&2 && fail "unknown option: $action" 2 ;;
    esac
    check_machine
    ensure_venv_module
    if [ "$action" = --demo ]; then demo; else run_tests "$@"; fi
}

main "$@"
