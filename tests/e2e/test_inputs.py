"""A video as the portrait, a picture as the driver, a video that lies on its side: done, and said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageFilter, features

from clips import face, moving_face, read_clip, scenery, write_clip
from fake_method import write_fake_method
from media_clips import make_clip
from reenact.core.errors import ReenactError
from reenact.core.types import Method
from reenact.faces.landmarker import Landmarker
from reenact.media.image import is_still, read_image
from reenact.media.video import VideoReader
from reenact.pipeline import inputs
from reenact.pipeline.animate import animate, animate_file
from reenact.pipeline.calls import encode_file
from reenact.pipeline.editing import Edit, edit_file
from reenact.pipeline.heads import crops
from reenact.pipeline.inputs import read_portrait
from reenact.pipeline.options import Clip
from reenact.pipeline.record import record_file
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import load


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_fake_method(tmp_path_factory.mktemp("fake")))


def test_of_a_video_the_sharpest_frame_is_the_portrait(tmp_path: Path) -> None:
    sharp = face()
    soft = np.asarray(PILImage.fromarray(sharp).filter(ImageFilter.GaussianBlur(4)))
    write_clip(tmp_path / "clip.mp4", [scenery(256, 256), soft, soft, sharp, soft])
    with pytest.warns(UserWarning, match="its frame at 0.12 s"):
        chosen = read_portrait(tmp_path / "clip.mp4")
    with VideoReader(tmp_path / "clip.mp4") as reader:
        assert np.array_equal(chosen, [frame.image for frame in reader][3])


def test_a_portrait_is_looked_for_with_as_many_threads_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(inputs, "Landmarker", lambda threads: asked.append(threads) or Landmarker(threads))
    write_clip(tmp_path / "clip.mp4", [face()])
    engine = Engine(str(write_fake_method(tmp_path / "fake")), "cpu", 3)
    with pytest.warns(UserWarning, match="its frame at"):
        edit_file(tmp_path / "clip.mp4", tmp_path / "o.png", Edit(yaw=0.1), engine=engine)
    assert asked == [3]


def test_a_video_without_a_face_is_no_portrait(tmp_path: Path) -> None:
    write_clip(tmp_path / "sea.mp4", [scenery()] * 3)
    with pytest.raises(ReenactError, match="no face found in this video"):
        read_portrait(tmp_path / "sea.mp4")


def test_what_is_neither_keeps_the_photo_s_line(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture\n" * 50)
    with pytest.raises(ReenactError, match="not a photo"):
        read_portrait(tmp_path / "text.jpg")


def test_a_photo_is_read_as_it_is(tmp_path: Path) -> None:
    PILImage.fromarray(face()).save(tmp_path / "a.png")
    assert np.array_equal(read_portrait(tmp_path / "a.png"), read_image(tmp_path / "a.png"))


def test_pictures_and_films_are_told_apart(tmp_path: Path) -> None:
    frames = [PILImage.fromarray(image) for image in moving_face(3, 64)]
    for name in ("a.png", "a.jpg", "a.webp", "a.gif"):
        frames[0].save(tmp_path / name)
        assert is_still(tmp_path / name)
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    assert is_still(tmp_path / "pages.tif"), "a scan's pages, a photo with its thumbnail"
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    write_clip(tmp_path / "clip.mp4", moving_face(2, 64))
    for codec, name in (("mpeg1video", "raw.m1v"), ("mpeg2video", "raw.m2v")):
        make_clip(tmp_path / name, [Fraction(k, 25) for k in range(3)], Fraction(25), codec=codec)
        assert not is_still(tmp_path / name), "Pillow knows their beginning, and decodes no picture of them"
    assert not is_still(tmp_path / "film.gif") and not is_still(tmp_path / "clip.mp4")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_an_animated_avif_is_a_film(tmp_path: Path) -> None:
    """It holds a still beside the film, for those who show one picture."""
    frames = [PILImage.fromarray(image) for image in moving_face(3, 64)]
    frames[0].save(tmp_path / "film.avif", save_all=True, append_images=frames[1:], duration=40)
    assert not is_still(tmp_path / "film.avif")
    with VideoReader(tmp_path / "film.avif") as reader:
        assert (reader.rate, len(list(reader))) == (25, 3)


def test_a_picture_drives_toward_its_face(fake: str, tmp_path: Path) -> None:
    PILImage.fromarray(face()).save(tmp_path / "a.png")
    PILImage.fromarray((face() // 2 + 100).astype(np.uint8)).save(tmp_path / "b.jpg")
    engine = Engine(fake, "cpu", 0, "moved", 256)
    with pytest.warns(UserWarning, match="is a picture"):
        report = animate_file(tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "out.mp4", engine=engine, clip=Clip(fps=5))
    assert report.frames == 20 and read_clip(tmp_path / "out.mp4")[0] == 20
    with VideoReader(tmp_path / "out.mp4") as reader:
        level = [float(frame.image.mean()) for frame in reader]
    assert level[-1] - level[0] > 10 and abs(level[-1] - level[-5]) < 2


def test_a_take_or_a_call_of_a_picture_says_what_it_holds(fake: str, tmp_path: Path) -> None:
    PILImage.fromarray(face()).save(tmp_path / "a.png")
    engine = Engine(fake, "cpu", 1)
    for clip, seconds in ((Clip(), 4), (Clip(Fraction(1), Fraction(2)), 1), (Clip(end=Fraction(9)), 4)):
        with pytest.warns(UserWarning, match="a.png is a picture: the take holds its one face, still"):
            take = record_file(tmp_path / "a.png", tmp_path / "t.npz", engine=engine, clip=clip)
        assert len(take) == seconds * take.rate
    with pytest.warns(UserWarning, match="a.png is a picture: the call holds its one face"):
        encode_file(tmp_path / "a.png", tmp_path / "k.rnct", engine=engine)


def test_a_picture_drives_any_method_of_the_protocol(fake: str, tmp_path: Path) -> None:
    """One that knows crops only, and no photo."""
    whole = load(fake, "cpu")
    names = ("name", "size", "folder", "config", "code_size", "fingerprint", "threads", "encode_crop", "encode_motion", "render")
    plain = SimpleNamespace(**{name: getattr(whole, name) for name in names})
    assert isinstance(plain, Method)
    PILImage.fromarray(face()).save(tmp_path / "a.png")
    pictures = list(animate(plain.encode_crop(face()), tmp_path / "a.png", method=plain))
    assert len(pictures) == 100 and pictures[-1].shape == (256, 256, 3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_head_that_lies_or_stands_on_its_top_is_turned_upright(turns: int) -> None:
    frames = moving_face(3)
    lying = [np.ascontiguousarray(np.rot90(image, -turns)) for image in frames]
    landmarker = Landmarker(1)
    upright = list(crops(enumerate(frames), landmarker, 256))
    with pytest.warns(UserWarning, match="turned upright"):
        found = list(crops(enumerate(lying), landmarker, 256))
    for (_, one), (_, other) in zip(upright, found, strict=True):
        assert one is not None and other is not None and np.abs(one.astype(int) - other).mean() < 3
