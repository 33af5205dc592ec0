"""`python -m training.train_detector`: from pictures with face boxes (COCO) to a face detector.

Everything that is needed to use, judge and repeat the run is written into `--out`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from tqdm import tqdm

from edge.errors import DataError
from edge.preprocess import normalise
from training.arguments import input_size, named_number
from training.backbones.unfold import spread_batch_norms
from training.commands import run_command
from training.datasets.samples import (
    Sample,
    difference_hash,
    near_duplicates,
    read_excluded,
    read_samples,
    write_split,
)
from training.datasets.scenes import (
    BOX_CONVENTION,
    Scene,
    Teacher,
    fit_convention,
    hold_out,
    load_pictures,
    read_backgrounds,
    read_scenes,
    scene_of_face,
    taught,
)
from training.detector.augment import Composer, Loaded
from training.detector.batches import DetectionBatches
from training.detector.fit import fit
from training.detector.losses import Matcher
from training.detector.metrics import best_threshold, detection_metrics
from training.detector.network import LIGHT, TRUNKS, DetectorShape, build_detector, shape_for
from training.detector.report import draw_report, judge_pictures
from training.runs import BACKUP, HISTORY, prepare_folder, read_history, recorded_arguments, start_from

SPREAD_BATCHES = 12
"""How many batches the statistics of the batch norms are taken from before a training that starts from other weights."""

IOU_THRESHOLD = 0.4
"""Of non-maximum suppression."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The pictures of one run after checking, splitting and teaching. held_out: val and test, scenes and backgrounds, as they were labelled."""

    scenes: list[Loaded]
    faces: list[Loaded]
    backgrounds: list[Loaded]
    held_out: dict[str, list[Loaded]]
    groups: dict[str, str]
    unreadable: int
    duplicates: int


def load_parts(arguments: argparse.Namespace) -> Parts:
    """Read, split and decode everything. Training pictures that repeat a held-out one are dropped, whatever their group says."""
    listed = [scene for folder in arguments.data for scene in read_scenes(folder)]
    excluded = read_excluded(arguments.exclude) if arguments.exclude else set()
    empty = [scene for folder in arguments.background for scene in read_backgrounds(folder)]
    groups = hold_out([*listed, *empty], arguments.split, arguments.test_fraction, arguments.seed)
    loaded, unreadable = load_pictures([*listed, *empty])
    samples = [
        sample
        for folder in arguments.faces
        for sample in read_samples(folder)
        if groups.get(sample.group, "train") == "train"
    ]
    cut_outs, more = load_pictures(_cut_out(sample) for sample in samples)
    for line in unreadable + more:
        print(f"skipped: {line}", file=sys.stderr)
    held_out = {part: [item for item in loaded if groups[item[0].group] == part] for part in ("val", "test")}
    train = [
        item
        for item in loaded
        if groups[item[0].group] == "train" and "/".join(item[0].file.parts[-2:]) not in excluded
    ]
    train, repeated = _drop_repeated(train, [item for items in held_out.values() for item in items])
    teacher = Teacher(arguments.teacher) if arguments.teacher else None
    by_file = {sample.file: sample for sample in samples}
    return Parts(
        scenes=_repeat(
            _teach([item for item in train if item[0].source != "background"], teacher, True),
            dict(arguments.repeat),
        ),
        faces=_teach(
            [(scene_of_face(by_file[scene.file], pixels), pixels) for scene, pixels in cut_outs],
            teacher,
            False,
        ),
        backgrounds=[item for item in train if item[0].source == "background"],
        held_out=held_out,
        groups=groups,
        unreadable=len(unreadable) + len(more),
        duplicates=repeated,
    )


def _cut_out(sample: Sample) -> Scene:
    """A face's file as a scene that is not yet measured."""
    return scene_of_face(sample, np.empty((1, 1, 3), np.uint8))


def _drop_repeated(train: list[Loaded], held_out: list[Loaded]) -> tuple[list[Loaded], int]:
    hashes, of = (
        np.array([difference_hash(pixels) for _, pixels in items], np.uint64) for items in (train, held_out)
    )
    repeated = near_duplicates(hashes, of)
    return [item for item, again in zip(train, repeated, strict=True) if not again], int(repeated.sum())


def _teach(items: list[Loaded], teacher: Teacher | None, whole: bool) -> list[Loaded]:
    """Boxes in our convention, and what the teacher makes of them."""
    fitted = [(fit_convention(scene), pixels) for scene, pixels in items]
    if teacher is None:
        return fitted
    progress = tqdm(fitted, desc="asking the teacher", unit="picture", mininterval=1)
    return [(taught(scene, teacher(pixels), whole), pixels) for scene, pixels in progress]


def _repeat(items: list[Loaded], times: dict[str, int]) -> list[Loaded]:
    return [item for item in items for _ in range(times.get(item[0].source, 1))]


def write_results(
    model: keras.Model, shape: DetectorShape, parts: Parts, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Model, history, threshold, figures and plots into `--out`; returns the figures of the part that no choice was made on."""
    out: Path = arguments.out
    plain = build_detector(shape, arguments.width, trunk=arguments.trunk)
    plain.set_weights(model.get_weights())
    plain.save(out / "model.keras")
    (out / "history.json").write_text(
        json.dumps(read_history(out / HISTORY), indent=1) + "\n", encoding="utf-8"
    )
    judged = {
        part: judge_pictures(plain, shape, items, IOU_THRESHOLD)
        for part, items in parts.held_out.items()
        if items
    }
    threshold = best_threshold(judged["val"]) if "val" in judged else 0.5
    figures = {part: detection_metrics(pictures, threshold) for part, pictures in judged.items()}
    for part, pictures in judged.items():
        draw_report(pictures, [pixels for _, pixels in parts.held_out[part]], threshold, out / part)
    (out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_config(shape, parts, arguments, threshold)
    return figures


def write_config(shape: DetectorShape, parts: Parts, arguments: argparse.Namespace, threshold: float) -> None:
    """What the model needs to be used and the run to be repeated."""
    config = {
        "task": "detection",
        "shape": asdict(shape),
        "trunk": arguments.trunk,
        "width": arguments.width,
        "score_threshold": threshold,
        "iou_threshold": IOU_THRESHOLD,
        "box_convention": BOX_CONVENTION,
        "teacher": arguments.teacher.name if arguments.teacher else None,
        "arguments": recorded_arguments(arguments),
        "pictures": {
            "scenes": len(parts.scenes),
            "faces": len(parts.faces),
            "backgrounds": len(parts.backgrounds),
        }
        | {part: len(items) for part, items in parts.held_out.items()},
        "sources": dict(sorted(Counter(scene.source for scene, _ in parts.scenes + parts.faces).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main(arguments: argparse.Namespace) -> int:
    """Train; print the figures of the part that no choice was made on."""
    if arguments.weights and arguments.trunk == LIGHT:
        raise DataError(
            "--weights goes with --trunk mobilenet_v2; the light trunk begins with random values, or with --start-from"
        )
    first = prepare_folder(arguments.out, arguments.resume)
    keras.utils.set_random_seed(arguments.seed)
    cv2.setNumThreads(1)  # the training needs the cores
    shape = shape_for(*arguments.input)
    parts = load_parts(arguments)
    write_split(arguments.out / "split.csv", parts.groups)
    print(
        f"train: {len(parts.scenes)} scenes, {len(parts.faces)} cut-out faces, {len(parts.backgrounds)} backgrounds",
        file=sys.stderr,
    )
    print(
        f"{parts.unreadable} unreadable, {parts.duplicates} near-duplicates of held-out pictures dropped",
        file=sys.stderr,
    )
    composer = Composer(parts.scenes, parts.faces, parts.backgrounds, shape.width, shape.height)
    batches = DetectionBatches(
        composer, Matcher(shape), len(parts.scenes), arguments.batch, arguments.seed, first
    )
    if len(batches) == 0:
        raise DataError(
            f"{len(parts.scenes)} training scenes do not fill one batch of {arguments.batch}; add pictures or lower --batch"
        )
    weights = "none" if arguments.start_from or arguments.resume else str(arguments.weights or "imagenet")
    model = build_detector(shape, arguments.width, fused=True, trunk=arguments.trunk, weights=weights)
    if arguments.start_from and not arguments.resume:
        start_from(model, arguments.start_from, "of the same --trunk and --width")
        spread_batch_norms(
            model, (normalise(batches[i][0]) for i in range(min(len(batches), SPREAD_BATCHES)))
        )
    fit(model, shape, batches, arguments, first)
    figures = write_results(model, shape, parts, arguments)
    shutil.rmtree(arguments.out / BACKUP, ignore_errors=True)
    part = "test" if "test" in figures else "val"
    print(f"{part} part:\n{json.dumps(figures.get(part), indent=1)}\n\n{arguments.out / 'model.keras'}")
    return 0


def _weights(text: str) -> Path:
    if text == "none":
        raise argparse.ArgumentTypeError(
            "mobilenet_v2's early blocks are not trained; --trunk light is the one that begins with random values"
        )
    return Path(text)


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train_detector", description=__doc__.split("\n\n")[0]
    )
    add = parser.add_argument
    add(
        "--data", nargs="+", type=Path, required=True, help="folders with annotations.json (COCO) and images/"
    )
    add("--out", type=Path, required=True, help="folder for the run's model, plots and figures")
    add(
        "--faces",
        nargs="+",
        type=Path,
        default=[],
        help="folders of cut-out faces to paste, best those that training.prepare --landmarks wrote",
    )
    add("--background", nargs="+", type=Path, default=[], help="folders of pictures without people")
    add(
        "--teacher",
        type=Path,
        metavar="YUNET",
        help="face_detection_yunet_*.onnx: finds the faces that nobody labelled",
    )
    add("--split", type=Path, help="split.csv of another run, whose held-out groups stay held out")
    add(
        "--input",
        type=input_size,
        default=(384, 288),
        metavar="WxH",
        help="of the network, multiples of 32 px (default: 384x288)",
    )
    add(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="go on from the weights of an earlier model.keras or .tflite, of any --input",
    )
    add(
        "--exclude",
        type=Path,
        metavar="FILE",
        help="CSV with a column `file`: training pictures to leave out, such as backgrounds that show a face after all",
    )
    add(
        "--repeat",
        nargs="+",
        type=named_number,
        default=[],
        metavar="SOURCE=N",
        help="take the scenes of a source N times an epoch",
    )
    add(
        "--trunk",
        choices=TRUNKS,
        default=LIGHT,
        help="what the features come from; mobilenet_v2 knows ImageNet (default: %(default)s)",
    )
    add(
        "--weights",
        type=_weights,
        metavar="imagenet|FILE",
        help="of --trunk mobilenet_v2, without its top (default: imagenet, fetched by Keras)",
    )
    add("--width", type=float, default=1.0, help="multiplies the network's channels (default: %(default)s)")
    add("--epochs", type=int, default=150, help="(default: %(default)s)")
    add(
        "--minutes",
        type=float,
        default=math.inf,
        help="end the schedule after so much training time if the epochs take longer (default: no limit)",
    )
    add("--batch", type=int, default=16, help="(default: %(default)s)")
    add("--learning-rate", type=float, default=2e-3, help="at its highest (default: %(default)s)")
    add("--ema", type=float, default=0.999, help="momentum of the averaged weights (default: %(default)s)")
    add(
        "--test-fraction",
        type=float,
        default=0.2,
        help="held out of each source that --split does not name, by group (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        help="of the split, the order and the augmentation (default: %(default)s)",
    )
    add("--resume", action="store_true", help="go on with an interrupted training in --out")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
