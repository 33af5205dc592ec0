"""A small OLED or LCD, through luma: big words for the person at the door. Drawn only when they change."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from edge.errors import SinkError
from edge.host.logs import NEVER_HELD_BACK
from edge.sinks.message import Message, message_for
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.displays import open_display
from edge.sinks.screen.layout import DETAIL_PX, load_font, render
from edge.types import FrameResult, State

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
"""Seconds between two checks that the display is still there.

A display that was unplugged has lost its settings: it must be opened again.
"""


SET_UP_AGAIN_S = 60.0
"""Seconds after which an SPI display is set up again: whether it lost its power cannot be asked."""


class ScreenSink:
    """Shows each new message. After `blank_after_s` seconds of idle the screen goes dark, because OLEDs burn
    in.

    clock: monotonic seconds. Raises MissingLibraryError or SinkError with the cure, also from `handle` when
    the display is lost.
    """

    name = "screen"
    lost = 0

    def __init__(self, config: ScreenConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock = config, clock
        self._shown: Message | None = None
        self._changed_at = self._asked_at = self._set_up_at = clock()
        self._dark = False
        load_font(DETAIL_PX)  # a missing font is an error now, not at every frame
        self._display: Any = open_display(config)

    def handle(self, result: FrameResult) -> None:
        if self._display is None:
            return
        now, message = self._clock(), message_for(result)
        try:
            if self._forgets() and now - self._set_up_at >= SET_UP_AGAIN_S:
                self._set_up_again(now)
            if message != self._shown:
                self._draw(message)
                self._shown, self._changed_at, self._asked_at = message, now, now
            elif self._may_go_dark(message.state, now):
                self._display.hide()
                self._dark = True
            elif now - self._asked_at >= HEARTBEAT_S and not self._dark:
                self._display.show()
                self._asked_at = now
        except OSError as error:
            raise SinkError(f"screen: the display is gone ({error})", "check its wires") from error

    def close(self) -> None:
        """Make it dark, and give the bus back."""
        display, self._display = self._display, None
        if display is not None:
            display.close()

    def _forgets(self) -> bool:
        """An SPI display cannot say whether it is there: without power it forgets its settings."""
        return not self._config.on_i2c and self._config.device != "dummy" and not self._dark

    def _set_up_again(self, now: float) -> None:
        """Close and open it, so that it gets its settings; the message is then drawn as a new one."""
        self._display.close()
        self._display = open_display(self._config)
        self._shown, self._set_up_at = None, now

    def _draw(self, message: Message) -> None:
        if self._dark:
            self._display.show()
            self._dark = False
        width, height = self._display.size
        self._display.draw(render(message, width, height, self._display.mode))
        if self._config.device == "dummy":
            log.info("screen: %s (%s)", message.title, message.details[0], extra=NEVER_HELD_BACK)

    def _may_go_dark(self, state: State, now: float) -> bool:
        after = self._config.blank_after_s
        return bool(after) and state is State.IDLE and not self._dark and now - self._changed_at >= after
