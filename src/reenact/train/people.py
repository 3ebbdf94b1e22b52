"""How the identity network knows each person of a pool, before anything is trained."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float

from reenact.data.batches import Batches
from reenact.data.splits import WARPED
from reenact.nn.keypoint_method import KeypointMethod
from reenact.objectives.self_reenactment import RenderObjective

KNOWN_AS = "known_as"
"""the name under which batches bring it"""
LOOKED_AT = 6
"""ours: frames of a clip from which its person is recognised, spread over it"""
AT_ONCE = 64


@torch.no_grad()
def known_people(data: Batches, objective: RenderObjective, model: KeypointMethod) -> Float[np.ndarray, "n 128"]:
    """The mean embedding of some frames of each frame's person, of unit length. One picture's embedding asks for its pose, too:
    heads that were to turn arrived at seven tenths of the way (docs/weights.md)."""
    pool = data.pool
    own = pool.split != WARPED
    rows = [np.flatnonzero(own & (pool.clip == clip)) for clip in np.unique(pool.clip)]
    chosen = np.concatenate([some[np.unique(np.linspace(0, len(some) - 1, LOOKED_AT).astype(int))] for some in rows if len(some)])
    found = [objective.person(data.read(chosen[i : i + AT_ONCE]), model).float() for i in range(0, len(chosen), AT_ONCE)]
    names, person = np.unique(pool.identity, return_inverse=True)
    sums = torch.zeros(len(names), found[0].shape[1], device=data.device)
    sums.index_add_(0, torch.from_numpy(person[chosen]).to(data.device), torch.cat(found))
    return F.normalize(sums, dim=1).cpu().numpy()[person]
