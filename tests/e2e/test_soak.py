"""Long and often: memory stays flat, files are let go, a full disk is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PILImage

from clips import PORTRAIT, face, moving_face, write_clip
from fake_method import write_fake_method
from places import SOURCE
from reenact import load
from reenact.pipeline.animate import animate, animate_file
from reenact.runtime.engine import Engine

MINUTES, CALLS, WARM = 10, 1000, 0.2
"""the first fifth is left to buffers and caches"""
FLAT = 1.05
proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


def resident() -> int:
    """kB"""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0])


def flat(seen: list[int]) -> None:
    """The last tenth holds no more than the first after the warming up."""
    early = sorted(seen[int(WARM * len(seen)) :][: max(1, len(seen) // 10)])
    late = sorted(seen[-max(1, len(seen) // 10) :])
    assert late[len(late) // 2] <= FLAT * early[len(early) // 2], f"{early[len(early) // 2]} kB became {late[len(late) // 2]} kB"


def long_clip(path: Path, minutes: float) -> Path:
    """1920 x 1080 at 25 frames/s: the portrait's head, moving to and fro."""
    canvas = np.full((1080, 1920, 3), 90, np.uint8)
    heads = [PILImage.fromarray(image).resize((800, 800)) for image in moving_face(8)]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        frames = []
        for head in heads:
            shown = canvas.copy()
            shown[140:940, 560:1360] = np.asarray(head)
            frames.append(av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format="yuv420p"))
        for k in range(round(minutes * 60 * 25)):
            frame = frames[k // 5 % 8]
            frame.pts, frame.time_base = k, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@proc
@pytest.mark.slow
def test_a_long_clip_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    clip, seen = long_clip(tmp_path / "long.mp4", MINUTES), []
    engine = Engine(str(write_fake_method(tmp_path / "fake")), "cpu", 0, "moved", 256)
    animate_file(PORTRAIT, clip, tmp_path / "out.mp4", engine=engine, progress=lambda *_: seen.append(resident()))
    assert len(seen) == MINUTES * 60 * 25
    flat(seen)


@proc
@pytest.mark.slow
def test_short_calls_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    method = load(str(write_fake_method(tmp_path / "fake")), "cpu", background="moved")
    clip, portrait = write_clip(tmp_path / "clip.mp4", moving_face(2)), method.encode_crop(face())
    seen, handles, threads = [], [], []
    for _ in range(CALLS):
        assert len(list(animate(portrait, clip, method=method))) == 2
        seen.append(resident())
        handles.append(len(os.listdir("/proc/self/fd")))
        threads.append(len(os.listdir("/proc/self/task")))
    flat(seen)
    assert handles[-1] <= handles[CALLS // 10] and threads[-1] <= threads[CALLS // 10]


FILLS = """
import resource, sys
from fractions import Fraction
import numpy as np
from reenact.core.errors import ReenactError
from reenact.media.writer import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with VideoWriter(sys.argv[1], Fraction(25), sys.argv[3]) as writer:
        for k in range(100):
            writer.write(np.random.default_rng(k).integers(0, 255, (128, 128, 3), np.uint8))
except ReenactError as error:
    print(error)
"""


@pytest.mark.parametrize("bytes_allowed", [0, 20_000, 600_000])
def test_a_disk_that_fills_up_is_one_line(bytes_allowed: int, tmp_path: Path) -> None:
    """A bound on the size of files in place of a full disk: the error comes at the same places."""
    (tmp_path / "out").mkdir()
    clip = write_clip(tmp_path / "clip.mp4", moving_face(4) * 25, audio=True)
    command = [sys.executable, "-c", FILLS, str(tmp_path / "out" / "out.mp4"), str(bytes_allowed), str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": SOURCE})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and "cannot be written" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []
