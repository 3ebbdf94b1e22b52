"""A face's descriptors as files, identity and motion apart; two people's identities mixed where both have agreed.

The motion's file is a take of one frame (takes.py). The identity's is JSON: coefficients in the method's identity subspace, whose
they are by the photo's hash, and whether the person has agreed that it is mixed with others'. Without that word, none is mixed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import check_output, check_readable, replaced
from reenact.core.shapes import Float32
from reenact.core.types import Portrait
from reenact.faces.portrait import check_face
from reenact.media.image import check_image_name, read_image
from reenact.motion.takes import check_suffix, single
from reenact.pipeline.options import StrPath
from reenact.pipeline.portrait import CROP, Output, placer
from reenact.pipeline.sinks import ImageSink
from reenact.provenance.output import MarkedOutput
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.onnx_method import OnnxMethod

SCHEMA = "reenact.identity/1"
OWN, DRAWN = "identity", "drawn_identity"
"""of a portrait's tensors: its own identity, and the one rendered"""
SIZE_MAX = 4096
"""ours: numbers of an identity"""


@dataclass(frozen=True)
class Identity:
    """Who somebody is, to one method's weights."""

    method: str
    weights: str
    """fingerprint"""
    photo: str
    """SHA-256 of the photo's file"""
    consent: bool
    """has the person agreed to be mixed with others?"""
    coefficients: Float32[np.ndarray, " n"]

    def save(self, path: Path) -> None:
        """Writes .json, whole or not at all. Raises ReenactError where that cannot be."""
        values = [float(f"{value:.7g}") for value in self.coefficients]
        held = {"schema": SCHEMA, "method": self.method, "weights": self.weights, "photo": self.photo, "consent": self.consent}
        with replaced(path) as part:
            part.write_text(json.dumps({**held, "coefficients": values}) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: StrPath) -> Identity:
        """Raises ReenactError for what is missing, damaged or of another schema."""
        path = check_readable(path, "identity")
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            values = np.array(held["coefficients"], np.float32)
            good = held["schema"] == SCHEMA and values.ndim == 1 and 0 < len(values) <= SIZE_MAX and np.isfinite(values).all()
            texts = [held[name] for name in ("method", "weights", "photo")]
            if not (good and all(isinstance(text, str) for text in texts) and isinstance(held["consent"], bool)):
                raise ValueError("not an identity")
        except (ValueError, KeyError, TypeError, RecursionError, OSError):
            raise ReenactError(f"{path}: no identity, or damaged; make one with: reenact describe PHOTO -o NAME.json") from None
        return Identity(*texts, consent=held["consent"], coefficients=values)


def describe_file(
    photo: StrPath,
    output: StrPath,
    motion: StrPath | None = None,
    *,
    consent: bool = False,
    engine: Engine = ENGINE,
    face: int = 1,
) -> Identity:
    """Writes who a photo shows, and (motion: .json or .npz) what the face does there. Raises ReenactError."""
    engine.check()
    check_face(face)
    output, motion = Path(output), None if motion is None else Path(motion)
    for path in filter(None, (output, motion)):
        check_output(path, [photo])
    if output.suffix.lower() != ".json":
        raise ReenactError(f"{output}: an identity's name must end in .json")
    if motion is not None:
        check_suffix(motion)
        if os.path.realpath(motion) == os.path.realpath(output):
            raise ReenactError(f"{motion} is named twice: identity and motion are two files")
    picture = read_image(photo)
    method = engine.load()
    portrait = method.encode_source(picture, face=face)
    found = identity_of(method, portrait, photo, consent)
    found.save(output)
    if motion is not None:
        single(portrait.motion, method.name, method.fingerprint).save(motion)
    return found


def identity_of(method: OnnxMethod, portrait: Portrait, photo: StrPath, consent: bool) -> Identity:
    """Raises ReenactError where the method has no identity coefficients."""
    if OWN not in portrait.tensors or DRAWN not in portrait.tensors:
        raise ReenactError(f"{method.name} tells no identity apart from motion: use `method` sfd")
    values = np.array(portrait.tensors[OWN][0], np.float32)
    return Identity(method.name, method.fingerprint, _digest(photo), consent, values)


def mixed(portrait: Portrait, first: Identity, second: Identity, share: float) -> Portrait:
    """The portrait of `first`, `share` of the way to the identity of `second`: the face's shape goes there, its appearance
    (skin, hair) stays the photo's. Raises ReenactError unless both have agreed, and both are of the portrait's own space."""
    if not (first.consent and second.consent):
        raise ReenactError("identities are mixed only where both files say that the person has agreed (`consent` of describe)")
    check_share(share)
    if (first.method, first.weights) != (second.method, second.weights) or len(first.coefficients) != len(second.coefficients):
        raise ReenactError("the two identities were made with different weights: describe both photos again")
    values = (1 - share) * first.coefficients + share * second.coefficients
    return replace(portrait, tensors={**portrait.tensors, DRAWN: values[None].astype(np.float32)}, mirrored=None)


def check_share(share: float) -> None:
    """Raises ReenactError for one out of 0..1."""
    if not 0 <= share <= 1:
        raise ReenactError(f"`share` must lie between 0 and 1, not {share:g}")


def mix_file(
    photo: StrPath,
    first: StrPath,
    second: StrPath,
    output: StrPath,
    share: float = 0.5,
    *,
    engine: Engine = ENGINE,
    drawn: Output = CROP,
) -> None:
    """Writes the photo's face, mixed. first: the identity of this very photo. Raises ReenactError."""
    for each in (drawn, engine):
        each.check()
    check_share(share)
    check_image_name(check_output(output, [photo, first, second]))
    one, other = Identity.load(first), Identity.load(second)
    if one.photo != _digest(photo):
        raise ReenactError(f"{first} was not made of {photo}: give the photo's own identity first")
    marked = MarkedOutput(output, drawn.marks, [("portrait", photo), ("identity", first), ("other identity", second)])
    picture = read_image(photo)
    method = engine.load()
    if (one.method, one.weights) != (method.name, method.fingerprint):
        raise ReenactError(f"{first} was made with other weights ({one.method}): describe the photo again")
    portrait = method.encode_source(picture, face=drawn.face)
    shown = mixed(portrait, one, other, share)
    with ImageSink(marked.drawn_by(method), placer(portrait, drawn.mode)) as sink:
        sink.write(method.render(shown, shown.motion))


def _digest(path: StrPath) -> str:
    return hashlib.sha256(check_readable(path, "photo").read_bytes()).hexdigest()
