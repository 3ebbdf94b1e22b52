"""Shapes and types in signatures are no comments: these tests run once more with each call held to them."""

import os
import subprocess
import sys
from pathlib import Path

from places import HELPERS, ROOT, SOURCE

FILES = (
    "tests/property/test_geometry.py",
    "tests/property/test_transfer.py",
    "tests/unit/test_smooth.py",
    "tests/unit/test_losses.py",
    "tests/unit/test_motion_encoder.py",
    "tests/property/test_codec.py::test_stillness_is_nearly_free",
)
MEANT = "test_unknown_mode_and_missing_reference"
"""gives wrong types on purpose"""
WRONG = """
import numpy as np
from reenact.core.types import Motion

def test_a_pose_of_two_numbers():
    Motion(np.zeros(2, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), np.zeros(8, np.float32))
"""


def run(*tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "annotations", "-p", "no:cacheprovider", *tests]
    paths = os.pathsep.join([str(HELPERS), SOURCE])
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=560)


def test_signatures_say_what_comes_and_goes():
    done = run(*FILES, "--deselect", f"tests/property/test_transfer.py::{MEANT}")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_wrong_shape_is_noticed(tmp_path: Path):
    path = tmp_path / "test_wrong.py"
    path.write_text(WRONG)
    done = run(str(path))
    assert done.returncode == 1 and "jaxtyping.TypeCheckError" in done.stdout, done.stdout[-3000:] + done.stderr
