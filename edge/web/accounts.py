"""Passwords and tokens: how they are made, stored and compared. Nothing here keeps a password.

A line of a file is `ROLE:scrypt:N:R:P:SALT:HASH` for a password or `ROLE:sha256:HASH:NAME` for a token. Salt
and hash are base64. A token is random, so its SHA-256 is enough; a password needs a slow hash (RFC 7914).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from edge.errors import ConfigError, UsageError
from edge.host.secretfile import read_secret

N, R, P = 2**14, 8, 1
"""scrypt's cost: 16 MB and about 0.1 s on a PC."""

MOST_N = 2**18
TOKEN_BYTES = 32
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
"""Characters. A longer one would only cost time."""


class Role(IntEnum):
    """Who somebody is. A higher role may do all that a lower one may."""

    VIEWER = 1
    """Sees, and can neither upload nor command."""
    ADMIN = 2

    @property
    def user(self) -> str:
        """The user's name, for files and for Basic authentication."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Password:
    """The hash of a password."""

    role: Role
    salt: bytes
    digest: bytes
    n: int = N
    r: int = R
    p: int = P

    def matches(self, password: str) -> bool:
        """Whether it is this password. It takes 0.1 s or more, and 16 MB."""
        return hmac.compare_digest(self.digest, _scrypt(password, self.salt, self.n, self.r, self.p))

    def line(self) -> str:
        """The line of the file, without a line break."""
        salt, digest = _text(self.salt), _text(self.digest)
        return f"{self.role.user}:scrypt:{self.n}:{self.r}:{self.p}:{salt}:{digest}"


@dataclass(frozen=True, slots=True)
class Token:
    """The hash of a token."""

    role: Role
    digest: bytes
    name: str = ""
    """What the token is for, for people."""

    def matches(self, digest: bytes) -> bool:
        """digest: of the token that was sent, from `token_digest`."""
        return hmac.compare_digest(self.digest, digest)

    def line(self) -> str:
        """The line of the file, without a line break."""
        return f"{self.role.user}:sha256:{_text(self.digest)}:{self.name}"


Account = Password | Token


def hash_password(role: Role, password: str) -> Password:
    """A password with a new salt. Raises UsageError for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(
            f"the password has {len(password)} characters",
            f"take one of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
        )
    salt = secrets.token_bytes(16)
    return Password(role, salt, _scrypt(password, salt, N, R, P))


def new_token(role: Role, name: str = "") -> tuple[str, Token]:
    """A new token, and what to store of it."""
    text = secrets.token_urlsafe(TOKEN_BYTES)
    return text, Token(role, token_digest(text), name)


def token_digest(token: str) -> bytes:
    """SHA-256 of a token, 32 bytes."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def read_accounts(path: Path) -> tuple[Account, ...]:
    """The passwords and tokens of a file. Raises ConfigError, which names the file and the line."""
    accounts = []
    for number, line in enumerate(read_secret(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            accounts.append(_parse(line.strip()))
        except (ValueError, KeyError) as error:
            raise ConfigError(
                f"{path}: line {number} is neither a password nor a token",
                "`mask-edge web password` and `mask-edge web token` print such lines",
            ) from error
    if not accounts:
        raise ConfigError(f"{path}: holds no password", f"`mask-edge web password --file {path}`")
    return tuple(accounts)


def with_account(text: str, fresh: Account) -> str:
    """The text of a file with one more account. A role has one password, and any number of tokens."""
    gives_way = f"{fresh.role.user}:scrypt:" if isinstance(fresh, Password) else None
    kept = [line for line in text.splitlines() if gives_way is None or not line.startswith(gives_way)]
    return "".join(f"{line}\n" for line in [*kept, fresh.line()])


def _parse(line: str) -> Account:
    """Raises ValueError or KeyError."""
    user, scheme, *fields = line.split(":")
    role = {role.user: role for role in Role}[user]
    if scheme == "sha256":
        digest, name = fields
        return Token(role, _checked(_bytes(digest), 32), name)
    if scheme != "scrypt":
        raise ValueError(scheme)
    n, r, p, salt, digest = fields
    cost = int(n), int(r), int(p)
    if not (1 < cost[0] <= MOST_N and cost[0] & (cost[0] - 1) == 0 and 1 <= cost[1] <= 16 and cost[2] == 1):
        raise ValueError("cost")
    return Password(role, _bytes(salt), _checked(_bytes(digest), 32), *cost)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    memory = 128 * n * r * p + 2**21
    data = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode(), altchars=b"-_", validate=True)


def _checked(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise ValueError("length")
    return data
