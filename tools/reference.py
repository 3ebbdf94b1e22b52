"""Pages of reference from docstrings: python tools/reference.py [--check]

Writes docs/reference: one page a room (a folder of src/reenact), one of the public names, one of the command line. Signatures and
docstrings are read from the source without importing it; the command line says itself what it takes. --check writes nothing and
ends with 1 where a page is not what the source says.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/reenact"
PAGES = ROOT / "docs/reference"
MADE = "<!-- made by tools/reference.py; change the docstrings -->"
NO_PAGE = {"cli", "weights"}
"""cli has the page of commands"""
LONGEST = 110
"""characters of a signature on one line"""


def prose(text: str | None) -> str:
    """A docstring as Markdown: what stands outside backticks is meant as it is written."""
    parts = re.split(r"(`[^`]*`)", inspect.cleandoc(text or ""))
    plain = [part if part.startswith("`") else re.sub(r"([*<])", r"\\\1", part) for part in parts]
    return "".join(plain)


def first_line(text: str | None) -> str:
    """The docstring's first paragraph in one line, fit for a table."""
    return " ".join(prose(text).split("\n\n")[0].split()).replace("|", r"\|")


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """`def` with its arguments, one a line where they are too long for one."""
    head = f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}def {node.name}"
    gives = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{head}({ast.unparse(node.args)}){gives}"
    if len(line) <= LONGEST:
        return line
    cut = re.compile(r", (?=(?:[^\[\]()'\"]|\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]|\([^()]*\)|'[^']*'|\"[^\"]*\")*$)")
    arguments = "".join(f"    {one},\n" for one in cut.split(ast.unparse(node.args)))
    return f"{head}(\n{arguments}){gives}"


def public(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str | None]]:
    """Public definitions and values, the latter with the string that follows them."""
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not statement.name.startswith("_"):
                yield statement, ast.get_docstring(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if isinstance(target, ast.Name) and not target.id.startswith("_"):
                yield statement, said if isinstance(said, str) else None


def described(node: ast.stmt, said: str | None, level: str = "###") -> str:
    """One definition: its heading, its form, its docstring; of a class, its fields and methods too."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"{level} {node.name}\n```py\n{signature(node)}\n```\n{prose(said)}\n"
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        made = next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"), None)
        init = f"\n    {signature(made)}" if made and "\n" not in signature(made) else ""
        text = f"{level} {node.name}\n```py\nclass {node.name}{f'({bases})' if bases else ''}{init}\n```\n{prose(said)}\n"
        members = [*public(node.body)]
        fields = [(one, said) for one, said in members if isinstance(one, ast.AnnAssign)]
        text += "".join(f"- `{ast.unparse(one)}`{f': {first_line(said)}' if said else ''}\n" for one, said in fields)
        methods = [(one, said) for one, said in members if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        return text + "\n" + "\n".join(described(one, said, level + "#") for one, said in methods)
    return f"- `{ast.unparse(node).splitlines()[0]}`: {first_line(said)}\n"


def module_page(path: Path, heading: str) -> str:
    """A module's docstring and all that is public in it; values only where a string says what they are."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    entries = [(node, said) for node, said in public(tree.body) if said]
    values = "".join(described(*entry) for entry in entries if isinstance(entry[0], ast.Assign | ast.AnnAssign))
    rest = "\n".join(described(*entry) for entry in entries if not isinstance(entry[0], ast.Assign | ast.AnnAssign))
    return "\n".join(part for part in (f"## {heading}", prose(ast.get_docstring(tree)), values, rest) if part) + "\n"


def room_page(room: Path) -> str:
    """All modules of a folder, those of folders in it too."""
    modules = sorted(path for path in room.rglob("*.py") if path.name != "__init__.py")
    about = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    names = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in modules]
    text = "\n".join(module_page(path, name) for path, name in zip(modules, names, strict=True))
    return f"# reenact.{room.name}\n{MADE}\n\n{prose(about)}\n\n{text}"


def names_page() -> str:
    """The names that `import reenact` has, each from the file in which it lies."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (rooms,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_ROOMS")
    assert isinstance(rooms, ast.Dict)
    text = f"# import reenact\n{MADE}\n\n```py\n{ast.get_docstring(tree)}\n```\n"
    for name, place in ast.literal_eval(rooms).items():
        file = PACKAGE / f"{place.replace('.', '/')}.py"
        for node, said in public(ast.parse(file.read_text(encoding="utf-8")).body):
            target = getattr(node, "name", None) or ast.unparse(getattr(node, "target", None) or node.targets[0])
            if target == name:
                text += (
                    f"\n{described(node, said or 'a type', '##')}"
                    if hasattr(node, "name")
                    else f"\n## {name}\n{described(node, said)}"
                )
                text += f"\nLies in [reenact.{place}]({place.split('.')[0]}.md).\n"
    return text


def commands_page() -> str:
    """Every command with its arguments and options, as --help has them."""
    from reenact.cli import app

    group: Any = typer.main.get_command(app)
    text = f"# The command line\n{MADE}\n\nAs `reenact COMMAND --help` has it.\n"
    for name, command in sorted(_commands(group, "")):
        text += f"\n## reenact {name}\n{prose(command.help)}\n\n"
        for one in command.params:
            said = getattr(one, "help", None)
            if one.name == "help" or getattr(one, "hidden", False):
                continue
            shown = ", ".join(one.opts) if one.param_type_name == "option" else (one.metavar or one.name or "").upper()
            default = one.default if isinstance(one.default, int | float | str) and one.default not in ("", False) else None
            text += f"- `{shown}`{f' ({default})' if default is not None else ''}: {first_line(said)}\n"
    return text


def _commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


def pages() -> dict[str, str]:
    """File name -> text."""
    rooms = sorted(path.parent for path in PACKAGE.glob("*/__init__.py") if path.parent.name not in NO_PAGE)
    made = {f"{room.name}.md": room_page(room) for room in rooms}
    lines = [
        f"| [reenact.{room.name}]({room.name}.md) | "
        f"{first_line(ast.get_docstring(ast.parse((room / '__init__.py').read_text(encoding='utf-8'))))} |"
        for room in rooms
    ]
    made["names.md"], made["commands.md"] = names_page(), commands_page()
    made["README.md"] = "\n".join(
        [f"# Reference\n{MADE}\n", "Start with [the public names](names.md) or [the command line](commands.md). The rooms, as",
         "[architecture](../architecture.md) draws them:\n", "| room | |", "|---|---|", *lines, ""]
    )  # fmt: skip
    return {name: re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n" for name, text in made.items()}


def main(arguments: list[str]) -> int:
    made = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    if "--check" in arguments:
        if stale:
            sys.stderr.write(
                f"not what the docstrings say: {', '.join(stale)} of docs/reference; run python tools/reference.py\n"
            )
        return int(bool(stale))
    PAGES.mkdir(exist_ok=True)
    for name in stale:
        if name in made:
            (PAGES / name).write_text(made[name], encoding="utf-8")
        else:
            (PAGES / name).unlink()
    sys.stdout.write(f"{len(made)} pages, {len(stale)} of them new or changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
