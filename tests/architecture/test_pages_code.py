"""What README and the pages tell a reader to type: commands parse, Python compiles, imports are there, the short ones run."""

import ast
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import reenact
from clips import PORTRAIT, face, moving_face, write_clip
from fake_method import FIELDS, write_fake_method
from motions import small_map
from places import ROOT
from reenact.cli import app, run
from reenact.methods import recipe_names

PAGES = sorted(
    path for place in ("*.md", "docs/**/*.md", "examples/*.md", "checkpoints/*.md", "src/**/*.md") for path in ROOT.glob(place)
)
HISTORY = {"docs/log.md", "docs/weights.md", "docs/queue.md", "CHANGELOG.md"}
"""say what was run then, with the recipes of then"""
RUN = ("README.md", "docs/architecture.md", "docs/editing.md", "docs/bitstream.md", "docs/provenance.md")
"""the pages whose Python is run, on the fake method"""
CODE = FIELDS["expression"]
ANYWHERE = {"--debug", "--force"}
"""may stand after any command (cli/__init__.py)"""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in one of the languages; "" is none named."""
    found = re.findall(r"^[ ]*```(\w*)[^\n]*\n(.*?)^[ ]*```", path.read_text(encoding="utf-8"), re.M | re.S)
    return [text for language, text in found if language in languages]


def commands(text: str) -> Iterator[list[str]]:
    """Arguments of each `reenact ...` of a shell block: what stands before a pipe, a redirection or the next command."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not re.match(r"\s*(\$ )?(\w+=\S* )*(python3? -m )?reenact\s", line):
            continue
        words = shlex.shlex(re.sub(r"<([\w ]+)>", "PLACE", line).lstrip(" $"), posix=True, punctuation_chars="|;&<>")
        words.whitespace_split, words.commenters = True, "#"
        parts: list[list[str]] = [[]]
        for word in words:
            if re.fullmatch(r"[|;&<>]+", word):
                parts.append([])
            else:
                parts[-1].append(word)
        yield from (part[part.index("reenact") + 1 :] for part in parts if "reenact" in part)


def spans(text: str) -> Iterator[list[str]]:
    """Words of each `reenact COMMAND ...` within a sentence."""
    for found in re.findall(r"`reenact ([a-z][^`]*)`", re.sub(r"^[ ]*```.*?^[ ]*```", "", text, flags=re.M | re.S)):
        yield found.split()


def resolved(words: list[str]) -> tuple[typer.core.TyperCommand, list[str]]:
    """The command that is meant, and its arguments."""
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        assert words[0] in command.commands, f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words  # type: ignore[return-value]


def check(words: list[str]) -> None:
    """Raises click's usage error, or AssertionError, for a line that the command line would refuse unread."""
    command, arguments = resolved(words)
    arguments = [word for word in arguments if word not in ANYWHERE]
    whole = "..." not in arguments
    arguments = [word for word in arguments if word != "..."]
    command.make_context("reenact", arguments.copy(), resilient_parsing=not whole)
    check_options(command, arguments)


def check_options(command: typer.core.TyperCommand, arguments: list[str]) -> None:
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | ANYWHERE
    given = {word.split("=")[0].rstrip(",.:;)]") for word in arguments if re.match(r"\[?--?[a-z]", word)}
    missing = {option.lstrip("[") for option in given} - known - {"--help"}
    assert not missing, f"no option {', '.join(sorted(missing))}"


@pytest.mark.parametrize("path", [p for p in PAGES if any(commands("\n".join(blocks(p, "", "bash", "sh"))))], ids=name_of)
def test_commands_of_blocks_parse(path: Path):
    bad = []
    for words in commands("\n".join(blocks(path, "", "bash", "sh", "console"))):
        try:
            check(words)
            recipe = words[1] if words[0] == "train" and words[1] != "pack" else ""
            if recipe and "NAME" not in recipe and name_of(path) not in HISTORY:
                assert recipe in recipe_names(), f"no recipe {recipe}"
        except Exception as error:
            bad.append((" ".join(words), getattr(error, "message", None) or str(error)))
    assert not bad, bad


@pytest.mark.parametrize(
    "line, said",
    [
        ("reenact nonesuch a.jpg", "no command nonesuch"),
        ("reenact data prepar A B", "no command prepar"),
        ("reenact animate a.jpg b.mp4 --nope 3  # a remark", "No such option: --nope"),
        ("$ reenact animate a.jpg | cat --nope", "Missing parameter"),
        ("reenact keys; reenact edit a.jpg --yaw soon", "not a valid float"),
        ("reenact animate ... --nope", "no option --nope"),
    ],
)
def test_a_wrong_line_is_found(line: str, said: str):
    with pytest.raises(Exception) as error:
        for words in commands(line):
            check(words)
    assert said.lower() in str(error.value).lower()


@pytest.mark.parametrize("path", [p for p in PAGES if name_of(p) not in HISTORY], ids=name_of)
def test_commands_within_sentences_are_there(path: Path):
    bad = []
    for words in spans(path.read_text(encoding="utf-8")):
        try:
            check_options(*resolved(words))
        except AssertionError as error:
            bad.append((" ".join(words), str(error)))
    assert not bad, bad


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_python_compiles_and_its_imports_are_there(path: Path):
    for text in blocks(path, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                assert not missing, f"{node.module} has no {missing}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "reenact":
                assert node.attr in reenact.__all__, f"reenact has no {node.attr}"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages name: photo, video, take; and the fake method."""
    folder = tmp_path_factory.mktemp("pages")
    weights = write_fake_method(folder / "fake")
    small_map(CODE).save(weights)
    (folder / "examples").mkdir()
    for place in (folder, folder / "examples"):
        shutil.copy(PORTRAIT, place / "portrait.jpg")
        write_clip(place / "driving.mp4", moving_face(2))
    command = ["record", str(folder / "driving.mp4"), "-o", str(folder / "take.npz"), "--method", str(weights), "--device", "cpu"]
    assert run(command) == 0
    return folder


@pytest.mark.parametrize("page", RUN)
def test_python_runs(page: str, here: Path, monkeypatch: pytest.MonkeyPatch):
    load = reenact.load
    monkeypatch.setattr(reenact, "load", lambda _, *given, **options: load("fake", "cpu", *given, **options))
    monkeypatch.chdir(here)
    crop = face(256)
    given = {"reenact": reenact, "method": load("fake", "cpu"), "crop": crop, "frame": crop, "number": 0}
    for text in blocks(ROOT / page, "python"):
        exec(compile(text.replace("code=32", f"code={CODE}"), page, "exec"), given)
