"""`reenact faces`: how many faces, and which number is whose."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import reenact
from clips import face, scenery
from reenact.cli import run
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import find_face


def test_faces_are_counted_and_numbered(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    photo = np.full((320, 560, 3), 128, np.uint8)
    photo[60:260, :200], photo[:, 240:] = face(200), face(320)
    PILImage.fromarray(photo).save(tmp_path / "two.png")
    assert run(["faces", str(tmp_path / "two.png"), "-o", str(tmp_path / "numbered.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["1", "2"]
    first, second = (int(line.split("around ")[1].split(",")[0]) for line in lines)
    assert second < 200 < 240 < first, "the larger one is number 1"
    shown = reenact.read_image(tmp_path / "numbered.png")
    changed = (shown != photo).any(2)
    assert changed[:, :220].any() and changed[:, 240:].any() and changed.mean() < 0.3


def test_a_head_a_third_as_large_is_found_and_counted_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The detector's first view sees the large one alone."""
    photo = np.full((640, 900, 3), 128, np.uint8)
    photo[:, :640], photo[60:210, 700:850] = face(640), face(150)
    PILImage.fromarray(photo).save(tmp_path / "two.png")
    landmarker = Landmarker(1)
    assert len(landmarker.detect(photo)) == 1 and len(landmarker.detect_all(photo)) == 2
    assert run(["faces", str(tmp_path / "two.png")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert find_face(photo, landmarker, 1).box[0] < 640 < find_face(photo, landmarker, 2).box[0]


def test_a_photo_without_faces_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    PILImage.fromarray(scenery()).save(tmp_path / "sea.png")
    assert run(["faces", str(tmp_path / "sea.png"), "-o", str(tmp_path / "n.png")]) == 2
    assert "no face found" in capsys.readouterr().err and not (tmp_path / "n.png").exists()
