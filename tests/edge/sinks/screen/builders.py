"""Results with every kind of message, a bus that is not there, and a machine without DejaVu."""

import errno
import os

from edge.types import Cause, Decision, FrameResult, Label, State


def result(state=State.PASS, cause=Cause.ALL_MASKED, reason="", **counts):
    seen = {Label(name): count for name, count in counts.items()}
    return FrameResult(None, (), (), Decision(state, 0.0, seen, cause, reason), ())


EVERY_MESSAGE = {
    "pass": result(State.PASS, with_mask=1),
    "bare": result(State.DENY, Cause.NO_MASK, without_mask=1),
    "wrong": result(State.DENY, Cause.MASK_WORN_WRONG, incorrect_mask=2, with_mask=3, unknown=1),
    "crowd": result(State.DENY, Cause.TOO_MANY_FACES, "one at a time", with_mask=2, without_mask=1),
    "large crowd": result(
        State.DENY,
        Cause.TOO_MANY_FACES,
        "12 at a time",
        with_mask=2,
        without_mask=7,
        incorrect_mask=4,
        unknown=3,
    ),
    "looking": result(State.UNCERTAIN, Cause.LOOKING, unknown=1),
    "lost": result(
        State.UNCERTAIN,
        Cause.CAMERA_LOST,
        "no picture from the camera: /dev/video0 is gone, plug it in again",
    ),
    "idle": result(State.IDLE, Cause.NOBODY),
}


def without_dejavu(monkeypatch):
    """Pillow's own font is all that there is."""
    from PIL import ImageFont

    real = ImageFont.truetype

    def truetype(font=None, *arguments, **options):
        if font == "DejaVuSans-Bold.ttf":
            raise OSError("cannot open resource")
        return real(font, *arguments, **options)

    monkeypatch.setattr(ImageFont, "truetype", truetype)


class FakeBus:
    """An SMBus on which a display answers while `present`."""

    present, written, opened = True, 0, 0

    def __init__(self, port):
        self.closed = False
        FakeBus.opened += 1

    def _write(self, count):
        if not FakeBus.present:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        FakeBus.written += count

    def write_i2c_block_data(self, address, mode, data):
        assert address == 0x3C
        self._write(len(data))

    def i2c_rdwr(self, *messages):
        self._write(sum(len(m) for m in messages))

    def close(self):
        FakeBus.opened -= not self.closed
        self.closed = True
