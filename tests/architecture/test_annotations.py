"""Shapes and types in signatures are no comments: these tests run once more with each call held to them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from places import HELPERS, ROOT, SOURCE

FILES = (
    "tests/property/test_geometry.py",
    "tests/property/test_transfer.py",
    "tests/unit/test_smooth.py",
    "tests/unit/test_losses.py",
    "tests/unit/test_motion_encoder.py",
    "tests/property/test_codec.py::test_stillness_is_nearly_free",
    "tests/unit/test_fill.py",
    "tests/unit/test_crop.py",
    "tests/unit/test_around.py",
    "tests/unit/test_spread_grids.py",
    "tests/unit/test_detail.py::test_a_ready_crop_may_be_large",
    "tests/unit/test_mmfa.py::test_zero_code_is_neutral",
    "tests/unit/test_facevid2vid.py::test_there_is_no_scale",
)
LONGER = (
    "tests/unit/test_background.py",
    "tests/unit/test_crown.py",
    "tests/unit/test_detail.py",
    "tests/unit/test_drawer.py",
    "tests/unit/test_expression.py",
    "tests/unit/test_facevid2vid.py",
    "tests/unit/test_media.py",
    "tests/unit/test_media_opening.py",
    "tests/unit/test_mmfa.py",
    "tests/unit/test_photos.py",
)
"""minutes; those that trace a module for ONNX cannot: sizes are tensors there"""
MEANT = (
    "tests/property/test_transfer.py::test_unknown_mode_and_missing_reference",
    "tests/unit/test_detail.py::test_side_that_is_none",
    "tests/unit/test_background.py::test_an_unknown_background_is_one_line",
)
"""give wrong types on purpose"""
REPEATED = (
    "tests/unit/test_smooth.py::test_a_still_head_jitters_at_most_six_tenths_as_much",
    "tests/unit/test_smooth.py::test_from_both_sides_a_still_head_is_as_steady",
    "tests/unit/test_losses.py::test_discriminator_learns_to_tell_flat_from_noisy",
)
"""thousands of calls with the shapes of their files' other tests"""
WRONG = """
import numpy as np
from reenact.core.types import Motion

def test_a_pose_of_two_numbers():
    Motion(np.zeros(2, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), np.zeros(8, np.float32))
"""


def run(*tests: str, without: tuple[str, ...] = MEANT) -> subprocess.CompletedProcess[str]:
    plain = ["-q", "-x", "-m", "not slow", "-p", "annotations", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plain, *(f"--deselect={test}" for test in without), *tests]
    paths = os.pathsep.join([str(HELPERS), SOURCE])
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=560)


def test_signatures_say_what_comes_and_goes():
    done = run(*FILES, without=MEANT + REPEATED)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("tests", LONGER)
def test_so_do_those_that_take_longer(tests: str):
    done = run(tests)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_wrong_shape_is_noticed(tmp_path: Path):
    path = tmp_path / "test_wrong.py"
    path.write_text(WRONG)
    done = run(str(path))
    assert done.returncode == 1 and "jaxtyping.TypeCheckError" in done.stdout, done.stdout[-3000:] + done.stderr
