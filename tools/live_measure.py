"""How a live session runs here: results/live_loop.json.

python tools/live_measure.py [--seconds 8] [--out results/live_loop.json]

One process, real weights, examples/driving.mp4 in place of a camera, after as many frames to warm up as fill caches. Four parts:
`pace` offers 25 frames a second whether or not they are wanted, as a camera does; `asked` offers one when it is asked for, as
the page does; `held` draws every frame, of the clip and of one picture with a camera's noise, and says how many a session
would have drawn and how far the picture that it shows instead is from the one that it left out; `idle` offers nothing. Times
are from `offer` to the picture: no camera, no page and no network is in them. On a machine that others use they say how loaded
it was (load, before and after); CPU time a frame and memory hardly do.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from reenact.codec.still import Stillness
from reenact.core.provenance import measured_with
from reenact.core.types import Image
from reenact.faces.crop import CropTracker
from reenact.live.session import LIVE, RULES, Frame, Session, Shown
from reenact.media.image import read_image
from reenact.media.video import VideoReader
from reenact.pipeline.animator import Animator
from reenact.pipeline.bench import cpu_name
from reenact.pipeline.calls import profile_of
from reenact.pipeline.heads import crops
from reenact.runtime.engine import ENGINE
from reenact.runtime.onnx_method import weights_folder

ROOT = Path(__file__).parent.parent
PORTRAIT, DRIVING = ROOT / "examples/portrait.jpg", ROOT / "examples/driving.mp4"
RATE = 25
WARM_UP = 10
NO_IMAGE = np.zeros((1, 1, 3), np.uint8)
NOISE = 2.0
"""ours: standard deviation in gray levels of a webcam in a lit room"""


class Run:
    """One session whose pictures are collected in a thread."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.session = Session(wanted=self.asked.release)
        self.shown: list[Shown] = []
        self._thread = threading.Thread(target=self._collect)

    def _collect(self) -> None:
        """All but the pictures: a session holds one of them, and what it takes is measured here."""
        for one in self.session.frames():
            self.shown.append(replace(one, image=NO_IMAGE))

    def __enter__(self) -> Run:
        self.session.portrait(read_image(PORTRAIT))
        self._thread.start()
        self.asked.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._thread.join()

    def warm(self, images: Iterator[Image]) -> None:
        """The first frames, one by one."""
        for number in range(WARM_UP):
            self.session.offer(Frame(next(images), Fraction(number, RATE), number))
            self.asked.acquire()
        time.sleep(0.5)


def moving() -> Iterator[Image]:
    """The driving clip, over and over."""
    while True:
        with VideoReader(DRIVING) as reader:
            yield from (frame.image for frame in reader)


def noisy() -> Iterator[Image]:
    """One frame of it, with noise."""
    random = np.random.default_rng(0)
    image = next(moving()).astype(np.float32)
    made = [(image + random.normal(0, NOISE, image.shape)).clip(0, 255).astype(np.uint8) for _ in range(25)]
    while True:
        yield from made


def measured(images: Iterator[Image], seconds: float, paced: bool) -> dict:
    """One session for so long."""
    with Run() as run:
        run.warm(images)
        began, cpu = time.monotonic(), time.process_time()
        offered = 0
        while (passed := time.monotonic() - began) < seconds:
            run.session.offer(Frame(next(images), time.monotonic(), WARM_UP + offered))
            offered += 1
            if paced:
                time.sleep(max(0.0, offered / RATE - (time.monotonic() - began)))
            else:
                run.asked.acquire()
        passed = time.monotonic() - began
        cpu = time.process_time() - cpu
    frames = list({one.number: one for one in reversed(run.shown) if one.number >= WARM_UP}.values())
    times = [one.stages for one in frames]
    return {
        "offered": offered,
        "frames": len(times),
        "frames_per_second": round(len(times) / passed, 1),
        "drawn": sum(one.drawn for one in frames),
        "cpu_ms_a_frame": round(1000 * cpu / max(1, len(times)), 1),
        "ms": {
            name: spread([getattr(one, name) for one in times]) for name in ("wait", "track", "read", "draw", "mark", "total")
        },
    }


def held(images: Iterator[Image], count: int) -> dict:
    """What `Rules.still` saves, and what that costs: root mean square in gray levels, and the shift of the 478 points in px."""
    method = ENGINE.load()
    portrait = method.encode_source(read_image(PORTRAIT))
    animator = Animator(method, portrait, LIVE)
    read = crops(((number / RATE, next(images)) for number in range(count)), method.landmarker, method.size)
    motions = [animator.motion(None if crop is None else method.encode_motion(crop)) for _, crop in read]
    drawn = [method.render(portrait, motion) for motion in motions if motion is not None]
    seen = CropTracker(method.landmarker)
    points = [found[1].landmarks[:, :2] if (found := seen.update(picture)) else None for picture in drawn]
    assert RULES.still is not None
    still = Stillness(profile_of(method, portrait.motion.expression.size), RULES.still)
    shown, differences, shifts, kept = 0, [0.0], [0.0], 0
    for i, motion in enumerate(motion for motion in motions if motion is not None):
        if still.moved(motion):
            shown, kept = i, kept + 1
            continue
        differences.append(float(np.sqrt(np.square(drawn[shown].astype(float) - drawn[i]).mean())))
        if points[i] is not None and points[shown] is not None:
            shifts.append(float(np.linalg.norm(points[shown] - points[i], axis=1).mean()))
    return {
        "frames": len(drawn),
        "drawn": kept,
        "picture_rms": round(max(differences), 2),
        "landmark_shift_px": round(max(shifts), 2),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    """Of what came by."""
    held = 1000 * np.array([value for value in seconds if value > 0] or [0.0])
    return {"median": round(float(np.median(held)), 1), "p95": round(float(np.percentile(held, 95)), 1)}


def idle(seconds: float) -> dict:
    """A session that nothing is offered to."""
    with Run():
        time.sleep(1.0)
        began = time.process_time()
        time.sleep(seconds)
        return {"cpu_percent": round(100 * (time.process_time() - began) / seconds, 2)}


def peak_mb() -> float:
    """Of this process so far: what one session takes, the clip's decoder included."""
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(held.split()[1]) / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=ROOT / "results/live_loop.json")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    found = {"asked": measured(moving(), given.seconds, paced=False)}
    found["peak_rss_mb"] = peak_mb()
    found["pace"] = measured(moving(), given.seconds, paced=True)
    found["held"] = {"clip": held(moving(), 100), "still": held(noisy(), 100)}
    found["idle"] = idle(given.seconds)
    found |= {
        "seconds": given.seconds,
        "method": "mmfa",
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count(),
        "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        "versions": {name: importlib.metadata.version(name) for name in ("openvino", "numpy", "av")},
        **measured_with(weights_folder() / "mmfa"),
        "command": f"python tools/live_measure.py --seconds {given.seconds:g}",
    }
    given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
