"""C2PA manifests: a signed statement of what made a file, from what. Needs the extra `provenance`; nothing here uses the network.

c2pa-python (Content Authenticity Initiative) writes and checks them. MP4, QuickTime, PNG, JPEG and WebP hold theirs; Matroska and
WebM cannot, so it lies beside them (`out.mkv.c2pa`), bound by the file's hash.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reenact.core.download import sha256
from reenact.core.errors import ReenactError
from reenact.core.files import replaced
from reenact.provenance.keys import Signer
from reenact.provenance.label import SOURCE_TYPE
from reenact.provenance.watermark import VERSION

KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
EBML = b"\x1aE\xdf\xa3"
BOXES = (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip")
BEGINS = {
    "image/png": (0, (b"\x89PNG",)),
    "image/jpeg": (0, (b"\xff\xd8",)),
    "image/webp": (0, (b"RIFF",)),
    "image/gif": (0, (b"GIF8",)),
    "video/mp4": (4, BOXES),
    "video/quicktime": (4, BOXES),
    "video/x-matroska": (0, (EBML,)),
    "video/webm": (0, (EBML,)),
}
"""what files of each kind hold at which byte"""
BESIDE = (".mkv", ".webm")
"""kinds whose manifest lies beside them"""
SIDECAR = ".c2pa"
RENDER = "reenact.render"
"""our own assertion: version, method, weights, inputs by hash"""
UNTRUSTED = "signingCredential.untrusted"
SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Input:
    """A file that an output was made from."""

    role: str
    """portrait, driving, sound, ..."""
    path: Path


@dataclass(frozen=True)
class Statement:
    """What a manifest says of an output."""

    version: str
    """reenact's"""
    method: str = ""
    weights: str = ""
    """fingerprint"""
    watermarked: bool = True
    consent: str = ""
    """as the page asked for it: self, permission, nobody"""
    inputs: Sequence[Input] = ()


@dataclass(frozen=True)
class Signature:
    """What was found of a manifest."""

    state: str
    """valid, trusted (one of the given anchors vouches), or broken"""
    by: str = ""
    """who signed, as the certificate says it"""
    when: str = ""
    """when, as the manifest says it"""
    reasons: tuple[str, ...] = ()
    """what does not fit, in C2PA's codes"""
    made: dict[str, Any] | None = None
    """our own assertion, where there is one"""


def sidecar_of(path: Path) -> Path:
    """The file beside `path` that holds its manifest."""
    return path.with_name(path.name + SIDECAR)


def sign_file(part: Path, target: Path, signer: Signer, said: Statement) -> None:
    """Signs the whole file `part` that will be called `target`. Raises whatever c2pa-python does; the file is as it was then."""
    import c2pa

    kind = KINDS[target.suffix.lower()]
    context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS), _native(signer))
    builder = c2pa.Builder(_definition(said), context)
    for given in said.inputs:
        _add(builder, given)
    beside = target.suffix.lower() in BESIDE
    if beside:
        builder.set_no_embed()
    with tempfile.TemporaryFile(dir=part.parent) as signed:
        with part.open("rb") as source, _said_if_full(signed):
            manifest = builder.sign(kind, source, signed)
        if not beside:
            _exchange(part, signed)
            return
    with replaced(sidecar_of(target)) as other:
        other.write_bytes(manifest)


@contextmanager
def _said_if_full(out: IO[bytes]) -> Iterator[None]:
    """An error of the block is an OSError where `out` can hold no more: c2pa-python says "UntrackedPointer" of that."""
    try:
        yield
    except Exception:
        out.seek(0, os.SEEK_END)
        out.write(bytes(1 << 20))
        out.flush()
        raise


def _exchange(part: Path, signed: IO[bytes]) -> None:
    """The file `part` with the content of `signed`; as it was where there is no room for what that has more. It stays the same
    file, which its writer has locked."""
    before, size = part.stat().st_size, signed.seek(0, os.SEEK_END)
    try:
        with part.open("ab") as end:  # to write over what is there takes no room
            end.write(bytes(max(0, size - before)))
    except OSError:
        os.truncate(part, before)
        raise
    signed.seek(0)
    with part.open("r+b") as out:
        shutil.copyfileobj(signed, out, 1 << 20)
        out.truncate()


def read_signature(path: Path, anchors: str = "") -> Signature | None:
    """What the manifest in or beside a file says; None where there is none. anchors: certificates to trust, as PEM."""
    import c2pa

    settings = {**SETTINGS, "trust": {"user_anchors": anchors}} if anchors else SETTINGS
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    beside = sidecar_of(path)
    held = beside.read_bytes() if beside.is_file() else None
    kind = _kind(path) if held is None else KINDS.get(path.suffix.lower())
    try:
        with path.open("rb") as file, c2pa.Reader(kind, file, held, context) as reader:
            return _found(json.loads(reader.json()), anchors)
    except c2pa.C2paError as error:
        if _no_manifest(error, held is not None):
            return None
        return Signature("broken", reasons=(" ".join(str(error).split())[:200],))


def _kind(path: Path) -> str | None:
    """The media type that the name says, where the file begins so; None: c2pa looks for itself, and a WebM that is called .mp4
    has no manifest rather than a broken one."""
    kind = KINDS.get(path.suffix.lower())
    with path.open("rb") as file:
        head = file.read(16)
    at, wanted = BEGINS[kind] if kind else (0, (b"",))
    return kind if head[at:].startswith(wanted) else None


def _no_manifest(error: Exception, beside: bool) -> bool:
    """There is none; or, with nothing beside the file, the kind of file is none that c2pa knows."""
    kind = type(error).__name__.removeprefix("_C2pa")
    return kind == "ManifestNotFound" or (kind == "NotSupported" and not beside)


def _found(store: dict[str, Any], anchors: str) -> Signature:
    active = store["manifests"][store["active_manifest"]]
    results = store.get("validation_results", {}).get("activeManifest", {})
    failures = tuple(entry["code"] for entry in results.get("failure", ()) if entry["code"] != UNTRUSTED)
    trusted = any(entry["code"] == "signingCredential.trusted" for entry in results.get("success", ()))
    info = active.get("signature_info", {})
    assertions = {entry["label"]: entry["data"] for entry in active.get("assertions", ())}
    actions = next((data for label, data in assertions.items() if label.startswith("c2pa.actions")), {}).get("actions", [])
    when = next((action["when"] for action in actions if "when" in action), info.get("time", ""))
    by = ", ".join(filter(None, (info.get("common_name"), info.get("issuer"))))
    state = "broken" if failures else "trusted" if trusted and anchors else "valid"
    return Signature(state, by, when, failures, assertions.get(RENDER))


def _native(signer: Signer) -> Any:
    import c2pa

    algorithm = c2pa.C2paSigningAlg[signer.algorithm.upper()]
    return c2pa.Signer.from_callback(signer.sign, algorithm, signer.chain, None)


def _definition(said: Statement) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    agent = {"name": "reenact", "version": said.version}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "when": now, "softwareAgent": agent}
    made: dict[str, Any] = {"version": said.version, "method": said.method, "weights": said.weights}
    if said.consent:
        made["consent"] = said.consent
    made["inputs"] = [{"role": given.role, "sha256": sha256(given.path)} for given in said.inputs]
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": [created]}, "created": True},
        {"label": RENDER, "data": made},
    ]
    if said.watermarked:
        bound = {"alg": f"reenact.watermark.{VERSION}", "blocks": [{"scope": {}, "value": "drawn by reenact"}]}
        assertions.append({"label": "c2pa.soft-binding", "data": bound})
    return {"claim_generator_info": [agent], "assertions": assertions}


def _add(builder: Any, given: Input) -> None:
    """As an ingredient, with the manifest that it has of its own; what c2pa cannot read stays a hash in our assertion."""
    import c2pa

    kind = KINDS.get(given.path.suffix.lower())
    if kind is None or given.path.suffix.lower() in BESIDE:
        return
    described = {"title": given.role, "relationship": "inputTo"}
    try:
        with given.path.open("rb") as file:
            builder.add_ingredient(described, kind, file)
    except c2pa.C2paError:
        return


def read_anchors(path: Path) -> str:
    """Certificates to trust, as PEM. Raises ReenactError where there are none."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no PEM"
        raise ReenactError(f"{path}: cannot be read ({reason}); give certificates as PEM") from None
    if "BEGIN CERTIFICATE" not in text:
        raise ReenactError(f"{path}: no certificate inside; give certificates as PEM")
    return text
