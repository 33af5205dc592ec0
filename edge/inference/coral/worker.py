"""The child process that owns the Edge TPU: `main([JOB, SOCKET, MEMORY])`.

libedgetpu crashes, aborts and hangs (google-coral/edgetpu#812, #766, blakeblackshear/frigate#3808). In this
process a crash ends nothing else.

JOB: JSON, see `Job`. SOCKET, MEMORY: inherited descriptors of a SOCK_SEQPACKET socket and of the arena.
The child tells each stage as it begins, tries every model on the input that lies in the arena, and says
`ready` with the times. Then each message to it is one byte, the number of the model to run. The answer is
`{}` or `{"error": ..., "text": ...}`. It ends when the socket is closed.
"""

from __future__ import annotations

import json
import mmap
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from edge.inference.coral.arena import ModelSlots, TensorValues, from_json
from edge.inference.interpreter import import_runtime, tensor_spec

ROUNDS = 4
"""Rounds of the trial; each runs all models in turn, as the door does.

The first one brings the parameters onto the chip and is not timed.
"""

SCALE_TOLERANCE = 1e-4
"""How much a tensor's scale may differ from the expected one, as a part of it."""

TEXT_LIMIT = 2000
"""Characters of an error's text that are sent."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to load."""

    library: str
    """Which libedgetpu."""
    pycoral: bool
    """Whether to load by pycoral, with the runtime that its libedgetpu was built with."""
    models: tuple[tuple[str, ModelSlots], ...]
    """The path of each compiled file, and its places in the arena."""


class MismatchError(ValueError):
    """The compiled file's tensors are not those of the uncompiled one."""


class Model:
    """One compiled model and its places in the arena."""

    def __init__(self, interpreter: Any, slots: ModelSlots, memory: mmap.mmap) -> None:
        self._interpreter = interpreter
        self._input_index = _matching(interpreter.get_input_details(), [slots.input.spec])[0]
        self._output_indices = _matching(
            interpreter.get_output_details(), [slot.spec for slot in slots.outputs]
        )
        self._input: TensorValues = slots.input.view(memory)
        self._outputs: list[TensorValues] = [slot.view(memory) for slot in slots.outputs]

    def run(self) -> None:
        """One inference, from the arena into the arena."""
        self._interpreter.set_tensor(self._input_index, self._input)
        self._interpreter.invoke()
        for index, place in zip(self._output_indices, self._outputs, strict=True):
            place[...] = self._interpreter.get_tensor(index)


def _matching(details: list[dict[str, Any]], wanted: list[Any]) -> list[int]:
    """Indices of the wanted tensors: by name, or in the file's own order where the names are others.

    Raises MismatchError.
    """
    by_name = {detail["name"]: detail for detail in details}
    ordered = (
        [by_name[spec.name] for spec in wanted] if all(spec.name in by_name for spec in wanted) else details
    )
    for spec, detail in zip(wanted, ordered, strict=False):
        got = tensor_spec(detail)
        same = (got.shape, got.dtype, got.zero_point) == (spec.shape, spec.dtype, spec.zero_point)
        if not same or abs(got.scale - spec.scale) > SCALE_TOLERANCE * spec.scale:
            raise MismatchError(
                f"{got.name} is {got.dtype} {got.shape} {got.scale:g}/{got.zero_point}, {spec} is expected"
            )
    if len(ordered) != len(wanted):
        raise MismatchError(f"it has {len(ordered)} tensors where {len(wanted)} are expected")
    return [int(detail["index"]) for detail in ordered]


def work(job: Job, channel: socket.socket, memory: mmap.mmap) -> None:
    """Load, try, and then run until the socket is closed."""
    try:
        models = _load(job, channel, memory)
        _say(channel, {"stage": "invoke"})
        times = _try(models)
    except Exception as error:
        kind = "mismatch" if isinstance(error, MismatchError) else "error"
        _say(channel, {"error": kind, "text": f"{error}"[:TEXT_LIMIT] or type(error).__name__})
        return
    _say(channel, {"ready": True, "ms": times})
    while message := channel.recv(1):
        try:
            models[message[0]].run()
        except (RuntimeError, ValueError) as error:
            _say(channel, {"error": "error", "text": str(error)[:TEXT_LIMIT]})
        else:
            _say(channel, {})


def _load(job: Job, channel: socket.socket, memory: mmap.mmap) -> list[Model]:
    _say(channel, {"stage": "import"})
    make = _pycoral() if job.pycoral else None
    runtime: Any = None if make else import_runtime().module
    models = []
    for path, slots in job.models:
        _say(channel, {"stage": "load"})
        if make:
            interpreter = make(path)
        else:
            delegate = runtime.load_delegate(job.library)
            _say(channel, {"stage": "allocate"})
            plain = (
                runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            )  # only the Edge TPU takes operations
            interpreter = runtime.Interpreter(
                path, experimental_delegates=[delegate], experimental_op_resolver_type=plain
            )
        interpreter.allocate_tensors()
        models.append(Model(interpreter, slots, memory))
    return models


def _pycoral() -> Callable[[str], Any] | None:
    """Google's `make_interpreter`; None where another package of this name, PyPI has one, is installed."""
    try:
        return import_module("pycoral.utils.edgetpu").make_interpreter  # type: ignore[no-any-return]
    except Exception:  # built against another numpy, it raises more than ImportError
        return None


def _try(models: list[Model]) -> list[float]:
    """Each model's shortest inference of the trial, ms."""
    times = []
    for _ in range(ROUNDS):
        row = []
        for model in models:
            begin = time.perf_counter()
            model.run()
            row.append((time.perf_counter() - begin) * 1e3)
        times.append(row)
    return [min(column) for column in zip(*times[1:], strict=True)]


def _say(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.send(json.dumps(message).encode())


def main(arguments: list[str]) -> None:
    """The parent decides when to end: signals that reach the whole group are not for us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    data = json.loads(arguments[0])
    job = Job(
        data["library"], data["pycoral"], tuple((path, from_json(slots)) for path, slots in data["models"])
    )
    with socket.socket(fileno=int(arguments[1])) as channel:
        try:
            work(job, channel, mmap.mmap(int(arguments[2]), 0))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the parent has gone
