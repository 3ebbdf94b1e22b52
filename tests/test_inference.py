"""How networks are run here leaves the process as it was."""

import os
import subprocess
import sys

import pytest

LOOK = """
import os, sys
import numpy as np
from reenact.faces.landmarker import Landmarker
before = os.sched_getaffinity(0)
Landmarker(threads=1).detect(np.zeros((256, 256, 3), np.uint8))
print(before == os.sched_getaffinity(0))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two cores")
def test_one_thread_is_not_tied_to_a_core():
    """Else two processes of one thread each share core 0."""
    run = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"
