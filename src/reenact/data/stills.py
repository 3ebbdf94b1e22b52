"""Single photos as pairs: the source is the photo warped by its own mesh to another pose and expression, smears and all, and the
target is the photo. ours. The number of people limits the renderer (docs/queue.md); photos show three times as many as clips do.

The warped pictures are rows of the pool beside their photo's, of the split WARPED, with the pose and keypoints that they were
moved to; whoever samples pairs draws them from one to the other (data/pairs.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32, Int

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.data.pool import Pool, Truth
from reenact.data.splits import PHOTO, WARPED
from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import canonical_face, fit_head
from reenact.geometry.rotation import rotation_matrix

EACH = 6
"""ours: warped pictures of each photo"""
TURN = np.deg2rad(np.array([16.0, 9.0, 7.0]))
"""ours: standard deviations of the change of yaw, pitch and roll; twice that is as far as most clips turn"""
GROW, SHIFT = 0.08, 0.05
"""ours: standard deviations of the change of size (logarithm) and place (half sides)"""
HEAD = 1.5
"""ours: the ring around the face that turns with it (hair, ears, neck), times as far from the head's middle as the mesh's rim"""
HEAD_DEPTH = -0.1
"""ours: how far forward that ring lies, in face heights"""
FIELDS = ("head_pose", "scale", "translation", "canonical", "head", "blendshapes")
INSIDE = 0.97
"""where the ring ends at the latest, half sides"""
EDGE = 6
"""fixed points along each edge of the picture"""


def with_warped(pool: Pool, each: int = EACH, seed: int = 0) -> Pool:
    """The pool with `each` warped pictures of every photo; as it is where it has some already.

    Raises ReenactError where it has no photos, or no landmarks to warp them by.
    """
    if (pool.split == WARPED).any():
        return pool
    photos = np.flatnonzero(pool.split == PHOTO)
    if not len(photos):
        raise ReenactError(f"pairs of single photos were asked for, and the pool has none (split {PHOTO})")
    if not pool.landmarks.shape[1]:
        raise ReenactError("photos are warped by their landmarks, which this pool was packed without: pack the recipe itself")
    rows, random = np.repeat(photos, each), np.random.default_rng(seed)
    points, truth = _moved(pool, rows, random)
    side = pool.frames[0].shape[1]
    landmarks = (points + np.array([1, 1, 0], np.float32)) * np.float32(side / 2)
    frames = np.zeros((len(rows), side, side, 3), np.uint8)
    for number, row in enumerate(rows):
        frames[number] = warped(pool.read(rows[number : number + 1])[0], pool.landmarks[row], landmarks[number])
    return _joined(pool, rows, frames, landmarks, truth)


def _moved(pool: Pool, rows: np.ndarray, random: np.random.Generator) -> tuple[Float32[np.ndarray, "n 478 3"], Truth]:
    """Another pose near the photo's own, and the expression of a random frame of the pool: where the points of each picture go,
    [-1, 1] of it, and what is then true."""
    truth, count = pool.truth, len(rows)
    fit, meshes = pool.unposed()
    _, person = np.unique(pool.clip, return_inverse=True)
    expression = pool.expression_map(meshes, person)
    faces = pool.blendshapes[random.choice(np.flatnonzero(np.isin(pool.split, ("train", "strain", PHOTO))), count)]
    change = np.einsum("nb,bkc->nkc", faces - pool.blendshapes[rows], expression).astype(np.float32)
    pose = truth.head_pose[rows] + (random.standard_normal((count, 3)) * TURN).astype(np.float32)
    scale = fit.scale[rows] * np.exp(GROW * random.standard_normal(count)).astype(np.float32)
    shift = fit.translation[rows].copy()
    shift[:, :2] += (SHIFT * random.standard_normal((count, 2))).astype(np.float32)
    turned = (meshes[rows] + change) @ np.swapaxes(rotation_matrix(pose), -1, -2)
    head = truth.head[rows].copy()
    head[:, : len(MESH_POINTS)] += change[:, list(MESH_POINTS)]
    known = Truth(pose, scale[:, None], shift[:, :2].astype(np.float32), truth.canonical[rows], head, faces)
    return (scale[:, None, None] * turned + shift[:, None]).astype(np.float32), known


def _joined(pool: Pool, rows: np.ndarray, frames: np.ndarray, landmarks: np.ndarray, more: Truth) -> Pool:
    """The pool with further rows, of the clips and people of `rows`."""
    truth = pool.truth
    given = replace(truth, **{name: np.concatenate([getattr(truth, name), getattr(more, name)]) for name in FIELDS})
    motion, time = (None if some is None else np.concatenate([some, some[rows]]) for some in (pool.motion, pool.time))
    return replace(
        pool,
        frames=[*pool.frames, frames],
        landmarks=np.concatenate([pool.landmarks, landmarks]),
        blendshapes=np.concatenate([pool.blendshapes, more.blendshapes]),
        split=np.concatenate([pool.split, np.full(len(rows), WARPED)]),
        identity=np.concatenate([pool.identity, pool.identity[rows]]),
        clip=np.concatenate([pool.clip, pool.clip[rows]]),
        motion=motion,
        time=time,
        exact={},
        given=given,
    )


def warped(photo: Image, landmarks: Float[np.ndarray, "478 3"], moved: Float[np.ndarray, "478 3"]) -> Image:
    """The photo with its landmarks (px, z towards the camera) moved to others. Around the face lies a ring that goes with the
    head; between that and the picture's edge, which stays, all stretches."""
    from reenact.faces.warp import piecewise_affine  # a borrowed machine, which gets such pictures ready, has no Pillow

    mesh = canonical_face().triangles
    count, side = len(canonical_face().points), photo.shape[0]
    rim = _rim(mesh)
    edge = _edge(side)
    start, end = (np.concatenate([some[:count, :2], _ring(some[:count], rim, side), edge]) for some in (landmarks, moved))
    ring, border = count + np.arange(len(rim)), count + len(rim) + np.arange(len(edge))
    outer = _zipped(ring, border, end)
    inner = np.concatenate([np.stack([rim, np.roll(rim, -1), ring], 1), np.stack([np.roll(rim, -1), np.roll(ring, -1), ring], 1)])
    nearest_last = mesh[np.argsort(moved[mesh, 2].mean(1))]
    return piecewise_affine(photo, start, end, np.concatenate([outer, inner, nearest_last]))


def _rim(mesh: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " r"]:
    """The points around the face, in their order: the longest chain of edges that have a triangle on one side alone."""
    edges = np.concatenate([mesh[:, [0, 1]], mesh[:, [1, 2]], mesh[:, [2, 0]]])
    _, index, count = np.unique(np.sort(edges, 1), axis=0, return_index=True, return_counts=True)
    after = dict(edges[index[count == 1]].tolist())
    chains = []
    while after:
        start, point = after.popitem()
        chain = [start]
        while point != start:
            chain.append(point)
            point = after.pop(point)
        chains.append(chain)
    return np.array(max(chains, key=len))


def _ring(points: Float[np.ndarray, "468 3"], rim: Int[np.ndarray, " r"], side: int) -> Float[np.ndarray, "r 2"]:
    """Where the head ends, px: beyond the rim, seen from the head's middle, and within the picture."""
    fit = fit_head(points)
    own = fit.unpose(points[rim])
    own = own * np.array([HEAD, HEAD, 0]) + np.array([0, 0, HEAD_DEPTH])
    placed = (fit.scale * (own @ fit.rotation.T) + fit.translation)[:, :2]
    reach = INSIDE * side / 2
    return np.clip(placed - side / 2, -reach, reach) + side / 2


def _edge(side: int) -> Float[np.ndarray, "n 2"]:
    """Points around the picture, clockwise from its upper left corner, px."""
    steps = np.linspace(0, side, EDGE, endpoint=False)
    low, high = np.zeros(EDGE), np.full(EDGE, float(side))
    sides = [(steps, low), (high, steps), (side - steps, high), (low, side - steps)]
    return np.concatenate([np.stack(pair, 1) for pair in sides])


def _zipped(ring: np.ndarray, border: np.ndarray, points: np.ndarray) -> Int[np.ndarray, "m 3"]:
    """Triangles between two closed chains, one around the other: the next corner is always the first around the middle."""
    middle = points[ring].mean(0)
    chains = []
    for chain in (ring, border):
        angle = np.arctan2(*(points[chain] - middle).T[::-1])
        chains.append((chain[np.argsort(angle)], np.sort(angle)))
    (one, a), (other, b) = chains
    i = j = 0
    triangles = []
    while i < len(one) or j < len(other):
        here, there = one[i % len(one)], other[j % len(other)]
        next_a = a[i + 1] if i + 1 < len(one) else a[(i + 1) % len(one)] + 2 * np.pi
        next_b = b[j + 1] if j + 1 < len(other) else b[(j + 1) % len(other)] + 2 * np.pi
        if j >= len(other) or (i < len(one) and next_a <= next_b):
            i += 1
            triangles.append((here, there, one[i % len(one)]))
        else:
            j += 1
            triangles.append((here, there, other[j % len(other)]))
    return np.array(triangles)
