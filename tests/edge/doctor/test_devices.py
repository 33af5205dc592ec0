"""What the doctor says of pins, screens and a Coral."""

import json
import subprocess
from dataclasses import replace

import pytest

from edge.config.reading import load_config
from edge.doctor import devices, users
from edge.doctor.check import Status, ok
from tests.boardtree import add_users, make_pi, write
from tests.coral_fakes import tiny_models
from tests.edge.doctor.builders import SERVICE, TINY, context, coral_stick, lamps, screen


def test_gpio(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "installed", lambda library: True)
    add_users(make_pi(tmp_path), "mask-edge", "gpio")
    assert devices.check_gpio(context(tmp_path)) == ok("no lamp is configured")
    assert devices.check_gpio(context(tmp_path, lamps(MASK_EDGE_GPIO_FACTORY="mock"))).status is Status.OK
    none = devices.check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert none.status is Status.FAIL
    assert "this machine has no pins" in none.detail
    write(tmp_path, "dev/gpiochip0", "")
    (tmp_path / "dev/gpiochip0").chmod(0o600)
    closed = devices.check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert closed.status is Status.FAIL
    assert "usermod -aG gpio mask-edge" in closed.next
    (tmp_path / "dev/gpiochip0").chmod(0o666)
    assert devices.check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail.startswith(
        "gpiochip0: led GPIO 17"
    )
    monkeypatch.setattr(devices, "installed", lambda library: library != "lgpio")
    assert devices.check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail == "lgpio not installed"


@pytest.mark.parametrize(
    ("config", "device", "group", "library"),
    [
        (screen(device="ssd1306"), "i2c-1", "i2c", "luma.oled"),
        (screen(device="st7789", spi_device=1), "spidev0.1", "spi", "luma.lcd"),
    ],
)
def test_screen(tmp_path, monkeypatch, config, device, group, library):
    monkeypatch.setattr(devices, "installed", lambda name: name == library)
    machine = context(add_users(make_pi(tmp_path), "mask-edge"), config, service=SERVICE)
    off = devices.check_screen(machine)
    assert off.status is Status.FAIL
    assert f"do_{group} 0" in off.next
    write(tmp_path, f"dev/{device}", "")
    (tmp_path / "dev" / device).chmod(0o600)
    assert f"usermod -aG {group} mask-edge" in devices.check_screen(machine).next
    assert f"{group} (for the screen)" in users.check_groups(machine).detail
    (tmp_path / "dev" / device).chmod(0o666)
    assert devices.check_screen(machine) == ok(f"{config.screen.device} on /dev/{device}")
    monkeypatch.setattr(devices, "installed", lambda name: False)
    assert devices.check_screen(machine).detail == f"{library} is not installed"


def test_without_a_screen_nothing_is_missing(tmp_path):
    assert devices.check_screen(context(tmp_path)) == ok("no screen is configured")
    assert devices.check_screen(context(tmp_path, screen(device="dummy"))).status is Status.OK


def test_coral(tmp_path):
    tiny = {"MASK_EDGE_SOURCE_URI": "demo", **TINY}
    assert devices.check_coral(context(tmp_path)) == ok("none")
    required = devices.check_coral(
        context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "edgetpu"}))
    )
    assert required.status is Status.WARN
    coral_stick(tmp_path)
    assert (
        "not used"
        in devices.check_coral(
            context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "cpu"}))
        ).detail
    )
    not_compiled = devices.check_coral(context(tmp_path, load_config(None, tiny)))
    assert not_compiled.status is Status.WARN
    assert "blobs_edgetpu.tflite" in not_compiled.detail
    assert "convert.compile" in not_compiled.next


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"in_use": True, "text": "Edge TPU in use (Coral USB stick): 3 ms"}, Status.OK, "in use"),
        ({"in_use": False, "text": "the Edge TPU hangs; unplug it"}, Status.WARN, "hangs"),
        ({"error": "no TFLite runtime"}, Status.WARN, "no TFLite runtime"),
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

    result = devices.check_coral(replace(context(tmp_path, config), run=run))
    assert result.status is status
    assert words in result.detail
    assert "coral" in asked[0]
    running = devices.check_coral(
        replace(context(tmp_path, config, service={"ActiveState": "active"}), run=run)
    )
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

    assert "no trial within" in devices.check_coral(replace(context(tmp_path, config), run=run)).detail
