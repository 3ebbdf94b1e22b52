"""The library's lines name parameters, the command line's name options."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from places import ROOT
from reenact.cli import app, run
from reenact.cli.shared import OPTION_NAMES
from reenact.core.errors import as_options
from reenact.media.clock import exact_rate
from reenact.pipeline.control import Control

PACKAGE = ROOT / "src/reenact"
COMMANDS = r"(pip install|python -m|reenact [a-z]+|ffplay)\b.*"
"""within a line: what is to be typed as it stands, to the end"""
FLAG = r"(?<![\w}-])--[a-z{]"
NAME = r"`[A-Za-z][\w.=]*`"
NO_LINES = {
    "calibrate/steps.py": "arguments of the steps, and what pages say of them",
    "core/download.py": "arguments of pip and npm",
    "core/errors.py": "makes options of parameters",
    "core/provenance.py": "arguments of git",
    "remote_job/lease.py": "arguments of its own process on a borrowed machine",
    "remote_job/plan.py": "calls that are typed there as they stand",
    "serve/auth.py": "told to who runs `reenact serve`, by way of a browser",
}


def lines() -> Iterator[tuple[str, str]]:
    """File and text of every string below the command line that is no docstring, and not within a program's `main`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("cli/") or name in NO_LINES:
            continue
        yield from ((name, text) for text in _texts(ast.parse(path.read_text(encoding="utf-8"))))


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and node.name == "main":
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def options(command: Any) -> set[str]:
    """--fps, ... of a command and of those below it."""
    found = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return found.union(*(options(below) for below in getattr(command, "commands", {}).values()))


def test_no_line_of_the_library_names_an_option():
    bad = [(name, text) for name, text in lines() if re.search(FLAG, re.sub(COMMANDS, "", text))]
    assert not bad, "name the parameter in backticks; the command line writes it as its option (cli/shared.py, OPTION_NAMES)"


def test_every_name_in_backticks_has_an_option():
    named = {found for _, text in lines() for found in re.findall(NAME, text)}
    assert len(named) > 40
    known = options(typer.main.get_command(app))
    assert {name for name in named if as_options(name, OPTION_NAMES).split()[0] not in known} == set()
    whole = {text for _, text in lines()}
    assert {name for name in OPTION_NAMES if f"`{name}`" not in named and name not in whole} == set(), "nothing says these now"


def test_the_same_line_in_python_and_at_the_command_line(capsys: pytest.CaptureFixture):
    with pytest.raises(Exception, match="^`fps` must lie between"):
        exact_rate("1000")
    with pytest.raises(Exception, match="^`settle` must lie between"):
        Control(settle=-1).check()
    assert run(["animate", "a.jpg", "b.mp4", "--fps", "1000"]) == 2
    assert capsys.readouterr().err.startswith("error: --fps must lie between")
    assert run(["live", "a.jpg"]) == 2
    assert "name a --to or a --record" in capsys.readouterr().err
