"""The Coral Edge TPU: found in sysfs, run in a child process, and left for the CPU whenever it fails."""
