"""The detector's figures on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from training.detector.coco import Judged
from training.detector.metrics import average_precision, best_threshold, detection_metrics

ONE = (pytest.approx(1), pytest.approx(1), 1)
FACE, OTHER, TINY = (100, 100, 140, 150), (300, 100, 340, 150), (10, 10, 16, 18)


def picture(
    faces: list,
    found: list,
    labels: list | None = None,
    ignored: list | None = None,
    source: str = "a",
    width: int = 640,
    lightness: list | None = None,
) -> Judged:
    return Judged(
        source,
        width,
        480,
        np.array(faces, np.float32).reshape(-1, 4),
        tuple(labels or ["with_mask"] * len(faces)),
        np.array(ignored or [False] * len(faces), bool),
        np.array(lightness or [128] * len(faces), np.float32),
        np.array([row[:4] for row in found], np.float32).reshape(-1, 4),
        np.array([row[4] for row in found], np.float32),
    )


def moved(box: tuple, by: float, score: float) -> tuple:
    return (box[0] + by, box[1], box[2] + by, box[3], score)


def test_all_found_and_nothing_else() -> None:
    figures = detection_metrics([picture([FACE, OTHER], [moved(FACE, 0, 0.9), moved(OTHER, 2, 0.8)])], 0.5)[
        "all"
    ]
    assert (figures["ap35"], figures["ap50"], figures["recall"]) == ONE
    assert figures["false_alarms_per_picture"] == 0


def test_a_loose_box_counts_at_035_alone() -> None:
    figures = detection_metrics([picture([FACE], [moved(FACE, 16, 0.9)])], 0.5)["all"]  # IoU 24 / 56 = 0.43
    assert (figures["ap35"], figures["ap50"]) == (pytest.approx(1), 0)


def test_a_false_alarm_before_the_face_halves_precision() -> None:
    assert average_precision([picture([FACE], [moved(OTHER, 0, 0.9), moved(FACE, 0, 0.8)])]) == pytest.approx(
        0.5
    )


def test_two_boxes_on_one_face_are_one_hit_and_one_false_alarm() -> None:
    figures = detection_metrics([picture([FACE], [moved(FACE, 0, 0.9), moved(FACE, 4, 0.8)])], 0.5)["all"]
    assert figures["recall"] == 1 and figures["false_alarms_per_picture"] == 1


def test_threshold_rules_recall_and_alarms_but_not_average_precision() -> None:
    judged = [picture([FACE], [moved(FACE, 0, 0.4), moved(OTHER, 0, 0.3)])]
    figures = detection_metrics(judged, 0.5)["all"]
    assert (
        figures["recall"] == 0
        and figures["false_alarms_per_picture"] == 0
        and figures["ap35"] == pytest.approx(1)
    )


def test_ignored_and_small_faces_count_neither_way() -> None:
    judged = [
        picture(
            [FACE, OTHER, TINY],
            [moved(OTHER, 0, 0.9), moved(TINY, 0, 0.9), moved(FACE, 0, 0.8)],
            ignored=[False, True, False],
        )
    ]
    figures = detection_metrics(judged, 0.5)["all"]
    assert (figures["ap35"], figures["recall"], figures["false_alarms_per_picture"]) == (
        pytest.approx(1),
        1,
        0,
    )
    assert figures["by_height"]["8-16"] == {
        "ap35": pytest.approx(1),
        "ap50": pytest.approx(1),
        "recall": 1.0,
        "n": 1,
    }


def test_heights_are_told_at_long_side_640() -> None:
    figures = detection_metrics([picture([FACE], [], width=1600)], 0.5)["all"]  # 50 px of 1600 are 20 of 640
    assert figures["by_height"]["16-32"]["n"] == 1 and figures["by_height"]["32-64"]["n"] == 0


def test_recall_per_category_and_source() -> None:
    judged = [
        picture([FACE, OTHER], [moved(FACE, 0, 0.9)], ["with_mask", "without_mask"]),
        picture([FACE], [moved(FACE, 0, 0.9)], ["without_mask"], source="b"),
    ]
    figures = detection_metrics(judged, 0.5)
    assert figures["all"]["recall_per_category"] == {
        "with_mask": {"recall": 1.0, "n": 1},
        "without_mask": {"recall": 0.5, "n": 2},
    }
    assert figures["per_source"]["b"]["recall"] == 1 and figures["per_source"]["a"]["recall"] == 0.5


def test_recall_by_lightness() -> None:
    judged = [picture([FACE, OTHER, TINY], [moved(FACE, 0, 0.9)], lightness=[200, 40, 40])]
    rows = detection_metrics(judged, 0.5)["all"]["recall_by_lightness"]
    assert (
        rows[">=140"] == {"recall": 1.0, "n": 1}
        and rows["<60"] == {"recall": 0.0, "n": 1}
        and rows["85-110"] == {"recall": None, "n": 0}
    )


def test_backgrounds_count_apart() -> None:
    empty = [
        picture([], [moved(FACE, 0, 0.9), moved(OTHER, 0, 0.8)], source="background"),
        picture([], [], source="background"),
    ]
    figures = detection_metrics([picture([FACE], [moved(FACE, 0, 0.9)]), *empty], 0.5)
    assert (figures["false_alarms_per_100_backgrounds"], figures["alarmed_per_100_backgrounds"]) == (100, 50)
    assert figures["all"]["false_alarms_per_picture"] == 0


def test_best_threshold_parts_faces_from_alarms() -> None:
    judged = [
        picture(
            [FACE, OTHER],
            [moved(FACE, 0, 0.9), moved(OTHER, 0, 0.6), (500, 300, 540, 350, 0.4), (400, 300, 440, 350, 0.3)],
        )
    ]
    assert 0.4 < best_threshold(judged) <= 0.6


def test_of_thresholds_that_are_nearly_equal_the_lowest_is_taken() -> None:
    faces = [picture([FACE], [moved(FACE, 0, 0.9)])] * 59 + [picture([FACE], [moved(FACE, 0, 0.5)])]
    alarm = picture([], [moved(FACE, 0, 0.6)])
    assert best_threshold([*faces, *[alarm] * 2]) == pytest.approx(
        0.5
    )  # F1 120 / 122 with the last face and the alarms, 118 / 119 without
    assert best_threshold([*faces, *[alarm] * 3]) == pytest.approx(0.9)  # 120 / 123


def test_backgrounds_raise_the_threshold_until_they_are_quiet() -> None:
    faces = [picture([FACE], [moved(FACE, 0, 0.9)]), picture([FACE], [moved(FACE, 0, 0.3)])]
    quiet = [picture([], [], source="background")] * 49
    loud = [
        picture([], [moved(FACE, 0, score), moved(OTHER, 0, score)], source="background")
        for score in (0.8, 0.6)
    ]
    assert best_threshold(faces) == pytest.approx(0.3)
    assert best_threshold([*faces, *quiet, *loud]) == pytest.approx(
        0.61
    )  # one picture in 51 is allowed, however many alarms it gives
    assert best_threshold([*faces, *quiet]) == pytest.approx(0.3)
