"""The TFLite interpreter: which runtime, how many threads, and int8 in and out."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingLibraryError, ModelError
from edge.inference.card import ModelCard
from edge.preprocess import dequantise, quantise
from edge.types import Pixels

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""In order of choice. ai-edge-litert is the living successor; tflite-runtime still works where numpy is older than 2."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A TFLite runtime that could be imported."""

    name: str
    module: Any


def import_runtime(names: tuple[str, ...] = RUNTIMES) -> Runtime:
    """The first runtime that imports. Raises MissingLibraryError that says why each was passed over."""
    reasons = []
    for name in names:
        try:
            return Runtime(name.partition(".")[0], importlib.import_module(name))
        except Exception as error:  # built against another numpy, tflite-runtime raises more than ImportError
            reasons.append(f"{name.partition('.')[0]}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    raise MissingLibraryError(f"no TFLite runtime ({'; '.join(reasons)}); `pip install ai-edge-litert`")


@dataclass(frozen=True, slots=True)
class Output:
    """One output tensor after an inference: int8 values, not yet dequantised. q stands for (q - zero_point) * scale."""

    name: str
    values: npt.NDArray[np.int8]
    scale: float
    zero_point: int

    def dequantise(self) -> npt.NDArray[np.float32]:
        """float32, same shape."""
        return dequantise(self.values, self.scale, self.zero_point)


class TFLiteModel:
    """An int8 model ready to run. Not for use by two threads at once.

    card: says which file and which input. threads: 0 means one per core, at most 4. reference_kernels: slow, but bit-identical on every machine.
    Raises ModelError where the file is not an int8 model with the card's input, MissingLibraryError without a runtime.
    """

    def __init__(self, card: ModelCard, threads: int = 0, reference_kernels: bool = False) -> None:
        runtime = import_runtime()
        self.card = card
        self.runtime = runtime.name
        options: dict[str, Any] = {"num_threads": threads or min(4, os.cpu_count() or 1)}
        if reference_kernels:
            options["experimental_op_resolver_type"] = runtime.module.OpResolverType.BUILTIN_REF
        try:
            self._interpreter = runtime.module.Interpreter(model_path=str(card.path), **options)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{card.path}: {runtime.name} cannot load it ({str(error).splitlines()[0]}); convert it again") from error
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        self._check()
        self._scale, self._zero_point = _quantisation(self._input)

    def run(self, pixels: Pixels) -> list[Output]:
        """One inference. pixels: uint8 (height, width, 3) RGB of the card's size. Returns all outputs, in the file's order."""
        self.set_input(pixels)
        self.invoke()
        return self.outputs()

    def set_input(self, pixels: Pixels) -> None:
        """Quantise a picture into the input tensor."""
        self._interpreter.set_tensor(self._input["index"], quantise(pixels, self._scale, self._zero_point)[None])

    def invoke(self) -> None:
        """The bare inference, without input and output."""
        self._interpreter.invoke()

    def outputs(self) -> list[Output]:
        """Copies of the outputs of the last `invoke`."""
        return [Output(detail["name"], self._interpreter.get_tensor(detail["index"]), *_quantisation(detail)) for detail in self._outputs]

    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each output."""
        return [(detail["name"], tuple(int(n) for n in detail["shape"])) for detail in self._outputs]

    def _check(self) -> None:
        card = self.card
        if self._input["dtype"] is not np.int8:
            raise ModelError(
                f"{card.path}: a {np.dtype(self._input['dtype']).name} model, int8 is needed; make one with `python -m convert.quantize`"
            )
        shape, expected = tuple(int(n) for n in self._input["shape"]), (1, card.height, card.width, 3)
        if shape != expected:
            raise ModelError(f"{card.path}: its input is {shape}, the card says {expected}; take the card that was made with it")
        if card.detector is None:
            got = [shape for _, shape in self.output_shapes()]
            if got != [(1, len(card.labels))] or self._outputs[0]["dtype"] is not np.int8:
                raise ModelError(f"{card.path}: its outputs are {got}, the card's {len(card.labels)} labels need int8 (1, {len(card.labels)})")


def _quantisation(detail: dict[str, Any]) -> tuple[float, int]:
    """Scale and zero point; a float output (of TFLite_Detection_PostProcess) has none and is left as it is."""
    scale, zero_point = detail["quantization"]
    return (float(scale), int(zero_point)) if scale else (1.0, 0)
