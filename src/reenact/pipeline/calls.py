"""Calls as files: a driving video -> its motion as a bitstream -> the portrait, moved as the video would move it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from shlex import quote

from reenact.codec.call import QUALITY, SUFFIX, Call, CallOptions, is_call, profile_for, profile_of
from reenact.codec.container import pack_portrait
from reenact.core.errors import ReenactError
from reenact.core.files import check_output
from reenact.media.audio import Sound
from reenact.media.film import check_film
from reenact.pipeline.animate import Following, Report, follow, following
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.inputs import read_portrait, warn_of_still
from reenact.pipeline.options import WHOLE, Clip, Progress, StrPath, check_options
from reenact.pipeline.portrait import AUTO, Output, head_and_shoulders, placer
from reenact.pipeline.sinks import CallSink, VideoSink, pump
from reenact.pipeline.sources import DrivingFile, of_call
from reenact.provenance.output import MarkedOutput
from reenact.runtime.engine import ENGINE, Engine

__all__ = ["QUALITY", "Call", "CallOptions", "CallReport", "decode_file", "encode_file", "profile_of"]

AS_NAMED = Engine(None)


@dataclass(frozen=True)
class CallReport:
    """What `encode_file` did."""

    frames: int
    frames_without_face: int
    rate: Fraction
    """frames a second"""
    once: int
    """bytes that are sent once: header, portrait, and where the clip began"""
    stream: int
    """bytes of the packets, with their lengths"""

    @property
    def kbps(self) -> float:
        """kbit/s of the packets."""
        return 8 * self.stream * float(self.rate) / max(1, self.frames) / 1000


SPENT = CallOptions()
"""how bits are spent unless the caller says other"""


def encode_file(
    driving: StrPath,
    output: StrPath,
    options: CallOptions = SPENT,
    *,
    portrait: StrPath | None = None,
    engine: Engine = ENGINE,
    clip: Clip = WHOLE,
    progress: Progress | None = None,
) -> CallReport:
    """Write the motion of a driving video as a call. portrait: a photo that travels inside. The sound is not part of it.

    driving may also be a take or a file of blendshapes. clip: which part of it, and the call's rate. Holds every frame's motion
    (a hundred bytes or two), nothing else. Raises ReenactError, in one line, for whatever the user can mend.
    """
    check_options(options=(options, CallOptions), engine=(engine, Engine), clip=(clip, Clip))
    if check_output(output, _given(driving, portrait)).suffix.lower() != SUFFIX:
        raise ReenactError(f"{output}: a call's name must end in {SUFFIX}")
    photo = read_portrait(portrait, engine.threads) if portrait else None
    with DrivingFile(driving, clip) as file:
        if file.still:
            warn_of_still(driving, "call")
        method = engine.load()
        packed = b"" if photo is None else pack_portrait(head_and_shoulders(photo, method.landmarker))
        source = file.source(method, method.landmarker)
        start = Fraction(0) if file.still else file.shown.start or Fraction(0)
        with CallSink(output, method, source.rate, options, packed, start) as sink:
            frames = pump(source, sink, source.frames, progress)
    return CallReport(frames, sink.missing, source.rate, sink.once, sink.stream)


def decode_file(
    portrait: StrPath | None,
    call: StrPath,
    output: StrPath,
    *,
    control: Following = None,
    engine: Engine = AS_NAMED,
    drawn: Output = AUTO,
    sound: StrPath | Sound | None = None,
    progress: Progress | None = None,
) -> Report:
    """Animate a portrait with a call. portrait: None takes the one inside. sound: a file whose sound is laid under, from where
    the call's film began in its driver's file on; `Sound(path, start)`: from that second on.

    control, drawn: as in `animate_file`; engine: by default the method that the call names. The output appears when it is whole.
    Raises ReenactError, in one line, for whatever the user can mend.
    """
    check_options(drawn=(drawn, Output))
    follows = following(control)
    check_options(control=(follows(drawn), Control), engine=(engine, Engine))
    audio = sound.path if isinstance(sound, Sound) else sound
    check_film(output, _given(portrait, call, audio))
    if portrait is not None and is_call(portrait) and not is_call(call):
        raise ReenactError(
            f"{portrait} is the call: the photo comes first: reenact decode {quote(str(call))} {quote(str(portrait))}"
        )
    opened = Call.open(call)
    engine, maker = engine.named(opened.header.method), opened.header.method
    engine.check()
    if (named := engine.config["method"]) != maker:
        raise ReenactError(f"{call}: made with method {maker}, not {named}: decode it with that one")
    heard = sound if sound is None or isinstance(sound, Sound) else Sound(Path(sound), opened.start)
    if heard is not None:
        heard.check()
    photo = opened.portrait() if portrait is None else read_portrait(portrait, engine.threads)
    marked = MarkedOutput(output, drawn.marks, [("portrait", portrait), ("call", call), ("sound", audio)])
    method = engine.load(series=True)
    profile = profile_for(method, opened.header)
    opened.check(profile)
    source = of_call(opened, profile)
    shown = method.encode_source(photo, face=drawn.face)
    drawn = drawn.decided(shown)
    follows(drawn).warn_of_unused(method)
    animator = Animator.of(method, shown, follows(drawn), source)
    place, part = placer(shown, drawn.mode), WHOLE if heard is None else Clip(heard.start)
    with VideoSink(marked.drawn_by(method), source.rate, place, audio, part, drawn.film_quality) as sink:
        return follow(animator, source, sink, progress)


def _given(*paths: StrPath | None) -> list[StrPath]:
    return [path for path in paths if path is not None]
