"""Writes a folder of image files that programs choke on: `python scripts/nasty_files.py OUT`.

The files are the same each time. What a file's name begins with says what is right: `good` ones are restored, `bad`
ones are refused with one sentence that names them, and of `odd` ones (damaged, but perhaps legible) either is right.
"""

import io
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

Named = Iterator[tuple[str, bytes]]

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP"}
UNICODE_NAMES = ("größe 日本語 😀", "new\nline", "[bold]brackets[red]", "per%cent {brace}", "-o", "quote'\"", "n" * 200)


def noise(height: int = 24, width: int = 20, channels: int = 3, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return values[..., 0] if channels == 1 else values


def encoded(image: Image.Image | np.ndarray, ending: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, ENDINGS.get(ending, ending), **options)
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))


def png(width: int, height: int, pixels: bytes, bits: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zero bytes, deflated."""
    deflate, block = zlib.compressobj(9), bytes(1 << 20)
    parts = [deflate.compress(block[: min(len(block), count - start)]) for start in range(0, count, len(block))]
    return b"".join(parts) + deflate.flush()


def tiff(tags: dict[int, object], pixels: bytes) -> bytes:
    """A TIFF whose tags say what they like; one strip, deflated."""
    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    standard = {256: 8, 257: 8, 258: (8, 8, 8), 259: 8, 262: 2, 273: 0, 277: 3, 278: 1 << 20, 279: len(pixels)}
    for tag, value in (standard | tags).items():
        directory[tag] = value
    return b"II*\0" + struct.pack("<L", 8) + directory.tobytes(8) + pixels


def exif(**tags: object) -> bytes:
    block = Image.Exif()
    for tag, value in tags.items():
        block[int(tag.removeprefix("t"))] = value
    return block.tobytes()


def not_images() -> Named:
    for ending in ENDINGS:
        yield f"bad-empty{ending}", b""
        yield f"bad-text{ending}", b"this is no image at all\n" * 20
        yield f"bad-zeros{ending}", bytes(500)
    yield "bad-html.jpg", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "bad-svg.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    yield "bad-gif.png", encoded(noise(), "GIF")
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    yield "bad-gif-animation.webp", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "bad-heic.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    yield "bad-avif.jpg", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200)
    yield "bad-photoshop.tif", b"8BPS\0\1" + bytes(100)
    yield "bad-pdf.png", b"%PDF-1.7\n" + bytes(100)
    yield "bad-zip.png", b"PK\x03\x04" + bytes(100)
    yield "bad-signature-only.png", b"\x89PNG\r\n\x1a\n"
    yield "bad-start-only.jpg", b"\xff\xd8\xff"
    yield "good-jpeg-named-png.png", encoded(noise(), ".jpg")
    yield "good-png-named-jpg.jpg", encoded(noise(), ".png")
    for name in ("png", "webp", "tif"):
        format_name = ENDINGS[f".{name}"]
        yield f"bad-pages.{name}", encoded(frames[0], format_name, save_all=True, append_images=frames[1:])


def truncated() -> Named:
    for ending in ENDINGS:
        content = encoded(noise(64, 64), ending)
        for share in (0.1, 0.5, 0.9):
            yield f"bad-truncated-{share}{ending}", content[: int(len(content) * share)]
        yield f"odd-last-byte-missing{ending}", content[:-1]
        yield f"odd-trailing-bytes{ending}", content + b"more" * 50
        broken = bytearray(content)
        broken[len(broken) // 2 :: 7] = b"\x55" * len(broken[len(broken) // 2 :: 7])
        yield f"odd-overwritten{ending}", bytes(broken)


def bombs() -> Named:
    yield "bad-bomb-bits.png", png(19_999, 19_999, zeros(2501 * 19_999), bits=1, colour=0)
    yield "bad-bomb-claimed.png", png(19_999, 19_999, zeros(10_000))
    yield "bad-bomb-huge.png", png(2**31 - 1, 2**31 - 1, zeros(10_000))
    yield "bad-bomb-deep.png", png(15_000, 15_000, zeros(10_000), bits=16)
    yield "bad-bomb-deep-whole.png", png(5200, 5200, zeros((8 * 5200 + 1) * 5200), bits=16, colour=6)
    bomb = zeros(100 << 20)
    pixels = zeros(3 * 8 * 8 + 8)
    yield "odd-bomb-profile.png", png(8, 8, pixels, extra=chunk(b"iCCP", b"x\0\0" + bomb))
    yield "odd-bomb-text.png", png(8, 8, pixels, extra=chunk(b"zTXt", b"x\0\0" + bomb))
    yield "odd-bomb-many-texts.png", png(8, 8, pixels, extra=chunk(b"zTXt", b"x\0\0" + zeros(1 << 20)) * 90)
    yield "odd-bomb-xmp.png", png(8, 8, pixels, extra=chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))
    yield "bad-bomb.tif", tiff({256: 19_999, 257: 19_999, 258: 1, 262: 0, 277: 1, 278: 19_999}, zeros(2500 * 19_999))
    yield "bad-bomb-deep.tif", tiff({256: 19_999, 257: 19_999, 258: (16, 16, 16)}, zeros(10_000))
    webp = bytearray(encoded(Image.new("RGB", (16, 16), (9, 9, 9)), ".webp", lossless=True))
    webp[21:25] = struct.pack("<L", 16_382 | 16_382 << 14)
    yield "bad-bomb.webp", bytes(webp)
    jpeg = bytearray(encoded(noise(), ".jpg", progressive=True))
    at = jpeg.index(b"\xff\xc2") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 19_999, 19_999)
    yield "bad-bomb.jpg", bytes(jpeg)
    bmp = bytearray(encoded(noise(), ".bmp"))
    bmp[18:26] = struct.pack("<ll", 19_999, 19_999)
    yield "bad-bomb.bmp", bytes(bmp)


def modes() -> Named:
    grey, colours = Image.fromarray(noise(channels=1)), Image.fromarray(noise())
    for ending in ENDINGS:
        yield f"good-one-pixel{ending}", encoded(noise(1, 1), ending)
    for ending in (".png", ".jpg"):
        yield f"good-1x20000{ending}", encoded(noise(20_000, 1), ending)
        yield f"good-20000x1{ending}", encoded(noise(1, 20_000), ending)
    for ending in (".jpg", ".tif"):
        yield f"good-cmyk{ending}", encoded(colours.convert("CMYK"), ending)
    yield "good-palette-alpha.png", encoded(Image.fromarray(noise(channels=4)).quantize(9), ".png")
    yield "good-palette.bmp", encoded(colours.quantize(9), ".bmp")
    yield "good-bits.png", encoded(grey.convert("1"), ".png")
    yield "good-bits-fax.tif", encoded(grey.convert("1"), ".tif", compression="group4")
    yield "good-grey-alpha.png", encoded(grey.convert("LA"), ".png")
    yield "good-key.png", encoded(colours, ".png", transparency=(1, 2, 3))
    yield "good-interlaced.png", png(1, 1, zeros(4), extra=b"")[:28] + b"\1" + _crc_again(png(1, 1, zeros(4)))
    for ending in (".png", ".tif"):
        yield f"good-deep-grey{ending}", encoded(noise(channels=1).astype(np.uint16) * 257, ending)
    big_endian = Image.fromarray(noise(channels=1).astype(">u2"))
    yield "good-deep-big-endian.tif", encoded(big_endian, ".tif")
    for name, value in (("float", 0.5), ("nan", np.nan), ("infinite", np.inf)):
        yield f"bad-{name}.tif", encoded(np.full((8, 8), value, np.float32), ".tif")
    yield "bad-32-bit.tif", encoded(noise(channels=1).astype(np.int32), ".tif")
    yield "bad-signed.tif", tiff({258: 16, 262: 1, 277: 1, 339: 2}, zeros(128))
    yield "odd-lab.tif", encoded(colours.convert("LAB"), ".tif")
    yield "odd-five-channels.tif", tiff({258: (8,) * 5, 277: 5, 338: (0, 0)}, zeros(320))


def _crc_again(content: bytes) -> bytes:
    """What follows the first chunk's last byte in a PNG, that byte set to 1."""
    return struct.pack(">L", zlib.crc32(content[12:28] + b"\1")) + content[33:]


def metadata() -> Named:
    for orientation in (0, 6, 9, 60_000):
        yield f"good-orientation-{orientation}.jpg", encoded(noise(), ".jpg", exif=exif(t274=orientation))
    text = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0six\0\0\0\0\0"
    yield "odd-orientation-text.jpg", encoded(noise(), ".jpg", exif=text)
    yield "odd-exif-garbage.jpg", encoded(noise(), ".jpg", exif=b"Exif\0\0MM\0*\0\0\0\xff" + b"\xff" * 40)
    yield "odd-exif-loop.png", encoded(noise(), ".png", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0")
    yield "good-exif-60-kb.jpg", encoded(noise(), ".jpg", exif=exif(t270="x" * 60_000))
    yield "good-exif-5-mb.png", encoded(noise(), ".png", exif=exif(t270="x" * 5_000_000))
    segments = b"\xff\xe1\xff\xffExif\0\0" + b"\x77" * 65_527
    content = encoded(noise(), ".jpg")
    yield "odd-exif-many-segments.jpg", content[:2] + segments * 40 + content[2:]
    for ending in (".png", ".jpg", ".webp", ".tif"):
        yield f"good-bad-profile{ending}", encoded(noise(), ending, icc_profile=b"no profile " * 30)
    profile = encoded(Image.fromarray(noise()).convert("CMYK"), ".jpg", icc_profile=b"no profile " * 30)
    yield "good-bad-profile-cmyk.jpg", profile
    yield "good-long-profile.png", png(8, 8, zeros(200), extra=chunk(b"iCCP", b"x\0\0" + zeros(3 << 20)))
    yield "odd-xmp-not-utf8.png", png(8, 8, zeros(200), extra=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0\xff\xfe"))
    yield "odd-resolution-zero.jpg", encoded(noise(), ".jpg", exif=exif(t282=0, t283=0, t296=2))


def wrong_insides() -> Named:
    pixels = zeros(3 * 8 * 8 + 8)
    good = png(8, 8, pixels)
    yield "bad-checksum.png", good[:30] + b"\0" + good[31:]
    yield "odd-no-end.png", good[:-12]
    yield "bad-no-pixels.png", good[:33] + chunk(b"IEND", b"")
    yield "bad-width-0.png", png(0, 8, pixels)
    yield "bad-height-0.png", png(8, 0, pixels)
    yield "bad-3-bits.png", png(8, 8, pixels, bits=3)
    yield "odd-no-palette.png", png(8, 8, zeros(72), colour=3)
    yield "odd-endless-chunk.png", good[:33] + b"\xff\xff\xff\xffIDAT" + good[41:]
    yield "odd-few-pixels.png", png(8, 8, zeros(50))
    yield "odd-not-deflated.png", png(8, 8, b"\x55" * 90)
    jpeg = encoded(noise(), ".jpg")
    for name, marker in (("tables", 0xDB), ("codes", 0xC4), ("frame", 0xC0), ("scan", 0xDA)):
        at = jpeg.index(bytes((0xFF, marker)))
        yield f"odd-no-{name}.jpg", jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]
    frame = jpeg.index(b"\xff\xc0")
    yield "bad-height-0.jpg", jpeg[: frame + 5] + b"\0\0" + jpeg[frame + 7 :]
    yield "bad-12-bits.jpg", jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :]
    yield "bad-directory-far-away.tif", b"II*\0\xff\xff\xff\x7f" + bytes(50)
    yield "bad-directory-in-circles.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    yield "bad-many-tags.tif", b"II*\0\x08\0\0\0\xff\xff" + bytes(60)
    yield "bad-strip-far-away.tif", tiff({279: 2**31 - 1}, pixels)
    yield "bad-unknown-compression.tif", tiff({259: 60_000}, pixels)
    yield "bad-width-0.tif", tiff({256: 0}, pixels)
    yield "bad-64-bits.tif", tiff({258: (64, 64, 64)}, pixels)
    yield "bad-no-frame.webp", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10)
    webp = encoded(noise(), ".webp")
    yield "odd-wrong-length.webp", webp[:4] + b"\xff\xff\xff\x7f" + webp[8:]
    bmp = encoded(noise(), ".bmp")
    yield "odd-upside-down.bmp", bmp[:22] + struct.pack("<l", -24) + bmp[26:]
    yield "bad-99-bits.bmp", bmp[:28] + b"\x63\0" + bmp[30:]


def write(folder: Path) -> None:
    """Fill a folder, which is made; links, pipes and permissions are left out where the system has none."""
    folder.mkdir(parents=True, exist_ok=True)
    for group in (not_images, truncated, bombs, modes, metadata, wrong_insides):
        for name, content in group():
            (folder / name).write_bytes(content)
    for name in UNICODE_NAMES:
        (folder / f"{name} good.png").write_bytes(encoded(noise(), ".png"))
        (folder / f"{name} bad.png").write_bytes(b"no image")
    with suppress(OSError):  # not every file system has names that are no text
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe good.png")).write_bytes(encoded(noise(), ".png"))
    (folder / "folder.png").mkdir(exist_ok=True)
    for name, target in (("loop.png", "loop.png"), ("broken-link.png", "nowhere.png")):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    if hasattr(os, "mkfifo") and not (folder / "pipe.png").exists():
        os.mkfifo(folder / "pipe.png")
    locked = folder / "odd-locked.png"  # an administrator reads it nevertheless
    locked.unlink(missing_ok=True)
    locked.write_bytes(encoded(noise(), ".png"))
    locked.chmod(0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/nasty_files.py OUT")
    write(Path(sys.argv[1]))
