"""Hides what may be secret in an address, whatever its form: what a user pastes is not always a tidy URL.

Rather too much is hidden than too little.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# fmt: off
HARMLESS_KEYS = frozenset((
    "audio", "camera", "camid", "ch", "chan", "channel", "channelid", "chid", "chn", "codec",
    "compression", "format", "fps", "framerate", "height", "linktype", "live", "mode", "proto",
    "protocol", "profile", "quality", "rate", "real_stream", "res", "resolution", "rotation",
    "size", "stream", "streamid", "streamtype", "subtype", "transport", "transportmode", "type",
    "unicast", "video", "videocodec", "width",
))
# fmt: on
"""Keys of cameras' addresses whose values may be shown. The value of any other key may be a password."""

_SCHEME = re.compile(r"\s*(?!usb:)[A-Za-z][A-Za-z0-9+.-]*:[/\\]+")
_IN_TEXT = re.compile(
    r"(?<![A-Za-z0-9+.-])(?!usb:)[A-Za-z][A-Za-z0-9+.-]*:[/\\]+\S+?(?=[])}:;,.'\"`]*(?:\s|$))"
)

_HOST = re.compile(r"(\[[^\[\]@=&;]*\]|[^:\[\]@=&;]*)(:[0-9]{1,5})?")
"""A host, and a port if there is one. A key with its value is none, as in `?user=a@b&key=c`."""

_VALUE = re.compile(
    r"(?P<key>[\w.-]+)(?P<equals>=|%3D)(?P<value>.*?)(?=[&;?][\w.-]+=|$)", re.DOTALL | re.IGNORECASE
)
_LOGIN = re.compile(r"[^/&;?=:]+:[^/&;?=]+")
"""`user:password` as a part of a path or query."""

_TOKEN = re.compile(r"(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w-]{16,}")
"""A part of a path that nobody made up: many streams have their key there."""


def redacted(address: str) -> str:
    """An address as it may be shown.

    Hidden are: all between `//` and the last `@`, what stands for a host and is none, the values of keys that
    are not known to be harmless, and keys of streams in the path. An address without a scheme is hidden up to
    the last `@` behind a colon. What is no address stays as it is.
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        before, at, behind = address.rpartition("@")
        return f"{HIDDEN}@{behind}" if at and ":" in before else address
    start, rest = scheme[0].lstrip(), address[scheme.end() :].rstrip()
    _, at, behind = rest.rpartition("@")
    host = re.split(r"[/?#\\]", behind, maxsplit=1)[0]
    if not _HOST.fullmatch(host):
        return start + HIDDEN
    path = _VALUE.sub(_hide_value, behind[len(host) :])
    return f"{start}{HIDDEN + at if at else ''}{host}{_TOKEN.sub(HIDDEN, _LOGIN.sub(HIDDEN, path))}"


def redacted_text(text: str) -> str:
    """A line of text with every address that has a scheme redacted."""
    return _IN_TEXT.sub(lambda found: redacted(found[0]), text) if ":/" in text or ":\\" in text else text


def _hide_value(found: re.Match[str]) -> str:
    key = found["key"]
    # Cheap cameras join keys by an underscore: user=admin_password=secret_channel=1.
    harmless = key.lower() in HARMLESS_KEYS and "=" not in found["value"]
    return f"{key}{found['equals']}{found['value'] if harmless else HIDDEN}"
