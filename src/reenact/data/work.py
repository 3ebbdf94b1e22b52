"""One job, done: the same function on one machine and on a cluster. Its clips end up in one small shard of their own, complete
or not at all, which data/prepare.py joins to larger ones; what went wrong goes into the record and never further."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import NoFaceError, ReenactError
from reenact.core.types import Image, Placement
from reenact.data.figures import SAMPLED, clip_figures
from reenact.data.jobs import Job, Settings
from reenact.data.jpeg import encode
from reenact.data.rendered import read_truth
from reenact.data.shards import Clip, ClipInfo, DiskFull, ShardWriter, disk
from reenact.data.shots import CutDetector, Shot, find_shots, fixed_crop
from reenact.faces.crop import cut, head_crop
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.pose import fit_head
from reenact.media.image import read_image
from reenact.media.video import Pixels, VideoFrame, VideoReader

MAX_PIXELS = 8192 * 4608
"""ours: 8K and some; a larger frame takes 100 MB and more, several times over"""

Record = dict[str, Any]
"""key, file, fingerprint, seconds (of work), clips, frames, video_seconds, dropped (reason: count), error ("" or one line)"""


def fingerprint(job: Job) -> list[int]:
    """Size and time of the source: a failed file that has been replaced is tried again."""
    try:
        stat = Path(job.images[0] if job.images else job.path).stat()
    except OSError:
        return [0, 0]
    return [stat.st_size, stat.st_mtime_ns]


def run_job(job: Job, settings: Settings, part: Path) -> Record:
    """Writes the job's clips to the shard `part` (a .tar) and gives its record, which is also in the shard's index.

    Bad input never raises. Raises DiskFull when the output cannot be written.
    """
    started, dropped, error = time.monotonic(), Counter(), ""
    seen = {"clips": 0, "frames": 0, "video_seconds": 0.0}
    with ShardWriter(part) as writer:
        try:
            for clip in _clips(job, settings, dropped):
                writer.add(clip)
                seen["clips"] += 1
                seen["frames"] += clip.info.frames
                seen["video_seconds"] += clip.info.seconds
        except DiskFull:
            raise
        except ReenactError as problem:
            error = " ".join(str(problem).split())
        except (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, ValueError) as problem:
            with disk(part):
                if isinstance(problem, OSError) and problem.filename is None:
                    raise problem
            error = f"{job.path}: cannot be used ({type(problem).__name__}: {' '.join(str(problem).split())[:120]})"
        if error and seen["clips"]:
            error += f" ({seen['clips']} clips from before are kept)"
        if not error and not seen["clips"]:
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "no face found"
            error = f"{job.path}: nothing to use in it ({reasons})"
        record = {
            "key": job.key,
            "file": job.file,
            "fingerprint": fingerprint(job),
            **seen,
            "dropped": dict(dropped),
            "error": error,
            "work_seconds": round(time.monotonic() - started, 3),
            "peak_mb": _peak_mb(),
        }
        writer.notes["jobs"] = [record]
    return record


def _peak_mb() -> int:
    """The most memory this process has held; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(held / (1 << 20 if sys.platform == "darwin" else 1 << 10))


@lru_cache(maxsize=1)
def _landmarker() -> Landmarker:
    """One for each process; one thread, for there is one process a core."""
    return Landmarker(threads=1)


def _clips(job: Job, settings: Settings, dropped: Counter) -> Iterator[Clip]:
    stride = settings.stride or job.stride
    if job.kind == "shots":
        yield from _shots(job, settings, stride, dropped)
    elif job.kind == "photo":
        yield from _photo(job, settings)
    else:
        pictures = _listed(job, settings, stride) if job.kind == "images" else _cropped(job, settings, stride)
        yield from _whole(job, settings, pictures)


def _frames(job: Job, stride: int, start: Any = None, end: Any = None, pixels: Pixels = "shown") -> Iterator[VideoFrame]:
    """Every `stride`th frame. Raises ReenactError for what is too large to be held."""
    with VideoReader(job.path, start, end, pixels) as reader:
        if reader.width * reader.height > MAX_PIXELS:
            raise ReenactError(f"{job.path}: {reader.width}x{reader.height} is larger than 8K; scale it down")
        for number, frame in enumerate(reader):
            if number % stride == 0:
                yield frame


@dataclass(frozen=True)
class Picture:
    """One frame of a job whose crop is known."""

    time: float
    image: Image
    """at its final size"""
    native_px: float
    """side of the crop in the source"""
    shot: int = 0
    """how many cuts lie before it"""


def _cropped(job: Job, settings: Settings, stride: int) -> Iterator[Picture]:
    """The pictures of a video with a known crop. Cuts are sought in every frame: sets that promise none have them."""
    cuts, shot = CutDetector(), 0
    for number, frame in enumerate(_frames(job, 1, job.start, job.end, "stored")):
        height, width = frame.image.shape[:2]
        left, top, right, bottom = _box(job, width, height)
        box = (max(0, left), max(0, top), min(width, right), min(height, bottom))
        if box[2] - box[0] < 8 or box[3] - box[1] < 8:
            raise ReenactError(
                f"{job.path}: the box {job.box} of its list lies outside its {width}x{height} picture; mend the list"
            )
        shot += cuts.update(frame.image)
        if number % stride == 0:
            native_px = max(box[2] - box[0], box[3] - box[1])
            yield Picture(float(frame.time), _scaled(frame.image, box, settings.size), native_px, shot)


def _box(job: Job, width: int, height: int) -> tuple[float, float, float, float]:
    """In px of this frame."""
    if job.box is None or job.box_of is None:
        return 0, 0, width, height
    y_unit = height / job.box_of[1]
    x_unit = width / job.box_of[0] if job.box_of[0] else y_unit
    left, top, right, bottom = job.box
    return left * x_unit, top * y_unit, right * x_unit, bottom * y_unit


def _scaled(image: Image, box: tuple[float, float, float, float], size: int) -> Image:
    if box == (0, 0, size, size) and image.shape[:2] == (size, size):
        return image
    return np.asarray(PILImage.fromarray(image).resize((size, size), PILImage.Resampling.LANCZOS, box))


def _listed(job: Job, settings: Settings, stride: int) -> Iterator[Picture]:
    for number, path in list(enumerate(job.images))[::stride]:
        image = read_image(path)
        height, width = image.shape[:2]
        yield Picture(number / 25, _scaled(image, (0, 0, width, height), settings.size), max(height, width))


def _whole(job: Job, settings: Settings, pictures: Iterable[Picture]) -> Iterator[Clip]:
    """A clip for each shot of pictures that are head crops already; frames without a face are left out."""
    landmarker, taken, number = _landmarker(), ProcessedClip(), 0
    face: Face | None = None
    problem: ReenactError | None = None
    try:
        for picture in pictures:
            if taken.faces and picture.shot != taken.shot:
                yield taken.clip(_numbered(job, number), settings)
                taken, number, face = ProcessedClip(), number + 1, None
            face = (landmarker.track(picture.image, face) if face else None) or next(iter(landmarker.detect(picture.image)), None)
            if face is not None:
                taken.add(picture, face, settings)
    except ReenactError as error:  # damaged in the middle: what came before is good
        problem = error
    if taken.faces:
        yield taken.clip(_numbered(job, number), settings)
    if problem is not None:
        raise problem


def _numbered(job: Job, number: int) -> Job:
    """The first shot keeps the job's key."""
    return replace(job, key=f"{job.key}-s{number:03d}") if number else job


@dataclass
class ProcessedClip:
    """The frames of a clip so far: encoded, for only a few are needed again."""

    encoded: list[bytes] = field(default_factory=list)
    images: list[tuple[int, Image]] = field(default_factory=list)
    """some of the frames with their numbers, spread over the clip: every `stride`-th"""
    stride: int = 1
    faces: list[Face] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    native_px: float = 0.0
    shot: int = 0

    def add(self, picture: Picture, face: Face, settings: Settings) -> None:
        """One more frame."""
        self.encoded.append(encode(picture.image, settings.quality))
        self._sample(len(self.faces), picture.image)
        self.faces.append(face)
        self.times.append(picture.time)
        self.native_px, self.shot = picture.native_px, picture.shot

    def clip(self, job: Job, settings: Settings) -> Clip:
        """All of them."""
        return _clip(job, settings, self)

    def _sample(self, number: int, image: Image) -> None:
        """Without holding them all: every other one goes when there are too many."""
        if number % self.stride == 0:
            self.images.append((number, image))
        if len(self.images) > 2 * SAMPLED:
            self.images, self.stride = self.images[::2], 2 * self.stride


def _photo(job: Job, settings: Settings) -> Iterator[Clip]:
    """A clip of one frame, cropped around the largest face."""
    photo, landmarker = read_image(job.path), _landmarker()
    face = next(iter(landmarker.detect(photo)), None)
    if face is None:
        raise NoFaceError(f"{job.path}: no face found; leave the photo out")
    place = head_crop(face)
    if job.box is not None or place.side > 0.8 * min(photo.shape[:2]):
        place = Placement(photo.shape[1] / 2, photo.shape[0] / 2, float(min(photo.shape[:2])))
    image = cut(photo, place, settings.size)
    taken = ProcessedClip()
    taken.add(Picture(0.0, image, place.side), _moved(face, place, settings.size), settings)
    yield taken.clip(job, settings)


def _shots(job: Job, settings: Settings, stride: int, dropped: Counter) -> Iterator[Clip]:
    """Two passes, a shot at a time: the first finds the face in every frame, the second cuts the crop. Memory is one shot's
    crops."""
    number = 0
    for shot in find_shots(_frames(job, stride, job.start, job.end), _landmarker(), settings):
        place = fixed_crop(shot, settings)
        if isinstance(place, str):
            dropped[place] += 1
            continue
        clip = _cut_shot(replace(job, key=f"{job.key}-s{number:03d}"), settings, shot, place)
        if clip.info.figures["sharpness"] < settings.min_sharpness:
            dropped["blurred"] += 1
            continue
        number += 1
        yield clip


def _cut_shot(job: Job, settings: Settings, shot: Shot, place: Placement) -> Clip:
    faces = dict(zip(shot.times, shot.faces, strict=True))
    taken = ProcessedClip()
    with VideoReader(job.path, shot.times[0], shot.times[-1] + 1) as reader:
        for frame in reader:
            if frame.time > shot.times[-1]:
                break
            if frame.time in faces:
                picture = Picture(float(frame.time), cut(frame.image, place, settings.size), place.side)
                taken.add(picture, _moved(faces[frame.time], place, settings.size), settings)
    return taken.clip(job, settings)


def _moved(face: Face, place: Placement, size: int) -> Face:
    """The face in pixels of the crop."""
    unit = size / place.side
    corner = np.float32([place.centre_x - place.side / 2, place.centre_y - place.side / 2, 0])
    return Face((face.landmarks - corner) * np.float32(unit), face.presence)


def _clip(job: Job, settings: Settings, taken: ProcessedClip) -> Clip:
    landmarker, faces, times = _landmarker(), taken.faces, taken.times
    landmarks = np.stack([face.landmarks for face in faces])
    truth = {
        "time": np.array(times, np.float64),
        "landmarks": landmarks,
        "blendshapes": np.stack([landmarker.blendshapes(face) for face in faces]),
        "head_pose": fit_head(landmarks / np.float32(settings.size / 2)).head_pose,
    }
    if job.truth:
        with VideoReader(job.path) as reader:
            rate = float(reader.rate)
        truth |= read_truth(Path(job.truth), truth["time"], rate, settings.size, job.truth_form)
    step = float(np.median(np.diff(truth["time"]))) if len(times) > 1 else 0.0
    picked = [taken.images[i] for i in np.linspace(0, len(taken.images) - 1, min(SAMPLED, len(taken.images))).astype(int)]
    info = ClipInfo(
        key=job.key,
        identity=job.identity,
        split=job.split,
        frames=len(faces),
        seconds=round(times[-1] - times[0] + step, 4),
        size=settings.size,
        file=job.file,
        tier=job.tier,
        source=job.source,
        motion=job.motion,
        figures=clip_figures(picked, truth, taken.native_px),
    )
    return Clip(info, taken.encoded, truth)
