"""Descriptors as files; identities are mixed only with both people's word."""

import json
from pathlib import Path

import numpy as np
import pytest

from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Portrait
from reenact.pipeline.identity import DRAWN, OWN, Identity, describe_file, mix_file, mixed


def identity(seed: int, consent: bool = True, weights: str = "w", photo: str = "p") -> Identity:
    return Identity("sfd", weights, photo, consent, np.random.default_rng(seed).normal(size=448).astype(np.float32))


@pytest.fixture
def portrait() -> Portrait:
    motion = Motion(*(np.zeros(n, np.float32) for n in (3, 1, 2, 58)))
    own = identity(0).coefficients[None]
    return Portrait("sfd", {OWN: own, DRAWN: own}, motion, np.zeros((256, 256, 3), np.uint8))


def test_a_file_holds_an_identity(tmp_path: Path):
    path = tmp_path / "a.json"
    for consent in (True, False):
        identity(1, consent).save(path)
        read = Identity.load(path)
        assert read.consent is consent
        assert np.allclose(read.coefficients, identity(1).coefficients, rtol=1e-6)
        assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "change",
    [{"schema": "else"}, {"coefficients": [1, "x"]}, {"coefficients": []}, {"consent": "yes"}, {"consent": None},
     {"coefficients": [[1.0]]}, {"photo": 3}, {"coefficients": [float("nan")]}],
)  # fmt: skip
def test_damaged_files_are_told(tmp_path: Path, change: dict):
    """Consent is a plain true: no other word for it counts."""
    path = tmp_path / "a.json"
    identity(1).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ReenactError, match="no identity, or damaged"):
        Identity.load(path)


def test_both_must_have_agreed(portrait: Portrait):
    for one, other in ((True, False), (False, True), (False, False)):
        with pytest.raises(ReenactError, match="has agreed"):
            mixed(portrait, identity(0, one), identity(1, other), 0.5)
    drawn = mixed(portrait, identity(0), identity(1), 0.25).tensors
    assert np.allclose(drawn[DRAWN][0], 0.75 * identity(0).coefficients + 0.25 * identity(1).coefficients, atol=1e-6)
    assert np.array_equal(drawn[OWN], portrait.tensors[OWN]), "the source stays who it is"


def test_mixing_wants_one_space_and_a_share(portrait: Portrait):
    with pytest.raises(ReenactError, match="different weights"):
        mixed(portrait, identity(0), identity(1, weights="other"), 0.5)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ReenactError, match="`share`"):
            mixed(portrait, identity(0), identity(1), share)


def test_the_first_identity_is_the_photos(tmp_path: Path):
    """Somebody else's word does not open a third person's photo."""
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"not looked at")
    for name in ("a", "b"):
        identity(0).save(tmp_path / f"{name}.json")
    with pytest.raises(ReenactError, match="was not made of"):
        mix_file(photo, tmp_path / "a.json", tmp_path / "b.json", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_two_files_have_two_names(tmp_path: Path):
    with pytest.raises(ReenactError, match="named twice"):
        describe_file(tmp_path / "p.png", tmp_path / "a.json", tmp_path / "a.json")
    with pytest.raises(ReenactError, match=r"end in \.json"):
        describe_file(tmp_path / "p.png", tmp_path / "a.npz")
