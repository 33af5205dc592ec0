"""Decodes every picture once, and finds pictures that show the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import PictureError
from edge.pictures.files import read_picture
from edge.types import Pixels
from training.datasets.samples import BoxOutsideError, Sample

DUPLICATE_BITS = 4
"""Two pictures count as the same if at most this many bits of their 64-bit difference hashes differ."""

Hashes = npt.NDArray[np.uint64]
"""Difference hashes, uint64 (N,)."""


def check_pictures(samples: Sequence[Sample]) -> tuple[list[Sample], Hashes, list[str]]:
    """Decode every sample once, with a progress bar.

    Returns the readable samples, the hashes of their crops, uint64 (N,), and one line for each unreadable
    file and each box outside its picture.
    """
    good: list[Sample] = []
    hashes: list[int] = []
    unreadable: dict[Path, str] = {}
    outside: list[str] = []
    for sample in tqdm(samples, desc="checking pictures", unit="picture", mininterval=1):
        if sample.file in unreadable:
            continue
        try:
            hashes.append(difference_hash(sample.crop(read_picture(sample.file))))
            good.append(sample)
        except BoxOutsideError as error:  # another face of the same picture may be right
            outside.append(str(error))
        except PictureError as error:
            unreadable[sample.file] = str(error)
    return good, np.array(hashes, np.uint64), [*unreadable.values(), *outside]


def difference_hash(pixels: Pixels) -> int:
    """64 bits: is each cell of a 9x8 grey thumbnail darker than its right neighbour (Krawetz 2013)?"""
    import cv2

    thumbnail = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (thumbnail[:, 1:] > thumbnail[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: Hashes, of: Hashes) -> npt.NDArray[np.bool_]:
    """bool (N,): which of `hashes`, (N,), differ by at most DUPLICATE_BITS from any in `of`, (M,)."""
    found = np.zeros(len(hashes), bool)
    for value in np.unique(of):
        found |= np.bitwise_count(hashes ^ value) <= DUPLICATE_BITS
    return found
