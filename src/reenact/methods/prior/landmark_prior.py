"""Face priors behind one door (methods/prior/face.py): ours, and how another one is plugged in.

class Flame:                        # whoever holds the licence
    def face(self, identities): ...     -> Face: mean, identity, expression, triangles, the 40 points to begin on
    def read(self, image): ...          -> Reading: pose, coefficients, mesh in the head's frame; or None
    mirror = ...                        # for each coefficient, the one on the other half of the face

METHOD = recipe_of(Flame())             # build, stages and export as in methods/prior/recipe.py
pool = read_by(Flame(), pool)           # once: its estimate of every frame takes the place of the landmarker's
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8

from reenact.core.errors import ReenactError
from reenact.data.pairs import mirrored_blendshapes
from reenact.data.pool import Pool, Truth
from reenact.faces.points import MESH_POINTS, SHELL
from reenact.faces.pose import canonical_face, fit_head
from reenact.methods.matting import backed
from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face, FacePrior, Reading, fitted, neutral_faces
from reenact.methods.prior.model import Prior
from reenact.methods.prior.objective import MotionObjective
from reenact.train.recipe import RENDER_PARTS, Recipe

if TYPE_CHECKING:
    from reenact.faces.landmarker import Landmarker

IRIS_MIRROR = np.array([473, 476, 475, 474, 477, 468, 471, 470, 469, 472])
"""of the mesh points 468 to 477: centre and rim of the right iris, then of the left"""
UNREAD = "unread"
"""split of frames in which a prior finds no face"""


class LandmarkPrior:
    """MediaPipe's face landmarker (Apache-2.0): 478 points, 52 coefficients; its face model is measured on a pool."""

    mirror = mirrored_blendshapes()

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._landmarker: Landmarker | None = None

    def face(self, identities: int) -> Face:
        """Every frame counts as it is and mirrored, so that both halves of the face are alike."""
        pool, meshes = self._pool, self._pool.meshes()
        return fitted(
            np.concatenate([meshes, meshes[:, mesh_mirror_order()] * np.float32([-1, 1, 1])]),
            np.concatenate([pool.blendshapes, pool.blendshapes[:, self.mirror]]),
            np.concatenate([pool.clip, np.char.add(pool.clip.astype(str), " mirrored")]),
            identities,
            canonical_face().triangles,
            MESH_POINTS,
        )

    def read(self, image: UInt8[np.ndarray, "size size 3"]) -> Reading | None:
        """As the pool's frames were labelled."""
        from reenact.faces.landmarker import Landmarker

        self._landmarker = self._landmarker or Landmarker(1)
        found = self._landmarker.detect(image)
        if not found:
            return None
        points = found[0].landmarks / np.float32(image.shape[0] / 2)
        points[:, :2] -= 1
        fit = fit_head(points)
        shapes = self._landmarker.blendshapes(found[0]).reshape(-1)
        return Reading(fit.head_pose, np.float32([fit.scale]), fit.translation[:2], shapes, fit.unpose(points))


def mesh_mirror_order() -> np.ndarray:
    """[478] for each mesh point, the one on the other half of the face."""
    return np.concatenate([canonical_face().mirror, IRIS_MIRROR])


def read_by(prior: FacePrior, pool: Pool) -> Pool:
    """The pool with the estimates of `prior`; frames in which it finds no face are set aside (split "unread").

    Raises ReenactError where it finds no face at all.
    """
    readings = [prior.read(pool.read(np.array([row]))[0]) for row in range(len(pool.split))]
    known = [reading for reading in readings if reading is not None]
    if not known:
        raise ReenactError("the prior finds no face in any frame of the pool: is it made for pictures of this size?")
    kept = [reading or known[0] for reading in readings]
    points = list(prior.face(1).points)
    shapes, meshes = np.stack([one.coefficients for one in kept]), np.stack([one.mesh[points] for one in kept])
    found = np.array([reading is not None for reading in readings])
    person = np.where(found, pool.clip.astype(str), UNREAD)
    canonical = neutral_faces(meshes, shapes, person)
    shell = np.broadcast_to(SHELL, (len(kept), *SHELL.shape))
    truth = Truth(
        *(np.stack([getattr(one, name) for one in kept]) for name in ("head_pose", "scale", "translation")),
        *(np.concatenate([points, shell], 1).astype(np.float32) for points in (canonical, meshes)),
        shapes,
        np.asarray(prior.mirror),
    )
    return replace(pool, split=np.where(found, pool.split, UNREAD), given=truth)


def recipe_of(prior: FacePrior, config: Config | None = None) -> Recipe:
    """The stages (train/tasks.py) of the method on another prior's faces. config: its other sizes; default: ours."""
    given = config or Config()
    face = prior.face(given.identity_size)
    count = len(face.expression)
    sizes = {"mesh_points": len(face.mean), "coefficients": count, "expression_size": count + given.residual_size}
    sized = replace(given, **sizes, mesh_keypoints=len(face.points))
    template = torch.from_numpy(np.concatenate([face.mean[list(face.points)], SHELL]).astype(np.float32))
    return recipe(lambda: backed(Prior(sized, template, face)))


def recipe(build: Callable[[], Prior], **more: Any) -> Recipe:
    """The parts that train in which stage. more: further fields of Recipe."""
    return Recipe(
        build=build,
        motion_parts=("motion", "residual"),
        motion_objective=MotionObjective,
        render_parts=(*RENDER_PARTS, "visibility"),
        **more,
    )
