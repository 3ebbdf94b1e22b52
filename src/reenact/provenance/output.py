"""How rendered pictures and films are written: marks on the pixels, then on the file, then the file gets its name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactWarning
from reenact.core.types import Image, Method
from reenact.media.film import FILM_QUALITY
from reenact.media.image import write_image
from reenact.media.writer import VideoWriter
from reenact.provenance.badge import with_badge
from reenact.provenance.label import tags, version, write_label
from reenact.provenance.manifest import Input, Statement, sidecar_of, sign_file
from reenact.provenance.marks import MARKS, Marks
from reenact.provenance.watermark import mark


class MarkedOutput:
    """One output file. Nothing is written before `film` or `picture`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        marks: Marks = MARKS,
        inputs: Iterable[tuple[str, str | os.PathLike[str] | None]] = (),
        consent: str = "",
    ) -> None:
        """inputs: role ("portrait", "driving", ...) and path of what it is made from; consent: as the person was asked for it.

        Raises ReenactError where marks name a key that cannot sign.
        """
        self.path, self.marks = Path(path), marks
        self._inputs = tuple(Input(role, Path(given)) for role, given in inputs if given is not None)
        self._consent = consent
        self._method = self._weights = ""
        marks.check()

    def drawn_by(self, method: Method) -> MarkedOutput:
        """Itself, knowing the method; methods of weights folders have a fingerprint too."""
        self._method, self._weights = method.name, getattr(method, "fingerprint", "")
        return self

    def around(self, place: Callable[[Image], Image]) -> Callable[[Image], Image]:
        """Marks a frame of a rendered head: `place` (into a photo, or nothing) comes between watermark and badge."""

        def shown(head: Image) -> Image:
            frame = place(mark(head) if self.marks.watermark else head)
            return with_badge(frame) if self.marks.badge else frame

        return shown

    def film(
        self,
        rate: Fraction,
        audio_from: str | os.PathLike[str] | None = None,
        start: Fraction | None = None,
        end: Fraction | None = None,
        film_quality: int = FILM_QUALITY,
    ) -> VideoWriter:
        """A writer for frames that `around` made; the arguments are media/writer.py's. Raises ReenactError: cannot be written."""
        held = tags(self.path) if self.marks.label else None
        return VideoWriter(self.path, rate, audio_from, start, end, finish=self.finish, tags=held, film_quality=film_quality)

    def picture(self, image: Image) -> None:
        """Write a picture that `around` made. Raises ReenactError where it cannot be written."""
        write_image(self.path, image, finish=self.finish)

    def finish(self, part: Path) -> None:
        """The last touch: the file `part` is whole and has no name yet. A signature that fails costs a warning, no more."""
        if self.marks.label:
            write_label(part, self.path.suffix)
        sidecar_of(self.path).unlink(missing_ok=True)
        try:
            if (signer := self.marks.signer()) is not None:
                inputs = [given for given in self._inputs if given.path.is_file()]
                said = Statement(version(), self._method, self._weights, self.marks.watermark, self._consent, inputs)
                sign_file(part, self.path, signer, said)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            warnings.warn(f"{self.path}: not signed, otherwise whole ({reason[:300]})", ReenactWarning, stacklevel=2)
