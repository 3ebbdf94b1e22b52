"""What lies where in the data sets that people have: one small module a layout, each turning a folder into jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.data.jobs import Job
from reenact.data.sources import celebv, folder, hdtf, own, rendered, voxceleb

Adapter = Callable[[Path], list[Job] | None]
"""The jobs of a folder of its layout; None where the folder is of another. Raises ReenactError for a damaged list."""

LAYOUTS: dict[str, Adapter] = {
    "own": own.jobs,
    "voxceleb": voxceleb.jobs,
    "hdtf": hdtf.jobs,
    "celebv": celebv.jobs,
    "rendered": rendered.jobs,
    "folder": folder.jobs,
}
"""in the order in which they are tried"""


def find_jobs(source: Path, layout: str = "auto") -> tuple[str, list[Job]]:
    """The layout's name and the jobs. Raises ReenactError when there is nothing to do, or the layout is not what it is said to
    be."""
    if not source.is_dir():
        raise ReenactError(f"{source}: no such folder; give the folder of the data set")
    if layout != "auto" and layout not in LAYOUTS:
        raise ReenactError(f"`layout` {layout!r} is not known: take auto, {', '.join(LAYOUTS)}")
    for name in LAYOUTS if layout == "auto" else [layout]:
        jobs = LAYOUTS[name](source)
        if jobs and name == "rendered" and layout == "auto":
            both = folder.jobs(source) or []
            if len(both) > len(jobs):  # people's own videos and photos beside rendered clips
                name, jobs = "folder", both
        if jobs:
            repeated = len(jobs) - len({job.key for job in jobs})
            if repeated:
                raise ReenactError(f"{source}: {repeated} clips have the name of another one; give every file a name of its own")
            return name, jobs
    kind = "videos or photos" if layout in ("auto", "folder") else f"files in the layout of {layout} (docs/data.md)"
    raise ReenactError(f"{source}: holds no {kind}; give the folder of the data set")
