"""What is fed. Each target takes bytes; only a refusal, a MaskEdgeError, may come out of it.

Any other exception, a broken promise (AssertionError), and the death of the process are finds.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import shutil
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from hypothesis import strategies as st

from convert.inspect import inspect_model, report_text
from edge.config.reading import Config, example, load_config
from edge.decision import Policy
from edge.errors import ConfigError, ModelError, PictureError
from edge.host.service_state import FILE, read_state
from edge.inference.card import load_card
from edge.inference.faces import detections_in_frame
from edge.inference.interpreter import OutputTensor, TensorSpec
from edge.inference.ssd_outputs import output_reader
from edge.pictures.files import read_picture
from edge.pictures.jpeg import read_jpeg
from edge.tracking import Tracker
from edge.types import State
from tests.builders import DATA
from tests.fuzz import addresses, days, lines, settings, tables
from tests.fuzz.damage import changed_json, cut_short, damaged, odd_toml
from tests.fuzz.target import Target, little_memory
from training.tflite_graph import read_graph

MOST_BYTES, MOST_MB = 30_000, 300
"""Of a picture that is fed, and of the memory that reading it may take."""

BLOBS, POSTPROCESSED = DATA / "blobs.tflite", DATA / "postprocessed.tflite"
CARDS = ("blobs", "postprocessed", "brightness")


def targets() -> dict[str, Target]:
    """All targets by name."""
    found = (
        Target("config", _configurations(), feed_config, ConfigError),
        Target("card", _cards(), feed_card, ModelError),
        Target("graph", damaged([BLOBS.read_bytes(), POSTPROCESSED.read_bytes()]), feed_graph, ModelError),
        Target("jpeg", damaged(_jpegs()), feed_jpeg, PictureError),
        Target("cut-jpeg", st.one_of([cut_short(data, 3) for data in _jpegs()]), feed_cut_jpeg),
        Target("picture", damaged([*_jpegs(), *_other_pictures()]), feed_picture, PictureError),
        Target("state", _states(), feed_state),
        Target("outputs", _outputs(), feed_outputs, ModelError),
        Target("door", _days(), feed_door),
        *settings.TARGETS,
        *addresses.TARGETS,
        *lines.TARGETS,
        *days.TARGETS,
        *tables.TARGETS,
    )
    return {target.name: target for target in found}


# configuration and model cards


def _configurations() -> st.SearchStrategy[bytes]:
    keys = [
        (name, item.name) for name, table in Config().tables().items() for item in dataclasses.fields(table)
    ]
    every_key = "\n".join(line.removeprefix("#") for line in example().splitlines() if line[:2] != "# ")
    return odd_toml(keys) | damaged([every_key.encode()])


def feed_config(data: bytes) -> None:
    """A configuration file. Every number that is taken is a finite one."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(data)
        config = load_config(path, {})
    settings.check_again(config)
    for table in config.tables().values():
        numbers = [value for value in dataclasses.asdict(table).values() if isinstance(value, float)]
        assert all(map(math.isfinite, numbers)), table


def _cards() -> st.SearchStrategy[bytes]:
    cards = [json.loads((DATA / f"{name}.json").read_text()) for name in CARDS]
    return changed_json(cards) | damaged([json.dumps(card).encode() for card in cards])


def feed_card(data: bytes) -> None:
    """A card, beside the model whose SHA-256 is on it. What it says can be worked with."""
    with TemporaryDirectory() as folder:
        for name in CARDS:
            model = Path(folder) / f"{name}.tflite"
            shutil.copy(DATA / model.name, model)
            model.with_suffix(".json").write_bytes(data)
        refused = []
        for model in sorted(Path(folder).glob("*.tflite")):
            try:
                card = load_card(model)
            except ModelError as error:
                refused.append(error)
                continue
            assert card.width > 0 and card.height > 0 and math.isfinite(card.crop_margin), card
            assert len(set(card.labels)) == len(card.labels), card
            if card.detector:
                thresholds = card.detector.score_threshold, card.detector.iou_threshold
                assert all(0 <= threshold <= 1 for threshold in thresholds), card
                assert all(math.isfinite(number) for number in card.detector.variances), card
        if len(refused) == len(CARDS):
            raise refused[0]


# files of models and pictures


def feed_graph(data: bytes) -> None:
    """A TFLite file, read without running it, and the report on it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(data)
        for tensor in read_graph(path).inputs:
            tensor.real_values()
        report_text(inspect_model(path))


@functools.cache
def _jpegs() -> list[bytes]:
    """Small pictures in the kinds of JPEG that are met: baseline, progressive, with restarts, grey."""
    steps = np.linspace(0, 255, 48 * 64 * 3).reshape(48, 64, 3)
    scene = (steps + np.random.default_rng(0).uniform(-40, 40, steps.shape)).clip(0, 255).astype(np.uint8)
    kinds = (
        (scene, []),
        (scene, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (scene, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
        (scene[..., 0], []),
    )
    return [cv2.imencode(".jpg", pixels, flags)[1].tobytes() for pixels, flags in kinds]


def _other_pictures() -> list[bytes]:
    """Of other kinds, and the odd and damaged ones that are kept."""
    pixels = np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8)
    suffixes = (".png", ".bmp", ".webp", ".tiff", ".ppm")
    kinds = [cv2.imencode(suffix, pixels)[1].tobytes() for suffix in suffixes]
    files = [path for path in sorted((DATA / "awkward").iterdir()) if path.is_file()]
    kept = [path.read_bytes() for path in files if path.suffix not in (".json", ".toml")]
    return kinds + [data for data in kept if len(data) < MOST_BYTES]


def feed_jpeg(data: bytes) -> None:
    """A JPEG of a camera or stream."""
    _check_pixels(read_jpeg(data))


def feed_cut_jpeg(data: bytes) -> None:
    """A JPEG that is not whole is never a picture."""
    try:
        read_jpeg(data)
    except PictureError:
        return
    raise AssertionError(f"a JPEG cut to {len(data)} bytes was taken for a whole one")


def feed_picture(data: bytes) -> None:
    """A picture file; its content says what it is. It takes little memory, whatever is in it."""
    with TemporaryDirectory() as folder, little_memory(MOST_MB):
        path = Path(folder) / "picture.jpg"
        path.write_bytes(data)
        _check_pixels(read_picture(path))


def _check_pixels(pixels: np.ndarray) -> None:
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size


def _states() -> st.SearchStrategy[bytes]:
    state = {"state": "pass", "cause": "all_masked", "reason": "all masked", "fps": 9.5, "degraded": None}
    return changed_json([state]) | damaged([json.dumps(state).encode()])


def feed_state(data: bytes) -> None:
    """The service's state file, as the doctor reads it: it says something, or counts as missing."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        state = read_state(Path(folder))
        if state is not None:
            state.line()


# numbers of a model, and a day of detections


def _outputs() -> st.SearchStrategy[bytes]:
    """float32 of the four outputs for three boxes: 12 coordinates, 3 classes, 3 scores, 1 count."""
    numbers = st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.9])
    return st.lists(numbers, min_size=19, max_size=19).map(lambda values: struct.pack("<19f", *values))


def feed_outputs(data: bytes) -> None:
    """Outputs of a damaged detector: every box that comes of them lies in the frame."""
    values, card = np.frombuffer(data, np.float32), load_card(POSTPROCESSED)
    assert card.detector
    parts = {
        "boxes": values[None, :12].reshape(1, 3, 4),
        "classes": values[None, 12:15],
        "scores": values[None, 15:18],
        "count": values[18:],
    }
    names = card.detector.output_names
    specs = [TensorSpec(names[key], part.shape, "float32", 1.0, 0) for key, part in parts.items()]
    outputs = [OutputTensor(names[key], part, 1.0, 0) for key, part in parts.items()]
    boxes, scores = output_reader(card, card.detector, specs).boxes(outputs, 0.5)
    for detection in detections_in_frame(boxes, scores, card.width, card.height, 640, 480):
        box = detection.box
        assert 0 <= box.xmin < box.xmax <= 640 and 0 <= box.ymin < box.ymax <= 480, detection


def _days() -> st.SearchStrategy[bytes]:
    """Frames of a day: (seconds since the one before, [(x, y, size, score), ...])."""
    step = st.sampled_from([0.0, 0.05, 0.1, 0.3, 2.0, 3600.0, -0.1, -1e6])
    place, score = st.floats(-100, 700), st.floats(0, 1)
    faces = st.lists(st.tuples(place, place, st.floats(0, 400), score), max_size=4)
    return st.lists(st.tuples(step, faces), max_size=12).map(lambda frames: json.dumps(frames).encode())


def feed_door(data: bytes) -> None:
    """A day in which no face was ever classified, whatever the clock does: the door never says PASS."""
    tracker, policy, now = Tracker(), Policy(), 1000.0
    for step, faces in json.loads(data):
        now += step
        corners = np.array([(x, y, x + size, y + size) for x, y, size, _ in faces], np.float32).reshape(-1, 4)
        scores = np.array([score for *_, score in faces], np.float32)
        tracks = tracker.update(detections_in_frame(corners, scores, 640, 480, 640, 480), now)
        assert policy.decide(tracks, now).state is not State.PASS
        tracker.take_events()
