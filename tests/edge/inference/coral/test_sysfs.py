"""What sysfs shows of an Edge TPU, before anything is opened."""

import os
from pathlib import Path

import pytest

from edge.inference.coral.sysfs import CoralDevice, access_problem, find_devices
from tests.coral_fakes import AFTER, BEFORE, FakeStick


@pytest.fixture
def stick(tmp_path):
    return FakeStick(tmp_path)


def test_no_stick_is_no_device(stick):
    assert find_devices(stick.sys, stick.dev) == []


def test_a_machine_without_usb_or_pcie_has_none(tmp_path):
    assert find_devices(tmp_path / "nothing", tmp_path) == []


@pytest.mark.parametrize(("identity", "firmware"), [(BEFORE, False), (AFTER, True)])
def test_the_stick_is_known_before_and_after_its_firmware(stick, identity, firmware):
    stick.plug(identity)
    assert find_devices(stick.sys, stick.dev) == [CoralDevice("usb", stick.node, firmware, 5000)]


def test_other_devices_of_the_same_makers_are_not_it(stick):
    stick.plug(("18d1", "4ee7"))
    assert find_devices(stick.sys, stick.dev) == []


def test_pcie_comes_after_usb_and_has_its_own_file(stick):
    stick.plug()
    stick.plug_pcie()
    assert [(device.bus, device.node) for device in find_devices(stick.sys, stick.dev)] == [
        ("usb", stick.node),
        ("pcie", stick.dev / "apex_0"),
    ]


def test_a_stick_that_may_be_opened_has_no_problem(stick):
    stick.plug()
    assert access_problem(find_devices(stick.sys, stick.dev)[0]) is None


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("plugdev", "usermod -aG plugdev"),
        ("apex", "usermod -aG apex"),
        ("root", "`sudo ./setup.sh --coral auto` writes it"),
    ],
)
def test_missing_permission_names_the_file_and_the_cure(stick, monkeypatch, group, words):
    stick.plug()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may open everything
    monkeypatch.setattr(Path, "group", lambda path: group)
    problem = access_problem(find_devices(stick.sys, stick.dev)[0])
    assert str(stick.node) in problem.what
    assert words in problem.cure


def test_a_missing_device_file_names_driver_or_sandbox(stick):
    stick.plug_pcie(driver=False)
    assert "sudo modprobe apex" in access_problem(find_devices(stick.sys, stick.dev)[0]).cure
    assert "sandbox" in access_problem(CoralDevice("usb", Path("/nowhere/usb"))).cure


def test_an_entry_that_vanishes_midway_is_left_out(stick):
    stick.plug()
    (stick.sys / "bus/usb/devices/2-1/idProduct").unlink()
    assert find_devices(stick.sys, stick.dev) == []


@pytest.mark.parametrize(("speed", "words"), [(480, "at 480 Mbit/s"), (0, "Coral USB stick, ")])
def test_the_port_is_described(stick, speed, words):
    stick.plug(BEFORE, speed)
    text = find_devices(stick.sys, stick.dev)[0].describe()
    assert words in text
    assert "firmware not loaded yet" in text
