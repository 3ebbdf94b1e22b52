"""The house as a whole: files and functions of a size that can be read, and nothing in it that nobody uses."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import ROOT
from reenact.methods import METHODS

PACKAGE = ROOT / "src/reenact"
FOLDERS = ("src", "tests", "experiments", "tools", "scripts")

FILE_LINES = 500
FUNCTION_LINES = {"src/reenact/cli/edit.py": 67}
"""the longest function of a file that has one longer than LONGEST; to be lowered, never raised"""
LONGEST = 55
CAP = 80

PAPER_FORMS = "a loss of a paper, in its paper's form; the shipped recipes do without (docs/methods)"
UNUSED = {
    "reenact.losses.cross_identity": PAPER_FORMS,
    "reenact.losses.mesh_consistency": PAPER_FORMS,
    "reenact.losses.parts": PAPER_FORMS,
}
"""modules that tests alone import, and why they stay"""

TEST_ROOMS = {"unit", "property", "golden", "e2e", "architecture"}
"""tests/README.md"""

PLACES = ("*.md", "docs/**/*.md", "checkpoints/*.md", "results/*.json", "src/**/*.py", "experiments/*.py")
"""where programs are named: a page, what calls them, the figures that they made"""


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    """src/reenact/nn/__init__.py -> reenact.nn"""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, in functions too; `from a import b` gives a and a.b."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_program(path: Path) -> bool:
    return path.name == "__main__.py" or '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def test_files_can_be_read_in_one_sitting():
    long = {path.relative_to(ROOT).as_posix(): lines for path in python_files(*FOLDERS) if (lines := _lines(path)) > FILE_LINES}
    assert not long, f"files of more than {FILE_LINES} lines: divide them by subject: {long}"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_functions_can_be_read_at_a_glance():
    longest: dict[str, int] = {}
    for path in python_files(*FOLDERS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST:
                    name = path.relative_to(ROOT).as_posix()
                    longest[name] = max(lines, longest.get(name, 0))
    assert all(limit <= CAP for limit in FUNCTION_LINES.values())
    over = {name: lines for name, lines in longest.items() if lines > FUNCTION_LINES.get(name, LONGEST)}
    assert not over, f"functions of more than {LONGEST} lines: {over}"
    slack = {name: longest.get(name, 0) for name, limit in FUNCTION_LINES.items() if longest.get(name, 0) < limit}
    assert not slack, f"shorter now, lower the figure in FUNCTION_LINES: {slack}"


def test_every_module_is_used_by_something_other_than_tests():
    """By an import, by the registry of methods, or as a program."""
    modules = {module_of(path): path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    used = {f"reenact.methods.{name}.recipe" for name in METHODS}
    for path in python_files("src", "experiments", "tools", "scripts"):
        own = module_of(path) if path.is_relative_to(PACKAGE) else ""
        used |= {name for name in imported(path) if name != own}
    idle = {name for name, path in modules.items() if name not in used and not is_program(path)}
    assert idle == set(UNUSED), "use it, delete it, or say in UNUSED why it stays (and take out what is used now)"


@pytest.mark.parametrize("path", [p for p in python_files("src") if is_program(p)], ids=lambda path: module_of(path))
def test_every_program_is_named_where_somebody_looks(path: Path):
    if path == PACKAGE / "__main__.py":
        return
    named = re.compile(rf"{re.escape(module_of(path))}\b|python3? \S*\b{path.name}")
    pages = [page for pattern in PLACES for page in ROOT.glob(pattern)]
    assert any(named.search(page.read_text(encoding="utf-8")) for page in pages if page != path)


def test_every_test_lies_in_its_room():
    """Names are unique (pytest imports them by name alone), and what two tests share is a helper."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert {path.parent.relative_to(ROOT / "tests").as_posix() for path in files} == TEST_ROOMS
    assert len({path.name for path in files}) == len(files)
    for path in files:
        others = {name for name in imported(path) if name.split(".")[0].startswith("test_")}
        assert not others, f"{path.name} imports {others}: move what they share into tests/helpers"


def test_every_text_says_its_encoding():
    """Without one it is the computer's code page on Windows: what one machine writes another reads wrongly, or not at all."""
    silent = []
    for path in python_files("src"):
        calls = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
        silent += [f"{path.relative_to(ROOT).as_posix()}:{call.lineno}" for call in calls if _is_silent_about_text(call)]
    assert not silent, f"say encoding=...: {silent}"


def _is_silent_about_text(call: ast.Call) -> bool:
    """read_text, write_text (the method; a function of ours has UTF-8) and open (the function) of a text."""
    if "encoding" in {given.arg for given in call.keywords}:
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in ("read_text", "write_text")
    mode = ast.unparse(call.args[1]) if len(call.args) > 1 else "r"
    return isinstance(call.func, ast.Name) and call.func.id == "open" and "b" not in mode
