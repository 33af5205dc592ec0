"""What FFmpeg's decoders say while OpenCV reads a stream or file: OpenCV itself passes nothing of it on.

FFmpeg conceals what it cannot decode, and OpenCV gives such a frame like any other. The decoder's complaint
is the only sign. It goes to a log function that a program may set (`av_log_set_callback`); with ours, nothing
of it reaches the terminal either.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from edge.optional import import_cv2

log = logging.getLogger(__name__)

ERROR, WARNING = 16, 24
"""FFmpeg's AV_LOG_ERROR and AV_LOG_WARNING; what is more severe has a lower number."""

DECODER, CONVERTER = b"AVCodecContext", b"SWScaler"
"""The classes that complain of data that cannot be decoded, and of a frame that cannot be made RGB."""

HARMLESS = (b"SEI", b"VUI")
"""Words in complaints about notes beside the picture."""

LOST = (b"RTP: missed", b"Packet corrupt")
"""Beginnings of the warnings that a packet of the picture was lost on its way."""

_Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
"""void (*)(void *context, int level, const char *format, va_list): the list is passed on as it is."""


def import_quiet_cv2() -> ModuleType:
    """OpenCV, its libraries told to keep their lines off the terminal: they read that once.

    Raises MissingLibraryError.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    return import_cv2()


class DecoderWatch:
    """Counts complaints of the whole process: FFmpeg does not say which capture one belongs to."""

    damaged: int
    """Complaints of data that are damaged or missing, so far."""
    unconverted: int
    """Frames so far that could not be made RGB, such as interlaced ones. OpenCV then gives a stale buffer."""

    def __init__(self) -> None:
        self.damaged = self.unconverted = 0

    def hear(self, context: int | None, level: int, text: bytes | None, _: object) -> None:
        """Called by FFmpeg's threads, for every message. text: a format, without its values."""
        if level > WARNING or level < 0 or not context or text is None:
            return
        kind = _class_name(context)
        if level <= ERROR and kind == CONVERTER:
            self.unconverted += 1
        elif (level <= ERROR and kind == DECODER and not any(word in text for word in HARMLESS)) or (
            text.startswith(LOST)
        ):
            self.damaged += 1


_WATCH = DecoderWatch()
_CALLBACK = _Callback(_WATCH.hear)
"""FFmpeg keeps its address until the end of the process, so it must live as long."""


def listen() -> DecoderWatch:
    """The one watch of this process, which listens from now on where OpenCV's FFmpeg can be found.

    To be called after each opening: OpenCV sets a function of its own at the first one.
    """
    library = _libavutil()
    if library is not None:
        library.av_log_set_callback(_CALLBACK)
        atexit.register(_be_silent)
    return _WATCH


def _be_silent() -> None:
    """At the end of the process: Python cannot be called any more then."""
    library = _libavutil()
    if library is not None:
        library.av_log_set_callback(None)


@cache
def _libavutil() -> Any:
    """The copy of libavutil that OpenCV has loaded, or None."""
    try:
        maps = Path("/proc/self/maps").read_text(errors="surrogateescape")
        path = next((line[line.index("/") :] for line in maps.splitlines() if "/libavutil" in line), None)
        return None if path is None else ctypes.CDLL(path)
    except (OSError, ValueError) as error:
        log.debug("FFmpeg's complaints cannot be heard: %s", error)
        return None


def _class_name(context: int) -> bytes:
    """A context begins with a pointer to its AVClass, and that one with a pointer to its name."""
    described = ctypes.c_void_p.from_address(context).value
    name = ctypes.c_void_p.from_address(described).value if described else None
    return ctypes.string_at(name) if name else b""
