"""What is set from outside: the environment, and pins and screens that fit together or not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from edge.config.option import option_of
from edge.config.reading import Config, as_toml, load_config
from edge.errors import ConfigError
from edge.host.sdnotify import Notifier, Supervision
from edge.sinks.gpio.sink import close_outputs, open_outputs
from edge.types import Cause, Decision, FrameResult, State
from tests.fuzz.odd import FLOATS, NUMBERS, odd_text
from tests.fuzz.target import Target, made

TABLES = Config().tables()
LITERALS = ("[]", "[1]", "{}", "{a = 1}", "1979-05-27", "true", "false", "''", "+inf", "nan", "0b1", "1e-320")


def check_again(config: Config) -> None:
    """A configuration that is taken can be written, and read as the same."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "again.toml"
        path.write_text(as_toml(config, secrets=True), encoding="utf-8")
        assert load_config(path, {}) == config


def environment(random: Random) -> dict[str, str]:
    """Variables as a shell could have them."""
    variables = {}
    for _ in range(random.randint(1, 4)):
        table = random.choice(list(TABLES))
        item = random.choice(dataclasses.fields(TABLES[table]))
        text = odd_text(random) if random.random() < 0.5 else str(random.choice((*NUMBERS, *FLOATS)))
        name = f"MASK_EDGE_{table}_{item.name}".upper()
        variables[name if random.random() < 0.9 else name + odd_text(random)] = text.replace("\0", "")
    return variables


def feed_environment(data: bytes) -> None:
    check_again(load_config(None, json.loads(data)))


def toml(random: Random) -> str:
    """A file with some of the tables of what is wired, most of the keys real ones."""
    lines = []
    for name in random.sample(("gpio", "screen", "window", "snapshot", "decision"), random.randint(1, 5)):
        lines.append(f"[{name}]" if random.random() < 0.98 else f"[[{name}]]")
        items = dataclasses.fields(TABLES[name])
        for item in random.sample(items, random.randint(0, min(4, len(items)))):
            lines.append(f"{item.name} = {_value(random, item)}")
    return "\n".join(lines)


def _value(random: Random, item: dataclasses.Field) -> str:
    """A value for a key: its default, one of its choices, pins, or an odd one."""
    choices = option_of(item).choices
    if choices and random.random() < 0.8:
        return json.dumps(random.choice(choices))
    kind = random.randrange(8)
    if kind < 2:
        return json.dumps(item.default)
    if kind < 5:
        return repr(random.choice((*NUMBERS, *FLOATS, *range(2, 28), *range(2, 28))))
    if kind == 5:
        return json.dumps(",".join(str(random.randrange(-2, 45)) for _ in range(random.randrange(5))))
    return json.dumps(odd_text(random)) if kind == 6 else random.choice(LITERALS)


def feed_wiring(data: bytes) -> None:
    """Pins that are taken can be opened, and no screen is larger than memory."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(json.loads(data), encoding="utf-8")
        config = load_config(path, {})
    check_again(config)
    width, height = config.sinks["screen"].size
    assert width * height <= 4096**2, "a screen that takes all memory"
    close_outputs(open_outputs(dataclasses.replace(config.sinks["gpio"], factory="mock")))


def service(random: Random) -> list[str]:
    """What systemd, or somebody else, may have put into the environment; and what a camera may say."""
    number = random.choice(("30000000", str(random.choice(NUMBERS)), odd_text(random)))
    address = random.choice(("/nowhere/x", "@x", "", "@", "/", "/" + odd_text(random), odd_text(random)))
    return [address.replace("\0", ""), number, random.choice(("1", "", odd_text(random))), odd_text(random)]


def feed_service(data: bytes) -> None:
    """Whatever stands there, the loop goes on."""
    address, number, process, detail = json.loads(data)
    variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": number}
    if process:
        variables["WATCHDOG_PID"] = process
    supervision = Supervision(Notifier(variables))
    supervision.ready()
    said = Decision(State.UNCERTAIN, 0.0, {}, Cause.CAMERA_LOST, detail)
    supervision.step(1, FrameResult(None, (), (), said, ()))
    supervision.stopping()


TARGETS = (
    Target("environment", made(environment), feed_environment, ConfigError),
    Target("wiring", made(toml), feed_wiring, ConfigError),
    Target("service", made(service), feed_service),
)
