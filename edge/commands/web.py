"""`python -m edge web`: make the passwords and tokens of those who may use the door's pages."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path

from edge.commands.options import Commands
from edge.errors import SinkError, UsageError
from edge.host.secretfile import read_secret
from edge.web.accounts import LONGEST_PASSWORD, Account, Role, hash_password, new_token, with_account
from edge.writing import write_whole

OTHERS = 0o077
"""Rights that a new file must not give: those of group and others."""

Ask = Callable[[str], str]


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Set the password of the door's pages, or make a token for a script."
    command = commands.add("web", handle, text)
    command.add_argument(
        "action",
        choices=("password", "token"),
        help="password: ask for a new one, or read it from the first line of stdin; "
        "token: make one, and print it once",
    )
    command.add_argument(
        "--viewer", action="store_true", help="for somebody who sees, and can neither upload nor command"
    )
    command.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="put the line into this file, for password_file or tokens_file; without it, print the line",
    )
    command.add_argument(
        "--name", default="", help="what the token is for: a word that is kept beside it in the file"
    )


def handle(arguments: argparse.Namespace) -> int:
    """Make a password's line or a token."""
    role = Role.VIEWER if arguments.viewer else Role.ADMIN
    if ":" in arguments.name or not arguments.name.isprintable():
        raise UsageError(f"--name {arguments.name!r}: holds a colon or worse", "take a plain word")
    if arguments.action == "password":
        _keep(hash_password(role, _ask_password()), arguments.file)
        return 0
    token, account = new_token(role, arguments.name)
    print(token)
    _keep(account, arguments.file)
    print("The token is shown only now. Send it as `Authorization: Bearer TOKEN`.", file=sys.stderr)
    return 0


def _keep(account: Account, file: Path | None) -> None:
    """Put the account into the file, or print its line."""
    if file is None:
        print(account.line())
        return
    text = read_secret(file) if file.exists() else ""
    try:
        _write_secret(file, with_account(text, account).encode())
    except OSError as error:
        raise SinkError(
            f"{file}: cannot be written ({error.strerror})",
            "run it as the user who owns the folder, such as `sudo -u mask-edge mask-edge web ...`",
        ) from error
    print(f"{file}: holds it; the door reads the file when it starts", file=sys.stderr)


def _ask_password(ask: Ask = getpass.getpass) -> str:
    """Asked twice, without showing it; or the first line of stdin. Raises UsageError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(LONGEST_PASSWORD + 2).rstrip("\r\n")
    password = ask("New password: ")
    if ask("The same again: ") != password:
        raise UsageError("the two passwords differ", "try again")
    return password


def _write_secret(file: Path, data: bytes) -> None:
    """Whole or not at all, for its owner alone; a file that is there keeps its owner."""
    before = file.stat() if file.exists() else None
    mask = os.umask(OTHERS)
    try:
        write_whole(file, data)
    finally:
        os.umask(mask)
    if before is not None and before.st_uid != os.geteuid():
        os.chown(file, before.st_uid, before.st_gid)
