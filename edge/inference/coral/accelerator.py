"""Models on an Edge TPU while that works, on the CPU whenever it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from edge.config.tables import AcceleratorConfig
from edge.errors import Advice, ModelError
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
class TimeLimits:
    """Seconds. Tests have others."""

    start_s: float = 30.0
    """To load the models, and the firmware onto the stick, and to try them."""
    infer_s: float = 1.0
    """For one inference."""
    retry_s: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
    """Between two tries after a failure; the last one repeats."""
    steady_s: float = 600.0
    """Without a failure, after which the waits start again from the first."""


class Accelerator:
    """Runs the compiled twins of some models in a child process, and stands before their CPU inference.

    There is no thread: every inference moves it on. The child loads and tries the models while the CPU runs
    them; it is used as soon as its trial agrees with the CPU. When it fails, that costs one inference at most
    `infer_s`, and the CPU runs the same frame.
    """

    in_use: bool
    """Whether the models run on the Edge TPU at the moment."""
    status: Advice | None
    """Why it is not used and what to do; while it is used, on which device and how fast.

    None until the first try is over.
    """

    def __init__(
        self,
        models: Sequence[TFLiteModel],
        config: AcceleratorConfig | None = None,
        limits: TimeLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """config.use: with `edgetpu`, to run without one is degraded from the start, not only after a loss.

        clock: monotonic seconds.
        """
        self.in_use, self.status = False, None
        self._config, self._limits, self._clock = config or AcceleratorConfig(), limits or TimeLimits(), clock
        self._models = list(models)
        self._twins: Twins = []
        self._reference: Reference | None = None
        self._child: Child | None = None
        self._device: CoralDevice | None = None
        self._back_off = BackOff(self._limits.retry_s, self._limits.steady_s, clock)
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
        return str(self.status) if self.status and self._expected and not self.in_use else None

    @property
    def _expected(self) -> bool:
        """Whether somebody counts on the Edge TPU."""
        return self._was_used or self._config.use == "edgetpu"

    def start(self) -> bool:
        """Wait until the first trial is over, and return whether the Edge TPU is in use.

        For commands that must not change the device midway.
        """
        self._advance(0.0)
        if self._child is not None and self._device is not None:
            log.info("trying the %s, for at most %g s", self._device.describe(), self._limits.start_s)
        while self._child is not None and not self.in_use:
            self._advance(0.1)
        return self.in_use

    def close(self) -> None:
        """End the child; the models stay on the CPU. May be called twice."""
        for model in self._models:
            model.accelerated = None
        self._drop()

    # --- an inference

    def _runner(self, model: TFLiteModel) -> Callable[[TensorValues], list[TensorValues] | None]:
        return lambda values: self._infer(model, values)

    def _infer(self, model: TFLiteModel, values: TensorValues) -> list[TensorValues] | None:
        if not self.in_use:
            self._advance(0.0)
        index = next((i for i, (twin, _) in enumerate(self._twins) if twin is model), None)
        if not self.in_use or self._child is None or index is None:
            return None
        try:
            return self._child.infer(index, values, self._limits.infer_s)
        except ChildError as error:
            self._give_up(self._explain(error))
            return None

    def _advance(self, wait_s: float) -> None:
        """One step: start a child when it is due, or see if its trial is over, for at most wait_s seconds."""
        if self._child is not None:
            self._look_at_trial(self._child, wait_s)
        elif self._back_off.due:
            self._try()

    # --- from a try to its result

    def _try(self) -> None:
        devices = find_devices()
        if not devices:
            self._note_absence()
            return
        self._device = devices[0]
        try:
            problem = access_problem(self._device) or self._find_models()
        except ModelError as error:
            problem = Advice(error.what, error.cure)
        except OSError as error:  # a file or device may vanish while it is looked at
            problem = Advice(str(error))
        if problem:
            self._give_up(problem)
        else:
            self._start_child()

    def _note_absence(self) -> None:
        self._back_off.reset()  # to look costs nothing, and a stick may come back soon
        level = logging.WARNING if self._expected else logging.DEBUG
        self._give_up(advice.gone() if self._was_used else advice.absent(), level)

    def _find_models(self) -> Advice | None:
        """Which models take part; returns why none can. Raises ModelError."""
        twins, missing = find_compiled(self._models)
        if twins != self._twins:
            self._twins, self._reference = twins, None
        if not missing:
            return None
        problem = advice.not_compiled([model.card.path for model in missing])
        if not twins:
            return problem
        self._say(logging.WARNING, problem, ". The CPU runs this part")
        return None

    def _start_child(self) -> None:
        self._reference = self._reference or measure([model for model, _ in self._twins])
        self._trial_since = self._clock()
        try:
            self._child = Child(self._twins, self._reference.inputs, self._config.library, self._pycoral)
        except ChildError as error:
            self._give_up(self._explain(error))

    def _look_at_trial(self, child: Child, wait_s: float) -> None:
        assert self._device is not None and self._reference is not None
        try:
            trial = child.trial(wait_s)
            if trial is None and self._clock() - self._trial_since >= self._limits.start_s:
                raise child.hang(self._limits.start_s)
        except ChildError as error:
            self._fail_trial(self._explain(error))
            return
        if trial is None:
            return
        problem = compare_with_cpu(trial, self._reference, self._config.slow_at, self._device)
        if problem:
            self._fail_trial(problem)
        else:
            self._use(trial.ms, self._reference.ms)

    def _use(self, milliseconds: Sequence[float], on_cpu: float) -> None:
        assert self._device is not None
        self.in_use = self._was_used = True
        self._back_off.works()
        names = [model.card.name for model, _ in self._twins]
        times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in zip(names, milliseconds, strict=True))
        device = self._device.describe()
        self.status = Advice(f"Edge TPU in use ({device}): {times}; the CPU takes {on_cpu:.1f} ms for all")
        self._say(logging.INFO, self.status)

    def _fail_trial(self, problem: Advice) -> None:
        if self._pycoral:  # its runtime and library may not fit each other where ours do
            self._pycoral = False
            self._drop()
            self._say(logging.INFO, Advice(f"with pycoral: {problem}"), ". Trying without it")
            self._try()
        else:
            self._give_up(problem)

    def _explain(self, error: ChildError) -> Advice:
        assert self._device is not None
        return advice.failed(error, self._device) if find_devices() else advice.gone()

    def _give_up(self, problem: Advice, level: int = logging.WARNING) -> None:
        """The CPU from here on, until the next try."""
        self._drop()
        self.status = problem
        wait_s = self._back_off.failed()
        self._say(level, problem, f". The CPU runs the models; next try in {wait_s:g} s")

    def _drop(self) -> None:
        self.in_use = False
        if self._child is not None:
            self._child.close()
            self._child = None

    def _say(self, level: int, what: Advice, then: str = "") -> None:
        """Once: what repeats is for --debug."""
        text = str(what)
        log.log(level if text != self._said else logging.DEBUG, "%s%s", text, then)
        self._said = text
