"""Board facts and sensors, read from fake trees."""

import logging

import pytest

from edge.host.board import Sensors, board_model, memory_mb, read_sensors, resident_mb
from edge.host.watch import BoardWatch
from tests.boardtree import hwmon, make_pi, write


def test_a_pi_with_its_own_kernel(tmp_path):
    make_pi(tmp_path, celsius=61.3)
    assert read_sensors(tmp_path) == Sensors(61.3, throttled=False, under_voltage=False)
    assert board_model(tmp_path) == "Raspberry Pi 4 Model B Rev 1.4"


def test_a_pi_with_debians_kernel_does_not_know_of_throttling(tmp_path):
    make_pi(tmp_path, throttled=None, alarm=1)
    assert read_sensors(tmp_path) == Sensors(48.2, throttled=None, under_voltage=True)


@pytest.mark.parametrize(
    ("text", "throttled", "under_voltage"),
    [
        ("0", False, False),
        ("1", False, True),
        ("2", True, False),
        ("4", True, False),
        ("8", True, False),
        ("50005", True, True),
        ("e0000", False, False),
    ],
)
def test_the_bits_of_get_throttled(tmp_path, text, throttled, under_voltage):
    make_pi(tmp_path, throttled=text)
    (tmp_path / "sys/class/hwmon/hwmon1/name").write_text("other\n")  # no voltage driver: bit 0 speaks for it
    sensors = read_sensors(tmp_path)
    assert (sensors.throttled, sensors.under_voltage) == (throttled, under_voltage)


def test_the_voltage_driver_wins_over_the_deprecated_file(tmp_path):
    make_pi(tmp_path, throttled="1", alarm=0)
    assert read_sensors(tmp_path).under_voltage is False


def test_a_pi_5_has_its_firmware_elsewhere_and_a_fan(tmp_path):
    make_pi(tmp_path, "Raspberry Pi 5 Model B Rev 1.0", throttled="4", soc="soc@107c000000")
    hwmon(tmp_path, 2, "pwmfan", fan1_input="2900")
    sensors = read_sensors(tmp_path)
    assert (sensors.throttled, sensors.fan_rpm) == (True, 2900)


def test_nothing_is_known_where_there_is_nothing(tmp_path):
    assert read_sensors(tmp_path) == Sensors(None, None, None, None)
    assert (board_model(tmp_path), memory_mb(tmp_path), resident_mb(tmp_path)) == (None, None, None)


@pytest.mark.parametrize("text", ["", "garbage", "\0", "12.5.3"])
def test_nonsense_is_unknown_not_an_error(tmp_path, text):
    make_pi(tmp_path)
    paths = [
        "sys/class/thermal/thermal_zone0/temp",
        "sys/class/hwmon/hwmon1/in0_lcrit_alarm",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
    ]
    for path in [*paths, "proc/meminfo", "proc/self/statm"]:
        write(tmp_path, path, text)
    assert read_sensors(tmp_path) == Sensors(None, None, None, None)
    assert (memory_mb(tmp_path), resident_mb(tmp_path)) == (None, None)


def test_the_processor_is_chosen_among_the_zones_of_a_pc(tmp_path):
    for number, (kind, value) in enumerate(
        [("acpitz", 27800), ("iwlwifi_1", 90000), ("x86_pkg_temp", 61000)]
    ):
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/type", kind)
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", str(value))
    assert read_sensors(tmp_path).temperature_c == 61.0


def test_memory_in_mebibytes(tmp_path):
    make_pi(tmp_path)
    total, available = memory_mb(tmp_path)
    assert (round(total), available) == (3793, 3100)
    assert resident_mb(tmp_path) == pytest.approx(100.0)  # 25600 pages of 4 KiB


def test_this_process_has_a_resident_memory():
    assert 5 < resident_mb() < 50_000


# --- the watch


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "edge.host.watch")
    return lambda: [(record.levelname, record.getMessage().split(";")[0]) for record in caplog.records]


def test_heat_is_said_once_and_once_when_it_is_over(tmp_path, log):
    watch = BoardWatch(tmp_path)
    for second, celsius in enumerate([70, 79.9, 80, 84, 79, 76, 81, 74.9, 60]):
        make_pi(tmp_path, celsius=celsius)
        watch.look(second * 5.0)
    assert log() == [
        ("WARNING", "the processor is too hot (80 C) and is slowed down"),
        ("INFO", "the processor has cooled down"),
    ]


def test_under_voltage_is_said_once_and_once_when_it_is_over(tmp_path, log):
    watch = BoardWatch(tmp_path)
    for second, alarm in enumerate([0, 1, 1, 1, 0, 0]):
        make_pi(tmp_path, alarm=alarm)
        watch.look(second * 5.0)
    assert log() == [
        ("WARNING", "under-voltage: the supply or its cable is too weak"),
        ("INFO", "the voltage is right again"),
    ]


def test_the_board_is_looked_at_every_five_seconds_only(tmp_path, log):
    watch = BoardWatch(make_pi(tmp_path))
    watch.look(100.0)
    make_pi(tmp_path, alarm=1)
    watch.look(104.9)
    assert not log()
    watch.look(105.0)
    assert len(log()) == 1


def test_the_summary_holds_what_was_seen_since_the_last_one(tmp_path):
    watch = BoardWatch(make_pi(tmp_path, throttled="4", alarm=1))
    watch.look(0.0)
    make_pi(tmp_path, celsius=50)
    watch.look(5.0)
    assert watch.take() == ["50 C", "throttled", "under-voltage", "100 MB"]
    assert watch.take() == ["50 C", "100 MB"]


def test_without_sensors_there_is_nothing_to_say(tmp_path, log):
    watch = BoardWatch(tmp_path)
    watch.look(0.0)
    assert (watch.take(), log()) == ([], [])
