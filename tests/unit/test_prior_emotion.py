"""The prior's stage for its paper's claims: an expression network as a loss, visibility that hides."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clips import PORTRAIT
from reenact.data.pool import Pool
from reenact.evaluate.networks import Emotion, face_box
from reenact.faces.landmarker import Landmarker
from reenact.losses.emotion import Expression, emotion_distance
from reenact.media.image import read_image
from reenact.methods import recipe
from reenact.methods.prior import recipe as prior
from reenact.methods.prior.config import Config
from reenact.methods.prior.parts import HIDDEN, uncovered
from reenact.train.tasks import task_of
from thin import THIN
from training_pool import make_pool

CPU = torch.device("cpu")


def test_it_is_the_network_that_evaluation_has_and_gradients_reach_the_picture():
    """The same crop, the same embedding; its distance to another face's changes with the picture."""
    image = np.ascontiguousarray(read_image(PORTRAIT)[..., :3])
    face = Landmarker(1).detect(image)[0]
    crop = face_box(image, face.landmarks)
    wanted, _ = Emotion(1).embed([crop])
    network = Expression()
    side = np.float32([image.shape[1], image.shape[0]])
    tensor = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255
    resized = torch.nn.functional.interpolate(tensor, size=(224, 224), mode="bicubic", align_corners=False, antialias=True)
    found = network(resized.clamp(0, 1))
    assert emotion_distance(found, torch.from_numpy(wanted)) < 2e-3
    picture = (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).requires_grad_()
    points = torch.from_numpy(face.landmarks[None, :, :2] / side * 2 - 1).float()
    cut = network.embed(picture, points)
    assert emotion_distance(cut, torch.from_numpy(wanted)) < 0.02
    emotion_distance(cut, -torch.from_numpy(wanted)).backward()
    assert picture.grad is not None and picture.grad.abs().sum() > 0 and not list(network.parameters())


def test_what_faced_away_is_hidden_and_nothing_else():
    now, then = torch.tensor([1.0, 1.0, -0.5, 0.5]), torch.tensor([-0.4, 0.6, -0.4, 0.1])
    seen = torch.stack([now, then])[None, :, None].expand(1, 2, 4, 4)
    taken = uncovered(seen, 4)[0, 0, 0]
    assert torch.allclose(taken, torch.tensor([-HIDDEN, 0.0, 0.0, -HIDDEN * 0.25]))
    assert uncovered(seen, 8).shape == (1, 1, 8, 8)


def test_a_head_that_turns_away_and_back_uncovers_its_far_side():
    """Source turned by 60 degrees, driving frame frontal: explicit visibility hides a part; where nothing turns, none."""
    torch.manual_seed(0)
    config = replace(Config(), **THIN, visibility="explicit")
    model = prior.build(config).eval()
    points = torch.zeros(1, config.expression_size)
    still = {"scale": torch.ones(1, 1), "translation": torch.zeros(1, 2), "expression": points}
    turned, frontal = ({**still, "head_pose": torch.tensor([[yaw, 0.0, 0.0]])} for yaw in (1.05, 0.0))
    canonical = model.motion.template[None]
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        model.motion.face.take(prior._mean_face(config))
        fields = {}
        for name, source, driving in (("back", turned, frontal), ("still", frontal, frontal)):
            poses = model.pose(canonical, source), model.pose(canonical, driving)
            fields[name] = model.decide(image, *poses)[0].occlusion
    assert fields["back"].min() < -3 and fields["still"].min() > -0.5


def test_stages(tmp_path_factory: pytest.TempPathFactory):
    """Consistency keeps the coefficients, which are read and not probed; `joint_emotion` steps, and its term reaches the
    generator."""
    kept = [recipe(f"{name}_finetune_consistency")[0].weights["blendshapes"] for name in ("prior", "mmfa")]
    assert kept[0] > 0 and kept[1] == 0
    pool = Pool.load(make_pool(tmp_path_factory.mktemp("pool")))
    (stage,) = recipe("prior_joint_emotion")
    assert stage.model.visibility == "explicit" and stage.after == ("finetune_consistency",)
    task = task_of(replace(stage, size=128, same_motion=0.0, model=replace(stage.model, **THIN)), pool, CPU)
    terms, _ = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() | {"behind"} == stage.weights.keys(), "these models show no inpainted background"
    terms["emotion"].backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.trained["generator"].parameters())
