"""The network that draws a rendered frame's mouth once more: where it looks, what it leaves alone, how it is taught."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from reenact.calibrate import mouth
from reenact.core.errors import ReenactError
from reenact.core.graph_names import MOUTH
from reenact.faces.crop import cut, head_crop
from reenact.faces.points import MESH_POINTS, template
from reenact.faces.pose import canonical_face
from reenact.geometry.grid import identity_grid, sample
from reenact.media.image import read_image
from reenact.nn.mouth import COLUMNS, EDGE, ROWS, MouthRefiner, Place
from reenact.runtime.onnx_method import load, weights_folder
from reenact.runtime.renderer import measured_as, render_files

SIDE, CODE = 256, 246
POINTS = torch.from_numpy(template(canonical_face().points))
PORTRAIT = Path(__file__).resolve().parents[2] / "examples/portrait.jpg"


def placed(pose: tuple[float, float, float] = (0, 0, 0), scale: float = 0.6, shift: tuple[float, float] = (0, 0)) -> Place:
    code = torch.zeros(1, CODE)
    code[0, 240:243] = torch.tensor(pose)
    return mouth.window_place()(code, torch.tensor([[scale]]), torch.tensor([shift]))


def refiner(change: float) -> MouthRefiner:
    """One that adds so much wherever it may."""
    torch.manual_seed(0)
    made = MouthRefiner(CODE).eval()
    torch.nn.init.zeros_(made.head.weight)
    with torch.no_grad():
        made.head.bias[:12] = change
        made.head.bias[12:] = 20.0
    return made


def test_the_window_lies_around_the_mouth_and_turns_with_the_head() -> None:
    lips = 0.6 * POINTS[:10, :2].mean(0) + torch.tensor([0.1, -0.05])
    straight, tilted = placed(shift=(0.1, -0.05)), placed((0, 0, 0.5))
    torch.testing.assert_close(straight.into[0].mean((0, 1)), lips, atol=1e-5, rtol=0)
    across = tilted.into[0, ROWS // 2, -1] - tilted.into[0, ROWS // 2, 0]
    assert torch.atan2(across[1], across[0]).item() == pytest.approx(0.5, abs=1e-4)
    assert across.norm() == pytest.approx((straight.into[0, 0, -1] - straight.into[0, 0, 0]).norm().item(), abs=1e-5)


def test_a_window_is_twice_as_large_of_a_head_twice_as_large() -> None:
    small, large = (placed(scale=scale).into[0] for scale in (0.3, 0.6))
    torch.testing.assert_close(2 * (small - small.mean((0, 1))), large - large.mean((0, 1)))


def test_what_is_cut_out_lies_back_where_it_was() -> None:
    place = placed((0.2, -0.1, 0.4), 0.7, (0.05, 0.1))
    frame = identity_grid(SIDE, SIDE).permute(2, 0, 1)[None]
    again = sample(sample(frame, place.into), place.back)
    inside = (place.back.abs() < 0.97).all(-1)
    assert inside.sum() > 1500
    assert (again - frame).abs().amax(1)[inside].max() < 0.5 / SIDE


def test_only_the_window_changes_and_its_edge_goes_over() -> None:
    place = placed()
    frame, keep = torch.full((1, 3, SIDE, SIDE), 0.5), torch.ones(1, 1, SIDE, SIDE)
    with torch.no_grad():
        made, kept = refiner(0.2)(frame, keep, torch.zeros(1, CODE), place)
    outside, middle = (place.back.abs() > 1.02).any(-1), (place.back.abs() < 1 - 2.5 * EDGE / ROWS).all(-1)
    assert torch.equal(made[:, :, outside[0]], frame[:, :, outside[0]])
    assert torch.equal(kept[:, :, outside[0]], keep[:, :, outside[0]])
    torch.testing.assert_close(made[:, :, middle[0]], torch.full_like(made[:, :, middle[0]], 0.7))
    assert kept[:, :, middle[0]].max() < 0.01
    steps = torch.stack([made.diff(dim=axis).abs().max() for axis in (2, 3)])
    assert steps.max() < 0.2 * 3 / EDGE


def test_a_mirrored_face_has_the_mirrored_window() -> None:
    torch.manual_seed(1)
    code = 0.3 * torch.randn(2, CODE)
    head = torch.full((2, 1), 0.6), torch.tensor([[0.1, 0.02], [-0.2, 0.0]])
    turned = mouth.mirrored_code(code)
    torch.testing.assert_close(mouth.mirrored_code(turned), code)
    place = mouth.window_place()
    plain, mirrored = place(code, *head).into, place(turned, head[0], head[1] * torch.tensor([-1.0, 1.0])).into
    torch.testing.assert_close(mirrored.flip(2) * torch.tensor([-1.0, 1.0]), plain, atol=2e-3, rtol=0)


def test_driving_frames_are_unlike_one_another() -> None:
    values = np.repeat(np.eye(6), 20, 0)
    rows = mouth.unlike(values, 6, np.random.default_rng(0))
    assert len({tuple(values[row]) for row in rows}) == 6
    assert len(mouth.unlike(values[:3], 6, np.random.default_rng(0))) == 3


def windows(count: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Rendered ones are darker than the true ones."""
    truth = random.integers(100, 200, (count, 3, ROWS, COLUMNS)).astype(np.uint8)
    return {
        "frame": truth - 80,
        "truth": truth,
        "keep": np.zeros((count, 1, ROWS, COLUMNS), np.uint8),
        "code": np.zeros((count, CODE), np.float16),
        "open": np.ones(count, np.float32),
        "clip": np.zeros(count, int),
    }


def test_it_learns_the_true_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mouth, "WARM", 1)
    monkeypatch.setattr(mouth, "BATCH", 4)
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        np.savez(tmp_path / f"windows_{split}_1.npz", **windows(16, random))
    torch.manual_seed(0)
    mouth.train(mouth.begun(None), tmp_path, 100)
    curve = json.loads((tmp_path / mouth.CURVE).read_text(encoding="utf-8"))
    assert curve[-1]["l1 again"] < 0.8 * curve[0]["l1 again"]
    assert curve[-1]["l1 rendered"] == curve[0]["l1 rendered"]
    assert (tmp_path / "sheet.png").is_file()
    assert mouth.begun(tmp_path).state_dict().keys() == MouthRefiner(CODE).state_dict().keys()


def test_without_windows_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ReenactError, match="render them first"):
        mouth.train(mouth.begun(None), tmp_path, 1)


def test_windows_are_cut_of_both_renderers_and_of_the_truth() -> None:
    photo = read_image(PORTRAIT)
    renderers = mouth.Renderers(weights_folder() / "mmfa", threads=1)
    face = renderers.methods[0].landmarker.detect(photo)[0]
    crop = cut(photo, head_crop(face), SIDE)
    driving = np.stack([crop, crop[:, ::-1], crop])
    motions = [renderers.methods[0].encode_motion(frame) for frame in driving]
    found = dict(renderers.windows(crop, driving, motions, first=1))
    assert {number: bool(window["fast"]) for number, window in found.items()} == {0: True, 1: False, 2: True}
    for window in found.values():
        assert window["frame"].shape == window["truth"].shape == (3, ROWS, COLUMNS)
        assert window["code"].shape == (CODE,)
    assert np.abs(found[0]["frame"].astype(int) - found[0]["truth"]).mean() < 4, "the portrait in its own motion"
    assert np.abs(found[0]["truth"][..., ::-1].astype(int) - found[1]["truth"]).mean() < 6, "the window of a mirrored face"


def test_the_fast_renderer_finds_its_graph(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    for name in ("mmfa", "shared", "person"):
        shutil.copytree(weights_folder() / name, weights / name)
    (tmp_path / mouth.CURVE).write_text("[]", encoding="utf-8")
    photo, frames, digests = read_image(PORTRAIT), {}, {}
    for change in (0.0, 0.3):
        mouth.write(refiner(change), weights / "shared", tmp_path)
        method = load(str(weights / "mmfa"), "cpu", renderer="fast")
        portrait = method.encode_source(photo)
        frames[change] = method.render(portrait, portrait.motion).astype(int)
        digests[change] = measured_as("mmfa", weights / "mmfa", "fast")
        assert MOUTH not in [path.name for path, _ in render_files(method.config, weights / "mmfa", "full")]
    assert digests[0.0] != digests[0.3]
    changed = (np.abs(frames[0.3] - frames[0.0]).max(-1) > 20).nonzero()
    seen = portrait.framing.seen(portrait.motion)
    middle = float(seen.scale[0]) * POINTS[:10, :2].mean(0).numpy() + seen.translation
    found = np.array([changed[1].mean(), changed[0].mean()]) / SIDE
    assert len(changed[0]) > 1000
    assert np.abs(found - (middle + 1) / 2).max() < 0.06


def test_the_code_is_that_of_the_generator() -> None:
    assert 2 * 3 * len(MESH_POINTS) + 2 * 3 == CODE
    assert mouth.CODE == CODE
