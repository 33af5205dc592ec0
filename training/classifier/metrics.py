"""Figures of a classifier, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from edge.types import Label

Scores = npt.NDArray[np.floating[Any]]
Truth = npt.NDArray[np.intp]


def classification_metrics(truth: Truth, scores: Scores, labels: Sequence[Label]) -> dict[str, Any]:
    """All figures of one evaluation, ready for JSON.

    truth: int (N,), indices into `labels`. scores: float (N, K), rows sum to 1.

    Classes that the data do not hold are left out of the averages. Scores are compared among the classes that
    the data hold: with two-class data a three-class model is asked "with or without".
    """
    present = np.unique(truth)
    names = [labels[i].value for i in present]
    shares = scores[:, present] / np.maximum(scores[:, present].sum(axis=1, keepdims=True), 1e-9)
    predicted = present[shares.argmax(axis=1)]
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=present, zero_division=0
    )
    confusion = metrics.confusion_matrix(truth, predicted, labels=range(len(labels)))[
        np.ix_(present, present)
    ]
    per_class = {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "n": int(n)}
        for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
    }
    return {
        "balanced_accuracy": float(np.mean(recall)),
        "macro_f1": float(np.mean(f1)),
        "accuracy": float(np.mean(predicted == truth)),
        "per_class": per_class,
        "confusion": {"labels": names, "rows_true_columns_predicted": confusion.tolist()},
        "auc": _auc(truth, shares, present),
        "ece": expected_calibration_error(truth == predicted, shares.max(axis=1)),
        "n": len(truth),
        "with_without": with_without(truth, scores, labels),
    }


def with_without(truth: Truth, scores: Scores, labels: Sequence[Label]) -> dict[str, float | int] | None:
    """Balanced accuracy of masked against bare faces, without `incorrect_mask` faces; None if a side is
    missing.

    `balanced_accuracy` compares the two scores only. `strict` also counts a face called `incorrect_mask` as
    wrong.
    """
    sides = (
        [labels.index(Label.WITH_MASK), labels.index(Label.WITHOUT_MASK)]
        if {Label.WITH_MASK, Label.WITHOUT_MASK} <= set(labels)
        else []
    )
    keep = np.isin(truth, sides)
    if not sides or len(np.unique(truth[keep])) < 2:
        return None
    choice = np.array(sides)[scores[keep][:, sides].argmax(axis=1)]
    strict = scores[keep].argmax(axis=1)
    recalls = [
        [float(np.mean(guess[truth[keep] == side] == side)) for side in sides] for guess in (choice, strict)
    ]
    return {
        "balanced_accuracy": float(np.mean(recalls[0])),
        "strict": float(np.mean(recalls[1])),
        "n": int(keep.sum()),
    }


def expected_calibration_error(correct: npt.NDArray[np.bool_], confidence: Scores, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy, over bins of equal width (Guo et al. 2017).

    correct: bool (N,). confidence: float (N,), 0..1.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[which == b].mean() - confidence[which == b].mean()) * np.mean(which == b)
        for b in np.unique(which)
    ]
    return float(np.sum(gaps))


def _auc(truth: Truth, shares: Scores, present: npt.NDArray[np.intp]) -> float | None:
    """ROC AUC of two classes, or the macro mean of each against the rest; None if there is one class only."""
    if len(present) < 2:
        return None
    return float(
        np.mean([metrics.roc_auc_score(truth == label, shares[:, i]) for i, label in enumerate(present)])
    )


def text_report(figures: dict[str, Any]) -> str:
    """The figures of `classification_metrics` as a few lines for a person."""
    lines = [f"{'':16} precision  recall      f1      n"]
    for name, row in figures["per_class"].items():
        lines.append(f"{name:16} {row['precision']:9.4f} {row['recall']:7.4f} {row['f1']:7.4f} {row['n']:6}")
    lines.append("")
    for key in ("balanced_accuracy", "macro_f1", "accuracy", "auc", "ece"):
        lines.append(f"{key:18} {'n/a' if figures[key] is None else format(figures[key], '.4f')}")
    pair = figures["with_without"]
    if pair:
        lines.append(
            f"{'with / without':18} {pair['balanced_accuracy']:.4f} balanced accuracy "
            f"({pair['strict']:.4f} if incorrect_mask counts as wrong)"
        )
    lines += ["", *_confusion_lines(figures["confusion"])]
    lines.append(f"n {figures['n']}, unreadable {figures.get('unreadable', 0)}")
    return "\n".join(lines)


def _confusion_lines(confusion: dict[str, Any]) -> list[str]:
    """The confusion matrix as a table."""
    names = confusion["labels"]
    lines = ["true \\ predicted   " + "".join(f"{name:>16}" for name in names)]
    for name, row in zip(names, confusion["rows_true_columns_predicted"], strict=True):
        lines.append(f"{name:19}" + "".join(f"{count:16}" for count in row))
    return lines
