"""One convention a file, and these tests hold them."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from places import EXAMPLES
from reenact.core.types import Motion
from reenact.faces.landmarker import Landmarker
from reenact.faces.points import MESH_POINTS, template
from reenact.faces.pose import canonical_face, fit_head
from reenact.geometry.grid import identity_grid, resize_flow, sample
from reenact.geometry.rotation import euler_angles, rotation_matrix
from reenact.media.video import VideoReader

angles = st.lists(st.floats(-1.4, 1.4), min_size=3, max_size=3).map(lambda row: np.array(row))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 9), (64, 64)])
def test_identity_grid_returns_its_input(height: int, width: int):
    image = torch.rand(2, 3, height, width)
    grid = identity_grid(height, width).expand(2, -1, -1, -1)
    assert torch.allclose(sample(image, grid), image, atol=1e-5)


@pytest.mark.parametrize("size", [16, 32, 128])
def test_identity_flow_stays_one_at_every_size(size: int):
    flow = identity_grid(32, 32)[None]
    assert torch.allclose(resize_flow(flow, size)[0], identity_grid(size, size), atol=1e-6)


def test_grid_looks_up_where_it_points():
    """x is the column: a grid moved by one pixel to the right reads the right neighbour."""
    image = torch.arange(16.0).view(1, 1, 4, 4)
    moved = identity_grid(4, 4)[None] + torch.tensor([2 / 4, 0.0])
    assert torch.allclose(sample(image, moved)[0, 0, :, :3], image[0, 0, :, 1:], atol=1e-5)


@given(angles)
def test_rotation_is_orthonormal_and_proper(pose: np.ndarray):
    matrix = rotation_matrix(pose)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(matrix), 1.0)


@given(angles)
def test_angles_come_back(pose: np.ndarray):
    assert np.allclose(euler_angles(rotation_matrix(pose)), pose, atol=1e-7)


@given(angles, st.floats(-1.0, 1.0))
def test_turning_the_picture_adds_to_roll_alone(pose: np.ndarray, turn: float):
    turned = rotation_matrix(np.array([0.0, 0.0, turn])) @ rotation_matrix(pose)
    expected = pose + [0, 0, turn]
    assert np.allclose(rotation_matrix(euler_angles(turned)), rotation_matrix(expected), atol=1e-9)


@given(angles)
@settings(max_examples=20)
def test_numpy_and_torch_agree(pose: np.ndarray):
    assert np.allclose(rotation_matrix(torch.from_numpy(pose)).numpy(), rotation_matrix(pose), atol=1e-12)


@pytest.mark.parametrize(
    ("pose", "axis", "sign"),
    [((0.3, 0, 0), 0, 1), ((0, 0.3, 0), 1, -1)],
    ids=["yaw > 0: the nose goes to the picture's right", "pitch > 0: the nose goes up"],
)
def test_signs(pose: tuple[float, float, float], axis: int, sign: int):
    nose = rotation_matrix(np.array(pose)) @ [0, 0, 1]
    assert np.sign(nose[axis]) == sign


def test_roll_is_clockwise():
    assert (rotation_matrix(np.array([0, 0, 0.3])) @ [1, 0, 0])[1] > 0


@given(angles, st.floats(0.3, 3.0))
@settings(max_examples=20)
def test_a_posed_face_is_unposed(pose: np.ndarray, scale: float):
    face = canonical_face()
    shift = np.array([0.2, -0.1, 0.4])
    fit = fit_head(scale * face.points @ rotation_matrix(pose).T + shift)
    assert np.allclose(fit.rotation, rotation_matrix(pose), atol=1e-5)
    assert np.isclose(fit.scale, scale, rtol=1e-5)
    assert np.allclose(fit.translation, shift, atol=1e-5)


def test_canonical_face_looks_at_the_camera():
    """x right, y down, z towards the camera; one unit high; its two halves mirror each other."""
    face = canonical_face()
    nose, chin, forehead, right_eye = (face.points[i] for i in (1, 152, 10, 33))
    assert nose[2] > face.points[:, 2].mean()
    assert chin[1] > forehead[1]
    assert right_eye[0] < 0
    assert np.isclose(np.ptp(face.points[:, 1]), 1.0)
    assert (face.mirror[face.mirror] == np.arange(468)).all()
    assert template(face.points).shape == (len(MESH_POINTS) + 7, 3)


def test_signs_hold_on_a_rendered_head_of_known_pose():
    truth = json.loads((EXAMPLES / "driving_pose.json").read_text())
    landmarker = Landmarker(1)
    with VideoReader(EXAMPLES / "driving.mp4") as reader:
        frames = [frame.image for number, frame in enumerate(reader) if number % truth["every"] == 0]
    read = np.array([fit_head(landmarker.detect(frame)[0].landmarks).head_pose for frame in frames])
    known = np.array(truth["head_pose"])
    correlation = [np.corrcoef(read[:, i], known[:, i])[0, 1] for i in range(3)]
    assert min(correlation) > 0.8, correlation
    slope = [np.polyfit(known[:, i], read[:, i], 1)[0] for i in range(3)]
    assert min(slope) > 0.6 and max(slope) < 1.5, slope


@given(st.lists(st.floats(-1, 1, width=32), min_size=38, max_size=38))
@settings(max_examples=20)
def test_motion_survives_a_row(values: list[float]):
    row = np.array(values, np.float32)
    assert np.array_equal(Motion.from_vector(row).vector(), row)


@pytest.mark.parametrize("head", [0.45, 0.14], ids=["large", "small"])
def test_a_small_head_is_found(head: float):
    """The detector alone sees only heads that fill a good part of the picture."""
    portrait = PILImage.open(EXAMPLES / "portrait.jpg").convert("RGB").resize((int(head * 1000),) * 2)
    canvas = PILImage.new("RGB", (900, 600), (90, 120, 90))
    canvas.paste(portrait, (350, 75))
    found = Landmarker(1).detect(np.asarray(canvas))
    assert len(found) == 1
    left, top, right, bottom = found[0].box
    assert 350 < (left + right) / 2 < 350 + portrait.width and 75 < (top + bottom) / 2 < 75 + portrait.height
