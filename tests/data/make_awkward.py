"""Makes tests/data/awkward/: odd and damaged pictures, and answers.json with the right answer to each.

`python tests/data/make_awkward.py`; it needs Pillow with AVIF. An answer is `upright` for a file that
shows the scene of `upright.png`, else words that its error says.
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edge.pictures.files import read_picture  # noqa: E402
from edge.sources.demo import PORTRAIT  # noqa: E402

OUT = Path(__file__).parent / "awkward"
MISSING, TOO_LARGE, NO_PICTURE = (
    "a part of the picture is missing",
    "too large to be decoded",
    "not a picture",
)
scene = np.asarray(cv2.resize(read_picture(PORTRAIT)[:, :400], (96, 128), interpolation=cv2.INTER_AREA))
image = Image.fromarray(scene)


def encoded(form: str, picture: Image.Image = image, **settings: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **settings)
    return out.getvalue()


def cut(data: bytes, part: float, end: bytes = b"") -> bytes:
    return data[: int(len(data) * part)] + end


def with_segment(data: bytes, marker: int, body: bytes, length: int | None = None) -> bytes:
    field = struct.pack(">H", len(body) + 2 if length is None else length)
    return data[:2] + bytes((0xFF, marker)) + field + body + data[2:]


def turned(form: str, **settings: object) -> bytes:
    """Stored on its side, with the word how to turn it upright."""
    exif = Image.Exif()
    exif[274] = 6
    side = image.transpose(Image.Transpose.ROTATE_90)
    return encoded(form, side, exif=exif, **settings)


def png(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel, all black: next to nothing as a file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = zlib.compress(bytes(1 + (width + 7) // 8) * min(height, 200), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def gif(screen: tuple[int, int], picture: tuple[int, int]) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + b"," + struct.pack("<HHHHB", 0, 0, *picture, 0) + b"\x02\x02\x44\x01\0;"


def tiff(tags: dict[int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(400)


def bmp(width: int, height: int, bits: int, compression: int) -> bytes:
    fields = (40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1100, 0, 0, 1078) + struct.pack("<IiiHHIIiiII", *fields) + bytes(1046)


def small_box(avif: bytes) -> bytes:
    """The same AVIF, whose box states another size than its data."""
    at = avif.index(b"ispe") + 8
    return avif[:at] + struct.pack(">II", 64, 64) + avif[at + 8 :]


def without_sampling_factors(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xc2") + 10
    return b"".join(
        (jpeg[: at + 1], b"\0", jpeg[at + 2 : at + 4], b"\0", jpeg[at + 5 : at + 7], b"\0", jpeg[at + 8 :])
    )


avif_bomb = cv2.imencode(".avif", np.zeros((8000, 8000, 3), np.uint8))[1].tobytes()
base = encoded("JPEG", quality=90)
progressive = encoded("JPEG", quality=90, progressive=True)
lossless = encoded("WEBP", lossless=True)
plain_png, plain_tiff, plain_bmp = encoded("PNG"), encoded("TIFF", compression="tiff_lzw"), encoded("BMP")
hole = base[: len(base) * 4 // 10] + base[len(base) * 8 // 10 :]
bad_sum = bytearray(plain_png)
bad_sum[len(plain_png) // 2] ^= 1

WHOLE = {
    "fill-bytes.jpg": base[:2] + b"\xff\xff\xff" + base[2:],
    "comment-length-too-short.jpg": with_segment(base, 0xFE, bytes(60), 40),
    "bytes-behind-the-end.jpg": base + b"more" * 20,
    "zeros-before-the-end-mark.jpg": base[:-2] + bytes(64) + base[-2:],
    "windows.jfif": base,
    "png-named.jpg": plain_png,
    "avif-named.jpg": encoded("AVIF", quality=90),
    "without-a-suffix": base,
    "progressive.jpe": progressive,
    "cmyk.jpg": encoded("JPEG", image.convert("CMYK"), quality=95),
    "turned.jpg": turned("JPEG", quality=90),
    "turned.png": turned("PNG"),
    "turned.webp": turned("WEBP", quality=90),
    "turned.avif": turned("AVIF", quality=90),
    "palette.png": encoded("PNG", image.quantize(256)),
    "with-alpha.webp": encoded("WEBP", image.convert("RGBA"), quality=90),
    "first-of-several.gif": encoded("GIF", image.quantize(256), save_all=True, append_images=[image]),
    "several-pages.tif": encoded("TIFF", save_all=True, append_images=[image], compression="tiff_lzw"),
    "bytes-behind-the-end.png": plain_png + b"more",
}
DAMAGED = {
    "hole-in-the-middle.jpg": hole,
    "hole-and-odd-comment.jpg": with_segment(hole, 0xFE, bytes(60), 40),
    "cut.jpg": cut(base, 0.6),
    "cut-with-an-end-mark.jpg": cut(base, 0.35, b"\xff\xd9"),
    "cut-and-padded.jpg": cut(base, 0.6) + bytes(900),
    "cut-progressive.jpg": cut(progressive, 0.5, b"\xff\xd9"),
    "cut-behind-a-thumbnail.jpg": cut(with_segment(base, 0xE1, b"Exif\0\0" + base), 0.8),
    "cut.png": cut(plain_png, 0.6),
    "wrong-checksum.png": bytes(bad_sum),
    "cut.webp": cut(lossless, 0.6),
    "lost-sectors.webp": cut(lossless, 0.6) + bytes(len(lossless) - int(len(lossless) * 0.6)),
    "cut.bmp": cut(plain_bmp, 0.6),
    "cut.jp2": cut(encoded("JPEG2000"), 0.6),
}
REFUSED = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"no picture at all", NO_PICTURE),
    "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", NO_PICTURE),
    "cut.tif": (cut(plain_tiff, 0.6), NO_PICTURE),
    "cut.avif": (cut(encoded("AVIF"), 0.6), NO_PICTURE),
    "telephone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC is not read; save it as JPEG"),
    "heic-named.jpg": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC is not read; save it as JPEG"),
    "drawing.svg": (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG is not read"),
    "bomb.png": (png(30000, 30000), TOO_LARGE),
    "wide-bomb.png": (png(1_000_000, 90), TOO_LARGE),
    "bomb-just-below-the-limit.png": (png(10_000, 9_999), TOO_LARGE),
    "bomb.gif": (gif((30000, 30000), (30000, 30000)), TOO_LARGE),
    "bomb-in-a-small-screen.gif": (gif((1, 1), (30000, 30000)), TOO_LARGE),
    "gif-bomb-named.jpg": (gif((30000, 30000), (30000, 30000)), TOO_LARGE),
    "bomb.bmp": (bmp(60000, -60000, 8, 1), TOO_LARGE),
    "bomb.tif": (tiff({256: 30000, 257: 30000, 258: 8, 259: 1, 273: 200, 277: 1, 279: 9}), TOO_LARGE),
    "tile-bomb.tif": (
        tiff({256: 16, 257: 16, 258: 8, 277: 1, 322: 65520, 323: 65520, 324: 200, 325: 9}),
        TOO_LARGE,
    ),
    "bomb.ppm": (b"P6\n# a comment\n60000 60000\n255\n", TOO_LARGE),
    "bomb.webp": (
        b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\x3f\0\xff\x3f\0",
        TOO_LARGE,
    ),
    "bomb.avif": (avif_bomb, TOO_LARGE),
    "bomb-behind-a-small-box.avif": (small_box(avif_bomb), TOO_LARGE),
    "no-sampling-factors.jpg": (without_sampling_factors(progressive), NO_PICTURE),
    "bomb.jp2": (cv2.imencode(".jp2", np.zeros((6000, 6000, 3), np.uint8))[1].tobytes(), TOO_LARGE),
}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / "upright.png").write_bytes(plain_png)
    answers = {"upright.png": "upright"}
    entries = [(name, data, "upright") for name, data in WHOLE.items()]
    entries += [(name, data, MISSING) for name, data in DAMAGED.items()]
    entries += [(name, data, words) for name, (data, words) in REFUSED.items()]
    for name, data, answer in entries:
        (OUT / name).write_bytes(data)
        answers[name] = answer
    (OUT / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
