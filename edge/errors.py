"""Every error that mask-edge raises on purpose.

Each is one line for the person at the terminal: what is wrong, with the name of the file or device, and what
to do next. The children also inherit the fitting builtin, so that a caller may catch either.
"""

from typing import NamedTuple

from edge.redact import redacted_text

LONGEST = 1200
"""Characters of what is wrong, or of the cure: a name or value from outside may have any length."""


def printable(text: object) -> str:
    """A text, or a path, as it may be shown: what a terminal would obey or could not show is escaped.

    Control characters, line ends, and bytes of a file name that are not UTF-8 become \\n, \\x1b, \\xe9.
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in str(text))


def _escaped(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it in a file name
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class Advice(NamedTuple):
    """What is wrong and what to do next, where nothing is raised, or not yet: `raise SourceError(*advice)`.

    As text it is one line, like an error: `what; cure`.
    """

    what: str
    """What is wrong, with the name of the file or device."""
    cure: str = ""
    """What to do next; empty where nothing helps."""

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


def _one_line(text: str) -> str:
    """A text without what is secret in an address, in one line that may be shown; a long one is cut."""
    line = printable(
        redacted_text(" ".join(text[: 4 * LONGEST].split()))
    )  # what is cut here is not shown below
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}... ({len(text)} characters)"


class MaskEdgeError(Exception):
    """Base of all.

    As text it is one line: `what; cure`. Code that needs one of the two reads the attribute, never the text.
    Passwords in addresses are hidden.
    """

    exit_code = 1
    """The exit code of the command that this error ends."""

    what: str
    """What is wrong, with the name of the file or device."""

    cure: str
    """What to do next; empty where nothing helps."""

    def __init__(self, what: str = "", cure: str = "") -> None:
        self.what, self.cure = _one_line(what), _one_line(cure)
        super().__init__(str(Advice(self.what, self.cure)))


class UsageError(MaskEdgeError, ValueError):
    """The command line asks for something that is not possible."""

    exit_code = 2


class ConfigError(MaskEdgeError, ValueError):
    """The configuration is wrong; systemd does not restart on this (EX_CONFIG of sysexits.h)."""

    exit_code = 78

    mistakes: tuple["ConfigError", ...] = ()
    """All mistakes, where there are several: this error has the words of the first."""


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
    """An optional library is not installed; `cure` is the command that installs it."""


def one_line(error: BaseException) -> str:
    """An error in one line. An error of another library also gets the name of its class."""
    text = _one_line(str(error))
    if isinstance(error, MaskEdgeError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
