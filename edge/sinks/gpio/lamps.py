"""Lamps, buzzer and relay: what each does at each decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from edge.sinks.gpio.config import GpioConfig
from edge.types import State

BLINK_S = {"slow": (1.0, 1.0), "fast": (0.2, 0.2)}
"""Seconds on and off: 0.5 and 2.5 flashes a second. Never above 3, which can set off a seizure (WCAG 2.3.1)."""

BEEPS = {State.PASS: 1, State.DENY: 3}
BEEP_S = 0.12

COLOURS = {State.PASS: "green", State.DENY: "red", State.UNCERTAIN: "amber"}
RGB = {State.PASS: (0, 1, 0), State.DENY: (1, 0, 0), State.UNCERTAIN: (1, 1, 0), State.IDLE: (0, 0, 1)}
"""Every light fully on or off: an RGB LED shows amber as yellow."""


class Output(Protocol):
    """Something on one or more pins."""

    def show(self, state: State) -> None:
        """Begin what fits this decision; it goes on by itself."""

    def describe(self, state: State) -> str:
        """The same in a few words."""

    def close(self) -> None:
        """Off, and the pins given back."""


class Lamp:
    """One LED for all decisions; they differ by pattern."""

    def __init__(self, name: str, led: Any, patterns: dict[State, str]) -> None:
        self._name, self._led, self._patterns = name, led, patterns

    def show(self, state: State) -> None:
        _light(self._led, self._patterns[state])

    def describe(self, state: State) -> str:
        return f"{self._name} {_words(self._patterns[state])}"

    def close(self) -> None:
        _close(self._led)


class LampSet:
    """Red, amber and green, or some of them: one is on at a time. Without amber, red shows what amber would."""

    def __init__(self, leds: dict[str, Any], patterns: dict[State, str]) -> None:
        self._leds, self._patterns = leds, patterns

    def show(self, state: State) -> None:
        colour = self._colour(state)
        for name, led in self._leds.items():
            if name != colour:
                led.off()
        if colour in self._leds:
            _light(self._leds[colour], self._patterns[state])

    def describe(self, state: State) -> str:
        colour, pattern = self._colour(state), self._patterns[state]
        return (
            f"{colour} {_words(pattern)}"
            if pattern != "off" and colour in self._leds
            else f"{', '.join(self._leds)} off"
        )

    def close(self) -> None:
        for led in self._leds.values():
            _close(led)

    def _colour(self, state: State) -> str:
        colour = COLOURS.get(state, "amber")
        return "red" if colour == "amber" and "amber" not in self._leds else colour


class RgbLamp:
    """One LED of three colours."""

    def __init__(self, led: Any, patterns: dict[State, str]) -> None:
        self._led, self._patterns = led, patterns

    def show(self, state: State) -> None:
        pattern, colour = self._patterns[state], RGB[state]
        if pattern in BLINK_S:
            on_s, off_s = BLINK_S[pattern]
            self._led.blink(on_s, off_s, on_color=colour)
        else:
            self._led.value = colour if pattern == "steady" else (0, 0, 0)

    def describe(self, state: State) -> str:
        colour = {**COLOURS, State.UNCERTAIN: "yellow"}.get(state, "blue")
        pattern = self._patterns[state]
        return "rgb off" if pattern == "off" else f"rgb {colour} {_words(pattern)}"

    def close(self) -> None:
        _close(self._led)


class Beeper:
    """An active buzzer, for eyes that don't see the lamp: one beep for pass, three for deny."""

    def __init__(self, buzzer: Any) -> None:
        self._buzzer = buzzer

    def show(self, state: State) -> None:
        if state in BEEPS:
            self._buzzer.blink(BEEP_S, BEEP_S, n=BEEPS[state])
        else:
            self._buzzer.off()

    def describe(self, state: State) -> str:
        beeps = BEEPS.get(state, 0)
        return f"buzzer {beeps} beep{'s' * (beeps > 1)}" if beeps else "buzzer silent"

    def close(self) -> None:
        _close(self._buzzer)


class Relay:
    """Closed while the decision is `closes_on`, but no longer than max_on_s; gpiozero's own thread opens it then, whatever the loop does."""

    def __init__(self, device: Any, closes_on: State, max_on_s: float) -> None:
        self._device, self._closes_on, self._max_on_s = device, closes_on, max_on_s

    def show(self, state: State) -> None:
        if state is self._closes_on:
            self._device.blink(self._max_on_s, 0, n=1)
        else:
            self._device.off()

    def describe(self, state: State) -> str:
        return f"relay closed for {self._max_on_s:g} s at most" if state is self._closes_on else "relay open"

    def close(self) -> None:
        _close(self._device)


def build_outputs(config: GpioConfig, factory: Any, keep: Callable[[Any], Any]) -> list[Output]:
    """All that is configured, switched off. keep: called with each gpiozero device as soon as there is one, so that none is lost at an error."""
    from gpiozero import LED, RGBLED, Buzzer, DigitalOutputDevice

    low = config.low_outputs()
    patterns = {
        State.PASS: config.pass_lamp,
        State.DENY: config.deny_lamp,
        State.UNCERTAIN: config.uncertain_lamp,
        State.IDLE: config.idle_lamp,
    }

    def make(kind: Any, name: str, *pins: int, **options: Any) -> Any:
        return keep(kind(*pins, active_high=name not in low, pin_factory=factory, **options))

    outputs: list[Output] = []
    if config.relay:  # first: off as early as can be
        outputs.append(
            Relay(
                make(DigitalOutputDevice, "relay", config.relay),
                State(config.relay_on),
                config.relay_max_on_s,
            )
        )
    if config.led:
        outputs.append(Lamp("led", make(LED, "led", config.led), patterns))
    if colours := {
        name: make(LED, name, pin) for name in ("red", "amber", "green") if (pin := getattr(config, name))
    }:
        outputs.append(LampSet(colours, patterns))
    if config.rgb_pins():
        outputs.append(RgbLamp(make(RGBLED, "rgb", *config.rgb_pins(), pwm=False), patterns))
    if config.buzzer:
        outputs.append(Beeper(make(Buzzer, "buzzer", config.buzzer)))
    return outputs


def _light(led: Any, pattern: str) -> None:
    if pattern in BLINK_S:
        led.blink(*BLINK_S[pattern])
    elif pattern == "steady":
        led.on()
    else:
        led.off()


def _words(pattern: str) -> str:
    return f"blinking {pattern}" if pattern in BLINK_S else pattern


def _close(device: Any) -> None:
    if not device.closed:
        device.off()
        device.close()
