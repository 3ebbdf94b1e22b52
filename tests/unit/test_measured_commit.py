"""Which commit a measurement is of: that of the tree which the package is part of, and of no other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reenact.core import provenance


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_package_in_somebody_else_s_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "venv" / "reenact" / "core" / "provenance.py"
    installed.parent.mkdir(parents=True)
    installed.write_text("# as pip put it there\n")
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.commit() is None
    git(tmp_path, "init", "--quiet")
    (tmp_path / "theirs.py").touch()
    git(tmp_path, "add", "theirs.py")
    git(tmp_path, "commit", "--quiet", "-m", "theirs")
    assert provenance.commit() is None
    git(tmp_path, "add", "venv")
    git(tmp_path, "commit", "--quiet", "-m", "a clone of ours")
    assert provenance.commit() == git(tmp_path, "rev-parse", "HEAD")
    (installed.parent / "provenance.py").write_text("# changed\n")
    assert provenance.commit() == git(tmp_path, "rev-parse", "HEAD") + "+changes"
