"""How fast it runs here: each verb alone, and the whole command on the example files."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from reenact.core.errors import NoFaceError, ReenactError, ReenactWarning
from reenact.core.files import check_readable
from reenact.core.provenance import dated
from reenact.core.types import Image
from reenact.media.video import VideoReader
from reenact.motion.expression_gain import reaching
from reenact.motion.transfer import transfer
from reenact.pipeline.animate import animate_file
from reenact.pipeline.heads import crops
from reenact.pipeline.inputs import read_portrait
from reenact.pipeline.options import StrPath
from reenact.pipeline.sources import NO_FACE
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.graph import thread_count
from reenact.runtime.onnx_method import OnnxMethod
from reenact.runtime.renderer import measured_as

WARM_UP = 10
"""ours: runs left out of each median; the first ones fill caches and let the clock speed settle"""
CROPS = 32
"""ours: different driving crops that the timed runs go round, so that no run repeats the one before it"""


@dataclass(frozen=True)
class BenchResult:
    """One measurement; times are medians in ms of wall time, rates are frames a second."""

    method: str
    device: str
    precision: str
    renderer: str
    threads: int
    runs: int
    motion_ms: float
    render_ms: float
    render_path_ms: float
    """motion, transfer and render of one frame together"""
    render_path_fps: float
    animate_fps: float
    """the whole of `animate`: decode, track, cut, motion, render, encode; start-up left out"""
    animate_frames: int
    animate_start_s: float
    """of the whole command but for its frames: loading the graphs, encoding the portrait, signing"""
    animate_first_s: float
    """until the first frame is written; the driver's neutral is found by then, and some frames are read ahead"""
    peak_rss_mb: float | None
    cpu: str
    cpu_count: int
    system: str
    python: str
    versions: dict[str, str]
    command: str
    date: str
    commit: str | None
    weights_sha256: dict[str, str]
    common_sha256: str

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def bench(portrait: StrPath, driving: StrPath, *, engine: Engine = ENGINE, runs: int = 100) -> BenchResult:
    """Measure on a photo (or a video's best frame) and a video. Raises ReenactError as `animate_file` does, and for a driver that
    is no video."""
    check_runs(runs)
    for path, kind in ((portrait, "photo"), (driving, "video")):
        check_readable(path, kind)
    with VideoReader(driving):  # a take or a picture would do for the film and not for the verbs after it
        pass
    with tempfile.TemporaryDirectory() as folder:
        written: list[float] = []
        began = time.perf_counter()
        with engine.begun() as begun:
            out = Path(folder) / "bench.mp4"
            report = animate_file(portrait, driving, out, engine=begun, progress=lambda *_: written.append(time.perf_counter()))
        whole = time.perf_counter() - began
    peak = peak_rss_mb()  # before the verbs load everything a second time
    loaded = engine.load()
    motion_ms, render_ms, path_ms = _verbs(loaded, _photo(portrait), _crops(driving, loaded), runs)
    return BenchResult(
        method=loaded.name,
        device=engine.device,
        precision=loaded.precision,
        renderer=loaded.renderer,
        threads=thread_count(engine.threads),
        runs=runs,
        motion_ms=round(motion_ms, 2),
        render_ms=round(render_ms, 2),
        render_path_ms=round(path_ms, 2),
        render_path_fps=round(1000 / path_ms, 1),
        animate_fps=round(report.frames / report.seconds, 1),
        animate_frames=report.frames,
        animate_start_s=round(whole - report.seconds, 2),
        animate_first_s=round(written[0] - began, 2),
        peak_rss_mb=peak,
        cpu=cpu_name(),
        cpu_count=thread_count(0),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        versions={name: importlib.metadata.version(name) for name in ("openvino", "numpy", "av")},
        command=" ".join(["reenact", *sys.argv[1:]]),
        **dated(dict([measured_as(loaded.name, loaded.folder, loaded.renderer)])),
    )


def _photo(portrait: StrPath) -> Image:
    """As the film has it, which has told already which frame of a video it takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReenactWarning)
        return read_portrait(portrait)


def _crops(driving: StrPath, method: OnnxMethod) -> list[Image]:
    with VideoReader(driving) as reader:
        read = crops(((frame.time, frame.image) for frame in reader), method.landmarker, method.size)
        found = list(itertools.islice((crop for _, crop in read if crop is not None), CROPS))
    if not found:
        raise NoFaceError(NO_FACE)
    return found


def check_runs(runs: int) -> None:
    """Raises ReenactError for none."""
    if runs < 1:
        raise ReenactError(f"`runs` must be at least 1, not {runs}")


def _verbs(method: OnnxMethod, photo: Image, frames: list[Image], runs: int) -> tuple[float, float, float]:
    """Medians of motion, of render, and of both with the transfer between, ms."""
    portrait = method.encode_source(photo)
    motions, reached = [method.encode_motion(frame) for frame in frames], reaching(method)

    def path(i: int) -> None:
        driving = method.encode_motion(frames[i])
        own = portrait.motion
        method.render(portrait, reached(own, transfer(own, driving, motions[0], "relative")))

    return (
        _median_ms(lambda i: method.encode_motion(frames[i]), len(frames), runs),
        _median_ms(lambda i: method.render(portrait, motions[i]), len(frames), runs),
        _median_ms(path, len(frames), runs),
    )


def _median_ms(step: Callable[[int], object], count: int, runs: int) -> float:
    times = []
    for i in range(WARM_UP + runs):
        began = time.perf_counter()
        step(i % count)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[WARM_UP:])


def peak_rss_mb() -> float | None:
    """The most memory that this process has held, MB; None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def cpu_name() -> str:
    """The processor's name, with what matters for speed of its instruction sets."""
    name, flags = platform.processor() or platform.machine(), set()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        pairs = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
        info = {key.strip(): value.strip() for key, value in pairs.items()}
        name, flags = info.get("model name", name), set(info.get("flags", "").split())
    kinds = [kind for kind in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if kind in flags]
    return f"{name} ({', '.join(kinds)})" if kinds else name
