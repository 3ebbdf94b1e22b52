"""What the landmarker takes for a face though it is none is refused before any work, unless --force insists."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import reenact
from clips import disc, face, moving_face, write_clip
from fake_method import write_fake_method
from reenact.cli import run
from reenact.faces.doubt import accepted, accepting, doubtful
from reenact.faces.landmarker import Landmarker


@pytest.fixture(scope="module")
def landmarker() -> Landmarker:
    return Landmarker(1)


def test_a_disc_with_dots_is_found_and_doubted(landmarker: Landmarker):
    found = landmarker.detect(disc())
    assert len(found) == 1 and found[0].presence > 0.9
    assert doubtful(landmarker, disc(), found[0])


@pytest.mark.parametrize("change", ["as it is", "small", "grey", "dark", "mirrored", "noise"])
def test_no_false_refusal(change: str, landmarker: Landmarker):
    photo = reenact.read_image("examples/portrait.jpg")
    changed = {
        "as it is": photo,
        "small": np.asarray(PILImage.fromarray(photo).resize((200, 200))),
        "grey": np.asarray(PILImage.fromarray(photo).convert("L").convert("RGB")),
        "dark": photo // 4,
        "mirrored": np.ascontiguousarray(photo[:, ::-1]),
        "noise": np.clip(photo + np.random.default_rng(0).normal(0, 20, photo.shape), 0, 255).astype(np.uint8),
    }[change]
    found = landmarker.detect(changed)
    assert found and not doubtful(landmarker, changed, found[0])
    heads = landmarker.detect(face())
    assert not doubtful(landmarker, face(), heads[0])


def test_refused_before_any_work_and_taken_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    PILImage.fromarray(disc()).save(tmp_path / "disc.png")
    clip = write_clip(tmp_path / "clip.mp4", moving_face(2))
    fake = write_fake_method(tmp_path / "fake")
    out = tmp_path / "out.mp4"
    arguments = ["animate", str(tmp_path / "disc.png"), str(clip), "-o", str(out), "--method", str(fake), "--device", "cpu"]
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert "looks like no face" in said and "--force" in said and said.count("\n") == 1 and not out.exists()
    assert run([*arguments, "--force"]) == 0 and out.exists()
    assert not accepted(), "for that one command"
    capsys.readouterr()
    assert run(["faces", str(tmp_path / "disc.png")]) == 0
    assert "looks like no face" in capsys.readouterr().out


def test_python_may_insist(tmp_path: Path):
    method = reenact.load(str(write_fake_method(tmp_path / "fake")), "cpu")
    with pytest.raises(reenact.ReenactError, match="looks like no face"):
        method.encode_source(disc())
    with accepting():
        assert method.encode_source(disc()).placement is not None
