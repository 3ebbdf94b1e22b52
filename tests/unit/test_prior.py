"""The semantic prior: its face model, its equation, its budget, its export; that it starts where mmfa is; another prior."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from clips import PORTRAIT
from experiments import prior_heads
from reenact.calibrate.expression_map import direct
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.data.pairs import PairSampler, mirrored
from reenact.data.pool import Pool
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.landmarker import Landmarker
from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import canonical_face
from reenact.media.image import read_image
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.prior import recipe as prior
from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face, Reading, fitted, vertex_normals
from reenact.methods.prior.landmark_prior import UNREAD, LandmarkPrior, mesh_mirror_order, read_by, recipe_of
from reenact.methods.prior.model import Prior
from reenact.methods.prior.objective import MOTION_WEIGHTS, MotionObjective
from reenact.methods.prior.parts import UNIT, facing
from reenact.motion.compose import compose
from reenact.motion.expression import PRESETS, ExpressionMap, expression_map
from reenact.motion.transfer import transfer
from reenact.nn.keypoints import place
from reenact.pipeline.control import Control, alignment
from reenact.pipeline.sources import open_take
from reenact.runtime.onnx_method import OnnxMethod
from reenact.train.recipe import RENDER_PARTS
from training_pool import make_pool
from untrained import exported, random_face, shaken, smooth_pictures


@pytest.fixture(scope="module")
def model() -> Prior:
    return shaken("prior")


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return smooth_pictures()


def test_a_face_model_is_found_again_in_its_readings():
    """Made of a known one, people and coefficients at random: mean, expression and the identities' span come back."""
    numbers, config = np.random.default_rng(0), Config(identity_size=3, coefficients=5, expression_size=13)
    true = random_face(config)
    person = np.repeat(np.arange(60), 20)
    who = numbers.normal(size=(60, 3))
    who = (who - who.mean(0)) / who.std(0)
    shown = numbers.uniform(size=(len(person), 5))
    meshes = true.mean + np.einsum("ni,imc->nmc", who[person], true.identity) + np.einsum("ne,emc->nmc", shown, true.expression)
    found = fitted(meshes, shown, person, 4, true.triangles, MESH_POINTS)
    assert np.abs(found.expression - true.expression).max() < 2e-3
    assert np.abs(found.mean - true.mean).max() < 2e-3
    span, wanted = found.identity[:3].reshape(3, -1), true.identity.reshape(3, -1)
    assert np.abs(wanted - (wanted @ np.linalg.pinv(span)) @ span).max() < 2e-3
    assert np.abs(found.identity[3]).max() < 2e-3, "there is no fourth way in which these people differ"


def test_normals_look_outwards():
    face = canonical_face()
    normals = vertex_normals(face.points, face.triangles)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert normals[1, 2] > 0.8, "the tip of the nose looks at the camera"
    right, left = normals[234], normals[454]
    assert right[0] < -0.5 and left[0] > 0.5, "the rims look sideways"
    assert np.array_equal(vertex_normals(face.points, face.triangles[:, ::-1]), normals), "whichever way triangles are wound"


def test_keypoints_begin_on_their_mesh_points(model: Prior):
    """Rows of weights are not negative and sum to 1; a semantic keypoint lies within 1 % of the face's height of its point."""
    weights = model.motion.face.weights()
    assert (weights >= 0).all() and torch.allclose(weights.sum(1), torch.ones(40))
    neutral = model.motion.face.canonical(torch.zeros(1, 32))[0, :40]
    assert (neutral - model.motion.face.mean[list(MESH_POINTS)]).norm(dim=1).max() < 0.01


def test_a_coefficient_moves_what_the_prior_says(model: Prior):
    """x_c + A B p, turned, scaled, shifted; the residual decoder adds nothing to a neutral face."""
    face, canonical = model.motion.face, model.motion.face.canonical(torch.randn(1, 32))
    still = {"head_pose": torch.zeros(1, 3), "scale": torch.ones(1, 1), "translation": torch.zeros(1, 2)}
    neutral = model.pose(canonical, {**still, "expression": torch.zeros(1, 60)})
    assert torch.equal(neutral.keypoints, canonical)
    shown = torch.zeros(1, 60)
    shown[0, 25] = 0.7
    added = model.pose(canonical, {**still, "expression": shown}).head - canonical - model.residual(shown)
    expected = 0.7 * face.weights() @ (UNIT * face.expression[25].view(-1, 3))
    assert torch.allclose(added[0, :40], expected, atol=1e-6) and added[0, 40:].abs().max() < 1e-6
    turned = model.pose(canonical, {**still, "head_pose": torch.tensor([[0.0, 0.0, torch.pi / 2]]), "expression": shown})
    assert torch.allclose(turned.keypoints[..., 1], (canonical + model.offsets(shown))[..., 0], atol=1e-5)


def test_coefficients_are_coefficients(model: Prior, image: torch.Tensor):
    expression = model.encode_motion(image)["expression"]
    assert expression.shape == (1, 60)
    assert ((expression[:, :52] >= 0) & (expression[:, :52] <= 1)).all()


def test_identity_comes_from_the_source_alone(model: Prior, image: torch.Tensor):
    assert set(model.encode_motion(image)) == {"head_pose", "scale", "translation", "expression"}


def test_what_turns_away_is_told(model: Prior):
    """A head turned to the picture's right: its own left cheek goes out of sight in the driving map, not in the source's."""
    canonical = model.motion.face.canonical(torch.zeros(1, 32))
    still = {"scale": torch.ones(1, 1), "translation": torch.zeros(1, 2), "expression": torch.zeros(1, 60)}
    front, side = (model.pose(canonical, {**still, "head_pose": torch.tensor([[yaw, 0.0, 0.0]])}) for yaw in (0.0, 1.0))
    normals = model.motion.face.keypoint_normals()
    assert torch.allclose(normals.norm(dim=1), torch.ones(47), atol=1e-5)
    seen = facing(normals, front, side, model.dense_motion)
    rim = list(MESH_POINTS).index(454)
    x, y = ((side.keypoints[0, rim, :2] + 1) * 32).long().clamp(0, 63).tolist()
    assert seen[0, 0, y, x] < seen[0, 1, y, x] - 0.2
    alike = facing(normals, front, front, model.dense_motion)
    assert torch.equal(alike[:, 0], alike[:, 1])


def test_it_starts_where_mmfa_is(image: torch.Tensor):
    """From mmfa's weights: looks and renderer are its own, heads are fresh; on the teacher's keypoints it draws the same."""
    torch.manual_seed(3)
    other, made = mmfa.build().eval(), prior.build().eval()
    for head in (other.dense_motion.head, other.motion.place):
        torch.nn.init.normal_(head.weight, std=0.02)
    fresh = {name: value.clone() for name, value in made.state_dict().items()}
    begun = prior.adopt(other.state_dict(), fresh)
    for name in (*RENDER_PARTS, "motion"):
        part = {key.removeprefix(f"{name}."): value for key, value in begun.items() if key.startswith(f"{name}.")}
        getattr(made, name).load_state_dict(part)
    truth = {"head_pose": torch.tensor([[0.2, 0.1, 0.0]]), "scale": torch.ones(1, 1), "translation": torch.zeros(1, 2)}
    still = {
        **truth,
        "head_pose": torch.zeros(1, 3),
        "canonical": other.motion.template[None],
        "head": other.motion.template[None],
    }
    frames = []
    with torch.no_grad():
        for one in (other, made):
            poses = one.teacher(still), one.teacher({**still, **truth})
            frames.append(one.render_poses(image, one.pyramid(image), *poses).frame)
        assert torch.equal(other.motion.locate(image)["head_pose"], made.motion.locate(image)["head_pose"])
    assert torch.equal(*frames)
    assert prior.adopt(fresh, fresh) is fresh, "its own weights are taken as they are"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(exported("prior"), tmp_path_factory.mktemp("weights") / "prior")


def test_blendshapes_are_the_code(weights: Path):
    """The map is direct: what is set arrives as it is; what follows the 52 moves with them as in the frames that were seen."""
    numbers = np.random.default_rng(0)
    codes, shapes = (numbers.uniform(size=(800, size)).astype(np.float32) for size in (60, 52))
    codes[:, 52] = shapes[:, BLENDSHAPE_NAMES.index("jawOpen")] / 2
    found = direct(codes, shapes, np.repeat(np.arange(4), 200), np.repeat([False, True], 400), "prior", "")
    found.map.save(weights)
    held = ExpressionMap.load(weights, 60)
    change = held.code({"jawOpen": 0.6, "mouthSmileLeft": 0.8})
    assert {BLENDSHAPE_NAMES[i]: round(float(change[i]), 5) for i in np.flatnonzero(change[:52])} == {
        "jawOpen": 0.6,
        "mouthSmileLeft": 0.8,
    }
    assert np.abs(change[52]) == np.abs(change[52:]).max() > 0.1, "what goes with the jaw in these frames"
    assert np.array_equal(held.read(codes), codes[:, :52])
    worn = held.with_expression(codes[0], PRESETS["smile"])
    assert np.allclose(held.read(worn), held.code(PRESETS["smile"])[:52], atol=1e-6)
    with pytest.raises(ReenactError, match="tongue"):
        held.code({"tongueOut": 1.0})


def test_coefficients_over_time_drive_as_they_are(weights: Path, tmp_path: Path):
    """A CSV of coefficients: aligned absolutely, each arrives as written, and the portrait keeps its own place and size."""
    numbers = np.random.default_rng(0)
    direct(numbers.uniform(size=(4, 60)), numbers.uniform(size=(4, 52)), np.arange(4) // 2, np.arange(4) > 1).map.save(weights)
    table = tmp_path / "take.csv"
    table.write_text("time,jawOpen,eyeBlinkLeft,yaw\n0,0.25,0,0\n0.04,0.5,1,10\n")
    method = OnnxMethod(weights, "cpu")
    take = open_take(table, method)
    shown = take.motion(1).expression
    assert shown[BLENDSHAPE_NAMES.index("jawOpen")] == 0.5
    assert np.allclose(shown, expression_map(method).neutral + shown[:52] @ expression_map(method).to_code, atol=1e-5)
    assert alignment(method) == "absolute"
    control = Control().in_place()
    own = Motion(np.float32([0.3, 0, 0]), np.float32([1.4]), np.float32([0.2, 0.1]), np.zeros(60, np.float32))
    taken = compose(own, transfer(own, take.motion(1), None, "absolute"), control.parts)
    assert taken.scale == 1.4 and np.allclose(taken.translation, [0.2, 0.1])
    assert np.allclose(np.degrees(taken.head_pose), [10, 0, 0], atol=1e-3) and np.allclose(taken.expression, shown)


def test_amplify_doubles_what_is_expression(model: Prior):
    made = prior.build()
    made.load_state_dict(model.state_dict())
    shown = torch.rand(1, 60)
    before = made.offsets(shown)
    made.amplify(2.0)
    assert torch.allclose(made.offsets(shown), 2 * before, atol=1e-5) and before.abs().max() > 1e-3


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("pool")))


def test_fitting_makes_both_halves_alike(pool: Pool):
    made = prior.build()
    prior.fit(made, pool)
    order, mean = mesh_mirror_order(), made.motion.face.mean.numpy()
    assert sorted(order) == list(range(478)) and np.array_equal(order[order], np.arange(478))
    assert np.allclose(mean[order] * [-1, 1, 1], mean, atol=1e-5)


def test_heads_learn_on_features_alone(pool: Pool):
    """Looks stand still, heads move; features are those of the running model; the loss falls."""
    torch.manual_seed(0)
    made = prior.METHOD.fresh(pool).eval()
    rows = prior_heads.choose(pool, 8)
    assert len(rows) == 8 and (pool.split[rows] == "train").all() and len(set(pool.clip[rows])) == 2
    data = prior_heads.looked(made, pool, rows)
    assert len(data["feature"]) == 8 and torch.isfinite(data["feature"]).all()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    prior_heads.begin_at_regression(made, data)
    log = prior_heads.learn(made, data, 40)
    moved = {name.split(".")[1] for name, value in made.state_dict().items() if not torch.equal(value, before[name])}
    assert {"coefficients", "identity"} <= moved and not moved & {"first", "second", "place", "refine"}
    assert log[-1]["offsets"] < log[0]["offsets"] and log[-1]["canonical"] < log[0]["canonical"]


class Toy:
    """A prior of 60 points and 3 coefficients that reads nothing but a picture's mean colour."""

    mirror = np.array([1, 0, 2])

    def __init__(self) -> None:
        numbers = np.random.default_rng(5)
        self._mean = numbers.uniform(-0.4, 0.4, (60, 3)).astype(np.float32)
        self._moves = numbers.normal(0, 0.05, (3, 60, 3)).astype(np.float32)

    def face(self, identities: int) -> Face:
        return Face(
            self._mean, np.zeros((identities, 60, 3), np.float32), self._moves, np.array([[0, 1, 2]]), tuple(range(10, 50))
        )

    def read(self, image: np.ndarray) -> Reading | None:
        shown = (image.mean((0, 1)) / 255).astype(np.float32)
        if shown[0] < 0.35:
            return None
        mesh = self._mean + np.einsum("e,emc->mc", shown, self._moves)
        return Reading(np.zeros(3, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), shown, mesh)


def test_another_prior_plugs_in(pool: Pool):
    """Its sizes, its reading, its mirror: one step of training, and its coefficients are the method's code."""
    toy = Toy()
    read, method = read_by(toy, pool), recipe_of(toy, Config(residual_size=2, expression_size=54))
    colours = pool.read(np.arange(len(pool.split))).mean((1, 2)) / 255
    assert np.array_equal(read.split == UNREAD, colours[:, 0].astype(np.float32) < 0.35) and (read.split == UNREAD).any()
    fine = read.split != UNREAD
    assert np.allclose(read.truth.blendshapes[fine], colours[fine], atol=1e-5)
    made = method.fresh(read).train()
    assert (made.config.coefficients, made.config.mesh_points, made.config.expression_size) == (3, 60, 5)
    flip = torch.tensor([True])
    sampler = PairSampler(read, ("train",), 0)
    one = sampler.read(np.flatnonzero(fine)[:1], 128)
    other = mirrored(one, flip, torch.ones(1, 3, 1, 1), sampler.mirror, sampler.shapes)
    assert torch.equal(other["blendshapes"], one["blendshapes"][:, [1, 0, 2]])
    batch = sampler.read(np.flatnonzero(fine & (pool.split == "train")), 128)
    terms = MotionObjective(made)(made, batch)
    assert terms.keys() == MOTION_WEIGHTS.keys() and all(torch.isfinite(value) for value in terms.values())
    assert made.eval().encode_motion(torch.rand(1, 3, 256, 256))["expression"].shape == (1, 5)


def test_our_prior_is_one(pool: Pool):
    """What the landmarker says of a portrait, as a prior says it: the mesh, posed again, lies on the landmarks."""
    image = read_image(PORTRAIT)[:, :]
    found = LandmarkPrior(pool).read(image)
    assert found is not None and found.mesh.shape == (478, 3) and found.coefficients.shape == (52,)
    pose = place(
        torch.from_numpy(found.mesh)[None],
        {name: torch.from_numpy(np.float32(getattr(found, name)))[None] for name in ("head_pose", "scale", "translation")},
    )
    points = Landmarker(1).detect(image)[0].landmarks
    assert np.abs((pose.keypoints[0, :, :2].numpy() + 1) * image.shape[0] / 2 - points[:, :2]).max() < 0.5
