"""The kinds of jobs: which options each takes, checked by the functions that the command line is checked by, and what it runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact.core.errors import ReenactError
from reenact.media.clock import RATE_MAX, exact_number, snapped
from reenact.media.film import FILM_QUALITY
from reenact.media.video import VideoReader, resample
from reenact.motion.compose import parse_parts
from reenact.motion.expression import PRESETS
from reenact.pipeline.animate import animate_file
from reenact.pipeline.calls import CallOptions, decode_file, encode_file
from reenact.pipeline.control import Control
from reenact.pipeline.editing import Edit, Film, Sweep, edit_file, sweep_file
from reenact.pipeline.options import Clip, Progress
from reenact.pipeline.portrait import Output
from reenact.pipeline.sources import is_take
from reenact.provenance.output import MarkedOutput
from reenact.provenance.verify import verify_file
from reenact.runtime.engine import Engine
from reenact.serve.numbers import number

Options = Mapping[str, Any]
DELAY_MAX = 5.0
"""ours: seconds that a sound may be early"""


@dataclass(frozen=True)
class Inputs:
    """A job's files, all in its own folder."""

    portrait: Path | None
    driving: Path | None
    film: Path | None
    """of another job: a recording that gets its sound"""


@dataclass(frozen=True)
class Kind:
    """One kind of job."""

    suffix: str
    """of its result"""
    portrait: bool | None
    """whether it needs one; None: may have one"""
    driving: bool
    film: bool
    """whether it needs a recording"""
    options: Mapping[str, Callable[[str, Any], Any]]
    check: Callable[[Options], None]
    run: Callable[[Inputs, Options, Engine, Path, Progress], None]


def checked(name: str, given: Options) -> dict[str, Any]:
    """The options of a kind of job, converted. Raises ReenactError for what is unknown or out of bounds."""
    if name not in KINDS:
        raise ReenactError(f"unknown kind of job {name!r}: choose one of {', '.join(KINDS)}")
    kind = KINDS[name]
    if unknown := [option for option in given if option not in kind.options]:
        raise ReenactError(f"{name} has no option {unknown[0]!r}: choose among {', '.join(kind.options)}")
    options = {option: kind.options[option](option, value) for option, value in given.items() if value is not None}
    kind.check(options)
    return options


def check_length(kind: str, driving: Path, options: Options, minutes: float) -> None:
    """Raises ReenactError where the part of the video that is asked for lasts longer. What a sender calls a file decides
    nothing."""
    if kind == "dub" or is_take(driving) or driving.suffix == ".rnct":
        return
    try:
        with VideoReader(driving) as reader:
            duration = reader.duration
    except ReenactError:
        if kind == "verify":  # it takes pictures and sounds, too
            return
        raise
    if duration is None:
        return
    end = min(options.get("end") or duration, duration)
    if end - (options.get("start") or 0) > minutes * 60:
        raise ReenactError(f"the video lasts {float(duration) / 60:.1f} minutes, {minutes:g} may be: give a start and an end")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ReenactError(f"{name} must be a whole number, not {str(value)[:30]!r}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 400:
        raise ReenactError(f"{name} must be a short text")
    return value


def _second(name: str, value: Any) -> str | float:
    """A word, or at which second."""
    return _text(name, value) if isinstance(value, str) else number(name, value)


def _fraction(name: str, value: Any) -> Fraction:
    """A number, or a text such as 30000/1001, as the command line reads it."""
    try:
        return (
            exact_number(_text(name, value)) if isinstance(value, str) else Fraction(number(name, value)).limit_denominator(1001)
        )
    except (ValueError, ZeroDivisionError):
        raise ReenactError(f"{name} must be a number or a fraction, not {str(value)[:30]!r}") from None


def _rate(name: str, value: Any) -> Fraction:
    """Frames a second; 29.97 is 30000/1001."""
    fraction = _fraction(name, value)
    if not 1 <= fraction <= RATE_MAX:
        raise ReenactError(f"{name} must lie between 1 and {RATE_MAX}, not {str(value)[:30]}")
    return snapped(fraction)


def _degrees(name: str, value: Any) -> float:
    return math.radians(number(name, value))


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ReenactError(f"{name} must be two numbers")
    return number(name, value[0]), number(name, value[1])


def _degrees_pair(name: str, value: Any) -> tuple[float, float]:
    first, second = _pair(name, value)
    return math.radians(first), math.radians(second)


def _shapes(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ReenactError(f"{name} must be an object of names and numbers")
    return {str(key): number(str(key), share) for key, share in value.items()}


def _expression(name: str, value: Any) -> str:
    """By name only: on the command line it may be a path, and paths are not for those who ask from outside."""
    if value not in PRESETS:
        raise ReenactError(f"unknown {name} {str(value)[:30]!r}: choose one of {', '.join(PRESETS)}")
    return value


_PLACED = {"output": _text, "face": _whole}
_FILM = {**_PLACED, "film_quality": _whole}
_RANGE = {"start": _fraction, "end": _fraction, "fps": _rate}
_EDIT = {
    "yaw": _degrees, "pitch": _degrees, "roll": _degrees, "scale": number, "shift": _pair, "expression": _expression,
    "blendshapes": _shapes, "strength": number, "mode": _text, "gaze": _degrees_pair,
}  # fmt: skip
_CONTROL = {
    "motion": _text, "reference": _second, "parts": _text, "strength": number, "smooth": number, "settle": number,
}  # fmt: skip
_SWEEP = {"slider": _text, "from": number, "to": number, "seconds": number, "rate": _rate, "ease": _text}
_CALL = {"target_kbps": number, "quality": _whole, "key_seconds": number, "longest_gap": _whole}


def _picked(options: Options, names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in names}


def _placed(options: Options) -> Output:
    quality = options.get("film_quality", FILM_QUALITY)
    drawn = Output(options.get("output", "crop"), options.get("face", 1), film_quality=quality)
    drawn.check()
    return drawn


def _clip(options: Options) -> Clip:
    return Clip(**_picked(options, _RANGE))


def _control(options: Options) -> Callable[[Output], Control]:
    chosen = _picked(options, _CONTROL)
    motion, parts = chosen.pop("motion", None), chosen.pop("parts", "")
    return lambda drawn: Control(motion, parse_parts(parts, drawn.parts()), **chosen)


def _check_control(options: Options) -> None:
    _control(options)(_placed(options)).check()


def _edit(options: Options) -> Edit:
    return Edit(**_picked(options, _EDIT))


def _check_edit(options: Options) -> None:
    _placed(options)
    _edit(options).check()


def _sweep(options: Options) -> tuple[Sweep, Film]:
    sweep = Sweep(options.get("slider", "yaw"), options.get("from", -20.0), options.get("to", 20.0))
    film = {"seconds": options.get("seconds"), "fps": options.get("rate"), "ease": options.get("ease")}
    return sweep, Film(**{name: value for name, value in film.items() if value is not None})


def _check_sweep(options: Options) -> None:
    sweep, film = _sweep(options)
    sweep.check()
    film.shares()
    _check_edit(options)
    sweep.check_beside(_edit(options))


def _call(options: Options) -> CallOptions:
    return CallOptions(**_picked(options, _CALL))


def _animate(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.portrait is not None and inputs.driving is not None
    chosen = {"control": _control(options), "clip": _clip(options), "drawn": _placed(options)}
    animate_file(inputs.portrait, inputs.driving, out, engine=engine, progress=progress, **chosen)


def _run_edit(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.portrait is not None
    edit_file(inputs.portrait, out, _edit(options), engine=engine, drawn=_placed(options))
    progress(1, 1)


def _run_sweep(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.portrait is not None
    sweep, film = _sweep(options)
    sweep_file(inputs.portrait, out, sweep, _edit(options), film, engine=engine, drawn=_placed(options), progress=progress)


def _encode(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.driving is not None
    chosen = {"engine": engine, "clip": _clip(options)}
    encode_file(inputs.driving, out, _call(options), portrait=inputs.portrait, progress=progress, **chosen)


def _decode(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.driving is not None
    chosen = {"control": _control(options), "engine": replace(engine, method=None), "drawn": _placed(options)}
    decode_file(inputs.portrait, inputs.driving, out, progress=progress, **chosen)


def _check_dub(options: Options) -> None:
    if not 0 <= options.get("delay", 0.0) <= DELAY_MAX:
        raise ReenactError(f"delay must lie between 0 and {DELAY_MAX:g} seconds, not {options['delay']:g}")


def _dub(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    """The film from `delay` seconds on, with the sound from its beginning: pictures are so late behind what was heard."""
    assert inputs.film is not None and inputs.driving is not None
    start = Fraction(options.get("delay", 0.0)).limit_denominator(1000)
    with VideoReader(inputs.film, start) as reader, MarkedOutput(out).film(reader.rate, audio_from=inputs.driving) as writer:
        for done, frame in enumerate(resample(reader, reader.rate), 1):
            writer.write(frame.image)
            progress(done, reader.frames)


def _verify(inputs: Inputs, options: Options, engine: Engine, out: Path, progress: Progress) -> None:
    assert inputs.driving is not None
    out.write_text(json.dumps(verify_file(inputs.driving).as_dict()), encoding="utf-8")


KINDS: dict[str, Kind] = {
    "animate": Kind(".mp4", True, True, False, {**_CONTROL, **_RANGE, **_FILM}, _check_control, _animate),
    "edit": Kind(".png", True, False, False, {**_EDIT, **_PLACED}, _check_edit, _run_edit),
    "sweep": Kind(".mp4", True, False, False, {**_EDIT, **_SWEEP, **_FILM}, _check_sweep, _run_sweep),
    "encode": Kind(".rnct", None, True, False, {**_CALL, **_RANGE}, lambda options: _call(options).check(), _encode),
    "decode": Kind(".mp4", None, True, False, {"motion": _text, **_FILM}, _check_control, _decode),
    "verify": Kind(".json", False, True, False, {}, lambda options: None, _verify),
    "dub": Kind(".mp4", False, True, True, {"delay": number}, _check_dub, _dub),
}
