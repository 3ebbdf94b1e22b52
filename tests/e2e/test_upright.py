"""A portrait that lies on its side or stands on its top: the line that refuses it, or warns of it, says how to turn it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from clips import disc, face, moving_face, write_clip
from fake_method import write_fake_method
from reenact.cli import run
from reenact.core.errors import NoFaceError
from reenact.faces import portrait
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import find_face, find_faces
from reenact.faces.upright import no_face
from reenact.runtime.onnx_method import load
from reenact.serve import portraits
from reenact.serve.portraits import Portraits


@pytest.fixture(scope="module")
def landmarker() -> Landmarker:
    return Landmarker(1)


def on_its_top() -> np.ndarray:
    return np.ascontiguousarray(face()[::-1, ::-1])


def test_one_upside_down_is_told_to_be_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    PILImage.fromarray(on_its_top()).save(tmp_path / "top.png")
    clip, fake = write_clip(tmp_path / "clip.mp4", moving_face(2)), write_fake_method(tmp_path / "fake")
    animate = ["animate", str(tmp_path / "top.png"), str(clip), "-o", str(tmp_path / "o.mp4"), "--method", str(fake)]
    for command, code in ((["faces", str(tmp_path / "top.png")], 0), (animate, 2)):
        assert run(command) == code
        assert "is upside down: turn the photo by 180 degrees" in capsys.readouterr().err


def test_so_it_is_where_something_doubtful_was_found(landmarker: Landmarker, monkeypatch: pytest.MonkeyPatch):
    found = landmarker.detect(disc())
    monkeypatch.setattr(portrait, "_sought", lambda *_: (found, False))
    with pytest.raises(NoFaceError, match="upside down"):
        find_faces(on_its_top(), landmarker)
    with pytest.raises(NoFaceError, match="looks like no face: choose another photo"):
        find_faces(disc(), landmarker)


def test_the_live_page_is_told_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(portraits, "faces_of", lambda *_: [])
    sent = io.BytesIO()
    PILImage.fromarray(on_its_top()).save(sent, "PNG")
    with pytest.raises(NoFaceError, match="upside down"):
        Portraits(256, 1).add(sent.getvalue(), 1, None)


@pytest.mark.parametrize(("turns", "way"), [(1, "clockwise"), (3, "counter-clockwise")])
def test_one_on_its_side_is_animated_with_a_warning(turns: int, way: str, landmarker: Landmarker, tmp_path: Path):
    lying = np.ascontiguousarray(np.rot90(face(), turns))
    assert f"lies on its side: turn the photo by 90 degrees {way}" in str(no_face(lying, landmarker))
    method = load(str(write_fake_method(tmp_path / "fake")), "cpu")
    with pytest.warns(UserWarning, match=f"lies on its side: turn the photo by 90 degrees {way} if"):
        method.encode_face(lying, find_face(lying, landmarker))
