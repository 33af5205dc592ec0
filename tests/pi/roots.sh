# Sourced by the scripts of this folder: Debian roots, made once in a cache folder, and commands run inside them.
# Packages come from where this machine takes its own: its apt source, its pip index, its proxy and certificates are passed through.
# shellcheck shell=bash

CACHE=${MASKEDGE_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mask-edge-tests}
REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "== $*" >&2; }
fail() {
  printf '%s\n' "FAILED: $*" >&2
  exit 1
}

# need COMMAND PACKAGE...: stops with the command to type where one is missing.
need() {
  local missing=()
  while (($#)); do
    command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  ((${#missing[@]} == 0)) || fail "missing here: sudo apt install --no-install-recommends ${missing[*]}"
  ((EUID == 0)) || fail "needs root for chroot and mount: sudo $0"
}

# The Debian mirror: $MIRROR, or the first apt source of this machine; empty: mmdebstrap's own default.
mirror() {
  if [[ -n ${MIRROR:-} ]]; then
    echo "$MIRROR"
    return
  fi
  awk '/^URIs:/{print $2; exit} /^deb /{for(i=2;i<=NF;i++) if($i ~ /^http/){print $i; exit}}' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true
}

# make_root NAME SUITE ARCHITECTURE PACKAGE...: prints the folder of a root that holds these packages.
make_root() {
  local root=$CACHE/$1 suite=$2 architecture=$3
  shift 3
  if [[ ! -e $root/.complete ]]; then
    say "building $root ($suite $architecture), some minutes"
    rm -rf --one-file-system "$root"
    mkdir -p "$CACHE"
    # shellcheck disable=SC2046  # no mirror: no argument
    mmdebstrap --variant=minbase --architectures="$architecture" --aptopt='Apt::Install-Recommends "false"' \
      --include="$(IFS=,; echo "$*")" "$suite" "$root" $(mirror) >"$root.log" 2>&1 || fail "mmdebstrap: see $root.log"
    touch "$root/.complete"
  fi
  echo "$root"
}

# enter ROOT COMMAND...: runs it in the root, which sees this repository at /repository. The mounts end with the command.
# QEMU_CPU, for arm64 roots: a Pi 4's by default. qemu-user's own choice, "max", has matrix instructions that no Pi has, and there the runtime's
# int8 kernels for them give nonsense (seen with QEMU 7.2).
enter() {
  local root=$1
  shift
  mkdir -p "$root/repository" "$root/etc/ssl/certs"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  cp /etc/hosts "$root/etc/hosts"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
  local index
  index=$(pip config get global.index-url 2>/dev/null || true)
  # shellcheck disable=SC2016  # expanded inside
  unshare --mount --propagation private bash -c '
    root=$1 repository=$2 cpuinfo=$3; shift 3
    for folder in proc sys dev dev/pts; do mkdir -p "$root/$folder"; mount --bind "/$folder" "$root/$folder"; done
    mount --bind -o ro "$repository" "$root/repository"
    [[ -z $cpuinfo ]] || mount --bind "$cpuinfo" "$root/proc/cpuinfo"
    exec chroot "$root" "$@"' enter "$root" "$REPOSITORY" "${CPUINFO:-}" \
    /usr/bin/env -i QEMU_CPU="${QEMU_CPU:-cortex-a72}" HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore ${index:+PIP_INDEX_URL="$index"} \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DEFAULT_TIMEOUT=180 "$@"
}
