"""Pictures that show the same."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from tests.training.builders import noise
from training.datasets.duplicates import difference_hash, near_duplicates


def test_near_duplicates_are_found_across_size_and_compression():
    import cv2

    picture, other = noise(1, 96, 96), noise(2, 96, 96)
    small = cv2.resize(picture, (60, 60), interpolation=cv2.INTER_AREA)
    squeezed = cv2.imdecode(
        cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 40))[1], cv2.IMREAD_COLOR
    )
    hashes = np.array([difference_hash(p) for p in (small, squeezed, other)], np.uint64)
    assert near_duplicates(hashes, hashes[:0]).tolist() == [False] * 3
    assert near_duplicates(hashes, np.array([difference_hash(picture)], np.uint64)).tolist() == [
        True,
        True,
        False,
    ]
