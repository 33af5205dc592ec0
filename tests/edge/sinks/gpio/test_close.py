"""Nothing stays on after the end."""

from dataclasses import replace

import pytest

from edge.errors import SinkError
from edge.sinks.gpio.sink import GpioSink
from edge.types import State
from tests.edge.sinks.builders import make_result
from tests.edge.sinks.gpio.builders import ALL, levels

gpiozero = pytest.importorskip("gpiozero")


@pytest.mark.parametrize("low", ["", "all"])
def test_close_switches_everything_off(make, factory, low):
    sink = make(replace(ALL, active_low=low))
    sink.handle(make_result(State.PASS))
    sink.close()
    off = int(bool(low))
    for _, number in ALL.pins():
        assert [int(state.state) for state in factory.pin(number).states][-1] == off
    sink.close()
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26, 22) == [off, off]


def test_an_output_that_fails_leaves_no_pin_open(factory, monkeypatch):
    def refuse(*args, **options):
        raise RuntimeError("'GPIO busy'")

    with monkeypatch.context() as context:
        context.setattr(gpiozero, "Buzzer", refuse)
        with pytest.raises(SinkError, match="another program has the pin: `sudo systemctl stop mask-edge`"):
            GpioSink(ALL)
    device = gpiozero.LED(26, pin_factory=factory)  # would raise GPIOPinInUse
    device.close()
