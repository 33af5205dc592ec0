"""The machine that the door runs on: board, journal, systemd."""
