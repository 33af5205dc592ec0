"""The table of backbones: the networks with ImageNet weights that a model can begin with.

A row holds everything that the rest of training and convert needs to know about a network. To add a network,
add a row. Importing the table does not import Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import DataError, ModelError
from training.backbones import mobilenet_v2

if TYPE_CHECKING:
    import keras

IMAGENET = "imagenet"
"""In place of a weights file: Keras fetches the ImageNet weights."""

NO_WEIGHTS = "none"
"""In place of a weights file: the network begins with random values."""

Build = Callable[["keras.KerasTensor | None", tuple[int, int], float, "str | None"], "keras.Model"]
"""A function that makes a network without its top.

Arguments: the tensor that it grows from, or None to make a model with an input of its own; (height, width) px
of the input; the width multiplier; `imagenet`, or None for random values.
"""

Preprocess = Callable[["keras.KerasTensor"], "keras.KerasTensor"]
"""From values by `edge.preprocess.normalise` (RGB, -1..1) to the values that the ImageNet weights expect."""

Freeze = Callable[["keras.Model", int], None]
"""Makes a network trainable, except for its batch norms and its first blocks. The number: how many blocks."""


@dataclass(frozen=True, slots=True)
class DetectorFeatures:
    """The part of a backbone that a face detector uses."""

    stride8: str
    """Layer whose output has an eighth of the input's size: the features of small faces."""
    stride16: str
    """Layer whose output has a sixteenth of the input's size. The layers behind it are not used."""
    frozen_blocks: int
    """First blocks whose weights a detector's training does not change."""
    description: str
    """What a card says about this part."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One row: a network with ImageNet weights."""

    title: str
    """Its name for people and cards."""
    build: Build
    """Makes it without its top."""
    preprocess: Preprocess
    """Lies between a model's input and the network."""
    freeze: Freeze
    """Chooses what a training changes."""
    blocks: int
    """The largest number of blocks that `freeze` takes."""
    frozen_blocks: int
    """Blocks that a classifier's training keeps unless it is told otherwise."""
    sizes: tuple[int, ...]
    """Sides of a classifier's input, px."""
    alphas: tuple[float, ...]
    """Width multipliers with ImageNet weights; one number for a network of one width."""
    layer_prefixes: tuple[str, ...]
    """What the names of its layers begin with: tells them from the layers that we add."""
    detector: DetectorFeatures | None = None
    """What a face detector uses of it; None if no detector begins with it."""

    def describe(self, alpha: float) -> str:
        """What a card says: the name, and the width multiplier if there is a choice."""
        return f"{self.title}, alpha {alpha}" if len(self.alphas) > 1 else self.title


MOBILENET_V2 = "mobilenet_v2"

DEFAULT = MOBILENET_V2
"""The backbone of a training that names none, and of runs from before there was a choice."""

BACKBONES: Mapping[str, Backbone] = {
    MOBILENET_V2: Backbone(
        title="MobileNetV2",
        build=mobilenet_v2.build,
        preprocess=mobilenet_v2.preprocess,
        freeze=mobilenet_v2.freeze,
        blocks=mobilenet_v2.BLOCKS,
        frozen_blocks=3,
        sizes=mobilenet_v2.SIZES,
        alphas=mobilenet_v2.ALPHAS,
        layer_prefixes=mobilenet_v2.LAYER_PREFIXES,
        detector=DetectorFeatures(
            stride8="block_6_expand_relu",
            stride16="block_11_add",
            frozen_blocks=3,  # those up to stride 4
            description="MobileNetV2's first 12 blocks and a few of our own",
        ),
    )
}
"""Name, as in `--backbone`, `--trunk` and `config.json` -> network."""


def build_backbone(
    name: str, inputs: keras.KerasTensor | None, size: tuple[int, int], alpha: float, weights: str
) -> keras.Model:
    """A network of the table without its top.

    inputs: the tensor that it grows from, or None to make a model with an input of its own. size: (height,
    width) px. alpha: the width multiplier. weights: IMAGENET, NO_WEIGHTS, or the path of a `.weights.h5`
    file. Raises DataError if the weights cannot be fetched, are missing or do not fit.
    """
    row = BACKBONES[name]
    if weights == IMAGENET:
        try:
            return row.build(inputs, size, alpha, IMAGENET)
        except Exception as error:  # a download fails in many ways
            raise DataError(
                f"the ImageNet weights of {row.title} cannot be fetched ({error})",
                "fetch them on a machine with internet (Keras keeps them in ~/.keras/models: take the file "
                "with no_top in its name) and give --weights FILE, or go on from the shipped model: "
                "--start-from models/mask_classifier.tflite",
            ) from error
    network = row.build(inputs, size, alpha, None)
    if weights != NO_WEIGHTS:
        load_weights(network, Path(weights), row, alpha)
    return network


def load_weights(network: keras.Model, path: Path, row: Backbone, alpha: float) -> None:
    """Fill a network with the weights of a file. Raises DataError if it is missing or does not fit."""
    cure = f"--weights takes {IMAGENET} or a .weights.h5 file of {row.title} without its top"
    if not path.is_file():
        raise DataError(f"{path}: no such file", cure)
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: does not fit {row.title} with alpha {alpha} ({reason})", cure) from error


def backbone_of(model: keras.Model) -> keras.Model:
    """The backbone inside a classifier: the one layer of it that is a model itself."""
    import keras

    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def backbone_name(config: Mapping[str, Any]) -> str:
    """The backbone's name in a run's `config.json`. Raises ModelError for one that the table does not have.

    Earlier versions did not write it: they had no other than DEFAULT.
    """
    name = str(config.get("backbone", DEFAULT))
    if name not in BACKBONES:
        raise ModelError(
            f"config.json names the backbone {name!r}, this version has {', '.join(BACKBONES)}",
            "use the version that trained the model",
        )
    return name
