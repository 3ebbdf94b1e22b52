"""Files that users name: said before any work whether they can be read or written; what is written appears whole or not at all.

What is being written has a hidden name of its own beside the target (`.out.mp4.1f3a9c02.part`), so that two runs with one
output do not mix: whoever ends last wins, whole. The unfinished file is locked while its run lives. What a killed run left
is not, and the next run that writes into the folder removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from reenact.core.errors import ReenactError
from reenact.core.values import written

try:
    import fcntl
except ImportError:  # Windows, which refuses to remove an open file: as good as a lock
    fcntl = None

NAME_BYTES = 180
"""ours: of the target's name in the hidden one; file systems take 255 bytes"""
ADVICE = "choose another output"

_PART = re.compile(r"\..*\.[0-9a-f]{8}\.part")


class Unfinished:
    """A hidden file beside `path`, made and locked at once; a context manager that renames it when its block ends well. Where
    `path` is a symbolic link all of this is about the file that it leads to.

    Any exception, KeyboardInterrupt and SystemExit too, removes it and leaves an older file at `path` untouched. Raises OSError
    where it cannot be made; ReenactError where `path` is a folder, a device, or in a folder that is none.
    """

    part: Path
    """what to write to"""

    def __init__(self, path: str | os.PathLike[str], sync: bool = False) -> None:
        """sync: the disk has the content before the name is given."""
        _check_target(Path(path))
        self.path, self._sync = _behind_link(path), sync
        _check_target(self.path)
        _sweep(os.path.abspath(self.path.parent))
        self.part, self._handle = _claim(self.path)

    def __enter__(self) -> Path:
        return self.part

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.finish()
        else:
            self.discard()

    @contextmanager
    def anew(self) -> Iterator[Path]:
        """Yields another hidden path to write the content to once more; after a block that ends well it is what `part` holds.

        The new file is locked before it takes the old one's place, and stays so: no other run takes it for a leftover."""
        other, handle = _claim(self.path)
        try:
            yield other
            os.replace(other, self.part)
            self._handle, handle = handle, self._handle
        finally:
            other.unlink(missing_ok=True)
            if handle is not None:
                os.close(handle)

    def finish(self) -> None:
        """Give it its name."""
        try:
            if self._sync and self._handle is not None:
                os.fsync(self._handle)
            os.replace(self.part, self.path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove it, if it still has its hidden name. May be called again."""
        self.part.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextmanager
def replaced(path: str | os.PathLike[str], advice: str = ADVICE, sync: bool = False) -> Iterator[Path]:
    """Yields the hidden path to write to; `path` has the new content after the block, or what it had before.

    Raises ReenactError, which ends in `advice`, for whatever keeps the file from being written.
    """
    with explained(as_path(path), advice), Unfinished(path, sync) as part:
        yield part


@contextmanager
def explained(path: str | os.PathLike[str], advice: str = ADVICE) -> Iterator[None]:
    """An OSError of the block becomes one line that names `path`."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, advice) from None


def unwritable(path: str | os.PathLike[str], error: Exception, advice: str = ADVICE) -> ReenactError:
    """What to raise where `error` kept `path` from being written."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ReenactError(f"{path}: cannot be written ({reason}); {'free some space or ' if full else ''}{advice}")


def check_writable(path: str | os.PathLike[str], advice: str = ADVICE) -> None:
    """To learn before the work and not after it: raises ReenactError where `path` cannot be written."""
    with explained(as_path(path), advice):
        Unfinished(path).discard()


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """The path, where it can be written and is none of the files that are read. Raises ReenactError."""
    check_writable(path)
    if os.path.realpath(path) in [os.path.realpath(as_path(other)) for other in inputs]:
        raise ReenactError(f"{path} is also an input: give the output another name")
    return Path(path)


def make_folder_of(path: Path) -> None:
    """For outputs whose folder is made where it is missing. Raises ReenactError where they cannot be written."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    check_writable(path)


def write_text(path: Path, text: str) -> None:
    """UTF-8, whole or not at all. Raises ReenactError where it cannot be written."""
    with replaced(path) as part:
        part.write_text(text, encoding="utf-8")


def as_path(path: object, kind: str = "file") -> Path:
    """A path in text or as an object of paths. Raises ReenactError for what is none, and for an empty one."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise ReenactError(f"{written(path)} is no path: give {_path_of(kind)}, as text")
    if not os.fspath(path):
        raise ReenactError(f"an empty path: give {_path_of(kind)}")
    return Path(path)


def _path_of(kind: str) -> str:
    return f"the path of {'an' if kind[:1] in 'aeiou' else 'a'} {kind}"


def check_readable(path: str | os.PathLike[str], kind: str) -> Path:
    """The path, if a non-empty file is there; `kind` ('photo', 'video') is the word the error uses. Raises ReenactError."""
    path = as_path(path, kind)
    wanted = _path_of(kind)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ReenactError(f"{path}: no such file; give {wanted}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReenactError(f"{path}: cannot be opened ({reason}); give {wanted}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ReenactError(f"{path}: not a file; give {wanted}")
    if found.st_size == 0:
        raise ReenactError(f"{path}: the file is empty; give another {kind}")
    if not os.access(path, os.R_OK):
        raise ReenactError(f"{path}: may not be read; change its permissions or give another {kind}")
    return path


def _behind_link(path: str | os.PathLike[str]) -> Path:
    """The file that a symbolic link leads to, so that the link stays one."""
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def _check_target(path: Path) -> None:
    if not path.name:
        raise ReenactError(f"{str(path)!r}: no name of a file; give the name of a file to write")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except NotADirectoryError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise ReenactError(f"{path}: a folder; give the name of a file to write")
    if mode is not None and not stat.S_ISREG(mode):
        raise ReenactError(f"{path}: a device or a pipe; give the name of a file to write")
    if not path.parent.is_dir():
        raise ReenactError(f"{path}: its folder does not exist; make it or choose another output")


def _claim(path: Path) -> tuple[Path, int | None]:
    """A new hidden file and its handle, which holds the lock."""
    # names may hold bytes that are no text, and the system's own encoding may be narrower than the name's
    kept = os.fsencode(path.name)[:NAME_BYTES].decode(sys.getfilesystemencoding(), errors="ignore")
    while True:
        part = path.with_name(f".{kept}.{secrets.token_hex(4)}.part")
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        if fcntl is None:
            os.close(handle)
            return part, None
        _lock(handle, wait=True)
        if os.fstat(handle).st_nlink:  # else another run took it for a leftover before it was locked
            return part, handle
        os.close(handle)


def _lock(handle: int, wait: bool) -> bool:
    """Whether the lock is ours now; where the file system knows no locks, only who asks to wait is told so."""
    assert fcntl is not None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return wait
    return True


@lru_cache(maxsize=1024)
def _sweep(folder: str) -> None:
    """Remove what killed runs left in a folder; once a process, as folders may be large."""
    try:
        left = [entry.path for entry in os.scandir(folder) if _PART.fullmatch(entry.name)]
    except OSError:
        return
    for path in left:
        try:
            _remove_unlocked(path)
        except OSError:
            continue


def _remove_unlocked(path: str) -> None:
    if fcntl is None:
        os.unlink(path)
        return
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        # another file may have taken the place of the one that is locked now (Unfinished.anew)
        if _lock(handle, wait=False) and os.path.samestat(os.fstat(handle), os.stat(path)):
            os.unlink(path)
    finally:
        os.close(handle)
