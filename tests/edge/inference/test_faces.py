"""The detectors of faces."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import ModelError
from edge.inference.card import load_card
from edge.inference.cascade import CascadeFaceDetector
from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import TensorSpec
from edge.inference.ssd_outputs import find_postprocessed
from edge.types import BoundingBox, Frame
from tests.builders import DATA, make_frame


def blob_frame(*cells: tuple[int, int], scale: int = 10) -> Frame:
    small = np.zeros((48, 64, 3), np.uint8)
    for x, y in cells:
        small[16 * y : 16 * y + 16, 16 * x : 16 * x + 16] = 255
    return Frame(small.repeat(scale, 0).repeat(scale, 1), 0, 0.0, "test")


BLOB_DETECTORS = pytest.mark.parametrize("model", ["blobs.tflite", "postprocessed.tflite"])


@BLOB_DETECTORS
def test_the_ssd_detector_finds_what_is_there_in_frame_pixels(model):
    detections = SSDFaceDetector(DATA / model).detect(blob_frame((0, 0), (2, 1)))
    assert len(detections) == 2
    found = {(round(d.box.xmin), round(d.box.ymin)) for d in detections}
    # The anchor is 16x16, made lower by exp(-2 * 0.2) by the model's bias.
    assert {x for x, _ in found} == {0, 320}
    for detection in detections:
        assert detection.score > 0.9
        assert detection.box.width == pytest.approx(160, abs=3)
    low = next(d for d in detections if d.box.xmin > 100)
    assert low.box.height == pytest.approx(160 * np.exp(-0.4), abs=4)
    assert detections == sorted(detections, key=lambda d: -d.score)


@BLOB_DETECTORS
def test_nothing_in_view_is_no_detection_and_no_error(model):
    assert SSDFaceDetector(DATA / model).detect(blob_frame()) == []


def test_the_threshold_can_be_overridden():
    grey = make_frame(180)
    assert SSDFaceDetector(DATA / "blobs.tflite").detect(grey) != []
    assert SSDFaceDetector(DATA / "blobs.tflite", score_threshold=0.999).detect(grey) == []


@BLOB_DETECTORS
def test_one_call_may_ask_for_another_threshold(model):
    detector, frame = SSDFaceDetector(DATA / model, score_threshold=0.9999), blob_frame((0, 0), (2, 1))
    assert len(detector.detect(frame, 0.9)) == 2
    assert detector.detect(frame) == []
    assert detector.score_threshold == 0.9999
    assert len(detector.detect(frame, 0.0)) >= 2  # 0 is a threshold, not "none given"


def test_the_preview_is_read_where_there_is_one():
    frame = blob_frame((1, 1))
    dark = Frame(np.zeros_like(frame.pixels), 0, 0.0, "test", preview=frame.pixels[::5, ::5].copy())
    detections = SSDFaceDetector(DATA / "blobs.tflite").detect(dark)
    assert [round(d.box.xmin) for d in detections] == [160]


def test_a_card_with_other_levels_is_refused(model_copy):
    detector = json.loads((DATA / "blobs.json").read_text())["detector"] | {
        "levels": [{"stride": 8, "sizes": [[8, 8]]}]
    }
    with pytest.raises(ModelError, match=r"no int8 output of shape \(1, 6, 8, 1\)"):
        SSDFaceDetector(model_copy("blobs", {"detector": detector}))


def test_postprocessed_outputs_are_found_by_name_and_shape_not_by_order():
    card, op = load_card(DATA / "blobs.tflite"), "TFLite_Detection_PostProcess"
    shapes = {f"{op}:2": (1, 10), f"{op}:3": (1,), op: (1, 10, 4), f"{op}:1": (1, 10)}
    specs = [TensorSpec(name, shape, "float32", 1.0, 0) for name, shape in shapes.items()]
    assert find_postprocessed(card, card.detector, specs) == {
        "boxes": 2,
        "classes": 3,
        "scores": 0,
        "count": 1,
    }
    with pytest.raises(ModelError, match="classes, scores"):
        find_postprocessed(card, card.detector, specs[1:3])


def test_names_on_the_card_come_first():
    card = load_card(DATA / "blobs.tflite")
    names = {"boxes": "b", "classes": "c", "scores": "s", "count": "n"}
    shapes = {"x": (1, 10, 4), "b": (1, 10, 4), "s": (1, 10), "c": (1, 10), "n": (1,)}
    specs = [TensorSpec(name, shape, "float32", 1.0, 0) for name, shape in shapes.items()]
    detector = replace(card.detector, output_names=names)
    assert find_postprocessed(card, detector, specs) == {"boxes": 1, "classes": 3, "scores": 2, "count": 4}


def test_outputs_that_were_renamed_are_not_guessed(model_copy):
    with pytest.raises(ModelError, match="which output holds classes, scores; name it"):
        SSDFaceDetector(
            model_copy("postprocessed", {"detector": {"outputs": "postprocessed", "score_threshold": 0.5}})
        )


def test_what_lies_behind_the_count_is_no_detection():
    detector = SSDFaceDetector(DATA / "postprocessed.tflite")
    outputs = detector.model.run(detector.prepare(blob_frame((0, 0))))
    unwritten = {
        "PartitionedCall:0": [0.1, 0.1, 0.5, 0.5],
        "PartitionedCall:1": 0,
        "PartitionedCall:3": 0.9,
    }  # whatever was there before
    for output in outputs:
        if output.name in unwritten:
            output.values[:, 1:] = unwritten[output.name]
    assert len(detector.read(outputs, 640, 480)) == 1


@pytest.mark.parametrize(
    ("output", "value", "words"),
    [
        ("PartitionedCall:0", np.nan, "no numbers"),
        ("PartitionedCall:3", np.inf, "no numbers"),
        ("PartitionedCall:2", np.nan, "found nan boxes of 10"),
        ("PartitionedCall:2", np.inf, "found inf boxes of 10"),
        ("PartitionedCall:2", -1, "found -1 boxes of 10"),
        ("PartitionedCall:2", 11, "found 11 boxes of 10"),
    ],
)
def test_outputs_that_cannot_be_are_an_error_and_no_missing_face(output, value, words):
    detector = SSDFaceDetector(DATA / "postprocessed.tflite")
    outputs = detector.model.run(detector.prepare(blob_frame((0, 0))))
    next(found for found in outputs if found.name == output).values[...] = value
    with pytest.raises(ModelError, match=words):
        detector.read(outputs, 640, 480)


def test_uint8_input_goes_with_postprocessed_outputs_alone(model_copy):
    detector = json.loads((DATA / "blobs.json").read_text())["detector"]
    with pytest.raises(ModelError, match="a uint8 model, int8 is needed"):
        SSDFaceDetector(model_copy("postprocessed", {"detector": detector}))


def test_the_cascade_finds_a_bare_face_and_no_face_in_grey():
    from edge.sources.demo import DemoSource

    detector = CascadeFaceDetector()
    assert detector.detect(make_frame(width=320, height=240)) == []
    with DemoSource(4) as source:
        frames = [source.read(0) for _ in range(36)]
    found = detector.detect(frames[35])
    assert found[0].box.iou(BoundingBox(410, 75, 560, 260)) > 0.4


def test_the_cascade_leaves_out_what_scores_less_than_the_threshold():
    from edge.sources.demo import DemoSource

    detector = CascadeFaceDetector()
    with DemoSource(4) as source:
        frame = [source.read(0) for _ in range(36)][35]
    score = detector.detect(frame)[0].score
    assert detector.detect(frame, score)
    assert not detector.detect(frame, score + 1e-3)


def test_the_seconds_in_the_bare_inference_and_in_its_input_picture_are_summed_up(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))
    detector = SSDFaceDetector(DATA / "blobs.tflite")
    for _ in range(3):
        detector.detect(blob_frame((1, 1)))
    assert (detector.prepare_s, detector.model.invoke_s) == (3.0, 3.0)
    answers = [output.values for output in detector.model.outputs()]
    detector.model.accelerated = lambda values: answers
    detector.detect(blob_frame((1, 1)))
    assert (detector.prepare_s, detector.model.invoke_s) == (4.0, 4.0)
