"""The baseline: its equation, its budget, its export; what it shares with mmfa stays interchangeable."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from reenact.core.types import Motion
from reenact.data.pairs import PairSampler
from reenact.data.pool import Pool
from reenact.faces.pose import canonical_face
from reenact.geometry.grid import identity_grid
from reenact.geometry.rotation import rotation_matrix
from reenact.methods.export import export
from reenact.methods.facevid2vid import recipe as facevid2vid
from reenact.methods.facevid2vid.model import FaceVid2Vid, place
from reenact.methods.facevid2vid.objective import MOTION_WEIGHTS, MotionObjective
from reenact.methods.mmfa import recipe as mmfa
from reenact.motion.transfer import transfer
from reenact.nn.blocks import parameter_count
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import relative_matrix
from reenact.nn.motion_encoder import FEATURES
from reenact.runtime.onnx_method import OnnxMethod
from reenact.train.recipe import RENDER_PARTS

TOLERANCE = 2e-3
"""of [0, 1]: PyTorch fp32 against the exported graphs in fp32, whose weights are stored as fp16"""
BUDGET = 0.04
"""a few percent"""

angle = st.floats(-1.25, 1.25, width=32)


@pytest.fixture(scope="module")
def model() -> FaceVid2Vid:
    torch.manual_seed(0)
    made = facevid2vid.build().eval()
    # Fresh heads answer next to nothing; shake them, so that every path counts.
    for head in (made.dense_motion.head, made.motion.offsets, made.motion.refine):
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    return made


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), size=(256, 256), mode="bicubic").clamp(0, 1)


def motion_of(angles: tuple[float, ...], offsets: torch.Tensor) -> dict[str, torch.Tensor]:
    motion = {"head_pose": torch.tensor([angles]), "scale": torch.ones(1, 1), "translation": torch.tensor([[0.1, -0.2]])}
    return {**motion, "expression": offsets.flatten(1)}


@given(st.tuples(angle, angle, angle), st.tuples(angle, angle, angle))
@settings(max_examples=40, deadline=None)
def test_a_pose_moves_the_keypoints_by_rotation_alone(before: tuple, after: tuple):
    """x - t - d is x_c, turned rigidly; d is the same before and after, and it did not turn with the head."""
    torch.manual_seed(0)
    canonical, offsets = torch.randn(1, 9, 3), 0.1 * torch.randn(1, 9, 3)
    shift = torch.tensor([0.1, -0.2, 0.0])
    poses = [place(canonical, motion_of(angles, offsets)) for angles in (before, after)]
    for pose in poses:
        assert torch.allclose(torch.linalg.det(pose.rotation), torch.ones(1), atol=1e-5)
        turned = canonical @ pose.rotation.transpose(1, 2)
        assert torch.allclose(pose.keypoints - shift - turned, offsets, atol=1e-5)
    turn = poses[1].rotation @ poses[0].rotation.transpose(1, 2)
    bare = [pose.keypoints - shift - offsets for pose in poses]
    assert torch.allclose(bare[0] @ turn.transpose(1, 2), bare[1], atol=1e-5)


def test_on_a_known_case():
    """A quarter turn clockwise, shifted, one offset: (1, 0, 0) -> (0, 1, 0) + t + d."""
    motion = motion_of((0.0, 0.0, torch.pi / 2), torch.tensor([[[0.0, 0.0, 0.3]]]))
    pose = place(torch.tensor([[[1.0, 0.0, 0.0]]]), motion)
    assert torch.allclose(pose.keypoints, torch.tensor([[[0.1, 0.8, 0.3]]]), atol=1e-6)
    assert torch.allclose(pose.head, torch.tensor([[[1.0, 0.0, 0.3]]]), atol=1e-6), "un-rotated, x_c + R^T d"


def test_there_is_no_scale(model: FaceVid2Vid, image: torch.Tensor):
    """The encoder says 1, and nothing changes when somebody else says 2."""
    motion = model.encode_motion(image)
    assert motion["scale"].tolist() == [[1.0]]
    canonical = model.encode_source(image)["canonical_keypoints"]
    own, doubled = (model.pose(canonical, {**motion, "scale": torch.tensor([[value]])}) for value in (1.0, 2.0))
    assert torch.equal(own.keypoints, doubled.keypoints)
    assert torch.equal(relative_matrix(own, doubled), relative_matrix(own, own))


def test_canonical_keypoints_are_the_sources_alone(model: FaceVid2Vid, image: torch.Tensor):
    """What the driver says of x_c reaches nothing: its motion has only pose, place and d."""
    assert set(model.encode_motion(image)) == {"head_pose", "scale", "translation", "expression"}
    assert model.encode_motion(image)["expression"].shape == (1, 3 * model.config.keypoints)
    portrait, driving = model.encode_source(image), model.encode_motion(image.flip(3))
    with torch.no_grad():
        frame = model.render(image, portrait, model.encode_motion(image), driving).frame
        moved = {**portrait, "canonical_keypoints": portrait["canonical_keypoints"] * 1.2}
        assert (model.render(image, moved, model.encode_motion(image), driving).frame - frame).abs().max() > 1e-3


def random_truth(count: int = 5) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    canonical = facevid2vid.build().motion.template.expand(count, -1, -1)
    return {
        "head_pose": torch.empty(count, 3).uniform_(-0.6, 0.6),
        "scale": torch.empty(count, 1).uniform_(0.8, 1.3),
        "translation": torch.empty(count, 2).uniform_(-0.2, 0.2),
        "canonical": canonical,
        "head": canonical + 0.03 * torch.randn_like(canonical),
    }


def test_the_teacher_gives_both_methods_the_same_keypoints(model: FaceVid2Vid):
    """On equal truth the renderers are driven by equal keypoints; here d carries size and expression, in the camera's frame."""
    truth = random_truth()
    ours, theirs = model.teacher(truth), mmfa.build().teacher(truth)
    assert torch.allclose(ours.keypoints, theirs.keypoints, atol=1e-5)
    assert torch.allclose(ours.head, truth["scale"][:, :, None] * theirs.head, atol=1e-5)
    still = {**truth, "head": truth["canonical"]}
    size = model.teacher(still).motion["expression"].view_as(truth["head"])
    expected = (truth["scale"] - 1)[:, :, None] * (truth["canonical"] @ rotation_matrix(truth["head_pose"]).transpose(1, 2))
    assert torch.allclose(size, expected, atol=1e-5), "without an expression, d is the head's size and nothing else"


def numpy_motion(truth: dict[str, torch.Tensor], row: int, model: FaceVid2Vid) -> Motion:
    motion = model.teacher(truth).motion
    names = ("head_pose", "scale", "translation", "expression")
    return Motion(**{name: motion[name][row].numpy().astype(np.float32) for name in names})


def test_transfer_keeps_its_meaning(model: FaceVid2Vid):
    """relative: nothing changed, nothing moves; d_s + d_d - d_d0; scale stays 1. absolute: the driver's own."""
    truth = random_truth()
    source, driving, reference = (numpy_motion(truth, row, model) for row in range(3))
    still = transfer(source, reference, reference, "relative")
    assert np.allclose(still.vector(), source.vector(), atol=1e-5)
    moved = transfer(source, driving, reference, "relative")
    assert np.allclose(moved.expression, source.expression + driving.expression - reference.expression, atol=1e-6)
    assert moved.scale == 1
    assert transfer(source, driving, None, "absolute") is driving


def cost(model: KeypointMethod, image: torch.Tensor) -> tuple[int, int]:
    """Parameters, floating-point operations of a driving frame."""
    with torch.no_grad():
        portrait = model.encode_source(image)
        with FlopCounterMode(display=False) as counter:
            motion = model.encode_motion(image)
            model.render(image, portrait, motion, motion)
    return parameter_count(model), counter.get_total_flops()


def test_the_budget_is_mmfas(image: torch.Tensor):
    """Parameters, and GMACs a driving frame, within a few percent."""
    ours, theirs = (cost(recipe.build().eval(), image) for recipe in (facevid2vid, mmfa))
    assert ours == pytest.approx(theirs, rel=BUDGET)


def test_mmfas_renderer_fits(model: FaceVid2Vid):
    """Its render weights can start ours; the names of checkpoints on disk stay what they were."""
    other = mmfa.build()
    for name in RENDER_PARTS:
        getattr(facevid2vid.build(), name).load_state_dict(getattr(other, name).state_dict())
    names = set(other.state_dict())
    on_disk = """source.fine.0.0.weight source.coarse.2.norm.running_var dense_motion.log_spread dense_motion.background
        dense_motion.enter.0.weight dense_motion.deep.1.first.1.weight dense_motion.head.bias generator.code.0.weight
        generator.modulate_middle.linear.bias generator.to_fine.1.bias generator.fine.1.second.weight generator.head.weight
        expression.layers.2.weight motion.template"""
    assert not set(on_disk.split()) - names


def test_same_motion_gives_the_source_back(image: torch.Tensor):
    """Untrained, a face that does not move is not warped: the flow is the identity."""
    fresh = facevid2vid.build().eval()
    with torch.no_grad():
        motion = fresh.encode_motion(image)
        rendered = fresh.render(image, fresh.encode_source(image), motion, motion)
    assert (rendered.flow[0] - identity_grid(64, 64)).abs().max() < 1e-4
    assert (rendered.warped - image).abs().max() < 1e-3


def test_every_parameter_gets_a_gradient(image: torch.Tensor):
    made = facevid2vid.build().train()
    for module in (made.dense_motion.head, made.generator.modulate_coarse.linear, made.generator.modulate_middle.linear):
        torch.nn.init.normal_(module.weight, std=0.02)
    pair = torch.cat([image, image.flip(3)])
    source, driving = made.encode_motion(pair), made.encode_motion(pair.flip(0))
    made.render(pair, made.encode_source(pair), source, driving).frame.square().mean().backward()
    without = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # What is seen through a window cannot move it: the first pass has terms of its own (objectives/motion.py).
    first = [name for name in without if name.startswith(("motion.first.", "motion.place."))]
    assert {"motion.first.trunk.0.0.weight", "motion.place.weight"} <= set(first)
    without = [name for name in without if name not in first]
    assert without == []


@pytest.fixture(scope="module")
def exported(model: FaceVid2Vid, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    export(model, folder, {"images_seen": {"motion": 0, "render": 0}})
    return folder


def test_graphs_agree_with_the_module(model: FaceVid2Vid, image: torch.Tensor, exported: Path):
    method = OnnxMethod(exported, "cpu")
    assert method.name == "facevid2vid"
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    exact = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    portrait = method.encode_crop(pixels)
    motion = portrait.motion
    assert motion.scale == 1
    driving = motion.replace(
        head_pose=motion.head_pose + np.float32([0.3, 0.1, -0.2]),
        expression=motion.expression + np.float32(0.05) * np.sin(np.arange(motion.expression.size, dtype=np.float32)),
    )
    frame = method.render(portrait, driving).astype(np.float32) / 255
    tensors = [{k: torch.from_numpy(getattr(m, k))[None] for k in vars(m)} for m in (motion, driving)]
    with torch.no_grad():
        expected = model.render(exact, model.encode_source(exact), *tensors).frame[0].permute(1, 2, 0).numpy()
    assert np.abs(frame - expected).mean() < TOLERANCE
    assert np.abs(frame - expected).mean() < 0.2 * np.abs(frame - exact[0].permute(1, 2, 0).numpy()).mean()


def test_amplify_doubles_what_is_expression():
    """And leaves the head's size, which d carries too, as it is: at scale 1.2 the rigid part of d stays."""
    for recipe in (facevid2vid, mmfa):
        torch.manual_seed(0)
        made = recipe.build().eval()
        feature, still = (
            torch.randn(1, FEATURES),
            {"head_pose": torch.tensor([[0.2, 0.1, 0.3]]), "translation": torch.zeros(1, 2)},
        )
        shapes = []
        for gain in (1.0, 2.0):
            made.amplify(gain)
            with torch.no_grad():
                found = made.motion.describe(feature, {**still, "scale": torch.tensor([[1.2]])})
                pose = made.pose(found["canonical_keypoints"], found)
            size = 1.2 / pose.motion["scale"][0, 0]
            shapes.append(pose.head / size - found["canonical_keypoints"])
        assert shapes[0].abs().max() > 1e-3
        assert torch.allclose(shapes[1], 2 * shapes[0], atol=1e-6)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Two clips of dots: the canonical face in random poses, each keypoint drawn where it lies."""
    folder, random = tmp_path_factory.mktemp("pool"), np.random.default_rng(0)
    face = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])
    turns = rotation_matrix(random.uniform(-0.4, 0.4, (12, 3)))
    sizes = random.uniform(0.9, 1.3, (12, 1, 1))
    landmarks = (sizes * face @ np.swapaxes(turns, -1, -2)) * 128
    landmarks[..., :2] += 128
    frames = np.zeros((12, 256, 256, 3), np.uint8)
    for frame, points in zip(frames, landmarks, strict=True):
        x, y = points[:468, :2].astype(int).clip(1, 254).T
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            frame[y + dy, x + dx] = (255, 200, 180)
    np.save(folder / "frames0.npy", frames)
    split = np.repeat(["train", "val"], 6)
    labels = {"split": split, "ident": split, "clip": split, "bs": random.uniform(0, 1, (12, 52)).astype(np.float32)}
    np.savez(folder / "labels0.npz", lm=landmarks.astype(np.float32), **labels)
    return Pool.load(folder)


def test_a_tiny_training_lowers_the_loss(pool: Pool):
    """A dozen steps on one batch; the whole run is the slow test below."""
    torch.manual_seed(0)
    made = facevid2vid.build().train()
    objective, batch = MotionObjective(made), PairSampler(pool, ("train",), 0).read(np.arange(6), 128)
    optimiser = torch.optim.AdamW(made.motion.parameters(), 5e-4)
    losses = []
    for _ in range(12):
        terms = objective(made, batch)
        assert terms.keys() == MOTION_WEIGHTS.keys()
        loss = sum(MOTION_WEIGHTS[name] * value for name, value in terms.items())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0], losses
