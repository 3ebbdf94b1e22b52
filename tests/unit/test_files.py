"""Files appear whole or not at all; what a killed run leaves is hidden, and the next run removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reenact.core import files
from reenact.core.errors import ReenactError
from reenact.core.files import Unfinished, check_writable, replaced

HANGS = """
import sys, time
from reenact.core.files import replaced
with replaced(sys.argv[1]) as part:
    part.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def start_hanging(target: Path) -> subprocess.Popen[str]:
    """A run that has begun to write `target` and never ends."""
    environment = os.environ | {"PYTHONPATH": str(Path(files.__file__).parents[2])}
    run = subprocess.Popen([sys.executable, "-c", HANGS, str(target)], stdout=subprocess.PIPE, text=True, env=environment)
    assert run.stdout is not None and run.stdout.readline() == "ready\n"
    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_target_changes_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("older")
    with replaced(target) as part:
        part.write_text("new")
        assert target.read_text() == "older" and part.name.startswith(".out.txt.")
    assert target.read_text() == "new" and names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_any_failure_leaves_what_was_there(failure: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("older")
    with pytest.raises(failure), replaced(target) as part:
        part.write_text("half")
        raise failure
    assert target.read_text() == "older" and names(tmp_path) == ["out.txt"]


def test_of_two_at_once_the_last_wins_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    first, second = Unfinished(target), Unfinished(target)
    first.part.write_text("first")
    second.part.write_text("second")
    second.finish()
    assert target.read_text() == "second"
    first.finish()
    assert target.read_text() == "first" and names(tmp_path) == ["out.txt"]


def test_leftovers_go_and_what_another_run_writes_stays(tmp_path: Path) -> None:
    (tmp_path / ".out.txt.0123abcd.part").write_text("left by a run that was killed")
    (tmp_path / "note.part").write_text("a file of the user's")
    (tmp_path / ".theirs.part").write_text("another program's")
    running = start_hanging(tmp_path / "other.txt")
    try:
        files._sweep.cache_clear()
        with replaced(tmp_path / "out.txt") as part:
            part.write_text("new")
        left = names(tmp_path)
        assert ".out.txt.0123abcd.part" not in left and {"note.part", ".theirs.part", "out.txt"} < set(left)
        assert len([name for name in left if name.startswith(".other.txt.")]) == 1
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    files._sweep.cache_clear()
    check_writable(tmp_path / "out.txt")
    assert names(tmp_path) == [".theirs.part", "note.part", "out.txt"]


def test_what_is_written_anew_stays_locked(tmp_path: Path) -> None:
    """The sound is laid under a whole film: another run's sweep just before the film has its name must not take it."""
    target = tmp_path / "out.txt"
    unfinished = Unfinished(target)
    unfinished.part.write_text("pictures")
    with unfinished.anew() as other:
        other.write_text("pictures and sound")
        files._sweep.cache_clear()
        check_writable(tmp_path / "another.txt")
        assert other.exists() and unfinished.part.read_text() == "pictures"
    files._sweep.cache_clear()
    check_writable(tmp_path / "another.txt")
    unfinished.finish()
    assert target.read_text() == "pictures and sound" and names(tmp_path) == ["out.txt"]


def test_what_fails_anew_leaves_the_first(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path / "out.txt")
    unfinished.part.write_text("pictures")
    with pytest.raises(RuntimeError), unfinished.anew() as other:
        other.write_text("half")
        raise RuntimeError
    unfinished.finish()
    assert (tmp_path / "out.txt").read_text() == "pictures" and names(tmp_path) == ["out.txt"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("there/old.txt", "there/none.txt"):
        (tmp_path / "link.txt").symlink_to(name)
        with replaced(tmp_path / "link.txt") as part:
            part.write_text("new")
            assert part.parent == tmp_path / "there"
        assert (tmp_path / "link.txt").is_symlink() and (tmp_path / name).read_text() == "new"
        (tmp_path / "link.txt").unlink()


@pytest.mark.parametrize("make", ["folder", "missing/out.txt", "file/out.txt", "x" * 300, "loop", "/dev/null", "", "."])
def test_what_cannot_be_a_file_is_one_line_at_once(make: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    target = Path(make) if make in ("", ".") else tmp_path / make
    before = names(tmp_path)
    with pytest.raises(ReenactError) as caught:
        check_writable(target)
    assert "\n" not in str(caught.value) and names(tmp_path) == before
    assert not Path("/dev/null").is_file()


def test_names_as_long_as_the_file_system_takes_them(tmp_path: Path) -> None:
    for name in ("n" * 255, "ä" * 127):
        with replaced(tmp_path / name) as part:
            part.write_text("new")
        assert (tmp_path / name).read_text() == "new"
    assert len(names(tmp_path)) == 2


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file systems there take text alone")
def test_names_that_are_no_text_are_names(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    with replaced(tmp_path / name) as part:
        part.write_text("new")
    assert names(tmp_path) == [name]


def test_a_system_of_ascii_writes_beside_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LANG=C without UTF-8 mode: the hidden name keeps to what that system can write."""
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with replaced(tmp_path / "\u65e5 out.txt") as part:
        assert part.name.isascii() and part.name.startswith(". out.txt.")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ReenactError, match="cannot be written"):
        check_writable(tmp_path / "locked" / "out.txt")


def test_the_disk_that_is_full_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReenactError, match="free some space or choose"), replaced(tmp_path / "out.txt") as part:
        part.write_text("half")
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    assert names(tmp_path) == []


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with replaced(tmp_path / "out.txt"):
        pass
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode
