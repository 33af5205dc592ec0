"""The face detector's network: a small single-shot detector (Liu et al. 2016) made for int8 and for tensors that an Edge TPU takes.

Depthwise-separable residual blocks with 5x5 kernels, as in BlazeFace (Bazarevsky et al. 2019), and one step of a feature pyramid (Lin et al.
2017) from stride 16 to stride 8, where the small faces are. The outputs are raw: decoding and non-maximum suppression are numpy's work.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from edge.inference.anchors import Floats, level_anchors
from edge.inference.card import Level
from edge.types import Pixels

PRIOR = 0.01
"""The score that every anchor starts with: without it the loss of the many empty anchors drowns the rest (Lin et al. 2017, focal loss)."""


@dataclass(frozen=True, slots=True)
class DetectorShape:
    """A detector's geometry, shared by network, matching and card.

    width, height: of the input, px. levels: strides with their anchors, (width, height) px of the input. variances: of centre and of size.
    """

    width: int = 320
    height: int = 256
    levels: tuple[Level, ...] = (
        Level(8, ((9.0, 12.0), (17.0, 22.0))),
        Level(16, ((31.0, 40.0), (54.0, 70.0))),
        Level(32, ((92.0, 120.0), (140.0, 180.0))),
    )
    variances: tuple[float, float] = (0.1, 0.2)

    def anchors(self) -> Floats:
        """All levels' anchors, float32 (N, 4): (cx, cy, w, h) px, in the order of the flattened outputs."""
        return np.concatenate([level_anchors(self.width, self.height, level.stride, level.sizes) for level in self.levels])


def build_detector(shape: DetectorShape, width: float = 1.0) -> keras.Model:
    """A detector of float32 (N, height, width, 3), values by `edge.preprocess.normalise`.

    Outputs per level, in turn: score logits (N, h, w, A) and box offsets (N, h, w, 4A) for `edge.inference.anchors.decode_boxes`.
    width: multiplies the channels of the trunk.
    """
    c4, c8, c16, c32 = (8 * max(1, round(channels * width / 8)) for channels in (32, 64, 128, 192))
    inputs = keras.Input((shape.height, shape.width, 3), name="picture")
    x = _conv(inputs, max(16, c4 // 2), 3, 2, "stem")
    x = _separable(x, c4, 3, 2, "s4_down")
    x = _stage(x, c4, 1, 5, "s4")
    p8 = _stage(_separable(x, c8, 3, 2, "s8_down"), c8, 4, 5, "s8")
    p16 = _stage(_separable(p8, c16, 3, 2, "s16_down"), c16, 4, 5, "s16")
    p32 = _stage(_separable(p16, c32, 3, 2, "s32_down"), c32, 3, 3, "s32")
    up = keras.layers.UpSampling2D(2, interpolation="nearest", name="up")(_conv(p16, c8, 1, 1, "lateral"))
    p8 = _separable(keras.layers.Add(name="merge")([p8, up]), c8, 3, 1, "merged")
    outputs = []
    for level, features in zip(shape.levels, (p8, p16, p32), strict=True):
        outputs += _head(features, len(level.sizes), f"head{level.stride}")
    return keras.Model(inputs, outputs, name="face_detector")


def _conv(x: keras.KerasTensor, channels: int, size: int, stride: int, name: str) -> keras.KerasTensor:
    """Convolution, batch norm, ReLU6 (Krizhevsky 2010): the bounded range costs int8 the least."""
    x = keras.layers.Conv2D(channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_bn")(x))


def _separable(x: keras.KerasTensor, channels: int, size: int, stride: int, name: str, residual: bool = False) -> keras.KerasTensor:
    """Depthwise, then pointwise convolution (Howard et al. 2017), optionally around a shortcut."""
    y = keras.layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_dw")(x)
    y = keras.layers.ReLU(6.0, name=f"{name}_dw_relu")(keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_dw_bn")(y))
    y = keras.layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_pw")(y)
    y = keras.layers.BatchNormalization(momentum=0.98, name=f"{name}_bn")(y)
    if residual:
        y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(y)


def _stage(x: keras.KerasTensor, channels: int, blocks: int, size: int, name: str) -> keras.KerasTensor:
    for i in range(blocks):
        x = _separable(x, channels, size, 1, f"{name}_{i}", residual=True)
    return x


def _head(x: keras.KerasTensor, anchors: int, name: str) -> list[keras.KerasTensor]:
    """Score logits and box offsets of one level, from one shared convolution."""
    x = _separable(x, x.shape[-1], 3, 1, name)
    bias = keras.initializers.Constant(float(np.log(PRIOR / (1 - PRIOR))))
    scores = keras.layers.Conv2D(anchors, 1, bias_initializer=bias, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name=f"{name}_scores")
    boxes = keras.layers.Conv2D(4 * anchors, 1, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name=f"{name}_boxes")
    return [scores(x), boxes(x)]
