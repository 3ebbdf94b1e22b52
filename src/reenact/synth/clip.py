"""A clip on disk: <name>.mp4 and <name>.npz beside it, whole or not there; and its truth loaded again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Int64

from reenact.core.errors import ReenactError
from reenact.core.files import replaced
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.media.writer import VideoWriter
from reenact.synth.avatar import Avatar, make_avatar
from reenact.synth.head import HeadModel
from reenact.synth.motion import Motion
from reenact.synth.render import Renderer, Stage
from reenact.synth.scene import Flow, Recipe, Scene, Truth

STORED = {"landmarks": np.float16, "points": np.float16, "blendshapes": np.float32}
"""pixels in 16 bits: right to a sixteenth of a pixel at worst"""


def clip_name(recipe: Recipe) -> str:
    """mMMM_iIIII, motion and identity; in any but the first light, _lL at the end."""
    return f"m{recipe.motion:03d}_i{recipe.identity:04d}" + (f"_l{recipe.light}" if recipe.light else "")


def is_done(folder: Path, name: str) -> bool:
    """Both files are there; the .npz is written last."""
    return (folder / f"{name}.npz").exists() and (folder / f"{name}.mp4").exists()


@dataclass
class Studio:
    """What a process needs to render: the head, a renderer, and the person who is on stage."""

    head: HeadModel
    renderer: Renderer
    _who: tuple[int, int] | None = None
    _stage: Stage | None = None

    @staticmethod
    def open(size: int = 256, threads: int = 0) -> Studio:
        """Raises ReenactError where there is no OpenGL, or the files are not to be had."""
        return Studio(HeadModel.load(), Renderer(size, threads))

    def stage(self, seed: int, identity: int) -> Stage:
        """This person, put on stage; kept until another is asked for."""
        if self._who != (seed, identity) or self._stage is None:
            self.clear()
            self._stage, self._who = Stage(self.renderer, make_avatar(self.head, seed, identity)), (seed, identity)
        return self._stage

    def clear(self) -> None:
        if self._stage is not None:
            self._stage.release()
        self._stage = self._who = None

    def scene(self, recipe: Recipe, motion: Motion) -> Scene:
        avatar: Avatar = self.stage(recipe.seed, recipe.identity).avatar
        return Scene(recipe, avatar, motion)

    def close(self) -> None:
        self.clear()
        self.renderer.activate()
        self.renderer.context.release()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def render_clip(studio: Studio, recipe: Recipe, motion: Motion, rate: Fraction, folder: Path, flows: int = 0) -> Path:
    """Writes the clip; gives the path of its .mp4. flows: of so many random pairs of frames, flow and occlusion too.

    Raises ReenactError when the folder cannot be written.
    """
    stage, scene = studio.stage(recipe.seed, recipe.identity), studio.scene(recipe, motion)
    path = folder / f"{clip_name(recipe)}.mp4"
    wall = studio.renderer.backdrop(scene.wall)
    truths = []
    try:
        with VideoWriter(path, rate) as video:
            for frame in range(len(motion)):
                video.write(scene.picture(studio.renderer, stage, wall, frame))
                truths.append(scene.truth(studio.renderer, stage, frame))
    finally:
        wall.release()
    pairs = _pairs(recipe, len(motion), flows)
    found = [scene.flow(studio.renderer, stage, *pair) for pair in pairs.tolist()]
    _save(path.with_suffix(".npz"), {**_arrays(recipe, motion, rate, scene, truths), **_flow_arrays(pairs, found)})
    return path


def _pairs(recipe: Recipe, frames: int, count: int) -> Int64[np.ndarray, "count 2"]:
    random = np.random.default_rng([recipe.seed, recipe.identity, recipe.motion, recipe.light, 3])
    return np.array([random.choice(frames, 2, replace=False) for _ in range(count if frames > 1 else 0)]).reshape(-1, 2)


def _arrays(recipe: Recipe, motion: Motion, rate: Fraction, scene: Scene, truths: list[Truth]) -> dict[str, np.ndarray]:
    table = {part.name: np.concatenate([getattr(truth, part.name) for truth in truths]) for part in fields(Truth)}
    table = {name: value.astype(STORED.get(name, value.dtype)) for name, value in table.items()}
    table["pose"] = table.pop("head_pose")
    return {
        **table,
        "offset": motion.offset,
        "point_ids": scene.point_ids,
        "names": np.array(BLENDSHAPE_NAMES),
        "identity": np.array(f"i{recipe.identity:04d}"),
        "motion": np.array(f"m{recipe.motion:03d}"),
        "recipe": np.array([recipe.seed, recipe.identity, recipe.motion, recipe.light, recipe.size]),
        "size": np.array(recipe.size),
        "fps": np.array(float(rate)),
    }


def _flow_arrays(pairs: np.ndarray, found: list[Flow]) -> dict[str, np.ndarray]:
    if not found:
        return {}
    flow, occluded = np.stack([each.flow for each in found]), np.stack([each.occluded for each in found])
    return {"flow_pairs": pairs, "flow": flow.astype(np.float16), "occluded": occluded}


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with replaced(path, "choose another folder") as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def flow_between(studio: Studio, truth: Path, first: int, second: int) -> Flow:
    """Flow and occlusion between two frames of a clip that was rendered before, from its .npz.

    Raises ReenactError when the file is no such truth, or has no such frames.
    """
    try:
        with np.load(truth, allow_pickle=False) as file:
            recipe = Recipe(*(int(value) for value in file["recipe"]))
            motion = Motion(file["blendshapes"], file["pose"], file["gaze"], file["offset"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        raise ReenactError(f"{truth}: not the truth of a rendered clip; give an .npz of `reenact data synth`") from None
    if not (0 <= first < len(motion) and 0 <= second < len(motion)):
        raise ReenactError(f"{truth}: has frames 0 to {len(motion) - 1}, not {first} and {second}")
    if recipe.size != studio.renderer.size:
        raise ReenactError(f"{truth}: was rendered at {recipe.size} pixels; open the studio with that size")
    return studio.scene(recipe, motion).flow(studio.renderer, studio.stage(recipe.seed, recipe.identity), first, second)
