"""Follows a driver frame by frame: encode, smooth, transfer, render."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import get_args

import numpy as np

from reenact.core.errors import NoFaceError, ReenactError
from reenact.core.shapes import Float32
from reenact.core.types import Image, Method, Motion, Portrait
from reenact.motion.compose import compose
from reenact.motion.edit import eased, interpolate
from reenact.motion.expression import ExpressionMap, expression_map
from reenact.motion.expression_gain import reaching
from reenact.motion.gaze import usual
from reenact.motion.reference import NEARLY, SEARCH, SEARCHED, calmest, sampled_every, unrest
from reenact.motion.rest import Rest
from reenact.motion.smooth import REACH, MotionFilter, both_ways
from reenact.motion.transfer import Mode, transfer
from reenact.pipeline.control import Alignment, Control, alignment
from reenact.pipeline.heads import Moment
from reenact.pipeline.sources import NO_FACE, MotionSource

GLIDE = 0.3
"""ours: seconds in which the reference has gone two thirds of the way to a calmer face; at once, the portrait would jump"""


@dataclass
class _Search:
    """For a calmer reference, while frames come."""

    since: Fraction | None = None
    map: ExpressionMap | None = None
    least: float = float("inf")
    target: Motion | None = None
    faces: list[Motion] = field(default_factory=list)
    """so far, for where they look mostly"""


class Animator:
    """Follows a driver frame by frame; without a face the last picture is held.

    The reference: what is given, else as the control says. Of a clip (`pictures`, `prepare`) it is known before anything is
    rendered; frame by frame, as live, it is the first face, and glides to each calmer one that the first seconds bring.

    Time: each frame may say how many seconds after the one before it came, more than 0; None is one frame at the rate given.
    """

    def __init__(
        self,
        method: Method,
        portrait: Portrait,
        control: Control | Alignment | None,
        rate: Fraction = Fraction(25),
        reference: Motion | None = None,
    ) -> None:
        """rate: frames a second where no time is given; reference: the driver's neutral, where it is known.

        Raises ReenactError for a bad control, or one that wants an expression map where the weights have none.
        """
        control = control if isinstance(control, Control) else Control(control)
        control.check()
        self._method, self._portrait = method, portrait
        self._spread = _code_spread(method, portrait)
        self._reached = reaching(method)
        self._filter = MotionFilter(rate, control.smooth, self._spread)
        self._filtered = False
        self._reference, self._rate = reference, Fraction(rate)
        self._search = None if reference is not None else _Search()
        self._time = Fraction(0)
        self._seen: Fraction | None = None
        self._settles_from: Fraction | None = None
        self._last: Image | None = None
        self._steer(control)
        self.frames = 0
        self.missing = 0

    @property
    def control(self) -> Control:
        """May be exchanged between frames. Raises ReenactError as the constructor does; then the old one stays."""
        return self._control

    @control.setter
    def control(self, control: Control) -> None:
        control.check()
        self._steer(control)

    def _steer(self, control: Control) -> None:
        self._expressions = expression_map(self._method, self._portrait) if control.parts.wants_map else None
        self._control = control
        self._mode: Alignment = control.mode or alignment(self._method)
        estimated = control.reference == "rest" and self._mode == "relative"
        self._rest = self._measured_rest if estimated else None
        self._own = self._at_rest(self._portrait.motion)
        self._filter.strength = control.smooth
        if self._mode != "decaying":
            self._settles_from = None

    @property
    def reference(self) -> Motion | None:
        """The driver's neutral; None until the next face, which becomes it."""
        return self._reference

    def calibrate(self) -> None:
        """The next face becomes the reference; a decaying alignment begins anew there."""
        self._reference = self._settles_from = self._search = None

    def prepare(self, motions: Iterable[Motion | None]) -> None:
        """Finds the reference in a clip's motions, if it is to be searched; asks for no more of them than it takes. Raises
        ReenactError where it is a second that the clip does not have."""
        if self._searches:
            until = SEARCH if self._control.reference in SEARCHED else float(self._control.reference) + float(1 / self._rate)
            count = max(1, round(until * self._rate))
            held = list(itertools.islice(motions, count))
            if self._control.reference not in SEARCHED and len(held) < count - 1:
                raise ReenactError("`reference` is a second that lies beyond the driver's end: name one within it")
            every = sampled_every(self._rate) if self._control.reference in SEARCHED else 1
            seen = [motion for motion in held[::every] if motion is not None]
            self._choose(seen or [motion for motion in held if motion is not None])

    def looked_ahead(self, motions: Iterable[Motion | None]) -> Iterator[Motion | None]:
        """A clip's motions, evenly timed, filtered with `REACH` seconds of look-ahead, so that nothing lags; from now on what is
        followed is not filtered again."""
        self._filtered, strength = True, self._filter.strength

        def make() -> MotionFilter:
            return MotionFilter(self._rate, strength, self._spread)

        return both_ways(motions, make, max(1, round(REACH * self._rate))) if strength else iter(motions)

    @property
    def _searches(self) -> bool:
        return self._reference is None and self._mode == "relative" and self._control.reference != "first"

    def _choose(self, faces: Sequence[Motion]) -> None:
        """The reference out of a clip's beginning; none, so that the next face becomes it, where no frame shows one."""
        calm, map_ = self._control.reference in SEARCHED, self._calm_map()
        if faces and (map_ is not None or not calm):
            self._reference = faces[-1]
            if calm and map_ is not None:
                self._reference = self._at_rest(faces[calmest(faces, map_)].replace(gaze=usual(faces)))
            self._search = None

    @cached_property
    def _measured_rest(self) -> Rest | None:
        return Rest.of(self._method, self._portrait)

    def _at_rest(self, motion: Motion) -> Motion:
        """The same with the face at rest, where that is asked for and the weights know what it is."""
        return motion if self._rest is None else self._rest.found(motion)

    def _calm_map(self) -> ExpressionMap | None:
        """None where the weights have none: then no face is known to be calmer than another."""
        if self._rest is not None:
            return self._rest.expressions
        try:
            return self._expressions or expression_map(self._method, self._portrait)
        except ReenactError:
            return None

    @classmethod
    def of(cls, method: Method, portrait: Portrait, control: Control, source: MotionSource) -> Animator:
        """For `pictures` of this source. Raises ReenactError as the constructor does."""
        return cls(method, portrait, control if source.placed else control.in_place(), source.rate, source.reference)

    def pictures(self, source: MotionSource) -> Iterator[Image]:
        """One picture for each frame of the source, as it comes. Raises ReenactError at its end when no frame had a face."""
        moments: Iterator[Moment] = iter(source)
        if source.ahead and self._searches:
            held: list[Moment] = []
            if faces := self._glimpsed(source):
                self._choose(faces)
            else:
                self.prepare(motion for _, motion in _noted(moments, held))
            moments = itertools.chain(held, moments)
        if source.ahead and not source.timed:
            times: list[Fraction] = []
            moments = ((times.pop(0), motion) for motion in self.looked_ahead(_noting_times(moments, times)))
        yield from self._drawn(self._motions(moments, source.timed), source.ahead)
        self.check()

    def _glimpsed(self, source: MotionSource) -> list[Motion]:
        """Faces to find the reference among, where they need not be waited for as the source's own."""
        return list(source.glimpse) if self._control.searches(self._method) else []

    def _motions(self, moments: Iterable[Moment], timed: bool) -> Iterator[Motion | None]:
        """The portrait's motion for each moment; None: hold."""
        before: Fraction | None = None
        for time, driving in moments:
            yield self.motion(driving, time - before if timed and before is not None else None)
            before = time

    def _drawn(self, motions: Iterable[Motion | None], ahead: bool) -> Iterator[Image]:
        """ahead: whether a motion may be asked for before the picture of the one before it was given."""
        several = getattr(self._method, "render_all", None) if ahead else None
        if several is not None:
            yield from several(self._portrait, motions)
            return
        for motion in motions:
            yield self._show(motion)

    def step(self, crop: Image | None, seconds: Fraction | float | None = None) -> Image:
        """The portrait for the next driving crop; None: that frame shows no face. size x size RGB."""
        return self.follow(None if crop is None else self._method.encode_motion(crop), seconds)

    def follow(self, driving: Motion | None, seconds: Fraction | float | None = None) -> Image:
        """The same for a motion that is known already."""
        return self._show(self.motion(driving, seconds))

    def _show(self, motion: Motion | None) -> Image:
        if motion is not None:
            self._last = self._method.render(self._portrait, motion)
        elif self._last is None:
            self._last = self._method.render(self._portrait, self._portrait.motion)
        return self._last

    def motion(self, driving: Motion | None, seconds: Fraction | float | None = None) -> Motion | None:
        """The portrait's motion for it, nothing rendered; None where the frame shows no face: hold."""
        self.frames += 1
        self._time += 1 / self._rate if seconds is None else Fraction(seconds)
        if driving is None:
            self.missing += 1
            return None
        passed = None if self._seen is None else self._time - self._seen
        if not self._filtered:
            driving = self._filter.step(driving, passed)
        self._seen = self._time
        if self._reference is None:
            self._reference = driving if self._search is None else self._at_rest(driving)
        if self._search is not None:
            self._look_on(self._search, driving, 1 / self._rate if passed is None else passed)
        control = self._control
        moved = self._reached(self._portrait.motion, self._aligned(driving))
        return compose(self._portrait.motion, moved, control.parts, control.strength, self._expressions)

    def _look_on(self, search: _Search, driving: Motion, seconds: Fraction) -> None:
        """Frame by frame: a calmer face than those so far is what the reference glides to. seconds: since the face before."""
        assert self._reference is not None
        if search.since is None:
            search.since, search.map = self._time, self._calm_map() if self._control.reference in SEARCHED else None
        passed = float(self._time - search.since)
        if search.map is None or self._mode != "relative" or passed > SEARCH + 5 * GLIDE:
            self._search = None
            return
        if passed <= SEARCH:
            search.faces.append(driving)
            if (score := unrest(driving, search.map)) < search.least - NEARLY:
                search.least, search.target = score, self._at_rest(driving)
            if search.target is not None:
                search.target = search.target.replace(gaze=usual(search.faces))
        if search.target is not None:
            share = 1 - float(np.exp(-float(seconds) / GLIDE))
            self._reference = interpolate(self._reference, search.target, share)

    def _aligned(self, driving: Motion) -> Motion:
        """The driver's motion as the portrait would take all of it on."""
        own = self._portrait.motion
        if self._mode != "decaying":
            return transfer(self._own, driving, self._reference, self._mode)
        self._settles_from = self._time if self._settles_from is None else self._settles_from
        passed = float(self._time - self._settles_from) / self._control.settle
        share = eased(min(1.0, passed))
        ends = [transfer(own, driving, self._reference, mode) for mode in get_args(Mode)]
        return interpolate(ends[0], ends[1], share)

    def check(self) -> None:
        """Raises ReenactError when not one of the frames so far showed a face."""
        if self.frames and self.missing == self.frames:
            raise NoFaceError(NO_FACE)


def _noted(moments: Iterable[Moment], held: list[Moment]) -> Iterator[Moment]:
    """The same, each also put into `held`."""
    for moment in moments:
        held.append(moment)
        yield moment


def _noting_times(moments: Iterable[Moment], times: list[Fraction]) -> Iterator[Motion | None]:
    """Their motions; each time goes to `times`."""
    for time, motion in moments:
        times.append(time)
        yield motion


def _code_spread(method: Method, portrait: Portrait) -> Float32[np.ndarray, " code"] | float:
    """The code's unit for the filter: measured, where the weights have a map of their own; else 1."""
    try:
        return expression_map(method, portrait).code_spread
    except ReenactError:
        return 1.0
