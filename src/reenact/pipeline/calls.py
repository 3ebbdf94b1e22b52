"""Calls as files: a driving video -> its motion as a bitstream -> the portrait, moved as the video would move it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from reenact.codec.clip import encode_clip, encode_to_target, play
from reenact.codec.container import Header, pack_portrait, read_frames, read_opened, unpack_portrait, write_call
from reenact.codec.profile import POSE, QUALITIES, Profile, read_profile
from reenact.codec.rate import check_target
from reenact.core.errors import ReenactError
from reenact.core.files import check_output, check_readable, replaced
from reenact.core.types import Image, Motion
from reenact.faces.crop import CropTracker, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.media.clock import exact_rate
from reenact.media.image import read_image
from reenact.media.video import VideoReader, resample
from reenact.media.writer import container_format
from reenact.pipeline.ahead import ahead
from reenact.pipeline.animate import OutputMode, Progress, Report, crops, expected, placer
from reenact.pipeline.animator import Alignment, Animator, Control
from reenact.provenance.output import MARKS, MarkedOutput, Marks
from reenact.runtime.backdrop import Background, check_background
from reenact.runtime.onnx_method import OnnxMethod, load

SUFFIX = ".rnct"
LARGEST_CALL = 1 << 30
QUALITY = 12
"""ours: some 1.1 kbit/s on val and 0.1 px of landmark shift at 256; at twice the rate no figure gets better"""


@dataclass(frozen=True)
class CallOptions:
    """How `encode_file` spends bits."""

    target_kbps: float | None = None
    """the finest quality whose rate is at most this; overrides `quality`"""
    quality: int = QUALITY
    """0 is the finest, 31 the coarsest"""
    key_seconds: float = 10.0
    """time from one key packet to the next, seconds"""
    longest_gap: int = 4
    """frames from one sent frame to the next at most; 1 sends every frame"""

    def check(self) -> None:
        """Raises ReenactError for what cannot be."""
        if self.target_kbps is not None:
            check_target(self.target_kbps)
        if not 0 <= self.quality < QUALITIES:
            raise ReenactError(f"--quality must lie between 0 (finest) and {QUALITIES - 1}, not {self.quality}")
        if not 0.04 <= self.key_seconds <= 3600:
            raise ReenactError(f"--key-seconds must lie between 0.04 and 3600, not {self.key_seconds:g}")
        if not 1 <= self.longest_gap <= 31:
            raise ReenactError(f"--longest-gap must lie between 1 and 31 frames, not {self.longest_gap}")


@dataclass(frozen=True)
class CallReport:
    """What `encode_file` did."""

    frames: int
    frames_without_face: int
    rate: Fraction
    """frames a second"""
    once: int
    """bytes that are sent once: header and portrait"""
    stream: int
    """bytes of the packets, with their lengths"""

    @property
    def kbps(self) -> float:
        """kbit/s of the packets."""
        return 8 * self.stream * float(self.rate) / max(1, self.frames) / 1000


def profile_of(method: OnnxMethod, code: int) -> Profile:
    """The profile that a method's streams use. code: length of its expression code."""
    return read_profile(method.folder, method.name, code)


def encode_file(
    driving: str | Path,
    output: str | Path,
    options: CallOptions,
    *,
    portrait: str | Path | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    fps: Fraction | float | None = None,
    method: str = "mmfa",
    device: str = "auto",
    threads: int = 0,
    progress: Progress | None = None,
) -> CallReport:
    """Write the motion of a driving video as a call. portrait: a photo that travels inside. The sound is not part of it.

    start, end: seconds of the driving video; fps: the call's rate, by default the video's. Holds every frame's motion (a
    hundred bytes or two), nothing else. Raises ReenactError, in one line, for whatever the user can mend.
    """
    options.check()
    output = check_output(output, [driving, *([portrait] if portrait else [])])
    if output.suffix.lower() != SUFFIX:
        raise ReenactError(f"{output}: a call's name must end in {SUFFIX}")
    wanted = None if fps is None else exact_rate(fps)
    photo = read_image(portrait) if portrait else None
    with VideoReader(driving, start, end) as reader:
        rate = wanted or reader.rate
        loaded = load(method, device, threads)
        packed = b"" if photo is None else pack_portrait(head_and_shoulders(photo, loaded.landmarker))
        tracker = CropTracker(loaded.landmarker)
        total = expected(reader, rate)
        read: list[Motion | None] = []
        with ahead(crops((frame.image for frame in resample(reader, rate)), tracker, loaded.size)) as ready:
            for crop in ready:
                read.append(None if crop is None else loaded.encode_motion(crop))
                if progress:
                    progress(len(read), total)
    motions = held(read)
    profile = profile_of(loaded, motions[0].expression.size)
    header = replace(Header.of(profile, rate), frames=len(motions), portrait=packed)
    packets = _packets(profile, header, motions, options)
    once, data = len(header.to_bytes()), write_call(header, packets)
    with replaced(output) as part:
        part.write_bytes(data)
    return CallReport(len(read), sum(motion is None for motion in read), rate, once, len(data) - once)


def head_and_shoulders(photo: Image, landmarker: Landmarker) -> Image:
    """The photo within one head's side of its largest face, so that few bytes show much of the face.

    Raises ReenactError where there is none.
    """
    faces = landmarker.detect(photo)
    if not faces:
        raise ReenactError("no face found in the portrait: choose a photo where one face is seen from the front")
    place = head_crop(faces[0])
    left, top = (max(0, round(centre - place.side)) for centre in (place.centre_x, place.centre_y))
    right, bottom = round(place.centre_x + place.side), round(place.centre_y + place.side)
    return np.ascontiguousarray(photo[top:bottom, left:right])


def held(read: Iterable[Motion | None]) -> list[Motion]:
    """Frames without a face take the motion before them, or the first there is. Raises ReenactError where there is none."""
    motions = list(read)
    last = next((motion for motion in motions if motion is not None), None)
    if last is None:
        raise ReenactError("no face found in any frame of the driving video: choose one that shows a face")
    found = []
    for motion in motions:
        last = motion or last
        found.append(last)
    return found


def _packets(profile: Profile, header: Header, motions: list[Motion], options: CallOptions) -> list[bytes]:
    interval = max(1, round(options.key_seconds * float(header.rate)))
    chosen: dict[str, Any] = {"key_interval": interval, "longest_gap": options.longest_gap}
    if options.target_kbps is None:
        return encode_clip(profile, header.tag, motions, quality=options.quality, **chosen)
    return encode_to_target(profile, header.tag, motions, options.target_kbps, float(header.rate), **chosen)


@dataclass(frozen=True)
class Call:
    """A call's file, read: its header is good, its packets are read as they are played."""

    path: Path
    header: Header
    data: bytes = field(repr=False)
    begin: int
    """where the packets begin, bytes"""

    @staticmethod
    def open(path: str | Path) -> Call:
        """Raises ReenactError for what is missing or no call."""
        path = check_readable(path, "call (.rnct)")
        if path.stat().st_size > LARGEST_CALL:
            raise ReenactError(f"{path}: too large for a call; give a file that reenact encode wrote")
        data = path.read_bytes()
        try:
            header, begin = Header.read(data)
        except ReenactError as error:
            raise ReenactError(f"{path}: {error}") from None
        return Call(path, header, data, begin)

    def check(self, profile: Profile) -> None:
        """Reads the whole file once, so that a bad one fails before the work begins. Raises ReenactError."""
        with self.named():
            if not sum(len(opened.frames) for _, opened in read_opened(profile, self.header, self.data, self.begin)):
                raise ReenactError("the call holds no frame: encode it again")

    def motions(self, profile: Profile) -> Iterator[Motion]:
        """One motion a frame. Raises ReenactError where the file is damaged, cut off or of other weights."""
        with self.named():
            yield from play(read_frames(profile, self.header, self.data, self.begin), self.header.frames)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors inside name the file."""
        try:
            yield
        except ReenactError as error:
            raise ReenactError(f"{self.path}: {error}") from None

    def portrait(self) -> Image:
        """The portrait inside. Raises ReenactError when there is none."""
        if not self.header.portrait:
            raise ReenactError(f"{self.path}: no portrait inside; give one: reenact decode portrait.jpg {self.path.name}")
        return unpack_portrait(self.header.portrait)


def decode_file(
    portrait: str | Path | None,
    call: str | Path,
    output: str | Path,
    *,
    motion: Alignment | None = None,
    output_mode: OutputMode = "crop",
    face: int = 1,
    sound: str | Path | None = None,
    method: str | None = None,
    device: str = "auto",
    threads: int = 0,
    background: Background = "still",
    marks: Marks = MARKS,
    progress: Progress | None = None,
) -> Report:
    """Animate a portrait with a call. portrait: None takes the one inside. sound: a file whose sound is laid under.

    method: a name or weights folder, by default the one that the call names. The output appears when it is whole. Raises
    ReenactError, in one line, for whatever the user can mend.
    """
    Control(motion).check()
    check_background(background)
    opened = Call.open(call)
    inputs = [Path(path) for path in (portrait, call, sound) if path is not None]
    output = check_output(output, inputs)
    container_format(output)
    photo = opened.portrait() if portrait is None else read_image(portrait)
    if sound is not None:
        check_readable(sound, "video or sound")
    marked = MarkedOutput(output, marks, [("portrait", portrait), ("call", call), ("sound", sound)])
    loaded = load(method or opened.header.method, device, threads, background)
    if loaded.name != opened.header.method:
        raise ReenactError(f"{call}: made with method {opened.header.method}, not {loaded.name}: decode it with that one")
    marked.drawn_by(loaded)
    profile = profile_of(loaded, opened.header.length - POSE)
    opened.check(profile)
    source = loaded.encode_source(photo, face=face)
    place = marked.around(placer(source, output_mode))
    rate, done = opened.header.rate, 0
    began = time.perf_counter()
    driver = Animator(loaded, source, motion, rate)
    with marked.film(rate, sound) as writer:
        for driving in opened.motions(profile):
            writer.write(place(driver.follow(driving)))
            done += 1
            if progress:
                progress(done, opened.header.frames or None)
    return Report(done, 0, rate, time.perf_counter() - began)
