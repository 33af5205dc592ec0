"""Runs `edge.doctor.probe` in a child process: if it crashes or hangs, the doctor goes on."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from edge.config.reading import as_tables
from edge.doctor import probe
from edge.doctor.check import Context
from edge.host.children import module_command


def run_probe(context: Context, what: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run one probe of this package, also where the working directory holds another version of it.

    The configuration goes through stdin: a stream's password must not show in the list of processes.
    timeout: seconds. Raises subprocess.TimeoutExpired.
    """
    return context.machine.run(
        module_command(probe, what), timeout, json.dumps(as_tables(context.config, secrets=True))
    )


def last_json(text: str) -> dict[str, Any]:
    """A probe's answer: the last line that it printed. Libraries may have printed lines before."""
    lines = text.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    return {"error": f"the probe gave no answer, but: {text.strip()[-200:] or 'nothing'}", "cure": ""}
