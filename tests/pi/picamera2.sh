#!/bin/bash
# The real picamera2 and libcamera, on libcamera's virtual camera: mask-edge's own source must see red as red, upright, busy and lost.
#
#   sudo tests/pi/picamera2.sh          # the checks; the first time it makes a Debian 13 root (about 1.3 GB, 5 minutes)
#   sudo tests/pi/picamera2.sh --loss   # the whole program, second by second, while its camera is gone for 30 s
#
# What is stood in for, and how: tests/pi/picamera2/virtual_camera.py. Not seen here: a real sensor, lores (this camera has none), autofocus.
# Exit status 0: every check passed. The root stays in $MASKEDGE_TEST_CACHE, by default ~/.cache/mask-edge-tests.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$(dirname "$0")/roots.sh"

main() {
  need mmdebstrap mmdebstrap unshare util-linux
  local root script=check.py
  [[ ${1:-} != --loss ]] || script=loss.py
  root=$(make_root trixie-picamera2 trixie "$(dpkg --print-architecture)" python3 python3-venv python3-pip python3-dev python3-setuptools \
    python3-wheel gcc g++ libcap-dev ca-certificates python3-libcamera libcamera-tools libcamera-ipa python3-numpy python3-pil python3-opencv)
  if [[ ! -e $root/opt/picamera2/complete ]]; then
    say "installing picamera2"
    enter "$root" bash -ec '
      python3 -m venv --system-site-packages /opt/picamera2
      /opt/picamera2/bin/pip install -q --no-build-isolation pidng python-prctl
      /opt/picamera2/bin/pip install -q picamera2 ai-edge-litert==2.1.6
      touch /opt/picamera2/complete' >&2
  fi
  mkdir -p "$root/usr/share/libcamera/pipeline/virtual"
  cp "$REPOSITORY/tests/pi/picamera2/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/virtual.yaml"
  enter "$root" env LIBCAMERA_LOG_LEVELS=*:FATAL PYTHONPATH=/repository:/repository/tests/pi/picamera2 /opt/picamera2/bin/python "/repository/tests/pi/picamera2/$script"
}

main "$@"
