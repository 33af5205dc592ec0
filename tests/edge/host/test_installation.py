"""What a configuration of the service means: paths begin in its folder, and its sandbox hides some."""

import os
import shutil
from pathlib import Path

import pytest

from edge.commands import config as config_command
from edge.commands import doctor as doctor_command
from edge.commands.main import main
from edge.doctor import software
from edge.errors import ModelError
from edge.host import installation
from edge.host.findings import Status
from edge.inference.card import load_card
from tests.builders import DATA
from tests.edge.doctor.builders import context


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A root with the service's configuration and folder; the caller stands somewhere else."""
    root, caller = tmp_path / "root", tmp_path / "caller"
    (root / "etc/mask-edge").mkdir(parents=True)
    (root / installation.STATE).mkdir(parents=True)
    caller.mkdir()
    monkeypatch.chdir(caller)
    for module in (config_command, doctor_command):
        monkeypatch.setattr(
            module, "is_service_config", lambda path: installation.is_service_config(path, root)
        )
        monkeypatch.setattr(
            module, "work_where_the_service_does", lambda: installation.work_where_the_service_does(root)
        )
    monkeypatch.setattr("edge.doctor.report.CONFIG", (root / installation.CONFIG))
    config = root / installation.CONFIG
    config.write_text("[classifier]\nmodel = 'own.tflite'\n[source]\nuri = 'demo'\n")
    return root, caller, config


def place(folder: Path) -> None:
    for suffix in (".tflite", ".json"):
        shutil.copy(DATA / f"brightness{suffix}", folder / f"own{suffix}")


def test_relative_paths_are_the_services_and_nothing_is_taken_from_the_callers_folder(installed, capsys):
    root, caller, config = installed
    place(caller)
    assert main(["config", "check", "--config", str(config)]) == 78
    assert "own.tflite: no such model" in capsys.readouterr().err
    os.chdir(caller)
    main(["doctor", "--quick"])
    assert "own.tflite: no such model" in capsys.readouterr().out
    place(root / installation.STATE)
    os.chdir(caller)
    main(["doctor", "--quick"])
    assert "own.tflite (classification" in capsys.readouterr().out.replace("brightness", "own")


def test_without_the_services_folder_it_is_not_the_callers_either(installed, capsys):
    root, caller, config = installed
    place(caller)
    (root / installation.STATE).rmdir()
    main(["config", "check", "--config", str(config)])
    assert "own.tflite: no such model" in capsys.readouterr().err
    assert Path.cwd() == root


def test_another_configuration_is_the_callers_own(installed, capsys):
    _, caller, config = installed
    place(caller)
    other = caller / "mine.toml"
    other.write_text(config.read_text())
    assert main(["config", "check", "--config", str(other)]) == 0


def test_a_model_that_the_sandbox_hides_is_said_before_the_service_fails(installed, tmp_path, capsys):
    root, caller, config = installed
    place(caller)
    config.write_text(f"[classifier]\nmodel = '{caller}/own.tflite'\n")
    hidden = installation.hidden_from_service(caller)
    if hidden is None:
        pytest.skip("the tests' folder is not below /tmp here: this test was NOT run")
    assert main(["config", "check", "--config", str(config)]) == 78
    words = f"the service sees nothing in {hidden}; copy model and card to /var/lib/mask-edge"
    assert words in capsys.readouterr().err
    from edge.config.reading import load_config

    seen = context(root, load_config(config, {}))
    object.__setattr__(seen, "config_path", config)
    finding = software.check_models(seen)
    assert finding.status is Status.FAIL
    assert str(hidden) in finding.detail


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/home/pi/my/x.tflite", "/home"),
        ("/root/x.tflite", "/root"),
        ("/tmp/x", "/tmp"),
        ("/var/tmp/x", "/var/tmp"),
        ("/var/lib/../../home/x", "/home"),
        ("/var/lib/mask-edge/x.tflite", None),
        ("/opt/models/home/x.tflite", None),
        ("/homes/x", None),
    ],
)
def test_what_the_sandbox_hides(path, folder):
    assert installation.hidden_from_service(Path(path)) == (Path(folder) if folder else None)


def test_the_service_itself_names_its_sandbox(monkeypatch, tmp_path):
    """Under ProtectHome a path below /home gives no permission, and one below /tmp is not there."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/mask-edge")
    with pytest.raises(ModelError, match="the service sees nothing in /home"):
        load_card("/home/nobody-has-this/x.tflite")
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "x.tflite").mkdir()
    with pytest.raises(ModelError, match=r"cannot be read \(not a regular file\)"):
        load_card(folder / "x.tflite")


def test_no_permission_is_one_line_with_a_cure(monkeypatch, tmp_path):
    def refuse(path, most):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("edge.inference.card.read_regular", refuse)
    with pytest.raises(ModelError, match=r"cannot be read \(Permission denied\); check the path"):
        load_card(tmp_path / "x.tflite")
