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
    change = "mean.x.fid / mean.y.fid"
    page.write_text(
        f'[1.2](a.json "mean.x.fid"), [+1.0 %](a.json "{change}"), [9.9](a.json "list.1"), [1.0 %](a.json "mean.z"), [no](b.json)'
    )
    wanted = f'[12.3](a.json "mean.x.fid"), [+23.5 %](a.json "{change}"), [4.3](a.json "list.1"), [7.1 %](a.json "mean.z"), [no](b.json)'
    assert renewed(page) == wanted
    page.write_text('[1](a.json "mean.w.fid")')
    with pytest.raises(KeyError):
        renewed(page)
