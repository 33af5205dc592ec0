"""The configuration: TOML into frozen dataclasses."""
