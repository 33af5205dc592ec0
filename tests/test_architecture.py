"""Who may import whom: layers from the bottom to the top, no circles, TensorFlow on the workstation alone.

A new module that is in no layer fails here: give it a place in LAYERS, as low as its own imports allow.
"""

import ast
import graphlib
import sys
from collections.abc import Callable

import pytest

from tests.source import MODULES, imported, own_imports, parse, top_names

LAYERS = (
    # edge: the runtime
    ("edge", "edge.types", "edge.redact"),
    ("edge.errors",),
    ("edge.address",),
    (
        "edge.optional",
        "edge.writing",
        "edge.regular",
        "edge.host",
        "edge.counts",
        "edge.config.option",
        "edge.commands.runner",
    ),
    ("edge.preprocess", "edge.config.tables"),
    ("edge.inference", "edge.pictures", "edge.tracking", "edge.decision"),
    ("edge.sources", "edge.sinks", "edge.picture_health"),
    ("edge.web",),
    ("edge.sinks.kinds",),
    ("edge.pipeline", "edge.config"),
    ("edge.loop",),
    ("edge.door",),
    ("edge.doctor",),
    ("edge.commands",),
    ("edge.__main__",),
    # training: from pictures to Keras models
    (
        "training",
        "training.arguments",
        "training.commands",
        "training.degradations",
        "training.mask_styles",
        "training.tflite_graph",
    ),
    ("training.backbones", "training.datasets"),
    ("training.paths", "training.runs"),
    ("training.classifier", "training.detector"),
    ("training.evaluate", "training.prepare", "training.train", "training.train_detector"),
    # convert: from Keras models to TFLite, and to the Edge TPU
    ("convert", "convert.bias", "convert.cards", "convert.export", "convert.tables"),
    ("convert.edgetpu", "convert.layers"),
    ("convert.classifier", "convert.detector"),
    ("convert.compile", "convert.inspect", "convert.quantize", "convert.verify"),
)
"""From the bottom to the top. A module imports only what is in its own entry or in a layer below.

An entry is a module, or a package with all that is in it, except for what has an entry of its own.
"""

SHARED_WITH_THE_WORKSTATION = (
    "edge.types",
    "edge.errors",
    "edge.optional",
    "edge.preprocess",
    "edge.commands.runner",
    "edge.config.tables",
    "edge.inference",
    "edge.pictures.files",
    "edge.pictures.folders",
    "edge.pictures.drawn_masks",
)
"""What `training` and `convert` take from the runtime."""

WORKSTATION_LIBRARIES = {"tensorflow", "keras", "matplotlib", "sklearn", "tqdm", "pycocotools"}
"""What no Pi has."""

HEIGHTS = {entry: height for height, layer in enumerate(LAYERS) for entry in layer}


def entry_of(module: str) -> str | None:
    """The entry of the table that a module belongs to: its own, or that of the nearest package around it."""
    parts = module.split(".")
    around = [".".join(parts[:count]) for count in range(len(parts), 1, -1)]  # without the top-level package
    return next((name for name in around or [module] if name in HEIGHTS), None)


def is_allowed(importer: str, other: str) -> bool:
    own, its = entry_of(importer), entry_of(other)
    return own is not None and its is not None and (own == its or HEIGHTS[its] < HEIGHTS[own])


# --- the table


def test_every_module_is_in_a_layer():
    assert not [module for module in MODULES if entry_of(module) is None], "give them a place in LAYERS"


def test_the_table_names_what_is_there():
    assert not [entry for entry in HEIGHTS if entry not in MODULES]


def test_no_entry_stands_twice():
    assert sum(len(layer) for layer in LAYERS) == len(HEIGHTS)


@pytest.mark.parametrize(
    ("module", "entry"),
    [
        ("edge.types", "edge.types"),
        ("edge.host.board", "edge.host"),
        ("edge.config.option", "edge.config.option"),
        ("edge.config.reading", "edge.config"),
        ("edge.inference.coral.worker", "edge.inference"),
        ("edge", "edge"),
        ("edge.brand_new", None),
        ("training.brand_new", None),
    ],
)
def test_the_entry_of_a_module(module, entry):
    assert entry_of(module) == entry


@pytest.mark.parametrize(
    ("importer", "other", "allowed"),
    [
        ("edge.sinks.log", "edge.types", True),
        ("edge.sinks.log", "edge.sinks.base", True),
        ("edge.types", "edge.sinks.log", False),
        ("edge.sinks.log", "edge.sources.base", False),
        ("edge.sources.demo", "edge.sinks.log", False),
        ("edge.tracking", "edge.decision", False),
        ("edge.loop", "edge.brand_new", False),
        ("convert.verify", "training.evaluate", True),
        ("training.evaluate", "convert.verify", False),
        ("edge.door", "training.runs", False),
    ],
)
def test_what_the_table_allows(importer, other, allowed):
    assert is_allowed(importer, other) is allowed


# --- what is held

EDGE = [module for module in MODULES if module.partition(".")[0] == "edge"]
WORKSTATION = [module for module in MODULES if module.partition(".")[0] != "edge"]


def arrows(modules: list[str], imports: Callable[[str], set[str]]) -> list[str]:
    """What these modules import and must not, as lines to read: "edge.types -> edge.sinks.log"."""
    return [f"{module} -> {name}" for module in modules for name in sorted(imports(module))]


def loaded_libraries(module: str) -> set[str]:
    """What the import of a module loads, by top-level name."""
    return top_names(imported(parse(module), inside_functions=False))


def test_a_module_imports_only_from_its_own_entry_and_from_layers_below():
    def upward(module: str) -> set[str]:
        return {name for name in own_imports(module) if not is_allowed(module, name)}

    assert not arrows(list(MODULES), upward)


def test_no_module_imports_itself_through_others():
    graph = graphlib.TopologicalSorter({module: own_imports(module) for module in MODULES})
    graph.prepare()  # raises CycleError, which names the circle


def test_edge_loads_numpy_and_the_standard_library_alone():
    assert not arrows(
        EDGE, lambda module: loaded_libraries(module) - sys.stdlib_module_names - {"numpy", "edge"}
    )


def test_edge_needs_nothing_of_the_workstation():
    forbidden = WORKSTATION_LIBRARIES | {"training", "convert"}
    assert not arrows(EDGE, lambda module: top_names(imported(parse(module))) & forbidden)


def test_the_workstation_takes_from_edge_only_what_is_meant_to_be_shared():
    def not_shared(module: str) -> set[str]:
        names = {name for name in own_imports(module) if name.startswith("edge")}
        return {name for name in names if not name.startswith(SHARED_WITH_THE_WORKSTATION)}

    assert not arrows(WORKSTATION, not_shared)


def test_no_module_loads_tensorflow_before_it_needs_it():
    assert not arrows(WORKSTATION, lambda module: loaded_libraries(module) & {"tensorflow"})


# --- how imports are read


@pytest.mark.parametrize(
    ("text", "names", "when_loaded"),
    [
        ("import numpy as np", {"numpy"}, {"numpy"}),
        ("import edge.types", {"edge.types"}, {"edge.types"}),
        ("from edge import types", {"edge.types"}, {"edge.types"}),
        ("from edge.types import Label", {"edge.types"}, {"edge.types"}),
        ("from edge import __version__", {"edge"}, {"edge"}),
        ("def f():\n    import cv2", {"cv2"}, set()),
        ("class A:\n    import cv2", {"cv2"}, {"cv2"}),
        ("try:\n    import cv2\nexcept ImportError:\n    import PIL", {"cv2", "PIL"}, {"cv2", "PIL"}),
        ("if TYPE_CHECKING:\n    import cv2\nelse:\n    import PIL", {"PIL"}, {"PIL"}),
        ("if typing.TYPE_CHECKING:\n    from edge.types import Label", set(), set()),
    ],
)
def test_imports_are_found(text, names, when_loaded):
    tree = ast.parse(text)
    assert imported(tree) == names
    assert imported(tree, inside_functions=False) == when_loaded
