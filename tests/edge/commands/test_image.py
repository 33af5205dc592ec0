"""`edge image` on what people really have: odd names, same names, missing files, its own output."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands import image
from edge.commands.main import main
from edge.errors import SinkError, printable
from tests.builders import DATA, ROOT

PICTURE = DATA / "awkward" / "windows.jfif"


def fill(folder, *names):
    for name in names:
        path = Path(
            os.fsdecode(os.fsencode(folder) + b"/" + (name if isinstance(name, bytes) else name.encode()))
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PICTURE, path)
    return folder


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "edge", *words],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | environment,
        timeout=60,
    )


# --- paths


def test_a_missing_file_does_not_stop_the_others(tmp_path, capsys):
    fill(tmp_path, "a.jpg", "b.jpg")
    assert main(["image", str(tmp_path / "a.jpg"), str(tmp_path / "gone.jpg"), str(tmp_path / "b.jpg")]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "gone.jpg: no such file or folder" in err
    assert "2 pictures, 2 faces: 2 no mask; 1 picture could not be read" in err


def test_what_a_folder_holds_beside_is_said_and_heic_makes_exit_1(tmp_path, capsys):
    fill(tmp_path, "a.jpg")
    (tmp_path / "notes.txt").write_text("words")
    assert main(["image", str(tmp_path)]) == 0
    assert "1 file left out: 1 without a picture in it" in capsys.readouterr().err
    shutil.copy(DATA / "awkward" / "telephone.heic", tmp_path)
    assert main(["image", str(tmp_path)]) == 1
    assert "1 .heic" in capsys.readouterr().err


def test_a_folder_of_nothing_but_heic_says_so(tmp_path, capsys):
    shutil.copy(DATA / "awkward" / "telephone.heic", tmp_path)
    assert main(["image", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "holds no pictures that are read" in err and "1 .heic" in err and "JPEG" in err


def test_an_empty_path_is_no_folder(capsys):
    assert main(["image", ""]) == 2
    assert main(["run", "--source", ""]) == 1
    assert "empty" in capsys.readouterr().err


def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert main(["image", str(tmp_path / "pipe.jpg")]) == 1
    assert main(["run", "--source", str(tmp_path / "pipe.jpg")]) == 1
    assert main(["image", "/dev/zero"]) == 1
    assert capsys.readouterr().err.count("device") == 3


def test_a_picture_is_a_source_whatever_its_suffix(tmp_path):
    shutil.copy(PICTURE, tmp_path / "a.video")
    result = run("run", "--source", str(tmp_path / "a.video"), "--jsonl", "-", "--jsonl-frames", "all")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 8


def test_a_folder_with_an_unreadable_picture_makes_run_exit_1(tmp_path):
    fill(tmp_path, "a.jpg")
    assert main(["run", "--source", str(tmp_path)]) == 0
    (tmp_path / "b.jpg").write_bytes(PICTURE.read_bytes()[:900])
    assert main(["run", "--source", str(tmp_path)]) == 1


# --- names


ODD = (b"caf\xe9.jpg", b"red\x1b[31m.jpg", b"two\nlines.jpg", "日本.jpg".encode(), b"%s%03d.jpg")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict", "ascii:strict"])
def test_odd_names_cost_one_line_each_in_every_locale(tmp_path, encoding):
    folder = os.fsdecode(tmp_path)
    fill(tmp_path, b"a.jpg", *ODD, b"z.jpg")
    found = run("image", folder, PYTHONIOENCODING=encoding)
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 7
    assert b"\x1b" not in found.stdout + found.stderr
    entries = run("image", "--json", folder, PYTHONIOENCODING=encoding).stdout.decode("utf-8").splitlines()
    listed = {os.fsencode(json.loads(line)["file"]) for line in entries}
    assert listed == {os.fsencode(tmp_path) + b"/" + name for name in (b"a.jpg", *ODD, b"z.jpg")}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name-ä.jpg", "plain name-ä.jpg"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("a\x1b[31m\n\r\x00\x7f", "a\\x1b[31m\\n\\r\\x00\\x7f"),
        ("right\u202eleft\u2028", "right\\u202eleft\\u2028"),
        ("\ud800", "\\ud800"),
        (Path("a\tb"), "a\\tb"),
    ],
)
def test_a_name_as_it_may_be_shown(name, shown):
    assert printable(name) == shown
    assert str(SinkError(f"{name}: no", "do so")).isprintable()


# --- annotated copies


def test_two_pictures_never_become_one_copy(tmp_path, capsys):
    fill(tmp_path, "mix/x.jpg", "mix/mon/cam1.jpg", "mix/mon/cam1.png", "mix/tue/cam1.png", "b/x.jpg")
    out = tmp_path / "out"
    paths = [str(tmp_path / name) for name in ("mix", "b/x.jpg", "b")]
    assert main(["image", *paths, "--annotate", str(out)]) == 0
    assert files_below(out) == [
        "mon/cam1_annotated.jpg",
        "mon/cam1_annotated_2.jpg",
        "tue/cam1_annotated.jpg",
        "x_annotated.jpg",
        "x_annotated_2.jpg",
        "x_annotated_3.jpg",
    ]
    assert "6 annotated pictures written to" in capsys.readouterr().err


def test_a_second_run_writes_over_nothing_and_takes_no_copy_for_a_picture(tmp_path, capsys):
    fill(tmp_path, "a.jpg", "sub/b.jpg", "odd\nname.jpg")
    out = tmp_path / "out"
    (tmp_path / "out").mkdir()
    (out / "a_annotated.jpg").write_bytes(b"somebody's")
    for folder in (out, out, tmp_path, tmp_path):
        assert main(["image", str(tmp_path), "--annotate", str(folder)]) == 0
        assert "3 pictures" in capsys.readouterr().err
    assert (out / "a_annotated.jpg").read_bytes() == b"somebody's"
    assert len(files_below(tmp_path)) == 3 + 1 + 12


def test_a_copy_that_cannot_be_written_does_not_stop_the_others(tmp_path, capsys):
    fill(tmp_path, "a.jpg", f"{'b' * 250}.jpg", "c.jpg")
    assert main(["image", str(tmp_path), "--annotate", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "2 annotated pictures written" in err and "1 could not be written" in err


def test_the_sum_counts_in_words(capsys):
    assert [image.counted(number, "picture") for number in (0, 1, 2)] == [
        "0 pictures",
        "1 picture",
        "2 pictures",
    ]
