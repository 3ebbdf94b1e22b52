"""A call as a file: how its bits are spent, what makes its packets of motions, and the file opened again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from reenact.codec.clip import encode_clip, encode_to_target, play
from reenact.codec.container import MAGIC, Header, mended, read_frames, read_opened, unpack_portrait
from reenact.codec.notes import read_start
from reenact.codec.profile import GAZE, POSE, QUALITIES, Profile, plain_profile, read_profile, with_gaze
from reenact.codec.rate import check_target
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.files import check_readable
from reenact.core.types import Image, Method, Motion
from reenact.core.values import is_whole, is_within, written

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
        if not (is_whole(self.quality) and 0 <= self.quality < QUALITIES):
            raise ReenactError(f"`quality` must lie between 0 (finest) and {QUALITIES - 1}, not {written(self.quality)}")
        if not is_within(self.key_seconds, 0.04, 3600):
            raise ReenactError(f"`key_seconds` must lie between 0.04 and 3600, not {written(self.key_seconds)}")
        if not (is_whole(self.longest_gap) and 1 <= self.longest_gap <= 31):
            raise ReenactError(f"`longest_gap` must lie between 1 and 31 frames, not {written(self.longest_gap)}")


def _started(path: Path, data: bytes, begin: int) -> Fraction:
    """0, with a warning, where what the file says of it is damaged, and where its packets are, of which the decoder tells."""
    try:
        start = read_start(data, begin)
    except ReenactError:
        return Fraction(0)
    if start is None:
        told = "where its film began is damaged: a sound is laid from its own beginning on (`sound_start` says from where)"
        warnings.warn(f"{path}: {told}", ReenactWarning, stacklevel=3)
    return start or Fraction(0)


def is_call(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as a call does; False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def profile_of(method: Method, code: int, gaze: bool = False) -> Profile:
    """The profile that a method's streams use. code: length of its expression code; gaze: whether they carry one."""
    found = plain_profile(method.name, code) if method.folder is None else read_profile(method.folder, method.name, code)
    return with_gaze(found) if gaze else found


def profile_for(method: Method, header: Header) -> Profile:
    """The profile of a stream that begins with this header; of a header of other weights, one that it does not fit."""
    gaze = header.length == POSE + method.code_size + GAZE
    return profile_of(method, header.length - POSE - (GAZE if gaze else 0), gaze)


def pack(profile: Profile, header: Header, motions: Sequence[Motion], options: CallOptions) -> list[bytes]:
    """The packets of a call: one motion a frame at the header's rate."""
    rate, gap = float(header.rate), options.longest_gap
    keys = max(1, round(options.key_seconds * rate))
    if options.target_kbps is None:
        return encode_clip(profile, header.tag, motions, quality=options.quality, key_interval=keys, longest_gap=gap)
    return encode_to_target(profile, header.tag, motions, options.target_kbps, rate, key_interval=keys, longest_gap=gap)


@dataclass(frozen=True)
class Call:
    """A call's file, read: its header is good, its packets are read as they are played."""

    path: Path
    header: Header
    data: bytes = field(repr=False)
    begin: int
    """where the packets begin, bytes"""
    start: Fraction = Fraction(0)
    """at which second of its driver's file the first frame is"""

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Call:
        """Of one that is cut off, what is there, with a warning. Raises ReenactError for what is missing or no call."""
        path = check_readable(path, "call (.rnct)")
        if path.stat().st_size > LARGEST_CALL:
            raise ReenactError(f"{path}: too large for a call; give a file that reenact encode wrote")
        data = path.read_bytes()
        try:
            header, begin = Header.read(data)
            whole = mended(data, begin)
        except ReenactError as error:
            raise ReenactError(f"{path}: {error}") from None
        if whole is None:
            return Call(path, header, data, begin, _started(path, data, begin))
        warnings.warn(f"{path}: the call is cut off before its end; what is there is taken", ReenactWarning, stacklevel=2)
        return Call(path, replace(header, frames=0), whole, begin)

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
