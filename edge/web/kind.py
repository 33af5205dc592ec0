"""The door's pages as a kind of sink: how they are switched on, opened and checked."""

from __future__ import annotations

import json
import logging
import ssl
import urllib.error
import urllib.request
from dataclasses import replace
from http.client import HTTPException

from edge.errors import ConfigError
from edge.host.findings import Finding, fail, fail_for, ok, warn
from edge.host.machine import Machine
from edge.host.secretfile import find_secret
from edge.host.users import find_user
from edge.optional import installed
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.sinks.retry import RetryingSink
from edge.web.accounts import read_accounts
from edge.web.config import WebConfig
from edge.web.operation import PROGRAM

log = logging.getLogger(__name__)

DEFAULT_LISTEN = "127.0.0.1:8080"
"""Where `--sink web` listens if no address is configured."""

ANSWER_S = 2.0
"""Seconds that the doctor waits for an answer on the port."""


def _is_on(config: WebConfig) -> bool:
    return bool(config.listen)


def _build(config: WebConfig, around: Surroundings) -> Sink:
    """A network address may come only after the door has opened: it is tried again from time to time."""
    from edge.web.sink import WebSink

    sink = RetryingSink("web", lambda: WebSink(config, around))
    scheme = "https" if config.cert else "http"
    log.info("web: %s://%s, pictures %s", scheme, config.address, config.pictures)
    return sink


def _switch_on(config: WebConfig) -> WebConfig:
    if config.listen:
        return config
    log.info("web: no address is configured; taking %s, for this machine alone", DEFAULT_LISTEN)
    return replace(config, listen=DEFAULT_LISTEN)


def _blurs(config: WebConfig) -> bool:
    return config.pictures == "blurred"


def check(config: WebConfig, machine: Machine) -> Finding:
    """Whether aiohttp is there, the secret files are right, and the port is free or ours."""
    if not config.listen:
        return ok("off: [web] listen is empty")
    if not installed("aiohttp"):
        return fail("aiohttp is not installed", "sudo apt install python3-aiohttp")
    return _check_secrets(config, machine) or _check_port(config, machine)


def _check_secrets(config: WebConfig, machine: Machine) -> Finding | None:
    """What is wrong with the files of passwords and tokens; None where nothing is."""
    user = find_user(machine)
    for name in (config.password_file, config.tokens_file):
        path = find_secret(name)
        if not name:
            continue
        try:
            read_accounts(path)
            owner = path.stat().st_uid
        except ConfigError as error:
            if isinstance(error.__cause__, PermissionError):
                return warn(
                    f"{path}: this user may not read it, so it was not checked", "sudo mask-edge doctor"
                )
            return fail_for(error)
        if user.uid not in (0, owner):
            return fail(
                f"{path}: {user.name} does not own it and may not read it",
                f"`sudo chown {user.name} {path}`",
            )
    return None


def _check_port(config: WebConfig, machine: Machine) -> Finding:
    address, scheme = config.address, "https" if config.cert else "http"
    host = "127.0.0.1" if address.is_wildcard else address.host
    where = f"{scheme}://{replace(address, host=host)}"
    answer = _ask(f"{where}/healthz")
    running = machine.service.get("ActiveState") == "active"
    if answer is None:
        if not running:
            return ok(f"{address}: free; nothing runs there now")
        return fail(
            f"{address}: the service runs, and nobody answers", "`journalctl -u mask-edge -n 30` says why"
        )
    if answer.get("program") != PROGRAM:
        return fail(
            f"{address}: another program has this port", "`sudo ss -ltnp` tells which; or choose another"
        )
    return ok(f"{where} answers; pictures {config.pictures}")


def _ask(url: str) -> dict[str, object] | None:
    """The JSON object that comes back; an empty one for anything else, None where nobody answers.

    No proxy is asked, and the certificate may be anybody's: all that counts is who is there.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    direct = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    try:
        with urllib.request.build_opener(*direct).open(url, timeout=ANSWER_S) as response:
            entry = json.loads(response.read(1000))
    except urllib.error.HTTPError as error:
        entry = _json_or_none(error.read(1000))
    except urllib.error.URLError as error:
        return {} if isinstance(error.reason, ssl.SSLError | TimeoutError) else None
    except (OSError, ValueError, HTTPException):  # something answers, and it is not ours
        return {}
    return entry if isinstance(entry, dict) else {}


def _json_or_none(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


KIND = SinkKind("web", WebConfig, _is_on, _build, _switch_on, blurs=_blurs, check=check)
