#!/usr/bin/env bash
# Installs mask-edge as a service (sudo ./setup.sh), or runs it from this folder (./setup.sh --demo). --help
set -euo pipefail

readonly MINIMUM="3.11"
readonly REQUIRED=(python3-venv python3-numpy python3-opencv)
# Debian itself lacks python3-lgpio and python3-picamera2; they come from Raspberry Pi's own archive.
readonly OPTIONAL=(
    python3-gpiozero python3-lgpio python3-picamera2 python3-luma.oled python3-luma.lcd fonts-dejavu-core
    python3-aiohttp
)
readonly GROUPS_WANTED=(video gpio i2c spi plugdev apex render)
readonly SERVICE="mask-edge"
readonly UNIT="/etc/systemd/system/$SERVICE.service"
readonly RULES="/etc/udev/rules.d/60-mask-edge-coral.rules"
# The service runs with apt's Python, because apt's numpy, OpenCV and picamera2 belong to that one.
readonly PYTHON="/usr/bin/python3"
# Neither the caller's folder nor the caller's environment may say what a Python that runs as root imports.
readonly ISOLATED="-IB"
readonly COMMAND="/usr/local/bin/mask-edge"
readonly CONFIG="/etc/mask-edge/config.toml"
# The example configuration of the last installation. If today's differs, there are new settings to tell of.
# It is removed together with the configuration.
readonly EXAMPLE="/etc/mask-edge/config.example.toml"
readonly STATE="/var/lib/mask-edge"
readonly LOG="/var/log/mask-edge-setup.log"
# What a version is built from. training and convert stay on the workstation.
readonly PARTS=(pyproject.toml edge models)
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly HERE
readonly VENV="${SETUP_VENV:-$HERE/.venv}"
# The root of the file system that is looked at: another one than / only in tests.
readonly SYSROOT="${SETUP_SYSROOT:-}"

action="install" prefix="" coral="auto"
dry_run=false purge=false assume_yes=false start=true
step="reading the command line"
scratch="" refreshed=false untouched=true
log_file="/dev/null" ticker="" fresh=""

usage() {
    cat <<'TEXT'
usage: sudo ./setup.sh [--dry-run] [--no-start] [--coral auto|none] [--prefix DIR]
       sudo ./setup.sh --uninstall [--purge [--yes]] [--dry-run] [--prefix DIR]
       ./setup.sh --demo | --test | --help

Without an action: installs mask-edge as a service on 64-bit Raspberry Pi OS or Debian, bookworm or trixie.
May be run again at any time: it does what is missing, and upgrades to what is in this folder.

  --dry-run      say what would be done, change nothing; needs no root
  --no-start     install, but leave the service as it is
  --coral WHAT   auto (the default): prepare for a Coral Edge TPU; none: do not
  --prefix DIR   install below DIR (default: /opt/mask-edge, or where it is installed)
  --uninstall    remove the service and all that was installed; configuration and state stay
  --purge        with --uninstall: remove configuration and state as well
  --yes          with --purge: do not ask before removing
  --demo         make a virtual environment, install mask-edge, and run it on the built-in scene
  --test         install what the tests need as well, and run them; further words go to pytest
  --help         this text

The environment of --demo and --test is .venv in this folder, or $SETUP_VENV. Nothing outside of it is
changed, except that Debian's package python3-venv is installed if it is missing.
TEXT
}

# --- talking

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    step=""
    say "$1"
    exit "${2:-1}"
}

note() { say "$(printf '%-8s %s' "$1" "$2")"; }

# change TEXT COMMAND...: run the command and say TEXT; in a dry run only say what it would do.
change() {
    local text="$1"
    shift
    if $dry_run; then
        note "would" "$text"
        return
    fi
    local began="$SECONDS"
    "$@"
    note changed "$text$(took "$((SECONDS - began))")"
}

# drop PATH...: remove the files and folders that exist.
drop() {
    local path
    for path in "$@"; do
        if [ ! -e "$path" ] && [ ! -L "$path" ]; then continue; fi
        if $dry_run; then
            note would "remove $path"
        else
            rm -rf "$path"
            note changed "removed $path"
        fi
    done
}

# took SECONDS: prints it for people; nothing for what takes no time.
took() {
    if [ "$1" -ge 60 ]; then
        printf ' (%d min %d s)' "$(($1 / 60))" "$(($1 % 60))"
    elif [ "$1" -ge 2 ]; then
        printf ' (%d s)' "$1"
    fi
}

# log_to FILE: what apt and pip say goes there from now on.
log_to() {
    log_file="$1"
    (umask 027 && printf '\n=== %s\n' "$(date '+%F %T')" >>"$log_file")
    say "what apt and pip say goes to $log_file"
}

# tick TEXT: every 10 s a line that it still goes on.
tick() {
    local seconds=0
    while sleep 10 >/dev/null 2>&1; do
        seconds=$((seconds + 10))
        note ... "still $1, for $seconds s"
    done
}

end_ticker() {
    [ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true
    ticker=""
}

# quietly TEXT COMMAND...: run a command of others, with its output in the log. If it fails, its end is shown.
quietly() {
    local text="$1" code=0 before
    shift
    printf '\n--- %s\n' "$*" >>"$log_file"
    before="$(wc -l <"$log_file")"
    tick "$text" 9>&- &
    ticker=$!
    "$@" >>"$log_file" 2>&1 || code=$?
    end_ticker
    if [ "$code" != 0 ]; then
        tail -n "+$((before + 1))" "$log_file" | tail -n 20 >&2
        say "$text: failed, all of it is in $log_file"
    fi
    return "$code"
}

# Names the step in which the script ended early. Until `activate` or `uninstall` what was installed stays.
on_exit() {
    local code=$?
    end_ticker
    rm -rf "$scratch"
    # A version that this run built and that is not in use would stay for ever.
    if [ "$code" != 0 ] && [ -n "$fresh" ] && [ "${fresh##*/}" != "$(readlink "$prefix/current" || true)" ]; then
        rm -rf "$fresh"
    fi
    if [ "$code" != 0 ] && [ -n "$step" ]; then
        say "failed while $step (exit code $code)${untouched:+; what was installed before is unchanged}." \
            "Mend the cause named above and run setup.sh again"
    fi
}

# --- looking at the machine; nothing is changed here

check_architecture() {
    local machine userland
    machine="$(uname -m)"
    # On newer boards a 32-bit Raspberry Pi OS runs under a 64-bit kernel: only dpkg tells that it is 32-bit.
    userland="$(dpkg --print-architecture 2>/dev/null || true)"
    case "$machine/$userland" in
        armv*/* | */armhf)
            fail "this is a 32-bit system ($machine${userland:+, $userland}); flash the 64-bit Raspberry Pi OS"
            ;;
        x86_64/* | aarch64/*) ;;
        *) fail "no TFLite runtime exists for $machine; use a 64-bit Raspberry Pi or PC" ;;
    esac
}

# check_python PYTHON
check_python() {
    command -v "$1" >/dev/null || fail "python3 is missing; sudo apt install python3 python3-venv"
    "$1" "$ISOLATED" - "$MINIMUM" <<'PY' ||
import sys
sys.exit(sys.version_info[:2] < tuple(map(int, sys.argv[1].split("."))))
PY
        fail "Python $MINIMUM or newer is needed, this is $("$1" -V); use Raspberry Pi OS bookworm or newer"
}

# os_release KEY: prints its value, without quotes.
os_release() {
    sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$SYSROOT/etc/os-release" 2>/dev/null || true
}

check_os() {
    local name
    name="$(os_release PRETTY_NAME)"
    case "$(os_release ID)/$(os_release VERSION_CODENAME)" in
        debian/bookworm | debian/trixie | raspbian/bookworm | raspbian/trixie) ;;
        *)
            fail "the service needs Raspberry Pi OS or Debian, bookworm or trixie; this is ${name:-an unknown system}. ./setup.sh --demo runs on other systems, too"
            ;;
    esac
    command -v systemctl >/dev/null ||
        fail "the service needs systemd; this system has no systemctl. ./setup.sh --demo runs without systemd"
}

board_model() { tr -d '\0' 2>/dev/null <"$SYSROOT/proc/device-tree/model" || true; }

# check_disk DIR MEGABYTES: free space where DIR is or will be.
check_disk() {
    local folder="$1" free
    while [ ! -d "$folder" ]; do folder="$(dirname "$folder")"; done
    free="$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')"
    [ "$free" -ge "$2" ] ||
        fail "$2 MB of free disk space are needed at $folder, there are $free; free some: sudo apt clean"
}

check_prefix() {
    case "$prefix" in
        /home/* | /root/* | /tmp/* | /run/* | /var/tmp/*)
            fail "--prefix $prefix: the service's sandbox hides this folder; choose one below /opt, /usr/local or /srv" 2
            ;;
        *[!A-Za-z0-9._/-]* | / | *//* | */ | *..*)
            fail "--prefix $prefix: give a plain absolute path, such as /opt/mask-edge" 2
            ;;
        /*) ;;
        *) fail "--prefix $prefix: give an absolute path, such as /opt/mask-edge" 2 ;;
    esac
    local there
    there="$(installed_prefix)"
    [ "${there:-$prefix}" = "$prefix" ] ||
        fail "--prefix $prefix: installed below $there; uninstall that first, or leave --prefix out" 2
}

preflight() {
    step="looking at this machine"
    check_architecture
    check_os
    check_python "$PYTHON"
    [ -n "$(runtime_for "$(python_version)")" ] ||
        fail "no TFLite runtime was tested with $("$PYTHON" -V); the service needs Python 3.11 (bookworm) or 3.13 (trixie)"
    check_prefix
    if [ -n "$(ls -A "$prefix" 2>/dev/null)" ] && [ ! -f "$(record)" ]; then
        fail "$prefix holds something else; give another --prefix" 2
    fi
    [ -f "$HERE/pyproject.toml" ] ||
        fail "this copy of setup.sh only uninstalls; run the one in the folder that you cloned"
    local needed=400
    [ -z "$(missing_packages "${REQUIRED[@]}")" ] || needed=2500
    check_disk "$prefix" "$needed"
    local board
    board="$(board_model)"
    note ok "machine: ${board:-no Raspberry Pi}, $(uname -m), $(os_release PRETTY_NAME), $("$PYTHON" -V)"
    case "$board" in
        "Raspberry Pi"*) ;;
        *) note skipped "camera module and GPIO: not on this board; USB and network cameras work" ;;
    esac
    $dry_run || [ "$(id -u)" = 0 ] ||
        fail "root is needed: sudo ./setup.sh (or --dry-run to see what it would do)"
}

# --- Debian packages

# missing_packages PACKAGE...: prints those that are not installed, one on each line.
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] ||
            printf '%s\n' "$package"
    done
}

available() { [ -n "$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([^(]\)/\1/p')" ]; }

apt_get() {
    quietly "$1" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "${@:2}"
}

have_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

refresh_lists() {
    $refreshed || apt_get "reading the package lists" update
    refreshed=true
}

install_these() {
    refresh_lists
    say "installing Debian packages (some minutes, longer on a slow card)"
    apt_get "installing Debian packages" install -y --no-install-recommends "$@"
    remember package "$@"
}

install_packages() {
    step="installing Debian packages"
    local package wanted=() absent=()
    # A new system has no package lists yet; a dry run downloads none.
    have_lists || $dry_run || refresh_lists
    for package in $(missing_packages "${REQUIRED[@]}"); do wanted+=("$package"); done
    for package in $(missing_packages "${OPTIONAL[@]}"); do
        if ! have_lists || available "$package"; then wanted+=("$package"); else absent+=("$package"); fi
    done
    if [ "${#wanted[@]}" = 0 ]; then
        note ok "Debian packages"
    else
        change "Debian packages: ${wanted[*]}" install_these "${wanted[@]}"
    fi
    [ "${#absent[@]}" = 0 ] ||
        note skipped "Debian packages that this system's archive does not have: ${absent[*]}"
}

# --- a record of what was installed, so that uninstalling removes nothing else

record() { printf '%s\n' "$prefix/installed"; }

remember() {
    local kind="$1" name
    shift
    for name in "$@"; do
        recalls "$kind" "$name" || printf '%s %s\n' "$kind" "$name" >>"$(record)"
    done
}

# remembered KIND: prints the names of this kind, in one line.
remembered() { [ ! -f "$(record)" ] || sed -n "s/^$1 //p" "$(record)" | tr '\n' ' '; }

recalls() { grep -qxF "$1 $2" "$(record)" 2>/dev/null; }

# --- user and groups

create_user() {
    useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$SERVICE"
    remember user "$SERVICE"
}

ensure_user() {
    step="setting up the user $SERVICE"
    if getent passwd "$SERVICE" >/dev/null; then
        note ok "user $SERVICE"
    else
        change "user $SERVICE" create_user
    fi
    local group missing=()
    for group in "${GROUPS_WANTED[@]}"; do
        getent group "$group" >/dev/null || continue
        id -nG "$SERVICE" 2>/dev/null | tr ' ' '\n' | grep -qx "$group" || missing+=("$group")
    done
    if [ "${#missing[@]}" = 0 ]; then
        note ok "groups of $SERVICE"
    else
        change "groups of $SERVICE: ${missing[*]}" \
            usermod --append --groups "$(IFS=,; printf '%s' "${missing[*]}")" "$SERVICE"
    fi
}

# --- a version: what is in this folder, in a Python environment of its own below the prefix

python_version() { "$PYTHON" "$ISOLATED" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# runtime_for PYTHON_VERSION: the TFLite runtime that was tested with apt's numpy of that Python.
runtime_for() {
    case "$1" in
        3.11 | 3.13) printf 'ai-edge-litert==2.1.6\n' ;;
    esac
}

# version_here PYTHON_VERSION: the release and a hash of what would run: an edited folder is another version.
# Not `git describe`: a downloaded archive has no git, and every edited tree has the same name, -dirty.
version_here() {
    local python="$1" release content
    release="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$HERE/edge/__init__.py")"
    content="$(
        cd "$HERE"
        find "${PARTS[@]}" -type f -not -path '*/__pycache__/*' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
        printf '%s %s\n' "$python" "$(runtime_for "$python")"
    )"
    printf '%s-%s\n' "$release" "$(printf '%s' "$content" | sha256sum | cut -c1-10)"
}

pip_into() {
    local folder="$1"
    shift
    quietly "installing with pip" "$folder/bin/python" "$ISOLATED" -m pip install \
        --no-cache-dir --disable-pip-version-check --no-input --progress-bar off "$@"
}

# Each version's folder holds a mark: `begun`, then `complete`. One that was interrupted is built again from
# the start. Only folders with a mark are removed. An environment cannot be moved: it is built in its place.
readonly MARK="mask-edge-build"

build() {
    local folder="$1" python="$2"
    fresh="$folder"
    rm -rf "$folder"
    mkdir "$folder"
    printf 'begun\n' >"$folder/$MARK"
    say "building $folder (a few minutes on a Raspberry Pi)"
    quietly "making the environment" "$PYTHON" "$ISOLATED" -m venv --system-site-packages "$folder"
    # Built from a copy: setuptools would leave files in the source folder. pyproject.toml names README.md.
    mkdir "$scratch/source"
    tar -C "$HERE" --exclude=__pycache__ -cf - README.md "${PARTS[@]}" | tar -C "$scratch/source" -xf -
    # Without the packages that they depend on: numpy must stay apt's, and the runtime imports nothing else.
    pip_into "$folder" --no-deps --only-binary :all: "$(runtime_for "$python")"
    pip_into "$folder" --no-deps "$scratch/source"
    ensure_simplejpeg "$folder"
    check_libraries "$folder"
    # Also where somebody else's environment comes along with sudo.
    sed -i "1s|^#!$folder/bin/python[0-9.]*\$|& -I|" "$folder/bin/mask-edge"
    # Write everything to the card before the mark: after a power cut there must be no mark without the files.
    sync --file-system "$folder"
    printf 'complete\n' >"$folder/$MARK"
}

# It says whether a JPEG is whole. With picamera2 it comes from apt. Without it other signs have to do.
ensure_simplejpeg() {
    if "$1/bin/python" "$ISOLATED" -c 'import simplejpeg' 2>/dev/null; then return; fi
    pip_into "$1" --no-deps --only-binary :all: 'simplejpeg>=1.8' ||
        say "simplejpeg cannot be installed: fewer of the damaged JPEGs will be noticed"
}

# picamera2 and OpenCV are built against apt's numpy; another one in the environment would break them.
check_libraries() {
    "$1/bin/python" "$ISOLATED" - <<'PY' || fail "numpy or OpenCV is not apt's, see above; nothing was switched over"
import sys
import cv2, numpy
wrong = [m.__name__ for m in (cv2, numpy) if m.__file__.startswith((sys.prefix, "/usr/local"))]
sys.exit(f"not apt's: {', '.join(wrong)}" if wrong else 0)
PY
}

ensure_version() {
    step="building $1"
    if [ "$(cat "$1/$MARK" 2>/dev/null)" = complete ]; then
        note ok "version ${1##*/}"
    else
        change "version ${1##*/}" build "$1" "$2"
    fi
}

# --- configuration

# The source for a new configuration: a USB camera that is plugged in now, by the name that it keeps after a
# reboot; otherwise, on a Raspberry Pi, the camera module.
camera_here() {
    local link
    for link in "$SYSROOT"/dev/v4l/by-id/*-video-index0; do
        if [ -L "$link" ]; then
            printf 'usb:%s\n' "${link#"$SYSROOT"}"
            return
        fi
    done
    case "$(board_model)" in
        "Raspberry Pi"*) printf 'picamera\n' ;;
        *) printf 'usb:0\n' ;;
    esac
}

# write_config EXAMPLE TO: the example with the two values that a service needs, the source and `wait`.
write_config() {
    install -d -m 755 "${2%/*}"
    sed -e "s|^#uri = .*|uri = \"$(camera_here)\"|" -e 's|^#wait = .*|wait = true|' \
        "$1" >"$scratch/config.toml"
    install -m 640 -g "$SERVICE" "$scratch/config.toml" "$2"
}

ensure_config() {
    step="writing $CONFIG"
    local example="$scratch/config.example.toml"
    if [ ! -f "$CONFIG" ] && $dry_run; then
        note would "$CONFIG, with the source $(camera_here)"
        return
    elif $dry_run && [ ! -x "$1/bin/mask-edge" ]; then
        note ok "$CONFIG stays as it is"
        return
    fi
    "$1/bin/mask-edge" config example >"$example"
    if [ ! -f "$CONFIG" ]; then
        change "$CONFIG, with the source $(camera_here)" write_config "$example" "$CONFIG"
    elif cmp -s "$example" "$EXAMPLE"; then
        note ok "$CONFIG"
    else
        change "$CONFIG.new, there are new settings; $CONFIG stays as it is" \
            write_config "$example" "$CONFIG.new"
    fi
    if $dry_run; then return; fi
    install -m 644 "$example" "$EXAMPLE"
    if ! runuser -u "$SERVICE" -- test -r "$CONFIG"; then
        change "$CONFIG may be read by $SERVICE" give_config
    fi
}

# Lets the service read its configuration. After an uninstallation only root may; the same after some editors.
give_config() {
    chgrp "$SERVICE" "$CONFIG"
    chmod g+r "$CONFIG"
}

# --- the new version must work before anything is switched over

check_version() {
    step="checking the new version"
    if $dry_run; then
        note would "check ${1##*/}: doctor --quick"
        return
    fi
    local report
    # As the service's user and outside of the source folder: the installed files are checked, not those here.
    if ! report="$(cd / &&
        runuser -u "$SERVICE" -- "$1/bin/mask-edge" doctor --quick --config "$CONFIG" 2>&1)"; then
        printf '%s\n' "$report" >&2
        fail "the new version does not work here, see above; nothing was switched over"
    fi
    note ok "check of ${1##*/}: doctor --quick"
}

# --- Coral

# The maintained fork, which has builds for today's TFLite runtimes.
readonly LIBEDGETPU="https://github.com/feranick/libedgetpu/releases"
readonly LIBEDGETPU_VERSION="16.0tf2.19.1-1"

reload_udev() {
    install -m 644 "$HERE/systemd/${RULES##*/}" "$RULES"
    if [ -S /run/udev/control ]; then
        udevadm control --reload
        udevadm trigger --subsystem-match=usb --subsystem-match=apex
    fi
}

add_plugdev() {
    groupadd --system plugdev
    usermod --append --groups plugdev "$SERVICE"
}

# coral_device: prints where a Coral is, from sysfs; nothing if none is plugged in.
# The stick has other USB numbers before its firmware is loaded.
coral_device() {
    local entry
    for entry in "$SYSROOT"/sys/bus/usb/devices/*; do
        case "$(cat "$entry/idVendor" "$entry/idProduct" 2>/dev/null | tr '\n' :)" in
            1a6e:089a: | 18d1:9302:) printf 'USB %s' "${entry##*/}" && return ;;
        esac
    done
    for entry in "$SYSROOT"/sys/bus/pci/devices/*; do
        case "$(cat "$entry/vendor" "$entry/device" 2>/dev/null | tr '\n' :)" in
            0x1ac1:0x089a:) printf 'PCIe %s' "${entry##*/}" && return ;;
        esac
    done
}

# judge_libedgetpu DEVICE: says whether libedgetpu is installed and fits the runtime. It is not in Debian, and
# setup.sh does not download it.
judge_libedgetpu() {
    local version package
    package="libedgetpu1-std_$LIBEDGETPU_VERSION.$(os_release VERSION_CODENAME)"
    package="${package}_$(dpkg --print-architecture 2>/dev/null || true).deb"
    version="$(dpkg-query -W -f '${Version}\n' 'libedgetpu1-*' 2>/dev/null | grep . | head -n 1 || true)"
    case "$version" in
        *tf2.1[3-9].* | *tf2.[2-9][0-9].*)
            note ok "Coral on $1: libedgetpu $version; \`mask-edge doctor\` tries it"
            return
            ;;
        ?*)
            note missing "Coral on $1: libedgetpu $version is a build for old TFLite runtimes"
            note "" "and crashes with those since 2.12"
            ;;
        "")
            if ldconfig -p 2>/dev/null | grep -q 'libedgetpu\.so\.1'; then
                note ok "Coral on $1: libedgetpu.so.1 is not from a package; \`mask-edge doctor\` tries it"
                return
            fi
            note missing "Coral on $1: libedgetpu.so.1 is not installed"
            ;;
    esac
    note "" "download $package from $LIBEDGETPU"
    note "" "and type \`sudo apt install ./$package\`; until then the CPU is used"
}

setup_coral() {
    step="preparing for a Coral"
    local device
    if [ "$coral" = none ]; then
        note skipped "Coral: --coral none"
        return
    fi
    if ! getent group plugdev >/dev/null; then change "group plugdev, with $SERVICE in it" add_plugdev; fi
    if cmp -s "$HERE/systemd/${RULES##*/}" "$RULES"; then
        note ok "Coral: $RULES"
    else
        change "Coral: $RULES" reload_udev
    fi
    device="$(coral_device)"
    if [ -n "$device" ]; then judge_libedgetpu "$device"; fi
}

# --- switching over

write_unit() {
    sed "s|/opt/mask-edge|$prefix|g" "$HERE/systemd/$SERVICE.service" >"$UNIT.tmp"
    mv "$UNIT.tmp" "$UNIT"
}

# point_to VERSION: `current` is replaced in one step, so that it is never missing.
point_to() {
    ln -sfn "$1" "$prefix/current.tmp"
    mv -T "$prefix/current.tmp" "$prefix/current"
}

link_command() { ln -sfn "$prefix/current/bin/mask-edge" "$COMMAND"; }

systemd_runs() { [ -d /run/systemd/system ]; }

reload_systemd() { if systemd_runs; then systemctl daemon-reload; fi; }

# What the running service was started with, one on each line. It is restarted if one of these has changed.
what_runs() {
    readlink "$prefix/current"
    sha256sum "$UNIT"
    id -G "$SERVICE"
    remembered package
}

install_unit() {
    write_unit
    reload_systemd
}

activate() {
    step="switching over to ${1##*/}" untouched=""
    local old_version old_unit="$scratch/old-unit"
    old_version="$(readlink "$prefix/current" 2>/dev/null || true)"
    cp "$UNIT" "$old_unit" 2>/dev/null || true
    if sed "s|/opt/mask-edge|$prefix|g" "$HERE/systemd/$SERVICE.service" | cmp -s - "$UNIT"; then
        note ok "$UNIT"
    else
        change "$UNIT" install_unit
    fi
    if [ "$old_version" = "${1##*/}" ]; then
        note ok "$prefix/current"
    else
        change "$prefix/current -> ${1##*/}" point_to "${1##*/}"
    fi
    if [ "$(readlink "$COMMAND" 2>/dev/null)" = "$prefix/current/bin/mask-edge" ]; then
        note ok "$COMMAND"
    else
        change "$COMMAND" link_command
    fi
    if cmp -s "$HERE/setup.sh" "$prefix/setup.sh"; then
        note ok "$prefix/setup.sh"
    else
        change "$prefix/setup.sh, to uninstall with" cp "$HERE/setup.sh" "$prefix/"
    fi
    enable_service
    start_service || roll_back "$old_version" "$old_unit"
    fresh=""
}

enable_service() {
    if systemctl is-enabled --quiet "$SERVICE" 2>/dev/null; then
        note ok "service starts at boot"
    else
        change "service starts at boot" systemctl enable --quiet "$SERVICE"
    fi
}

restart_service() {
    systemctl reset-failed "$SERVICE" 2>/dev/null || true
    systemctl restart "$SERVICE" || return 1
    # It must also stay up: a version may become ready and then end at its first frame.
    sleep 5
    systemctl is-active --quiet "$SERVICE" || return 1
    what_runs >"$prefix/running"
}

# Returns 1 if the service does not become ready, or does not stay up.
start_service() {
    if ! $start; then
        note skipped "service: --no-start"
    elif ! systemd_runs; then
        note skipped "service: systemd does not run here; it starts at the next boot"
    elif systemctl is-active --quiet "$SERVICE" &&
        [ "$(what_runs 2>/dev/null)" = "$(cat "$prefix/running" 2>/dev/null)" ]; then
        note ok "service runs"
    elif $dry_run; then
        note would "start the service"
    else
        restart_service || return 1
        note changed "service started"
    fi
}

roll_back() {
    say "the service does not stay up; its last lines:"
    journalctl --unit "$SERVICE" --lines 8 --no-pager --output cat >&2 || true
    if [ -z "$1" ] || [ "$1" = "$(readlink "$prefix/current")" ]; then
        fail "there is no other version to go back to; look at: journalctl -u $SERVICE"
    fi
    point_to "$1"
    cp "$2" "$UNIT"
    systemctl daemon-reload
    restart_service || fail "the version before, $1, does not start either; look at: journalctl -u $SERVICE"
    fail "went back to $1, which runs again; the new one is not in use"
}

# tidy VERSION: removes the other versions. After --no-start the old version still runs, so it stays.
tidy() {
    step="tidying"
    local folder
    $start || return 0
    for folder in "$prefix"/*/; do
        folder="${folder%/}"
        if [ -f "$folder/$MARK" ] && [ "$folder" != "$1" ] && [ ! -L "$folder" ]; then
            drop "$folder"
        fi
    done
}

farewell() {
    $dry_run && return
    cat >&2 <<TEXT

  its log         journalctl -u $SERVICE -f
  a check         sudo mask-edge doctor
  its settings    $CONFIG, then: sudo systemctl restart $SERVICE
  remove it       sudo $prefix/setup.sh --uninstall
TEXT
}

installed_prefix() { sed -n 's|^ExecStart=\(/.*\)/current/.*|\1|p' "$UNIT" 2>/dev/null || true; }

install_service() {
    preflight
    if ! $dry_run; then
        exec 9>/run/mask-edge-setup.lock
        flock -n 9 || fail "another setup.sh is running; wait until it has ended"
        # Not root's own umask: the service's user must be able to read what is installed.
        umask 022
        mkdir -p "$prefix"
        touch "$(record)"
        log_to "$LOG"
    fi
    scratch="$(mktemp -d)"
    local python version folder
    python="$(python_version)"
    version="$(version_here "$python")"
    folder="$prefix/$version"
    install_packages
    ensure_user
    ensure_version "$folder" "$python"
    ensure_config "$folder"
    check_version "$folder"
    setup_coral
    activate "$folder"
    tidy "$folder"
    farewell
}

# --- uninstalling

confirm_purge() {
    if ! $purge || $assume_yes || $dry_run; then return; fi
    [ -t 0 ] || fail "--purge removes $CONFIG and all of $STATE; add --yes" 2
    local answer
    read -r -p "Remove ${CONFIG%/*} and $STATE, with all that was recorded? [y/N] " answer
    [ "$answer" = y ] || fail "nothing was removed"
}

stop_service() {
    systemctl disable --quiet "$SERVICE" 2>/dev/null || true
    if systemd_runs; then systemctl stop "$SERVICE"; fi
}

remove_user() {
    userdel "$SERVICE"
    # What stays belongs to root: another user may get the same user number later.
    if [ -d "$STATE" ]; then chown -R root:root "$STATE" && chmod 700 "$STATE"; fi
    if [ -d "${CONFIG%/*}" ]; then chown -R root:root "${CONFIG%/*}"; fi
}

remove_versions() {
    local folder
    [ -f "$(record)" ] || return 0
    drop "$prefix/current"
    for folder in "$prefix"/*/; do
        [ ! -f "$folder$MARK" ] || drop "${folder%/}"
    done
    drop "$prefix"/{installed,running,setup.sh}
    $dry_run || rmdir "$prefix" 2>/dev/null || say "$prefix is not empty and stays: $(ls -A "$prefix")"
}

uninstall() {
    check_prefix
    $dry_run || [ "$(id -u)" = 0 ] || fail "root is needed: sudo $0 --uninstall"
    confirm_purge
    step="uninstalling" untouched=""
    local folder packages
    packages="$(remembered package)"
    [ ! -f "$UNIT" ] || change "service: off, now and at boot" stop_service
    drop "$UNIT" "$RULES" "$LOG"
    reload_systemd
    [ "$(readlink "$COMMAND" 2>/dev/null)" != "$prefix/current/bin/mask-edge" ] || drop "$COMMAND"
    if recalls user "$SERVICE" && getent passwd "$SERVICE" >/dev/null; then
        change "user $SERVICE: removed" remove_user
    fi
    remove_versions
    if $purge; then
        drop "${CONFIG%/*}" "$STATE"
    else
        for folder in "${CONFIG%/*}" "$STATE"; do
            [ ! -d "$folder" ] || note skipped "$folder stays; --uninstall --purge removes it"
        done
    fi
    [ -z "$packages" ] || say "Debian packages that setup.sh had installed stay, because others may use" \
        "them; to remove them: sudo apt-get autoremove $packages"
}

# --- trying it in this folder

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
    python3 "$ISOLATED" -c 'import ensurepip, venv' 2>/dev/null && return
    command -v apt-get >/dev/null ||
        fail "Python's venv module is missing; install it with your package manager"
    say "installing python3-venv"
    quietly "reading the package lists" as_root apt-get update -q
    quietly "installing python3-venv" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends python3-venv
}

# install_here EXTRAS: installs mask-edge[EXTRAS] into the environment, unless this was done before.
install_here() {
    local extras="$1" stamp="$VENV/.mask-edge-$1" now
    check_architecture
    check_python python3
    now="$(python3 -V) $(sha256sum <"$HERE/pyproject.toml")"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        say "already installed: $VENV"
        return
    fi
    mkdir -p "$VENV"
    log_to "$VENV/setup.log"
    ensure_venv_module
    [ -x "$VENV/bin/python" ] ||
        quietly "making the environment" python3 "$ISOLATED" -m venv "$VENV"
    say "installing mask-edge[$extras] into $VENV (some minutes the first time)"
    quietly "installing with pip" "$VENV/bin/python" "$ISOLATED" -m pip install \
        --disable-pip-version-check --no-input --progress-bar off --editable "${HERE}[$extras]"
    printf '%s\n' "$now" >"$stamp"
}

demo() {
    step=""
    install_here cpu
    say "the built-in scene: somebody comes without a mask, puts one on, wears it wrong, mends it, leaves"
    cd "$HERE"
    "$VENV/bin/python" "$ISOLATED" -m edge demo
}

run_tests() {
    step=""
    install_here test,training,lint
    cd "$HERE"
    "$VENV/bin/python" -m pytest "$@"
}

# What the caller's folder and environment hold has no say in what is done as root. The network's settings
# stay: proxies, and where pip finds packages.
leave_the_caller() {
    local name
    cd /
    [ "$(id -u)" != 0 ] || export HOME=/root
    for name in $(compgen -e); do
        case "$name" in
            PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_TRUSTED_HOST | PIP_CERT | PIP_PROXY | PIP_TIMEOUT) ;;
            PYTHON* | PIP_* | MASK_EDGE_*) unset "$name" ;;
        esac
    done
}

# --- command line

bad_usage() {
    usage >&2
    fail "$1" 2
}

main() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h) usage && exit ;;
            --demo) action=demo ;;
            --test)
                shift
                run_tests "$@"
                exit
                ;;
            --uninstall) action=uninstall ;;
            --purge) purge=true ;;
            --yes) assume_yes=true ;;
            --dry-run) dry_run=true ;;
            --no-start) start=false ;;
            --prefix | --coral)
                [ $# -gt 1 ] || bad_usage "$1 needs a value"
                if [ "$1" = --prefix ]; then prefix="$2"; else coral="$2"; fi
                shift
                ;;
            *) bad_usage "unknown option: $1" ;;
        esac
        shift
    done
    case "$coral" in auto | none) ;; *) bad_usage "--coral $coral: choose auto or none" ;; esac
    if $purge && [ "$action" != uninstall ]; then bad_usage "--purge goes with --uninstall"; fi
    prefix="${prefix:-$(installed_prefix)}"
    prefix="${prefix:-/opt/mask-edge}"
    trap on_exit EXIT
    case "$action" in
        install)
            leave_the_caller
            install_service
            ;;
        uninstall)
            leave_the_caller
            uninstall
            ;;
        demo) demo ;;
    esac
}

main "$@"
