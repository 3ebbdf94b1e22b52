"""Renders a portrait's frames: render graphs, then the backdrop, the photo around and its detail. One drawer for each thread."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from reenact.core.graph_names import REFINED
from reenact.core.types import Image, Motion, Portrait, check_motion
from reenact.motion.mirror import Mirror, share_of_mirrored
from reenact.runtime.around import brought_in
from reenact.runtime.background import GRID, HELD, PLATE, BackgroundKeeper
from reenact.runtime.detail import KEEP, UNCOVERED, Enlarger, Enlargers
from reenact.runtime.gaze import GazeMover
from reenact.runtime.graph import Graph
from reenact.runtime.trust import fitting

FRAME = "frame"
_TO_THE_LEFT = np.array([-1, 1], np.float32)


class Drawer:
    """Renders; the portrait is bound once, a frame brings only its motion. Not thread-safe: `twin` makes another."""

    def __init__(
        self,
        render: Graph,
        backdrop: BackgroundKeeper | None,
        enlarge: Enlargers,
        folder: Path,
        mirror: Mirror | None = None,
    ) -> None:
        """render: a method's render graphs; backdrop: what holds it still, None where it moves; enlarge: what makes frames of a
        side; folder: the method's, for errors; mirror: for portraits that have a mirrored one."""
        self._render, self._backdrop = render, backdrop
        self._enlarge, self._folder, self._mirror = enlarge, folder, mirror
        self._enlarger: Enlarger | None = None
        self._held: Portrait | None = None
        self._bound: Portrait | None = None
        """whose tensors the render graphs hold: the portrait's or its mirrored one's"""
        self._gaze: GazeMover | None = None

    def twin(self) -> Drawer:
        """The same for another thread; weights are shared."""
        backdrop = None if self._backdrop is None else self._backdrop.twin()
        return Drawer(self._render.twin(), backdrop, self._enlarge, self._folder, self._mirror)

    def draw(self, portrait: Portrait, motion: Motion) -> Image:
        """size x size, or as large as the portrait. Raises WeightsError where graphs and portrait do not fit, ReenactError
        for a motion that is none of the portrait's method."""
        check_motion(motion, portrait.motion.expression.size)
        with fitting(self._folder):
            return self._drawn(portrait, motion)

    def _drawn(self, portrait: Portrait, motion: Motion) -> Image:
        if self._held is not portrait:
            self._hold(portrait)
        drawn = self._rendered(portrait, motion)
        frame, still = drawn[FRAME], None
        if (backdrop := self._behind(portrait)) is not None and GRID in drawn:
            frame, still = backdrop.put(frame, drawn[GRID])
        if portrait.around is not None and GRID in drawn:
            frame, outside = brought_in(frame, drawn[GRID], portrait.around, still)
            if outside is not None and UNCOVERED in drawn:
                drawn = {**drawn, UNCOVERED: np.maximum(drawn[UNCOVERED], outside)}
        if portrait.large is not None:
            picture = self._enlarging(portrait.large).put(frame, drawn, still)
        else:
            picture = np.ascontiguousarray((frame[0].clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))
        own, wanted = portrait.motion.gaze, motion.gaze
        if self._gaze is None or own is None or wanted is None or GRID not in drawn:
            return picture
        return self._gaze.put(picture, drawn[GRID], wanted - own, float(motion.scale[0] / portrait.motion.scale[0]))

    def _rendered(self, portrait: Portrait, motion: Motion) -> dict[str, np.ndarray]:
        """What the render graphs give: of the portrait, of its mirrored one for turns to the right, or between the two."""
        mirror, mirrored = self._mirror, portrait.mirrored
        if mirror is None or mirrored is None or not (share := share_of_mirrored(motion, portrait.motion)):
            return self._run(portrait, motion)
        plain = {name: np.array(value) for name, value in self._run(portrait, motion).items()} if share < 1 else {}
        back = _back(self._run(mirrored, mirror.seen(motion, portrait.motion, mirrored.motion)))
        weight = np.float32(share)
        return {name: value if share == 1 else plain[name] + weight * (value - plain[name]) for name, value in back.items()}

    def _run(self, portrait: Portrait, motion: Motion) -> dict[str, np.ndarray]:
        if self._bound is not portrait:
            self._render.hold({**portrait.tensors, **portrait.framing.seen(portrait.motion).tensors("source")})
            self._bound = portrait
        drawn = self._render.run(portrait.framing.seen(motion).tensors("driving"))
        drawn |= {name: drawn[again] for name, again in zip((FRAME, KEEP), REFINED, strict=True) if again in drawn}
        return {name: drawn[name] for name in (FRAME, GRID, KEEP, UNCOVERED) if name in drawn}

    def _hold(self, portrait: Portrait) -> None:
        if (backdrop := self._behind(portrait)) is not None:
            backdrop.hold(portrait.tensors)
        if portrait.large is not None:
            self._enlarging(portrait.large).hold(portrait.tensors["image"], portrait.large, portrait.tensors.get(PLATE))
        crop = portrait.image if portrait.large is None else portrait.large
        self._gaze = None if portrait.eyes is None else GazeMover(crop, portrait.eyes)
        self._held = portrait

    def _enlarging(self, large: Image) -> Enlarger:
        """What makes frames as large as this, compiled once for each side, whichever twin asks."""
        if self._enlarger is None or self._enlarger.side != large.shape[0]:
            self._enlarger = self._enlarge(large.shape[0])
        return self._enlarger

    def _behind(self, portrait: Portrait) -> BackgroundKeeper | None:
        """What holds this portrait's backdrop; None where it moves, or the portrait was encoded without."""
        return self._backdrop if all(name in portrait.tensors for name in HELD) else None


def _back(drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps of a mirrored portrait -> of the portrait itself."""
    back = {name: np.ascontiguousarray(value[..., ::-1]) for name, value in drawn.items() if name != GRID}
    if GRID in drawn:
        back[GRID] = np.ascontiguousarray(drawn[GRID][:, :, ::-1]) * _TO_THE_LEFT
    return back


class Drawers:
    """Several drawers of one method, each used by one thread at a time."""

    def __init__(self, first: Drawer, count: int) -> None:
        self.count = count
        self._free: queue.LifoQueue[Drawer] = queue.LifoQueue()
        for drawer in (*(first.twin() for _ in range(count - 1)), first):
            self._free.put(drawer)

    def draw(self, portrait: Portrait, motion: Motion) -> Image:
        """As `Drawer.draw`, by one that is free."""
        drawer = self._free.get()
        try:
            return drawer.draw(portrait, motion)
        finally:
            self._free.put(drawer)

    def in_order(self, portrait: Portrait, motions: Iterable[Motion | None]) -> Iterator[Image]:
        """A picture for each motion, in their order; None: the picture before it again, the portrait unmoved where there is none.

        Errors are raised where their picture would have come. Closing the iterator ends the threads.
        """
        pool = ThreadPoolExecutor(self.count, "reenact-draw")
        try:
            waiting: deque[Future[Image]] = deque()
            last: Future[Image] | None = None
            for motion in motions:
                if motion is not None or last is None:
                    last = pool.submit(self.draw, portrait, portrait.motion if motion is None else motion)
                waiting.append(last)
                if len(waiting) > self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
