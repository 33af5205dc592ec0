"""`mask-edge web`: passwords and tokens into a file that nobody else may read."""

import io
import stat
import sys

import pytest

from edge.commands import web as command
from edge.commands.main import main
from edge.errors import UsageError
from edge.web.accounts import Role, read_accounts, token_digest


@pytest.fixture
def type_in(monkeypatch):
    """A function that puts a text on stdin."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_password_from_stdin_is_printed_as_a_line(type_in, capsys, tmp_path):
    type_in("correct horse\n")
    assert main(["web", "password"]) == 0
    (tmp_path / "passwords").write_text(capsys.readouterr().out)
    (tmp_path / "passwords").chmod(0o600)
    (account,) = read_accounts(tmp_path / "passwords")
    assert account.role is Role.ADMIN
    assert account.matches("correct horse")


def test_a_file_is_for_its_owner_alone_and_keeps_what_it_had(type_in, tmp_path, capsys):
    file = tmp_path / "new" / "passwords"
    for text, flags in (("correct horse", []), ("only looking", ["--viewer"]), ("another horse", [])):
        type_in(text + "\n")
        assert main(["web", "password", "--file", str(file), *flags]) == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    viewer, admin = read_accounts(file)
    assert (viewer.role, admin.role) == (Role.VIEWER, Role.ADMIN)
    assert viewer.matches("only looking")
    assert admin.matches("another horse")
    assert "horse" not in capsys.readouterr().out


def test_a_token_is_shown_once_and_stored_as_its_hash(tmp_path, capsys):
    file = tmp_path / "tokens"
    assert main(["web", "token", "--viewer", "--name", "kitchen", "--file", str(file)]) == 0
    assert main(["web", "token", "--file", str(file)]) == 0
    first, second = capsys.readouterr().out.split()
    viewer, admin = read_accounts(file)
    assert (viewer.role, viewer.name, admin.role) == (Role.VIEWER, "kitchen", Role.ADMIN)
    assert viewer.matches(token_digest(first))
    assert admin.matches(token_digest(second))
    assert first not in file.read_text()


def test_without_a_file_a_token_comes_before_its_line(capsys):
    assert main(["web", "token"]) == 0
    token, line = capsys.readouterr().out.splitlines()
    assert line.startswith("admin:sha256:")
    assert token not in line


@pytest.mark.parametrize("text", ["", "short\n"])
def test_a_short_password_is_refused(type_in, text, capsys):
    type_in(text)
    assert main(["web", "password"]) == 2
    assert "take one of 8 to 1024 characters" in capsys.readouterr().err


def test_it_is_asked_twice_at_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    answers = iter(["correct horse", "correct horse", "correct horse", "other horse"])
    assert command._ask_password(lambda words: next(answers)) == "correct horse"
    with pytest.raises(UsageError, match="differ"):
        command._ask_password(lambda words: next(answers))


def test_a_file_that_others_may_read_is_not_added_to(type_in, tmp_path, capsys):
    file = tmp_path / "passwords"
    file.write_text("# mine\n")
    file.chmod(0o644)
    type_in("correct horse\n")
    assert main(["web", "password", "--file", str(file)]) == 78
    assert "chmod 600" in capsys.readouterr().err
    assert file.read_text() == "# mine\n"


def test_a_folder_that_is_none_is_an_error_with_a_cure(type_in, tmp_path, capsys):
    (tmp_path / "x").write_text("")
    type_in("correct horse\n")
    assert main(["web", "password", "--file", str(tmp_path / "x" / "passwords")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_name_with_a_colon_would_break_the_file(capsys):
    assert main(["web", "token", "--name", "a:b"]) == 2
