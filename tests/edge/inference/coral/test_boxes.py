"""The trial of a model that ends in TFLite_Detection_PostProcess: its boxes count, not its rows."""

import numpy as np
import pytest

from edge.inference.card import load_card
from edge.inference.coral.child import Trial
from edge.inference.coral.sysfs import find_devices
from edge.inference.coral.trial import compare_with_cpu, measure
from edge.inference.interpreter import TFLiteModel
from tests.builders import DATA

BOXES, CLASSES, SCORES, COUNT = range(4)


@pytest.fixture
def reference():
    return measure([TFLiteModel(load_card(DATA / "postprocessed.tflite"), threads=1)])


@pytest.fixture
def verdict(reference, stick):
    """What the trial says of other outputs than the CPU's: a function that changes a copy of them."""

    def judge(change):
        outputs = [tensor.copy() for tensor in reference.outputs[0]]
        change(outputs)
        return compare_with_cpu(Trial([outputs], [0.001]), reference, 1e6, find_devices()[0])

    return judge


def swap(outputs, one, other):
    for tensor in outputs[:3]:
        tensor[0, [one, other]] = tensor[0, [other, one]]


def test_the_same_is_good(verdict):
    assert verdict(lambda outputs: None) is None


def test_another_order_among_faint_rows_is_good(verdict):
    def change(outputs):
        swap(outputs, 3, 4)
        swap(outputs, 4, 5)

    assert verdict(change) is None


def test_other_rows_behind_the_count_and_faint_rows_that_are_missing_are_good(verdict):
    def change(outputs):
        outputs[COUNT][:] = 4
        for tensor in outputs[:3]:
            tensor[0, 4:] = 9e30

    assert verdict(change) is None


def test_strong_rows_in_another_order_and_a_step_off_are_good(verdict):
    def change(outputs):
        swap(outputs, 0, 1)
        outputs[SCORES][0, 0] -= 0.004
        outputs[BOXES][0, 0] += 0.003

    assert verdict(change) is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((SCORES, slice(0, 2)), 0.0),
        ((SCORES, slice(0, 1)), 0.6),
        ((SCORES, slice(2, 6)), 0.9),
        ((BOXES, slice(0, 2)), 0.4),
        ((BOXES, slice(0, 10)), 0.0),
        ((CLASSES, slice(0, 10)), 1.0),
    ],
)
def test_a_strong_face_that_is_missing_moved_or_new_is_wrong(verdict, place, value):
    tensor, rows = place

    def change(outputs):
        outputs[tensor][0, rows] = value

    assert "answers wrongly" in verdict(change).what


def test_all_zeros_are_wrong(verdict):
    def change(outputs):
        for tensor in outputs:
            tensor[:] = 0

    assert "answers wrongly" in verdict(change).what


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, 1e9])
def test_what_cannot_be_is_wrong(verdict, value):
    def change(outputs):
        outputs[COUNT][:] = value

    assert "answers wrongly" in verdict(change).what
