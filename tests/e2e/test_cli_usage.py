"""What the command line says to a typing error: one line that says what to do, exit code 2."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

from reenact.cli import ROOMS, app, run
from reenact.cli.shared import ORDER


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["animate", "--nope"], "--nope"),
        (["animate"], "portrait"),
        (["animate", "a", "b", "--threads", "many"], "many"),
        (["no-such-command"], "no-such-command"),
        (["animate", "a", "b", "--duration", "3"], "did you mean --end (where in the video to end"),
        (["record", "a", "--seconds=3"], "did you mean --end (where in the video to end"),
        (["interpolate", "a", "b", "--end", "3"], "did you mean --seconds (length of the video)"),
        (["animate", "a", "b", "--strat", "3"], "no such option --strat: did you mean --start"),
        (["animate", "a", "b", "--gaze", "3"], "no such option --gaze (see"),
        (["keys", "--duration", "3"], "no such option --duration (see"),
        (["edit", "a.jpg", "--gaze", "20", "-o", "x.png"], "--gaze takes 2 values, --gaze YAW PITCH; this is '--gaze 20 -o'"),
        (["edit", "a.jpg", "--gaze", "20"], "Option '--gaze' requires 2 arguments"),
        (["edit", "a.jpg", "--gaze=20", "b"], "--gaze takes 2 values, --gaze YAW PITCH; this is '--gaze=20 b'"),
        (["edit", "a.jpg", "--sweep", "yaw", "-20", "-o", "x.mp4"], "--sweep takes 3 values, --sweep NAME FROM TO; this"),
        (["edit", "a.jpg", "--yaw", "-o", "x.png"], "Invalid value for '--yaw'"),
    ],
)
def test_one_line_for_a_wrong_command_line(arguments, words, capsys):
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert words in said.err and "--help" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["animate", "a", "b", "--lock", "scale", "--parts", "pose=source,scale=1.2"], "--lock scale holds what --parts scale="),
        (["animate", "a", "b", "--lock", "scale", "--parts", "scale=source"], "a: no such file"),
        (["animate", "a", "b", "--lock", "scale", "--parts", "pose=driver"], "a: no such file"),
        (["animate", "a", "b", "--start", ".5", "--end", "0:.75"], "a: no such file"),
        (["batch", "a", "--face", "all", "--output", "crop"], "--face all moves the faces in the whole photo"),
        (["record", "a", "--start", "5", "--end", "2"], "error: the start must be 0 or later and the end after it"),
        (["bench", "--runs", "0"], "--runs must be at least 1"),
        (["animate", "a  b.jpg", "c"], "error: a  b.jpg: no such file"),
        (["animate", "a\nb.jpg", "c"], "error: a b.jpg: no such file"),
        (["keys", "show", "-o", "a"], "--out is of `reenact keys export`"),
        (["keys", "new", "-o", "a"], "--out is of `reenact keys export`"),
    ],
)
def test_one_line_for_what_cannot_be_meant(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and words in said and not list(tmp_path.iterdir())


def test_the_version_is_the_package_s(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"reenact {version('reenact')}\n"


def test_no_command_shows_the_help(capsys):
    assert run([]) == 2
    assert "animate" in capsys.readouterr().out


def test_help_names_every_command_whole_and_in_order(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == ORDER.split(), "a new command takes its place in ORDER (cli/shared.py)"
    assert not [line for line in lines if line.endswith("...")], "its docstring's first sentence is too long for one line"


@pytest.mark.parametrize("command", ORDER.split())
def test_a_command_s_module_registers_it(command: str):
    """Only that module is imported for it (cli/__init__.py): a command in another one would be unknown."""
    module = importlib.import_module(f"reenact.cli.{ROOMS.get(command, command)}")
    found = {one.name or one.callback.__name__: one.callback.__module__ for one in app.registered_commands if one.callback}
    groups = {group.name for group in app.registered_groups}
    assert found.get(command) == module.__name__ or command in groups


def test_animate_imports_no_other_commands():
    code = "import sys; from reenact import cli; cli.register(['--debug', 'animate', 'a.jpg']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "reenact.cli.animate" in loaded
    assert not {"reenact.cli.live", "reenact.cli.edit", "reenact.cli.train", "openvino"} & set(loaded)
