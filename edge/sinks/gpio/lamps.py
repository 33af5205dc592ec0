"""Lamps, buzzer and relay: what each does in each state of the door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from edge.sinks.gpio.config import GpioConfig
from edge.types import State

BLINK_S = {"slow": (1.0, 1.0), "fast": (0.2, 0.2)}
"""Seconds on and off: 0.5 and 2.5 flashes a second. More than 3 can cause a seizure (WCAG 2.3.1)."""

BEEPS = {State.PASS: 1, State.DENY: 3}
"""Number of beeps; the buzzer is silent in any other state."""

BEEP_S = 0.12
"""Seconds of a beep, and of the pause after it."""

LAMP_OF_STATE = {State.PASS: "green", State.DENY: "red", State.UNCERTAIN: "amber"}
"""Which lamp of a set is on; idle is shown by the amber one."""

RGB_OF_STATE = {
    State.PASS: (0, 1, 0),
    State.DENY: (1, 0, 0),
    State.UNCERTAIN: (1, 1, 0),
    State.IDLE: (0, 0, 1),
}
"""Each of red, green and blue is fully on or off: an RGB LED shows amber as yellow."""


class GpioOutput(Protocol):
    """A lamp, buzzer or relay on one or more pins."""

    def show(self, state: State) -> None:
        """Begin to show this state; blinking goes on by itself."""

    def describe(self, state: State) -> str:
        """What `show` does, in a few words."""

    def close(self) -> None:
        """Switch it off and give the pins back."""


class Lamp:
    """One LED for all states: each state has its own pattern."""

    def __init__(self, name: str, led: Any, patterns: dict[State, str]) -> None:
        self._name, self._led, self._patterns = name, led, patterns

    def show(self, state: State) -> None:
        _light(self._led, self._patterns[state])

    def describe(self, state: State) -> str:
        return f"{self._name} {_words(self._patterns[state])}"

    def close(self) -> None:
        _close(self._led)


class LampSet:
    """Red, amber and green, or some of them: one is on at a time. Without amber, red is used instead."""

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
        if pattern == "off" or colour not in self._leds:
            return f"{', '.join(self._leds)} off"
        return f"{colour} {_words(pattern)}"

    def close(self) -> None:
        for led in self._leds.values():
            _close(led)

    def _colour(self, state: State) -> str:
        colour = LAMP_OF_STATE.get(state, "amber")
        return "red" if colour == "amber" and "amber" not in self._leds else colour


class RgbLamp:
    """One LED with three colours."""

    def __init__(self, led: Any, patterns: dict[State, str]) -> None:
        self._led, self._patterns = led, patterns

    def show(self, state: State) -> None:
        pattern, colour = self._patterns[state], RGB_OF_STATE[state]
        if pattern in BLINK_S:
            on_s, off_s = BLINK_S[pattern]
            self._led.blink(on_s, off_s, on_color=colour)
        else:
            self._led.value = colour if pattern == "steady" else (0, 0, 0)

    def describe(self, state: State) -> str:
        colour = {**LAMP_OF_STATE, State.UNCERTAIN: "yellow"}.get(state, "blue")
        pattern = self._patterns[state]
        return "rgb off" if pattern == "off" else f"rgb {colour} {_words(pattern)}"

    def close(self) -> None:
        _close(self._led)


class Beeper:
    """An active buzzer, for people who cannot see the lamp: one beep for pass, three for deny."""

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
    """Closed while the state is `closes_on`, for `max_on_s` seconds at most.

    A thread of gpiozero opens it then, so that it opens also if the loop hangs.
    """

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


Opener = Callable[..., Any]
"""(gpiozero class, output's name, *GPIO numbers, **options) -> the open device."""


def build_outputs(config: GpioConfig, factory: Any, keep: Callable[[Any], Any]) -> list[GpioOutput]:
    """Every configured output, switched off. The relay comes first: it must be off as early as possible.

    factory: gpiozero's pin factory. keep: called with each gpiozero device as soon as it is open, so that the
    caller can close it after an error; returns the device.
    """
    low = config.low_outputs()

    def opener(device: Any, name: str, *pins: int, **options: Any) -> Any:
        return keep(device(*pins, active_high=name not in low, pin_factory=factory, **options))

    return [*_relays(config, opener), *_lamps(config, opener), *_buzzers(config, opener)]


def _relays(config: GpioConfig, opener: Opener) -> Iterator[GpioOutput]:
    from gpiozero import DigitalOutputDevice

    if config.relay:
        device = opener(DigitalOutputDevice, "relay", config.relay)
        yield Relay(device, State(config.relay_on), config.relay_max_on_s)


def _lamps(config: GpioConfig, opener: Opener) -> Iterator[GpioOutput]:
    from gpiozero import LED, RGBLED

    patterns = {
        State.PASS: config.pass_lamp,
        State.DENY: config.deny_lamp,
        State.UNCERTAIN: config.uncertain_lamp,
        State.IDLE: config.idle_lamp,
    }
    pins = {"red": config.red, "amber": config.amber, "green": config.green}
    if config.led:
        yield Lamp("led", opener(LED, "led", config.led), patterns)
    if leds := {name: opener(LED, name, pin) for name, pin in pins.items() if pin}:
        yield LampSet(leds, patterns)
    if config.rgb_pins():
        yield RgbLamp(opener(RGBLED, "rgb", *config.rgb_pins(), pwm=False), patterns)


def _buzzers(config: GpioConfig, opener: Opener) -> Iterator[GpioOutput]:
    from gpiozero import Buzzer

    if config.buzzer:
        yield Beeper(opener(Buzzer, "buzzer", config.buzzer))


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
