#!/bin/bash
# An emulated Raspberry Pi 3 drives lamps, buzzer and relay: Debian's arm64 kernel and its pinctrl-bcm2835 driver, the real gpiozero and lgpio, and
# mask-edge's own gpio sink. The levels are read from outside, in the registers of the emulated chip (GPFSEL and GPLEV0), through qemu's monitor.
#
#   sudo tests/pi/emulated_pi3.sh       # the first time it makes a Debian 12 arm64 root (0.8 GB, 10 to 20 minutes); then 10 to 20 minutes
#
# What is stood in for: Raspberry Pi OS by Debian 12 with its own kernel, and apt's python3-gpiozero and python3-lgpio, which only Raspberry Pi's archive has
# in a fitting version, by gpiozero 2.0.1 and lgpio 0.2.2.0 from PyPI. Not seen here: pull resistors (the emulator has none), currents, exact times, a Pi 4 or 5,
# and a kernel that keeps outputs as they are when a program is killed: this one makes inputs of them, so that `gpio-test --off` has little to do.
# Exit status 0: every check passed. Root and kernel stay in $MASKEDGE_TEST_CACHE, by default ~/.cache/mask-edge-tests.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$(dirname "$0")/roots.sh"
HERE=$REPOSITORY/tests/pi/emulated_pi3
PI3=$CACHE/pi3
REVISION=a02082 # a Pi 3 Model B; without it gpiozero does not know the board

main() {
  need mmdebstrap mmdebstrap unshare util-linux qemu-system-aarch64 qemu-system-arm mkfs.ext4 e2fsprogs cpio cpio fdtput device-tree-compiler
  [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] ||
    fail "arm64 programs do not run here: sudo apt install qemu-user-static binfmt-support; sudo update-binfmts --enable qemu-aarch64"
  mkdir -p "$PI3"
  local root
  root=$(make_root bookworm-arm64-pi3 bookworm arm64 python3 python3-venv python3-pip python3-numpy ca-certificates systemd-sysv udev kmod dbus busybox-static)
  install_runtime "$root"
  install_kernel "$root"
  install_product "$root"
  make_image "$root"
  boot
}

install_runtime() {
  [[ -e $1/opt/venv/.complete ]] && return
  say "installing the runtime (emulated pip, some minutes)"
  # shellcheck disable=SC2016  # expanded inside
  enter "$1" bash -ec '
    python3 -m venv --system-site-packages /opt/venv
    /opt/venv/bin/pip install -q ai-edge-litert==2.1.6 opencv-python-headless==4.10.0.84 gpiozero==2.0.1 lgpio==0.2.2.0 "numpy<2"
    touch /opt/venv/.complete'
}

# The kernel is unpacked, not installed: its package would build an initrd under emulation, which takes half an hour.
install_kernel() {
  [[ -e $PI3/initrd ]] && return
  say "fetching the kernel"
  # shellcheck disable=SC2016  # expanded inside
  enter "$1" bash -ec '
    rm -rf /tmp/kernel; mkdir /tmp/kernel; cd /tmp/kernel; apt-get -q update >/dev/null
    apt-get -q download "$(apt-cache depends linux-image-arm64 | sed -n "s/ *Depends: //p")"
    dpkg-deb -x linux-image-*.deb .; cp -a lib/modules /usr/lib/; depmod "$(ls lib/modules)"'
  local version
  version=$(ls "$1/tmp/kernel/lib/modules")
  cp "$1/tmp/kernel/boot/vmlinuz-$version" "$PI3/vmlinuz"
  cp "$1/tmp/kernel/usr/lib/linux-image-$version/broadcom/bcm2837-rpi-3-b.dtb" "$PI3/pi3.dtb"
  fdtput -c "$PI3/pi3.dtb" /system
  fdtput -t x "$PI3/pi3.dtb" /system linux,revision "$REVISION"
  make_initrd "$1" "$version"
  rm -rf "$1/tmp/kernel"
}

# A static busybox, and the modules without which the SD card cannot be mounted.
make_initrd() {
  local root=$1 version=$2 work module path
  work=$(mktemp -d)
  mkdir -p "$work"/{bin,proc,sys,dev,newroot,modules}
  cp "$root/bin/busybox" "$work/bin/"
  install -m 755 "$HERE/init" "$work/init"
  for module in sdhci-iproc bcm2835 mmc_block ext4; do
    chroot "$root" modprobe --set-version "$version" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r path; do
    cp "$root$path" "$work/modules/"
    [[ $path != *.xz ]] || unxz "$work/modules/$(basename "$path")"
    basename "$path" .xz >>"$work/load"
  done
  (cd "$work" && find . | cpio -o -H newc --quiet | gzip -1) >"$PI3/initrd"
  rm -rf "$work"
}

install_product() {
  rm -rf "$1/opt/mask-edge"
  mkdir -p "$1/opt/mask-edge"
  cp -a "$REPOSITORY/edge" "$REPOSITORY/models" "$1/opt/mask-edge/"
  cp "$HERE/guest.sh" "$HERE/hang.py" "$HERE/config.toml" "$1/opt/"
  cp "$HERE/pi3-test.service" "$1/etc/systemd/system/"
  mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
  ln -sf ../pi3-test.service "$1/etc/systemd/system/multi-user.target.wants/"
}

make_image() {
  say "making the SD card"
  rm -f "$PI3/card.img"
  truncate -s 2G "$PI3/card.img" # an SD card's size must be a power of two here
  mkfs.ext4 -q -F -d "$1" "$PI3/card.img"
}

boot() {
  say "booting; the guest takes about two minutes until its first line"
  rm -f "$PI3/monitor" "$PI3/console.log"
  qemu-system-aarch64 -M raspi3b -display none -serial "file:$PI3/console.log" -serial null -monitor "unix:$PI3/monitor,server,nowait" -no-reboot \
    -kernel "$PI3/vmlinuz" -initrd "$PI3/initrd" -dtb "$PI3/pi3.dtb" -drive "file=$PI3/card.img,if=sd,format=raw,snapshot=on" \
    -append 'root=/dev/mmcblk0 rw console=ttyS1,115200 console=ttyAMA0,115200 loglevel=3 panic=1 systemd.show_status=false' &
  local qemu=$!
  # shellcheck disable=SC2064  # the number as it is now
  trap "kill $qemu 2>/dev/null || true" EXIT
  python3 "$HERE/watch.py" "$PI3/monitor" "$PI3/console.log" "$PI3/timeline.txt"
}

main "$@"
