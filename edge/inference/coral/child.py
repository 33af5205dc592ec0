"""The parent's side of the child process: start it, ask it with a time limit, and tell how it failed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.host.children import module_command
from edge.inference.coral import worker
from edge.inference.coral.arena import ModelSlots, TensorValues, lay_out, new_memory, to_json
from edge.inference.interpreter import TFLiteModel

KILLED_S = 1.0
"""Seconds that a killed child may take to end. One that waits for a dead USB bus is left behind."""


class ChildError(Exception):
    """The child failed."""

    kind: str
    """`error`, `mismatch`, `crash` or `hang`."""
    stage: str
    """`start`, `import`, `load`, `allocate`, `invoke` (the trial), or `run`."""
    text: str
    """Its own words."""

    def __init__(self, kind: str, stage: str, text: str = "") -> None:
        super().__init__(f"{kind} at {stage}: {text}")
        self.kind, self.stage, self.text = kind, stage, text


@dataclass(frozen=True, slots=True)
class Trial:
    """What the first inferences gave."""

    outputs: list[list[TensorValues]]
    """For each model, all tensors."""
    ms: list[float]
    """For each model, its shortest inference, milliseconds."""


class Child:
    """A process that holds the compiled models on the Edge TPU."""

    def __init__(
        self,
        models: Sequence[tuple[TFLiteModel, Path]],
        inputs: Sequence[TensorValues],
        library: str,
        pycoral: bool,
    ) -> None:
        """inputs: one trial input for each model. library: which libedgetpu. pycoral: see worker.Job.

        Raises ChildError if the process cannot be started.
        """
        self._slots, size = lay_out([(model.input_spec, model.output_specs) for model, _ in models])
        self._stage = "start"
        job = _job(library, pycoral, [str(path) for _, path in models], self._slots)
        try:
            with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
                descriptor, self._memory = new_memory(size)
                theirs.callback(os.close, descriptor)
                self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ours.enter_context(self._channel)
                theirs.enter_context(other)
                for slots, values in zip(self._slots, inputs, strict=True):
                    slots.input.view(self._memory)[...] = values
                self._process = _spawn(job, other.fileno(), descriptor)
                ours.pop_all()
        except OSError as error:  # out of memory, processes or files
            raise ChildError("error", "start", str(error)) from error

    def trial(self, timeout_s: float) -> Trial | None:
        """The trial's result, or None where it is not over within timeout_s. Raises ChildError."""
        while True:
            message = self._receive(timeout_s)
            if message is None:
                return None
            if "ready" in message:
                self._stage = "run"
                return Trial([self._read(i) for i in range(len(self._slots))], message["ms"])
            self._stage = message["stage"]

    def infer(self, model: int, values: TensorValues, timeout_s: float) -> list[TensorValues]:
        """One inference; copies of all outputs. Raises ChildError where there is no answer in time."""
        self._slots[model].input.view(self._memory)[...] = values
        try:
            self._channel.send(bytes([model]))
        except OSError:
            raise self._death() from None
        if self._receive(timeout_s) is None:
            raise ChildError("hang", self._stage, f"no answer within {timeout_s:g} s")
        return self._read(model)

    def hang(self, timeout_s: float) -> ChildError:
        """The error for a trial that took longer than timeout_s."""
        return ChildError("hang", self._stage, f"no answer within {timeout_s:g} s")

    def close(self) -> None:
        """End the process, whatever state it is in; may be called twice."""
        self._channel.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILLED_S)

    def _receive(self, timeout_s: float) -> dict[str, Any] | None:
        self._channel.settimeout(max(timeout_s, 1e-6))
        try:
            data = self._channel.recv(65536)
        except TimeoutError:
            return None
        except OSError:
            data = b""
        if not data:
            raise self._death()
        message: dict[str, Any] = json.loads(data)
        if "error" in message:
            raise ChildError(message["error"], self._stage, message["text"])
        return message

    def _death(self) -> ChildError:
        try:
            code = self._process.wait(KILLED_S)
        except subprocess.TimeoutExpired:
            return ChildError("hang", self._stage, "it neither answers nor ends")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ChildError("crash", self._stage, name)

    def _read(self, model: int) -> list[TensorValues]:
        return [slot.view(self._memory).copy() for slot in self._slots[model].outputs]


def _job(library: str, pycoral: bool, paths: Sequence[str], slots: Sequence[ModelSlots]) -> str:
    models = [(path, to_json(one)) for path, one in zip(paths, slots, strict=True)]
    return json.dumps({"library": library, "pycoral": pycoral, "models": models})


def _spawn(job: str, *descriptors: int) -> subprocess.Popen[bytes]:
    """A fresh interpreter, not a fork: the TFLite runtime has threads.

    What the library prints is shown only with --debug.
    """
    quiet = None if logging.getLogger().isEnabledFor(logging.DEBUG) else subprocess.DEVNULL
    return subprocess.Popen(
        module_command(worker, job, *map(str, descriptors)),
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=quiet,
    )
