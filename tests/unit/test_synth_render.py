"""Rendered heads: the truth is true of the pictures. Skipped, with the reason, where there is no OpenGL or no files."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from clips import read_clip
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head
from reenact.synth.clip import Studio, flow_between
from reenact.synth.command import Order, synthesize
from reenact.synth.identity import Genes, _brow_tilt, draw_shape
from reenact.synth.motion import Motion
from reenact.synth.scene import Recipe, Scene, Truth

SIZE = 160
TURNS = np.radians([[0, 0, 0], [4, 3, -2], [30, 0, 0], [0, 18, 0], [0, 0, 15], [-25, -12, 8]])
"""yaw, pitch, roll of the frames of `turning`"""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    try:
        opened = Studio.open(SIZE)
    except ReenactError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def still(frames: int) -> dict[str, np.ndarray]:
    return {name: np.zeros((frames, width), np.float32) for name, width in (("blendshapes", 52), ("gaze", 2), ("offset", 3))}


def turning() -> Motion:
    return Motion(head_pose=TURNS.astype(np.float32), **still(len(TURNS)))


def truth_at(studio: Studio, scene: Scene, frame: int) -> Truth:
    stage = studio.stage(0, scene.recipe.identity)
    stage.move(scene.vertices(frame))
    return scene.truth(studio.renderer, stage, frame)


@pytest.fixture(scope="module")
def scene(studio: Studio) -> Scene:
    return studio.scene(Recipe(0, 0, 0, 0, SIZE), turning())


@pytest.mark.parametrize("frame", range(len(TURNS)))
def test_pose_is_what_procrustes_reads_of_the_landmarks(studio: Studio, scene: Scene, frame: int):
    truth = truth_at(studio, scene, frame)
    fit = fit_head(truth.landmarks / (SIZE / 2) - np.float32([1, 1, 0]))
    np.testing.assert_allclose(fit.head_pose, truth.head_pose, atol=np.radians(3.5))
    np.testing.assert_allclose(fit.scale, truth.scale[:, 0], rtol=0.03)
    np.testing.assert_allclose(fit.translation[:, :2], truth.translation, atol=0.03)


def test_visible_points_lie_where_the_coded_picture_shows_their_triangles(studio: Studio, scene: Scene):
    """The coded picture says which triangle each pixel shows; a point's pixel must show one of its neighbourhood."""
    truth, stage = truth_at(studio, scene, 5), studio.stage(0, 0)
    surface, skin = studio.renderer.surface(stage, scene.camera), scene.avatar.skin
    vertices = scene.camera.project(scene.vertices(5))
    column, row = np.floor(truth.points[0]).astype(int).T
    inside = (column >= 1) & (column < SIZE - 1) & (row >= 1) & (row < SIZE - 1)
    seen, hidden = inside & truth.visible[0], inside & ~truth.visible[0]
    assert seen.sum() > 80 and hidden.sum() > 30
    shown = surface[row[seen], column[seen]]
    on_skin = shown[:, 0] == 1
    assert on_skin.mean() > 0.9
    corners = skin.vertex[skin.triangles[shown[on_skin, 1].astype(int)]]
    away = np.linalg.norm(vertices[corners][:, :, :2] - truth.points[0, seen][on_skin][:, None], axis=-1).min(1)
    assert np.percentile(away, 95) < 2.0
    gap = vertices[scene.point_ids][hidden, 2] - surface[row[hidden], column[hidden], 2]
    assert (gap > 0).mean() > 0.95


def test_flow_is_the_points_own_motion(studio: Studio, scene: Scene):
    first, second = truth_at(studio, scene, 0), truth_at(studio, scene, 2)
    flow = scene.flow(studio.renderer, studio.stage(0, 0), 0, 2)
    seen = first.visible[0] & second.visible[0]
    column, row = np.floor(first.points[0, seen]).astype(int).T
    wanted, found = (second.points - first.points)[0, seen], flow.flow[row, column]
    assert np.abs(wanted).max() > 8
    assert np.median(np.linalg.norm(wanted - found, axis=-1)) < 0.5
    assert flow.occluded[row, column].mean() < 0.1


def test_flow_warps_one_frame_onto_the_other(studio: Studio, scene: Scene):
    stage, wall = studio.stage(0, 0), studio.renderer.backdrop(scene.wall)
    before, after = (scene.picture(studio.renderer, stage, wall, frame).astype(float) for frame in (0, 1))
    wall.release()
    flow = scene.flow(studio.renderer, stage, 0, 1)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    places = [y + flow.flow[..., 1], x + flow.flow[..., 0]]
    warped = np.stack([ndimage.map_coordinates(after[..., k], places, order=1, mode="nearest") for k in range(3)], -1)
    kept = (np.abs(flow.flow).max(-1) > 0.5) & ~flow.occluded
    assert kept.mean() > 0.1
    unwarped = np.abs(after - before)[kept].mean()
    assert np.abs(warped - before)[kept].mean() < 0.4 * unwarped
    assert np.abs(warped - before)[kept].mean() < 5


def test_a_frame_flows_onto_itself_and_a_turn_hides_a_cheek(studio: Studio, scene: Scene):
    stage = studio.stage(0, 0)
    same = scene.flow(studio.renderer, stage, 3, 3)
    assert np.abs(same.flow).max() < 1e-2 and same.occluded.mean() < 0.01
    turned = scene.flow(studio.renderer, stage, 2, 5)  # from right to left
    hidden = turned.occluded & (np.abs(turned.flow).max(-1) > 0)
    assert 0.005 < hidden.mean() < 0.4


def test_landmarker_reads_the_expressions_that_were_rendered(studio: Studio):
    shown = ("_neutral", "jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "mouthPucker")
    poses = still(len(shown))
    for frame, name in enumerate(shown[1:], 1):
        other = name.replace("Left", "Right") if name != "eyeBlinkLeft" else name  # one eye: sides are told apart
        poses["blendshapes"][frame, [BLENDSHAPE_NAMES.index(name), BLENDSHAPE_NAMES.index(other)]] = 1
    scene = studio.scene(Recipe(0, 0, 0, 0, SIZE), Motion(head_pose=np.zeros((len(shown), 3), np.float32), **poses))
    stage, wall = studio.stage(0, 0), studio.renderer.backdrop(scene.wall)
    landmarker, read = Landmarker(1), []
    for frame in range(len(shown)):
        face = landmarker.detect(scene.picture(studio.renderer, stage, wall, frame))[0]
        read.append(landmarker.blendshapes(face))
    table = np.array(read)[:, [BLENDSHAPE_NAMES.index(name) for name in shown]]
    for k in range(1, len(shown)):
        assert table[:, k].argmax() == k, shown[k]
        assert table[k, k] > table[0, k] + 0.15, shown[k]
    rise = (table[1:, 1:] - table[0, 1:]).ravel()
    assert np.corrcoef(rise, np.eye(len(shown) - 1).ravel())[0, 1] > 0.6


def test_other_lights_show_the_same_person_in_the_same_motion(studio: Studio):
    """Same shape and truth of motion; another lighting, backdrop and camera."""
    scenes = [studio.scene(Recipe(0, 0, 0, light, SIZE), turning()) for light in (0, 1, 2)]
    stage, pictures = studio.stage(0, 0), []
    for scene in scenes:
        wall = studio.renderer.backdrop(scene.wall)
        pictures.append(scene.picture(studio.renderer, stage, wall, 1))
        wall.release()
    np.testing.assert_array_equal(scenes[0].vertices(1), scenes[1].vertices(1))
    assert all(scene.avatar is scenes[0].avatar for scene in scenes)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(scenes[one].lighting.directions - scenes[other].lighting.directions).max() > 0.1
        assert np.abs(scenes[one].wall.astype(int) - scenes[other].wall).mean() > 5
        assert np.abs(pictures[one].astype(int) - pictures[other]).mean() > 5


def test_nobody_frowns_at_rest(studio: Studio):
    """The inner ends of the brows lie no lower against the outer ones than on the mean head, but for a little variety."""
    tilts = []
    for number in range(12):
        random = np.random.default_rng([11, number])
        tilts.append(_brow_tilt(studio.head, draw_shape(studio.head, Genes.draw(random), random))[0])
    assert min(tilts) > -0.03 and max(tilts) < 0.04 and np.std(tilts) > 0.003


@pytest.mark.slow
def test_two_studios_do_not_disturb_each_other(studio: Studio, scene: Scene):
    """OpenGL draws into the current context: each takes its turn, and closing one leaves the other whole."""
    before = truth_at(studio, scene, 1)
    with Studio.open(64) as other:
        small = other.scene(Recipe(0, 1, 0, 0, 64), turning())
        truth_at(other, small, 0)
        surface = studio.renderer.surface(studio.stage(0, 0), scene.camera)
        assert (surface[..., 0] > 0).mean() > 0.2
        assert truth_at(other, small, 1).visible.any()
    after = truth_at(studio, scene, 1)
    np.testing.assert_array_equal(before.visible, after.visible)


@pytest.mark.slow
def test_clips_share_a_motion_and_are_not_made_twice(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order = Order(tmp_path, 2, 1, frames=3, size=64, flows=1, rate=Fraction(25, 2))
    done = synthesize(order)
    assert (done.rendered, done.before) == (2, 0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["m000_i0000.mp4", "m000_i0000.npz", "m000_i0001.mp4", "m000_i0001.npz"]
    assert read_clip(tmp_path / names[0]) == (3, Fraction(25, 2), (64, 64))
    one, two = (dict(np.load(tmp_path / name)) for name in names[1::2])
    for same in ("blendshapes", "pose", "gaze", "point_ids"):
        np.testing.assert_array_equal(one[same], two[same])
    assert np.abs(one["points"] - two["points"]).max() > 0.5
    with Studio.open(64) as again:
        flow = flow_between(again, tmp_path / names[1], *one["flow_pairs"][0])
    np.testing.assert_allclose(flow.flow, one["flow"][0], atol=0.02)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*0.*")}
    (tmp_path / names[3]).unlink()
    assert synthesize(order) == type(done)(1, 1, 3)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.slow
def test_several_processes_render_the_same_bytes(studio: Studio, tmp_path: Path):
    orders = [Order(tmp_path / name, 2, 1, lights=2, frames=2, size=64, flows=1) for name in ("one", "two")]
    assert [synthesize(order, workers).rendered for order, workers in zip(orders, (1, 2), strict=True)] == [4, 4]
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 8
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_stopped_half_way_leaves_nothing(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    truth = Scene.truth

    def stop(self, renderer, stage, frame):
        if frame == 1:
            raise KeyboardInterrupt
        return truth(self, renderer, stage, frame)

    monkeypatch.setattr(Scene, "truth", stop)
    with pytest.raises(KeyboardInterrupt):
        synthesize(Order(tmp_path, 1, 1, frames=3, size=64))
    assert list(tmp_path.iterdir()) == []


def test_flow_of_what_is_no_truth(studio: Studio, tmp_path: Path):
    np.savez(tmp_path / "other.npz", pose=np.zeros((3, 3)))
    with pytest.raises(ReenactError, match="not the truth of a rendered clip"):
        flow_between(studio, tmp_path / "other.npz", 0, 1)
