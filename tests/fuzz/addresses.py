"""Addresses of sources: whatever their form, nothing that is printed shows the password."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from edge.address import Address
from edge.config.reading import as_toml, load_config
from edge.config.tables import SourceConfig
from edge.errors import ConfigError, MaskEdgeError
from edge.redact import redacted_text
from tests.fuzz.target import Target, check_words, made

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SPECIAL = "@#/?:[]&=%;,.!$*+-_~|^(){}'\"\\<>`é😀"
SCHEMES = ("rtsp", "rtsp", "RTSP", "Rtsp", "rtsps", "http", "HTTPS", "rtmp", "rstp", "rtp", "ftp", "srt", "x")
SLASHES = ("://", "://", "://", ":/", ":\\\\", ":///")
HOSTS = ("192.168.1.64", "camera", "cam.local", "[::1]", "[fe80::1%25eth0]", "h")
PORTS = ("", ":554", ":8554", ":0", ":99999", ":", ":x")
PATHS = ("", "/", "/x", "/stream1", "/Streaming/Channels/101", "/h264?channel=1", "/live/ch0#a", "/a@b", "?x")
KEYS = ("password", "pwd", "pass", "psw", "token", "auth", "key", "Password", "secret", "loginpas")
USERS = ("admin", "root", "", "user@home", "a b", "über")


def password(random: Random, special: str) -> tuple[str, list[str]]:
    """A password, and its parts: one to three runs of letters with what else a password may hold between."""
    parts = ["".join(random.choices(LETTERS, k=random.randint(6, 9))) for _ in range(random.randint(1, 3))]
    text = parts[0]
    for part in parts[1:]:
        text += "".join(random.choices(special, k=random.randint(1, 2))) + part
    return text, parts


def secret_address(random: Random) -> list:
    """An address in one of the forms of cameras' manuals, and the parts of its password."""
    pick = random.choice
    start, place = pick(SCHEMES), pick(HOSTS) + pick(PORTS)
    user, form = pick(USERS), random.randrange(6)
    if form < 3:
        word, parts = password(random, SPECIAL)
        address = f"{start}{pick(SLASHES)}{user}:{word}@{place}{pick(PATHS)}"
    elif form == 3:
        word, parts = password(random, "!$*+-.~")
        join, equals = pick("&;_"), pick(("=", "=", "%3D"))
        query = join.join((f"user{equals}{user}", f"{pick(KEYS)}{equals}{word}", "channel=1"))
        address = f"{start}://{place}/{pick(('', 'x?', '?'))}{query}"
    elif form == 4:
        word, parts = password(random, "!$*+-.~")
        address = f"{start}://{place}/{user or 'admin'}:{word}/ch0"
    else:
        word, parts = password(random, SPECIAL.replace("@", "").replace("/", ""))
        address = f"{user}:{word}@{place}{pick(PATHS)}"
    return [pick(("", "", "", " ", "\t")) + address, parts]


def feed_address(data: bytes) -> None:
    """All the ways in which an address is printed. No part of the password is in any of them."""
    text, parts = json.loads(data)
    address = Address(text)
    said = [str(address), repr(address), f"{address}", address.name, str(address.fault), address.hint]
    said += [repr(SourceConfig(uri=address))]
    said += [in_a_configuration(text), str((address.place or ("",))[0])]
    if address.is_stream and not set(" \t") & set(text.strip()):
        said.append(redacted_text(f"cannot open {text.strip()} at all"))
        said.append(str(MaskEdgeError(f"{text}: no picture", f"look at {text}")))
    for line in said:
        shown = [part for part in parts if part in line]
        assert not shown, f"{shown} of {text!r} in {line!r}"


def in_a_configuration(address: str) -> str:
    """What a configuration with this address says: an error, or the configuration as it is shown."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(f"[source]\nuri = {json.dumps(address, ensure_ascii=False)}\n", encoding="utf-8")
        try:
            config = load_config(path, {})
        except ConfigError as error:
            check_words(str(error))
            return f"{error} {error.mistakes}"
    return as_toml(config) + repr(config)


TARGETS = (Target("address", made(secret_address), feed_address),)
