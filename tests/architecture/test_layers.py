"""The walls of docs/architecture.md stand, and animating loads no PyTorch."""

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

import reenact
from places import ROOT

HEAVY = ("torch", "torchvision", "cv2", "mediapipe", "onnxruntime")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120)


def test_layers_hold():
    code = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as main; main()"
    done = python("-c", code, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_public_name_hides_a_folder():
    """`import reenact.<room>.<file>` works for every file."""
    package = ROOT / "src" / "reenact"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
    assert not rooms & set(reenact.__all__)
    for room in sorted(rooms - {"cli"}):  # cli's functions are commands, called like their files
        public = {name for name in vars(importlib.import_module(f"reenact.{room}")) if not name.startswith("_")}
        hidden = {path.stem for path in (package / room).glob("*.py")} & public
        modules = {name for name in hidden if isinstance(vars(sys.modules[f"reenact.{room}"])[name], ModuleType)}
        assert hidden == modules, f"reenact.{room} hides files of its own: {hidden - modules}"


@pytest.mark.parametrize("module", ["reenact", "reenact.cli"])
def test_import_is_light(module: str):
    """No work at import, and nothing that `pip install reenact` does not bring."""
    code = f"import sys; sys.path.insert(0, 'src'); import {module}; print(*(m for m in {HEAVY} if m in sys.modules))"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
