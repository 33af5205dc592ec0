"""The face detector's network: a small single-shot detector (Liu et al. 2016) for int8 and for an Edge TPU.

Depthwise-separable residual blocks with 5x5 kernels, as in BlazeFace (Bazarevsky et al. 2019), by themselves
or behind the first blocks of a backbone. One step of a feature pyramid (Lin et al. 2017) leads from stride 16
to stride 8, where the small faces are. The outputs are raw: numpy decodes them and suppresses overlapping
boxes.
"""

from __future__ import annotations

import keras
import numpy as np

from training.backbones.table import BACKBONES, NO_WEIGHTS, build_backbone
from training.detector.layers import Doubling, FusedBatchNormalization
from training.detector.shape import DetectorShape
from training.detector.trunks import LIGHT, PRETRAINED

PRIOR = 0.01
"""The score that every anchor begins with.

Without it the loss of the many anchors without a face outweighs the rest (Lin et al. 2017, focal loss).
"""


def build_detector(
    shape: DetectorShape,
    width: float = 1.0,
    fused: bool = False,
    trunk: str = LIGHT,
    weights: str = NO_WEIGHTS,
) -> keras.Model:
    """A detector of float32 (N, height, width, 3), by `edge.preprocess.normalise`.

    Outputs for each level in turn: score logits (N, h, w, A) and box offsets (N, h, w, 4A) for
    `edge.inference.anchors.decode_boxes`, with A anchors in a cell. width: multiplies the channels. fused:
    with `FusedBatchNormalization`; the weights are the same either way. trunk: one of
    `training.detector.trunks.TRUNKS`. weights: of a pretrained trunk, as in
    `training.backbones.table.build_backbone`, which also says when DataError is raised.
    """
    net = _Builder(FusedBatchNormalization if fused else keras.layers.BatchNormalization)
    inputs = keras.Input((shape.height, shape.width, 3), name="picture")
    if trunk == LIGHT:
        features = _light(net, inputs, width)
    else:
        features = _pretrained(net, inputs, trunk, width, weights)
    outputs = []
    for level, values in zip(shape.levels, features, strict=True):
        outputs += net.head(values, len(level.sizes), f"head{level.stride}")
    return keras.Model(inputs, outputs, name="face_detector")


def _light(net: _Builder, inputs: keras.KerasTensor, width: float) -> list[keras.KerasTensor]:
    """Features at strides 8, 16 and 32 of our own trunk."""
    c4, c8, c16, c32 = _channels((32, 64, 128, 192), width)
    x = net.conv(inputs, max(16, c4 // 2), 3, 2, "stem")
    x = net.separable(x, c4, 3, 2, "s4_down")
    x = net.stage(x, c4, 1, 5, "s4")
    p8 = net.stage(net.separable(x, c8, 3, 2, "s8_down"), c8, 4, 5, "s8")
    p16 = net.stage(net.separable(p8, c16, 3, 2, "s16_down"), c16, 4, 5, "s16")
    p32 = net.stage(net.separable(p16, c32, 3, 2, "s32_down"), c32, 3, 3, "s32")
    return [net.merged(p8, p16, c8), p16, p32]


def _pretrained(
    net: _Builder, inputs: keras.KerasTensor, trunk: str, width: float, weights: str
) -> list[keras.KerasTensor]:
    """Features at strides 8, 16 and 32 behind the first part of a backbone.

    The features of small faces are taken where SSDLite (Sandler et al. 2018) takes its own: behind the
    expansion of a block.
    """
    c8, c16, c32 = _channels((64, 128, 192), width)
    row, part = BACKBONES[trunk], PRETRAINED[trunk]
    size = inputs.shape[1], inputs.shape[2]
    base = build_backbone(trunk, row.preprocess(inputs), size, width, weights)
    row.freeze(base, part.frozen_blocks)
    f8, f16 = (base.get_layer(name).output for name in (part.stride8, part.stride16))
    p16 = net.stage(net.conv(f16, c16, 1, 1, "s16_in"), c16, 1, 5, "s16")
    p32 = net.stage(net.separable(p16, c32, 3, 2, "s32_down"), c32, 1, 3, "s32")
    p8 = net.stage(net.conv(f8, c8, 1, 1, "s8_in"), c8, 1, 5, "s8")
    return [net.stage(net.merged(p8, p16, c8), c8, 1, 5, "s8b"), p16, p32]


def _channels(counts: tuple[int, ...], width: float) -> tuple[int, ...]:
    """Multiplied by `width` and rounded to multiples of 8, which the hardware works with."""
    return tuple(8 * max(1, round(count * width / 8)) for count in counts)


class _Builder:
    """The network's building blocks. norm: the class of its batch norms."""

    def __init__(self, norm: type[keras.layers.BatchNormalization]) -> None:
        self._norm = norm

    def norm(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Batch norm."""
        return self._norm(momentum=0.98, name=name)(x)

    def conv(
        self, x: keras.KerasTensor, channels: int, size: int, stride: int, name: str
    ) -> keras.KerasTensor:
        """Convolution, batch norm, ReLU6: its bounded range loses least in int8."""
        x = keras.layers.Conv2D(
            channels,
            size,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(self.norm(x, f"{name}_bn"))

    def separable(
        self, x: keras.KerasTensor, channels: int, size: int, stride: int, name: str, residual: bool = False
    ) -> keras.KerasTensor:
        """Depthwise, then pointwise convolution (Howard et al. 2017), optionally around a shortcut."""
        y = keras.layers.DepthwiseConv2D(
            size, stride, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_dw"
        )(x)
        y = keras.layers.ReLU(6.0, name=f"{name}_dw_relu")(self.norm(y, f"{name}_dw_bn"))
        y = keras.layers.Conv2D(
            channels, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_pw"
        )(y)
        y = self.norm(y, f"{name}_bn")
        if residual:
            y = keras.layers.Add(name=f"{name}_add")([x, y])
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(y)

    def stage(
        self, x: keras.KerasTensor, channels: int, blocks: int, size: int, name: str
    ) -> keras.KerasTensor:
        """`blocks` residual blocks, one after the other."""
        for i in range(blocks):
            x = self.separable(x, channels, size, 1, f"{name}_{i}", residual=True)
        return x

    def merged(self, p8: keras.KerasTensor, p16: keras.KerasTensor, channels: int) -> keras.KerasTensor:
        """The features of stride 8 with those of stride 16 added."""
        up = Doubling(name="up")(self.conv(p16, channels, 1, 1, "lateral"))
        return self.separable(keras.layers.Add(name="merge")([p8, up]), channels, 3, 1, "merged")

    def head(self, x: keras.KerasTensor, anchors: int, name: str) -> list[keras.KerasTensor]:
        """Score logits and box offsets of one level, from one shared convolution."""
        x = self.separable(x, x.shape[-1], 3, 1, name)
        bias = keras.initializers.Constant(float(np.log(PRIOR / (1 - PRIOR))))
        small = keras.initializers.RandomNormal(stddev=0.01)
        scores = keras.layers.Conv2D(
            anchors, 1, kernel_initializer=small, bias_initializer=bias, name=f"{name}_scores"
        )(x)
        return [
            scores,
            keras.layers.Conv2D(4 * anchors, 1, kernel_initializer=small, name=f"{name}_boxes")(x),
        ]
