"""Plots of a training run and of an evaluation, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay

from edge.types import Label
from training.classifier.metrics import Scores, Truth


def plot_learning_curves(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Loss and accuracy per epoch. history: the columns of `history.json`."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for key in (name, f"val_{name}"):
            axis.plot(range(1, len(history.get(key, ())) + 1), history.get(key, ()), marker=".", label=key)
        axis.set(xlabel="epoch", title=name)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        axis.legend()
    _save(figure, path)


def plot_evaluation(truth: Truth, scores: Scores, labels: Sequence[Label], folder: Path) -> None:
    """Write `confusion.png`, `roc.png` and `reliability.png` into a folder.

    truth: int (N,), indices into `labels`. scores: float (N, K).
    """
    folder.mkdir(parents=True, exist_ok=True)
    _plot_confusion(truth, scores, labels, folder / "confusion.png")
    _plot_roc(truth, scores, labels, folder / "roc.png")
    _plot_reliability(truth, scores, labels, folder / "reliability.png")


def _plot_confusion(truth: Truth, scores: Scores, labels: Sequence[Label], path: Path) -> None:
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    names = [label.value for label in labels]
    ConfusionMatrixDisplay.from_predictions(
        truth,
        scores.argmax(axis=1),
        labels=range(len(names)),
        display_labels=names,
        cmap="Blues",
        ax=axis,
        colorbar=False,
    )
    axis.set(title="faces by label")
    _save(figure, path)


def _plot_roc(truth: Truth, scores: Scores, labels: Sequence[Label], path: Path) -> None:
    """One curve for each class against the rest."""
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    for i, label in enumerate(labels):
        if 0 < np.sum(truth == i) < len(truth):
            RocCurveDisplay.from_predictions(truth == i, scores[:, i], name=label.value, ax=axis)
    axis.set(xlabel="false positive rate", ylabel="true positive rate")
    axis.grid(alpha=0.3)
    _save(figure, path)


def _plot_reliability(truth: Truth, scores: Scores, labels: Sequence[Label], path: Path) -> None:
    """For each class, how often a score is right."""
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    axis.plot([0, 1], [0, 1], linestyle=":", color="grey", label="perfect")
    bins = min(10, max(2, len(truth) // 40))  # few pictures in a bin would give a zigzag
    for i, label in enumerate(labels):
        if 0 < np.sum(truth == i) < len(truth):
            right, said = calibration_curve(truth == i, scores[:, i], n_bins=bins)
            axis.plot(said, right, marker=".", label=label.value)
    axis.set(xlabel="score", ylabel="share that is right", title="reliability")
    axis.grid(alpha=0.3)
    axis.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
