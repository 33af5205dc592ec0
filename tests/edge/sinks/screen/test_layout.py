"""The layout, measured on the drawn pictures."""

import sys

import numpy as np
import pytest

from edge.errors import MissingLibraryError
from edge.sinks.message import Message, message_for
from edge.sinks.screen import layout
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.layout import load_font, render
from edge.sinks.screen.sink import ScreenSink
from tests.edge.sinks.screen.builders import EVERY_MESSAGE, without_dejavu

PIL = pytest.importorskip("PIL")
ImageFont = pytest.importorskip("PIL.ImageFont")

SCREENS = [
    (128, 64, "1"),
    (128, 32, "1"),
    (128, 128, "1"),
    (160, 80, "RGB"),
    (160, 128, "RGB"),
    (240, 240, "RGB"),
    (320, 240, "RGB"),
]


@pytest.fixture(params=["DejaVu", "Pillow's own"])
def font(request, monkeypatch):
    """Both fonts, as far as they are here."""
    load_font.cache_clear()
    if request.param == "DejaVu":
        try:
            ImageFont.truetype("DejaVuSans-Bold.ttf", 10)
        except OSError:
            pytest.skip("DejaVu is not installed: NOT tested with it")
    elif int(PIL.__version__.partition(".")[0]) < 11:
        pytest.skip("Pillow is too old to have a scalable font: NOT tested with it")
    else:
        without_dejavu(monkeypatch)
    yield
    load_font.cache_clear()


def ink_of(image):
    """Boolean (H, W): where something is drawn."""
    pixels = np.asarray(image.convert("RGB")).astype(int)
    return np.abs(pixels - pixels[0, 0]).sum(axis=2) > 60


@pytest.mark.parametrize("screen", SCREENS, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", EVERY_MESSAGE)
def test_nothing_is_cut_off_or_overlaps_and_the_words_are_big(name, screen, font):
    width, height, mode = screen
    message = message_for(EVERY_MESSAGE[name])
    both, title = (
        ink_of(render(m, width, height, mode)) for m in (message, Message(message.state, message.title, ()))
    )
    assert both.shape == (height, width)
    for edge in (both[0], both[-1], both[:, 0], both[:, -1]):
        assert not edge.any(), "something touches the edge"
    rows, columns = np.flatnonzero(title.any(axis=1)), np.flatnonzero(title.any(axis=0))
    across, down = (columns[-1] - columns[0]) / width, (rows[-1] - rows[0]) / height
    assert max(across, down) > 0.7
    detail = both & ~title
    assert detail.any() == (height >= 48)
    if detail.any():
        assert np.flatnonzero(detail.any(axis=1))[0] > rows[-1], "the small line runs into the big words"
        assert (both & title).sum() == title.sum()


def test_on_a_screen_of_one_colour_deny_is_dark_on_light():
    light = {
        name: np.asarray(render(message_for(EVERY_MESSAGE[name]), 128, 64, "1")).mean()
        for name in ("pass", "bare", "idle", "looking")
    }
    assert light["bare"] > 0.5 > max(light["pass"], light["idle"], light["looking"])


def test_colours_differ_and_words_stand_out():
    grounds = {state: ground for state, (_, ground) in layout.WORDS_AND_GROUND.items()}
    assert len(set(grounds.values())) == 4
    for words, ground in layout.WORDS_AND_GROUND.values():
        lighter, darker = sorted((luminance(words), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.1, 1.4.3


def luminance(colour):
    """Relative luminance, WCAG 2.1."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_old_pillow_without_dejavu_names_the_package(monkeypatch):
    load_font.cache_clear()
    without_dejavu(monkeypatch)
    monkeypatch.setattr(ImageFont, "load_default", lambda: None)  # before 10.1 it takes no size
    with pytest.raises(MissingLibraryError, match="sudo apt install fonts-dejavu-core"):
        load_font(20)
    with pytest.raises(MissingLibraryError, match="fonts-dejavu-core"):
        ScreenSink(ScreenConfig(device="dummy"))


def test_no_pillow_is_said(monkeypatch):
    load_font.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingLibraryError, match="sudo apt install python3-pil"):
        ScreenSink(ScreenConfig(device="dummy"))
