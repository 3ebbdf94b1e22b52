"""scripts/measure: every published figure has a command that works today or a reason, and says whose weights it is of."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from places import ROOT
from reenact import cli
from reenact.core.provenance import common_digest, dated, measured_with, weights_digest
from reenact.runtime.onnx_method import weights_folder
from tools.measure import PAGES, main, program
from tools.measurements import KEPT, MEASUREMENTS, PLACES, Measurement, shipped, stale, state

NAMED = {place: place.upper() for place in PLACES}
WRITES = "import json, pathlib; pathlib.Path('{out}').write_text(json.dumps({{'weights_sha256': {{'mmfa': 'new'}}}}))"


def measurement(name: str, code: str = WRITES, **rest: bool) -> Measurement:
    """One that is a line of Python."""
    return Measurement(name, f"python -c {shlex.quote(code)}", 1, ("mmfa",), **rest)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path


def test_every_file_is_in_the_table_once():
    found = [path for path in (ROOT / "results").rglob("*.json") if not path.parent.name.endswith(".parts")]
    files = sorted(path.relative_to(ROOT / "results").with_suffix("").as_posix() for path in found)
    assert sorted(one.name for one in (*MEASUREMENTS, *KEPT)) == files
    assert all(one.reason for one in KEPT)


class Parsed(Exception):
    """Options were taken; nothing is to be run."""


@pytest.mark.parametrize("one", MEASUREMENTS, ids=lambda one: one.name)
def test_a_command_works_today(one: Measurement, monkeypatch: pytest.MonkeyPatch):
    head, *words = one.words(NAMED, f"results/{one.name}.json")
    if head == "reenact":
        command = typer.main.get_command(cli.app)
        while groups := getattr(command, "commands", None):
            command = groups[words.pop(0)]
        assert command.params
        with command.make_context("reenact", words):
            return
    if head == "python" and words[:2] == ["-m", "reenact.evaluate.watermark"]:
        assert callable(importlib.import_module(words[1]).main)
        return
    parse = argparse.ArgumentParser.parse_args

    def parsed(*given: object) -> None:
        parse(*given)  # type: ignore[arg-type]  # leaves with 2 where an option is none
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(sys, "argv", [head, *words[2 if words[0] == "-m" else 1 :]])
    with pytest.raises(Parsed):
        if head == "scripts/fuzz":
            assert os.access(ROOT / head, os.X_OK)
            monkeypatch.setattr(sys, "argv", [head, *words])
            importlib.import_module("fuzz_campaign").main()
        elif words[0] == "-m":
            importlib.import_module(words[1]).main()
        else:
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")


def test_what_a_file_is_made_of_runs_before_it():
    order = [one.name for one in MEASUREMENTS]
    for number, one in enumerate(MEASUREMENTS):
        others = {Path(word).stem for word in shlex.split(one.command) if word.startswith("results/")}
        assert others <= set(order[:number]), one.name


def test_state_is_what_the_file_says(clone: Path):
    one, path = Measurement("a", "true", 1, ("mmfa", "sfd")), clone / "a.json"
    today = {"mmfa": "1", "sfd": "2"}
    assert state(one, path, today) == "missing" and stale("missing")
    for held, said in (
        ({"weights_sha256": {"sfd": "2", "mmfa": "1", "prior": "old"}}, "current"),
        ({"weights_sha256": {"mmfa": "1", "sfd": "old"}, "date": "2026-11-21"}, "of other weights, 2026-11-21"),
        ({"weights_sha256": {"mmfa": "1"}, "date": "2026-11-21"}, "of other weights, 2026-11-21"),
        ({"weights": "1234"}, "of other weights (unknown)"),
        ({"weights_sha256": {}}, "of other weights (unknown)"),
    ):
        path.write_text(json.dumps(held))
        assert state(one, path, today) == said and stale(said) == (said != "current")
    free = Measurement("a", "true", 1)
    assert state(free, path, today) == "not of weights" and not stale("not of weights")


def test_measured_with_the_weights_that_ship_is_current(clone: Path):
    path = clone / "results/a.json"
    path.write_text(json.dumps(measured_with(weights_folder() / "mmfa", weights_folder() / "sfd")))
    assert state(Measurement("a", "true", 1, ("sfd", "mmfa")), path) == "current"
    path.write_text(json.dumps(dated({**shipped(), "mmfa": weights_digest(weights_folder() / "sfd")})))
    assert state(Measurement("a", "true", 1, ("sfd", "mmfa")), path).startswith("of other weights, 20")


def test_what_all_methods_share_is_seen_where_a_file_says_it(clone: Path, tmp_path: Path):
    """The backdrop's network and int8's ranges: no method's own digest has them. Files that say nothing of them stay current."""
    path, one = clone / "results/a.json", Measurement("a", "true", 1, ("sfd",))
    held = measured_with(weights_folder() / "sfd")
    assert held["common_sha256"] == common_digest() and "common_sha256" not in dated({})
    for told, said in ((held["common_sha256"], "current"), ("0" * 64, f"of other weights, {held['date']}")):
        path.write_text(json.dumps({**held, "common_sha256": told}))
        assert state(one, path) == said
    del held["common_sha256"]
    path.write_text(json.dumps(held))
    assert state(one, path) == "current"
    for name in ("person/person.onnx", "person/still.onnx", "shared/int8.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = common_digest(tmp_path)
    for name in ("person/still.onnx", "shared/int8.json"):
        (tmp_path / name).write_text("other")
        assert common_digest(tmp_path) != before
        (tmp_path / name).write_text(name)
    assert common_digest(tmp_path) == before


def test_one_that_fails_is_told_and_stops_no_other(clone: Path, capsys: pytest.CaptureFixture[str]):
    known = (
        measurement("first", quiet=True),
        measurement("bad", "import sys; print('it is so'); sys.exit(3)"),
        measurement("idle", "pass"),
        measurement("last"),
    )
    assert main(["--all", "--quiet-ones"], known, clone, ()) == 1
    said = capsys.readouterr().out
    assert "failed: bad: exit code 3: it is so" in said and "failed: idle: it left no new results/idle.json" in said
    assert {path.stem for path in (clone / "results").iterdir()} == {"first", "last"}
    assert said.index("first: about") > said.index("last: done")  # what times something comes last
    assert "it is so" in (clone / "out/measure/bad.log").read_text()


def test_stale_ones_are_measured_and_pages_follow(clone: Path, capsys: pytest.CaptureFixture[str]):
    known = tuple(measurement(name, quiet=name == "timed") for name in ("kept", "timed", "old"))
    (clone / "results/kept.json").write_text(json.dumps({"weights_sha256": shipped()}))
    before = (clone / "results/kept.json").read_text()
    page = "python -c \"open('page', 'w').close()\""
    assert main(["--stale"], known, clone, (page,)) == 0
    assert (clone / "results/old.json").exists() and (clone / "page").exists()
    assert (clone / "results/kept.json").read_text() == before and not (clone / "results/timed.json").exists()
    assert main(["timed"], known, clone, ("python -c 1/0",)) == 1
    assert (clone / "results/timed.json").exists() and "ZeroDivisionError" in capsys.readouterr().out


def test_dry_run_says_the_commands_and_runs_nothing(clone: Path, capsys: pytest.CaptureFixture[str]):
    (clone / "clips here").mkdir()
    known = (Measurement("a", "python -c 1 {data}/val {pool} {out}", 1), measurement("b"))
    assert main(["a", "--dry-run", "--data", "clips here", "--from", str(clone)], known, clone) == 0
    assert capsys.readouterr().out == "python -c 1 'clips here/val' POOL results/a.json\n"
    assert main(["--all", "--dry-run"], known, clone) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert list((clone / "results").iterdir()) == [] and not (clone / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nothing"], "there is no nothing"),
        (["sfd_training"], "kept as it is: the curve"),
        (["gaze"], "gaze wants --data"),
        (["gaze", "--data", "nowhere"], "--data nowhere: no such folder"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_runs(given: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(given)
    assert left.value.code == 2 and said in capsys.readouterr().err


def test_the_list_has_every_file(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["file", *(one.name for one in (*MEASUREMENTS, *KEPT))]
    for page in PAGES:
        assert Path(program(page, ROOT)[1]).name in os.listdir(ROOT / "tools")


def test_whoever_writes_figures_says_of_which_weights():
    """One function for all: core.provenance."""
    writers = [path for path in (ROOT / "experiments").glob("*.py") if "write_json(" in path.read_text(encoding="utf-8")]
    assert len(writers) > 10
    for path in (*writers, ROOT / "tools/live_measure.py", ROOT / "tools/serve_measure.py"):
        text = path.read_text(encoding="utf-8")
        assert any(f"{name}(" in text for name in ("measured_with", "dated", "provenance")), path


def test_the_script_is_the_tool():
    subprocess.run(["bash", "-n", ROOT / "scripts/measure"], check=True)
    text = (ROOT / "scripts/measure").read_text(encoding="utf-8")
    assert os.access(ROOT / "scripts/measure", os.X_OK) and "python -m tools.measure" in text
