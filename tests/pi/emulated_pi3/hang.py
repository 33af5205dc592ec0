"""A loop that hangs: one decision `pass`, and then nothing.

With the word `pass`: the same, but the sink waits longer than the test lasts.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from edge.config.reading import load_config
from edge.sinks.gpio.sink import GpioSink
from edge.types import Cause, Decision, FrameResult, State

config = load_config(Path("/opt/config.toml"), {}).gpio
patient = sys.argv[1:] == ["pass"]
sink = GpioSink(replace(config, relay_max_on_s=600.0, stale_after_s=600.0 if patient else 8.0))
sink.handle(FrameResult(None, (), (), Decision(State.PASS, 0.0, {}, Cause.ALL_MASKED), ()))
time.sleep(600 if patient else 30)
sink.close()
