"""Is an Edge TPU good enough? Its answers and its speed on one picture, against the CPU's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.inference.coral import advice
from edge.inference.coral.arena import TensorValues
from edge.inference.coral.child import Trial
from edge.inference.coral.sysfs import CoralDevice
from edge.inference.interpreter import TFLiteModel
from edge.preprocess import quantise
from edge.types import Pixels

WRONG_AT = 6.0
"""Mean distance of the answers, in int8 steps. Two right kernels differ by up to 2 on the shipped models, a constant answer by 15 and more."""
CPU_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """What the CPU makes of the trial picture: all models' inputs and outputs, and its shortest time for all of them, ms."""

    inputs: list[TensorValues]
    outputs: list[list[TensorValues]]
    ms: float


def measure(models: Sequence[TFLiteModel]) -> Reference:
    """Run the trial picture on the CPU. Each model keeps the input that it had: a frame may be waiting in it."""
    inputs, outputs, milliseconds = [], [], 0.0
    for model in models:
        waiting, accelerated = model.values(), model.accelerated
        model.accelerated = None
        picture = trial_picture(model.card.width, model.card.height)
        inputs.append(
            quantise(picture, model.input_spec.scale, model.input_spec.zero_point, model.input_spec.dtype)[
                None
            ]
        )
        model.set_values(inputs[-1])
        milliseconds += min(_timed(model) for _ in range(CPU_ROUNDS))
        outputs.append([output.values for output in model.outputs()])
        model.set_values(waiting)
        model.accelerated = accelerated
    return Reference(list(inputs), [list(tensors) for tensors in outputs], milliseconds)


def compare_with_cpu(trial: Trial, reference: Reference, slow_at: float, device: CoralDevice) -> str:
    """What is wrong with the trial; empty if nothing."""
    pairs = [
        pair
        for got, expected in zip(trial.outputs, reference.outputs, strict=True)
        for pair in zip(got, expected, strict=True)
    ]
    steps = max(distance(got, expected) for got, expected in pairs)
    if not steps <= WRONG_AT:  # also NaN
        return advice.wrong(steps, WRONG_AT)
    if sum(trial.ms) > slow_at * reference.ms:
        return advice.slow(sum(trial.ms), reference.ms, device)
    return ""


def trial_picture(width: int, height: int) -> Pixels:
    """Coloured squares, the same on every machine: they make every output tensor vary. uint8 (height, width, 3) RGB."""
    squares = np.random.default_rng(0).integers(
        0, 256, (-(-height // 16), -(-width // 16), 3), dtype=np.uint8
    )
    return np.ascontiguousarray(squares.repeat(16, 0).repeat(16, 1)[:height, :width])


def distance(got: TensorValues, expected: TensorValues) -> float:
    """Mean absolute difference of two output tensors, in steps of their type; of floats, in 255ths of the expected one's range."""
    step = 1.0 if np.issubdtype(expected.dtype, np.integer) else max(float(np.ptp(expected)), 1e-9) / 255
    return float(np.mean(np.abs(got.astype(np.float64) - expected.astype(np.float64)))) / step


def _timed(model: TFLiteModel) -> float:
    begin = time.perf_counter()
    model.invoke()
    return (time.perf_counter() - begin) * 1e3
