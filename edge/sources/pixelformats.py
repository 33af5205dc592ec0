"""libcamera's pixel formats as RGB.

A format is named from its least significant byte up: picamera2's "RGB888" is B,G,R in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.optional import import_cv2
from edge.types import Pixels

CONVERSIONS: dict[str, str | None] = {
    "BGR888": None,
    "RGB888": "COLOR_BGR2RGB",
    "XBGR8888": "COLOR_RGBA2RGB",
    "XRGB8888": "COLOR_BGRA2RGB",
    "YUV420": "COLOR_YUV2RGB_I420",
    "YVU420": "COLOR_YUV2RGB_YV12",
    "NV12": "COLOR_YUV2RGB_NV12",
    "NV21": "COLOR_YUV2RGB_NV21",
    "YUYV": "COLOR_YUV2RGB_YUYV",
    "YVYU": "COLOR_YUV2RGB_YVYU",
    "UYVY": "COLOR_YUV2RGB_UYVY",
    "MJPEG": None,
}
"""OpenCV's name of the conversion to R,G,B; None where the array is R,G,B already.

OpenCV's YUV is that of ITU-R BT.601 in the range 16..235.
"""


def converter(name: str, width: int) -> Callable[[npt.NDArray[Any]], Pixels]:
    """A function from picamera2's array of one format to uint8 (H, W, 3) RGB.

    width: px of the frame. A YUV420 array is as wide as its stride: the padding is cut off here.
    Raises KeyError for an unknown format.
    """
    code_name = CONVERSIONS[name]
    cv2 = import_cv2()
    code = None if code_name is None else getattr(cv2, code_name)

    def convert(array: npt.NDArray[Any]) -> Pixels:
        rgb = array if code is None else cv2.cvtColor(array, code)
        return np.ascontiguousarray(rgb[:, :width], np.uint8)

    return convert
