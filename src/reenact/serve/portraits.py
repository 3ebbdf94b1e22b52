"""Portraits that were sent: in memory only, and gone some minutes after their last use."""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from PIL import Image as PILImage

from reenact.core.errors import NoFaceError, ReenactError
from reenact.core.memory import give_back
from reenact.core.types import Image
from reenact.faces.crop import head_crop
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import SMALL_HEAD, faces_of
from reenact.faces.upright import no_face
from reenact.media.image import decode_image

Consent = Literal["self", "permission", "nobody"]
"""who is seen: the user, somebody who gave permission, or nobody real"""
HELD_MAX = 8
KEEP_SECONDS = 600.0
LANDMARKER_SECONDS = 20.0
"""ours: without a portrait for so long, the networks that find faces are let go: 60 MB"""
SEEN_SIDE = 640
"""px: the picture of a portrait that is given back to the page"""
HEAD_MIN = 48
"""ours: px; a smaller head is three or four pixels an eye, and nothing rendered from it is a likeness"""


@dataclass(frozen=True)
class Sent:
    """A portrait with at least one face."""

    id: str
    photo: Image
    boxes: tuple[tuple[float, float, float, float], ...]
    """left, top, right, bottom of each face, largest first, px of the photo"""
    sides: tuple[float, ...]
    """of each head's crop, px of the photo"""
    face: int
    """which is meant, from 1"""
    consent: Consent | None
    """as answered on the page; None: given on the command line"""
    warnings: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What is sent to the page."""
        height, width = self.photo.shape[:2]
        box = [round(value, 1) for value in self.boxes[self.face - 1]]
        return {
            "id": self.id,
            "width": width,
            "height": height,
            "faces": len(self.boxes),
            "face": self.face,
            "box": box,
            "boxes": [[round(value, 1) for value in one] for one in self.boxes],
            "consent": self.consent,
            "warnings": list(self.warnings),
        }

    def picture(self) -> bytes:
        """A JPEG of at most `SEEN_SIDE` a side."""
        small = PILImage.fromarray(self.photo)
        small.thumbnail((SEEN_SIDE, SEEN_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=88)
        return out.getvalue()


class Portraits:
    """At most `HELD_MAX`, the one used longest ago goes first. Thread-safe."""

    def __init__(self, size: int, threads: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """size: side of the method's crops, px."""
        self._size, self._threads, self._clock = size, threads, clock
        self._landmarker: Landmarker | None = None
        self._read = 0.0
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._held: dict[str, Sent] = {}
        self._used: dict[str, float] = {}
        self._kept: set[str] = set()

    def add(self, data: bytes, face: int, consent: str | None, *, keep: bool = False) -> Sent:
        """Reads, finds the faces, keeps. keep: never let go. Raises ReenactError for what cannot be animated."""
        if consent is not None and consent not in get_args(Consent):
            raise ReenactError(f"consent must be one of {', '.join(get_args(Consent))}: who is in the photo?")
        photo = decode_image(data, "the photo")
        with self._reading:
            self._landmarker = self._landmarker or Landmarker(self._threads)
            faces = faces_of(photo, self._landmarker)
            self._read = self._clock()
            if not faces:
                raise no_face(photo, self._landmarker)
        boxes, sides = tuple(one.box for one in faces), tuple(head_crop(one).side for one in faces)
        return self._keep(self._of(Sent("", photo, boxes, sides, 1, consent), face), keep)  # type: ignore[arg-type]

    def choose(self, id: str, face: int) -> Sent:
        """Another face of a photo that is held, as a portrait of its own. Raises ReenactError."""
        return self._keep(self._of(self.get(id), face))

    def _keep(self, sent: Sent, keep: bool = False) -> Sent:
        with self._lock:
            self._held[sent.id], self._used[sent.id] = sent, self._clock()
            if keep:
                self._kept.add(sent.id)
            self._let_go()
        return sent

    def get(self, id: str) -> Sent:
        """Raises ReenactError for one that is not, or no longer, there."""
        with self._lock:
            if id not in self._held:
                raise ReenactError("this portrait is no longer here: choose it again")
            self._used[id] = self._clock()
            return self._held[id]

    def remove(self, id: str) -> bool:
        """Whether it was there."""
        with self._lock:
            self._used.pop(id, None)
            self._kept.discard(id)
            return self._held.pop(id, None) is not None

    def tidy(self) -> None:
        """Lets go of what has not been used for `KEEP_SECONDS`, and of the networks."""
        if self._clock() - self._read > LANDMARKER_SECONDS:
            self.rest()
        with self._lock:
            self._let_go()

    def rest(self) -> None:
        """Lets go of the networks until the next photo comes."""
        if self._landmarker is not None and self._reading.acquire(blocking=False):
            self._landmarker = None
            self._reading.release()
            give_back()

    def kept(self) -> list[Sent]:
        """Those that were given when the server was started."""
        with self._lock:
            return [self._held[id] for id in self._held if id in self._kept]

    def _let_go(self) -> None:
        loose = sorted((at, id) for id, at in self._used.items() if id not in self._kept)
        old = [id for at, id in loose if self._clock() - at > KEEP_SECONDS]
        over = [id for _, id in loose[: max(0, len(loose) - HELD_MAX)]]
        for id in {*old, *over}:
            del self._held[id], self._used[id]

    def _of(self, photo: Sent, face: int) -> Sent:
        """The photo with this face meant, under a new id."""
        if not 1 <= face <= len(photo.boxes):
            found = "only one face" if len(photo.boxes) == 1 else f"{len(photo.boxes)} faces"
            raise NoFaceError(f"the portrait has {found}: face {face} is none of them")
        side = photo.sides[face - 1]
        if side < HEAD_MIN:
            raise ReenactError(f"the head is only {side:.0f} pixels wide: choose a photo where it has {self._size} or more")
        notes = []
        if side < SMALL_HEAD * self._size:
            notes.append(f"the head is only {side:.0f} pixels wide, so the picture will be soft: {self._size} or more is better")
        return replace(photo, id=secrets.token_urlsafe(9), face=face, warnings=tuple(notes))
