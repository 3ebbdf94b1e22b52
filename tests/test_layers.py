"""The walls of docs/architecture.md stand, and animating loads no PyTorch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "torchvision", "cv2", "mediapipe", "onnxruntime")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_layers_hold():
    code = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as main; main()"
    done = python("-c", code, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["reenact", "reenact.cli"])
def test_import_is_light(module: str):
    """No work at import, and nothing that `pip install reenact` does not bring."""
    code = f"import sys; sys.path.insert(0, 'src'); import {module}; print(*(m for m in {HEAVY} if m in sys.modules))"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
