"""The TFLite interpreter: which runtime, how many threads, and int8 in and out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.inference.card import ModelCard
from edge.inference.first_load import try_first
from edge.inference.runtime import import_runtime as import_runtime
from edge.preprocess import dequantise, quantise
from edge.types import Pixels

TAKE_ITS_CARD = "take the card that was made with it"


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One output tensor after an inference, not yet dequantised: q stands for (q - zero_point) * scale."""

    name: str
    values: npt.NDArray[np.int8]
    scale: float
    zero_point: int

    def dequantise(self) -> npt.NDArray[np.float32]:
        """float32, same shape."""
        return dequantise(self.values, self.scale, self.zero_point)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """numpy's name of it."""
    scale: float
    """1 where the tensor is not quantised."""
    zero_point: int
    """0 where the tensor is not quantised."""


def tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    """From an interpreter's input or output details."""
    shape = tuple(int(n) for n in detail["shape"])
    return TensorSpec(detail["name"], shape, np.dtype(detail["dtype"]).name, *_quantisation(detail))


Accelerated = Callable[[npt.NDArray[Any]], list[npt.NDArray[Any]] | None]
"""Runs an input tensor somewhere else and returns all output tensors, or None where the CPU has to do it."""


class TFLiteModel:
    """An int8 model ready to run. Not for use by two threads at once.

    One that ends in TFLite_Detection_PostProcess may take uint8, as Coral's do.

    """

    accelerated: Accelerated | None
    """Tried first for every inference; the CPU takes over with the same input whenever it returns None."""
    invoke_s: float
    """Seconds spent in `invoke` so far."""

    def __init__(self, card: ModelCard, threads: int = 0, reference_kernels: bool = False) -> None:
        """card: says which file and which input. threads: processor cores; 0: all, at most 4.

        reference_kernels: slow, but gives the same bits on every machine.
        Raises ModelError where the file is not such a model with the card's input, MissingLibraryError
        without a runtime.
        """
        runtime = import_runtime()
        try_first(card)
        self.card = card
        self.runtime = runtime.name
        options: dict[str, Any] = {"num_threads": threads or min(4, os.cpu_count() or 1)}
        if reference_kernels:
            options["experimental_op_resolver_type"] = runtime.module.OpResolverType.BUILTIN_REF
        try:
            self._interpreter = runtime.module.Interpreter(model_path=str(card.path), **options)
            self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._outputs = self._interpreter.get_output_details()
            self.input_spec = tensor_spec(self._input)
            self.output_specs = tuple(tensor_spec(detail) for detail in self._outputs)
        except Exception as error:  # on a damaged file: RuntimeError, UnicodeDecodeError, IndexError and more
            raise ModelError(
                f"{card.path}: {runtime.name} cannot load it ({_first_line(error)})", "convert it again"
            ) from error
        self._check()
        self.accelerated = None
        self.invoke_s = 0.0
        self._answers: list[npt.NDArray[Any]] | None = None

    def run(self, pixels: Pixels) -> list[OutputTensor]:
        """One inference. Returns all outputs, in the file's order.

        pixels: uint8 (height, width, 3) RGB of the card's size.
        """
        self.set_input(pixels)
        self.invoke()
        return self.outputs()

    def set_input(self, pixels: Pixels) -> None:
        """Quantise a picture straight into the input tensor's memory: that saves a copy in every frame."""
        spec, memory = self.input_spec, self._interpreter.tensor(self._input["index"])()
        quantise(pixels[None], spec.scale, spec.zero_point, spec.dtype, memory)

    def values(self) -> npt.NDArray[Any]:
        """A copy of the input tensor: (1, height, width, 3) of `input_spec.dtype`."""
        return np.asarray(self._interpreter.get_tensor(self._input["index"]))

    def set_values(self, values: npt.NDArray[Any]) -> None:
        """Fill the input tensor: (1, height, width, 3) of `input_spec.dtype`, quantised already."""
        self._interpreter.set_tensor(self._input["index"], values)

    def invoke(self) -> None:
        """The bare inference, without input and output."""
        begin = time.perf_counter()
        self._answers = self.accelerated(self.values()) if self.accelerated else None
        if self._answers is None:
            self._invoke()
        self.invoke_s += time.perf_counter() - begin

    def _invoke(self) -> None:
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{self.card.path}: {self.runtime} cannot run it ({_first_line(error)})",
                "copy it again with its card",
            ) from error

    def outputs(self) -> list[OutputTensor]:
        """Copies of the outputs of the last `invoke`."""
        return self.as_outputs(
            self._answers or [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]
        )

    def as_outputs(self, values: Sequence[npt.NDArray[Any]]) -> list[OutputTensor]:
        """All output tensors, in the file's order, with what their numbers stand for."""
        return [
            OutputTensor(spec.name, tensor, spec.scale, spec.zero_point)
            for spec, tensor in zip(self.output_specs, values, strict=True)
        ]

    def _check(self) -> None:
        """Raises ModelError where the file is not what its card says."""
        card, spec = self.card, self.input_spec
        for tensor in (spec, *self.output_specs):
            if not (math.isfinite(tensor.scale) and tensor.scale > 0):
                raise ModelError(
                    f"{card.path}: the quantisation scale of {tensor.name} is {tensor.scale}",
                    "convert it again",
                )
        postprocessed = card.detector is not None and card.detector.outputs == "postprocessed"
        if spec.dtype not in (("int8", "uint8") if postprocessed else ("int8",)):
            raise ModelError(
                f"{card.path}: a {spec.dtype} model, int8 is needed",
                "make one with `python -m convert.quantize`",
            )
        expected = (1, card.height, card.width, 3)
        if spec.shape != expected:
            raise ModelError(
                f"{card.path}: its input is {spec.shape}, the card says {expected}", TAKE_ITS_CARD
            )
        if card.detector is None:
            self._check_classes(len(card.labels))

    def _check_classes(self, labels: int) -> None:
        got = [spec.shape for spec in self.output_specs]
        if got != [(1, labels)] or self.output_specs[0].dtype != "int8":
            raise ModelError(
                f"{self.card.path}: its outputs are {got}, "
                f"the card's {labels} labels need int8 (1, {labels})",
                TAKE_ITS_CARD,
            )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _quantisation(detail: dict[str, Any]) -> tuple[float, int]:
    """Scale and zero point; (1, 0) of a tensor that is not quantised, as TFLite_Detection_PostProcess has."""
    scale, zero_point = detail["quantization"]
    return (float(scale), int(zero_point)) if scale else (1.0, 0)
