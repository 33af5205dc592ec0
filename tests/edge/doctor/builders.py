"""A machine for the doctor to look at: its configuration, its commands and the service."""

import subprocess

from edge.config.reading import Config, load_config
from edge.doctor.check import Context
from edge.host.machine import Machine
from tests.boardtree import write
from tests.builders import DATA

TINY = {
    "MASK_EDGE_DETECTOR_MODEL": str(DATA / "blobs.tflite"),
    "MASK_EDGE_CLASSIFIER_MODEL": str(DATA / "brightness.tflite"),
}


def completed(out: str = "", code: int = 0) -> subprocess.CompletedProcess:
    return subprocess.CompletedProcess([], code, out, "")


def context(root, config=None, out="", code=0, programs=(), service=None, run=None) -> Context:
    """A machine whose commands all answer the same, unless `run` answers them."""
    machine = Machine(
        root,
        "aarch64",
        service or {},
        run or (lambda words, timeout, text="": completed(out, code)),
        lambda name: name in programs,
    )
    return Context(config or Config(), machine=machine)


def lamps(**options) -> Config:
    return load_config(None, {"MASK_EDGE_SOURCE_URI": "usb:0", "MASK_EDGE_GPIO_LED": "17", **options})


SERVICE = {"LoadState": "loaded", "User": "mask-edge", "ActiveState": "active"}


def screen(**options) -> Config:
    return load_config(
        None,
        {
            "MASK_EDGE_SOURCE_URI": "demo",
            **{f"MASK_EDGE_SCREEN_{key.upper()}": str(value) for key, value in options.items()},
        },
    )


def coral_stick(root):
    for name, text in {
        "idVendor": "1a6e",
        "idProduct": "089a",
        "busnum": "2",
        "devnum": "3",
        "speed": "5000",
    }.items():
        write(root, f"sys/bus/usb/devices/2-1/{name}", text)
    write(root, "dev/bus/usb/002/003", "")
