"""Photos as cameras and editors save them: colours and sides as a viewer shows them, memory within bounds, damage in a line."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms, ImageOps

from clips import face
from heic import write_tiled_heic
from places import SOURCE
from reenact.core.errors import ReenactError
from reenact.media import image as image_module
from reenact.media.image import decode_image, read_image


def wide_gamut() -> bytes:
    """An ICC profile with the primaries of Display P3 and the curve of sRGB, made of LittleCMS's own sRGB profile."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # s15Fixed16 colorants of Display P3, D50 adapted (ICC registry: Display P3)
    colorants = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(count):
        at = 132 + 12 * entry
        name, place = bytes(profile[at : at + 4]), int.from_bytes(profile[at + 4 : at + 8], "big")
        for i, value in enumerate(colorants.get(name, ())):
            profile[place + 8 + 4 * i : place + 12 + 4 * i] = round(value * 65536).to_bytes(4, "big", signed=True)
    return bytes(profile)


def test_display_p3_becomes_srgb(tmp_path: Path) -> None:
    """Of these pixels Display P3 means a redder, more saturated colour than sRGB does."""
    PILImage.new("RGB", (16, 16), (196, 104, 67)).save(tmp_path / "p3.png", icc_profile=wide_gamut())
    red, green, blue = read_image(tmp_path / "p3.png")[0, 0].astype(int)
    # by the two spaces' matrices and the curve of IEC 61966-2-1
    assert abs(red - 210) <= 1 and abs(green - 98) <= 1 and abs(blue - 56) <= 1


@pytest.mark.parametrize("profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"damaged" * 40])
def test_srgb_and_damaged_profiles_leave_every_pixel(profile: bytes, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    PILImage.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)


@pytest.mark.parametrize("orientation", range(10))
def test_each_orientation_is_that_of_viewers(orientation: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    picture = PILImage.fromarray(pixels)
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    with PILImage.open(tmp_path / "a.png") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)


MODES = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"]


@pytest.mark.parametrize("mode", MODES)
def test_large_photos_are_reduced_in_strips_as_in_one_piece(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.add.outer(np.arange(90), np.arange(120)).astype(np.uint8)
    picture = PILImage.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], -1))
    picture = PILImage.fromarray(ramp.astype(np.uint16) * 200) if mode == "I;16" else picture.convert(mode)
    name = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture.save(name)
    whole = read_image(name).astype(int)
    monkeypatch.setattr(image_module, "PIXELS_MAX", 90 * 120 // 4 + 10)
    monkeypatch.setattr("reenact.media.pixels.STRIP", 7)
    with pytest.warns(UserWarning, match="1/2 of its width"):
        reduced = read_image(name)
    means = whole.reshape(45, 2, 60, 2, 3).mean((1, 3))
    assert reduced.shape == (45, 60, 3) and np.abs(reduced - means).max() <= 1.5


def test_a_jpeg_is_reduced_by_its_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PILImage.new("RGB", (401, 301), (200, 100, 50)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(image_module, "PIXELS_MAX", 401 * 301 // 9)
    with pytest.warns(UserWarning, match="1/4|1/3"):
        image = read_image(tmp_path / "a.jpg")
    assert image.shape[0] * image.shape[1] <= 401 * 301 // 9 and np.abs(image.astype(int) - (200, 100, 50)).max() <= 3


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims this size and holds next to nothing."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(13_000, 13_000), (200_000, 1_000), (2**31 - 1, 2**31 - 1)])
def test_beyond_the_bound_is_one_line_at_once(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_of_size(*size))
    with pytest.raises(ReenactError, match="too large; scale it to 160 megapixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "PSD"])
def test_mutated_photos_are_a_picture_or_one_line(kind: str, tmp_path: Path) -> None:
    PILImage.init()
    if kind not in PILImage.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    held = io.BytesIO()
    PILImage.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)).save(held, kind)
    rnd = random.Random(kind)
    for _ in range(40):
        data = bytearray(held.getvalue())
        for _ in range(rnd.choice([1, 4, 30])):
            data[rnd.randrange(min(len(data), rnd.choice([60, 10**6])))] = rnd.randrange(256)
        (tmp_path / "bad.bin").write_bytes(data[: rnd.choice([len(data), len(data) // 2])])
        try:
            image = read_image(tmp_path / "bad.bin")
            assert image.ndim == 3 and image.dtype == np.uint8
        except ReenactError as error:
            assert "\n" not in str(error)


def test_what_would_start_another_program_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(ReenactError, match="not a photo"):
        read_image(tmp_path / "a.eps")


PEAK = """
import sys
from reenact.media.image import decode_image, read_image
image = read_image(sys.argv[1])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(image.shape[0] * image.shape[1], int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("name", "mode", "size"), [
    ("alpha.png", "RGBA", (12_000, 12_000)), ("tall.jpg", "RGB", (2_400, 60_000)), ("progressive.jpg", "RGB", (12_000, 12_000)),
])  # fmt: skip
def test_the_largest_photos_within_a_gigabyte(name: str, mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    options = {"progressive": True} if name.startswith("prog") else {}
    PILImage.new(mode, size, 99).save(tmp_path / name, **options)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PEAK, str(tmp_path / name)], capture_output=True, text=True,
                          env={"PYTHONPATH": SOURCE}, timeout=300, check=True)  # fmt: skip
    pixels, megabytes = map(int, done.stdout.split())
    assert pixels <= 40_000_000 and megabytes <= 1000


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_phones_tiled_heic_is_read_whole_and_upright(turns: int, tmp_path: Path) -> None:
    image = face(200)[:, :150]
    heic = write_tiled_heic(tmp_path / "phone.heic", np.ascontiguousarray(np.rot90(image, -turns)), turns=turns)
    for read in (read_image(heic), decode_image(heic.read_bytes())):
        assert read.shape == image.shape and np.abs(read.astype(int) - image).mean() < 4
    with pytest.raises(ReenactError, match="too large"):
        decode_image(heic.read_bytes(), pixels=200 * 150 - 1)


def test_a_damaged_heic_is_one_line(tmp_path: Path) -> None:
    data = write_tiled_heic(tmp_path / "phone.heic", face(128)).read_bytes()
    for damaged in (data[:300], data[:500] + bytes(len(data) - 500)):
        (tmp_path / "bad.heic").write_bytes(damaged)
        with pytest.raises(ReenactError, match="HEIC photo that cannot be read"):
            read_image(tmp_path / "bad.heic")
