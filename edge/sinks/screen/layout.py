"""Draws a message for a small screen. Texts are measured, so that no word is cut off on any screen."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

from edge.errors import MissingLibraryError
from edge.sinks.message import STATE_COLOURS, Message
from edge.types import State

DETAIL_PX = 10
"""px: minimum font size of the small line; it is larger on larger screens."""

MIN_HEIGHT_FOR_DETAIL = 48
"""px: a lower screen (128x32) has no small line, only the big words."""

WORDS_AND_GROUND = {
    State.PASS: ((255, 255, 255), STATE_COLOURS[State.PASS]),
    State.DENY: ((255, 255, 255), STATE_COLOURS[State.DENY]),
    State.UNCERTAIN: ((0, 0, 0), STATE_COLOURS[State.UNCERTAIN]),
    State.IDLE: ((200, 200, 200), (0, 0, 0)),
}
"""Colour of the words and of the ground behind them, RGB."""


def render(message: Message, width: int, height: int, mode: str) -> Any:
    """A PIL image of width x height px.

    mode: `RGB`, or `1` for a screen of one colour; there deny is dark on light.
    Raises MissingLibraryError without Pillow or without a font.
    """
    from PIL import Image, ImageDraw

    words, ground = _inks(message.state, mode)
    image = Image.new(mode, (width, height), ground)
    draw = ImageDraw.Draw(image)
    if mode == "1":
        draw.fontmode = "1"  # no half-tones: on a screen of one colour they become dots
    margin = max(1, min(width, height) // 40)
    bottom = _draw_detail(draw, message.details, width, height, margin, words)
    _draw_title(draw, message.title.split(), (margin, margin, width - margin, bottom - margin), words)
    return image


def _inks(state: State, mode: str) -> tuple[Any, Any]:
    """Colour of the words and of the ground, as Pillow takes them in this mode."""
    if mode == "RGB":
        return WORDS_AND_GROUND[state]
    return (0, 255) if state is State.DENY else (255, 0)


def _draw_detail(
    draw: Any, details: tuple[str, ...], width: int, height: int, margin: int, colour: Any
) -> int:
    """Draw the first of the texts that fits, at the bottom. Returns where it begins, px from the top."""
    if height < MIN_HEIGHT_FOR_DETAIL:
        return height
    font = load_font(max(DETAIL_PX, min(height // 9, width // 14)))
    _, _, _, line = draw.textbbox((0, 0), "Hgy|", font=font)
    for text in details:
        left, _, right, _ = draw.textbbox((0, 0), text, font=font)
        if right - left <= width - 2 * margin:
            draw.text(((width - right - left) // 2, height - margin - line), text, fill=colour, font=font)
            break
    return int(height - margin - line)


def _draw_title(draw: Any, words: list[str], box: tuple[int, int, int, int], colour: Any) -> None:
    """Draw the words as large as they fit into the box, in one line or several.

    box: left, top, right, bottom, px.
    """
    left, top, right, bottom = box
    size, lines = max((_largest(draw, lines, right - left, bottom - top), lines) for lines in _breaks(words))
    font = load_font(size)
    boxes = [draw.textbbox((0, 0), line, font=font) for line in lines]
    step, (_, height) = _line_step(boxes), _extent(boxes)
    y = top + (bottom - top - height) // 2 - min(box[1] for box in boxes)
    for number, (line, (x0, _, x1, _)) in enumerate(zip(lines, boxes, strict=True)):
        draw.text((left + (right - left - x1 - x0) // 2, y + number * step), line, fill=colour, font=font)


def _breaks(words: list[str]) -> list[list[str]]:
    """Every way to break the words into lines, in their order."""
    cuts = [cut for count in range(len(words)) for cut in combinations(range(1, len(words)), count)]
    return [[" ".join(words[a:b]) for a, b in pairwise((0, *cut, len(words)))] for cut in cuts]


def _largest(draw: Any, lines: list[str], width: int, height: int) -> int:
    """The largest font size (px) at which these lines fit into width x height px; at least 6."""
    low, high = 6, max(7, height * 2)
    while high - low > 1:
        size = (low + high) // 2
        across, down = _extent([draw.textbbox((0, 0), line, font=load_font(size)) for line in lines])
        low, high = (size, high) if across <= width and down <= height else (low, size)
    return low


def _extent(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int]:
    """Width and height (px) of lines, one below the other.

    boxes: the ink box of each line: left, top, right, bottom, px.
    """
    ink = max(box[3] for box in boxes) - min(box[1] for box in boxes)
    return max(box[2] - box[0] for box in boxes), ink + (len(boxes) - 1) * _line_step(boxes)


def _line_step(boxes: list[tuple[int, int, int, int]]) -> int:
    return round((max(box[3] for box in boxes) - min(box[1] for box in boxes)) * 1.2)


@lru_cache(maxsize=256)
def load_font(size: int) -> Any:
    """DejaVu Sans Bold where it is installed, else the scalable font in Pillow 10.1 or newer.

    size: px. Raises MissingLibraryError.
    """
    try:
        from PIL import ImageFont
    except ImportError as error:
        raise MissingLibraryError(
            "screen: Pillow is not installed", "`sudo apt install python3-pil`, or `pip install pillow`"
        ) from error

    try:
        return ImageFont.truetype("DejaVuSans-Bold.ttf", size)
    except OSError:
        pass
    try:
        return ImageFont.load_default(size)
    except (
        TypeError,
        OSError,
    ) as error:  # Pillow before 10.1 takes no size; without FreeType it cannot scale
        raise MissingLibraryError(
            "screen: no scalable font", "`sudo apt install fonts-dejavu-core`"
        ) from error
