"""From files to files without a driver: one edited picture, a slider swept to and fro, a way between two faces."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.files import check_output, check_readable
from reenact.core.shapes import Float32
from reenact.core.types import Image, Motion, Portrait
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.media.clock import exact_rate, snapped
from reenact.media.film import check_film
from reenact.media.image import check_image_name, opened_by_pillow, read_image
from reenact.motion import gaze as looks
from reenact.motion.compose import KEEP_PLACE, Parts, check_strength, compose
from reenact.motion.directions import Directions, check_sliders, is_slider
from reenact.motion.edit import (
    SCALE_MAX,
    SCALE_MIN,
    YAW_MAX,
    Ease,
    Way,
    check_ease,
    check_path,
    eased,
    edit,
    interpolate,
    there_and_back,
)
from reenact.motion.expression import PRESETS, VALUE_MAX, VALUE_MIN, ExpressionMap, check_blendshapes, expression_map, preset
from reenact.motion.pose_gain import PoseGain
from reenact.motion.sides import Side, joined, sided, unlike
from reenact.motion.transfer import Mode
from reenact.pipeline.inputs import read_portrait
from reenact.pipeline.options import Progress, StrPath
from reenact.pipeline.portrait import CROP, PHOTO, Output, placer
from reenact.pipeline.sinks import ImageSink, VideoSink, pump
from reenact.pipeline.sources import is_take, open_take
from reenact.provenance.output import MarkedOutput
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.onnx_method import OnnxMethod

FRAMES_MAX = 100_000
"""ours: more than an hour at 25 frames/s is a slip of the keyboard"""
FAR = np.radians(35.0)
"""ours: of a turn or a nod; beyond, warned of"""
GAZE_MAX = np.radians(45.0)
"""about as far as eyes go"""
PITCH_MAX, ROLL_MAX = np.radians(89.0), np.pi
SHIFT_MAX = 2.0
"""halves of the crop's side: a head in its middle is out of the picture before"""
SWEPT = ("yaw", "pitch", "roll", "scale", "shift-x", "shift-y", "gaze-yaw", "gaze-pitch")
"""what can be swept besides the blendshapes and the named expressions"""
Return = Literal["back", "once"]


LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
OPENERS = ("eyeLookUp", "eyeWide")
"""of each side: what lifts the lid"""


@dataclass(frozen=True)
class Edit:
    """What `reenact edit` has been asked for. Angles in radians; None: as the portrait has it."""

    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    scale: float | None = None
    shift: tuple[float, float] | None = None
    """right and down, in halves of the crop's side"""
    expression: str | None = None
    """a named expression, or the path of a photo or a take (its first frame with a face)"""
    blendshapes: Mapping[str, float] = field(default_factory=dict)
    strength: float = 1.0
    mode: Mode = "relative"
    directions: Mapping[str, float] = field(default_factory=dict)
    """of the method's own motion directions (directions.py), in standard deviations; always added"""
    gaze: tuple[float, float] | None = None
    """yaw, pitch of the eyes in the head"""

    def check(self) -> None:
        """Raises ReenactError for a slider or a named expression that is none, and for numbers that no portrait can be given,
        before anything is loaded."""
        for name in ("yaw", "pitch", "roll", "scale", "shift"):
            if (value := getattr(self, name)) is not None and not np.isfinite(value).all():
                raise ReenactError(f"`{name}` must be made of finite numbers")
        if self.yaw is not None and abs(self.yaw) > (2 if self.mode == "relative" else 1) * YAW_MAX:
            raise ReenactError(f"`yaw` {np.degrees(self.yaw):g}: the head's yaw must stay within -89..89 degrees")
        for name, most in (("pitch", PITCH_MAX), ("roll", ROLL_MAX)):
            if abs(angle := getattr(self, name) or 0.0) > most:
                limit = np.degrees(most)
                raise ReenactError(f"`{name}` {np.degrees(angle):g} must lie within -{limit:g}..{limit:g} degrees")
        if self.scale is not None and self.scale <= 0:
            raise ReenactError(f"`scale` {self.scale:g} must be more than 0: 1.1 is a tenth larger")
        least, most = (SCALE_MIN, SCALE_MAX) if self.mode == "absolute" else (SCALE_MIN / SCALE_MAX, SCALE_MAX / SCALE_MIN)
        if self.scale is not None and not least <= self.scale <= most:
            raise ReenactError(f"`scale` {self.scale:g}: the head's scale must stay within {SCALE_MIN:g}..{SCALE_MAX:g}")
        if self.shift is not None and np.abs(self.shift).max() > SHIFT_MAX:
            shift = " ".join(f"{value:g}" for value in self.shift)
            raise ReenactError(
                f"`shift` {shift} is in halves of the crop's side, no pixels: keep both within -{SHIFT_MAX:g}..{SHIFT_MAX:g}"
            )
        check_blendshapes(self.blendshapes)
        check_sliders(self.directions)
        check_strength(self.strength)
        if self.gaze is not None and not (np.isfinite(self.gaze).all() and np.abs(self.gaze).max() <= GAZE_MAX):
            raise ReenactError(f"`gaze` must be yaw and pitch of the eyes within {np.degrees(GAZE_MAX):g} degrees")
        if self.expression is not None and not _is_there(self.expression):
            preset(self.expression)

    def inputs(self) -> list[tuple[str, StrPath]]:
        """The file that the expression comes from, with its role (provenance/output.py); none where it has a name."""
        named = self.expression is None or self.expression in PRESETS
        return [] if named else [("expression", str(self.expression))]

    def readable_inputs(self) -> list[tuple[str, StrPath]]:
        """The same. Raises ReenactError for a file that cannot be read."""
        return [(role, check_readable(path, "photo or a take")) for role, path in self.inputs()]

    def check_photo(self) -> None:
        """Raises ReenactError where the expression is to come from a photo that is none: sooner than networks are loaded."""
        for _, path in self.inputs():
            if not is_take(path) and not opened_by_pillow(path):
                read_image(path)  # says why it is none, or reads what Pillow alone cannot


NEUTRAL = "neutral"
"""the named expression that is none: the portrait's own is taken off"""


def several(expressions: Sequence[str], blendshapes: Mapping[str, float]) -> tuple[str | None, dict[str, float]]:
    """What an `Edit` is given for several expressions at once: one of them, and the blendshapes of the others added to those
    asked for.

    A whole face (a photo, a take, `neutral`) comes first, whatever the order. Raises ReenactError where two of them are whole
    faces, or move the same blendshape.
    """
    whole = [name for name in expressions if name == NEUTRAL or (name not in PRESETS and _is_there(name))]
    if len(whole) > 1:
        raise ReenactError(f"`expression` {whole[0]} and {whole[1]} are a whole face each: give one of the two")
    order, total = sorted(expressions, key=lambda name: name not in whole), dict(blendshapes)
    moved: dict[str, str] = {}
    for place, name in enumerate(order):
        for shape, value in preset(name).items() if name not in whole else ():
            if shape in moved:
                raise ReenactError(f"`expression` {moved[shape]} and {name} both move {shape}: give one of the two")
            moved[shape] = name
            if place:
                total[shape] = total.get(shape, 0.0) + value
    return (order[0] if order else None), total


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except PermissionError:  # said when it is read
        return True
    except (OSError, ValueError):  # a name that no file can have
        return False


class Editor:
    """Applies edits with one method; reads its expression map, and files that expressions come from, once."""

    def __init__(self, method: OnnxMethod) -> None:
        self._method = method
        self._codes: dict[str, np.ndarray] = {}

    @cached_property
    def map(self) -> ExpressionMap:
        """Raises ReenactError where the weights have none."""
        return expression_map(self._method)

    @cached_property
    def gain(self) -> PoseGain:
        """Raises ReenactError where it is damaged or other weights'."""
        return PoseGain.load(self._method.folder, self._method.fingerprint)

    @cached_property
    def directions(self) -> Directions:
        """Raises ReenactError where the weights have no expression map, which says how far a code goes."""
        return Directions.found(self._method.folder, self.map.code_spread, self._method.fingerprint)

    def apply(self, own: Motion, wanted: Edit, side: Side | None = None) -> Motion:
        """The portrait's own motion, edited. side: both eyes and brows as that side's are asked for (motion/sides.py).

        relative: angles, shift, named expressions and blendshapes are added to the portrait's own, a scale multiplies it.
        absolute: they replace it; a blendshape's own value is then the map's of the code (approximate). Either way a
        turn is asked for with the weights' gain (pose_gain.py). A photo's or a take's expression and `neutral` are a whole face
        either way: the code goes `strength` of the way to it. Raises ReenactError.
        """
        sliders = {"yaw": wanted.yaw, "pitch": wanted.pitch, "roll": wanted.roll, "scale": wanted.scale, "shift": wanted.shift}
        moved = self.gain.reached(own, edit(own, **sliders, mode=wanted.mode))  # type: ignore[arg-type]
        if wanted.gaze is not None and own.gaze is not None:
            before = own.gaze if wanted.mode == "relative" else np.zeros((2, 2), np.float32)
            moved = moved.replace(gaze=before + looks.of_angles(*wanted.gaze))
        name = wanted.expression
        if name in PRESETS:
            values = shut_at_most(sided(preset(name), side), wanted.strength)
            moved = looks.turned(moved, wanted.strength * looks.of_names(values))
            mode: Mode = "absolute" if name == NEUTRAL else wanted.mode
            code = self.map.code(values) if mode == "relative" else self.map.with_expression(moved.expression, values)
            moved = edit(moved, expression=code, strength=wanted.strength, mode=mode)
        elif name is not None:
            moved = edit(moved, expression=self._code(name), strength=wanted.strength, mode="absolute")
        if wanted.blendshapes:
            moved = looks.turned(moved, wanted.strength * looks.of_names(wanted.blendshapes))
            values = shut_at_most(sided(wanted.blendshapes, side), wanted.strength)
            moved = edit(moved, expression=self._change(moved, values, wanted.mode), strength=wanted.strength)
        if wanted.directions:
            moved = self.directions.moved(moved, wanted.directions, wanted.strength)
        return moved

    def turn(self, wanted: Edit) -> float:
        """The larger of the turn and the nod that are asked for, radians."""
        asked = np.array([wanted.yaw or 0.0, wanted.pitch or 0.0])
        if wanted.directions:
            asked = asked + self.directions.change(wanted.directions, wanted.strength)[:2]
        return float(np.abs(asked).max())

    def _code(self, path: str) -> np.ndarray:
        if path not in self._codes:
            self._codes[path] = face_motion(self._method, Path(path)).expression
        return self._codes[path]

    def pictures(self, portrait: Portrait, wanted: Sequence[Edit]) -> Iterator[Image]:
        """One picture for each edit. A face with unlike eyes or brows is rendered twice and joined (motion/sides.py)."""
        halves = [(None,) if not _unlike(one) else get_args(Side) for one in wanted]
        motions = [[self.apply(portrait.motion, one, side) for side in sides] for one, sides in zip(wanted, halves, strict=True)]
        drawn = self._method.render_all(portrait, [motion for each in motions for motion in each])
        for each in motions:
            picture = next(drawn)
            yield picture if len(each) == 1 else joined(picture, next(drawn), portrait.framing.seen(each[0]))

    def _change(self, motion: Motion, values: Mapping[str, float], mode: Mode) -> Float32[np.ndarray, " code"]:
        if mode == "relative":
            return self.map.code(values)
        own = self.map.read(motion.expression)
        missing = {name: value - float(own[BLENDSHAPE_NAMES.index(name)]) for name, value in values.items()}
        return self.map.code({name: float(np.clip(value, VALUE_MIN, VALUE_MAX)) for name, value in missing.items()})


def shut_at_most(values: Mapping[str, float], strength: float) -> dict[str, float]:
    """Blendshapes of which, times `strength`, none closes a lid further than shut: beyond that lids fold over the cheeks. What
    lifts a lid does so as far as it is open: shut eyes that look up stay shut."""
    most = 1 / max(strength, 1.0)
    kept = {name: min(value, most) if name in LIDS else value for name, value in values.items()}
    for lid in LIDS:
        shut = float(np.clip(strength * kept.get(lid, 0.0), 0, 1))
        for name in (f"{stem}{lid.removeprefix('eyeBlink')}" for stem in OPENERS):
            if kept.get(name, 0.0) > 0:
                kept[name] *= 1 - shut
    return kept


def _unlike(wanted: Edit) -> bool:
    return unlike(wanted.blendshapes) or (wanted.expression in PRESETS and unlike(preset(str(wanted.expression))))


def face_motion(method: OnnxMethod, path: StrPath, face: int = 1) -> Motion:
    """The motion of a photo's face, or of a take's first frame with one. Raises ReenactError where there is none."""
    if not is_take(path):
        return method.encode_source(read_image(path), face=face).motion
    take = open_take(path, method)
    take.check(method.name, method.fingerprint, method.code_size)
    return take.motion(int(take.faces.argmax()))


def edit_file(portrait: StrPath, output: StrPath, wanted: Edit, *, engine: Engine = ENGINE, drawn: Output = PHOTO) -> None:
    """Writes the edited portrait as .png, .jpg or .webp. Raises ReenactError, in one line, for what the user can mend."""
    for options in (wanted, engine, drawn):
        options.check()
    inputs = [("portrait", portrait), *wanted.readable_inputs()]
    check_image_name(check_output(output, [path for _, path in inputs]))
    wanted.check_photo()
    marked = MarkedOutput(output, drawn.marks, inputs)
    photo = read_portrait(portrait, engine.threads)
    method = engine.load()
    source, editor = method.encode_source(photo, face=drawn.face), Editor(method)
    _warn_of_gaze(source, wanted)
    with ImageSink(marked.drawn_by(method), placer(source, drawn.mode)) as sink:
        sink.write(next(editor.pictures(source, [wanted])))
    if (turn := editor.turn(wanted)) > FAR:
        far = f"a turn of {np.degrees(turn):.0f} degrees: beyond {np.degrees(FAR):.0f} the picture breaks"
        warnings.warn(far, ReenactWarning, stacklevel=1)


def _warn_of_gaze(portrait: Portrait, wanted: Edit) -> None:
    if wanted.gaze is not None and portrait.motion.gaze is None:
        told = "`gaze` does nothing: the photo's eyes are shut or hidden, and where they look is not known"
        warnings.warn(told, ReenactWarning, stacklevel=1)


@dataclass(frozen=True)
class Sweep:
    """One slider from `start` to `end`: degrees, a scale, a shift, a blendshape, or a named expression's strength."""

    name: str
    start: float
    end: float

    def check(self) -> None:
        """Raises ReenactError for a slider that is none, no finite range, or an end that no portrait can be given."""
        if is_slider(self.name):
            for value in (self.start, self.end):
                check_sliders({self.name: value})
        elif self.name not in (*SWEPT, *PRESETS):
            try:
                check_blendshapes({self.name: 0.0})
            except ReenactError:
                names = ", ".join((*SWEPT, *PRESETS))
                raise ReenactError(f"`sweep` {self.name!r}: choose {names}, or a blendshape such as jawOpen") from None
        if not np.isfinite([self.start, self.end]).all():
            raise ReenactError("`sweep` wants two finite numbers, as in yaw -30 30")
        self._check_ends(Edit())

    def check_beside(self, base: Edit) -> None:
        """Raises ReenactError where `base` asks for what the sweep runs over, or with it an end is beyond bounds."""
        if self._is_asked_for(base):
            raise ReenactError(f"`sweep` runs over {self.name}, which is asked for besides: leave one of the two out")
        self._check_ends(base)

    def _check_ends(self, base: Edit) -> None:
        for share in (0.0, 1.0):
            self.at(share, base).check()

    def _is_asked_for(self, base: Edit) -> bool:
        if self.name.startswith(("gaze-", "shift-")):
            field_, _, axis = self.name.partition("-")
            return bool((getattr(base, field_) or (0.0, 0.0))[axis in ("pitch", "y")])
        if self.name in SWEPT:
            return getattr(base, self.name) is not None
        if self.name == NEUTRAL:  # takes all of a face off, by a strength that is all others', too
            return bool(base.expression or base.blendshapes or base.directions)
        if base.expression == self.name:
            return True
        swept = preset(self.name) if self.name in PRESETS else [self.name]
        return not {*base.blendshapes, *base.directions}.isdisjoint(swept)

    def at(self, share: float, base: Edit) -> Edit:
        """The edit with the slider `share` of the way along; the others as in `base`."""
        value = self.start + share * (self.end - self.start)
        if self.name in ("yaw", "pitch", "roll"):
            return replace(base, **{self.name: float(np.radians(value))})
        if is_slider(self.name):
            return replace(base, directions={**base.directions, self.name: value})
        if self.name == "scale":
            return replace(base, scale=value)
        if self.name.startswith("gaze-"):
            yaw, pitch = base.gaze or (0.0, 0.0)
            angle = float(np.radians(value))
            return replace(base, gaze=(angle, pitch) if self.name == "gaze-yaw" else (yaw, angle))
        if self.name.startswith("shift-"):
            x, y = base.shift or (0.0, 0.0)
            return replace(base, shift=(value, y) if self.name == "shift-x" else (x, value))
        if self.name == NEUTRAL:
            return replace(base, expression=NEUTRAL, strength=value * base.strength)
        if self.name in PRESETS:
            return replace(base, blendshapes={**base.blendshapes, **{k: v * value for k, v in preset(self.name).items()}})
        return replace(base, blendshapes={**base.blendshapes, self.name: value})


@dataclass(frozen=True)
class Film:
    """How a film without a driver runs."""

    seconds: float = 4.0
    fps: Fraction = Fraction(25)
    """frames a second, 1..240; floats are taken, too (29.97 is 30000/1001)"""
    ease: Ease = "smooth"
    return_: Return = "back"
    """back: there and back, so that it can be looped; once: there"""

    def __post_init__(self) -> None:
        if isinstance(self.fps, float | int) and np.isfinite(self.fps):
            object.__setattr__(self, "fps", snapped(Fraction(self.fps)))

    def check(self) -> None:
        """Raises ReenactError for a film of no frames or too many, and a rate out of 1..240."""
        exact_rate(self.fps)
        self.shares()

    def shares(self) -> list[float]:
        """How far along each frame is. Raises ReenactError for a film of no frames or too many."""
        check_ease(self.ease)
        if self.return_ not in get_args(Return):
            raise ReenactError(f"unknown return {self.return_!r}: choose one of {', '.join(get_args(Return))}")
        count = round(self.seconds * self.fps) if np.isfinite(self.seconds) else 0
        if not 2 <= count <= FRAMES_MAX:
            raise ReenactError(
                f"`seconds` {self.seconds:g} at {float(self.fps):g} frames/s is no film: give 2 to {FRAMES_MAX} frames"
            )
        if self.return_ == "back":
            return there_and_back(count, self.ease)
        return [eased(i / (count - 1), self.ease) for i in range(count)]


FILM = Film()


def sweep_file(
    portrait: StrPath,
    output: StrPath,
    sweep: Sweep,
    base: Edit,
    film: Film = FILM,
    *,
    engine: Engine = ENGINE,
    drawn: Output = PHOTO,
    progress: Progress | None = None,
) -> int:
    """Writes a video in which one slider runs from start to end and back; gives the number of frames. Raises ReenactError."""
    for options in (sweep, base, film, engine, drawn):
        options.check()
    sweep.check_beside(base)
    inputs = [("portrait", portrait), *base.readable_inputs()]
    check_film(output, [path for _, path in inputs])
    base.check_photo()
    marked = MarkedOutput(output, drawn.marks, inputs)
    photo = read_portrait(portrait, engine.threads)
    method = engine.load(series=True)
    source = method.encode_source(photo, face=drawn.face)
    edits = [sweep.at(share, base) for share in film.shares()]
    _warn_of_gaze(source, edits[0])
    pictures = Editor(method).pictures(source, edits)
    with _film_sink(marked.drawn_by(method), film, source, drawn) as sink:
        return pump(pictures, sink, len(edits), progress)


def _film_sink(marked: MarkedOutput, film: Film, source: Portrait, drawn: Output) -> VideoSink:
    return VideoSink(marked, film.fps, placer(source, drawn.mode), film_quality=drawn.film_quality)


@dataclass(frozen=True)
class Between:
    """The way from one face to another."""

    start: StrPath
    """a photo, or a take (its first frame with a face)"""
    end: StrPath
    path: Way = "lerp"
    """of the expression code: lerp (a line) or slerp (an arc about neutral)"""
    parts: Parts = KEEP_PLACE
    """"driver" is the face on the way, "source" the portrait's own"""

    def check(self) -> None:
        """Raises ReenactError for a path that is none."""
        check_path(self.path)


def interpolate_file(
    between: Between,
    output: StrPath,
    *,
    portrait: StrPath | None = None,
    film: Film = FILM,
    engine: Engine = ENGINE,
    drawn: Output = CROP,
    progress: Progress | None = None,
) -> int:
    """Writes the way from one face to another on one portrait; gives the number of frames.

    portrait: the photo to animate, by default the way's start if that is one. Raises ReenactError.
    """
    for options in (between, film, engine, drawn):
        options.check()
    if portrait is None and is_take(between.start):
        raise ReenactError(f"{between.start} is no photo: name the photo to animate with `portrait`")
    shown, ends = portrait or between.start, (between.start, between.end)
    for end in ends:
        check_readable(end, "photo or a take")
    check_film(output, [*ends, shown])
    marked = MarkedOutput(output, drawn.marks, [("portrait", shown), ("from", between.start), ("to", between.end)])
    photo = read_portrait(shown, engine.threads)
    method = engine.load(series=True)
    source = method.encode_source(photo, face=drawn.face)
    first, last = (source.motion if given == shown else face_motion(method, given) for given in ends)
    map_ = expression_map(method) if between.parts.wants_map else None
    ways = [interpolate(first, last, share, between.path) for share in film.shares()]
    motions = [compose(source.motion, way, between.parts, 1.0, map_) for way in ways]
    with _film_sink(marked.drawn_by(method), film, source, drawn) as sink:
        return pump(method.render_all(source, motions), sink, len(motions), progress)
