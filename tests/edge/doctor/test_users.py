"""What the doctor says of the users' groups and of who may open a device."""

import os

from edge.config.reading import load_config
from edge.doctor import groups
from edge.doctor.check import Check, guarded
from edge.host import users
from edge.host.findings import Status, fail, ok, warn
from tests.boardtree import add_users, make_pi, write
from tests.edge.doctor.builders import SERVICE, context, coral_stick, lamps


def test_the_services_user_is_in_its_groups(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video", "gpio")
    assert groups.check_groups(context(tmp_path, lamps(), service=SERVICE)) == ok(
        "mask-edge (the service's user) is in video, gpio"
    )


def test_a_missing_group_fails_with_the_command(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video")
    result = groups.check_groups(context(tmp_path, lamps(), service=SERVICE))
    assert result == fail(
        "mask-edge (the service's user) is not in gpio (for the lamps)",
        "`sudo usermod -aG gpio mask-edge`, then `sudo systemctl restart mask-edge`",
    )


def test_groups_that_are_not_needed_or_do_not_exist_are_not_missed(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge")
    demo = load_config(None, {"MASK_EDGE_SOURCE_URI": "demo"})
    assert groups.check_groups(context(tmp_path, demo, service=SERVICE)).status is Status.OK
    write(tmp_path, "etc/group", "root:x:0:\n")
    assert groups.check_groups(context(tmp_path, lamps(), service=SERVICE)).status is Status.OK


def test_a_group_counts_from_the_next_login_on(tmp_path, monkeypatch):
    add_users(make_pi(tmp_path), "eve", "video")
    monkeypatch.setattr(users, "_own_name", lambda: "eve")
    monkeypatch.setattr(users.os, "geteuid", lambda: 990)
    machine = context(tmp_path, load_config(None, {"MASK_EDGE_SOURCE_URI": "usb:0"}))
    monkeypatch.setattr(users.os, "getgroups", lambda: [990])
    assert groups.check_groups(machine) == warn(
        "eve was put into video after logging in", "log out and in again"
    )
    monkeypatch.setattr(users.os, "getgroups", lambda: [990, 44])
    assert groups.check_groups(machine) == ok("eve is in video")
    assert "gpio" in groups.check_groups(context(tmp_path, lamps())).next


def test_a_service_whose_user_is_gone(tmp_path):
    result = guarded(Check("groups", groups.check_groups), context(make_pi(tmp_path), service=SERVICE))
    assert result == fail("the service's user mask-edge does not exist", "install again: `sudo ./setup.sh`")


def test_devices_are_judged_for_the_services_user(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "gpio")
    user = users.find_user(context(tmp_path, service=SERVICE).machine)
    path = tmp_path / "device"
    path.write_text("")
    for mode, may in [(0o600, False), (0o666, True), (0o664, False), (0o606, True)]:
        path.chmod(mode)
        assert user.may_open(path) is may, oct(mode)
    path.chmod(0o660)
    mine = users.User("mask-edge", 990, {"gpio": path.stat().st_gid}, True)
    assert mine.may_open(path)


def test_an_owner_has_the_owners_rights_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(users.os, "geteuid", lambda: 4242)
    path = tmp_path / "device"
    path.write_text("")
    owner = users.User("eve", 991, {}, False)
    monkeypatch.setattr(users.Path, "stat", lambda self: os.stat_result((mode, 0, 0, 1, 991, 5, 0, 0, 0, 0)))
    for mode, may in [(0o600, True), (0o066, False), (0o466, False)]:
        assert owner.may_open(path) is may, oct(mode)


def test_a_coral_stick_needs_its_group(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video")
    coral_stick(tmp_path)
    assert "plugdev (for the Coral)" in groups.check_groups(context(tmp_path, service=SERVICE)).detail
