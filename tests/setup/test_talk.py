"""What setup.sh shows: its own lines; apt's and pip's go to a log. What a failure leaves behind: nothing."""

import os
import subprocess

import pytest

from tests.setup.test_caller import functions


@pytest.fixture
def run(tmp_path):
    """Runs a script behind the functions of setup.sh; `$here` is a folder of its own."""

    def run(script: str) -> subprocess.CompletedProcess:
        begin = f"source {functions(tmp_path)}; here={tmp_path}; scratch=$here/scratch; mkdir -p $scratch"
        text = f"{begin}\n{script}"
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        return subprocess.run(
            ["bash", "-c", text], capture_output=True, text=True, env=environment, timeout=60
        )

    return run


def test_the_output_of_others_goes_to_the_log(run, tmp_path):
    result = run('log_to $here/log; quietly "installing" sh -c "echo chatter; echo more >&2"; note ok done')
    assert result.returncode == 0
    assert result.stderr == f"setup: what apt and pip say goes to {tmp_path}/log\nsetup: ok       done\n"
    log = (tmp_path / "log").read_text()
    assert "chatter\nmore\n" in log
    assert "--- sh -c" in log
    assert (tmp_path / "log").stat().st_mode & 0o007 == 0


def test_of_a_failure_the_last_lines_are_shown_and_the_log_is_named(run, tmp_path):
    result = run('log_to $here/log; echo earlier >>$here/log; quietly "pip" sh -c "seq 100; exit 7"; echo no')
    assert result.returncode == 7
    assert "no" not in result.stdout
    lines = result.stderr.splitlines()
    assert lines[1:21] == [str(number) for number in range(81, 101)]
    assert lines[21] == f"setup: pip: failed, all of it is in {tmp_path}/log"


def test_a_short_failure_shows_nothing_of_what_was_before(run):
    result = run('log_to $here/log; echo earlier >>$here/log; quietly "pip" sh -c "echo why; exit 1"')
    assert "earlier" not in result.stderr
    assert "why\n" in result.stderr


def test_a_long_step_shows_that_it_is_alive(run):
    slow = "sleep() { command sleep 0.05; }; log_to $here/log; quietly working command sleep 0.4; end_ticker"
    said = run(slow).stderr
    assert "still working, for 10 s" in said
    assert "still working, for 20 s" in said


def test_the_time_of_a_step_is_said(run):
    assert run("took 1; took 2; took 75").stdout == " (2 s) (1 min 15 s)"


UPGRADE = """
prefix=$here/opt; mkdir -p $prefix/old; ln -s old $prefix/current; log_to $here/log
pip_into() { return 1; }
trap on_exit EXIT
step="building"
"""


def test_an_upgrade_that_fails_leaves_no_folder(run, tmp_path):
    result = run(UPGRADE + 'change "version new" build $prefix/new 3.11')
    assert result.returncode != 0
    assert "what was installed before is unchanged" in result.stderr
    assert sorted(path.name for path in (tmp_path / "opt").iterdir()) == ["current", "old"]


def test_a_version_that_does_not_pass_its_check_leaves_no_folder(run, tmp_path):
    result = run(UPGRADE + 'mkdir $prefix/new; fresh=$prefix/new; fail "the new version does not work here"')
    assert result.returncode == 1
    assert not (tmp_path / "opt/new").exists()


def test_a_version_that_is_in_use_stays(run, tmp_path):
    result = run(UPGRADE + "mkdir $prefix/new; fresh=$prefix/new; point_to new; fail later")
    assert result.returncode == 1
    assert (tmp_path / "opt/new").is_dir()


def test_an_interrupted_one_leaves_no_folder_either(run, tmp_path):
    result = run(UPGRADE + 'pip_into() { kill -INT $$; }; change "version new" build $prefix/new 3.11')
    assert result.returncode != 0
    assert not (tmp_path / "opt/new").exists()
