"""Damaged frames: when they are a problem, and how they are told from whole ones."""

import ctypes

import cv2
import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources.capture import DISTRUST_FRAMES, LEAD_FRAMES, Capture, to_rgb
from edge.sources.damage import DamagedFrameError, DamageWatch, UndecodedFrameError
from edge.sources.ffmpeg import DecoderWatch
from edge.types import Cause
from tests.edge.sources.builders import noisy_jpeg

NOISE = np.random.default_rng(0).integers(1, 256, (96, 128, 3), np.uint8)


# --- when damage is a problem


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ("g" * 14 + "d", False),
        ("d", False),
        ("dd", True),
        ("g" * 12 + "ddd", False),
        ("ggd" * 5, True),
        ("gggd" * 5, False),
        ("g" * 15 + "d" * 8, True),
        ("d" * 15 + "g" * 5, True),
        ("d" * 15 + "g" * 13, True),
        ("d" * 15 + "g" * 15, False),
        ("ddd" + "gggd" * 9, True),  # once a problem, it does not come and go
    ],
)
def test_the_part_of_the_last_second_that_is_damaged(frames, problem):
    watch = DamageWatch()
    for i, kind in enumerate(frames):
        if kind == "g":
            watch.note_good(i / 15)
        else:
            watch.note_damaged(i / 15, DamagedFrameError("door"))
    assert (watch.problem is not None) == problem
    assert watch.damaged == frames.count("d")


def test_of_a_slow_camera_eight_frames_are_judged():
    watch = DamageWatch()
    for i, kind in enumerate("gdggggdggggdgggg"):
        if kind == "g":
            watch.note_good(2.0 * i)
        else:
            watch.note_damaged(2.0 * i, DamagedFrameError("door"))
    assert watch.problem is None


def test_what_could_not_be_decoded_at_all_has_its_own_words():
    watch = DamageWatch()
    for now in (0.0, 0.1):
        watch.note_damaged(now, UndecodedFrameError("door"))
    assert watch.problem.cause is Cause.PICTURE_DAMAGED
    assert "interlaced" in str(watch.problem)


# --- whole frames


class FakeCapture:
    """Gives these arrays; `complain` is what the decoder says before a frame: {index: what}."""

    def __init__(self, frames, codec="", raw=True, types="", complain=None, decoder=None):
        self.frames, self.codec, self.raw, self.types = frames, codec, raw, types
        self.complain, self.decoder, self.at, self.settings = complain or {}, decoder, -1, {}

    def grab(self):
        self.at += 1
        if "damaged" in self.complain.get(self.at, ""):
            self.decoder.damaged += 1
        return self.at < len(self.frames)

    def retrieve(self):
        if "unconverted" in self.complain.get(self.at, ""):
            self.decoder.unconverted += 1
        return True, self.frames[self.at]

    def get(self, prop):
        if prop == cv2.CAP_PROP_FOURCC:
            return float(cv2.VideoWriter.fourcc(*self.codec)) if self.codec else 0.0
        if prop == cv2.CAP_PROP_FRAME_TYPE and self.types:
            return float(ord(self.types[min(self.at, len(self.types) - 1)]))
        return 0.0

    def set(self, prop, value):
        self.settings[prop] = value
        return self.raw

    def release(self):
        pass


def verdicts(capture: Capture) -> str:
    """g for each frame that was given, d for each damaged one."""
    found = ""
    while capture.grab():
        try:
            capture.retrieve()
            found += "g"
        except DamagedFrameError:
            found += "d"
    return found


def as_row(data: bytes):
    return np.frombuffer(data, np.uint8)[None]


def test_jpegs_of_a_usb_camera_are_decoded_strictly_and_in_the_right_colours():
    whole = noisy_jpeg()
    padded, cut, stale = whole + bytes(500), whole[:900], whole[:900] + bytes(3000)
    capture = Capture(
        FakeCapture([as_row(data) for data in (whole, padded, cut, stale, b"")], "MJPG"), "usb:0"
    )
    capture.ask_for_jpegs(cv2.CAP_PROP_CONVERT_RGB, 0)
    capture.grab()
    expected = cv2.cvtColor(cv2.imdecode(as_row(whole), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_allclose(capture.retrieve().astype(int), expected.astype(int), atol=4)
    assert verdicts(capture) == "gddd"


def test_a_camera_that_does_not_give_its_jpegs_is_read_as_before():
    fake = FakeCapture([NOISE], "MJPG", raw=False)
    capture = Capture(fake, "usb:0")
    capture.ask_for_jpegs(cv2.CAP_PROP_CONVERT_RGB, 0)
    assert verdicts(capture) == "g"
    other = FakeCapture([NOISE], "YUYV")
    Capture(other, "usb:0").ask_for_jpegs(cv2.CAP_PROP_CONVERT_RGB, 0)
    assert other.settings == {}


@pytest.mark.parametrize("fill", [(128, 128, 128), (0, 135, 0), (0, 136, 0), (0, 154, 0)])
@pytest.mark.parametrize("rows", [8, 60])
def test_a_bottom_that_a_decoder_filled_up_is_damage(fill, rows):
    filled = NOISE.copy()
    filled[-rows:] = fill[::-1]
    plain = np.full_like(NOISE, fill[::-1])
    assert verdicts(Capture(FakeCapture([NOISE, filled, plain]), "usb:0")) == "gdg"


def test_an_empty_buffer_of_a_yuyv_camera_is_that_green():
    short = cv2.cvtColor(np.zeros((16, 16, 2), np.uint8), cv2.COLOR_YUV2BGR_YUYV)
    filled = NOISE.copy()
    filled[-16:] = short[0, 0]
    assert verdicts(Capture(FakeCapture([filled]), "usb:0")) == "d"


def test_after_a_complaint_nothing_is_trusted_until_a_whole_frame_comes():
    """The first I frame may be the damaged one: decoders are some frames ahead of what they give."""
    decoder = DecoderWatch()
    types = "PPPPIPPPPPPPPPPIPPPP"
    fake = FakeCapture([NOISE] * 20, types=types, complain={3: "damaged"}, decoder=decoder)
    assert verdicts(Capture(fake, "door", decoder)) == "ggg" + "d" * 12 + "g" * 5
    assert types.index("I", 3) < 3 + LEAD_FRAMES


def test_a_complaint_of_a_stream_without_i_frames_is_forgotten_at_last():
    decoder = DecoderWatch()
    count = DISTRUST_FRAMES + 9
    fake = FakeCapture([NOISE] * count, types="P", complain={0: "damaged"}, decoder=decoder)
    assert verdicts(Capture(fake, "door", decoder)).rstrip("g") == "d" * DISTRUST_FRAMES


def test_a_frame_that_was_not_converted_is_an_old_one():
    decoder = DecoderWatch()
    fake = FakeCapture([NOISE] * 3, complain={1: "unconverted"}, decoder=decoder)
    assert verdicts(Capture(fake, "door", decoder)) == "gdg"


# --- what FFmpeg says


class Named(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p),)


class Context(ctypes.Structure):
    _fields_ = (("kind", ctypes.POINTER(Named)),)


@pytest.mark.parametrize(
    ("kind", "level", "text", "damaged", "unconverted"),
    [
        (b"AVCodecContext", 16, b"error while decoding MB %d %d", 1, 0),
        (b"AVCodecContext", 24, b"deprecated pixel format used", 0, 0),
        (b"AVCodecContext", 16, b"SEI type %d size %d truncated at %d", 0, 0),
        (b"AVCodecContext", 48, b"nal_unit_type: %d", 0, 0),
        (b"SWScaler", 16, b"Cannot convert interlaced to progressive frames", 0, 1),
        (b"SWScaler", 24, b"No accelerated colorspace conversion found", 0, 0),
        (b"AVFormatContext", 24, b"RTP: missed %d packets", 1, 0),
        (b"AVFormatContext", 24, b"Packet corrupt (stream = %d)", 1, 0),
        (b"AVFormatContext", 24, b"Could not find codec parameters", 0, 0),
    ],
)
def test_which_complaints_are_damage(kind, level, text, damaged, unconverted):
    watch = DecoderWatch()
    named = Named(kind)
    context = Context(ctypes.pointer(named))
    watch.hear(ctypes.addressof(context), level, text, None)
    watch.hear(None, level, text, None)
    assert (watch.damaged, watch.unconverted) == (damaged, unconverted)


# --- odd frames


@pytest.mark.parametrize(
    ("array", "rgb"),
    [
        (np.full((4, 6), 70, np.uint8), (70, 70, 70)),
        (np.full((4, 6, 1), 70, np.uint8), (70, 70, 70)),
        (np.full((4, 6, 3), (1, 2, 3), np.uint8), (3, 2, 1)),
        (np.full((4, 6, 4), (1, 2, 3, 9), np.uint8), (3, 2, 1)),
        (np.full((4, 6), 0x4600, np.uint16), (70, 70, 70)),
        (np.full((4, 6, 3), (0x100, 0x2FF, 0x300), np.uint16), (3, 2, 1)),
    ],
)
def test_odd_pixels_become_rgb(array, rgb):
    pixels = to_rgb(array, "usb:0")
    assert (pixels.dtype, pixels.shape) == (np.uint8, (4, 6, 3))
    assert tuple(pixels[2, 2]) == rgb


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((0,), np.uint8), "empty"),
        (np.array(None), "0 channels of object"),
        (np.zeros((4, 6, 2), np.uint8), "2 channels of uint8"),
        (np.zeros((4, 6, 5), np.uint8), "5 channels of uint8"),
        (np.zeros((4, 6, 3), np.float32), "3 channels of float32"),
        (np.zeros((4, 6, 3), np.int16), "3 channels of int16"),
        (np.zeros((2, 4, 6, 3), np.uint8), "0 channels of uint8"),
    ],
)
def test_what_is_no_picture_is_said_in_one_short_line(array, kind):
    with pytest.raises(SourceError, match=f"usb:0: the camera gives no usable picture .{kind}") as caught:
        to_rgb(array, "usb:0")
    assert len(str(caught.value)) < 130
