"""What the doctor says of pins, screens and a Coral."""

import json
import subprocess

import pytest

from edge.config.reading import load_config
from edge.doctor import coral, groups
from edge.host.findings import Status, ok
from edge.sinks.gpio import kind as gpio
from edge.sinks.screen import kind as screens
from tests.boardtree import add_users, make_pi, write
from tests.coral_fakes import tiny_models
from tests.edge.doctor.builders import SERVICE, TINY, context, coral_stick, lamps, screen


def check_gpio(context):
    return gpio.check(context.config.of(gpio.KIND), context.machine)


def check_screen(context):
    return screens.check(context.config.of(screens.KIND), context.machine)


def test_gpio(tmp_path, monkeypatch):
    monkeypatch.setattr(gpio, "installed", lambda library: True)
    add_users(make_pi(tmp_path), "mask-edge", "gpio")
    assert check_gpio(context(tmp_path)) == ok("no lamp is configured")
    assert check_gpio(context(tmp_path, lamps(MASK_EDGE_GPIO_FACTORY="mock"))).status is Status.OK
    none = check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert none.status is Status.FAIL
    assert "this machine has no pins" in none.detail
    write(tmp_path, "dev/gpiochip0", "")
    (tmp_path / "dev/gpiochip0").chmod(0o600)
    closed = check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert closed.status is Status.FAIL
    assert "usermod -aG gpio mask-edge" in closed.next
    (tmp_path / "dev/gpiochip0").chmod(0o666)
    assert check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail.startswith("gpiochip0: led GPIO 17")
    monkeypatch.setattr(gpio, "installed", lambda library: library != "lgpio")
    assert check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail == "lgpio not installed"


@pytest.mark.parametrize(
    ("config", "device", "group", "library"),
    [
        (screen(device="ssd1306"), "i2c-1", "i2c", "luma.oled"),
        (screen(device="st7789", spi_device=1), "spidev0.1", "spi", "luma.lcd"),
    ],
)
def test_screen(tmp_path, monkeypatch, config, device, group, library):
    monkeypatch.setattr(screens, "installed", lambda name: name == library)
    machine = context(add_users(make_pi(tmp_path), "mask-edge"), config, service=SERVICE)
    off = check_screen(machine)
    assert off.status is Status.FAIL
    assert f"do_{group} 0" in off.next
    write(tmp_path, f"dev/{device}", "")
    (tmp_path / "dev" / device).chmod(0o600)
    assert f"usermod -aG {group} mask-edge" in check_screen(machine).next
    assert f"{group} (for the screen)" in groups.check_groups(machine).detail
    (tmp_path / "dev" / device).chmod(0o666)
    assert check_screen(machine) == ok(f"{config.of(screens.KIND).device} on /dev/{device}")
    monkeypatch.setattr(screens, "installed", lambda name: False)
    assert check_screen(machine).detail == f"{library} is not installed"


def test_without_a_screen_nothing_is_missing(tmp_path):
    assert check_screen(context(tmp_path)) == ok("no screen is configured")
    assert check_screen(context(tmp_path, screen(device="dummy"))).status is Status.OK


def test_coral(tmp_path):
    tiny = {"MASK_EDGE_SOURCE_URI": "demo", **TINY}
    assert coral.check_coral(context(tmp_path)) == ok("none")
    required = coral.check_coral(
        context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "edgetpu"}))
    )
    assert required.status is Status.WARN
    coral_stick(tmp_path)
    assert (
        "not used"
        in coral.check_coral(
            context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "cpu"}))
        ).detail
    )
    not_compiled = coral.check_coral(context(tmp_path, load_config(None, tiny)))
    assert not_compiled.status is Status.WARN
    assert "blobs_edgetpu.tflite" in not_compiled.detail
    assert "convert.compile" in not_compiled.next


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"in_use": True, "what": "Edge TPU in use (Coral USB stick): 3 ms"}, Status.OK, "in use"),
        ({"in_use": False, "what": "the Edge TPU hangs (x; y)", "cure": "unplug it"}, Status.WARN, "(x; y)"),
        ({"error": "no TFLite runtime", "cure": ""}, Status.WARN, "no TFLite runtime"),
    ],
)
def test_a_coral_that_is_free_is_tried(tmp_path, answer, status, words):
    coral_stick(tmp_path)
    models = tiny_models(tmp_path / "models")
    config = load_config(
        None, {"MASK_EDGE_CLASSIFIER_MODEL": str(models[0]), "MASK_EDGE_DETECTOR_MODEL": str(models[1])}
    )
    asked = []

    def run(command, timeout, text=""):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, f"noise\n{json.dumps(answer)}\n", "")

    result = coral.check_coral(context(tmp_path, config, run=run))
    assert result.status is status
    assert words in result.detail
    assert "coral" in asked[0]
    running = coral.check_coral(context(tmp_path, config, service={"ActiveState": "active"}, run=run))
    assert "the service has it" in running.detail
    assert len(asked) == 1


def test_a_coral_that_hangs_the_trial_is_a_warning(tmp_path):
    coral_stick(tmp_path)
    models = tiny_models(tmp_path / "models")
    config = load_config(
        None, {"MASK_EDGE_CLASSIFIER_MODEL": str(models[0]), "MASK_EDGE_DETECTOR_MODEL": str(models[1])}
    )

    def run(command, timeout, text=""):
        raise subprocess.TimeoutExpired(command, timeout)

    assert "no trial within" in coral.check_coral(context(tmp_path, config, run=run)).detail
