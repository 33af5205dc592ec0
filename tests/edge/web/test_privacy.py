"""No pixel of a face leaves the door unless its owner asks for it: looked for in every byte that is sent."""

import asyncio
import json
import re

import aiohttp
import numpy as np
import pytest

from edge.types import (
    BoundingBox,
    Cause,
    Decision,
    Detection,
    Frame,
    FrameResult,
    Label,
    State,
    Track,
    TrackStatus,
)
from edge.web.pictures import GREY, Painter
from tests.edge.web.builders import pages

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: the pictures were NOT tested")

FACE = BoundingBox(200, 120, 360, 320)
LOST = BoundingBox(20, 20, 120, 140)
FAINT = BoundingBox(480, 300, 600, 440)
CELL = 8
"""px: the side of a square of the pattern, large enough to survive JPEG."""


def pattern() -> np.ndarray:
    """A chequered face in two colours that are nowhere else in the picture, (200, 160, 3) RGB."""
    rows, columns = np.indices((200, 160)) // CELL
    face = np.empty((200, 160, 3), np.uint8)
    face[:] = (255, 0, 255)
    face[(rows + columns) % 2 == 0] = (0, 255, 0)
    return face


def person(boxes=(FACE, LOST, FAINT), faint=(FAINT,)) -> FrameResult:
    """A frame with patterned faces: one confirmed, one lost for a moment, one that only looks faintly so."""
    pixels = np.full((480, 640, 3), 90, np.uint8)
    for box in boxes:
        x, y, width, height = int(box.xmin), int(box.ymin), int(box.width), int(box.height)
        pixels[y : y + height, x : x + width] = np.resize(pattern(), (200, 160, 3))[:height, :width]
    tracks = (
        Track(1, FACE, Label.WITHOUT_MASK, 0.9, 2.0, TrackStatus.CONFIRMED),
        Track(2, LOST, Label.WITH_MASK, 0.9, 2.0, TrackStatus.LOST),
    )
    decision = Decision(State.DENY, 0.0, {Label.WITHOUT_MASK: 1}, Cause.NO_MASK)
    frame = Frame(pixels, 0, 0.0, "test")
    return FrameResult(frame, (Detection(FACE, 0.9),), tracks, decision, (), {}, None, faint)


def contrast(pixels: np.ndarray) -> float:
    """How much of the pattern is left: the pattern's sharp steps between its two colours, 0..1."""
    step = pixels[:, CELL:].astype(int) - pixels[:, :-CELL]
    strong = (step[..., 0] * step[..., 1] < -(120**2)) | (np.abs(step).sum(axis=2) > 400)
    return float(strong.mean())


def decoded(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def jpegs(data: bytes) -> list[np.ndarray]:
    return [decoded(part) for part in re.findall(rb"\xff\xd8\xff.*?\xff\xd9", data, re.DOTALL)]


def faces_in(picture: np.ndarray) -> float:
    scale = picture.shape[1] / 640
    scaled = [box.scale(scale, scale) for box in (FACE, LOST, FAINT)]
    parts = [picture[int(b.ymin) : int(b.ymax), int(b.xmin) : int(b.xmax)] for b in scaled]
    return max(contrast(part) for part in parts)


def test_the_search_finds_a_face_that_is_not_hidden():
    picture = decoded(Painter("full", 640, 75).paint(person()))
    assert faces_in(picture) > 0.2
    assert contrast(pattern()) > 0.9


@pytest.mark.parametrize("pictures", ["blurred", "none"])
@pytest.mark.parametrize("width", [640, 320, 4096])
def test_faces_are_hidden_whatever_is_known_of_them(pictures, width):
    picture = Painter(pictures, width, 95).draw(person())
    assert faces_in(picture) < 0.02


def test_where_nobody_looked_for_faint_faces_the_whole_picture_is_hidden():
    assert contrast(Painter("blurred", 640, 95).draw(person(faint=None))) < 0.01


def test_none_has_not_one_pixel_of_the_camera():
    """Two frames with nothing in common give the same picture."""
    first = person()
    noise = np.random.default_rng(1).integers(0, 256, first.frame.pixels.shape, np.uint8)
    second = FrameResult(
        Frame(noise, 0, 0.0, "test"), first.detections, first.tracks, first.decision, (), {}, None, None
    )
    painter = Painter("none", 640, 75)
    assert painter.paint(first) == painter.paint(second)
    assert (painter.draw(first)[400:, :100] == GREY).all()


def test_a_result_without_a_frame_is_a_card():
    lost = FrameResult(None, (), (), Decision(State.UNCERTAIN, 0.0, {}, Cause.CAMERA_LOST), ())
    card = Painter("full", 640, 75).draw(lost)
    assert card.shape == (480, 640, 3)
    assert card.max() > 150


def test_boxes_are_drawn_where_the_faces_are_in_a_smaller_picture():
    picture = Painter("none", 320, 95).draw(person())
    assert picture.shape == (240, 320, 3)
    edge = picture[int(FACE.ymin / 2) + 40, int(FACE.xmin / 2)]
    assert np.abs(edge.astype(int) - (213, 60, 40)).sum() < 30


@pytest.mark.parametrize("pictures", ["blurred", "none"])
def test_no_answer_of_any_route_has_a_face(pictures):
    """All that a server sends: still, stream, socket, state, events, metrics, pages."""
    with pages(feed=person(), pictures=pictures, fps=20, quality=95) as door:

        async def watch() -> bytes:
            data = b""
            async with aiohttp.ClientSession() as session:
                async with session.ws_connect(f"{door.url}ws") as ws:
                    for _ in range(5):
                        state = json.loads(await ws.receive_str())
                        data += await ws.receive_bytes()
                        await ws.send_str(json.dumps({"ack": state["number"]}))
                async with session.get(f"{door.url}stream.mjpg") as stream:
                    data += await stream.content.readexactly(100_000)
            return data

        sent = asyncio.run(watch())
        for path in ("/api/v1/picture.jpg", "/", "/api/v1/state", "/api/v1/events", "/metrics", "/icon.svg"):
            answer = door.client.get(path)
            sent += answer.body + json.dumps(answer.headers).encode()
    found = jpegs(sent)
    assert len(found) >= 7
    assert max(faces_in(picture) for picture in found) < 0.02
    assert b"data:image" not in sent


def test_full_shows_faces_to_those_who_asked_for_it():
    with pages(feed=person(), pictures="full") as door:
        assert faces_in(decoded(door.client.get("/api/v1/picture.jpg").body)) > 0.2


def test_the_words_of_a_card_are_drawn_with_the_letters_that_there_are():
    decision = Decision(State.UNCERTAIN, 0.0, {}, Cause.CAMERA_LOST, "Kamera für immer weg " * 20)
    card = Painter("blurred", 640, 75).paint(FrameResult(None, (), (), decision, ()))
    assert decoded(card).shape == (480, 640, 3)
