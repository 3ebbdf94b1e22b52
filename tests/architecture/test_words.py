"""Docstrings, comments and pages say the field's words (docs/glossary.md): these once stood for them, and hid them."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

from places import ROOT

PACKAGE = ROOT / "src/reenact"
PRIVATE = {
    r"\bwhat (reads|draws|trembles)\b|\bwhat (is|was) (read|drawn)\b": "motion encoder, generator, rendering network, frame",
    r"\bthe (\w+ )?readings?\b|\breadings?['’]s?\b|\btwo readings\b": "motion estimate",
    r"\bread (back|off|again|twice|alike)\b|\bre-?reads?\b": "landmark loss, estimated, measured",
    r"\b(the|a|whose|'s) drawing\b|\bdrawing's\b|\bdrawn (frame|head|face|picture|square|crop)s?\b": "renderer, rendered",
    r"\b(first|second|two|looks?) looks?\b|\blooks twice\b": "pass, detection",
    r"\bthe plate\b": "inpainted background",
    r"\byardsticks?\b": "baseline",
    r"\btrembl\w+": "jitter, temporal consistency",
    r"\b(judges?|critics?)\b": "discriminator, independent network",
    r"\b(stands?|standing) still\b": "frozen, static",
    r"\bhas uncovered\b|\buncovers\b|\bwhat is uncovered\b": "disocclusion",
    r"\btaught (to read|by|through|with)\b": "trained, supervised, distilled",
}
"""each with the words to write instead; ours"""
ANY = re.compile("|".join(f"(?:{pattern})" for pattern in PRIVATE), re.IGNORECASE)
PAGES_LEFT_OUT = {"log.md", "glossary.md"}
"""findings as they were written on their day; the glossary says what things were once called"""


def prose(path: Path) -> list[tuple[int, str]]:
    """Line number and text of a module's docstrings and comments, without what stands in backticks."""
    source = path.read_text(encoding="utf-8")
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found += [(node.lineno + i, line) for i, line in enumerate(node.value.value.splitlines())]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found.append((token.start[0], token.string))
    return [(number, re.sub(r"`[^`]*`", "``", line)) for number, line in found]


def page(path: Path) -> list[tuple[int, str]]:
    """The same of a page, without its blocks of code and what links point to."""
    fenced, found = False, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            found.append((number, re.sub(r"`[^`]*`|\]\([^)]*\)", "``", line)))
    return found


def private(lines: list[tuple[int, str]]) -> list[str]:
    """What is to be written otherwise: line, words, and the field's."""
    return [
        f"{number}: {match.group()!r} -> {better}"
        for number, line in lines
        if ANY.search(line)
        for pattern, better in PRIVATE.items()
        for match in re.finditer(pattern, line, re.IGNORECASE)
    ]


def test_docstrings_and_comments_say_the_fields_words():
    found = {str(path.relative_to(ROOT)): private(prose(path)) for path in PACKAGE.rglob("*.py")}
    assert not {path: words for path, words in found.items() if words}


def test_pages_say_the_fields_words():
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/methods").glob("*.md"), *PACKAGE.rglob("README.md")]
    found = {str(path.relative_to(ROOT)): private(page(path)) for path in pages if path.name not in PAGES_LEFT_OUT}
    assert not {path: words for path, words in found.items() if words}


@pytest.mark.parametrize("text", ["What reads is frozen.", "The drawing stands still.", "a second look", "a patch judge"])
def test_a_private_word_is_found(text: str):
    assert private([(1, text)])
