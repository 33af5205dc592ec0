"""Is an Edge TPU good enough? Its answers and its speed on one picture, against the CPU's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import Advice
from edge.inference.coral import advice
from edge.inference.coral.arena import TensorValues
from edge.inference.coral.boxes import decoded_distance
from edge.inference.coral.child import Trial
from edge.inference.coral.sysfs import CoralDevice
from edge.inference.interpreter import TFLiteModel
from edge.preprocess import quantise
from edge.types import Pixels

WRONG_AT = 6.0
"""Mean distance from the CPU's results, in int8 steps, above which the Edge TPU's are wrong.

On the shipped models, two right kernels differ by up to 2, and a constant result differs by 15 and more.
"""

CPU_ROUNDS = 3
"""Inferences of each model on the CPU; the shortest counts."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the CPU makes of the trial picture."""

    inputs: list[TensorValues]
    """One for each model."""
    outputs: list[list[TensorValues]]
    """For each model, all tensors."""
    models: Sequence[TFLiteModel]
    """What was measured."""
    ms: float
    """The shortest time for all models, milliseconds."""


def measure(models: Sequence[TFLiteModel]) -> Reference:
    """Run the trial picture on the CPU. Each model keeps the input that it had: a frame may wait in it."""
    inputs, outputs, milliseconds = [], [], 0.0
    for model in models:
        waiting, accelerated, spec = model.values(), model.accelerated, model.input_spec
        model.accelerated = None
        picture = trial_picture(model.card.width, model.card.height)
        inputs.append(quantise(picture[None], spec.scale, spec.zero_point, spec.dtype))
        model.set_values(inputs[-1])
        milliseconds += min(_timed(model) for _ in range(CPU_ROUNDS))
        outputs.append([output.values for output in model.outputs()])
        model.set_values(waiting)
        model.accelerated = accelerated
    return Reference(inputs, outputs, models, milliseconds)


def compare_with_cpu(
    trial: Trial, reference: Reference, slow_at: float, device: CoralDevice
) -> Advice | None:
    """What is wrong with the trial; None if nothing. slow_at: how many times the CPU's time is too slow."""
    steps = max(
        _model_distance(model, got, expected)
        for model, got, expected in zip(reference.models, trial.outputs, reference.outputs, strict=True)
    )
    if not steps <= WRONG_AT:  # also NaN
        return advice.wrong(steps, WRONG_AT)
    if sum(trial.ms) > slow_at * reference.ms:
        return advice.slow(sum(trial.ms), reference.ms, device)
    return None


def _model_distance(model: TFLiteModel, got: list[TensorValues], expected: list[TensorValues]) -> float:
    """How far one model's outputs are from the CPU's, in steps."""
    if model.card.detector is not None and model.card.detector.outputs == "postprocessed":
        return decoded_distance(model, model.as_outputs(got), model.as_outputs(expected))
    return max(distance(one, other) for one, other in zip(got, expected, strict=True))


def trial_picture(width: int, height: int) -> Pixels:
    """Coloured squares, the same on every machine, uint8 (height, width, 3) RGB.

    They make every output tensor vary.
    """
    squares = np.random.default_rng(0).integers(
        0, 256, (-(-height // 16), -(-width // 16), 3), dtype=np.uint8
    )
    return np.ascontiguousarray(squares.repeat(16, 0).repeat(16, 1)[:height, :width])


def distance(got: TensorValues, expected: TensorValues) -> float:
    """Mean absolute difference of two output tensors, in steps of their integer type.

    For floats, a step is 1/255 of the expected tensor's range.
    """
    step = 1.0 if np.issubdtype(expected.dtype, np.integer) else max(float(np.ptp(expected)), 1e-9) / 255
    return float(np.mean(np.abs(got.astype(np.float64) - expected.astype(np.float64)))) / step


def _timed(model: TFLiteModel) -> float:
    begin = time.perf_counter()
    model.invoke()
    return (time.perf_counter() - begin) * 1e3
