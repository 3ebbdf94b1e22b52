"""Who a person is: genes drawn from a seed, and the face's shape and look that follow from them. All choices are ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reenact.synth import assets
from reenact.synth.head import HeadModel

SPREAD = {"head": 0.22, "eyes": 0.26, "neck": 0.15, "asym": 0.3}
"""standard deviation of a shape target's weight by folder"""
USUAL_SPREAD, LARGEST = 0.30, 0.75
BROW_TILT = (0.003, 0.4)
"""of the inner ends of the brows over the outer ones, against the mean head: dm at its usual value, and the share of what a
person differs from that; without it, shapes add up to an inward slant that looks angry at rest"""
USUAL_TILT = -0.025
"""dm: the mean of 32 people without it"""
OPPOSITES = (
    ("incr", "decr"),
    ("up", "down"),
    ("out", "in"),
    ("forward", "backward"),
    ("convex", "concave"),
    ("compress", "uncompress"),
    ("square", "round"),
)
"""target names end in one of these when they come in pairs"""
HAIR_COLOURS = np.array(
    [
        [0.012, 0.010, 0.009], [0.03, 0.02, 0.014], [0.07, 0.038, 0.02], [0.14, 0.075, 0.035], [0.28, 0.17, 0.08],
        [0.42, 0.30, 0.16], [0.26, 0.085, 0.03], [0.20, 0.19, 0.18], [0.30, 0.29, 0.28],
    ]
)  # fmt: skip
"""linear RGB: black, dark to light brown, two blonds, red, two greys"""
GREYS = (7, 8)
DARK_SHARES = (0.34, 0.28, 0.20, 0.08, 0.03, 0.01, 0.02, 0.03, 0.01)
MIXED_SHARES = (0.08, 0.16, 0.22, 0.20, 0.12, 0.08, 0.05, 0.06, 0.03)
EYE_COLOURS = ("brown", "brownlight", "blue", "green", "grey", "lightblue", "bluegreen", "deepblue")
EYE_SHARES = (0.30, 0.20, 0.15, 0.12, 0.08, 0.06, 0.05, 0.04)
SHORT_HAIR = {"short01": 3, "short02": 3, "short04": 3, "short03": 1.5, "shaved": 2.5, "bald": 1}
LONG_HAIR = {"bob01": 2, "long01": 3, "ponytail01": 3, "Braid01": 3, "short01": 1, "bob02": 1.5}
"""names and how often"""


@dataclass(frozen=True)
class Genes:
    """What shape and look have in common."""

    male: float
    """0 female .. 1 male"""
    age: float
    """0 young adult .. 1 old"""
    ancestry: Float64[np.ndarray, "3"]
    """shares of MakeHuman's African, Asian and Caucasian targets; they sum to 1"""
    weight: float
    muscle: float

    @staticmethod
    def draw(random: np.random.Generator) -> Genes:
        """One person of a world with all of these about equally common."""
        return Genes(
            float(random.beta(0.35, 0.35)),
            float(random.uniform() ** 1.3),
            random.dirichlet([0.45] * 3),
            float(np.clip(random.normal(0, 0.45), -1, 1)),
            float(np.clip(random.normal(0.1, 0.35), -1, 1)),
        )


@dataclass(frozen=True)
class Look:
    """Everything of a person that is no shape."""

    skins: tuple[str, str]
    """two skin textures"""
    skin_mix: float
    skin_tone: Float64[np.ndarray, "3"]
    skin_gamma: float
    roughness: float
    bump: float
    freckles: float
    stubble: float
    hair: str
    """a mesh of assets.HAIR, or shaved or bald"""
    hair_colour: Float64[np.ndarray, "3"]
    """linear RGB"""
    brows: str
    lashes: str
    lash_strength: float
    eyes: str
    teeth: str
    tooth_white: float
    garment: str
    garment_hue: Float64[np.ndarray, "2 3"]
    """two colours, linear RGB, that replace the garment's own"""
    garment_pattern: int
    """0 plain, 1 stripes, 2 checks, 3 mottled"""
    grain: float
    """where in the noise this person's skin lies"""


def draw_shape(head: HeadModel, genes: Genes, random: np.random.Generator) -> Float64[np.ndarray, "vertices 3"]:
    """The base mesh of this person, neutral and frontal, dm."""
    vertices = head.mesh.vertices.copy()

    def add(name: str, weight: float) -> None:
        if abs(weight) > 1e-4:
            target = head.target(name)
            vertices[target.vertices] += weight * target.offsets

    for name, weight in _macro_weights(genes).items():
        add(f"macrodetails/{name}", weight)
    for folder in assets.SHAPE_FOLDERS:
        for name, weight in _detail_weights(folder, head.target_names(folder), random).items():
            add(f"{folder}/{name}", weight)
    tilt, steepest = _brow_tilt(head, vertices)
    add("eyebrows/eyebrows-angle-down", (BROW_TILT[0] + BROW_TILT[1] * (tilt - USUAL_TILT) - tilt) / steepest)
    return vertices


def _brow_tilt(head: HeadModel, vertices: Float64[np.ndarray, "vertices 3"]) -> tuple[float, float]:
    """How much higher than on the mean head the brows' inner ends lie, against the outer ones, dm; and what the target that
    lowers the inner ends does to that at weight 1."""
    inner, outer = (head.target(f"eyebrows/eyebrows-angle-{way}") for way in ("down", "up"))
    ends = [target.vertices[target.offsets[:, 1] < -0.05] for target in (inner, outer)]
    lowered = np.zeros(len(vertices))
    lowered[inner.vertices] = inner.offsets[:, 1]
    heights = (vertices - head.mesh.vertices)[:, 1]
    moved, effect = (float(of[ends[0]].mean() - of[ends[1]].mean()) for of in (heights, lowered))
    return moved, effect


def _macro_weights(genes: Genes) -> dict[str, float]:
    """MakeHuman's own blend of sex, age, ancestry, weight and muscle: products of shares."""
    out: dict[str, float] = {}
    ages = {"young": 1 - genes.age, "old": genes.age}
    for sex, of_sex in {"male": genes.male, "female": 1 - genes.male}.items():
        for age, of_age in ages.items():
            for race, share in zip(("african", "asian", "caucasian"), genes.ancestry, strict=True):
                out[f"{race}-{sex}-{age}"] = of_sex * of_age * float(share)
            for muscle, of_muscle in _thirds(genes.muscle).items():
                for weight, of_weight in _thirds(genes.weight).items():
                    out[f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"] = of_sex * of_age * of_muscle * of_weight
    return out


def _thirds(x: float) -> dict[str, float]:
    return {"min": max(-x, 0.0), "average": 1 - abs(x), "max": max(x, 0.0)}


def _detail_weights(folder: str, names: list[str], random: np.random.Generator) -> dict[str, float]:
    """Random weights for the targets of one folder; the right half follows the left, nearly."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stem, _, suffix = name.rpartition("-")
        stems.setdefault(stem, []).append(suffix)
    spread, out = SPREAD.get(folder, USUAL_SPREAD), {}
    for stem, suffixes in sorted(stems.items()):
        if stem.startswith("r-") or "age" in stem or (folder == "head" and ("trans" in stem or stem.endswith("angle"))):
            continue
        value = float(np.clip(random.normal(0, spread), -LARGEST, LARGEST))
        pair = next((pair for pair in OPPOSITES if set(pair) & set(suffixes)), None)
        if pair is None:
            out |= {f"{stem}-{suffix}": random.uniform(0, 0.5) for suffix in suffixes if random.random() < 0.3}
            continue
        suffix = pair[0] if value > 0 else pair[1]
        if suffix in suffixes:
            uneven = 1 + 0.15 * random.normal() if stem.startswith("l-") else 1
            out |= {f"{side}-{suffix}": abs(value) * uneven for side in _sides(stem)}
    return out


def _sides(stem: str) -> list[str]:
    return [stem, "r-" + stem[2:]] if stem.startswith("l-") else [stem]


def draw_look(head: HeadModel, genes: Genes, random: np.random.Generator) -> Look:
    """Skin, hair, eyes, teeth and clothes that go with the genes."""
    male, dark = genes.male > 0.5, genes.ancestry[2] < 0.5
    skins = _skins(head, genes)
    shares = DARK_SHARES if dark else MIXED_SHARES
    colour = HAIR_COLOURS[random.choice(len(HAIR_COLOURS), p=shares)]
    if genes.age > 0.7 and random.random() < 0.7:
        colour = HAIR_COLOURS[random.choice(GREYS)]
    hair = SHORT_HAIR if male else LONG_HAIR
    return Look(
        skins=(str(random.choice(skins)), str(random.choice(skins))),
        skin_mix=float(random.uniform()),
        skin_tone=np.exp(random.normal(0, 0.10)) * np.array([1, 1 + random.normal(0, 0.02), 1 + random.normal(0, 0.035)]),
        skin_gamma=float(1 + random.normal(0, 0.08)),
        roughness=float(random.uniform(0.40, 0.54)),
        bump=float(random.uniform(0.5, 1.0) * (1 + 0.6 * genes.age)),
        freckles=float(max(0.0, random.normal(-0.2, 0.5))),
        stubble=float(random.choice([0, 0.12, 0.3, 0.5], p=[0.4, 0.25, 0.2, 0.15])) if male else 0.0,
        hair=_choose(hair, random),
        hair_colour=colour * np.exp(random.normal(0, 0.15)),
        brows=str(random.choice(assets.BROWS)),
        lashes=str(random.choice(assets.LASHES[:2] if male else assets.LASHES)),
        lash_strength=float(random.uniform(0.15, 0.35) if male else random.uniform(0.5, 1.0)),
        eyes=str(random.choice(EYE_COLOURS[:2], p=[0.85, 0.15]) if dark else random.choice(EYE_COLOURS, p=EYE_SHARES)),
        teeth=str(random.choice(assets.TEETH)),
        tooth_white=float(random.uniform(0.75, 1.0)),
        garment=str(random.choice(assets.GARMENTS_MALE if male else assets.GARMENTS_FEMALE)),
        garment_hue=_cloth_colours(random),
        garment_pattern=int(random.choice(4, p=[0.55, 0.15, 0.12, 0.18])),
        grain=float(random.uniform(0, 50)),
    )


def _choose(shares: dict[str, float], random: np.random.Generator) -> str:
    values = np.array(list(shares.values()), float)
    return str(random.choice(list(shares), p=values / values.sum()))


def _cloth_colours(random: np.random.Generator) -> Float64[np.ndarray, "2 3"]:
    """Two cloth colours, linear RGB: mostly muted, some bright."""
    strength = random.beta(1.2, 2.5)
    grey = np.exp(random.uniform(np.log(0.02), np.log(0.75), (2, 1)))
    hue = random.dirichlet([0.8] * 3, 2) * 3
    return grey * (1 - strength + strength * hue)


def _skins(head: HeadModel, genes: Genes) -> list[str]:
    """The skin textures of this sex and ancestry; of about this age, if there are any."""
    names = sorted(path.name for path in (head.folder / "skins").glob("*/textures/*.png") if "special" not in path.name)
    fits = [
        name
        for name in names
        if ("darkskinned" in name) == (genes.ancestry[0] > 0.5) and ("female" in name) == (genes.male <= 0.5)
    ]
    ages = {"young": 0.15, "middleage": 0.5, "old": 0.85}
    return [name for name in fits if abs(ages[name.split("_")[0]] - genes.age) < 0.36] or fits
