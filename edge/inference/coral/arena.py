"""Memory that parent and child share: a place for each model's input and outputs.

So a frame is copied once, and is not sent through a pipe.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.inference.interpreter import TensorSpec

TensorValues = npt.NDArray[Any]
"""What a tensor holds, in its own shape and dtype."""

ALIGNMENT = 64
"""Bytes; a cache line."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a tensor lies."""

    offset: int
    """Bytes from the arena's start."""
    spec: TensorSpec

    def view(self, memory: mmap.mmap) -> TensorValues:
        """The tensor itself, not a copy."""
        count = int(np.prod(self.spec.shape))
        return np.frombuffer(memory, self.spec.dtype, count, self.offset).reshape(self.spec.shape)


@dataclass(frozen=True, slots=True)
class ModelSlots:
    """One model's tensors, in the order of the uncompiled file."""

    input: Slot
    outputs: tuple[Slot, ...]


def lay_out(models: Sequence[tuple[TensorSpec, Sequence[TensorSpec]]]) -> tuple[list[ModelSlots], int]:
    """Places for each model's (input, outputs), and the whole size in bytes."""
    size = 0

    def place(spec: TensorSpec) -> Slot:
        nonlocal size
        slot = Slot(size, spec)
        size += -(-int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize // ALIGNMENT) * ALIGNMENT
        return slot

    return [
        ModelSlots(place(given), tuple(place(spec) for spec in outputs)) for given, outputs in models
    ], size


def new_memory(size: int) -> tuple[int, mmap.mmap]:
    """Anonymous memory (memfd_create(2)): the descriptor to hand to the child, and our view of it."""
    descriptor = os.memfd_create("mask-edge-coral")
    os.ftruncate(descriptor, size)
    return descriptor, mmap.mmap(descriptor, size)


def to_json(slots: ModelSlots) -> dict[str, Any]:
    """For the child's command line."""
    return asdict(slots)


def from_json(entry: dict[str, Any]) -> ModelSlots:
    """What `to_json` made."""

    def slot(data: dict[str, Any]) -> Slot:
        spec = data["spec"]
        return Slot(
            data["offset"],
            TensorSpec(spec["name"], tuple(spec["shape"]), spec["dtype"], spec["scale"], spec["zero_point"]),
        )

    return ModelSlots(slot(entry["input"]), tuple(slot(output) for output in entry["outputs"]))
