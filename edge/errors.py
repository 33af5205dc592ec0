"""Every error that mask-edge raises on purpose.

Each is one line for the person at the terminal: what is wrong, with which file or device, and what to do next.
The children also inherit the fitting builtin, so that a caller may catch either.
"""

from typing import NamedTuple


class Advice(NamedTuple):
    """What is wrong and what to do next, where nothing is raised, or not yet: `raise SourceError(*advice)`.

    As text it is one line, like an error: `what; cure`.
    """

    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


class MaskEdgeError(Exception):
    """Base of all. `exit_code` is what the command line leaves with.

    `what` is wrong, with the name of the file or device; `cure` is what to do next, empty where nothing helps.
    As text it is one line: `what; cure`. Whoever needs one of the two reads the attribute, never the text.
    """

    exit_code = 1

    def __init__(self, what: str = "", cure: str = "") -> None:
        super().__init__(str(Advice(what, cure)))
        self.what, self.cure = what, cure


class UsageError(MaskEdgeError, ValueError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class ConfigError(MaskEdgeError, ValueError):
    """The configuration is wrong; systemd does not restart on this (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class PictureError(MaskEdgeError, ValueError):
    """A picture file cannot be read as a picture."""


class SourceError(MaskEdgeError, OSError):
    """A camera, stream, file or folder gives no frames."""


class CameraHangsError(SourceError):
    """A camera's driver never returns from a call; the thread in it cannot be ended, only the process."""


class SinkError(MaskEdgeError, OSError):
    """An output cannot be opened or written."""


class ModelError(MaskEdgeError, ValueError):
    """A model file, its card, or the two together are not usable."""


class DataError(MaskEdgeError, ValueError):
    """Training or evaluation data are not usable."""


class StageError(MaskEdgeError, RuntimeError):
    """A stage of the pipeline failed again and again."""


class MissingLibraryError(MaskEdgeError, ImportError):
    """An optional library is not installed; the message names the command that installs it."""


def one_line(error: BaseException) -> str:
    """An error in one line: our own are written for people, of others the kind says more than the text."""
    text = " ".join(str(error).split())
    return (
        text
        if isinstance(error, MaskEdgeError) and text
        else f"{type(error).__name__}: {text}"
        if text
        else type(error).__name__
    )
