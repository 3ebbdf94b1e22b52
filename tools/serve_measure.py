"""Measures `reenact serve` with a real browser: python tools/serve_measure.py [--out results/serve.json] [--seconds 20]

Chromium plays the example's driving clip as its camera; delays are the page's own (from the camera frame's callback to its answer
on the canvas). Memory and idle CPU time are read from /proc and do not depend on what runs beside; delays and rates do, so the
load is written down with them. Linux only; scripts/page-tests installs the browser.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/helpers"))

from chromium import EXAMPLES, Tab, browser, served, tab, write_camera  # noqa: E402
from reenact.core.provenance import measured_with  # noqa: E402
from reenact.runtime.onnx_method import weights_folder  # noqa: E402

STAGES = ("wait", "track", "read", "draw")
TICK = os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> dict[str, float]:
    """Resident and, of that, private megabytes."""
    held = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kb = {name: int(value.split()[0]) for name, value in held.items()}
    return {"resident": round(kb["Rss"] / 1024, 1), "private": round((kb["Private_Dirty"] + kb["Private_Clean"]) / 1024, 1)}


def processor_seconds(pids: list[int]) -> float:
    """User and system time of these processes."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def renderers() -> list[int]:
    """Chromium's processes that draw pages."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and b"--type=renderer" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def idle(server: int, seconds: float) -> dict[str, float]:
    """Share of a core, server and page, while nothing moves."""
    page = renderers()
    before = [processor_seconds([server]), processor_seconds(page)]
    time.sleep(seconds)
    after = [processor_seconds([server]), processor_seconds(page)]
    return {name: round((b - a) / seconds, 4) for name, a, b in zip(("server", "page"), before, after, strict=True)}


def live(there: Tab, seconds: float) -> dict[str, Any]:
    """Delay, rate and stages while the camera drives."""
    states = "window.states = []; const was = reenact.socket.on.text; reenact.socket.on.text = (m) => {"
    there.page.evaluate(states + " if (m.type === 'state') states.push(m); was(m); }; 0")
    there.page.click("[data-drive=camera]")
    there.until("reenact.painter.samples.length > 30", 120)
    there.page.evaluate("reenact.painter.samples.length = 0; 0")
    load = os.getloadavg()[0]
    time.sleep(seconds)
    samples = json.loads(there.page.evaluate("JSON.stringify(reenact.painter.samples)"))
    stages = json.loads(there.page.evaluate("JSON.stringify(states.at(-1).stages)"))
    delays = [one["delay"] for one in samples]
    added = [one["delay"] - one["stages"] for one in samples]
    half = len(added) // 2
    halves = [round(statistics.median(part), 1) for part in (added[:half], added[half:])]
    return {
        "frames": len(samples),
        "frames_per_second": round(len(samples) / seconds, 2),
        "delay_ms": spread(delays),
        "delay_beyond_stages_ms": {**spread(added), "halves": halves},
        "stages_ms": {name: stages[name] for name in STAGES},
        "load_average": [round(load, 2), round(os.getloadavg()[0], 2)],
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    ordered = sorted(values)
    return {"median": round(statistics.median(ordered), 1), "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1)}


def measure(seconds: float) -> dict[str, Any]:
    """Everything, on the weights that ship."""
    with tempfile.TemporaryDirectory() as folder, browser(write_camera(Path(folder) / "camera.y4m", size=(640, 480))) as chromium:
        portrait = str(EXAMPLES / "portrait.jpg")
        with served(Path(folder) / "served", portrait) as (address, process), tab(chromium, address) as there:
            there.until("window.reenact?.painter.count > 0", 120)
            time.sleep(2)
            still = idle(process.pid, seconds)
            found = live(there, seconds)
            memory = memory_mb(process.pid)
            return {"live": found, "idle_cores": still, "memory_mb": memory, "chromium": chromium.version}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "serve.json")
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    found = measure(chosen.seconds)
    names = ("reenact", "starlette", "uvicorn", "websockets", "openvino")
    about = {
        "command": f"python tools/serve_measure.py --seconds {chosen.seconds:g}",
        **measured_with(weights_folder() / "mmfa"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "priority": priority(),
        "versions": {name: version(name) for name in names},
    }
    chosen.out.write_text(json.dumps({**about, **found}, indent=2) + "\n", encoding="utf-8")


def priority() -> dict[str, int | None]:
    """Nice values of this process and of its scheduling group: below 0, what runs beside takes little."""
    try:
        group = int(Path("/proc/self/autogroup").read_text().split()[-1])
    except (OSError, ValueError):
        group = None
    return {"process": os.nice(0), "group": group}


def cpu_name() -> str:
    """As /proc/cpuinfo has it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
