"""The server's folder: one server at a time in it, and what killed ones left in the system's temporary folder goes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from reenact.core.errors import ReenactError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """The folder is made; that it, or what the block makes in it, cannot be is one line. Raises ReenactError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ReenactError(f"{folder}: cannot be used ({error.strerror}); choose another `folder`") from None


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other servers out of it: two would run each other's jobs, and say of them that they failed.

    Raises ReenactError where another has it, or where it cannot be made. Nothing is kept out where the system has no such locks.
    """
    with usable(folder):
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _locked(handle):
            raise ReenactError(f"{folder}: another reenact serve uses it; end that one or choose another `folder`")
        yield
    finally:
        os.close(handle)


def sweep(parent: Path, prefix: str) -> None:
    """Removes folders of ours that servers which were killed have left there, with what had been uploaded to them."""
    if fcntl is None:
        return
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # no lock file, or one that is held
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock is ours now; yes where the file system knows no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
