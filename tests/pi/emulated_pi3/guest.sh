#!/bin/bash
# Runs inside the emulated Pi. Each MARK tells the watcher outside what begins; END ends it all.
cd /run || exit
export PYTHONPATH=/opt/mask-edge
edge() { /opt/venv/bin/python -m edge "$@"; }
mark() { echo "MARK $*"; }

uname -srm
cat /proc/device-tree/model; echo
mark gpio-test
edge gpio-test --config /opt/config.toml --seconds 3
echo "exit status $?"

mark demo
edge demo --seconds 12 --config /opt/config.toml --out /run/pictures
echo "exit status $?"

mark hang
/opt/venv/bin/python /opt/hang.py

mark crash
/opt/venv/bin/python /opt/hang.py pass &
sleep 25
mark killed
kill -9 $!
wait
sleep 3
mark off
edge gpio-test --off --config /opt/config.toml
echo "exit status $?"
sleep 3
mark END
sync
systemctl poweroff --force --force
