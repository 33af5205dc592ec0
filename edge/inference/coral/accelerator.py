"""Models on an Edge TPU while that goes well, on the CPU whenever it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from edge.errors import ModelError
from edge.host.backoff import BackOff
from edge.inference.coral import advice
from edge.inference.coral.arena import TensorValues
from edge.inference.coral.child import Child, ChildError
from edge.inference.coral.compiled import Twins, find_compiled
from edge.inference.coral.sysfs import CoralDevice, access_problem, find_devices
from edge.inference.coral.trial import Reference, compare_with_cpu, measure
from edge.inference.interpreter import TFLiteModel
from edge.optional import installed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AcceleratorSettings:
    """When to give up, and when to try again.

    required: to run without an Edge TPU is a degraded state from the start, not only after one was lost. library: which libedgetpu. slow_at: an Edge
    TPU that takes more than so many times the CPU's time is not used. start_s: for loading, the firmware included. infer_s: for one inference.
    retry_s: seconds between tries; the last one repeats. They begin anew after steady_s without a failure.
    """

    required: bool = False
    library: str = "libedgetpu.so.1"
    slow_at: float = 1.0
    start_s: float = 30.0
    infer_s: float = 1.0
    retry_s: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
    steady_s: float = 600.0


class Accelerator:
    """Runs the compiled twins of some models in a child process, and stands before each model's CPU inference.

    No thread: every inference moves it on. The child loads and tries the models while the CPU runs them; it is used from the moment its trial
    agrees with the CPU. Whatever then goes wrong costs one inference at most `infer_s`, and the CPU has the same frame. clock: monotonic seconds.
    """

    def __init__(
        self,
        models: Sequence[TFLiteModel],
        settings: AcceleratorSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or AcceleratorSettings()
        self.in_use = False
        self.text = ""
        self._clock = clock
        self._models = list(models)
        self._twins: Twins = []
        self._reference: Reference | None = None
        self._child: Child | None = None
        self._device: CoralDevice | None = None
        self._back_off = BackOff(self.settings.retry_s, self.settings.steady_s, clock)
        self._trial_since = clock()
        self._pycoral = installed("pycoral")
        self._was_used, self._said = False, ""
        for model in self._models:
            model.accelerated = self._runner(model)

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def degraded(self) -> str | None:
        """Why the models do not run where they should; None where all is well."""
        return self.text if not self.in_use and (self.settings.required or self._was_used) else None

    def start(self) -> bool:
        """Wait until the first trial is over, for what must not change its place midway; returns whether the Edge TPU is in use."""
        self._advance(0.0)
        if self._child is not None and self._device is not None:
            log.info("trying the %s, for at most %g s", self._device.describe(), self.settings.start_s)
        while self._child is not None and not self.in_use:
            self._advance(0.1)
        return self.in_use

    def close(self) -> None:
        """End the child; the models stay on the CPU. May be called twice."""
        for model in self._models:
            model.accelerated = None
        self._drop()

    def _runner(self, model: TFLiteModel) -> Callable[[TensorValues], list[TensorValues] | None]:
        return lambda values: self._infer(model, values)

    def _infer(self, model: TFLiteModel, values: TensorValues) -> list[TensorValues] | None:
        if not self.in_use:
            self._advance(0.0)
        index = next((i for i, (twin, _) in enumerate(self._twins) if twin is model), None)
        if not self.in_use or self._child is None or index is None:
            return None
        try:
            return self._child.infer(index, values, self.settings.infer_s)
        except ChildError as error:
            self._give_up(self._explain(error))
            return None

    def _advance(self, wait_s: float) -> None:
        """One step: start a child when it is time, or look whether its trial is over, waiting at most wait_s."""
        if self._child is not None:
            self._look_at_trial(self._child, wait_s)
        elif self._back_off.due:
            self._try()

    def _try(self) -> None:
        devices = find_devices()
        if not devices:
            self._back_off.reset()  # to look costs nothing, and a stick that comes back begins anew
            quiet = not (self.settings.required or self._was_used)
            self._give_up(
                advice.gone() if self._was_used else advice.absent(),
                logging.DEBUG if quiet else logging.WARNING,
            )
            return
        self._device = devices[0]
        try:
            problem = access_problem(self._device) or self._find_models()
        except (ModelError, OSError) as error:  # also what vanishes while it is looked at
            problem = str(error)
        if problem:
            self._give_up(problem)
            return
        models = [model for model, _ in self._twins]
        self._reference = self._reference or measure(models)
        self._trial_since = self._clock()
        try:
            self._child = Child(self._twins, self._reference.inputs, self.settings.library, self._pycoral)
        except ChildError as error:
            self._give_up(self._explain(error))

    def _find_models(self) -> str:
        """Which models take part; returns why none can. Raises ModelError."""
        twins, missing = find_compiled(self._models)
        if twins != self._twins:
            self._twins, self._reference = twins, None
        if not missing:
            return ""
        text = advice.not_compiled([model.card.path for model in missing])
        if not twins:
            return text
        self._say(logging.WARNING, text, ". The CPU runs this part")
        return ""

    def _look_at_trial(self, child: Child, wait_s: float) -> None:
        assert self._device is not None and self._reference is not None
        try:
            trial = child.trial(wait_s)
            if trial is None:
                if self._clock() - self._trial_since >= self.settings.start_s:
                    raise child.hang(self.settings.start_s)
                return
        except ChildError as error:
            self._fail_trial(self._explain(error))
            return
        problem = compare_with_cpu(trial, self._reference, self.settings.slow_at, self._device)
        if problem:
            self._fail_trial(problem)
            return
        self.in_use = self._was_used = True
        self._back_off.works()
        times = ", ".join(
            f"{model.card.name} {ms:.1f} ms" for (model, _), ms in zip(self._twins, trial.ms, strict=True)
        )
        self.text = f"Edge TPU in use ({self._device.describe()}): {times}; the CPU takes {self._reference.ms:.1f} ms for all"
        self._say(logging.INFO, self.text)

    def _fail_trial(self, text: str) -> None:
        if self._pycoral:  # its runtime and library may not fit each other where ours do
            self._pycoral = False
            self._drop()
            self._say(logging.INFO, f"with pycoral: {text}. Trying without it")
            self._try()
        else:
            self._give_up(text)

    def _explain(self, error: ChildError) -> str:
        assert self._device is not None
        return advice.failed(error, self._device) if find_devices() else advice.gone()

    def _give_up(self, text: str, level: int = logging.WARNING) -> None:
        """The CPU from here on, until the next try."""
        self._drop()
        self.text = text
        self._say(level, text, f". The CPU runs the models; next try in {self._back_off.failed():g} s")

    def _drop(self) -> None:
        self.in_use = False
        if self._child is not None:
            self._child.close()
            self._child = None

    def _say(self, level: int, what: str, then: str = "") -> None:
        """Once: what repeats is for --debug."""
        log.log(level if what != self._said else logging.DEBUG, "%s%s", what, then)
        self._said = what
