"""What one thread does with a frame: encode its motion, transfer it, render. Without a face: holds, says so, returns to rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from reenact.codec.still import Stillness
from reenact.core.memory import give_back
from reenact.core.types import Image, Motion, Portrait
from reenact.faces.crop import CropTracker
from reenact.live.stages import Times
from reenact.live.steer import NO_SLIDERS, Sliders, Steer
from reenact.motion.arkit import coefficient_motion
from reenact.motion.edit import eased, interpolate
from reenact.motion.sides import joined
from reenact.pipeline.animator import Animator
from reenact.pipeline.calls import QUALITY, profile_of
from reenact.pipeline.control import Control
from reenact.pipeline.editing import Editor
from reenact.pipeline.heads import HeadReader, head_in
from reenact.pipeline.portrait import framer
from reenact.provenance.badge import with_badge
from reenact.provenance.marks import MARKS, Marks
from reenact.provenance.watermark import mark
from reenact.runtime.onnx_method import OnnxMethod
from reenact.tracking.reading import Reading

FaceState = Literal["seen", "held", "lost", "home"]
"""seen; not seen for a moment, the last picture is held; not seen for so long that one says so; the portrait's own motion"""
SHORTEST, LONGEST = Fraction(1, 1000), Fraction(10)
"""ours: seconds between two frames; a source's clock that jumps counts as these"""


@dataclass(frozen=True)
class Rules:
    """When a session does what; all in seconds."""

    stale: float = 0.25
    """a frame that has waited so long is let go"""
    say: float = 0.5
    """after so long without a face one says so"""
    home: float = 3.0
    """after so long the portrait goes back to its own motion"""
    way: float = 1.0
    """how long that takes"""
    between: float = 0.04
    """from one picture to the next at least, where no frame comes: sliders, the way home"""
    still: int | None = QUALITY
    """nothing is rendered while all motion stays within half a step of this quality of the codec; None renders every frame"""


@dataclass(frozen=True)
class Frame:
    """What a source offers: a picture, or a tracker's estimate."""

    image: Image | None
    captured: Fraction | float
    """seconds on the source's own clock, which the temporal filter goes by"""
    number: int
    """comes back with what is shown of it"""
    reading: Reading | None = None
    """of a tracker, in place of a picture"""


@dataclass(frozen=True)
class Shown:
    """A picture to show, of the newest frame."""

    image: Image
    """size x size, with its watermark"""
    number: int
    """of the frame; -1 before the first"""
    captured: Fraction | float
    stages: Times
    motion: Motion
    """the portrait's, as rendered"""
    face: FaceState
    drawn: bool
    """False: the picture is the one before, since nothing has moved"""
    driving: Motion | None = None
    """the driver's, as estimated; None where this frame shows no face"""
    reference: Motion | None = None
    """the driver's neutral, so far"""


class Follower:
    """Owns one method and what it has made; used by one thread."""

    def __init__(self, method: OnnxMethod, control: Control, rules: Rules, marks: Marks = MARKS) -> None:
        self._method, self._rules, self._control, self._marks = method, rules, control, marks
        self._editor = Editor(method)
        self._tracker, self._reader = CropTracker(method.landmarker), HeadReader(method)
        self._still: Stillness | None = None
        self._sliders: Sliders = NO_SLIDERS
        self._portrait: Portrait | None = None
        self._framed: Callable[[Image], Image] = _whole
        self._driver: Animator | None = None
        self._coded = self._calibrate = False
        self._number, self._captured = -1, Fraction(-1)
        self._timed = False
        self._seen: float | None = None
        self._sees = False
        self._base: Motion | None = None
        self._shown: tuple[Image, Motion] | None = None
        self._told: FaceState = "home"
        self._asked, self._drawn_at = False, 0.0

    @property
    def ready(self) -> bool:
        """Whether there is a portrait to move."""
        return self._portrait is not None

    def portrait(self, photo: Image, face: int) -> None:
        """Exchanges the portrait; the driver's reference stays. Raises ReenactError, and then the old one stays."""
        portrait = self._method.encode_source(photo, face=face)
        if self._still is None and self._rules.still is not None:
            self._still = Stillness(profile_of(self._method, portrait.motion.expression.size), self._rules.still)
        driver = self._driver and self._driver_of(portrait, self._control, self._coded, self._driver.reference)
        self._portrait, self._driver = portrait, driver
        self._framed = framer(portrait)
        self._base, self._shown, self._asked = None, None, True
        give_back()

    def steer(self, steer: Steer) -> None:
        """Raises ReenactError for what these weights cannot, and then nothing has changed."""
        steer.check()
        sliders, control = steer.sliders(self._sliders, self._editor), steer.control(self._control)
        if self._driver is not None:
            self._driver.control = _placed(control, self._coded)
        self._sliders, self._control = sliders, control
        self._calibrate |= steer.calibrate
        self._asked = True

    def frame(self, frame: Frame, times: Times, now: float, wanted: Callable[[bool], None]) -> Shown:
        """wanted: called when this one has been encoded, with whether something will be rendered before the next is of use."""
        driving = self._read(frame, times)
        seconds = min(max(Fraction(frame.captured) - Fraction(self._captured), SHORTEST), LONGEST) if self._timed else None
        self._number, self._captured, self._timed = frame.number, frame.captured, True
        self._sees = driving is not None
        if self._sees or self._seen is None:
            self._seen = now
        with times.timed("draw"):
            self._follow(driving, seconds, frame.reading is not None)
        assert self._driver is not None
        return replace(self._show(times, now, wanted), driving=driving, reference=self._driver.reference)

    def ended(self, now: float) -> None:
        """The frame has been rendered. A slow machine's own time is no time without a face."""
        if self._sees:
            self._seen = now

    def tick(self, now: float) -> Shown | None:
        """What is to be shown though no frame has come; None: nothing new."""
        if self._portrait is None or not (self._asked or self._goes_home(now) or self._face(now) != self._told):
            return None
        return self._show(Times(), now)

    def due(self, now: float) -> float | None:
        """Seconds until `tick` has something to do; None: only when something comes."""
        if self._portrait is None:
            return None
        if self._asked or self._goes_home(now):
            return max(0.0, self._drawn_at + self._rules.between - now)
        if self._seen is None or self._told == "home":
            return None
        if self._face(now) != self._told:
            return 0.0
        lost, rules = now - self._seen, self._rules
        return max(0.0, (rules.say if lost < rules.say else rules.home) - lost)

    def _read(self, frame: Frame, times: Times) -> Motion | None:
        if (reading := frame.reading) is not None:
            with times.timed("read"):
                return coefficient_motion(reading.values, reading.angles, self._editor.map) if reading.face else None
        if frame.image is None:
            return None
        with times.timed("track"):
            found = self._tracker.update(frame.image)
            head = None if found is None else head_in(frame.image, *found, self._method.size)
        with times.timed("read"):
            return None if head is None else self._reader.motion(head)

    def _follow(self, driving: Motion | None, seconds: Fraction | None, coded: bool) -> None:
        assert self._portrait is not None
        if self._driver is None or coded != self._coded:
            reference = self._neutral() if coded else None
            self._driver, self._coded = self._driver_of(self._portrait, self._control, coded, reference), coded
        if self._calibrate:
            self._driver.calibrate()
            self._calibrate = False
        moved = self._driver.motion(driving, seconds)
        self._base = moved or self._base

    def _driver_of(self, portrait: Portrait, control: Control, coded: bool, reference: Motion | None) -> Animator:
        return Animator(self._method, portrait, _placed(control, coded), reference=reference)

    def _neutral(self) -> Motion:
        """A tracker's face at rest, seen from the front."""
        map_ = self._editor.map
        row = np.array([0, 0, 0, 1, 0, 0, *map_.neutral], np.float32)
        return Motion.from_vector(row, np.zeros((2, 2), np.float32))

    def _show(self, times: Times, now: float, wanted: Callable[[bool], None] = lambda rendering: None) -> Shown:
        """The portrait as it is to be seen now, rendered where that is new."""
        assert self._portrait is not None
        with times.timed("draw"):
            target = self._target(now)
            motion = self._sliders.moved(target, self._editor)
            moved = self._still is None or self._still.moved(motion)
            drawn = self._shown is None or moved
            wanted(drawn)
            picture = self._rendered(self._sliders.halved(target, self._editor) or (motion,)) if drawn else None
        if picture is not None:
            with times.timed("mark"):
                picture = mark(picture) if self._marks.watermark else picture
                self._shown = (with_badge(picture) if self._marks.badge else picture), motion
        assert self._shown is not None
        self._asked, self._drawn_at, self._told = False, now, self._face(now)
        image, motion = self._shown
        return Shown(image, self._number, self._captured, times, motion, self._told, drawn)

    def _rendered(self, halves: Sequence[Motion]) -> Image:
        """The portrait with one motion, or with one for each half of its face (motion/sides.py)."""
        assert self._portrait is not None
        pictures = [self._method.render(self._portrait, motion) for motion in halves]
        seen = self._portrait.framing.seen(halves[0])
        return self._framed(pictures[0] if len(pictures) == 1 else joined(pictures[0], pictures[1], seen))

    def _target(self, now: float) -> Motion:
        """The driver's motion on this portrait; beyond `Rules.home` without a face, on the way to the portrait's own."""
        assert self._portrait is not None
        own = self._portrait.motion
        if self._base is None or not self._goes_home(now):
            return own if self._base is None else self._base
        assert self._seen is not None
        share = min(1.0, (now - self._seen - self._rules.home) / self._rules.way)
        if share == 1.0:
            self._base, self._shown = None, None  # the last step is rendered however small it is
            return own
        return interpolate(self._base, own, eased(share))

    def _goes_home(self, now: float) -> bool:
        return self._base is not None and self._seen is not None and now - self._seen >= self._rules.home

    def _face(self, now: float) -> FaceState:
        if self._seen is None or now - self._seen >= self._rules.home:
            return "home"
        if now - self._seen >= self._rules.say:
            return "lost"
        return "seen" if self._sees else "held"


def _placed(control: Control, coded: bool) -> Control:
    """Coefficients say nothing of where the head is and how large: the portrait keeps its own."""
    return control.in_place() if coded else control


def _whole(picture: Image) -> Image:
    return picture
