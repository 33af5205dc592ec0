"""Small screens: the words, the layout measured on the pictures, and real luma drivers on buses that are not there."""

import errno
import logging
import os
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

from edge.config.indicators import ScreenConfig
from edge.config.reading import load_config
from edge.decision import Policy, PolicySettings
from edge.errors import ConfigError, MissingLibraryError, SinkError
from edge.sinks.message import Message, message_for
from edge.sinks.retry import RetryingSink
from edge.sinks.screen import displays, layout
from edge.sinks.screen.layout import load_font, render
from edge.sinks.screen.sink import ScreenSink
from edge.types import BoundingBox, Decision, FrameResult, Label, State, Track, TrackStatus

pytest.importorskip("luma.oled")
pytest.importorskip("luma.lcd")
PIL = pytest.importorskip("PIL")
ImageFont = pytest.importorskip("PIL.ImageFont")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Image.Image.getdata is deprecated:DeprecationWarning"
)  # luma.oled 3.16 calls it


def result(state=State.PASS, reason="", **counts):
    return FrameResult(
        None, (), (), Decision(state, 0.0, {Label(name): count for name, count in counts.items()}, reason), ()
    )


EVERY_MESSAGE = {
    "pass": result(State.PASS, with_mask=1),
    "bare": result(State.DENY, without_mask=1),
    "wrong": result(State.DENY, incorrect_mask=2, with_mask=3, unknown=1),
    "crowd": result(State.DENY, "one at a time", with_mask=2, without_mask=1),
    "large crowd": result(
        State.DENY, "12 at a time", with_mask=2, without_mask=7, incorrect_mask=4, unknown=3
    ),
    "looking": result(State.UNCERTAIN, "looking", unknown=1),
    "lost": result(State.UNCERTAIN, "no picture from the camera: /dev/video0 is gone, plug it in again"),
    "idle": result(State.IDLE),
}
SCREENS = [
    (128, 64, "1"),
    (128, 32, "1"),
    (128, 128, "1"),
    (160, 80, "RGB"),
    (160, 128, "RGB"),
    (240, 240, "RGB"),
    (320, 240, "RGB"),
]


# --- words


@pytest.mark.parametrize(
    ("name", "title", "detail"),
    [
        ("pass", "PASS", "pass: 1 mask"),
        ("bare", "PUT ON YOUR MASK", "deny: 1 no mask"),
        ("wrong", "FIX YOUR MASK", "deny: 3 mask, 2 mask worn wrong, 1 ?"),
        ("crowd", "ONE AT A TIME", "deny: 2 mask, 1 no mask"),
        ("large crowd", "12 AT A TIME", "deny: 2 mask, 7 no mask, 4 mask worn wrong, 3 ?"),
        ("looking", "ONE MOMENT", "uncertain: 1 ?"),
        ("lost", "OUT OF ORDER", "no picture from the camera: /dev/video0 is gone, plug it in again"),
        ("idle", "READY", "idle: nobody in view"),
    ],
)
def test_words(name, title, detail):
    message = message_for(EVERY_MESSAGE[name])
    assert (message.title, message.details[0]) == (title, detail)


def test_a_degraded_door_says_so_where_there_is_room():
    message = message_for(replace(EVERY_MESSAGE["idle"], degraded="the Edge TPU has gone; plug it in again"))
    assert message.title == "READY"
    assert message.details == (
        "idle: nobody in view (degraded)",
        "nobody in view (degraded)",
        "idle: nobody in view",
        "nobody in view",
    )


@pytest.mark.parametrize(
    ("allowed", "present", "state"),
    [(1, 1, State.PASS), (1, 2, State.DENY), (2, 2, State.PASS), (0, 9, State.PASS)],
)
def test_more_faces_than_allowed_are_denied_and_told(allowed, present, state):
    box = BoundingBox(0, 0, 50, 50)
    tracks = [Track(i, box, Label.WITH_MASK, 0.9, 1.0, TrackStatus.CONFIRMED) for i in range(present)]
    decision = Policy(PolicySettings(max_faces=allowed)).decide(tracks, 0.0)
    assert decision.state is state
    assert (message_for(FrameResult(None, (), tuple(tracks), decision, ())).title == "ONE AT A TIME") == (
        state is State.DENY
    )


# --- layout


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


def without_dejavu(monkeypatch):
    real = ImageFont.truetype

    def truetype(font=None, *arguments, **options):
        if font == "DejaVuSans-Bold.ttf":
            raise OSError("cannot open resource")
        return real(font, *arguments, **options)

    monkeypatch.setattr(ImageFont, "truetype", truetype)


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
    grounds = {state: ground for state, (_, ground) in layout.COLOURS.items()}
    assert len(set(grounds.values())) == 4
    for words, ground in layout.COLOURS.values():
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


# --- the sink


@pytest.fixture
def now():
    return [0.0]


class Counting:
    """Stands where a display is, and counts."""

    size, mode = (128, 64), "1"

    def __init__(self):
        self.calls = []

    def draw(self, image):
        self.calls.append("draw")

    def show(self):
        self.calls.append("show")

    def hide(self):
        self.calls.append("hide")

    def close(self):
        self.calls.append("close")


@pytest.fixture
def counting(monkeypatch):
    display = Counting()
    monkeypatch.setattr("edge.sinks.screen.sink.open_display", lambda config: display)
    return display


def test_it_is_drawn_once_per_change(counting, now):
    sink = ScreenSink(ScreenConfig(device="ssd1306"), lambda: now[0])
    for index in range(30):
        now[0] = index / 100
        sink.handle(EVERY_MESSAGE["pass"] if index < 20 else EVERY_MESSAGE["bare"])
    assert counting.calls == ["draw", "draw"]


def test_it_goes_dark_when_nobody_comes_and_lights_up_again(counting, now):
    sink = ScreenSink(ScreenConfig(device="ssd1306", blank_after_s=2.5), lambda: now[0])
    for index in range(8):
        now[0] = index / 2
        sink.handle(EVERY_MESSAGE["idle"])
    sink.handle(EVERY_MESSAGE["pass"])
    sink.close()
    assert counting.calls == ["draw", "show", "show", "hide", "show", "draw", "close"]


def test_the_dummy_shows_the_picture_and_the_log_says_it(caplog):
    caplog.set_level(logging.INFO)
    sink = ScreenSink(ScreenConfig(device="dummy", width=240, height=240, rotate=1))
    sink.handle(EVERY_MESSAGE["bare"])
    assert [record.getMessage() for record in caplog.records] == [
        "screen: PUT ON YOUR MASK (deny: 1 no mask)"
    ]
    assert np.asarray(sink._display.image)[2, 2].tolist() == list(layout.COLOURS[State.DENY][1])
    sink.close()


# --- real drivers


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


@pytest.fixture
def bus(monkeypatch, tmp_path):
    smbus2 = pytest.importorskip("smbus2")
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "i2c-1").write_text("")
    monkeypatch.setattr(smbus2, "SMBus", FakeBus)
    monkeypatch.setattr(FakeBus, "present", True)
    monkeypatch.setattr(FakeBus, "written", 0)
    monkeypatch.setattr(FakeBus, "opened", 0)
    return FakeBus


@pytest.mark.parametrize("device", ["ssd1306", "ssd1309", "sh1106"])
def test_an_oled_gets_its_pixels(bus, device):
    sink = ScreenSink(ScreenConfig(device=device))
    before = bus.written
    sink.handle(EVERY_MESSAGE["pass"])
    assert bus.written - before > 128 * 64 / 8
    sink.close()
    sink.close()
    sink.handle(EVERY_MESSAGE["bare"])
    assert bus.opened == 0


def test_a_display_that_is_unplugged_and_comes_back_is_set_up_again(bus, now, caplog):
    caplog.set_level(logging.INFO)
    sink = RetryingSink(
        "screen", lambda: ScreenSink(ScreenConfig(device="ssd1306"), lambda: now[0]), lambda: now[0]
    )
    for tenth in range(400):
        now[0] = tenth / 10
        bus.present = not 50 <= tenth < 200
        sink.handle(EVERY_MESSAGE["idle"])
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert messages[0].startswith(
        "screen: the display is gone (I2C device not found on address: 0x3C); check its wires; the rest goes on"
    )
    assert messages[1].startswith("screen: nothing answers at address 0x3C of ")
    assert "`i2cdetect -y 1` shows what does" in messages[1]
    assert messages[2] == "screen: works again"
    assert bus.opened == 1
    sink.close()
    assert bus.opened == 0


def test_failed_tries_leave_nothing_behind(bus, monkeypatch):
    """luma registers each display for the end of the program: thousands of tries must not make thousands of displays."""
    import atexit

    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    bus.present = False
    for _ in range(3):
        with pytest.raises(SinkError):
            ScreenSink(ScreenConfig(device="ssd1306"))
    assert not registered
    assert bus.opened == 0


class FakeSpiDev:
    """A bus that takes all."""

    written = 0

    def open(self, port, device):
        assert (port, device) == (0, 0)

    def writebytes(self, data):
        FakeSpiDev.written += len(data)

    def close(self):
        pass


@pytest.mark.parametrize(("device", "pixels"), [("st7735", 160 * 128), ("st7789", 240 * 240)])
def test_an_lcd_gets_its_pixels_and_its_pins_through_gpiozero(monkeypatch, tmp_path, device, pixels):
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "spidev0.0").write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=FakeSpiDev))
    monkeypatch.setitem(sys.modules, "RPi", None)
    sink = ScreenSink(ScreenConfig(device=device, backlight=18, v_offset=2))
    before = FakeSpiDev.written
    sink.handle(EVERY_MESSAGE["pass"])
    assert FakeSpiDev.written - before >= 3 * pixels
    assert mock.pin(18).state, "the backlight is off"
    assert mock.pin(25).state, "reset is held"
    assert {bool(state.state) for state in mock.pin(24).states} == {False, True}
    shown = FakeSpiDev.written
    sink.close()
    assert FakeSpiDev.written - shown >= 3 * pixels, "the last words stay on the panel"
    assert not [bool(state.state) for state in mock.pin(18).states][-1], "the backlight stays on"


# --- what is missing


@pytest.mark.parametrize(
    ("config", "files", "words"),
    [
        (
            ScreenConfig(device="ssd1306"),
            [],
            "i2c-1; switch the bus on with `sudo raspi-config nonint do_i2c 0`, then reboot",
        ),
        (
            ScreenConfig(device="st7789"),
            [],
            "spidev0.0; switch the bus on with `sudo raspi-config nonint do_spi 0`, then reboot",
        ),
        (ScreenConfig(device="sh1106", bus="spi", spi_device=1), [], "spidev0.1; switch the bus on"),
        (
            ScreenConfig(device="ssd1306", i2c_port=3),
            ["i2c-3"],
            "i2c-3; `sudo usermod -aG i2c $USER`, then log in again",
        ),
        (
            ScreenConfig(device="st7735"),
            ["spidev0.0"],
            "spidev0.0; `sudo usermod -aG spi $USER`, then log in again",
        ),
    ],
)
def test_a_bus_that_is_missing_or_closed_names_the_cure(monkeypatch, tmp_path, config, files, words):
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(SinkError) as caught:
        ScreenSink(config)
    assert words in str(caught.value)
    assert str(caught.value).startswith("screen: no permission for" if files else "screen: no ")


def test_no_spidev_is_a_missing_library_not_a_missing_pin(monkeypatch, tmp_path):
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "spidev0.0").write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(MissingLibraryError, match="screen: spidev is not installed"):
        ScreenSink(ScreenConfig(device="st7789"))


@pytest.mark.parametrize("device", ["ssd1306", "st7789"])
def test_a_bus_that_cannot_be_opened_is_named(monkeypatch, tmp_path, device):
    """Files that are no buses stand where the buses would be."""
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    for name in ("i2c-91", "spidev91.0"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    spidev = types.SimpleNamespace(
        open=lambda port, chip: (_ for _ in ()).throw(FileNotFoundError(2, "No such file or directory"))
    )
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=lambda: spidev))
    with pytest.raises(
        SinkError, match=r"screen: .*(i2c-91|spidev91.0) cannot be opened \((I2C|SPI) device not found"
    ):
        ScreenSink(ScreenConfig(device=device, i2c_port=91, spi_port=91))


@pytest.mark.parametrize("library", ["luma.core", "luma.oled", "smbus2"])
def test_a_missing_library_names_its_package(monkeypatch, bus, library):
    for name in [name for name in sys.modules if name == library or name.startswith(library + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    if "." in library:
        monkeypatch.delattr(sys.modules["luma"], library.partition(".")[2], raising=False)
    with pytest.raises(
        MissingLibraryError, match=r"is not installed; `sudo apt install python3-luma.oled python3-luma.lcd`"
    ):
        ScreenSink(ScreenConfig(device="ssd1306"))


def test_a_size_that_the_driver_does_not_know_is_said(bus):
    with pytest.raises(
        ConfigError,
        match=r"ssd1306: Unsupported display mode: 100 x 50; check \[screen\] device, width and height",
    ):
        ScreenSink(ScreenConfig(device="ssd1306", width=100, height=50))
    assert bus.opened == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[screen]\ndevice = "ssd1305"\n', "'ssd1305' is not one of"),
        ("[screen]\nrotate = 90\n", "screen.rotate = 90 is not one of 0, 1, 2, 3"),
        (
            '[gpio]\nred = 24\n[screen]\ndevice = "st7789"\n',
            "gpio.red = 24 is taken by the screen (dc); give it another pin",
        ),
        ('[gpio]\nled = 3\n[screen]\ndevice = "sh1106"\n', "gpio.led = 3 is taken by the screen (i2c)"),
        (
            '[gpio]\nled = 8\n[screen]\ndevice = "ssd1306"\nbus = "spi"\n',
            "gpio.led = 8 is taken by the screen (spi)",
        ),
        ('[screen]\ndevice = "st7789"\ndc = 25\n', "screen.dc and screen.reset are both GPIO 25"),
        (
            '[screen]\ndevice = "st7789"\nbacklight = 40\n',
            "screen.backlight = 40 is not a GPIO of the header",
        ),
    ],
)
def test_mistakes_in_the_configuration(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)
