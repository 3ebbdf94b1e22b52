"""What of a portrait is the person, and the static backdrop behind them. ours: no paper here has it.

The flow near a head drags what lies beside it along, whichever method made it. Where the portrait shows backdrop and the
flow brings no part of the person, the portrait's own pixels are the answer, and nothing has to be generated.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample
from reenact.geometry.rotation import rotation_matrix
from reenact.nn.blocks import ConvBlock, ResidualBlock, exact, pool, upsample
from reenact.nn.keypoints import Tensors

Mask = Float[Tensor, "batch 1 side side"]
VIEW = 128
"""ours: side at which the person is found, px"""
STILL_RIM = 13
"""ours: how far around the portrait's person nothing is held still, px at 256; hair and a matte's errors lie there"""
DOUBT = (0.2, 0.6)
"""ours: a matte below the first counts as nobody, above the second as somebody"""
MOVED_RIM = 5
"""ours: the same around where the flow brings the person"""
PLATE_RIM = 3
"""ours: around the person, nothing is taken to be backdrop, px at 256"""
KNOWN = 0.05
"""ours: less of a person than this is backdrop"""
FACE_MIDDLE = (0.0, 0.02, 0.37)
"""in the head's frame, face heights: the middle of the mesh, which is .40 wide and .50 high to each side (13 people seen from the
front: .38 to .42, .48 to .53)"""
RISE, HEAD_HALF = 0.12, (0.46, 0.62)
"""ours, face heights: how far above that the head's middle lies, hair and all; half its width and height"""
SEAM = 0.1
"""ours, in half sides: towards the picture's rim the inpainted background becomes the portrait, beside which it is pasted back"""
NEAR, FAR = 1.5, 1.7
"""ours, times the head: up to the first the inpainted background is whole, beyond the second it is the portrait with all that
stands there. A head disoccludes what it has hidden; chairs, microphones and captions, which a matte takes for a person, lie
farther off, and shoulders are seldom where the model believes"""


class PersonNet(nn.Module):
    """A picture -> how much of each pixel is a person. A small U-Net, distilled from MODNet (calibrate/matting.py)."""

    def __init__(self, widths: tuple[int, ...] = (12, 24, 48, 96, 96)) -> None:
        super().__init__()
        self.enter = ConvBlock(3, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(ConvBlock(a, b, 2), ResidualBlock(b)) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.up = nn.ModuleList(ConvBlock(a + b, b) for a, b in zip(reversed(widths[1:]), reversed(widths[:-1]), strict=True))
        self.out = nn.Conv2d(widths[0], 1, 3, padding=1)

    def forward(self, image: Float[Tensor, "batch 3 side side"]) -> Mask:
        """RGB in [0, 1], its side a multiple of 128 -> [0, 1], of the same size."""
        mask = torch.sigmoid(self.logits(pool(image, VIEW)))
        return F.interpolate(mask, size=image.shape[-2:], mode="bilinear", align_corners=False)

    def logits(self, view: Float[Tensor, "batch 3 128 128"]) -> Float[Tensor, "batch 1 128 128"]:
        levels = [self.enter(view - 0.5)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up:
            x = up(torch.cat([upsample(x), levels.pop()], 1))
        return self.out(x)


def plate(image: Float[Tensor, "batch 3 side side"], person: Mask) -> Float[Tensor, "batch 3 side side"]:
    """The backdrop whole: the image where nobody is, and behind the person the smooth colours around them. person: `sure`."""
    known = (grown(person, PLATE_RIM) < KNOWN).to(image.dtype)
    soft = F.avg_pool2d(known, 3, 1, 1, count_include_pad=False) * known
    return soft * image + (1 - soft) * smooth_colours(image, known)


@exact
@torch.no_grad()
def from_head(motion: Tensors, side: int) -> Float[Tensor, "batch 1 side side"]:
    """How far each pixel is from the middle of a head, hair and all: 1 on the ellipse around it, of `HEAD_HALF`.

    motion: head_pose [B,3] rad, scale [B,1], translation [B,2] of the picture's."""
    scale, angles = motion["scale"].float(), motion["head_pose"].float()
    centre = motion["translation"].float() + scale * (rotation_matrix(angles) @ scale.new_tensor(FACE_MIDDLE))[:, :2]
    rolled = rotation_matrix(F.pad(angles[:, 2:], (2, 0)))[:, :2, :2]
    away = (identity_grid(side, side, scale).reshape(1, -1, 2) - centre[:, None]) @ rolled / scale[:, :, None]
    away = (away + scale.new_tensor((0.0, RISE))) / scale.new_tensor(HEAD_HALF)
    return away.square().sum(-1).sqrt().view(-1, 1, side, side)


@exact
@torch.no_grad()
def near_head(motion: Tensors, side: int) -> Mask:
    """1 where the head is and can have hidden something, 0 far from it. motion: the portrait's, as `from_head`."""
    reach = from_head(motion, side)
    return torch.minimum((FAR - reach) / (FAR - NEAR), from_rim(reach)).clamp(0, 1)


def from_rim(like: Mask) -> Float[Tensor, "side side"]:
    """How far each pixel is from the picture's rim: 1 at `SEAM` from it."""
    return (1 - identity_grid(like.shape[-2], like.shape[-1], like).abs().amax(-1)) / SEAM


def only_near(
    plate: Float[Tensor, "batch 3 side side"], image: Float[Tensor, "batch 3 side side"], motion: Tensors
) -> Float[Tensor, "batch 3 side side"]:
    """The inpainted background near the head, and the portrait elsewhere. motion: as `near_head`."""
    return image + near_head(motion, image.shape[-1]) * (plate - image)


def smooth_colours(image: Float[Tensor, "batch 3 side side"], known: Mask) -> Float[Tensor, "batch 3 side side"]:
    """The image where it is known, elsewhere means of what is near. known: 0 or 1. Side a power of two.

    Pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4); faces/fill.py is the same in NumPy."""
    if image.shape[-1] == 1:
        return image
    share = F.avg_pool2d(known, 2)
    means = F.avg_pool2d(image * known, 2) / share.clamp(min=1e-6)
    coarse = smooth_colours(means, (share > 0).to(image.dtype))
    return known * image + (1 - known) * upsample(coarse)


class Behind(nn.Module):
    """A portrait -> its person and the inpainted background behind; trained before anything else, then frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.person = PersonNet()

    def forward(self, image: Float[Tensor, "batch 3 side side"]) -> tuple[Mask, Float[Tensor, "batch 3 side side"]]:
        """RGB in [0, 1] -> how much of each pixel is a person, 0..1; the backdrop whole, RGB in [0, 1]."""
        person = self.find(image)
        return person, plate(image, person)

    def find(self, image: Float[Tensor, "batch 3 side side"]) -> Mask:
        """The person alone."""
        return sure(self.person(image))


class StillBackground(nn.Module):
    """The last step of a render: a frame, with the portrait's own backdrop where nobody is and nobody was."""

    def forward(
        self,
        frame: Float[Tensor, "batch 3 side side"],
        image: Float[Tensor, "batch 3 side side"],
        person: Mask,
        free: Mask,
        grid: Float[Tensor, "batch side side 2"],
    ) -> tuple[Float[Tensor, "batch 3 side side"], Mask]:
        """The frame, and how much of each pixel is the portrait's own. image: the portrait; person: `PersonNet` of it; free:
        `free(person)`; grid: where the frame was looked up."""
        still = free * (1 - grown(sample(person, grid), MOVED_RIM))
        return frame + still * (image - frame), still


def sure(person: Mask) -> Mask:
    """Doubt made up: half-transparent ghosts are worse than a backdrop that moves, so from .6 on it is the person."""
    return ((person - DOUBT[0]) / (DOUBT[1] - DOUBT[0])).clamp(0, 1)


def free(person: Mask) -> Mask:
    """Where the portrait shows backdrop, clear of the person by `STILL_RIM`."""
    return 1 - grown(person, STILL_RIM)


def grown(mask: Mask, width: int) -> Mask:
    """Widened by half a `width` (odd, px at 256), with an edge as soft: the largest of width x width, then their mean.

    Rows, then columns, each as the mask shifted: pooling of one channel runs in OpenVINO's slow reference kernel."""
    ones = torch.ones_like(mask[:1, :, :1])
    for dim in (3, 2):
        mask = functools.reduce(torch.maximum, _shifted(mask, width, dim))
    for dim, count in ((3, ones), (2, ones.transpose(2, 3))):
        mask = sum(_shifted(mask, width, dim)) / sum(_shifted(count, width, dim))  # type: ignore[arg-type]
    return mask


def _shifted(mask: Float[Tensor, "batch 1 row column"], width: int, dim: int) -> list[Float[Tensor, "batch 1 row column"]]:
    """The mask moved by -width/2 to width/2 along a side; nothing lies beyond its edge."""
    margin, length = width // 2, mask.shape[dim]
    padded = F.pad(mask, (margin, margin) if dim == 3 else (0, 0, margin, margin))
    return [padded.narrow(dim, start, length) for start in range(width)]
