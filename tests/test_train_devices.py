"""No constant is left behind on the CPU: batches, objectives and losses run on a device that is not the CPU.

PyTorch's `meta` device has shapes and no numbers, and refuses to mix with CPU tensors as a GPU does.
"""

import numpy as np
import pytest
import torch

from reenact.data import pairs
from reenact.data.pairs import Shake, jitter, mirrored
from reenact.recipes import mmfa

META = torch.device("meta")
COUNT = 2
SHAPES = {"image": (3, 64, 64), "head_pose": (3,), "scale": (1,), "translation": (2,), "blendshapes": (52,)}


def batch(side: int = 64) -> dict[str, torch.Tensor]:
    shapes = SHAPES | {"image": (3, side, side), "canonical": (47, 3), "head": (47, 3)}
    values = {name: torch.empty(COUNT, *shape, device=META) for name, shape in shapes.items()}
    flip, gain = torch.empty(COUNT, dtype=torch.bool, device=META), torch.empty(COUNT, 3, 1, 1, device=META)
    return dict(mirrored(values, flip, gain, torch.empty(47, dtype=torch.long, device=META)))


def test_meta_is_as_strict_as_a_gpu():
    with pytest.raises(RuntimeError, match="device"):
        torch.empty(3, device=META) * torch.zeros(3)


def test_render(monkeypatch: pytest.MonkeyPatch):
    model, objective = mmfa.build().to(META), mmfa.RenderObjective().to(META)
    terms, frame = objective(model, batch(), batch())
    assert {value.device.type for value in terms.values()} | {frame.device.type} == {"meta"}
    sum(terms.values()).backward()


def test_motion(monkeypatch: pytest.MonkeyPatch):
    # a generator needs a real device
    monkeypatch.setattr(pairs, "_grain", lambda image, seeds: torch.empty_like(image))
    model = mmfa.build()
    objective = mmfa.MotionObjective(model).to(META)
    shake = Shake.draw(np.random.default_rng(0), COUNT).part(slice(0, COUNT), META)
    terms = objective(model.to(META), jitter(batch(128), shake, 128))
    assert {value.device.type for value in terms.values()} == {"meta"}
    sum(terms.values()).backward()
