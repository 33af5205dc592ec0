"""The classifier of masks."""

import numpy as np
import pytest

from edge.inference.masks import MaskClassifier
from edge.types import Label
from tests.builders import DATA


@pytest.mark.parametrize(
    ("value", "label"), [(255, Label.WITH_MASK), (0, Label.WITHOUT_MASK), (128, Label.INCORRECT_MASK)]
)
def test_the_classifier_names_and_its_scores_sum_to_one(value, label):
    results = MaskClassifier(DATA / "brightness.tflite", threads=1).classify(
        [np.full((40, 33, 3), value, np.uint8)] * 2
    )
    assert [result.label for result in results] == [label, label]
    assert sum(results[0].scores.values()) == pytest.approx(1.0)
    assert results[0].score == max(results[0].scores.values())
    assert Label.UNKNOWN not in results[0].scores


def test_no_crops_no_classifications():
    assert MaskClassifier(DATA / "brightness.tflite").classify([]) == []
