"""The interpreter: which models it refuses, which runtime it takes, what it measures."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import MissingLibraryError, ModelError
from edge.inference.card import load_card
from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import TFLiteModel, import_runtime
from edge.inference.masks import MaskClassifier
from edge.types import Label
from tests.builders import DATA


def test_a_float_model_is_refused(model_copy):
    path = model_copy(
        "float", {"input": {"width": 8, "height": 8, "colour": "RGB", "mean": 128.0, "std": 128.0}}
    )
    with pytest.raises(ModelError, match="float32 model, int8 is needed"):
        MaskClassifier(path)


def test_a_wrong_input_shape_is_refused(model_copy):
    with pytest.raises(ModelError, match=r"its input is \(1, 16, 16, 3\), the card says \(1, 24, 24, 3\)"):
        MaskClassifier(
            model_copy(
                "brightness",
                {"input": {"width": 24, "height": 24, "colour": "RGB", "mean": 128.0, "std": 128.0}},
            )
        )


def test_more_labels_than_outputs_are_refused(model_copy):
    with pytest.raises(ModelError, match="2 labels need"):
        MaskClassifier(model_copy("brightness", {"labels": ["with_mask", "without_mask"]}))


def test_a_model_of_the_other_task_is_refused():
    with pytest.raises(ModelError, match="a classifier is needed"):
        MaskClassifier(DATA / "blobs.tflite")
    with pytest.raises(ModelError, match="a face detector is needed"):
        SSDFaceDetector(DATA / "brightness.tflite")


def test_no_runtime_says_why_each_was_passed_over():
    with pytest.raises(MissingLibraryError, match=r"no_such_runtime: No module.*pip install ai-edge-litert"):
        import_runtime(("no_such_runtime.interpreter",))


def test_reference_kernels_give_the_same_label():
    crop = np.full((30, 20, 3), 250, np.uint8)
    assert (
        MaskClassifier(DATA / "brightness.tflite", reference_kernels=True).classify([crop])[0].label
        is Label.WITH_MASK
    )


def test_models_run_without_a_copy_of_their_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert TFLiteModel(load_card(Path(DATA).resolve() / "brightness.tflite")).runtime in (
        "ai_edge_litert",
        "tflite_runtime",
    )
