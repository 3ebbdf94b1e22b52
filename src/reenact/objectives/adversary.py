"""Discriminators of the rendering network: one for the whole picture, one for eyes and mouth enlarged (losses/patch_gan.py).

ours: at a CPU's number of pictures, a face is looked at closely where likeness is decided, the rest of the picture by coarse
patches.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.losses.patch_gan import PatchDiscriminator, feature_matching, hinge_discriminator, hinge_generator
from reenact.losses.projected import ProjectedDiscriminator
from reenact.nn.keypoints import Tensors
from reenact.objectives.self_reenactment import enlarged

WIDTH = 32
"""ours: channels of the first block; a tenth of a step's arithmetic"""
WEIGHTS = {"adversarial": 0.03, "matching": 0.3}
"""ours: matching leads, so that what is learnt is the texture of this very picture; the hinge alone is a nudge"""
DISCRIMINATOR_WEIGHTS = {"discriminator": 1.0}


Judge = PatchDiscriminator | ProjectedDiscriminator
"""a picture -> its logits and features (losses/patch_gan.py: Judgement)"""


class Discriminators(nn.Module):
    """One or several patch discriminators, and what each side learns from them. A subclass gives `networks`."""

    def networks(self) -> tuple[tuple[Judge, str], ...]:
        """Each discriminator with the suffix of what it is shown: fake<suffix>, real<suffix>."""
        raise NotImplementedError

    def terms(self, shown: Tensors) -> dict[str, Float[Tensor, ""]]:
        """For the rendering network: the hinge's other side, and the distance of features to those of the true picture.

        Gradients reach the fake pictures; whoever calls it freezes the discriminators' own parameters (train/loop.py does)."""
        adversarial, matching = [], []
        for network, name in self.networks():
            fake = network(shown[f"fake{name}"])
            with torch.no_grad():
                real = network(shown[f"real{name}"])
            adversarial.append(hinge_generator(fake.logits))
            matching.append(feature_matching(fake.features, real.features))
        return {"adversarial": torch.stack(adversarial).sum(), "matching": torch.stack(matching).sum()}

    def forward(self, shown: Tensors) -> dict[str, Float[Tensor, ""]]:
        """For the discriminators: hinge, summed; 2 for each that knows nothing."""
        losses = []
        for network, name in self.networks():
            losses.append(hinge_discriminator(network(shown[f"real{name}"]).logits, network(shown[f"fake{name}"]).logits))
        return {"discriminator": torch.stack(losses).sum()}


class Adversary(Discriminators):
    """Of whole pictures, and of eyes and mouth enlarged."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.whole = PatchDiscriminator(width, blocks=4)
        self.parts = PatchDiscriminator(width, blocks=3)

    def networks(self) -> tuple[tuple[PatchDiscriminator, str], ...]:
        return (self.whole, ""), (self.parts, "_parts")

    def shown(self, frame: Float[Tensor, "batch 3 size size"], driving: Tensors) -> dict[str, Tensor]:
        """What the discriminators see of a generated picture and of the true one."""
        truth = driving["image"]
        parts, true_parts = (enlarged(picture, driving) for picture in (frame, truth))
        return {"fake": frame, "real": truth, "fake_parts": parts, "real_parts": true_parts}


class WholeAdversary(Discriminators):
    """Of whole pictures alone, where nothing says where eyes and mouth are."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = PatchDiscriminator(WIDTH, blocks=3)

    def networks(self) -> tuple[tuple[PatchDiscriminator, str], ...]:
        return ((self.whole, ""),)
