"""Motion directions: turned to actions without changing what is drawn, measured, kept, used as sliders."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from reenact.calibrate import directions as measuring
from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Portrait
from reenact.faces.actions import ACTIONS, action_matrix
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.methods.sfd import recipe as sfd
from reenact.methods.sfd.config import POSE_SIZE
from reenact.methods.sfd.model import Sfd
from reenact.methods.sfd.parts import IDENTITY
from reenact.methods.sfd.space import off_orthonormal
from reenact.methods.sfd.turn import directions, turn
from reenact.motion.directions import FILE, POSE_STEPS, Directions, check_sliders, is_slider
from reenact.motion.edit import SCALE_MAX, YAW_MAX
from reenact.motion.expression import ExpressionMap
from reenact.pipeline.editing import Edit, Editor, Sweep

CODE = 3
"""length of the fake method's expression code"""


def test_actions_are_made_of_blendshapes():
    matrix = action_matrix()
    assert matrix.shape == (len(ACTIONS), 52)
    assert (np.abs(matrix).sum(1) == 1).all()
    assert all(set(members) <= set(BLENDSHAPE_NAMES) for members in ACTIONS.values())


def test_directions_find_what_each_action_moves():
    """Two actions that often come together, known directions of the code, people with means of their own, and noise."""
    random = np.random.default_rng(0)
    person = np.repeat(np.arange(10), 200)
    actions = random.normal(size=(2000, 3))
    actions[:, 1] += 0.7 * actions[:, 0]
    actions[:, 2] = 0.0
    moved = np.zeros((2, 8))
    moved[0, 5], moved[1, 2] = 3.0, 1.0
    codes = actions[:, :2] @ moved + 0.1 * random.normal(size=(2000, 8)) + 5 * random.normal(size=(10, 8))[person]
    matrix, named = directions(codes, actions, person)
    assert np.allclose(matrix.T @ matrix, np.eye(8), atol=1e-8)
    assert named == [0, 1], "the one that moves most first; what never moves not at all"
    assert abs(matrix[5, 0]) > 0.99
    assert abs(matrix[2, 1]) > 0.99


def test_turned_directions_draw_the_same():
    """The descriptor of every picture stays; the coefficients are turned."""
    torch.manual_seed(0)
    model: Sfd = sfd.build().eval()
    torch.nn.init.normal_(model.motion.expression.outer.weight, std=0.02)
    image = torch.rand(2, 3, 256, 256)
    size = model.config.expression_size
    matrix = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]
    found = []
    with torch.no_grad():
        for turned in (False, True):
            if turned:
                turn(model, matrix)
            said = model.motion(image)
            found.append((said["expression"], model.pose(said[IDENTITY], said)))
    assert torch.allclose(found[1][0], found[0][0] @ torch.from_numpy(matrix).float(), atol=1e-4)
    assert (found[1][0] - found[0][0]).abs().max() > 1e-2
    assert torch.allclose(found[1][1].motion["descriptor"], found[0][1].motion["descriptor"], atol=1e-4)
    assert torch.allclose(found[1][1].keypoints, found[0][1].keypoints, atol=1e-5)
    assert off_orthonormal(model.space.basis()) < 1e-5


@pytest.fixture
def motion() -> Motion:
    return Motion(np.float32([0.1, 0.2, 0.3]), np.float32([1.2]), np.float32([0.0, 0.1]), np.float32([1, 2, 3]))


class Fake:
    """A method whose code is drawn as three grey levels; see `readings`."""

    name, fingerprint, threads = "fake", "f" * 16, 1
    config = {"expression_size": CODE}

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def render(self, portrait: Portrait, motion: Motion) -> Motion:
        return motion


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Code 1 opens the jaw and nothing else; code 2 closes the lids, and opens the jaw half as much; code 3 does nothing."""
    names = list(measuring.READINGS)

    def reading(_, motion: Motion, __) -> np.ndarray:
        values = np.zeros(len(names), np.float32)
        values[:6] = [*motion.head_pose, np.log(motion.scale[0]), *motion.translation]
        code = motion.expression
        values[names.index("jaw-open")] = 0.1 * (code[0] + 0.5 * code[1])
        values[names.index("blink")] = -0.1 * code[1]
        return values

    spread = np.full(52, 0.1, np.float32)
    map_ = ExpressionMap(*(np.zeros(shape, np.float32) for shape in ((52, 3), (3, 52), 52, 3)), np.float32([1, 1, 1]), spread)
    monkeypatch.setattr(measuring, "reading", reading)
    monkeypatch.setattr(measuring, "expression_map", lambda method: map_)
    monkeypatch.setattr(measuring, "Landmarker", lambda threads: None)
    return Fake(tmp_path)


def test_what_moves_is_measured_and_kept(fake: Fake, motion: Motion):
    portrait = SimpleNamespace(motion=motion)
    found = measuring.measure(fake, [portrait])  # type: ignore[list-item]
    assert [one.name for one in found] == [*measuring.POSES, "jaw-open", "less-blink", "y9"]
    assert [one.purity for one in found[:7]] == pytest.approx([1.0] * 7)
    assert found[7].purity == pytest.approx(0.8)
    assert found[8].purity is None
    data = measuring.as_json(fake, found, 1)  # type: ignore[arg-type]
    measuring.keep(fake, data)  # type: ignore[arg-type]
    kept = Directions.load(fake.folder, CODE, fake.fingerprint)
    assert kept.names == tuple(one.name for one in found)
    assert [one.number for one in measuring.shown(found, 8)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "| y8 | less-blink | 0.80 |" in measuring.table(found)
    with pytest.raises(ReenactError, match="other weights"):
        Directions.load(fake.folder, CODE, "0" * 16)
    with pytest.raises(ReenactError, match="no directions of these weights"):
        Directions.load(fake.folder, CODE + 1, fake.fingerprint)
    (fake.folder / FILE).write_text(json.dumps({"schema": "else"}))
    with pytest.raises(ReenactError, match="no directions of these weights"):
        Directions.load(fake.folder, CODE, fake.fingerprint)
    (fake.folder / FILE).unlink()
    with pytest.raises(ReenactError, match="reenact directions"):
        Directions.load(fake.folder, CODE, fake.fingerprint)


@pytest.mark.parametrize(("wanted", "turn"), [({}, 10), ({"y1": 5}, 85), ({"y2": -6}, 60), ({"y3": 6, "y7": 6}, 10)])
def test_a_turn_by_a_direction_counts_as_one(wanted: dict[str, float], turn: float):
    editor = Editor(SimpleNamespace())  # type: ignore[arg-type]
    editor.directions = Directions(("",) * 9, np.concatenate([POSE_STEPS, np.ones(CODE, np.float32)]))
    assert np.degrees(editor.turn(Edit(yaw=np.radians(10.0), directions=wanted))) == pytest.approx(turn)


def test_sliders_move_what_they_say(motion: Motion):
    steps = np.float32([0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 2, 2, 2])
    sliders = Directions(("yaw", "pitch", "roll", "scale", "shift-x", "shift-y", "y7", "blink", "y9"), steps)
    moved = sliders.moved(motion, {"y1": 1, "y4-scale": -1, "y8-blink": 0.5}, strength=2)
    assert np.allclose(moved.head_pose, [0.3, 0.2, 0.3])
    assert np.allclose(moved.scale, 1.2 * np.exp(-0.4))
    assert np.allclose(moved.expression, [1, 4, 3])
    assert np.allclose(moved.translation, motion.translation)
    with pytest.raises(ReenactError, match="y1 to y9"):
        sliders.moved(motion, {"y10": 1})
    far = sliders.moved(motion, {"y1": 20, "y4": 20})
    assert far.head_pose[0] == np.float32(YAW_MAX) and far.scale[0] == SCALE_MAX
    named = Directions(("",) * 6 + ("jaw-open", "blink", "y9"), sliders.steps)
    assert np.allclose(named.moved(motion, {"y7-jaw-open": 1}).expression, named.moved(motion, {"y7": 1}).expression)
    with pytest.raises(ReenactError, match="y7-jaw-open; write that, or y7"):
        named.moved(motion, {"y7-blink": 1})
    with pytest.raises(ReenactError, match="have no names yet; write y7, or measure them"):
        Directions(("",) * 9, sliders.steps).moved(motion, {"y7-blink": 1})


def test_sliders_go_without_names_where_the_measurement_is_of_other_weights(fake: Fake, motion: Motion, monkeypatch):
    """A step is known from the expression map alone; names that were measured of other weights would mislead."""
    monkeypatch.setenv("REENACT_CACHE", str(fake.folder / "cache"))
    spread = np.float32([1, 2, 3])
    plain = Directions.found(fake.folder, spread, fake.fingerprint)
    assert plain.names == ("",) * 9 and np.allclose(plain.moved(motion, {"y8": 2}).expression, [1, 6, 3])
    data = measuring.as_json(fake, measuring.measure(fake, [SimpleNamespace(motion=motion)]), 1)  # type: ignore[arg-type,list-item]
    measuring.keep(fake, {**data, "weights": "0" * 16})  # type: ignore[arg-type]
    assert Directions.found(fake.folder, spread, fake.fingerprint).names == plain.names
    measuring.keep(fake, data)  # type: ignore[arg-type]
    assert Directions.found(fake.folder, spread, fake.fingerprint).names[6] == "jaw-open"


def test_nothing_is_written_into_an_installed_package(fake: Fake, motion: Motion, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("REENACT_CACHE", str(tmp_path / "cache"))
    fake.folder = tmp_path / "site-packages" / "reenact" / "weights" / "fake"
    fake.folder.mkdir(parents=True)
    data = measuring.as_json(fake, measuring.measure(fake, [SimpleNamespace(motion=motion)]), 1)  # type: ignore[arg-type,list-item]
    written = measuring.keep(fake, data)  # type: ignore[arg-type]
    assert written.parent == tmp_path / "cache" and list(fake.folder.iterdir()) == []
    assert Directions.found(fake.folder, np.float32([1, 1, 1]), fake.fingerprint).names[6] == "jaw-open"


def test_sliders_in_words():
    assert is_slider("y7")
    assert is_slider("y7-jaw-open")
    assert not is_slider("yaw")
    assert not is_slider("jawOpen")
    with pytest.raises(ReenactError, match="between -6 and 6"):
        check_sliders({"y7": 7})
    with pytest.raises(ReenactError, match="between -6 and 6"):
        Edit(directions={"y7": float("nan")}).check()
    swept = Sweep("y7", -2, 2)
    swept.check()
    assert swept.at(0.25, Edit(directions={"y8": 1})).directions == {"y8": 1, "y7": -1}
    assert len(measuring.POSES) == POSE_SIZE
