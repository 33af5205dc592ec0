#!/bin/bash
# The aarch64 wheels, as on a Pi: the shipped models under emulation say exactly what they say here.
#
#   sudo tests/pi/wheels.sh [bookworm] [trixie] [-- PICTURE...]   # default: bookworm; the first time it makes the roots (10 minutes, 0.8 GB each)
#
# In an arm64 root with apt's numpy and OpenCV, run by qemu-user, the shipped models look at a picture through every runtime that has a wheel for
# it: ai-edge-litert, and on bookworm tflite-runtime too. With the reference kernels what the models say must equal this machine's to the bit; with
# the default kernels the labels must. Then `python -m edge image` runs once as a user would.
# The processor is a Pi 4's (QEMU_CPU=cortex-a72), a Pi 5's with QEMU_CPU=cortex-a76.
# PYTHON, by default python3: an interpreter here with numpy, OpenCV and ai-edge-litert. Not seen here: the speed of a Pi.
# The roots stay in $MASKEDGE_TEST_CACHE, by default ~/.cache/mask-edge-tests.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$(dirname "$0")/roots.sh"

LITERT=ai-edge-litert==2.1.6
TFLITE=tflite-runtime==2.14.0

main() {
  need mmdebstrap mmdebstrap unshare util-linux qemu-aarch64-static qemu-user-static arch-test arch-test update-binfmts binfmt-support
  local releases=() pictures=()
  while (($#)) && [[ $1 != -- ]]; do
    releases+=("$1")
    shift
  done
  (($#)) && shift
  pictures=("$@")
  ((${#releases[@]})) || releases=(bookworm)
  ((${#pictures[@]})) || pictures=("$REPOSITORY/docs/demo.jpg")
  emulate_arm64
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  mkdir "$WORK/pictures"
  cp -- "${pictures[@]}" "$WORK/pictures/"
  PYTHONPATH=$REPOSITORY "${PYTHON:-python3}" "$REPOSITORY/tests/pi/wheels/look.py" "$WORK/pictures" >"$WORK/here.json"
  local release
  for release in "${releases[@]}"; do
    local root
    root=$(make_root "arm64-$release-wheels" "$release" arm64 python3 python3-venv python3-pip ca-certificates python3-numpy python3-opencv)
    look_in "$root" litert "$LITERT" "$release"
    if [[ $release == bookworm ]]; then look_in "$root" tflite "$TFLITE" "$release"; fi
  done
  "${PYTHON:-python3}" "$REPOSITORY/tests/pi/wheels/compare.py" "$WORK/here.json" "$WORK"/arm64-*.json
}

emulate_arm64() {
  arch-test arm64 >/dev/null && return
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  update-binfmts --enable qemu-aarch64
  arch-test arm64 >/dev/null || fail "this machine does not run arm64 programs: see update-binfmts --display"
}

# look_in ROOT NAME WHEEL RELEASE: in a virtual environment as setup.sh makes it, with apt's numpy and OpenCV seen through it.
look_in() {
  local root=$1 environment=/opt/$2
  if [[ ! -e $root$environment/complete ]]; then
    say "installing $3 in $root"
    enter "$root" bash -ec "python3 -m venv --system-site-packages $environment; $environment/bin/pip install -q $3; touch $environment/complete" >&2
  fi
  enter "$root" "$environment/bin/python" -c 'import numpy, sys; sys.exit(not numpy.__file__.startswith("/usr/lib/python3/"))' ||
    fail "$3 on $4 has replaced apt's numpy"
  rm -rf "$root/work"
  cp -r "$WORK/pictures" "$root/work"
  say "$4, $3"
  enter "$root" env PYTHONPATH=/repository "$environment/bin/python" /repository/tests/pi/wheels/look.py /work >"$WORK/arm64-$4-$2.json"
  enter "$root" env PYTHONPATH=/repository "$environment/bin/python" -m edge image /work
}

main "$@"
