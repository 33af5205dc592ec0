"""Passwords and tokens: made, stored, read back; what is damaged or open to others is refused."""

import hashlib

import pytest

from edge.errors import ConfigError, UsageError
from edge.host.secretfile import find_secret, read_secret
from edge.web.accounts import (
    Password,
    Role,
    Token,
    hash_password,
    new_token,
    read_accounts,
    token_digest,
    with_account,
)


def write(path, text: str, mode: int = 0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_password_matches_itself_alone_and_two_hashes_of_it_differ():
    first, second = hash_password(Role.ADMIN, "correct horse"), hash_password(Role.ADMIN, "correct horse")
    assert first.matches("correct horse")
    assert not first.matches("correct horse ")
    assert first.line() != second.line()
    assert (first.n, first.r, first.p) == (2**14, 8, 1)


def test_the_hash_is_scrypt_as_the_standard_library_has_it():
    password = hash_password(Role.ADMIN, "Grüße, Welt")
    assert password.digest == hashlib.scrypt(
        "Grüße, Welt".encode(), salt=password.salt, n=2**14, r=8, p=1, maxmem=2**26, dklen=32
    )


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_password_of_an_odd_length_is_refused(password):
    with pytest.raises(UsageError, match="characters"):
        hash_password(Role.ADMIN, password)


def test_a_token_is_long_and_stored_as_its_hash():
    text, token = new_token(Role.VIEWER, "home")
    assert len(text) >= 43
    assert token.matches(token_digest(text))
    assert not token.matches(token_digest(text + "x"))
    assert text not in token.line()


def test_lines_are_read_back(tmp_path):
    _, token = new_token(Role.VIEWER, "home")
    admin = hash_password(Role.ADMIN, "correct horse")
    path = write(tmp_path / "passwords", f"# of the front door\n\n{admin.line()}\n{token.line()}\n")
    assert read_accounts(path) == (admin, token)


def test_a_new_password_replaces_that_of_its_role_and_keeps_all_else():
    admin, viewer = hash_password(Role.ADMIN, "correct horse"), hash_password(Role.VIEWER, "only looking")
    _, token = new_token(Role.ADMIN, "script")
    text = with_account(f"# mine\n{admin.line()}\n{token.line()}\n", viewer)
    fresh = hash_password(Role.ADMIN, "another horse")
    assert with_account(text, fresh).splitlines() == ["# mine", token.line(), viewer.line(), fresh.line()]
    _, second = new_token(Role.ADMIN, "script")
    assert with_account(text, second).splitlines()[-2:] == [viewer.line(), second.line()]


GOOD = "admin:scrypt:16384:8:1:c2FsdA==:" + "A" * 43 + "="


@pytest.mark.parametrize(
    "line",
    [
        "correct horse",
        "root:scrypt:16384:8:1:c2FsdA==:AAAA",
        "admin:md5:AAAA",
        GOOD.replace("16384", "16383"),
        GOOD.replace("16384", str(2**30)),
        GOOD.replace(":8:", ":1000000:"),
        GOOD.replace("c2FsdA==", "!!"),
        GOOD[:-4],
        "admin:sha256:AAAA:short",
        "admin:sha256",
    ],
)
def test_a_damaged_line_is_named(tmp_path, line):
    path = write(tmp_path / "passwords", f"{GOOD}\n{line}\n")
    with pytest.raises(ConfigError, match="line 2 is neither a password nor a token"):
        read_accounts(path)


def test_a_good_line_is_read(tmp_path):
    (password,) = read_accounts(write(tmp_path / "passwords", GOOD))
    assert password == Password(Role.ADMIN, b"salt", bytes(32))


def test_a_file_without_any_password_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no password") as caught:
        read_accounts(write(tmp_path / "passwords", "# nothing yet\n"))
    assert "web password" in caught.value.cure


@pytest.mark.parametrize(("mode", "fine"), [(0o600, True), (0o400, True), (0o640, True), (0o644, False)])
def test_a_secret_that_others_may_read_is_refused(tmp_path, mode, fine):
    path = write(tmp_path / "secret", "x", mode)
    if fine:
        assert read_secret(path) == "x"
        return
    with pytest.raises(ConfigError, match="other users may read or change it") as caught:
        read_secret(path)
    assert caught.value.cure == f"`chmod 600 {path}`"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o606])
def test_a_secret_that_others_may_write_is_refused(tmp_path, mode):
    with pytest.raises(ConfigError, match="other users"):
        read_secret(write(tmp_path / "secret", "x", mode))


def test_a_secret_that_is_missing_huge_or_no_text_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "missing")
    with pytest.raises(ConfigError, match="larger than"):
        read_secret(write(tmp_path / "huge", "x" * 70_000))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(ConfigError, match="not a text"):
        read_secret(tmp_path / "binary")


def test_a_credential_of_systemd_comes_first(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "web").write_text("x")
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert find_secret("web", environment) == credentials / "web"
    assert str(find_secret("other", environment)) == "other"
    assert str(find_secret("/etc/web", environment)) == "/etc/web"
    assert str(find_secret("web", {})) == "web"


def test_an_unknown_role_has_no_account():
    assert Role.ADMIN > Role.VIEWER
    assert isinstance(new_token(Role.VIEWER)[1], Token)
