"""The Coral Edge TPU: what it takes, its compiler, and a device on this machine."""
