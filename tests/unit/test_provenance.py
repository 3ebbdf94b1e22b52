"""What says that a picture was drawn is there when its name is, is found again, and is found in nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from marked import FILMS, HEAD, PICTURES, RENDERED, written
from places import EXAMPLES
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Placement
from reenact.evaluate.watermark import alarms, encoded, resized
from reenact.faces.crop import cut, paste, soft_mask
from reenact.media.image import read_image
from reenact.media.video import VideoReader
from reenact.provenance.badge import with_badge
from reenact.provenance.label import read_label
from reenact.provenance.marks import NO_MARKS, Marks
from reenact.provenance.search import about, find, whole
from reenact.provenance.watermark import LOOK, STRENGTH, mark, pattern


@pytest.fixture(scope="module")
def portrait() -> Image:
    """A head of the public domain, 256 px."""
    return cut(read_image(EXAMPLES / "portrait.jpg"), HEAD)


@pytest.fixture(scope="module")
def heads() -> list[Image]:
    """A rendered head that moves, 20 frames of 256 px."""
    with VideoReader(EXAMPLES / "driving.mp4") as reader:
        return [cut(frame.image, RENDERED) for frame, _ in zip(reader, range(20), strict=False)]


def look(frames: list[Image]) -> float:
    """z at the whole picture or near it."""
    height, width = frames[0].shape[:2]
    return find(frames[::4], [whole(width, height)]).z


@pytest.mark.parametrize("suffix", [*PICTURES, *FILMS])
def test_every_kind_carries_its_label(suffix: str, heads: list[Image], tmp_path: Path) -> None:
    path = written(tmp_path / f"out{suffix}", heads[:3], Marks(sign=False))
    kind, tool = read_label(path) or ("", "")
    assert kind == "compositeWithTrainedAlgorithmicMedia" and tool.startswith("reenact ")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    plain = written(tmp_path / f"plain{suffix}", heads[:3], NO_MARKS)
    assert read_label(plain) is None
    if suffix in PICTURES:
        assert np.array_equal(read_image(path), read_image(written(path, [mark(heads[0])], Marks(watermark=False, sign=False))))
    else:
        with VideoReader(path) as reader:
            assert sum(1 for _ in reader) == 3


@pytest.mark.parametrize("picture", [np.zeros((128, 96, 3), np.uint8), np.zeros((128, 128, 3), np.float32), "head.png"])
def test_what_cannot_be_marked_is_one_line(picture: object):
    with pytest.raises(ReenactError, match="square|a picture must be"):
        mark(picture)  # type: ignore[arg-type]


def test_what_cannot_be_labelled_is_told_apart(tmp_path: Path) -> None:
    broken = {"a.png": b"\x89PNG cut", "b.mp4": b"\x00\x00\x00\x08ftyp\x00\x00\x00\x04", "c.txt": b"text", "d": b""}
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        assert read_label(tmp_path / name) is None


def test_the_mark_is_faint_and_the_same_at_every_size(portrait: Image) -> None:
    for side in (128, 256, 300, 512):
        image = np.asarray(PILImage.fromarray(portrait).resize((side, side), PILImage.Resampling.LANCZOS))
        before = image.copy()
        marked = mark(image)
        error = np.square(marked.astype(float) - image).mean()
        assert np.array_equal(image, before) and marked.shape == image.shape and marked.dtype == np.uint8
        assert 10 * np.log10(255**2 / error) > 42 and error < STRENGTH**2
        assert look([marked]) > 12 > 6 > look([image])


def test_walls_and_the_dark_stay_clean() -> None:
    ramp = np.repeat(np.linspace(60, 200, 256)[None, :, None], 256, 0).repeat(3, 2).astype(np.uint8)
    black = np.full((256, 256, 3), 4, np.uint8)
    for image in (ramp, black):
        assert np.abs(mark(image).astype(int) - image).max() <= 1


def test_the_pattern_is_the_published_one() -> None:
    small, large = pattern(LOOK), pattern(256)
    assert np.isclose(np.square(small).mean(), 1) and abs(small.mean()) < 1e-9
    assert np.allclose(small[0, :4], [-1.04360283, -0.13810608, 0.13939932, 0.02689353], atol=1e-6)
    assert np.corrcoef(large.reshape(LOOK, 2, LOOK, 2).mean((1, 3)).ravel(), small.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(("crf", "side", "least"), [(23, None, 11), (28, None, 7), (33, None, 4.5), (28, 128, 3)])
def test_it_survives_x264(crf: int, side: int | None, least: float, heads: list[Image]) -> None:
    film = encoded([mark(head) for head in heads], 16, "veryfast")[0]
    assert look(encoded(film if side is None else resized(film, side / 256), crf)[0]) > least


def test_it_survives_cropping_and_scaling(heads: list[Image]) -> None:
    marked = encoded([mark(head) for head in heads[:20]], 16)[0]
    assert look([frame[10:-3, 6:-7] for frame in marked]) > 15
    assert look(encoded([frame[8:-4, 6:-6] for frame in marked], 28)[0]) > 6


def test_it_is_found_in_a_photo_and_only_there() -> None:
    photo = read_image(EXAMPLES / "portrait.jpg")
    pasted = paste(photo, mark(cut(photo, HEAD)), HEAD, soft_mask(256))
    guess = about(Placement(HEAD.centre_x + 11, HEAD.centre_y - 9, 0.88 * HEAD.side))
    found = find([pasted], [whole(*pasted.shape[1::-1]), guess])
    assert found.found and found.z > 9 and found.place is not None
    assert abs(found.place.centre_x - HEAD.centre_x) < 2 and abs(found.place.side / HEAD.side - 1) < 0.02
    assert not find([photo], [whole(*photo.shape[1::-1]), guess]).found


def unmarked() -> list[Image]:
    """Pictures that nobody marked."""
    with VideoReader(EXAMPLES / "driving.mp4") as reader:
        return [read_image(EXAMPLES / "portrait.jpg"), *(frame.image for number, frame in enumerate(reader) if number % 20 == 0)]


def test_no_false_alarm_in_two_thousand_looks() -> None:
    seen = alarms(unmarked(), 2000, 1)
    assert seen["alarms"] == 0 and 0.8 < seen["deviation"] < 1.2


@pytest.mark.slow
def test_no_false_alarm_in_a_hundred_thousand_looks() -> None:
    seen = alarms(unmarked(), 100_000, 2)
    assert seen["alarms"] == 0 and 0.9 < seen["deviation"] < 1.1


def test_who_measures_gets_the_frames_as_they_are(portrait: Image, tmp_path: Path) -> None:
    path = written(tmp_path / "plain.png", [portrait], NO_MARKS)
    assert np.array_equal(read_image(path), portrait)


def test_the_badge_is_seen_in_its_corner_only(portrait: Image) -> None:
    shown = with_badge(portrait)
    changed = np.argwhere((shown != portrait).any(2))
    assert len(changed) > 300 and changed.min(0)[0] > 200 and changed.min(0)[1] > 128
    tiny = np.zeros((20, 20, 3), np.uint8)
    assert np.array_equal(with_badge(tiny), tiny)
