"""Every command that a page, a docstring or an error names is there, and every experiment says what it is for."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from places import ROOT

HISTORY = {ROOT / "docs" / "log.md", ROOT / "CHANGELOG.md"}
"""say what was run then"""
PLACES = ("README.md", "docs/**/*.md", "src/**/*.md", "src/**/*.py", "experiments/*.py", "checkpoints/*.md", "tools/*.py")
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")


def named() -> dict[str, Path]:
    """Module -> a file that names it after `python -m`."""
    found: dict[str, Path] = {}
    for path in (path for place in PLACES for path in ROOT.glob(place) if path not in HISTORY):
        for module in re.findall(r"python3? -m ((?:reenact|experiments)[\w.]*\w)", path.read_text(encoding="utf-8")):
            if not module.endswith(".NAME"):
                found.setdefault(module, path.relative_to(ROOT))
    return found


def test_commands_are_there():
    modules = named()
    assert len(modules) > 15
    for module, path in modules.items():
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin, f"{path} names python -m {module}"
        main = Path(spec.origin).with_name("__main__.py") if spec.submodule_search_locations else Path(spec.origin)
        assert main.exists() and ("__main__" in main.name or '__name__ == "__main__"' in main.read_text()), f"{path}: {module}"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_answers(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    module = importlib.import_module(f"experiments.{name}")
    assert f"python -m experiments.{name}" in (module.__doc__ or "")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as left:
        module.main()
    assert left.value.code == 0 and "usage" in capsys.readouterr().out


def test_the_package_does_without_experiments():
    """They may use all of it, nothing in it uses them."""
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) experiments", path.read_text(encoding="utf-8"), re.M), path
