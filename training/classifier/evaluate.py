"""The classification side of training.evaluate."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import DataError, ModelError, PictureError
from edge.inference.masks import MaskClassifier
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from edge.types import Label, Pixels
from training.classifier.metrics import classification_metrics, text_report
from training.datasets.samples import Sample, read_samples
from training.datasets.splits import select

Floats = npt.NDArray[np.float64]


class TFLiteScorer:
    """Scores of crops by an int8 file. labels: in output order."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._classifier = MaskClassifier(path, threads)
        self.labels = self._classifier.card.labels
        self.model = self._classifier.model

    def __call__(self, crops: Sequence[Pixels]) -> Floats:
        """float64 (N, K), rows sum to 1."""
        return np.array(
            [[result.scores[label] for label in self.labels] for result in self._classifier.classify(crops)]
        )


class KerasScorer:
    """Scores of crops by a `.keras` file, whose run folder holds `config.json`. Raises ModelError."""

    def __init__(self, path: Path) -> None:
        import keras

        config = path.parent / "config.json"
        if not config.is_file():
            raise ModelError(
                f"{config}: missing; a .keras model is evaluated inside its run folder, where its labels stand"
            )
        self.labels = tuple(
            Label(label) for label in json.loads(config.read_text(encoding="utf-8"))["labels"]
        )
        try:
            self.model = keras.models.load_model(path, compile=False)
        except (ValueError, OSError) as error:
            raise ModelError(
                f"{path}: not a Keras model ({str(error).splitlines()[0]}); give RUN/model.keras"
            ) from error
        self._size = int(self.model.input_shape[1])

    def __call__(self, crops: Sequence[Pixels]) -> Floats:
        """float64 (N, K), rows sum to 1."""
        inputs = np.stack([normalise(resize(pixels, self._size, self._size)) for pixels in crops])
        return np.asarray(self.model.predict_on_batch(inputs), np.float64)


Scorer = TFLiteScorer | KerasScorer


def load_scorer(path: Path, threads: int = 0) -> Scorer:
    """A model by its suffix. Raises ModelError."""
    if path.suffix == ".keras":
        return KerasScorer(path)
    return TFLiteScorer(path, threads)


def select_samples(
    folders: Sequence[Path], split: Path | None, part: str | None, sources: Sequence[str] | None
) -> list[Sample]:
    """The samples of some folders, of one part of a split, of some sources. Raises DataError where nothing is left."""
    samples = [sample for folder in folders for sample in read_samples(folder)]
    return select(samples, folders, split, part, sources)


def score_samples(
    scorer: Scorer, samples: Sequence[Sample], batch: int = 64
) -> tuple[list[Sample], Floats, list[str]]:
    """The readable samples, their scores, float64 (N, K), and one line for each unreadable picture."""
    readable: list[Sample] = []
    scores: list[Floats] = []
    unreadable: list[str] = []
    for start in tqdm(
        range(0, len(samples), batch), desc="scoring", unit="batch", mininterval=1, disable=None
    ):
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
        raise DataError(f"none of {len(samples)} pictures can be read; the first: {unreadable[0]}")
    return readable, np.concatenate(scores), unreadable


@dataclass(frozen=True, slots=True)
class Evaluation:
    """figures: ready for JSON. samples: those that could be read. truth: int (N,), indices into the scorer's labels. scores: float64 (N, K)."""

    figures: dict[str, Any]
    samples: list[Sample]
    truth: npt.NDArray[np.intp]
    scores: Floats


def evaluate(scorer: Scorer, samples: Sequence[Sample]) -> Evaluation:
    """All figures, for all samples and per source. Raises DataError."""
    unknown = {sample.label for sample in samples} - set(scorer.labels)
    if unknown:
        raise DataError(
            f"the data hold {', '.join(sorted(unknown))}, the model knows only {', '.join(scorer.labels)}; leave that class out"
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


def write_report(result: Evaluation, labels: Sequence[Label], folder: Path) -> None:
    """Plots, `report.txt`, `metrics.json`, and `mistakes.csv`: what the model calls by another name, the surest first."""
    from training.classifier.plots import plot_evaluation

    plot_evaluation(result.truth, result.scores, labels, folder)
    (folder / "report.txt").write_text(text_report(result.figures) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(result.figures, indent=1) + "\n", encoding="utf-8")
    predicted = result.scores.argmax(axis=1)
    wrong = sorted(np.flatnonzero(predicted != result.truth), key=lambda i: -result.scores[i].max())
    with (folder / "mistakes.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("file", "label", "predicted", "score"))
        for i in wrong:
            sample = result.samples[i]
            writer.writerow(
                (sample.file, sample.label, labels[predicted[i]], f"{result.scores[i].max():.3f}")
            )
