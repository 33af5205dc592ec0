"""The Coral Edge TPU: the operations that it has, its compiler, and a device on this machine."""
