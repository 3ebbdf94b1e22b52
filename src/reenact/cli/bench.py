"""reenact bench"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import Device, MethodName, PrecisionName, RendererName, Threads, app, example, one_line_errors
from reenact.core.files import check_output, write_text
from reenact.pipeline.bench import BenchResult, check_runs
from reenact.pipeline.bench import bench as measure
from reenact.runtime.engine import Engine


@app.command()
@one_line_errors
def bench(
    json_path: Annotated[Path | None, typer.Option("--json", help="also write the figures to this file")] = None,
    portrait: Annotated[Path | None, typer.Option(help="photo to measure with; default: examples/portrait.jpg")] = None,
    driving: Annotated[Path | None, typer.Option(help="video to measure with; default: examples/driving.mp4")] = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    precision: PrecisionName = "auto",
    renderer: RendererName = "full",
    runs: Annotated[int, typer.Option(help="timed runs behind each median")] = 100,
) -> None:
    """Measure how fast it runs on this machine."""
    check_runs(runs)
    portrait = portrait or example("portrait.jpg", "--portrait PHOTO")
    driving = driving or example("driving.mp4", "--driving VIDEO")
    if json_path is not None:
        check_output(json_path, [portrait, driving])
    engine = Engine(method, device, threads, precision=precision, renderer=renderer)  # type: ignore[arg-type]  # checked inside, in one line
    result = measure(portrait, driving, engine=engine, runs=runs)
    typer.echo(_table(result))
    if json_path is not None:
        write_text(json_path, json.dumps(result.as_dict(), indent=2) + "\n")


def _table(result: BenchResult) -> str:
    rows = [
        ("method", f"{result.method}, {result.device}, {result.precision}, renderer {result.renderer}, {result.threads} threads"),
        ("motion", f"{result.motion_ms:.2f} ms"),
        ("render", f"{result.render_ms:.2f} ms"),
        ("render path", f"{result.render_path_ms:.2f} ms, {result.render_path_fps:.1f} frames/s"),
        ("whole animate", f"{result.animate_fps:.1f} frames/s ({result.animate_frames} frames)"),
        ("start-up", f"{result.animate_start_s:.2f} s, first frame after {result.animate_first_s:.2f} s"),
        ("peak memory", "unknown" if result.peak_rss_mb is None else f"{result.peak_rss_mb:.0f} MB"),
        ("machine", f"{result.cpu}, {result.cpu_count} CPUs, {result.system}"),
        ("versions", ", ".join(f"{k} {v}" for k, v in {"python": result.python, **result.versions}.items())),
    ]
    return "\n".join(f"{name:14} {value}" for name, value in rows)
