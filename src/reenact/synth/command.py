"""`reenact data synth`: identities x motions x lights as clips, by several processes; what is done is not done again."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.synth.assets import asset_folder
from reenact.synth.clip import Studio, clip_name, is_done, render_clip
from reenact.synth.motion import draw_motion
from reenact.synth.scene import Recipe

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    out: Path
    identities: int
    motions: int
    lights: int = 1
    frames: int = 32
    rate: Fraction = Fraction(25, 2)
    seed: int = 0
    size: int = 256
    flows: int = 0
    per_motion: int = 0
    """on how many of the identities each motion is shown; 0: on all"""
    coefficients: Path | None = None

    def recipes(self) -> Iterator[Recipe]:
        """Every clip, person by person, so that each is built once."""
        for identity in range(self.identities):
            for motion in range(self.motions):
                if self._shown(identity, motion):
                    for light in range(self.lights):
                        yield Recipe(self.seed, identity, motion, light, self.size)

    def _shown(self, identity: int, motion: int) -> bool:
        """Motions take turns: motion m begins `per_motion` identities after motion m - 1."""
        if not 0 < self.per_motion < self.identities:
            return True
        return (identity - motion * self.per_motion) % self.identities < self.per_motion


@dataclass(frozen=True)
class Done:
    """What was rendered, and what was there before."""

    rendered: int
    before: int
    frames: int


def synthesize(order: Order, workers: int = 1, progress: Progress | None = None) -> Done:
    """Renders what is missing. progress: called with how many of how many clips are there.

    Raises ReenactError for wrong numbers, a folder that cannot be written, missing files, or a machine without OpenGL.
    """
    takes = _check(order, workers)
    recipes = list(order.recipes())
    missing = [recipe for recipe in recipes if not is_done(order.out, clip_name(recipe))]
    done = len(recipes) - len(missing)
    tell = progress or (lambda done, total: None)
    tell(done, len(recipes))
    batches = _by_person(missing)
    if workers == 1 or len(batches) < 2:
        for _ in _render(order, takes, missing, 0):
            done += 1
            tell(done, len(recipes))
    else:
        asset_folder()  # once, before all processes want it
        for count in _in_processes(order, takes, batches, workers):
            done += count
            tell(done, len(recipes))
    return Done(len(missing), len(recipes) - len(missing), len(missing) * order.frames)


def _check(order: Order, workers: int) -> list[Path]:
    """The takes to follow. Raises ReenactError for what cannot be done, before anything is rendered."""
    least = {"identities": 1, "motions": 1, "lights": 1, "frames": 1, "flows": 0, "per_motion": 0}
    for name, low in least.items():
        if getattr(order, name) < low:
            raise ReenactError(f"`{name}` {getattr(order, name)}: must be {low} or more")
    if workers < 1:
        raise ReenactError(f"`workers` {workers}: must be 1 or more")
    if order.size < 32 or order.size > 2048 or order.size % 2:
        raise ReenactError(f"`size` {order.size}: must be an even number from 32 to 2048")
    if not 0 < order.rate <= 120:
        raise ReenactError(f"`fps` {order.rate}: must be more than 0, and at most 120")
    if order.seed < 0:
        raise ReenactError(f"`seed` {order.seed}: must be 0 or more")
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReenactError(f"{order.out}: cannot be made ({error.strerror}); choose another folder") from None
    if order.coefficients is None:
        return []
    takes = sorted(order.coefficients.glob("*.npz"))
    if not takes:
        raise ReenactError(f"{order.coefficients}: no .npz of coefficients in this folder (docs/synth.md says how to make them)")
    for number in range(1, order.motions, 2):
        draw_motion(order.seed, number, 2, order.rate, takes)
    return takes


def _by_person(recipes: list[Recipe]) -> list[list[Recipe]]:
    people: dict[int, list[Recipe]] = {}
    for recipe in recipes:
        people.setdefault(recipe.identity, []).append(recipe)
    return list(people.values())


def _render(order: Order, takes: list[Path], recipes: list[Recipe], threads: int) -> Iterator[Recipe]:
    if not recipes:
        return
    with Studio.open(order.size, threads) as studio:
        for recipe in recipes:
            motion = draw_motion(order.seed, recipe.motion, order.frames, order.rate, takes)
            render_clip(studio, recipe, motion, order.rate, order.out, order.flows)
            yield recipe


def _in_processes(order: Order, takes: list[Path], batches: list[list[Recipe]], workers: int) -> Iterator[int]:
    """Each process renders one person after another; gives how many clips each job made."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(batches)), context) as pool:
        jobs = [pool.submit(_job, order, takes, batch, threads) for batch in batches]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BrokenProcessPool:
            raise ReenactError("a worker process was killed, perhaps for memory: run it again with fewer `workers`") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _job(order: Order, takes: list[Path], recipes: list[Recipe], threads: int) -> int:
    return sum(1 for _ in _render(order, takes, recipes, threads))
