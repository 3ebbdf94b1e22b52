"""The head that all identities share: one topology, the 52 expression shapes, the bones of the neck, what rides on it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float32, Int64

from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.synth.assets import asset_folder
from reenact.synth.formats import BaseMesh, Target, read_obj, read_proxy, read_target
from reenact.synth.mesh import Part, catmull_clark, make_part

BONES = ("neck01", "neck02", "neck03", "head", "rest")
BEND = (0.12, 0.18, 0.25, 0.45)
"""ours: which share of the head's turn each of the four joints takes"""
NECK_PAIRS = ((659, 18889), (226, 17824))
"""base mesh vertices, left and right, midway between which neck02 and neck03 turn"""
BUST_DEPTH, BUST_WIDTH = 2.6, 2.6
"""dm: how far the rendered skin reaches below the neck's joint and sideways"""
RIGID = ("eye", "teeth", "tongue", "hair", "lid")
"""parts of names of helper groups that turn with the head"""


@dataclass
class HeadModel:
    """Loaded once a process (about a second)."""

    folder: Path
    mesh: BaseMesh
    skin: Part
    coarse: Int64[np.ndarray, "faces 3"]
    """the skin before subdivision, as corners of `skin`: for shadows"""
    units: list[Target]
    """one expression shape for each name of BLENDSHAPE_NAMES"""
    bones: Float32[np.ndarray, "vertices 5"]
    """how much of each of BONES a vertex follows; rows sum to 1"""
    eyes: tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]
    """the eyeballs' vertices: the person's left, right"""
    _targets: dict[str, Target] = field(default_factory=dict)

    @staticmethod
    def load() -> HeadModel:
        """Raises ReenactError when the files are not to be had."""
        folder = asset_folder()
        mesh = read_obj(folder / "mpfb2/3dobjs/base.obj")
        skin, coarse = _bust(mesh)
        eyes = (mesh.group("helper-l-eye"), mesh.group("helper-r-eye"))
        units = [_unit(folder, name, np.concatenate(eyes)) for name in BLENDSHAPE_NAMES]
        return HeadModel(folder, mesh, skin, coarse, units, _bone_weights(folder, mesh), eyes)

    def target(self, name: str) -> Target:
        """A shape target by its path below mpfb2/targets, without .target.gz."""
        if name not in self._targets:
            self._targets[name] = read_target(self.folder / "mpfb2/targets" / f"{name}.target.gz")
        return self._targets[name]

    def target_names(self, folder: str) -> list[str]:
        """The targets of one folder (head, nose, ...), without their folder."""
        return sorted(path.name.removesuffix(".target.gz") for path in (self.folder / "mpfb2/targets" / folder).glob("*.gz"))

    def proxy(self, kind: str, name: str, smooth: bool = False) -> Part:
        """Hair, brows, lashes, eyes, teeth, tongue or clothes; smooth: subdivided once."""
        (path,) = (self.folder / "proxies" / kind / name).glob("*.json")
        proxy = read_proxy(path)
        count = len(proxy.anchors)
        rows = np.repeat(np.arange(count), 3)
        matrix = sp.csr_matrix((proxy.weights.ravel(), (rows, proxy.anchors.ravel())), (count, len(self.mesh.vertices)))
        if not smooth:
            return make_part(matrix, proxy.offsets, proxy.uv, proxy.faces, proxy.uv_faces)
        finer = catmull_clark(proxy.faces, proxy.uv_faces, count, len(proxy.uv))
        matrix, offsets = finer.positions @ matrix, finer.positions @ proxy.offsets
        return make_part(matrix, offsets, finer.uv @ proxy.uv, finer.quads.tolist(), finer.uv_quads.tolist())

    def unit_offsets(self, part: Part) -> Float32[np.ndarray, "n*3 52"]:
        """What each expression unit adds to a part's coordinates."""
        out = np.zeros((len(part.offset), 3, len(self.units)), np.float32)
        for number, unit in enumerate(self.units):
            if len(unit.vertices):
                out[:, :, number] = part.matrix[:, unit.vertices] @ unit.offsets
        return out.reshape(-1, len(self.units))

    def bone_weights(self, part: Part) -> Float32[np.ndarray, "n 5"]:
        """The bones of a part's vertices."""
        weights = part.matrix @ self.bones
        return (weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)).astype(np.float32)

    def joints(self, vertices: np.ndarray) -> Float32[np.ndarray, "4 3"]:
        """Where the neck bends, for base mesh vertices."""
        ends = [vertices[self.mesh.group(name)].mean(0) for name in ("joint-neck", "joint-head")]
        middle = [vertices[list(pair)].mean(0) for pair in NECK_PAIRS]
        return np.array([ends[0], *middle, ends[1]], np.float32)


def _bust(mesh: BaseMesh) -> tuple[Part, np.ndarray]:
    """The skin from the shoulders up, subdivided; and its coarse triangles."""
    lowest = mesh.vertices[mesh.group("joint-neck")].mean(0)[1] - BUST_DEPTH
    kept = [
        number
        for number, (face, group) in enumerate(zip(mesh.faces, mesh.face_groups, strict=True))
        if group == "body"
        and min(mesh.vertices[v][1] for v in face) > lowest
        and max(abs(mesh.vertices[v][0]) for v in face) < BUST_WIDTH
    ]
    faces, uv_faces = [mesh.faces[k] for k in kept], [mesh.uv_faces[k] for k in kept]
    finer = catmull_clark(faces, uv_faces, len(mesh.vertices), len(mesh.uv))
    skin = make_part(finer.positions, None, finer.uv @ mesh.uv, finer.quads.tolist(), finer.uv_quads.tolist())
    # Quad k of old face f is number 4 f + k and begins with f's corner k; its first triangle is 2 (4 f + k).
    corner = skin.triangles[0::2, 0].reshape(-1, 4)
    return skin, np.concatenate([corner[:, [0, 1, 2]], corner[:, [0, 2, 3]]])


def _unit(folder: Path, name: str, eyeballs: np.ndarray) -> Target:
    """One face unit; eyeballs are turned rigidly instead (posing.py)."""
    if name == "_neutral":
        return Target(np.zeros(0, np.int64), np.zeros((0, 3), np.float32))
    unit = read_target(folder / "faceunits01/targets/faceunits" / f"{name}.target")
    if not name.startswith("eyeLook"):
        return unit
    kept = ~np.isin(unit.vertices, eyeballs)
    return Target(unit.vertices[kept], unit.offsets[kept])


def _bone_weights(folder: Path, mesh: BaseMesh) -> Float32[np.ndarray, "vertices 5"]:
    rig = json.loads((folder / "mpfb2/rigs/standard/rig.default.json").read_text(encoding="utf-8"))
    listed = json.loads((folder / "mpfb2/rigs/standard/weights.default.json").read_text(encoding="utf-8"))["weights"]
    out = np.zeros((len(mesh.vertices), len(BONES)), np.float32)
    for bone, pairs in listed.items():
        if pairs:
            table = np.array(pairs)
            out[table[:, 0].astype(int), _bone(bone, rig)] += table[:, 1]
    total = out.sum(1, keepdims=True)
    out = np.where(total < 0.5, np.float32([0, 0, 0, 0, 1]), out / np.maximum(total, 1e-6))
    helpers = {group for group in mesh.face_groups if any(part in group for part in RIGID)}
    out[np.concatenate([mesh.group(group) for group in helpers])] = [0, 0, 0, 1, 0]
    return out.astype(np.float32)


def _bone(name: str, rig: dict) -> int:
    """Which of BONES a bone of the full rig belongs to: itself, its ancestor, or the rest."""
    while name:
        if name in BONES:
            return BONES.index(name)
        name = rig[name].get("parent") if name in rig else None
    return len(BONES) - 1
