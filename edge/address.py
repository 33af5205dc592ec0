"""The address of a source: parsed once, and printable only without its secrets."""

from __future__ import annotations

import difflib
import re
from enum import Enum, auto
from typing import Self

from edge.errors import Advice
from edge.redact import redacted

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
"""The kinds of streams, and the port of each where the address names none."""

FORMS = "demo, picamera, usb:0, /dev/video0, rtsp://..., a video file, a picture, or a folder of pictures"

ENCODE = "write @ # / ? : [ ] in a password as %40 %23 %2F %3F %3A %5B %5D"

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://(.*?)\s*", re.DOTALL)
_MODULE = re.compile(r"picamera(?::([0-9]{1,3}))?")
_DEVICE = re.compile(r"(?:usb:|/dev/video)([0-9]{1,3})|(?:usb:)?(/dev/v4l/.+)")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]@]+)(?::([0-9]{1,5}))?")


class Kind(Enum):
    """What an address leads to."""

    DEMO = auto()
    MODULE = auto()
    """A camera module."""
    DEVICE = auto()
    """A USB camera."""
    STREAM = auto()
    """Frames that come encoded over a network."""
    FILE = auto()
    """A video, a picture, or a folder."""


class Address:
    """Where frames come from. `str` and `repr` hide passwords; `reveal` gives the real text.

    Equal to another address, or a text, that is the same to the letter.
    """

    __slots__ = ("_text", "kind")

    kind: Kind

    def __init__(self, text: str) -> None:
        scheme = _SCHEME.fullmatch(text)
        self._text = f"{scheme[1].lower()}://{scheme[2]}" if scheme else text
        self.kind = _kind(self._text)

    @classmethod
    def of(cls, value: Self | str) -> Self:
        """An address as it is; a text as an address."""
        return value if isinstance(value, cls) else cls(str(value))

    def __str__(self) -> str:
        return redacted(self._text)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == (other._text if isinstance(other, Address) else other)

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The real text, with its password: for the call that opens it, and nothing else."""
        return self._text

    @property
    def is_stream(self) -> bool:
        """Whether frames come encoded over a network."""
        return self.kind is Kind.STREAM

    @property
    def is_camera(self) -> bool:
        """Whether it is a camera on this machine, not a stream or a file."""
        return self.kind in (Kind.MODULE, Kind.DEVICE)

    @property
    def module(self) -> int:
        """The number of a camera module."""
        found = _MODULE.fullmatch(self._text)
        return int(found[1] or 0) if found else 0

    @property
    def device(self) -> str:
        """The device file of a USB camera."""
        found = _DEVICE.fullmatch(self._text)
        return (found[2] or f"/dev/video{found[1]}") if found else ""

    @property
    def name(self) -> str:
        """For people and logs."""
        found = _DEVICE.fullmatch(self._text)
        if found:
            return f"usb:{found[1] or found[2]}"
        return f"picamera:{self.module}" if self.kind is Kind.MODULE else str(self)

    @property
    def place(self) -> tuple[str, int] | None:
        """Host and port of a stream; None where they cannot be told for sure from a part of a password."""
        scheme, _, rest = self._text.partition("://")
        authority = _authority(rest)
        found = _PLACE.fullmatch(authority.rpartition("@")[2])
        if found is None or "@" in rest[len(authority) :]:
            return None
        port = int(found[2] or PORTS.get(scheme, 80))
        return (found[1].strip("[]"), port) if 0 < port < 65536 else None

    @property
    def fault(self) -> Advice | None:
        """Why it can never be opened; None where nothing speaks against it. It names no secret."""
        scheme, slashes, rest = self._text.partition("://")
        if not slashes or not _SCHEME.fullmatch(self._text):
            return None
        if scheme not in PORTS:
            near = difflib.get_close_matches(scheme, PORTS, n=1, cutoff=0.5)
            known = ", ".join(f"{name}://" for name in PORTS)
            cure = f"did you mean {near[0]}://?" if near else f"known are {known}; a file by its path alone"
            return Advice(f"no address begins with {scheme}://", cure)
        authority = _authority(rest)
        found = _PLACE.fullmatch(authority.rpartition("@")[2])
        if found and 0 < int(found[2] or 1) < 65536:
            return None
        if "@" in rest[len(authority) :]:
            return Advice(f"{self}: host and port cannot be told from the password", ENCODE)
        return Advice(f"{self}: no host, or no port from 1 to 65535", f"write {scheme}://HOST/PATH; {ENCODE}")

    @property
    def hint(self) -> str:
        """How to write a password that holds unusual characters; empty where there seems to be none."""
        rest = self._text.partition("://")[2] if self.is_stream else ""
        _, colon, password = rest.rpartition("@")[0].partition(":")
        return ENCODE if colon and re.search(r"[][@#/?:]", password) else ""


def _kind(text: str) -> Kind:
    if text == "demo":
        return Kind.DEMO
    if _MODULE.fullmatch(text):
        return Kind.MODULE
    if _DEVICE.fullmatch(text):
        return Kind.DEVICE
    return Kind.STREAM if text.partition("://")[0] in PORTS and "://" in text else Kind.FILE


def _authority(rest: str) -> str:
    """What stands between `//` and the path, as FFmpeg sees it."""
    return re.split(r"[/?#]", rest, maxsplit=1)[0]
