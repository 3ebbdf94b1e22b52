"""The four methods before any training, their fresh heads shaken, so that every path counts; and a picture of nobody."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import canonical_face
from reenact.methods.export import export
from reenact.methods.facevid2vid import recipe as facevid2vid
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.mmfa.config import Config as Plain
from reenact.methods.prior import recipe as prior
from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face
from reenact.methods.sfd import recipe as sfd
from reenact.methods.sfd.adopt import adopted
from reenact.methods.sfd.model import Sfd
from reenact.nn.keypoint_method import KeypointMethod
from reenact.train.start import begin

RECIPES = {"mmfa": mmfa, "facevid2vid": facevid2vid, "prior": prior, "sfd": sfd}
HEADS = {
    "mmfa": ("dense_motion.head",),
    "facevid2vid": ("dense_motion.head", "motion.offsets", "motion.refine"),
    "prior": ("dense_motion.head", "motion.residual", "motion.identity", "residual.layers.-1", "visibility.maps"),
}


def fresh(name: str) -> KeypointMethod:
    """One of RECIPES with nothing taught and nothing shaken; mmfa in its config's own defaults."""
    return mmfa.build(Plain()) if name == "mmfa" else RECIPES[name].build()


def shake(model: torch.nn.Module, paths: tuple[str, ...]) -> None:
    """Modules by dotted path (-1: the last of a sequence): their parameters anew, of standard deviation .02."""
    for path in paths:
        head = model
        for name in path.split("."):
            head = head[-1] if name == "-1" else getattr(head, name)
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter, std=0.02)


def random_face(config: Config, seed: int = 0) -> Face:
    """The mean face with random directions of identity and expression."""
    numbers = np.random.default_rng(seed)
    mean = prior.build().motion.face.mean.numpy()[: config.mesh_points]
    identity, expression = (
        numbers.normal(0, 0.02, (count, *mean.shape)).astype(np.float32) for count in (config.identity_size, config.coefficients)
    )
    triangles = canonical_face().triangles
    return Face(mean, identity, expression, triangles[(triangles < config.mesh_points).all(1)], MESH_POINTS)


@cache
def mmfa_and_sfd() -> tuple[KeypointMethod, Sfd]:
    """A mmfa that answers something, and the sfd that starts from it."""
    torch.manual_seed(0)
    theirs, ours = mmfa.build(Plain()), sfd.build()
    shake(theirs, ("dense_motion.head", "motion.canonical", "motion.refine", "expression.layers.-1"))
    begun = begin(torch.nn.ModuleDict(dict(ours.named_children())), adopted(theirs.state_dict(), ours.state_dict()))
    assert set(begun) == {"motion", "space", "read_out", "correction", "source", "dense_motion", "generator"}
    return theirs.eval(), ours.eval()


@cache
def shaken(name: str) -> KeypointMethod:
    """One of RECIPES, in evaluation mode; shared by a file's tests, so that none may change it."""
    torch.manual_seed(0)
    made = fresh(name)
    if name == "prior":
        made.motion.face.take(random_face(made.config))
    if name == "sfd":
        made.load_state_dict(mmfa_and_sfd()[1].state_dict())
        for layer in (made.correction.head, made.correction.told[-1]):
            torch.nn.init.normal_(layer.weight, std=0.02)
    else:
        shake(made, HEADS[name])
    return made.eval()


@cache
def exported(name: str) -> Path:
    """The graphs of `shaken(name)`; shared by all files' tests, so that none may change the folder."""
    folder = Path(tempfile.mkdtemp(prefix=f"reenact-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    export(shaken(name), folder, {"images_seen": {"motion": 0, "render": 0}})
    return folder


def smooth_pictures(count: int = 1) -> torch.Tensor:
    """RGB in [0, 1], (count, 3, 256, 256)."""
    torch.manual_seed(1)
    small = torch.rand(count, 3, 16, 16)
    return torch.nn.functional.interpolate(small, size=(256, 256), mode="bicubic").clamp(0, 1)
