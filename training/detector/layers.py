"""Layers of the detector's network that Keras does not have in this form."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("mask_edge")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch norm by TensorFlow's fused kernel, for training.

    On a CPU a whole training step takes two thirds of the time that it takes with Keras's own. The variables
    are the same in the same order, so that `BatchNormalization` takes its weights over. Channels last,
    float32.
    """

    def call(
        self, inputs: keras.KerasTensor, training: bool | None = None, mask: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        none = tf.zeros([0])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=none,
            variance=none,
            epsilon=self.epsilon,
            is_training=True,
        )
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable("mask_edge")
class Doubling(keras.layers.UpSampling2D):  # type: ignore[misc]
    """`UpSampling2D` by 2, nearest, as the one operation that an Edge TPU has for it.

    Keras's own becomes TILE, which the Edge TPU does not have.
    """

    def __init__(self, name: str | None = None, **others: object) -> None:
        kept = {key: value for key, value in others.items() if key in ("dtype", "trainable")}
        super().__init__(2, interpolation="nearest", name=name, **kept)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        import tensorflow as tf

        size = [2 * inputs.shape[1], 2 * inputs.shape[2]]
        return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=size)
