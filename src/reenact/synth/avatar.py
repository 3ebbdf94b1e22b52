"""One person ready to be posed and rendered: a rig, and parts with their textures and materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from jaxtyping import Float32, Int64

from reenact.synth import textures
from reenact.synth.head import HeadModel
from reenact.synth.identity import Genes, Look, draw_look, draw_shape
from reenact.synth.landmarks import HeadFrame, head_frame
from reenact.synth.mesh import Part, incidence
from reenact.synth.posing import Rig
from reenact.synth.textures import Texture

BODY_SCALE = ((5399, 11998, 0), (791, 881, 1), (962, 5320, 2))
"""two base mesh vertices and an axis: their distance scales the offsets of what the person wears"""


FRINGE = 7.78
"""dm: the height on the mean head, above the brows, below which no hair hangs before the face"""


HAIRLINE = ((-0.4, 0.0, 0.45, 0.65, 0.85, 1.1), (6.55, 6.75, 7.0, 7.4, 7.75, 8.02))
"""dm: z and y of the hairline on the mean head, from the nape to the forehead"""


class Kind(IntEnum):
    """How a part is shaded (shaders/head.frag)."""

    SKIN = 0
    MOUTH = 1
    EYE = 2
    HAIR = 3
    STRAND = 4
    CLOTH = 5


@dataclass(frozen=True)
class Piece:
    """One part as it is rendered. Vertices are numbered within the whole rig."""

    name: str
    kind: Kind
    texture: Texture
    uv: Float32[np.ndarray, "corners 2"]
    vertex: Int64[np.ndarray, " corners"]
    triangles: Int64[np.ndarray, "faces 3"]
    """corners"""
    shadow: Int64[np.ndarray, "coarse 3"]
    """corners of what throws its shadow; none for brows and lashes"""
    seat: Float32[np.ndarray, "corners 3"]
    """the same corner on the mean head: where noise and masks are looked up"""
    masks: Float32[np.ndarray, "corners 2"]
    """of skin: beard and scalp, 0..1; of hair: how far below the forehead it hangs before the face, dm, and 0"""
    material: Mapping[str, float | tuple[float, ...]]
    """uniforms of the shader"""


@dataclass(frozen=True)
class Avatar:
    """Person number `number` of the world `seed`."""

    genes: Genes
    look: Look
    rig: Rig
    pieces: list[Piece]
    frame: HeadFrame
    """where the head's own frame lies in the unturned head"""

    @property
    def skin(self) -> Piece:
        """Always the first piece; its vertices are the first of the rig."""
        return self.pieces[0]


def make_avatar(head: HeadModel, seed: int, number: int) -> Avatar:
    """The same person for the same two numbers, always."""
    random = np.random.default_rng([seed, number])
    genes = Genes.draw(random)
    base = draw_shape(head, genes, random)
    look = draw_look(head, genes, random)
    builder = _Builder(head, base)
    _add_face(builder, look)
    _add_worn(builder, look, random)
    return Avatar(genes, look, builder.rig(), builder.pieces, head_frame(builder.rest[0]))


def shape_only_avatar(head: HeadModel, seed: int) -> Avatar:
    """A person without hair and clothes: what the table of landmarks is measured on."""
    random = np.random.default_rng([seed, 0])
    genes = Genes.draw(random)
    builder = _Builder(head, draw_shape(head, genes, random))
    look = replace(draw_look(head, genes, random), hair="bald", stubble=0.0)
    _add_face(builder, look)
    return Avatar(genes, look, builder.rig(), builder.pieces, head_frame(builder.rest[0]))


@dataclass
class _Builder:
    """Collects parts into one rig."""

    head: HeadModel
    base: np.ndarray
    pieces: list[Piece] = field(default_factory=list)
    rest: list[np.ndarray] = field(default_factory=list)
    units: list[np.ndarray] = field(default_factory=list)
    bones: list[np.ndarray] = field(default_factory=list)
    triangles: list[np.ndarray] = field(default_factory=list)
    eyeballs: tuple[np.ndarray, np.ndarray] | None = None
    count: int = 0

    def add(self, name: str, kind: Kind, part: Part, texture: Texture, shadow: np.ndarray | None = None, **material) -> None:
        """A part of the person. shadow: None for its own triangles."""
        rest = part.place(self.base, self._scale())
        seat = part.place(self.head.mesh.vertices)
        bones = self.head.bone_weights(part)
        if kind is Kind.HAIR:
            bones = _hanging(bones, seat)
        vertex = part.vertex + self.count
        masks = np.zeros((len(seat), 2), np.float32)
        if kind is Kind.SKIN:
            masks = _skin_masks(self.head, seat)
        elif kind is Kind.HAIR:
            masks[:, 0] = _before_face(seat)
        if kind is Kind.STRAND:
            shadow = np.zeros((0, 3), np.int64)
        if kind is Kind.EYE:
            self.eyeballs = tuple(self.count + np.flatnonzero(sign * rest[:, 0] > 0) for sign in (1, -1))
            shadow = np.zeros((0, 3), np.int64)
        shadow = part.triangles if shadow is None else shadow
        self.pieces.append(
            Piece(name, kind, texture, part.uv, vertex, part.triangles, shadow, seat[part.vertex], masks[part.vertex], material)
        )
        self.rest.append(rest)
        self.units.append(self.head.unit_offsets(part))
        self.bones.append(bones)
        self.triangles.append(vertex[part.triangles])
        self.count += len(rest)

    def rig(self) -> Rig:
        assert self.eyeballs is not None
        triangles = np.concatenate(self.triangles)
        return Rig(
            np.concatenate(self.rest),
            np.concatenate(self.units),
            np.concatenate(self.bones),
            self.eyeballs,
            triangles,
            incidence(triangles, self.count),
            self.head.joints(self.base),
            head_frame(self.head.skin.place(self.head.mesh.vertices)).rotation,
        )

    def _scale(self) -> np.ndarray:
        mean = self.head.mesh.vertices
        return np.array([abs(self.base[a, k] - self.base[b, k]) / abs(mean[a, k] - mean[b, k]) for a, b, k in BODY_SCALE])


def _add_face(builder: _Builder, look: Look) -> None:
    head, folder = builder.head, builder.head.folder / "proxies"
    skins = {path.name: path for path in (head.folder / "skins").glob("*/textures/*.png")}
    skin = textures.mix(*(textures.skin_texture(skins[name]) for name in look.skins), look.skin_mix)
    builder.add(
        "skin", Kind.SKIN, head.skin, skin, head.coarse,
        tint=tuple(look.skin_tone), gamma=look.skin_gamma, grain=look.grain, rough=look.roughness, bump=look.bump,
        freckles=look.freckles, stubble=(*(look.hair_colour * 0.8 + 0.01), look.stubble),
        scalp=0.0 if look.hair == "bald" else (0.55 if look.hair != "shaved" else 0.85),
    )  # fmt: skip
    eye = textures.read_texture(folder / f"eyes/HighPolyEyes/textures/{look.eyes}_eye.png")
    eye = textures.eye_texture(eye, look.eyes == "brown")
    builder.add("eyes", Kind.EYE, head.proxy("eyes", "HighPolyEyes", smooth=True), eye, rough=0.3)
    teeth = textures.read_texture(folder / f"teeth/{look.teeth}/textures/teeth.png")
    white = tuple(np.array([0.95, 0.9, 0.8]) * look.tooth_white)
    builder.add("teeth", Kind.MOUTH, head.proxy("teeth", look.teeth), teeth, tint=white, rough=0.35)
    tongue = textures.read_texture(folder / "tongue/tongue01/textures/tongue01_diffuse.png")
    builder.add("tongue", Kind.MOUTH, head.proxy("tongue", "tongue01"), tongue, tint=(0.8, 0.6, 0.6), rough=0.4)
    brow = textures.bleed(textures.read_texture(folder / f"eyebrows/{look.brows}/textures/{look.brows}.png"))
    tint = tuple(look.hair_colour * 0.5 + 0.003)
    builder.add("brows", Kind.STRAND, head.proxy("eyebrows", look.brows), brow, tint=tint, strength=0.9)
    lash = textures.bleed(textures.read_texture(folder / f"eyelashes/{look.lashes}/textures/{look.lashes.lower()}.png"))
    tint = tuple(look.hair_colour * 0.2 + 0.004)
    part = head.proxy("eyelashes", look.lashes)
    builder.add("lashes", Kind.STRAND, part, lash, tint=tint, strength=look.lash_strength)


def _add_worn(builder: _Builder, look: Look, random: np.random.Generator) -> None:
    head, folder = builder.head, builder.head.folder / "proxies"
    if look.hair not in ("bald", "shaved"):
        (path,) = (folder / f"hair/{look.hair}/textures").glob("*diffuse*.png")
        hair = textures.bleed(textures.read_texture(path))
        linear = (hair[hair[..., 3] > 128][:, :3] / 255.0) ** 2.2
        part = head.proxy("hair", look.hair, smooth=True)
        grey = float((linear @ [0.3, 0.59, 0.11]).mean())
        builder.add("hair", Kind.HAIR, part, hair, tint=tuple(look.hair_colour), grey=grey, rough=0.45)
    (path,) = (folder / f"clothes/{look.garment}/textures").glob("*diffuse.png")
    cloth = textures.recolour(textures.read_texture(path), look.garment_hue, look.garment_pattern, random)
    builder.add("garment", Kind.CLOTH, head.proxy("clothes", look.garment), cloth, rough=0.8)


def _hanging(bones: np.ndarray, seat: np.ndarray) -> np.ndarray:
    """Hair below the chin follows the shoulders more and more."""
    below = np.clip((6.35 - seat[:, 1:2]) / 0.9, 0, 1)
    return (bones * (1 - below) + np.float32([0, 0, 0, 0, 1]) * below).astype(np.float32)


def _before_face(seat: np.ndarray) -> np.ndarray:
    """How far a hair vertex hangs before the face below the brows' height, dm; negative where it does not."""
    x, y, z = seat.T
    aside = np.maximum(np.abs(x) - 0.52, (0.75 - z) * 0.5)
    return np.minimum(FRINGE - y, -aside)


def _skin_masks(head: HeadModel, seat: np.ndarray) -> Float32[np.ndarray, "n 2"]:
    """Where a beard grows, and where hair does, on the mean head."""
    mouth = head.mesh.vertices[head.mesh.group("helper-upper-teeth")].mean(0)
    x, y, z = (seat - [0, mouth[1] - 0.05, mouth[2]]).T
    lips = _ramp(np.hypot(x / 0.34, y / 0.15), 1.0, 1.35)
    beard = _ramp(y, 0.28, -0.02) * _ramp(y, -1.15, -0.75) * _ramp(np.abs(x), 0.95, 0.65) * _ramp(z, -1.3, -0.8) * lips
    x, y, z = seat.T
    hairline = np.interp(z, *HAIRLINE)
    ear = _ramp(np.abs(x), 0.70, 0.76) * _ramp(z, -0.2, 0.0) * _ramp(z, 0.8, 0.6) * _ramp(y, 7.6, 7.45)
    scalp = _ramp(y, hairline - 0.06, hairline + 0.12) * (1 - ear)
    return np.stack([beard, scalp], 1).astype(np.float32)


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
