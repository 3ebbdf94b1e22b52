"""`reenact data prepare`: a folder of videos and photos -> a data set of shards (data/shards.py), with a report.

Every job (data/jobs.py) is done by the same function (data/work.py), in this process, in several, or on Ray, and leaves one
small shard in OUT/parts. This process alone joins them to shards of some 256 MB in OUT/shards and then removes them. What is
done is what an index in either folder says is done, so a kill at any moment costs the jobs that were under way, no more, and no
clip is ever there twice.

OUT/dataset.json   the settings; another run must have the same
OUT/shards/        the data
OUT/report.json    what became of every file, one line each for those that failed
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.data.jobs import Job, Settings
from reenact.data.parallel import parallel_map
from reenact.data.shards import ShardWriter, disk, read_index, shards_in, write_json
from reenact.data.sources import find_jobs
from reenact.data.work import Record, fingerprint, run_job

SHARD_BYTES = 256 << 20
"""ours: large enough to stream, small enough to share out and to copy"""

Told = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Summary:
    """What a run did, and what OUT holds after it."""

    layout: str
    jobs: int
    done_before: int
    done_now: int
    failed: int
    clips: int
    frames: int
    minutes: float
    work_seconds: float
    """all processes together, over the whole data set"""
    peak_mb: int
    """largest process"""


def prepare(
    source: Path,
    out: Path,
    layout: str = "auto",
    settings: Settings | None = None,
    workers: int = 1,
    ray: str | None = None,
    tell: Told | None = None,
    progress: Progress | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Summary:
    """Brings OUT up to what SOURCE holds.

    workers: processes on this machine, or tasks at a time on Ray. ray: the address of a Ray cluster whose machines all see
    SOURCE and OUT under the same paths, or `local`. tell: is given one line for every file that failed. progress: jobs done,
    jobs in all. Raises ReenactError for a bad source or list, other settings than before, a full disk, or when no clip at all
    came out.
    """
    settings = settings or Settings()
    settings.check()
    out = out.absolute()
    if out.resolve() == source.resolve():
        raise ReenactError(f"{out}: is SOURCE itself; give OUT a folder of its own")
    layout, jobs = find_jobs(source.absolute(), layout)
    jobs = [job for job in jobs if out not in Path(job.path).parents]  # pictures of an earlier report are no photos
    with _opened(out, {"layout": layout, **asdict(settings)}):
        before = _records(out)
        todo = [job for job in jobs if not _done(job, before.get(job.key))]
        done_before = len(jobs) - len(todo)
        _warn_of_old(out, jobs, before)
        tasks = [(job, settings, out / "parts" / f"{_name(job)}.tar") for job in todo]
        for done, record in enumerate(parallel_map(run_job, tasks, _lost, workers, ray), 1):
            if record["error"] and tell is not None:
                tell(record["error"])
            if progress is not None:
                progress(done_before + done, len(jobs))
            _join(out, shard_bytes)
        _join(out, 1)
        return _report(out, source, layout, jobs, done_before)


def _done(job: Job, record: Record | None) -> bool:
    return record is not None and (not record["error"] or record["clips"] > 0 or record["fingerprint"] == fingerprint(job))


def _warn_of_old(out: Path, jobs: list[Job], before: dict[str, Record]) -> None:
    """Says which clips in OUT are not what SOURCE holds now: nothing is ever taken out of a shard."""
    now = {job.key: job for job in jobs}
    old = {key: record for key, record in before.items() if record["clips"]}
    gone = [record["file"] for key, record in old.items() if key not in now]
    # A copy of a file has another time; only another size is surely another file.
    other = [record["file"] for key, record in old.items() if key in now and fingerprint(now[key])[0] != record["fingerprint"][0]]
    for files, what in ((gone, "files that SOURCE no longer holds"), (other, "files as they were before they were changed")):
        if files:
            named = f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else files[0]
            text = f"{out} holds clips of {what} ({named}); for a data set without them give another OUT"
            warnings.warn(text, ReenactWarning, stacklevel=3)


def _name(job: Job) -> str:
    return job.key.replace("/", "+")


def _lost(task: tuple[Job, Settings, Path]) -> Record:
    """The record of a job whose process died, twice."""
    job, _, part = task
    error = f"{job.path}: its process was killed twice (out of memory?); give fewer `workers` or leave the file out"
    empty = {"clips": 0, "frames": 0, "video_seconds": 0.0, "dropped": {}, "work_seconds": 0.0, "peak_mb": 0}
    record = {"key": job.key, "file": job.file, "fingerprint": fingerprint(job), **empty, "error": error}
    with ShardWriter(part) as writer:
        writer.notes["jobs"] = [record]
    return record


@contextmanager
def _opened(out: Path, settings: dict[str, Any]) -> Iterator[None]:
    """OUT with its folders, its settings checked, locked against a second run, cleared of what a killed run left half-written."""
    with disk(out / "dataset.json"):
        for folder in ("parts", "shards"):
            (out / folder).mkdir(parents=True, exist_ok=True)
        lock = _lock(out)
    try:
        for part in [*(out / "parts").glob(".*.part"), *(out / "shards").glob(".*.part")]:
            part.unlink()
        for part in (out / "parts").glob("*.tar"):
            if not part.with_suffix(".json").exists():  # joined to a shard, its index gone, killed before this file was
                part.unlink()
        _same(out / "dataset.json", settings)
        yield
    finally:
        os.close(lock)


def _lock(out: Path) -> int:
    handle = os.open(out / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        import fcntl  # not on Windows, where two runs at once are the user's own affair

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError:
        os.close(handle)
        raise ReenactError(f"{out}: another `reenact data prepare` is writing there; wait for it") from None
    return handle


def _same(path: Path, settings: dict[str, Any]) -> None:
    if not path.exists():
        with disk(path):
            write_json(path, settings)
        return
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ReenactError(f"{path} is damaged ({error}): delete it and give its options again, or take another folder") from None
    for name, value in settings.items():
        if before.get(name) != value:
            raise ReenactError(
                f"{path.parent} was begun with `{name}` {before.get(name)}, not {value}: take the old value or another folder"
            )


def _records(out: Path) -> dict[str, Record]:
    """The latest record of every job that has one."""
    records: dict[str, Record] = {}
    for shard in [*shards_in(out / "shards"), *shards_in(out / "parts")]:
        for record in read_index(shard).get("jobs", []):
            if record["clips"] or not records.get(record["key"], {}).get("clips"):
                records[record["key"]] = record
    return records


def _join(out: Path, enough: int) -> None:
    """Joins the parts to one more shard once they have `enough` bytes; then removes them."""
    parts = shards_in(out / "parts")
    if not parts or sum(part.stat().st_size for part in parts) < enough:
        return
    shards = shards_in(out / "shards")
    held = {record["key"] for shard in shards for record in read_index(shard).get("jobs", []) if record["clips"]}
    # A kill between the shard and the removal of its parts leaves parts whose clips are in a shard already.
    fresh = [part for part in parts if read_index(part)["jobs"][0]["key"] not in held]
    if fresh:
        number = 1 + max((int(shard.stem.rsplit("-", 1)[-1]) for shard in shards), default=-1)
        with ShardWriter(out / "shards" / f"clips-{number:06d}.tar") as writer:
            writer.notes["jobs"] = [record for part in fresh for record in read_index(part)["jobs"]]
            for part in fresh:
                writer.join(part)
    for part in parts:
        part.with_suffix(".json").unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _report(out: Path, source: Path, layout: str, jobs: list[Job], done_before: int) -> Summary:
    records = _records(out)
    mine = [records[job.key] for job in jobs if job.key in records]
    failed = [record for record in mine if record["error"]]
    dropped: dict[str, int] = {}
    for record in mine:
        for reason, count in record["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + count
    summary = Summary(
        layout=layout,
        jobs=len(jobs),
        done_before=done_before,
        done_now=len(jobs) - done_before,
        failed=len(failed),
        clips=sum(record["clips"] for record in mine),
        frames=sum(record["frames"] for record in mine),
        minutes=round(sum(record["video_seconds"] for record in mine) / 60, 2),
        work_seconds=round(sum(record["work_seconds"] for record in mine), 1),
        peak_mb=max((record["peak_mb"] for record in mine), default=0),
    )
    lines = [{"file": record["file"], "error": record["error"]} for record in failed]
    report = {**asdict(summary), "source": source.name, "dropped_shots": dropped, "failures": lines, "files": mine}
    with disk(out / "report.json"):
        write_json(out / "report.json", report)
    if not summary.clips:
        raise ReenactError(f"not one clip came out of {source}: {out / 'report.json'} says why for each of {len(jobs)} files")
    return summary
