"""What is built of this repository: content, size, sameness, and that it works without the repository and without a network."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
import zlib
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import reenact
from places import EXAMPLES, ROOT

PACKAGE = ROOT / "src/reenact"
LEFT_OUT = PACKAGE / "weights/facevid2vid"
LARGEST = 45 * 2**20
"""bytes of the wheel"""
MOMENT = "1700000000"
"""SOURCE_DATE_EPOCH of the builds"""
OFFLINE = """
import socket, sys
sys.path[:0] = [{wheel!r}]
def refuse(*args, **options): raise OSError("the network was used")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import reenact
from reenact.cli import run
assert reenact.__file__.startswith({wheel!r}), reenact.__file__
sys.exit(run(["animate", {portrait!r}, {driving!r}, "--end", "0.2", "-o", {out!r}]))
"""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def files(folder: Path) -> set[str]:
    """Paths below the folder, caches left out."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def in_wheel() -> set[str]:
    """Paths below the package that its wheel is to hold: all but the baseline's weights."""
    return {name for name in files(PACKAGE) if not (PACKAGE / name).is_relative_to(LEFT_OUT)}


def test_the_wheel_lists_the_package_and_no_baseline():
    builder = WheelBuilder(str(ROOT))
    with builder.config.set_build_data({"artifacts": [], "force_include": {}, "build_hooks": ()}):
        listed = {Path(file.distribution_path).as_posix() for file in builder.recurse_included_files()}
    assert files(LEFT_OUT) and listed == {f"reenact/{name}" for name in in_wheel()}


def test_the_source_archive_lists_what_its_tests_want():
    builder = SdistBuilder(str(ROOT))
    with builder.config.set_build_data({"artifacts": [], "force_include": {}, "build_hooks": ()}):
        listed = {Path(file.distribution_path).as_posix() for file in builder.recurse_included_files()}
    for folder in ("src", "tests", "docs", "tools", "results", "examples", "scripts", "requirements", ".github"):
        missing = {f"{folder}/{name}" for name in files(ROOT / folder)} - listed
        assert not missing, sorted(missing)[:5]


def test_one_version_everywhere():
    builder = WheelBuilder(str(ROOT))
    assert builder.metadata.version == reenact.__version__
    assert f"version: {reenact.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "reenact", "--version"], capture_output=True, text=True)
    assert done.stdout == f"reenact {reenact.__version__}\n"


def test_the_lock_holds_every_package_that_developers_install():
    """Locked versions are within the ranges of pyproject.toml, PyTorch aside; mended by scripts/lock."""
    text = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")
    locked: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.M):
        locked.setdefault(canonicalize_name(name), set()).add(version)
    blocks = re.split(r"^(?=[a-z])", text, flags=re.M)[1:]
    assert all("--hash=sha256:" in block for block in blocks) and len(blocks) > 40
    extras = re.search(r"^DEV_EXTRAS=(\S+)", (ROOT / "scripts/environment").read_text(encoding="utf-8"), re.M)
    assert extras is not None
    about = project()
    wanted = [*about["dependencies"], *(line for extra in extras[1].split(",") for line in about["optional-dependencies"][extra])]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name == "torch":
            assert name not in locked and str(requirement.specifier) == "==2.13.0"
        else:
            assert name in locked, f"{name} is not locked: run scripts/lock"
            assert all(version in requirement.specifier for version in locked[name]), f"{name} {locked[name]}: run scripts/lock"


def build(target: str, root: Path, out: Path, mask: int = 0o022) -> Path:
    """The built file. mask: what the builder's own files may not grant."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": MOMENT}
    options = {} if os.name == "nt" else {"umask": mask}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


def copied(to: Path) -> Path:
    """The tree as somebody else has it: another folder, other times, other rights."""
    kept = ["src", "tests", "docs", "tools", "results", "examples", "scripts", "requirements", ".github", "experiments"]
    for name in kept:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, to / name, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copyfile(path, to / path.name)
    for path in to.rglob("*"):
        os.utime(path, (1.5e9, 1.5e9))
        if path.is_file():
            path.chmod(0o700 if os.access(ROOT / path.relative_to(to), os.X_OK) else 0o600)
    (to / "src/reenact/__pycache__").mkdir()
    (to / "src/reenact/__pycache__/left.pyc").write_bytes(b"left by somebody's run")
    return to


def test_what_the_wheel_holds_is_small():
    """Deflated as a wheel's files are; building one twice, and animating with it, is the slow test below."""
    size = sum(len(zlib.compress((PACKAGE / name).read_bytes())) for name in in_wheel())
    assert 20e6 < size <= LARGEST - 2**18, f"{size / 2**20:.1f} MiB"


@pytest.mark.slow
def test_the_wheel_is_small_and_the_same_for_all_and_animates_offline(tmp_path: Path):
    wheel = build("wheel", ROOT, tmp_path / "one")
    (tmp_path / "elsewhere").mkdir()
    again = build("wheel", copied(tmp_path / "elsewhere"), tmp_path / "two", 0o077)
    assert wheel.read_bytes() == again.read_bytes(), "two builds of one commit differ"
    assert wheel.stat().st_size <= LARGEST, f"{wheel.stat().st_size / 1e6:.1f} MB"
    folder = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    about = folder / f"reenact-{reenact.__version__}.dist-info"
    assert files(folder / "reenact") == in_wheel()
    assert files(about) == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"}
    names = {
        "wheel": str(folder),
        "portrait": str(EXAMPLES / "portrait.jpg"),
        "driving": str(EXAMPLES / "driving.mp4"),
        "out": str(tmp_path / "out.mp4"),
    }
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "REENACT_CACHE": str(tmp_path / "cache")}
    environment.pop("PYTHONPATH", None)
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE.format(**names)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 10_000 and not (tmp_path / "cache/face_landmarker.task").exists()


@pytest.mark.slow
def test_the_source_archive_is_the_same_for_all_and_passes_its_own_tests(tmp_path: Path):
    archive = build("sdist", ROOT, tmp_path / "one")
    (tmp_path / "elsewhere").mkdir()
    assert archive.read_bytes() == build("sdist", copied(tmp_path / "elsewhere"), tmp_path / "two", 0o077).read_bytes()
    with tarfile.open(archive) as held:
        held.extractall(tmp_path / "unpacked", filter="data")
    (root,) = (tmp_path / "unpacked").iterdir()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    command += [*(f"tests/architecture/test_{name}.py" for name in ("pages", "layers", "package")), "tests/unit/test_assets.py"]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    everything = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(everything, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
