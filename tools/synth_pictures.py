"""Draws the pictures of docs/synth.md: sixteen people, and one motion on eight of them. python tools/synth_pictures.py"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from reenact.synth.clip import Studio
from reenact.synth.motion import Motion, draw_motion
from reenact.synth.scene import Recipe

DOCS = Path(__file__).parent.parent / "docs"
PEOPLE, SHOWN, MOTION, FRAMES, SIDE = 16, 8, 4, (0, 6, 12, 18, 24, 30), 176


def main() -> None:
    """Each person once, slightly turned; the first eight also under the motion."""
    studio, people, moved = Studio.open(256), [], []
    motion = draw_motion(0, MOTION, max(FRAMES) + 1, Fraction(25, 2))
    for identity in range(PEOPLE):
        people += pictures(studio, Recipe(0, identity, 0, 0), looking(identity), [0])
        if identity < SHOWN:
            moved.append(pictures(studio, Recipe(0, identity, MOTION, 0), motion, FRAMES))
    save(DOCS / "synth-people.webp", [people[:8], people[8:]])
    save(DOCS / "synth-motion.webp", [list(row) for row in zip(*moved, strict=True)])


def looking(identity: int) -> Motion:
    """One frame: a face turned a little, every third one with an expression."""
    poses = draw_motion(7, identity, 12, Fraction(25))
    values = np.zeros((1, 52), np.float32)
    if identity % 3 == 1:
        values = poses.blendshapes[:1]
    return Motion(values, poses.head_pose[:1] * np.float32(0.8), np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32))


def pictures(studio: Studio, recipe: Recipe, motion: Motion, frames: Sequence[int]) -> list[np.ndarray]:
    stage, scene = studio.stage(recipe.seed, recipe.identity), studio.scene(recipe, motion)
    wall = studio.renderer.backdrop(scene.wall)
    out = [scene.picture(studio.renderer, stage, wall, frame) for frame in frames]
    wall.release()
    return out


def save(path: Path, rows: list[list[np.ndarray]]) -> None:
    sheet = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    sheet.resize((sheet.width * SIDE // 256, sheet.height * SIDE // 256), Image.Resampling.LANCZOS).save(path, quality=82)


if __name__ == "__main__":
    main()
