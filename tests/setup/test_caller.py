"""What lies in the caller's folder, or comes by the environment, is never run: setup.sh is run as root."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.doctor import probe
from edge.host.children import module_command, python_command
from edge.inference.coral import worker
from tests.builders import ROOT

SETUP = ROOT / "setup.sh"
PLANTED = "venv pip cv2 numpy ensurepip sitecustomize usercustomize json ai_edge_litert"


@pytest.fixture
def planted(tmp_path):
    """A folder full of modules that leave a trace when they are imported; PYTHONPATH and more point to it."""
    folder, trace = tmp_path / "caller", tmp_path / "trace"
    folder.mkdir()
    body = f"open({str(trace)!r}, 'a').write(__name__ + '\\n')\n"
    for name in PLANTED.split():
        (folder / f"{name}.py").write_text(body)
    (folder / "startup.py").write_text(body)
    package = folder / "edge/inference/coral"
    package.mkdir(parents=True)
    for path in (folder / "edge", folder / "edge/inference", package):
        (path / "__init__.py").write_text(body)
    (package / "worker.py").write_text(body)
    pip = folder / "pip.conf"
    pip.write_text(f"[global]\ntarget = {tmp_path / 'target'}\n")
    hostile = {
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONUSERBASE": str(folder),
        "PIP_TARGET": str(folder),
        "PIP_CONFIG_FILE": str(pip),
    }
    yield folder, trace, os.environ | hostile
    assert not trace.exists(), trace.read_text()


def functions(tmp_path) -> Path:
    """setup.sh without its last line, which runs it."""
    lines = SETUP.read_text().splitlines()
    assert lines[-1] == 'main "$@"'
    path = tmp_path / "functions.sh"
    path.write_text("\n".join(lines[:-1]))
    return path


def test_no_python_of_setup_imports_what_the_caller_planted(planted, tmp_path):
    folder, _, environment = planted
    script = (
        f"source {functions(tmp_path)}; leave_the_caller; log_to {tmp_path}/log; "
        'check_python "$PYTHON"; python_version; '
        f'python3() {{ "$PYTHON" "$@"; }}; ensure_venv_module; '
        f'"$PYTHON" "$ISOLATED" -m venv {tmp_path}/venv; pip_into {tmp_path}/venv --help; '
        f"(check_libraries {tmp_path}/venv) || true; pwd; env"
    )
    result = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "\n/\n" in result.stdout
    assert not re.search(r"^(PYTHON|PIP_TARGET|PIP_CONFIG_FILE)", result.stdout, re.MULTILINE)
    assert re.search(r"pip install \[", (tmp_path / "log").read_text(), re.MULTILINE)


def test_every_python_of_setup_is_isolated():
    calls = [
        line.strip()
        for line in SETUP.read_text().splitlines()
        if re.search(r'(\$PYTHON"|bin/python"|"\$1"|\bpython3) +("\$ISOLATED"|-[cmPI]? )', line)
    ]
    assert len(calls) >= 8
    calls = [line for line in calls if "pip_into" not in line]
    careless = [line for line in calls if "$ISOLATED" not in line and " -V" not in line]
    assert [line for line in careless if "-m pytest" not in line] == []


def test_the_installed_command_is_isolated(tmp_path):
    folder = tmp_path / "version"
    (folder / "bin").mkdir(parents=True)
    command = folder / "bin/mask-edge"
    command.write_text(f"#!{folder}/bin/python3.11\nimport sys\n")
    (line,) = [line.strip() for line in SETUP.read_text().splitlines() if line.strip().startswith("sed -i")]
    subprocess.run(["bash", "-c", f"folder={folder}; {line}"], check=True)
    assert command.read_text() == f"#!{folder}/bin/python3.11 -I\nimport sys\n"


@pytest.mark.parametrize("flag", ["-I", "-P"])
def test_no_child_imports_what_the_caller_planted(planted, flag):
    """flag: how this process itself was started; the environment counts only where it counted for it, too."""
    folder, _, environment = planted
    if flag == "-P":
        environment = {key: value for key, value in environment.items() if key != "PYTHONPATH"}
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import subprocess; "
        "from edge.host.children import module_command, python_command; "
        "from edge.inference.coral import worker; from edge.doctor import probe; "
        "subprocess.run(module_command(worker), stderr=subprocess.DEVNULL); "
        "subprocess.run(module_command(probe, 'models'), input='{}', text=True); "
        "subprocess.run(python_command('import json, sys'))"
    )
    result = subprocess.run(
        [sys.executable, flag, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert '"runtime"' in result.stdout, result.stderr


def test_the_commands_of_children_name_this_copy_of_the_package():
    for module in (worker, probe):
        command = module_command(module, "a", "b")
        assert command[-2:] == ["a", "b"]
        assert str(ROOT) in command[3]
        assert "-m" not in command
    assert python_command("pass")[1] in ("-P", "-I")
