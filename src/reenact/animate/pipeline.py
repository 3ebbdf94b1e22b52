"""The one path from a driving video to the portrait, moved; files and live run it alike.

frames -> track, cut -> encode_motion -> transfer -> render -> (paste into the photo) -> encode
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

from reenact.animate.ahead import ahead
from reenact.animate.transfer import Mode, check_mode, transfer
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Method, Motion, Portrait
from reenact.faces.crop import CropTracker, cut, paste, soft_mask
from reenact.faces.landmarker import Landmarker
from reenact.media.image import read_image
from reenact.media.video import VideoReader, VideoWriter, resample
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


class Driver:
    """Follows a driver crop by crop. The first crop is the reference; without a face the last picture is held."""

    def __init__(self, method: Method, portrait: Portrait, mode: Mode) -> None:
        check_mode(mode)
        self._method, self._portrait, self._mode = method, portrait, mode
        self._reference: Motion | None = None
        self._last: Image | None = None
        self.frames = 0
        self.missing = 0

    def step(self, crop: Image | None) -> Image:
        """The portrait for the next driving crop; None: that frame shows no face. size x size RGB."""
        self.frames += 1
        if crop is None:
            self.missing += 1
            if self._last is None:
                self._last = self._method.render(self._portrait, self._portrait.motion)
            return self._last
        driving = self._method.encode_motion(crop)
        if self._reference is None:
            self._reference = driving
        motion = transfer(self._portrait.motion, driving, self._reference, self._mode)
        self._last = self._method.render(self._portrait, motion)
        return self._last

    def check(self) -> None:
        """Raises ReenactError when not one of the frames so far showed a face."""
        if self.frames and self.missing == self.frames:
            raise ReenactError("no face found in any frame of the driving video: choose one that shows a face")


def animate(
    portrait: Portrait,
    driving: str | Path | Iterable[Image],
    *,
    method: Method | None = None,
    motion: Mode = "relative",
) -> Iterator[Image]:
    """The portrait, moved as `driving` moves: one size x size RGB picture a driving frame, as it comes.

    driving: a video file, or any pictures (a list, a camera). method: what encoded the portrait; without it, the method of
    that name is loaded anew. A frame without a face repeats the last picture; ReenactError at the end if none had one.
    """
    check_mode(motion)
    chosen = load(portrait.method) if method is None else method
    driver = Driver(chosen, portrait, motion)
    return _from_file(driver, chosen.size, driving) if isinstance(driving, str | Path) else _live(driver, chosen, driving)


def _live(driver: Driver, method: Method, images: Iterable[Image]) -> Iterator[Image]:
    yield from map(driver.step, crops(images, CropTracker(Landmarker()), method.size))
    driver.check()


def _from_file(driver: Driver, size: int, path: str | Path) -> Iterator[Image]:
    with VideoReader(path) as reader:
        tracker = CropTracker(Landmarker())
        with ahead(crops((frame.image for frame in reader), tracker, size)) as ready:
            yield from map(driver.step, ready)
    driver.check()


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
    motion: Mode = "relative",
    output_mode: OutputMode = "crop",
    face: int = 1,
    start: Fraction | None = None,
    end: Fraction | None = None,
    fps: Fraction | None = None,
    method: str = "mmfa",
    device: str = "auto",
    threads: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Animate a photo with a video file and write a video file with the driver's sound. Memory stays flat.

    face: which face of the photo, 1 is the largest; start, end: seconds of the driving video; fps: the output's rate, by
    default the driving video's; seed: for methods that draw random numbers (no shipped one does). The output appears when
    it is whole. Raises ReenactError, in one line, for whatever the user can mend.
    """
    check_mode(motion)
    _check_files(Path(portrait_path), Path(driving_path), Path(output), output_mode, fps)
    del seed  # no shipped method draws random numbers
    photo = read_image(portrait_path)
    with VideoReader(driving_path, start, end) as reader:
        rate = fps or reader.rate
        with VideoWriter(output, rate, audio_from=driving_path, start=start, end=end) as writer:
            loaded = load(method, device, threads)
            portrait = loaded.encode_source(photo, face=face)
            place = placer(portrait, output_mode)
            driver = Driver(loaded, portrait, motion)
            tracker = CropTracker(loaded.landmarker)
            total = _expected(reader, rate)
            began = time.perf_counter()
            with ahead(crops((f.image for f in resample(reader, rate)), tracker, loaded.size)) as ready:
                for crop in ready:
                    writer.write(place(driver.step(crop)))
                    if progress:
                        progress(driver.frames, total)
            driver.check()
    return Report(driver.frames, driver.missing, rate, time.perf_counter() - began)


def _check_files(portrait: Path, driving: Path, output: Path, output_mode: str, fps: Fraction | None) -> None:
    if output_mode not in get_args(OutputMode):
        raise ReenactError(f"unknown output {output_mode!r}: choose one of {', '.join(get_args(OutputMode))}")
    if output.resolve() in (portrait.resolve(), driving.resolve()):
        raise ReenactError(f"{output} is also an input: give the output another name")
    if fps is not None and not 1 <= fps <= 240:
        raise ReenactError(f"--fps must lie between 1 and 240, not {float(fps):g}")


def _expected(reader: VideoReader, rate: Fraction) -> int | None:
    """How many frames the output will have, about."""
    return None if reader.frames is None else max(1, round(reader.frames * rate / reader.rate))


def placer(portrait: Portrait, output_mode: OutputMode) -> Callable[[Image], Image]:
    """What makes an output frame of a rendered crop."""
    if output_mode == "crop":
        return lambda crop: crop
    small = _limited(portrait)
    photo, placement = small.photo, small.placement
    assert photo is not None and placement is not None, "the portrait was encoded from a photo"
    mask = soft_mask(portrait.image.shape[0])
    return lambda crop: paste(photo, crop, placement, mask)


def _limited(portrait: Portrait) -> Portrait:
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
