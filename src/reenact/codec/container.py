"""A file of packets: what is sent once (method, rate, perhaps the portrait), then the packets, then an end mark."""

from __future__ import annotations

import io
from binascii import crc_hqx
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from struct import Struct

import numpy as np
from PIL import Image as PILImage
from PIL import UnidentifiedImageError

from reenact.codec.packet import LONGEST_SPAN, NUMBERS, Coded, Opened, Point, open_packet, read_head
from reenact.codec.profile import LONGEST_CODE, POSE, Profile
from reenact.core.errors import ReenactError
from reenact.core.types import Image

MAGIC = b"RNCT"
VERSION = 1
FIXED = Struct(">4sBBH4sIIII")
"""magic, version, bytes of the method's name, n, profile, rate (two numbers), frames, bytes of the portrait"""
LARGEST_PORTRAIT = 1 << 24
PORTRAIT_PIXELS = 1 << 24
PORTRAIT_FORMATS = ("AVIF", "WEBP", "JPEG", "PNG")
MOST_FRAMES = 1 << 26
"""ours: a month at 25 frames a second"""
FASTEST = 1000
"""ours: frames a second"""
LARGEST_PACKET = 1 << 20
TOO_LARGE = "the portrait in the call is too large: give a portrait of your own"
DAMAGED = "the call is damaged: copy the file again"
CUT = "the call is cut off before its end: copy the file again"


@dataclass(frozen=True)
class Header:
    """What a receiver must know before the first packet. A live session sends `to_bytes()` once, by any safe way."""

    method: str
    length: int
    """numbers in a motion vector"""
    identity: bytes
    """`Profile.identity`"""
    rate: Fraction
    """frames a second"""
    frames: int = 0
    """of the clip; 0 where nobody knows yet"""
    portrait: bytes = b""
    """an AVIF, WebP, JPEG or PNG file; empty: it travels apart"""

    @staticmethod
    def of(profile: Profile, rate: Fraction) -> Header:
        """For a new stream."""
        return Header(profile.method, profile.length, profile.identity, Fraction(rate))

    @property
    def tag(self) -> int:
        """Where checksums of packets start, 0..65535: packets of another method, profile or rate do not fit."""
        return crc_hqx(replace(self, frames=0, portrait=b"")._body(), 0xFFFF)

    def to_bytes(self) -> bytes:
        """The header and its checksum, then the portrait, if there is one, and its checksum."""
        return _checked(self._body()) + (_checked(self.portrait) if self.portrait else b"")

    def _body(self) -> bytes:
        name = self.method.encode()
        rate = (self.rate.numerator, self.rate.denominator)
        if not 1 <= len(name) <= 255 or max(rate) >= 1 << 32 or not 0 < self.rate <= FASTEST:
            raise ReenactError(f"method {self.method!r} at {self.rate} frames/s does not fit into a call's header")
        fixed = (MAGIC, VERSION, len(name), self.length, self.identity, *rate, self.frames, len(self.portrait))
        return FIXED.pack(*fixed) + name

    @staticmethod
    def read(data: bytes) -> tuple[Header, int]:
        """The header at the start of `data`, and how many bytes it takes. Raises ReenactError in one line."""
        if not data or data[:4] != MAGIC[: len(data)]:
            raise ReenactError("not a reenact call: give a file that reenact encode wrote")
        if len(data) > 4 and data[4] != VERSION:
            raise ReenactError(f"the call's format is {data[4]}, this program reads {VERSION}: install the latest reenact")
        if len(data) < FIXED.size:
            raise ReenactError(CUT)
        end = FIXED.size + data[5]
        body = _unchecked(data, 0, end, "header")
        _, _, _, length, identity, above, below, frames, size = FIXED.unpack(body[: FIXED.size])
        fits = POSE <= length <= POSE + LONGEST_CODE and above and below and frames <= MOST_FRAMES and size <= LARGEST_PORTRAIT
        if not fits or above > FASTEST * below:
            raise ReenactError("the call's header is damaged: copy the file again")
        portrait = _unchecked(data, end + 2, size, "portrait") if size else b""
        name = body[FIXED.size :].decode(errors="replace")
        return Header(name, length, identity, Fraction(above, below), frames, portrait), end + 2 + (size + 2 if size else 0)

    def check(self, profile: Profile) -> None:
        """Raises ReenactError when the receiver's method or weights are not the sender's."""
        if self.method != profile.method:
            raise ReenactError(f"the call was made with method {self.method}, not {profile.method}: use `method` {self.method}")
        if (self.identity, self.length) != (profile.identity, profile.length):
            raise ReenactError(f"the call was made with other weights of {self.method}: both sides need the same reenact")


def _checked(data: bytes) -> bytes:
    return data + crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _unchecked(data: bytes, at: int, size: int, name: str) -> bytes:
    if len(data) < at + size + 2:
        raise ReenactError(CUT)
    body = data[at : at + size]
    if crc_hqx(body, 0xFFFF) != int.from_bytes(data[at + size : at + size + 2], "big"):
        raise ReenactError(f"the call's {name} is damaged: copy the file again")
    return body


def write_call(header: Header, packets: Iterable[bytes]) -> bytes:
    """A whole file: header, each packet behind its length, a length of 0. Notes may follow (codec/notes.py)."""
    return b"".join([header.to_bytes(), *(_length(len(packet)) + packet for packet in packets), b"\0"])


def size_in_file(packet: bytes) -> int:
    """How many bytes a packet takes in a file, with its length before it."""
    return len(_length(len(packet))) + len(packet)


def file_bytes(packets: Iterable[bytes]) -> int:
    """What they take in a file, without the header, and with the end mark."""
    return sum(map(size_in_file, packets)) + 1


def read_packets(data: bytes, at: int) -> Iterator[bytes]:
    """The packets of a file from byte `at` on. Raises ReenactError where the file is cut off."""
    while True:
        size = shift = 0
        more = True
        while more:
            if at >= len(data):
                raise ReenactError(CUT)
            size |= (data[at] & 127) << shift
            more, shift, at = data[at] >= 128, shift + 7, at + 1
            if size > LARGEST_PACKET or shift > 28:
                raise ReenactError(DAMAGED)
        if size == 0:
            return
        if at + size > len(data):
            raise ReenactError(CUT)
        yield data[at : at + size]
        at += size


def mended(data: bytes, at: int) -> bytes | None:
    """A file that is cut off, up to its last whole packet and with an end mark; None where it is not cut off. at: byte where the
    packets begin. Raises ReenactError where no packet is whole."""
    end = at
    try:
        for packet in read_packets(data, at):
            end += size_in_file(packet)
    except ReenactError as error:
        if str(error) != CUT:
            return None
        if end == at:
            raise
        return data[:end] + b"\0"
    return None


def read_opened(profile: Profile, header: Header, data: bytes, at: int) -> Iterator[tuple[bytes, Opened]]:
    """The packets of a file from byte `at` on, opened. Raises ReenactError for a file that is damaged or cut off.

    A file has no loss, so each packet goes on from the one before it.
    """
    header.check(profile)
    last, point = -1, None
    for packet in read_packets(data, at):
        opened = _next(profile, header.tag, packet, last, point)
        last, point = opened.frames[-1].number, opened.point
        if last >= (header.frames or MOST_FRAMES):
            raise ReenactError(DAMAGED)
        yield packet, opened
    if header.frames > last + LONGEST_SPAN:
        raise ReenactError(DAMAGED)  # a few bytes must not ask for a month of pictures


def read_frames(profile: Profile, header: Header, data: bytes, at: int) -> Iterator[Coded]:
    """The coded frames of a file, in order; otherwise as `read_opened`."""
    for _, opened in read_opened(profile, header, data, at):
        yield from opened.frames


def _next(profile: Profile, tag: int, packet: bytes, last: int, point: Point | None) -> Opened:
    try:
        head = read_head(packet)
        number = last + 1 + (head.number - last - 1) % NUMBERS
        if not head.key and number - head.distance != last:
            raise ReenactError(DAMAGED)
        return open_packet(profile, tag, packet, number, None if head.key else point)
    except ReenactError:  # whoever has a stream may leave a packet out, whoever has a file may not
        raise ReenactError(DAMAGED) from None


def _length(size: int) -> bytes:
    """Seven bits a byte, the lowest first; a byte of 128 or more is followed by another."""
    parts = []
    while size >= 128:
        parts.append(size & 127 | 128)
        size >>= 7
    return bytes([*parts, size])


def pack_portrait(image: Image, side: int = 512, quality: int = 60) -> bytes:
    """The portrait as AVIF (WebP where this Pillow has no AVIF), scaled down to at most `side` pixels a side."""
    picture = PILImage.fromarray(image)
    picture.thumbnail((side, side), PILImage.Resampling.LANCZOS)
    for kind in ("AVIF", "WEBP"):
        buffer = io.BytesIO()
        try:
            picture.save(buffer, format=kind, quality=quality)
        except (KeyError, OSError):
            continue
        return buffer.getvalue()
    raise ReenactError("this Pillow writes neither AVIF nor WebP: pip install --upgrade pillow")


def unpack_portrait(data: bytes) -> Image:
    """RGB. Raises ReenactError for what is no picture, or one too large to open."""
    PILImage.init()
    try:
        with PILImage.open(io.BytesIO(data), formats=[kind for kind in PORTRAIT_FORMATS if kind in PILImage.OPEN]) as picture:
            if picture.width * picture.height > PORTRAIT_PIXELS:
                raise ReenactError(TOO_LARGE)
            return np.array(picture.convert("RGB"))
    except PILImage.DecompressionBombError:
        raise ReenactError(TOO_LARGE) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise ReenactError("the portrait in the call cannot be read: give a portrait of your own") from None
