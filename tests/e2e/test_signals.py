"""A run that is ended leaves nothing behind; one that is killed leaves hidden files, which the next run removes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clips import PORTRAIT, moving_face, play_again, write_clip
from fake_method import write_fake_method
from places import SOURCE


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of a run of some seconds."""
    folder = tmp_path_factory.mktemp("inputs")
    clip = play_again(write_clip(folder / "short.mp4", moving_face(4) * 25, audio=True), folder / "clip.mp4", 20)
    return ["animate", str(PORTRAIT), str(clip), "--method", str(write_fake_method(folder / "fake")), "--device", "cpu"]


def start(inputs: list[str], out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reenact", *inputs, "-o", str(out)]
    environment = os.environ | {"PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment, preexec_fn=_heard
    )


def _heard() -> None:
    """Under nohup SIGHUP is ignored, in the background of a script SIGINT, and so they are by what is started from there."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def begun(folder: Path, run: subprocess.Popen[str]) -> None:
    """Waits until the run writes; one that does not is ended, so that it does not work on for nobody."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*.part")):
        if time.monotonic() > deadline or run.poll() is not None:
            run.kill()
            pytest.fail(f"it writes nothing: {run.communicate()[1]}")
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_ended_while_it_writes_it_leaves_what_was_there(number: int, code: int, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("older")
    run = start(inputs, out)
    begun(tmp_path, run)
    time.sleep(0.5)
    run.send_signal(number)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (code, "stopped\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"] and out.read_text() == "older"


SLOW_IMPORT = """
import sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "reenact.pipeline":
            print("importing", flush=True)
            try:
                time.sleep(60)
            except BaseException:
                raise ImportError(name)
sys.meta_path.insert(0, Finder())
"""
"""an import that takes its time, and loses a KeyboardInterrupt as extensions do"""


@pytest.mark.parametrize("arguments", [["faces", "x.jpg"], ["--help"]])
def test_ctrl_c_while_it_is_still_importing_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCE])}
    command = [sys.executable, "-m", "reenact", *arguments]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=_heard)
    assert run.stdout is not None and run.stdout.readline() == "importing\n"
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (130, "stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_ended_at_random_moments(seed: int, inputs: list[str], tmp_path: Path) -> None:
    """SIGINT, SIGTERM, SIGHUP, SIGKILL: at most hidden files stay, and the next run removes them."""
    rnd = random.Random(seed)
    out = tmp_path / "out.mp4"
    for _ in range(5):
        run = start(inputs, out)
        time.sleep(rnd.uniform(0.05, 6))
        run.send_signal(rnd.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]))
        run.communicate(timeout=30)
        assert all(path.name == "out.mp4" or path.name.startswith(".") for path in tmp_path.iterdir())
    run = start(inputs, out)
    run.communicate(timeout=120)
    assert run.returncode == 0 and [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
