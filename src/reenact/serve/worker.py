"""One job in a process of its own: python -m reenact.serve.worker FOLDER. A file that kills FFmpeg kills this, not the server.

FOLDER holds job.json (kind, options, engine, inputs); the result is written beside it. On standard output: JSON lines
{"done", "total"}, {"warning"}, then {"result"} or {"error"}. Standard input is held
open by the server: when it ends, so does this.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from reenact.core.errors import ReenactError
from reenact.runtime.engine import Engine
from reenact.serve.kinds import KINDS, Inputs, check_length, checked

MEMORY_MAX = 4 << 30
"""bytes of address space"""
FILE_MAX = 4 << 30
CPU_SECONDS_A_MINUTE = 900
"""ours: of a driving video's minutes, at 25 frames/s: 0.6 s a frame, ten times what is needed"""
NICE = 10
REPORT_SECONDS = 0.1


def main(folder: Path) -> int:
    """Runs the job of a folder; the exit code is 0 when its result is there."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    limit_process(float(job["max_minutes"]))
    threading.Thread(target=_leave_with_the_server, daemon=True).start()
    try:
        with _warnings_as_lines(out):
            result = run(folder, job, out)
    except ReenactError as error:
        _say(out, {"error": _without_paths(str(error), folder)})
        return 2
    except MemoryError:
        _say(out, {"error": "the file needs more memory than a job may use: give a smaller one"})
        return 2
    _say(out, {"result": result.name})
    return 0


def run(folder: Path, job: dict[str, Any], out: TextIO) -> Path:
    """The job's result. Raises ReenactError."""
    kind, options = KINDS[job["kind"]], checked(job["kind"], job["options"])
    named = {name: folder / job[name] if job.get(name) else None for name in ("portrait", "driving", "film")}
    result = folder / f"result{kind.suffix}"
    if named["driving"] is not None:
        check_length(job["kind"], named["driving"], options, float(job["max_minutes"]))
    last = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS or done == total:
            last = time.monotonic()
            _say(out, {"done": done, "total": total})

    kind.run(Inputs(**named), options, Engine(**job["engine"]), result, progress)
    return result


def limit_process(minutes: float) -> None:
    """Address space, CPU time, file size, no core file, low priority; nothing where the system has no such limits."""
    try:
        import resource
    except ImportError:
        return
    cpu = int(120 + CPU_SECONDS_A_MINUTE * minutes)
    for what, limit in (("AS", MEMORY_MAX), ("FSIZE", FILE_MAX), ("CPU", cpu), ("CORE", 0)):
        name = getattr(resource, f"RLIMIT_{what}")
        hard = resource.getrlimit(name)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(name, (limit, limit))
    with contextlib.suppress(OSError):
        os.nice(NICE)


def _leave_with_the_server() -> None:
    """Not by sys.stdin: at exit Python waits for a thread that holds its lock."""
    while os.read(0, 1):
        pass
    os._exit(3)


@contextlib.contextmanager
def _warnings_as_lines(out: TextIO) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"reenact\..*")
        warnings.showwarning = lambda message, *_, **__: _say(out, {"warning": " ".join(str(message).split())})
        yield


def _without_paths(line: str, folder: Path) -> str:
    """The one line of an error, without where the job's files lie."""
    return " ".join(line.replace(f"{folder}{os.sep}", "").split())


def _say(out: TextIO, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        out.write(json.dumps(message) + "\n")
        out.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
