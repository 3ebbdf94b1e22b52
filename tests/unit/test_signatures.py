"""Signatures: made, kept, broken by a changed byte, missing without harm."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from clips import moving_face, write_clip
from marked import FILMS, HEAD, PICTURES, written
from places import EXAMPLES
from reenact.cli import app
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.types import Image
from reenact.faces.crop import cut
from reenact.media.image import read_image, write_image
from reenact.provenance import keys, manifest
from reenact.provenance.label import read_label
from reenact.provenance.marks import NO_MARKS, Marks
from reenact.provenance.output import MarkedOutput
from reenact.provenance.search import find, whole
from reenact.provenance.verify import verify_file

pytest.importorskip("c2pa")
pytest.importorskip("cryptography")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.FOLDER, str(tmp_path_factory.mktemp("settings")))


@pytest.fixture(scope="module")
def head() -> Image:
    return cut(read_image(EXAMPLES / "portrait.jpg"), HEAD)


class Method:
    """Who draws."""

    name, fingerprint = "fake", "0123456789abcdef"


def command(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("suffix", [*PICTURES, *FILMS])
def test_every_kind_is_signed_and_a_changed_byte_is_seen(suffix: str, head: Image, tmp_path: Path) -> None:
    path = written(tmp_path / f"out{suffix}", [head] * 4)
    found = manifest.read_signature(path)
    assert found is not None and found.state == "valid" and found.when.startswith("20") and not found.reasons
    beside = [path.name, path.name + ".c2pa"] if suffix == ".mkv" else [path.name]
    assert sorted(file.name for file in tmp_path.iterdir()) == beside
    trusted = manifest.read_signature(path, keys.root_certificate())
    assert trusted is not None and trusted.state == "trusted"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    broken = manifest.read_signature(path)
    assert broken is not None and broken.state == "broken" and broken.reasons


def test_a_manifest_says_who_drew_from_what_and_no_names(head: Image, tmp_path: Path) -> None:
    photo, driving = tmp_path / "secret name.png", EXAMPLES / "driving.mp4"
    write_image(photo, head)
    output = MarkedOutput(tmp_path / "out.jpg", inputs=[("portrait", photo), ("driving", driving)], consent="self")
    output.drawn_by(Method()).picture(head)
    found = manifest.read_signature(output.path)
    assert found is not None and found.made is not None
    assert (found.made["method"], found.made["weights"], found.made["consent"]) == ("fake", "0123456789abcdef", "self")
    assert [given["role"] for given in found.made["inputs"]] == ["portrait", "driving"]
    assert all(len(given["sha256"]) == 64 for given in found.made["inputs"])
    data = output.path.read_bytes()
    assert b"secret name" not in data and str(tmp_path).encode() not in data
    assert b"compositeWithTrainedAlgorithmicMedia" in data and b"reenact.watermark.1" in data


def test_a_signed_portrait_stays_as_an_ingredient(head: Image, tmp_path: Path) -> None:
    import c2pa

    first = written(tmp_path / "first.png", [head])
    output = MarkedOutput(tmp_path / "second.jpg", inputs=[("portrait", first)])
    output.picture(head)
    with output.path.open("rb") as file:
        store = json.loads(c2pa.Reader("image/jpeg", file).json())
    ingredients = store["manifests"][store["active_manifest"]]["ingredients"]
    assert len(store["manifests"]) == 2
    assert ingredients[0]["active_manifest"] in store["manifests"] and ingredients[0]["title"] == "portrait"


def test_the_key_is_made_once_and_for_the_user_alone(head: Image, tmp_path: Path) -> None:
    with pytest.raises(ReenactError, match="no key yet"):
        keys.show_key()
    for name in ("a.png", "b.png"):
        written(tmp_path / name, [head])
    path = Path(os.environ[keys.FOLDER]) / keys.NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = keys.show_key().fingerprint
    assert keys.make_key().fingerprint != before
    old = manifest.read_signature(tmp_path / "a.png")
    assert old is not None and old.state == "valid"


def test_a_signature_that_fails_costs_one_warning_and_no_film(head: Image, tmp_path: Path) -> None:
    keys.make_key()
    (Path(os.environ[keys.FOLDER]) / keys.NAME).chmod(0o644)
    for name in ("out.mp4", "out.png", "out.mkv"):
        with pytest.warns(UserWarning, match=r"not signed, otherwise whole .*chmod 600") as caught:
            path = written(tmp_path / name, [head] * 3)
        assert len(caught) == 1 and "\n" not in str(caught[0].message)
        assert manifest.read_signature(path) is None and read_label(path) is not None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.mkv", "out.mp4", "out.png"]


def test_an_older_signature_beside_a_film_goes_with_it(head: Image, tmp_path: Path) -> None:
    path = written(tmp_path / "out.mkv", [head] * 3)
    assert manifest.sidecar_of(path).is_file()
    written(path, [head] * 2, Marks(sign=False))
    assert not manifest.sidecar_of(path).exists() and manifest.read_signature(path) is None


@pytest.mark.parametrize("kind", ["rsa", "ed25519", "p384"])
def test_a_certificate_of_ones_own(kind: str, head: Image, tmp_path: Path) -> None:
    certificate, key = _own_certificate(kind, tmp_path)
    path = written(tmp_path / "out.png", [head], Marks(certificate=certificate, key=key))
    found = manifest.read_signature(path)
    assert found is not None and found.state == "valid" and "Studio" in found.by
    assert not (Path(os.environ[keys.FOLDER]) / keys.NAME).exists()


def test_keys_that_cannot_sign_fail_before_any_work(head: Image, tmp_path: Path) -> None:
    certificate, _ = _own_certificate("p384", tmp_path)
    _, other = _own_certificate("ed25519", tmp_path)
    (tmp_path / "text.pem").write_text("no key")
    for given in (
        (certificate, other),
        (certificate, tmp_path / "none.pem"),
        (tmp_path / "text.pem", other),
        (certificate, None),
    ):
        with pytest.raises(ReenactError) as caught:
            MarkedOutput(tmp_path / "out.png", Marks(certificate=given[0], key=given[1]))
        assert "\n" not in str(caught.value)
    code, said = command("edit", EXAMPLES / "portrait.jpg", "--unsigned", "--sign-key", other, "-o", tmp_path / "o.png")
    assert code == 2 and "--unsigned" in said


def test_verify_says_what_is_there(head: Image, tmp_path: Path) -> None:
    path = written(tmp_path / "out.jpg", [head])
    code, said = command("verify", path)
    assert code == 0 and [line.split()[0] for line in said.splitlines()] == ["label", "watermark", "signature"]
    code, said = command("verify", path, "--json")
    held = json.loads(said)
    assert held["verdict"] == "marked" and held["watermark"]["z"] > 12 and held["signature"]["state"] == "valid"
    assert command("keys", "export", "-o", tmp_path / "ca.pem")[0] == 0
    assert "vouches" in command("verify", path, "--anchors", tmp_path / "ca.pem")[1]
    path.write_bytes(path.read_bytes()[:-20] + b"\x55" * 4 + path.read_bytes()[-16:])
    code, said = command("verify", path)
    assert code == 3 and "broken" in said
    plain = written(tmp_path / "plain.png", [head], NO_MARKS)
    code, said = command("verify", plain)
    assert code == 1 and said.count("none") == 2 and "not signed" in said
    for name, data in (("cut.png", b"\x89PNG\r\n\x1a\n cut"), ("cut.mp4", b"\x00\x00\x00\x18ftypmp42"), ("empty.jpg", b"")):
        (tmp_path / name).write_bytes(data)
        code, said = command("verify", tmp_path / name)
        assert code == 2 and len(said.strip().splitlines()) == 1


def test_keys_are_shown_and_made(tmp_path: Path) -> None:
    assert command("keys")[0] == 2
    code, made = command("keys", "new")
    assert code == 0 and command("keys") == (0, made)
    assert "BEGIN CERTIFICATE" in command("keys", "export")[1] and "PRIVATE" not in command("keys", "export")[1]
    assert command("keys", "eat")[0] == 2


def test_stripped_of_what_a_file_says_the_pixels_still_say_it(head: Image, tmp_path: Path) -> None:
    path = written(tmp_path / "out.mp4", [head] * 10)
    stripped = tmp_path / "stripped.mp4"
    with av.open(str(path)) as source, av.open(str(stripped), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found = verify_file(stripped)
    assert found.label is None and found.signature is None and found.look.z > 12 and found.verdict == "marked"


def test_without_the_extra_everything_else_works(head: Image, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['c2pa'] = None; sys.modules['cryptography'] = None\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('c2pa', 'cryptography') else real(name, *a)\n"
        "from reenact.cli import run; sys.exit(run(sys.argv[1:]))"
    )

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-c", program, *map(str, arguments)]
        return subprocess.run(given, capture_output=True, text=True, timeout=120)

    path = written(tmp_path / "out.png", [head], Marks(sign=False))
    done = run("verify", path)
    assert done.returncode == 0 and "not checked" in done.stdout and "reenact[provenance]" in done.stdout
    done = run("keys", "new")
    assert done.returncode == 2 and "reenact[provenance]" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_marks_never_touch_what_was_drawn(head: Image, tmp_path: Path) -> None:
    before = head.copy()
    written(tmp_path / "out.png", [head])
    assert np.array_equal(head, before)
    assert not find([head], [whole(256, 256)]).found


def _own_certificate(kind: str, folder: Path) -> tuple[Path, Path]:
    """Certificate and key as PEM files, as a user may have them."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509 import Name, NameAttribute
    from cryptography.x509.oid import NameOID

    makers = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    }
    key, root = makers[kind](), ec.generate_private_key(ec.SECP256R1())
    named = Name([NameAttribute(NameOID.ORGANIZATION_NAME, "Studio"), NameAttribute(NameOID.COMMON_NAME, "Studio's films")])
    real, keys._name = keys._name, lambda role: named
    try:
        chain = [keys._certificate(key, root, last=True), keys._certificate(root, root, last=False)]
    finally:
        keys._name = real
    certificate, private = folder / f"{kind}.cert.pem", folder / f"{kind}.key.pem"
    certificate.write_text("".join(keys._pem(one) for one in chain))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(*form))
    return certificate, private


def test_who_has_no_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in (keys.FOLDER, "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(ReenactError, match=keys.FOLDER):
        keys.config_folder()


def test_a_disk_that_is_full_when_it_is_signed_costs_the_signature_alone(head, tmp_path, monkeypatch):
    """The film was cut off, and got its name with a warning that called it whole."""
    plain = written(tmp_path / "plain.mp4", [head] * 4, Marks(sign=False))
    monkeypatch.setattr(manifest.tempfile, "TemporaryFile", lambda **_: io.BytesIO())  # that disk has room
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (plain.stat().st_size + 1000, before[1]))
    try:
        with pytest.warns(ReenactWarning, match="not signed, otherwise whole"):
            path = written(tmp_path / "out.mp4", [head] * 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == plain.read_bytes()


class Full(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_that_it_is_full_is_what_the_warning_says(head, tmp_path, monkeypatch):
    """What c2pa-python makes of it is "UntrackedPointer"."""
    monkeypatch.setattr(manifest.tempfile, "TemporaryFile", lambda **_: Full())
    for name in ("out.mp4", "out.png"):
        with pytest.warns(ReenactWarning, match="not signed, otherwise whole .*No space left on device"):
            written(tmp_path / name, [head] * 4)


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.png", "film.gif", "film.webp"])
def test_a_file_of_another_kind_than_its_name_says_is_not_called_broken(name, tmp_path):
    """Sites give WebM films the name of an mp4: nobody has signed them, so nothing was changed after that."""
    write_clip(tmp_path / "plain.mkv", moving_face(2)).rename(tmp_path / name)
    assert manifest.read_signature(tmp_path / name) is None


def test_what_is_marked_is_found_under_any_name(head, tmp_path):
    film, picture = written(tmp_path / "a.mp4", [head] * 4), written(tmp_path / "b.png", [head])
    for path, name in ((film, "a.jpg"), (film, "a"), (picture, "b.jpeg"), (picture, "b.mp4")):
        copy = shutil.copy(path, tmp_path / name)
        found = verify_file(copy)
        assert found.look.found and found.label and found.signature is not None and found.signature.state == "valid", name
    (tmp_path / "c.jpg").write_text("none of both")
    with pytest.raises(ReenactError, match="not a photo"):
        verify_file(tmp_path / "c.jpg")
