"""`reenact data`: the commands as a user types them, the report's figures, the pictures."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from data_material import SquareLandmarker, clip, picture, video
from reenact.cli import run
from reenact.data import work
from reenact.data.reader import Shards
from reenact.data.report import read_contents, table
from reenact.data.shards import write_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("set")
    clips = [
        clip("anna/0", 50, "anna"),
        clip("anna/1", 25, "anna"),
        clip("ben/0", 25, "ben", "val"),
        clip("m1", 25, "synth1", "strain", "m1"),
    ]
    write_shard(place / "clips-000000.tar", clips)
    return place


def test_the_table_counts_people_minutes_and_tiers(folder: Path):
    contents = read_contents(folder)
    lines = {
        line.rsplit(maxsplit=4)[0].strip(): line.split()[-4:]
        for line in table(contents).splitlines()
        if line.startswith(("split", "tier", "all"))
    }
    assert lines["split train"] == ["2", "1", "0.1", "75"]
    assert lines["tier C"] == ["3", "2", "0.1", "100"]
    assert lines["tier rendered"] == ["1", "1", "0.0", "25"]
    assert lines["all"] == ["4", "3", "0.1", "125"]
    assert contents.minutes_of["anna"] == pytest.approx(75 / 25 / 60)
    assert contents.pose.shape == (125, 3)
    truth = Shards(folder).truth("anna/0")
    assert np.allclose(contents.pose[:50], np.degrees(truth["head_pose"]))


def test_the_figures_name_nobody(folder: Path, tmp_path: Path):
    path = tmp_path / "figures.json"
    assert run(["data", "report", str(folder), "--no-pictures", "--json", str(path)]) == 0
    text, found = path.read_text(), json.loads(path.read_text())
    contents = read_contents(folder)
    assert sum(split["frames"] for split in found["by_split"].values()) == sum(clip.frames for clip in contents.clips)
    assert found["pose_degrees"]["yaw"] == sorted(found["pose_degrees"]["yaw"])
    assert not any(f'"{clip.identity}' in text or clip.key in text for clip in contents.clips)


def test_the_report_prints_and_draws(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("matplotlib")
    assert run(["data", "report", str(folder), "--out", str(tmp_path / "r")]) == 0
    said = capsys.readouterr()
    assert "jawOpen above 0.3" in said.out and "people.png" in said.err
    names = {"people", "poses", "expressions", "licences", "quality", "faces"}
    assert {path.stem for path in (tmp_path / "r").glob("*.png")} == names
    for name in names:
        assert np.asarray(PILImage.open(tmp_path / "r" / f"{name}.png").convert("L")).std() > 1, "an empty picture"


def test_a_full_disk_leaves_no_torn_figures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    path = tmp_path / "figures.json"
    path.write_text("{}")

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(["data", "report", str(folder), "--no-pictures", "--json", str(path)]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert path.read_text() == "{}" and [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_prepare_as_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    landmarker = SquareLandmarker()
    monkeypatch.setattr(work, "_landmarker", lambda: landmarker)
    video(tmp_path / "in" / "a.mp4", [picture(150, 120, 80)] * 10)
    (tmp_path / "in" / "b.mp4").write_text("broken")
    command = ["data", "prepare", str(tmp_path / "in"), str(tmp_path / "out"), "--min-seconds", "0.2", "--min-face", "40"]
    assert run(command) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("left out: ") and "b.mp4" in said[0]
    assert "1 clips, 10 frames" in said[1] and len(said) == 2
    assert run([*command, "--size", "128"]) == 2
    assert "begun with --size 256" in capsys.readouterr().err
    assert run(["data", "pack", str(tmp_path / "out"), str(tmp_path / "parts"), "--splits", "train,val"]) == 0
    assert "1 parts" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"part-000.npz", "unpack.py"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prepare", "{gone}", "{out}"], "no such folder"),
        (["prepare", "{empty}", "{out}"], "holds no videos"),
        (["prepare", "{empty}", "{out}", "--layout", "nope"], "take auto"),
        (["report", "{empty}"], "holds no shards"),
        (["pack", "{empty}", "{out}"], "holds no shards"),
        (["bench", "{empty}"], "holds no shards"),
    ],
)
def test_wrong_folders_are_one_line(arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty").mkdir()
    places = {"gone": tmp_path / "gone", "empty": tmp_path / "empty", "out": tmp_path / "out"}
    assert run(["data", *(word.format(**places) for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and words in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_bench_measures_every_way_of_reading(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["data", "bench", str(folder), "--seconds", "0.3", "--cache", str(tmp_path), "--json", str(tmp_path / "b.json")]
    assert run(command) == 0
    figures = json.loads((tmp_path / "b.json").read_text())
    ways = ("bytes", "decoded", "half", "random", "cache")
    assert all(figures[name][rate] > 0 for name in ways for rate in ("per_second", "per_core_second"))
    assert figures["bytes"]["per_core_second"] > figures["decoded"]["per_core_second"]
