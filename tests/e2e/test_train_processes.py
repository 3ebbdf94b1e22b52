"""Killed processes go on where they were; two processes train what one with twice their batch trains."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from places import HELPERS, SOURCE
from reenact.train.journal import read_log
from reenact.train.state import CHECKPOINT, read_average

SCRIPT = HELPERS / "training_process.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}


def start(*arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen:
    command = [sys.executable, *launcher, str(SCRIPT), *arguments]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen) -> None:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output


def curve(folder: Path) -> dict[int, float]:
    return {line["images"]: line["square"] for line in read_log(folder)}


@pytest.mark.slow
def test_kill_nine_at_a_random_moment(tmp_path: Path):
    """The loss curve goes on as if nothing had been; never more than an interval is lost."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(str(whole), "ddp", "640"))
    process = start(str(killed), "ddp", "640", "0.01")
    while len(read_log(killed)) < 12:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    seen, last = read_average(killed)[1], max(curve(killed))
    assert last < 640, "it was done before it could be killed"
    assert last - seen < 80 + 8, "more than an interval is lost"
    finish(start(str(killed), "ddp", "640"))
    assert curve(killed) == curve(whole)
    a, b = (read_average(folder)[0] for folder in (killed, whole))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not list(killed.glob("*.part"))


def port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("several", ["ddp", "fsdp"])
def test_two_processes_are_one_with_twice_the_batch(tmp_path: Path, several: str):
    """Batch norm, its running figures, averaged weights and the log included; and one process resumes what two began."""
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port())
    one, two = tmp_path / "one", tmp_path / "two"
    finish(start(str(one), "ddp"))
    finish(start(str(two), several, launcher=launcher))
    assert list(curve(one)) == list(curve(two))
    assert np.allclose(list(curve(one).values()), list(curve(two).values()), rtol=2e-4)
    assert curve(one)[320] < 0.8 * curve(one)[8], "nothing was learned, so nothing was compared"
    a, b = (read_average(folder)[0] for folder in (one, two))
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[name], b[name].reshape(a[name].shape), atol=1e-5) for name in a if a[name].is_floating_point())
    before = (two / CHECKPOINT).stat().st_size
    finish(start(str(two), "ddp"))
    assert (two / CHECKPOINT).stat().st_size == before
