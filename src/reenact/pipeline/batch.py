"""Many portraits times many drivings: each driving is encoded once, what is done is not done again, one report lists all."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

from reenact.core.errors import NoFaceError, ReenactError, ReenactWarning
from reenact.core.files import check_output, write_text
from reenact.core.types import Image, Motion, Portrait
from reenact.media.endings import PHOTOS, VIDEOS
from reenact.media.image import read_image
from reenact.pipeline.animate import Following, following, in_clip
from reenact.pipeline.animator import Animator
from reenact.pipeline.group import Group, encode_faces
from reenact.pipeline.options import WHOLE, Clip
from reenact.pipeline.portrait import AUTO, CROP, PHOTO, Output, placer
from reenact.pipeline.sinks import VideoSink, pump
from reenact.pipeline.sources import NO_FACE, DrivingFile
from reenact.provenance.output import MarkedOutput
from reenact.provenance.watermark import mark
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.onnx_method import OnnxMethod

SCHEMA = "reenact.batch/1"
REPORT = "report.json"
DRIVINGS = (*VIDEOS, ".gif", ".npz", ".json", ".csv")
AMONG_DRIVINGS = (*DRIVINGS, ".webp")
"""in a folder of drivings alone: elsewhere such a file is a photo"""
NAMED = 3
"""ours: of the files that are passed over"""
Drivers = Literal["one", "own"]
"""of several faces: one drives all of them, or each has its own, the largest face the first by name"""


@dataclass(frozen=True)
class BatchOptions:
    """What is done with every portrait and driving."""

    control: Following = None
    drawn: Output = AUTO
    """crop, photo or auto, and how the films are marked; its face is not looked at"""
    all_faces: bool = False
    """every face of a photo moves (then the output is the whole photo); else the largest"""
    drivers: Drivers = "one"
    clip: Clip = WHOLE
    """which part of each driving, and the films' rate"""

    def check(self) -> None:
        """Raises ReenactError for what cannot be."""
        for options in (following(self.control)(self.drawn), self.clip, self.drawn):
            options.check()
        if self.drivers not in get_args(Drivers):
            raise ReenactError(f"unknown drivers {self.drivers!r}: choose one of {', '.join(get_args(Drivers))}")
        if self.drivers == "own" and not self.all_faces:
            raise ReenactError("`drivers` own gives each face its own driving: add `all_faces`")


@dataclass
class Job:
    """One film: a portrait and who drives it."""

    output: str
    """name of the film in the output folder"""
    portrait: str
    drivings: list[str]
    key: str = ""
    """of inputs, options and weights: with another one the film is made anew"""
    state: Literal["waiting", "done", "failed"] = "waiting"
    error: str = ""
    faces: int = 0
    frames: int = 0
    frames_without_face: int = 0
    seconds: float = 0.0
    before: bool = False
    """made by an earlier run"""

    def line(self) -> str:
        """For people."""
        if self.state == "failed":
            return f"{self.output}: failed: {self.error}"
        if self.before:
            return f"{self.output}: there already"
        held = f", {self.frames_without_face} of them without a face" if self.frames_without_face else ""
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return f"{self.output}: {frames}{held}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Driven:
    """A driving, encoded once."""

    motions: list[Motion | None]
    rate: Fraction
    reference: Motion | None
    placed: bool
    """whether the motions say where the head is and how large (sources.py)"""
    file: DrivingFile
    """closed; it says which part was read, and what sound goes with it"""


def batch_folder(
    folder: Path,
    output: Path,
    options: BatchOptions,
    *,
    engine: Engine = ENGINE,
    tell: Callable[[Job], None] = lambda job: None,
) -> list[Job]:
    """Makes every film that is missing; gives all jobs, as they are in the output folder's report.json too.

    folder: photos and drivings side by side, or in portraits/ and drivings/. tell: called as each job ends. What a job's
    files are to blame for is that job's error; raises ReenactError for what concerns all.
    """
    for each in (options, engine):
        each.check()
    portraits, drivings = find(folder, output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReenactError(f"{output}: cannot be made ({error.strerror}); choose another with `out`") from None
    check_output(output / REPORT)
    jobs = plan(portraits, drivings, options)
    method = engine.load(series=True)
    following(options.control)(options.drawn).warn_of_unused(method)
    known = _known(output / REPORT)
    maker = Maker(method, options, output)
    for job in jobs:
        job.key = _key(job, options, engine, method.fingerprint)
        if (before := known.get(job.output)) is not None and before.key == job.key and (output / job.output).is_file():
            job.__dict__.update(asdict(before), before=True)
        else:
            maker.make(job)
        _save(output / REPORT, jobs)
        tell(job)
    return jobs


def find(folder: Path, output: Path) -> tuple[list[Path], list[Path]]:
    """Portraits and drivings of a folder, by name; warns of files that are neither. Raises ReenactError where there are none."""
    if not folder.is_dir():
        raise ReenactError(f"{folder}: no such folder; give one with photos and drivings")
    if output.resolve() in {folder.resolve(), (folder / "portraits").resolve(), (folder / "drivings").resolve()}:
        raise ReenactError(f"{output}: its films would be drivings of the next run; name another folder with `out`")
    apart = (folder / "portraits").is_dir()
    homes = [folder / "portraits", folder / "drivings"] if apart else [folder, folder]
    named = PHOTOS, AMONG_DRIVINGS if apart else DRIVINGS
    found = [_files(home, endings) for home, endings in zip(homes, named, strict=True)]
    for what, files, home, endings in zip(("photo", "driving"), found, homes, named, strict=True):
        if not files:
            raise ReenactError(f"{home}: holds no {what} ({', '.join(endings)})")
    over = [path for home in dict.fromkeys(homes) for path in _files(home, ()) if path not in (*found[0], *found[1])]
    if over:
        names = ", ".join(path.name for path in over[:NAMED]) + (f" and {len(over) - NAMED} more" if over[NAMED:] else "")
        warnings.warn(f"{folder}: passed over, by the ending of their names: {names}", ReenactWarning, stacklevel=1)
    return found[0], found[1]


def _files(home: Path, endings: Sequence[str]) -> list[Path]:
    """Those with one of the endings; without endings all."""
    if not home.is_dir():
        return []
    shown = (path for path in home.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in shown if not endings or path.suffix.lower() in endings)


def plan(portraits: Sequence[Path], drivings: Sequence[Path], options: BatchOptions) -> list[Job]:
    """One job a film, driving by driving. Films that would have one name are numbered."""
    named = _names(portraits), _names(drivings)
    if options.drivers == "own":
        jobs = [Job(named[0][portrait], str(portrait), [str(path) for path in drivings]) for portrait in portraits]
    else:
        pairs = [(portrait, driving) for driving in drivings for portrait in portraits]
        jobs = [Job(f"{named[0][one]}--{named[1][other]}", str(one), [str(other)]) for one, other in pairs]
    taken = {job.output for job in jobs}
    seen: set[str] = set()
    for job in jobs:
        if job.output in seen:
            job.output = next(name for n in count(2) if (name := f"{job.output}--{n}") not in taken)
            taken.add(job.output)
        seen.add(job.output)
        job.output += ".mp4"
    return jobs


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """Short where that is unique."""
    stems = [path.stem for path in paths]
    return {path: path.stem if stems.count(path.stem) == 1 else path.name for path in paths}


class Maker:
    """Makes films with one method; remembers each driving's motion, some hundred bytes a frame."""

    def __init__(self, method: OnnxMethod, options: BatchOptions, output: Path) -> None:
        self._method, self._options, self._output = method, options, output
        self._read: dict[tuple[str, Fraction | None], Driven] = {}

    def make(self, job: Job) -> None:
        """Fills in how it went; a ReenactError is the job's."""
        began = time.perf_counter()
        try:
            self._film(job)
            job.state = "done"
        except ReenactError as error:
            job.state, job.error = "failed", str(error)
        job.seconds = round(time.perf_counter() - began, 2)

    def _film(self, job: Job) -> None:
        photo = read_image(job.portrait)
        portraits = encode_faces(self._method, photo) if self._options.all_faces else [self._method.encode_source(photo)]
        first = self._driven(job.drivings[0], self._options.clip.rate)
        chosen = job.drivings[: len(portraits)] if self._options.drivers == "own" else job.drivings * len(portraits)
        driven = [first, *(self._driven(path, first.rate) for path in chosen[1:])]
        if all(motion is None for one in driven for motion in one.motions):
            raise NoFaceError(NO_FACE)
        drawn = PHOTO if self._options.all_faces else self._options.drawn.decided(portraits[0])
        place = self._placer(portraits, drawn)
        animators = [self._animator(portrait, one, first.rate, drawn) for portrait, one in zip(portraits, driven, strict=False)]
        steady = []
        for animator, one in zip(animators, driven, strict=False):
            animator.prepare(one.motions)
            steady.append(replace(one, motions=list(animator.looked_ahead(one.motions))))
        inputs = [("portrait", job.portrait), *(("driving", path) for path in chosen)]
        marks = replace(self._options.drawn.marks, watermark=False)  # each head has it already
        marked = MarkedOutput(self._output / job.output, marks, inputs).drawn_by(self._method)
        heard, quality = (first.file.sound, first.file.shown), self._options.drawn.film_quality
        with VideoSink(marked, first.rate, lambda frame: frame, *heard, quality) as sink:
            job.frames = pump(map(place, _pictures(animators, steady)), sink)
        job.faces = len(portraits)
        job.frames_without_face = sum(motion is None for motion in first.motions)

    def _animator(self, portrait: Portrait, one: Driven, rate: Fraction, drawn: Output) -> Animator:
        control = in_clip(following(self._options.control), one.file)(drawn)
        return Animator(self._method, portrait, control if one.placed else control.in_place(), rate, one.reference)

    def _placer(self, portraits: list[Portrait], drawn: Output) -> Callable[[list[Image]], Image]:
        one = placer(portraits[0], drawn.mode)
        joined = Group(portraits).frame if self._options.all_faces else lambda drawn: one(drawn[0])
        if not self._options.drawn.marks.watermark:
            return joined
        return lambda drawn: joined([*map(mark, drawn)])

    def _driven(self, path: str, rate: Fraction | None) -> Driven:
        if (path, rate) not in self._read:
            self._read[path, rate] = read_driving(self._method, Path(path), replace(self._options.clip, fps=rate))
        return self._read[path, rate]


def _pictures(animators: list[Animator], driven: list[Driven]) -> Iterator[list[Image]]:
    """One crop a face that is driven, until the longest driving ends; a shorter one is held."""
    for i in range(max(len(one.motions) for one in driven)):
        now = [one.motions[i] if i < len(one.motions) else None for one in driven]
        yield [animator.follow(motion) for animator, motion in zip(animators, now, strict=True)]


def read_driving(method: OnnxMethod, path: Path, clip: Clip = WHOLE) -> Driven:
    """The motion of a video, a take or a file of blendshapes, or of a part of it. Raises ReenactError."""
    with DrivingFile(path, clip) as file:
        source = file.source(method, method.landmarker)
        motions = [motion for _, motion in source]
        return Driven(motions, source.rate, source.reference, source.placed, file)


def _key(job: Job, options: BatchOptions, engine: Engine, weights: str) -> str:
    """Changes with the files' size or time, the options or the weights."""
    seen = []
    for path in (job.portrait, *job.drivings):
        try:
            state = Path(path).stat()
        except OSError:  # gone since the folder was read: that film's error, when it is made
            seen.append((Path(path).name, -1, -1))
            continue
        seen.append((Path(path).name, state.st_size, state.st_mtime_ns))
    control = [following(options.control)(drawn) for drawn in (CROP, PHOTO)]
    told = repr((seen, replace(options, control=None), control, replace(engine, threads=0), weights))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _known(report: Path) -> dict[str, Job]:
    """What an earlier run did; nothing where its report is missing or damaged."""
    try:
        held = json.loads(report.read_text(encoding="utf-8"))
        jobs = [Job(**entry) for entry in held["jobs"]] if held["schema"] == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {job.output: job for job in jobs if job.state == "done"}


def _save(report: Path, jobs: Sequence[Job]) -> None:
    counts = {state: sum(job.state == state for job in jobs) for state in ("done", "failed", "waiting")}
    held: dict[str, Any] = {"schema": SCHEMA, **counts, "jobs": [asdict(job) for job in jobs]}
    write_text(report, json.dumps(held, indent=1) + "\n")
