"""What the validation grid shows: fixed rows of a pool, so that two saves can be compared picture by picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.geometry.grid import identity_grid
from reenact.train.config import Tiles
from reenact.train.grid import dots, flow_colour, grey, picture

DRAWN_COLUMNS = ("source", "driving", "truth", "output", "warped", "flow", "occlusion", "plate's share")
KEYPOINT_COLUMNS = ("picture", "teacher (green)", "found (red)")
RENDERED = re.compile(r"m(\d+)_i(\d+)")
"""clips of motion MM on identity III"""
SELF, CROSS, TRUTH, PICTURES = 4, 3, 3, 6
"""ours: rows of each kind"""


def held_out(pool: Pool) -> str:
    """The split that is validated on: real people never trained on, else rendered ones, else whatever there is."""
    return next((split for split in ("val", "sval") if (pool.split == split).any()), str(pool.split[0]))


@torch.no_grad()
def drawn_rows(draw: Callable[[Any, Batch, Batch], Any], model: Any, data: Batches) -> tuple[tuple[str, ...], list]:
    """Self-reenactment; another person's motion; another rendered head's motion, where the pool holds the truth of it."""
    rows = []
    for caption, source, driving, truth in _triples(data.pool):
        first, second = data.read(np.array([source])), data.read(np.array([driving]))
        moved = second if source == driving or data.pool.clip[source] == data.pool.clip[driving] else borrowed(first, second)
        drawn = draw(model, first, moved)
        size = data.size
        wanted = data.read(np.array([truth]))["image"][0] if truth is not None else torch.full((3, size, size), 0.9)
        offset = drawn.flow[0] - identity_grid(*drawn.flow.shape[1:3], drawn.flow)
        tiles = [picture(image) for image in (first["image"][0], second["image"][0], wanted, drawn.frame[0], drawn.warped[0])]
        tiles += [flow_colour(offset, size), grey(torch.sigmoid(drawn.occlusion[0, 0] + 2), size)]
        tiles.append(grey(torch.zeros(size, size) if drawn.uncovered is None else drawn.uncovered[0, 0], size))
        rows.append((caption, tiles))
    return DRAWN_COLUMNS, rows


def borrowed(source: Batch, driving: Batch) -> dict[str, torch.Tensor]:
    """The driver's pose and expression on the source's own face."""
    return {**driving, "head": source["canonical"] + driving["head"] - driving["canonical"], "canonical": source["canonical"]}


@torch.no_grad()
def keypoint_rows(
    keypoints: Callable[[Any, Batch], tuple[torch.Tensor, torch.Tensor]], model: Any, data: Batches, rows: np.ndarray
) -> tuple[tuple[str, ...], list[tuple[str, Tiles]]]:
    """Where the teacher has the keypoints, and where the encoder finds them. keypoints: (model, batch) -> both."""
    shown = []
    for row in rows[np.linspace(0, len(rows) - 1, min(PICTURES, len(rows))).astype(int)]:
        batch = data.read(np.array([row]))
        tile = picture(batch["image"][0])
        teacher, guess = (points[0, :, :2] for points in keypoints(model, batch))
        shown.append((str(data.pool.clip[row]), [tile, dots(tile, teacher, (0, 220, 60)), dots(tile, guess, (255, 40, 40))]))
    return KEYPOINT_COLUMNS, shown


def _triples(pool: Pool) -> list[tuple[str, int, int, int | None]]:
    """caption, source row, driving row, row of the truth."""
    clips = list(dict.fromkeys(pool.clip[pool.split == held_out(pool)]))
    rows = {clip: np.flatnonzero(pool.clip == clip) for clip in clips}
    found: list[tuple[str, int, int, int | None]] = []
    for clip in _spread(clips, SELF):
        last = int(rows[clip][2 * len(rows[clip]) // 3])
        found.append((f"same person: {clip}", int(rows[clip][0]), last, last))
    people = {clip: pool.identity[rows[clip][0]] for clip in clips}
    pairs = [(a, b) for a, b in zip(clips, clips[1:] + clips[:1], strict=True) if people[a] != people[b]]
    for a, b in _spread(pairs, CROSS):
        found.append((f"motion of {b}", int(rows[a][0]), int(rows[b][len(rows[b]) // 2]), None))
    return found + _rendered(pool)


def _rendered(pool: Pool) -> list[tuple[str, int, int, int | None]]:
    """Motion M of head B on head A, beside A rendered with M: held-out clips before others."""
    found = []
    motions: dict[str, list[str]] = {}
    for clip in dict.fromkeys([*pool.clip[pool.split == "sval"], *pool.clip[pool.split == "strain"]]):
        if match := RENDERED.search(str(clip)):
            motions.setdefault(match[1], []).append(str(clip))
    rows = {clip: np.flatnonzero(pool.clip == clip) for clips in motions.values() for clip in clips}
    # frames are paired by their number, so only clips that kept all of theirs will do
    pairs = [(a, b) for a, b, *_ in (clips for clips in motions.values() if len(clips) > 1) if len(rows[a]) == len(rows[b])]
    for a, b in pairs[:TRUTH]:
        middle = len(rows[a]) // 2
        found.append((f"rendered: motion of {b}", int(rows[a][0]), int(rows[b][middle]), int(rows[a][middle])))
    return found


def _spread(items: list, count: int) -> list:
    """Up to `count` of them, evenly."""
    if len(items) <= count:
        return items
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]
