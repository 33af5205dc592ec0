"""The command line: `python -m edge {run,demo,image,bench,doctor,gpio-test,config}`. Data on stdout, talk on stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from edge import __version__
from edge.commands.runner import run_to_exit_code
from edge.config.reading import Config, Tables, as_tables, as_toml, example, load_config
from edge.errors import MaskEdgeError, UsageError
from edge.host.logs import report_error, set_up_logging, thread_errors_logged
from edge.sources.base import Source
from edge.sources.live import STUCK

SINKS = ("gpio", "screen", "window")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 failed, 2 usage, 78 bad configuration."""
    arguments = build_parser().parse_args(argv)
    code = run_to_exit_code(lambda: arguments.handler(arguments), report_error, arguments.debug)
    if any(thread.is_alive() for thread in STUCK):
        sys.stderr.flush()
        os._exit(code)  # an orderly exit would close the camera, and hang there
    return code


def run_command(arguments: argparse.Namespace) -> int:
    """The loop on any source."""
    from edge.door import camera_settings, switch_on
    from edge.sources.opening import open_source

    flags = {
        "source": {"uri": arguments.source},
        "jsonl": _jsonl(arguments),
        "snapshot": {"directory": arguments.snapshots},
    }
    config = switch_on(_configure(arguments, flags), arguments.sink)
    return _loop(config, open_source(config.source.uri, camera_settings(config), config.source.wait))


def demo_command(arguments: argparse.Namespace) -> int:
    """The built-in scene: decisions in the log, and one annotated picture of each."""
    from edge.door import switch_on
    from edge.sources.demo import DemoSource

    out = Path(arguments.out)
    config = switch_on(_configure(arguments, {"jsonl": _jsonl(arguments)}), arguments.sink)
    config = replace(config, snapshot=replace(config.snapshot, directory=str(out), blur=False))
    code = _loop(
        config, DemoSource(arguments.seconds, realtime=bool(arguments.sink))
    )  # at a pace at which one can watch a lamp
    print(f"annotated pictures: {out}", file=sys.stderr)
    return code


def image_command(arguments: argparse.Namespace) -> int:
    """Single pictures."""
    from edge.commands.image import run_image
    from edge.door import build_accelerator, build_classifier, build_detector

    config = _configure(arguments, {"detector": {"score_threshold": arguments.min_score}})
    annotated = Path(arguments.annotate) if arguments.annotate else None
    paths = [Path(path) for path in arguments.paths]
    detector, classifier = build_detector(config), build_classifier(config)
    with build_accelerator(config, detector, classifier, live=False) or nullcontext():
        return run_image(paths, detector, classifier, arguments.min_score or 0.0, annotated, arguments.json)


def bench_command(arguments: argparse.Namespace) -> int:
    """Time every stage."""
    from edge.commands.bench import run_bench, text_report
    from edge.door import build_pipeline, camera_settings
    from edge.sources.demo import DemoSource
    from edge.sources.opening import open_source

    config = _configure(arguments, {"source": {"uri": arguments.source}})
    pipeline = build_pipeline(config, live=False)
    uri = arguments.source or "demo"
    source = DemoSource() if uri == "demo" else open_source(uri, camera_settings(config))
    try:
        report = run_bench(source, pipeline, arguments.frames)
    finally:
        source.close()
        pipeline.close()
    print(json.dumps(report) if arguments.json else text_report(report))
    return 0


def doctor_command(arguments: argparse.Namespace) -> int:
    """Check everything, and say what to do."""
    from edge.commands.doctor import make_context, run_doctor

    return run_doctor(
        make_context(arguments.config, os.environ),
        arguments.quick,
        arguments.json,
        lambda line: print(line, flush=True),
    )


def gpio_test_command(arguments: argparse.Namespace) -> int:
    """Light each lamp in turn, or switch all off."""
    from edge.commands.gpio_test import all_off, run_gpio_test
    from edge.door import switch_on

    config = _configure(arguments, {})
    if arguments.off:
        all_off(config.gpio)
    else:
        run_gpio_test(
            switch_on(config, ["gpio"]).gpio,
            arguments.seconds,
            time.sleep,
            lambda line: print(line, flush=True),
        )
    return 0


def config_command(arguments: argparse.Namespace) -> int:
    """Print an example, check a file, or show what is in force."""
    if arguments.action == "example":
        print(example())
        return 0
    if arguments.action == "check" and arguments.config is None:
        raise UsageError("config check needs --config FILE")
    config = load_config(arguments.config, os.environ)
    if arguments.action == "check":
        print(f"{arguments.config}: fine")
    else:
        print(json.dumps(as_tables(config)) if arguments.json else as_toml(config))
    return 0


def _configure(arguments: argparse.Namespace, flags: Tables) -> Config:
    level = {"log": {"level": "debug" if arguments.debug else None, "format": arguments.log_format}}
    accelerator = {
        "accelerator": {"use": getattr(arguments, "accelerator", None)}
    }  # not every command runs a model
    config = load_config(arguments.config, os.environ, flags | level | accelerator)
    set_up_logging(config.log.level, config.log.format)
    return config


def _jsonl(arguments: argparse.Namespace) -> dict[str, object]:
    return {"path": arguments.jsonl, "frames": arguments.jsonl_frames}


def _loop(config: Config, source: Source) -> int:
    from edge.door import build_pipeline, build_sinks
    from edge.host.sdnotify import Notifier, Supervision
    from edge.loop import Loop, stop_on_signals

    stop = threading.Event()
    try:
        pipeline = build_pipeline(config, source.live)
        pipeline.warm_up()
        sinks = build_sinks(config, source, stop.set)
    except MaskEdgeError:
        source.close()
        raise
    with stop_on_signals(stop), thread_errors_logged():
        Loop(
            source, pipeline, sinks, config.source.stale_after_s, stop, supervision=Supervision(Notifier())
        ).run()
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    parser = argparse.ArgumentParser(prog="mask-edge", description="A face-mask detector for a door.")
    parser.add_argument("--version", action="version", version=f"mask-edge {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    common.add_argument("--debug", action="store_true", help="log everything, show the traceback of an error")
    common.add_argument("--log-format", choices=("text", "json"), help="of the log on stderr")
    models = argparse.ArgumentParser(add_help=False)
    models.add_argument(
        "--accelerator",
        choices=("auto", "cpu", "edgetpu"),
        help="a Coral Edge TPU if a good one is there (auto, the default), never, or expected",
    )
    events = argparse.ArgumentParser(add_help=False)
    events.add_argument("--jsonl", metavar="FILE", help="append events as JSON lines; - for stdout")
    events.add_argument(
        "--jsonl-frames", choices=("changes", "all"), help="one line per change (default), or per frame"
    )
    events.add_argument(
        "--sink",
        action="append",
        default=[],
        choices=SINKS,
        help="also show decisions there; may be given several times",
    )

    def add(
        name: str, handler: object, text: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[common, *parents])
        command.set_defaults(handler=handler)
        return command

    run = add("run", run_command, "Watch a source and decide, until stopped.", events, models)
    run.add_argument(
        "--source",
        metavar="URI",
        help="demo, picamera, usb:0, rtsp://..., a video, a picture, or a folder (default: the configured one)",
    )
    run.add_argument(
        "--snapshots", metavar="DIR", help="write an annotated picture of each new decision there"
    )
    demo = add("demo", demo_command, "Run on the built-in scene; no camera needed.", events, models)
    demo.add_argument("--seconds", type=float, default=18.0, help="of the scene (default: %(default)s)")
    demo.add_argument(
        "--out",
        default="demo-output",
        metavar="DIR",
        help="folder for annotated pictures (default: %(default)s)",
    )
    image = add("image", image_command, "Find faces and masks in pictures, without tracking.", models)
    image.add_argument("paths", nargs="+", metavar="FILE-or-FOLDER", help="pictures, or folders of pictures")
    image.add_argument("--json", action="store_true", help="one JSON object a line")
    image.add_argument("--annotate", metavar="DIR", help="write annotated copies there")
    image.add_argument(
        "--min-score", type=_score, metavar="S", help="leave out faces that the detector scores lower, 0..1"
    )
    bench = add("bench", bench_command, "Measure every stage on this machine.", models)
    bench.add_argument("--source", metavar="URI", help="(default: demo)")
    bench.add_argument("--frames", type=int, default=150, help="to measure (default: %(default)s)")
    bench.add_argument("--json", action="store_true", help="one JSON object")
    doctor = add(
        "doctor",
        doctor_command,
        "Check this machine and what is installed; say what is wrong and what to type next.",
    )
    doctor.add_argument(
        "--quick",
        action="store_true",
        help="only what takes no time and no rights: no camera, no devices, no service",
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    gpio = add(
        "gpio-test", gpio_test_command, "Light each configured lamp in turn, and say what one should see."
    )
    gpio.add_argument("--off", action="store_true", help="instead, switch everything off, as after a crash")
    gpio.add_argument("--seconds", type=float, default=1.5, help="for each lamp (default: %(default)s)")
    config = add(
        "config", config_command, "Print an example configuration, check one, or show the one in force."
    )
    config.add_argument("action", choices=("example", "check", "show"))
    config.add_argument("--json", action="store_true", help="with show: one JSON object")
    return parser


def _score(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not within 0..1")
    return value
