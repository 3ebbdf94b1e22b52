"""The one path from a driving video to the portrait, moved; files and live run it alike.

frames -> track, cut -> encode_motion -> smooth -> transfer -> render -> (paste into the photo) -> encode
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.files import check_output, check_readable
from reenact.core.types import Image, Method, Portrait
from reenact.faces.crop import CropTracker, cut, paste, soft_mask
from reenact.faces.landmarker import Landmarker
from reenact.media.clock import exact_rate
from reenact.media.image import read_image
from reenact.media.video import VideoReader, resample
from reenact.media.writer import VideoWriter
from reenact.motion.arkit import is_coefficients, read_coefficients
from reenact.motion.compose import ALL_DRIVEN, DRIVER, SOURCE, Parts
from reenact.motion.takes import SUFFIXES as TAKE_SUFFIXES
from reenact.motion.takes import Take
from reenact.pipeline.ahead import ahead
from reenact.pipeline.animator import Alignment, Animator, Control, expression_map
from reenact.provenance.output import MARKS, MarkedOutput, Marks
from reenact.runtime.backdrop import Background, check_background
from reenact.runtime.onnx_method import load

OutputMode = Literal["crop", "photo"]
Progress = Callable[[int, int | None], None]
"""called after each frame with the frames done and, where it is known, how many there will be"""

PHOTO_MAX = 3840
"""ours: longest side of a whole-photo video in pixels; beyond 4K few players follow, and H.264 takes seconds a frame"""


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
    driving: str | Path | Take | Iterable[Image],
    *,
    method: Method | None = None,
    motion: Alignment | None = None,
    parts: Parts = ALL_DRIVEN,
    strength: float = 1.0,
    smooth: float = 1.0,
    settle: float = 2.0,
    rate: Fraction | None = None,
) -> Iterator[Image]:
    """The portrait, moved as `driving` moves: one size x size RGB picture a driving frame, as it comes.

    driving: a video file, a take (or its file, or one of blendshapes), or any pictures (a list, a camera). method: what
    encoded the portrait; without it, the method of that name is loaded anew. motion, settle: how the portrait is aligned
    with the driver (animator.py: Control). parts, strength: whose motion, and how much of it (motion/compose.py). smooth: of the
    temporal filter, 0 is off; rate: frames a second of pictures for it (default 25).
    The pictures are as the method draws them, without watermark (provenance/watermark.py: mark puts it in; files have it).
    A frame without a face repeats the last picture; ReenactError at the end if none had one.
    """
    control = Control(motion, parts, strength, smooth, settle)
    control.check()
    chosen = load(portrait.method) if method is None else method
    if isinstance(driving, Take) or (isinstance(driving, str | Path) and is_take(driving)):
        return _from_take(chosen, portrait, control, driving)
    if isinstance(driving, str | Path):
        return _from_file(chosen, portrait, control, driving)
    return _live(chosen, portrait, control, driving, rate or Fraction(25))


def _live(method: Method, portrait: Portrait, control: Control, images: Iterable[Image], rate: Fraction) -> Iterator[Image]:
    driver = Animator(method, portrait, control, rate)
    yield from map(driver.step, crops(images, CropTracker(Landmarker()), method.size))
    driver.check()


def _from_file(method: Method, portrait: Portrait, control: Control, path: str | Path) -> Iterator[Image]:
    with VideoReader(path) as reader:
        driver = Animator(method, portrait, control, reader.rate)
        tracker = CropTracker(Landmarker())
        with ahead(crops((frame.image for frame in reader), tracker, method.size)) as ready:
            yield from map(driver.step, ready)
    driver.check()


def _from_take(method: Method, portrait: Portrait, control: Control, given: str | Path | Take) -> Iterator[Image]:
    take = given if isinstance(given, Take) else open_take(given, method)
    control = control if isinstance(given, Take) else placed(control, given)
    take.check(method.name, getattr(method, "fingerprint", ""), portrait.motion.expression.size)
    driver = Animator(method, portrait, control, take.rate, take.reference)
    yield from map(driver.follow, take.frames())


def is_take(path: str | Path) -> bool:
    """Whether the file's name says motion or blendshapes rather than a video."""
    return Path(path).suffix.lower() in (*TAKE_SUFFIXES, ".csv")


def open_take(path: str | Path, method: Method) -> Take:
    """A take from its file, or from one of blendshapes (arkit.py) through the method's expression map.

    Raises ReenactError for what can be neither.
    """
    if is_coefficients(Path(path)):
        return read_coefficients(path, expression_map(method))
    return Take.load(path)


def placed(control: Control, path: str | Path) -> Control:
    """A file of blendshapes says nothing of where the head is and how large: the portrait keeps its own."""
    if not is_coefficients(Path(path)):
        return control
    parts = control.parts
    kept = {name: SOURCE for name in ("scale", "translation") if getattr(parts, name) == DRIVER}
    return replace(control, parts=replace(parts, **kept))


def crops(images: Iterable[Image], tracker: CropTracker, size: int) -> Iterator[Image | None]:
    """The tracked head of each picture as size x size; None where there is no face."""
    for image in images:
        found = tracker.update(image)
        yield None if found is None else cut(image, found[0], size)


def animate_file(
    portrait_path: str | Path,
    driving_path: str | Path,
    output: str | Path,
    *,
    motion: Alignment | None = None,
    parts: Parts = ALL_DRIVEN,
    strength: float = 1.0,
    smooth: float = 1.0,
    settle: float = 2.0,
    output_mode: OutputMode = "crop",
    face: int = 1,
    start: Fraction | None = None,
    end: Fraction | None = None,
    fps: Fraction | float | None = None,
    method: str = "mmfa",
    device: str = "auto",
    threads: int = 0,
    background: Background = "still",
    seed: int = 0,
    marks: Marks = MARKS,
    progress: Progress | None = None,
) -> Report:
    """Animate a photo with a video file and write a video file with the driver's sound. Memory stays flat.

    driving_path may also be a take or a file of blendshapes (no sound then). motion, parts, strength, smooth, settle: as in
    `animate`. face: which face of the photo, 1 is the largest; start, end: seconds of the driving video; fps: the output's
    rate, by default the driving video's; background: runtime/backdrop.py; seed: for methods that draw random
    numbers (none does); marks: what the file carries of being synthetic (provenance/output.py). The output appears when it is
    whole. Raises ReenactError, in one line, for whatever the user can mend.
    """
    control = Control(motion, parts, strength, smooth, settle)
    control.check()
    check_background(background)
    check_files([Path(portrait_path), Path(driving_path)], Path(output), output_mode, fps)
    marked = MarkedOutput(output, marks, [("portrait", portrait_path), ("driving", driving_path)])
    del seed  # no shipped method draws random numbers
    photo = read_image(portrait_path)
    if is_take(driving_path):
        check_readable(driving_path, "video or a take")
        loaded = load(method, device, threads, background)
        take, control = open_take(driving_path, loaded), placed(control, driving_path)
        take.check(loaded.name, loaded.fingerprint, loaded.code_size)
        rate = take.rate if fps is None else exact_rate(fps)
        count, motions = take.count(rate, start, end), take.frames(rate, start, end)
        with marked.film(rate) as writer:
            marked.drawn_by(loaded)
            portrait = loaded.encode_source(photo, face=face)
            driver = Animator(loaded, portrait, control, rate, take.reference)
            pictures = map(driver.follow, motions)
            return _write(writer, driver, marked.around(placer(portrait, output_mode)), pictures, count, progress)
    with VideoReader(driving_path, start, end) as reader:
        rate = reader.rate if fps is None else exact_rate(fps)
        with marked.film(rate, driving_path, start, end) as writer:
            loaded = load(method, device, threads, background)
            marked.drawn_by(loaded)
            portrait = loaded.encode_source(photo, face=face)
            driver = Animator(loaded, portrait, control, rate)
            tracker = CropTracker(loaded.landmarker)
            with ahead(crops((f.image for f in resample(reader, rate)), tracker, loaded.size)) as ready:
                pictures = map(driver.step, ready)
                place = marked.around(placer(portrait, output_mode))
                return _write(writer, driver, place, pictures, expected(reader, rate), progress)


def _write(
    writer: VideoWriter,
    driver: Animator,
    place: Callable[[Image], Image],
    pictures: Iterable[Image],
    total: int | None,
    progress: Progress | None,
) -> Report:
    """Everything that the driver draws, written."""
    began = time.perf_counter()
    for picture in pictures:
        writer.write(place(picture))
        if progress:
            progress(driver.frames, total)
    driver.check()
    return Report(driver.frames, driver.missing, writer.rate, time.perf_counter() - began)


def check_files(inputs: Iterable[Path], output: Path, output_mode: str = "crop", fps: Fraction | float | None = None) -> None:
    """Raises ReenactError for an unknown output mode, an output that cannot be written or is also an input, or a rate out of
    1..240."""
    if output_mode not in get_args(OutputMode):
        raise ReenactError(f"unknown output {output_mode!r}: choose one of {', '.join(get_args(OutputMode))}")
    check_output(output, inputs)
    if fps is not None:
        exact_rate(fps)


def expected(reader: VideoReader, rate: Fraction) -> int | None:
    """How many frames the output will have, about."""
    return None if reader.seconds is None else max(1, round(reader.seconds * rate))


def placer(portrait: Portrait, output_mode: OutputMode) -> Callable[[Image], Image]:
    """What makes an output frame of a rendered crop."""
    if output_mode == "crop":
        return lambda crop: crop
    small = limited(portrait)
    photo, placement = small.photo, small.placement
    assert photo is not None and placement is not None, "the portrait was encoded from a photo"
    mask = soft_mask(portrait.image.shape[0])
    return lambda crop: paste(photo, crop, placement, mask)


def limited(portrait: Portrait) -> Portrait:
    """The same portrait with its photo at most `PHOTO_MAX` pixels long."""
    photo, place = portrait.photo, portrait.placement
    assert photo is not None and place is not None
    factor = PHOTO_MAX / max(photo.shape[:2])
    if factor >= 1:
        return portrait
    width, height = round(photo.shape[1] * factor), round(photo.shape[0] * factor)
    resized = np.asarray(PILImage.fromarray(photo).resize((width, height), PILImage.Resampling.LANCZOS))
    moved = replace(place, centre_x=place.centre_x * factor, centre_y=place.centre_y * factor, side=place.side * factor)
    return replace(portrait, photo=resized, placement=moved)
