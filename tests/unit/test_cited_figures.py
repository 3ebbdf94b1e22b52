"""Figures that pages cite are those of the files that they name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT
from tools.cited_figures import CITED, PAGES, renewed


def test_pages_say_what_their_files_say():
    subprocess.run([sys.executable, ROOT / "tools/cited_figures.py", "--check"], check=True, cwd=ROOT)
    assert all(CITED.search((ROOT / page).read_text(encoding="utf-8")) for page in PAGES)


def test_a_figure_is_renewed_in_its_own_digits(tmp_path: Path):
    (tmp_path / "a.json").write_text(
        json.dumps({"mean": {"x": {"fid": 12.345}, "y": {"fid": 10.0}, "z": 0.0712}, "list": [3, 4.26]})
    )
    page = tmp_path / "page.md"
    figures = (
        '[{}](a.json "mean.x.fid"), [{} %](a.json "mean.x.fid / mean.y.fid"), [{}](a.json "list.1"), [{} %](a.json "mean.z")'
    )
    page.write_text(figures.format("1.2", "+1.0", "9.9", "1.0") + ", [no](b.json)")
    wanted = figures.format("12.3", "+23.5", "4.3", "7.1") + ", [no](b.json)"
    assert renewed(page) == wanted
    page.write_text('[1](a.json "mean.w.fid")')
    with pytest.raises(KeyError):
        renewed(page)
