"""The one path from a driver to the portrait, moved; files, the Python API and the benchmark run it alike.

source: track, cut, encode_motion -> animator: smooth, transfer, render -> (paste into the photo) -> sink
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.types import Image, Method, Portrait, check_portrait
from reenact.core.values import check_kind, written
from reenact.faces.landmarker import Landmarker
from reenact.media.film import check_film
from reenact.motion.reference import CHOICES
from reenact.motion.takes import Take
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Alignment, Control
from reenact.pipeline.inputs import check_order, read_portrait
from reenact.pipeline.options import WHOLE, Clip, Progress, StrPath, check_options
from reenact.pipeline.portrait import AUTO, Output, placer
from reenact.pipeline.sinks import Sink, VideoSink, pump
from reenact.pipeline.sources import Driving, DrivingFile, MotionSource, open_source
from reenact.provenance.output import MarkedOutput
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.onnx_method import OnnxMethod, load

FOLLOW = Control()
Following = Control | Callable[[Output], Control] | None
"""how the portrait follows, or what says it of the output (crop or photo, decided); None: all of the driver, but in the whole
photo for the head's size and place"""


@dataclass(frozen=True)
class Report:
    """What `animate_file` did."""

    frames: int
    frames_without_face: int
    """driving frames in which no face was found: the last motion was held"""
    rate: Fraction
    """frames a second of the output"""
    seconds: float
    """wall time of the per-frame path, start-up left out"""


def animate(
    portrait: Portrait,
    driving: Driving,
    *,
    method: Method | None = None,
    control: Control | Alignment = FOLLOW,
    rate: Fraction | float | None = None,
) -> Iterator[Image]:
    """The portrait, moved as `driving` moves: one size x size RGB picture a driving frame, as it comes.

    driving: a video file, a take (or its file, or one of blendshapes), or any pictures (a list, a camera), alone or each with its
    time in seconds, (time, picture). method: what encoded the portrait; without it, the method of that name is loaded anew.
    control: whose motion, how much of it and how (animator.py), or the alignment alone. rate: frames a second of pictures that
    say no time (default 25). The pictures are as the method renders them, without watermark (provenance/watermark.py: mark adds
    it; files have it). A frame without a face repeats the last picture. Raises ReenactError for a portrait of another method,
    and, while it is iterated, for a driver that cannot be read, is no pictures (uint8 RGB), or shows no face at all.
    """
    control = control if isinstance(control, Control) else Control(control)
    control.check()
    if method is None:
        check_kind("portrait", portrait, Portrait)
    chosen = load(portrait.method) if method is None else method
    if not isinstance(getattr(chosen, "name", None), str) or not hasattr(chosen, "render"):
        raise ReenactError(f"`method` must be what reenact.load(name) gives, not {written(method)}")
    if not isinstance(driving, str | os.PathLike | Take) and not isinstance(driving, Iterable):
        raise ReenactError(f"`driving` must be a file's path, a reenact.Take or pictures, not {written(driving)}")
    check_portrait(portrait, chosen.name)
    return _pictures(portrait, driving, chosen, control, rate)


def _pictures(
    portrait: Portrait, driving: Driving, method: Method, control: Control, rate: Fraction | float | None
) -> Iterator[Image]:
    landmarker = method.landmarker if isinstance(method, OnnxMethod) else Landmarker(method.threads)
    looked_at = isinstance(method, OnnxMethod) and control.searches(method)
    with open_source(driving, method, landmarker, rate, looked_at=looked_at) as source:
        yield from Animator.of(method, portrait, control, source).pictures(source)


def animate_file(
    portrait: StrPath,
    driving: StrPath,
    output: StrPath,
    *,
    control: Following = None,
    engine: Engine = ENGINE,
    clip: Clip = WHOLE,
    drawn: Output = AUTO,
    progress: Progress | None = None,
) -> Report:
    """Animate a photo with a video file and write a video file with the driver's sound. Memory stays flat.

    driving may also be a take or a file of blendshapes (no sound then). control: `Following`; engine: which method, and where;
    clip: which part of the driver, and the output's rate; drawn: crop, photo or auto, and which face of it. The output appears
    when it is whole. Raises ReenactError, in one line, for whatever the user can mend.
    """
    check_options(drawn=(drawn, Output))
    follows = following(control)
    check_options(control=(follows(drawn), Control), engine=(engine, Engine), clip=(clip, Clip))
    check_film(output, [portrait, driving])
    marked = MarkedOutput(output, drawn.marks, [("portrait", portrait), ("driving", driving)])
    check_order(portrait, driving, output)
    photo = read_portrait(portrait, engine.threads)
    with DrivingFile(driving, clip) as file:
        follows = in_clip(follows, file)
        follows(drawn)  # a second that the clip does not have is said before anything is loaded
        method = engine.load(series=True)
        source = file.source(method, method.landmarker)
        if follows(drawn).searches(method):
            source = file.glimpsed(source, method, method.landmarker)
        shown = method.encode_source(photo, face=drawn.face)
        drawn = drawn.decided(shown)
        chosen = _toward(driving, follows(drawn)) if file.still else follows(drawn)
        chosen.warn_of_unused(method)
        method.let_go_of_encoders()
        animator = Animator.of(method, shown, chosen, source)
        place, heard = placer(shown, drawn.mode), (file.sound, file.shown)
        with VideoSink(marked.drawn_by(method), source.rate, place, *heard, drawn.film_quality) as sink:
            report = follow(animator, source, sink, progress)
            method.let_go()  # signing takes 40 MB, the networks' are not needed beside them
    return report


def following(control: Following) -> Callable[[Output], Control]:
    """What says of an output, crop or photo, how the portrait follows in it."""
    if control is not None and not callable(control):
        check_kind("control", control, Control)
    return control if callable(control) else lambda drawn: control or Control(parts=drawn.parts())


def in_clip(follows: Callable[[Output], Control], file: DrivingFile) -> Callable[[Output], Control]:
    """The same for this part of a driver: a reference that is a second is counted from the part's first picture."""

    def control(drawn: Output) -> Control:
        chosen = follows(drawn)
        return chosen if chosen.reference in CHOICES else replace(chosen, reference=file.second(float(chosen.reference)))

    return control


def _toward(picture: StrPath, control: Control) -> Control:
    """A picture has no motion: the portrait begins as it is, and goes to the picture's expression and head pose."""
    warnings.warn(
        f"{picture} is a picture: the portrait goes to its expression and head pose"
        f" (reenact edit PORTRAIT --expression {picture} makes a still)",
        ReenactWarning,
        stacklevel=1,
    )
    return replace(control, mode="decaying")


def follow(animator: Animator, source: MotionSource, sink: Sink[Image], progress: Progress | None = None) -> Report:
    """Renders every frame of the source to the sink, whose block is the caller's. Raises ReenactError where none shows a face."""
    began = time.perf_counter()
    frames = pump(animator.pictures(source), sink, source.frames, progress)
    return Report(frames, animator.missing, source.rate, time.perf_counter() - began)
