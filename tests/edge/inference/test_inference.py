import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from edge.errors import MissingLibraryError, ModelError
from edge.inference.anchors import decode_boxes, level_anchors, non_maximum_suppression, pairwise_iou
from edge.inference.card import load_card
from edge.inference.faces import CascadeFaceDetector, SSDFaceDetector, _postprocess_outputs
from edge.inference.interpreter import TFLiteModel, import_runtime
from edge.inference.masks import MaskClassifier
from edge.types import BoundingBox, Frame, Label
from tests.builders import DATA, make_frame

# --- cards


def test_a_card_that_fits_loads():
    card = load_card(DATA / "brightness.tflite")
    assert (card.task, card.width, card.height, card.labels[0], card.detector) == (
        "classification",
        16,
        16,
        Label.WITH_MASK,
        None,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"format": 99}, "format 99"),
        ({"task": "cooking"}, "neither classification nor detection"),
        ({"labels": ["with_hat", "without_mask"]}, "with_hat"),
        ({"input": {"width": 16, "height": 16, "colour": "BGR", "mean": 128.0, "std": 128.0}}, "RGB"),
        ({"input": {}}, "lacks 'colour'"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(model_copy, changes, words):
    with pytest.raises(ModelError, match=words):
        load_card(model_copy("brightness", changes))


def test_missing_and_broken_files(model_copy, tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        load_card(tmp_path / "nothing.tflite")
    with pytest.raises(ModelError, match="not a TFLite file"):
        load_card(model_copy("brightness", content=b"hello, I am a text"))
    path = model_copy("brightness", card=False)
    path.with_suffix(".json").unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"card brightness\.json is missing"):
        load_card(path)
    path.with_suffix(".json").write_text("{ not json")
    with pytest.raises(ModelError, match="not a usable model card"):
        load_card(path)


def test_a_truncated_model_is_refused(model_copy):
    content = (DATA / "brightness.tflite").read_bytes()
    with pytest.raises(ModelError):
        MaskClassifier(model_copy("brightness", content=content[:700]))


# --- the interpreter


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


# --- the classifier


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


# --- anchors and non-maximum suppression


def test_anchors_are_centred_on_cells_in_row_major_order():
    anchors = level_anchors(64, 48, 16, [(10, 20), (30, 30)])
    assert anchors.shape == (3 * 4 * 2, 4)
    assert anchors[0].tolist() == [8, 8, 10, 20]
    assert anchors[1].tolist() == [8, 8, 30, 30]
    assert anchors[2].tolist() == [24, 8, 10, 20]
    assert anchors[8].tolist() == [8, 24, 10, 20]


def test_offsets_move_and_stretch_their_anchor():
    anchors = np.array([[100, 60, 20, 40]] * 3, np.float32)
    raw = np.array([[0, 0, 0, 0], [10, -5, 0, 0], [0, 0, 5 * np.log(2), 5 * np.log(0.5)]], np.float32)
    boxes = decode_boxes(raw, anchors, (0.1, 0.2))
    assert boxes.tolist() == [[90, 40, 110, 80], [110, 20, 130, 60], pytest.approx([80, 50, 120, 70])]


def test_absurd_offsets_stay_finite():
    assert np.isfinite(
        decode_boxes(np.full((1, 4), 1e4, np.float32), np.ones((1, 4), np.float32), (0.1, 0.2))
    ).all()


def test_pairwise_iou_agrees_with_the_box():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 70]], np.float32)
    for row, first in zip(pairwise_iou(boxes, boxes), boxes, strict=True):
        assert row == pytest.approx([BoundingBox(*first).iou(BoundingBox(*second)) for second in boxes])


def test_non_maximum_suppression_keeps_the_best_of_each_heap():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [2, 0, 12, 10]], np.float32)
    scores = np.array([0.6, 0.9, 0.5, 0.7], np.float32)
    assert non_maximum_suppression(boxes, scores, 0.4).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.4, limit=1).tolist() == [1]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.4).tolist() == []


# --- detectors


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
    detector = load_card(DATA / "blobs.tflite").detector
    assert detector is not None
    op = "TFLite_Detection_PostProcess"
    shapes = [(f"{op}:2", (1, 10)), (f"{op}:3", (1,)), (op, (1, 10, 4)), (f"{op}:1", (1, 10))]
    assert _postprocess_outputs(detector, shapes, "m") == {
        "boxes": op,
        "classes": f"{op}:1",
        "scores": f"{op}:2",
        "count": f"{op}:3",
    }
    with pytest.raises(ModelError, match="classes, scores"):
        _postprocess_outputs(detector, [("a", (1, 10, 4)), ("b", (1, 10))], "m")


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


def test_models_run_without_a_copy_of_their_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert TFLiteModel(load_card(Path(DATA).resolve() / "brightness.tflite")).runtime in (
        "ai_edge_litert",
        "tflite_runtime",
    )
