"""Figures of a classifier on cases small enough to count by hand."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from training.classifier.metrics import (
    classification_metrics,
    expected_calibration_error,
    text_report,
    with_without,
)
from training.datasets.samples import LABELS


def test_figures_of_a_known_confusion():
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 1, 2, 0])
    figures = classification_metrics(truth, np.eye(3)[predicted] * 0.9 + 0.1 / 3, LABELS)
    assert figures["balanced_accuracy"] == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert figures["accuracy"] == 0.75
    assert figures["confusion"]["rows_true_columns_predicted"] == [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert figures["per_class"]["incorrect_mask"]["f1"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx(np.mean([0.75, 0.8, 2 / 3]))
    assert {"balanced_accuracy", "macro_f1", "accuracy", "per_class", "confusion", "auc", "ece", "n"} <= set(
        figures
    )
    json.dumps(figures)
    assert "macro_f1" in text_report(figures)


def test_two_class_data_ask_a_three_class_model_with_or_without():
    scores = np.array([[0.3, 0.1, 0.6], [0.1, 0.8, 0.1]])
    figures = classification_metrics(np.array([0, 1]), scores, LABELS)
    assert figures["balanced_accuracy"] == 1.0
    pair = with_without(np.array([0, 1]), scores, LABELS)
    assert pair == {"balanced_accuracy": 1.0, "strict": 0.5, "n": 2}


def test_a_single_class_has_no_auc_but_figures():
    figures = classification_metrics(np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]), LABELS[:2])
    assert figures["auc"] is None
    assert figures["with_without"] is None


def test_calibration_error_is_the_gap():
    confidence = np.full(100, 0.8)
    assert expected_calibration_error(np.arange(100) < 80, confidence) == pytest.approx(0.0)
    assert expected_calibration_error(np.arange(100) < 50, confidence) == pytest.approx(0.3)
