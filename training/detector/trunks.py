"""What a detector's features come from. Importing this does not import Keras."""

from __future__ import annotations

from training.backbones.table import BACKBONES

LIGHT = "light"
"""Our own trunk, which is trained from random values."""

PRETRAINED = {name: row.detector for name, row in BACKBONES.items() if row.detector is not None}
"""Trunks that are the first part of a backbone and begin with its ImageNet weights."""

TRUNKS = {
    LIGHT: "depthwise-separable residual trunk",
    **{name: features.description for name, features in PRETRAINED.items()},
}
"""Name, as in `--trunk` and `config.json` -> what a card says of it."""
