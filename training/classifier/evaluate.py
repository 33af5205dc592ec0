"""The classifier's part of `python -m training.evaluate`: its figures on labelled faces."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.inference.masks import MaskClassifier
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from edge.types import Label, Pixels
from training.classifier.metrics import Scores, Truth, classification_metrics, text_report
from training.datasets.samples import Sample, read_samples
from training.datasets.splits import select
from training.runs import METRICS, load_keras_model, read_config, write_json

MISTAKES = "mistakes.csv"
"""File of a report: the pictures that the model gives another label than the data."""


class TFLiteScorer:
    """Scores of crops by an int8 file, run by the code that runs on the Pi. `labels` are in output order."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._classifier = MaskClassifier(path, threads)
        self.labels = self._classifier.card.labels
        self.model = self._classifier.model

    def __call__(self, crops: Sequence[Pixels]) -> Scores:
        """float64 (N, K), rows sum to 1."""
        return np.array(
            [[result.scores[label] for label in self.labels] for result in self._classifier.classify(crops)]
        )


class KerasScorer:
    """Scores of crops by a `.keras` file in its run folder. Raises ModelError.

    `labels` are in output order.
    """

    def __init__(self, path: Path) -> None:
        self.labels = tuple(Label(label) for label in read_config(path.parent)["labels"])
        self.model = load_keras_model(path)
        self._size = int(self.model.input_shape[1])

    def __call__(self, crops: Sequence[Pixels]) -> Scores:
        """float64 (N, K), rows sum to 1."""
        inputs = np.stack([normalise(resize(pixels, self._size, self._size)) for pixels in crops])
        return np.asarray(self.model.predict_on_batch(inputs), np.float64)


Scorer = TFLiteScorer | KerasScorer


def load_scorer(path: Path, threads: int = 0) -> Scorer:
    """A model by its suffix. Raises ModelError.

    threads: of a `.tflite` file; 0 is one per core, at most 4.
    """
    if path.suffix == ".keras":
        return KerasScorer(path)
    return TFLiteScorer(path, threads)


def select_samples(
    folders: Sequence[Path], split: Path | None, part: str | None, sources: Sequence[str] | None
) -> list[Sample]:
    """The samples of some folders, of one part of a split, of some sources.

    Raises DataError if none is left.
    """
    samples = [sample for folder in folders for sample in read_samples(folder)]
    return select(samples, folders, split, part, sources)


def score_samples(
    scorer: Scorer, samples: Sequence[Sample], batch: int = 64
) -> tuple[list[Sample], Scores, list[str]]:
    """The readable samples, their scores, float64 (N, K), and one line for each unreadable picture.

    Raises DataError if none can be read.
    """
    readable: list[Sample] = []
    scores: list[Scores] = []
    unreadable: list[str] = []
    starts = range(0, len(samples), batch)
    for start in tqdm(starts, desc="scoring", unit="batch", mininterval=1, disable=None):
        crops = []
        for sample in samples[start : start + batch]:
            try:
                crops.append(sample.crop(read_picture(sample.file)))
                readable.append(sample)
            except PictureError as error:
                unreadable.append(str(error))
        if crops:
            scores.append(scorer(crops))
    if not readable:
        raise DataError(
            f"none of {len(samples)} pictures can be read, the first: {unreadable[0]}", "check --data"
        )
    return readable, np.concatenate(scores), unreadable


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classifier's answers to some samples."""

    figures: dict[str, Any]
    """Ready for JSON."""
    samples: list[Sample]
    """The N samples that could be read."""
    truth: Truth
    """int (N,), indices into the scorer's labels."""
    scores: Scores
    """float64 (N, K)."""


def evaluate(scorer: Scorer, samples: Sequence[Sample]) -> Evaluation:
    """All figures, over all samples and for each source.

    Unreadable pictures are named on stderr. Raises DataError for a label that the model does not have.
    """
    unknown = {sample.label for sample in samples} - set(scorer.labels)
    if unknown:
        raise DataError(
            f"the data hold {', '.join(sorted(unknown))}, the model has only {', '.join(scorer.labels)}",
            "leave that class out",
        )
    readable, scores, unreadable = score_samples(scorer, samples)
    for line in unreadable:
        print(f"skipped: {line}", file=sys.stderr)
    truth = np.array([scorer.labels.index(sample.label) for sample in readable])
    figures = classification_metrics(truth, scores, scorer.labels) | {"unreadable": len(unreadable)}
    sources = np.array([sample.source for sample in readable])
    if len(set(sources)) > 1:
        figures["per_source"] = {
            str(source): classification_metrics(
                truth[sources == source], scores[sources == source], scorer.labels
            )
            for source in np.unique(sources)
        }
    return Evaluation(figures, readable, truth, scores)


def evaluation_text(figures: dict[str, Any]) -> str:
    """The figures for a person, with one line for each source."""
    lines = [text_report(figures)]
    for source, own in figures.get("per_source", {}).items():
        lines.append(f"{source}: n {own['n']}, {headline(own)}")
    return "\n".join(lines)


def headline(figures: dict[str, Any]) -> str:
    """The two figures that matter most, in a few words."""
    pair = figures["with_without"] or {}
    accuracy = pair.get("balanced_accuracy", float("nan"))
    return f"macro_f1 {figures['macro_f1']:.4f}, with / without {accuracy:.4f}"


def write_report(result: Evaluation, labels: Sequence[Label], folder: Path) -> None:
    """Write plots, `report.txt`, `metrics.json` and MISTAKES into a folder."""
    from training.classifier.plots import plot_evaluation

    plot_evaluation(result.truth, result.scores, labels, folder)
    (folder / "report.txt").write_text(text_report(result.figures) + "\n", encoding="utf-8")
    write_json(folder / METRICS, result.figures)
    write_mistakes(result, labels, folder / MISTAKES)


def write_mistakes(result: Evaluation, labels: Sequence[Label], path: Path) -> None:
    """A CSV of the samples that the model gives another label, those with the highest scores first."""
    predicted = result.scores.argmax(axis=1)
    wrong = sorted(np.flatnonzero(predicted != result.truth), key=lambda i: -result.scores[i].max())
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("file", "label", "predicted", "score"))
        for i in wrong:
            sample, score = result.samples[i], result.scores[i].max()
            writer.writerow((sample.file, sample.label, labels[predicted[i]], f"{score:.3f}"))
