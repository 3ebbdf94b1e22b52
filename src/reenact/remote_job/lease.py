"""Trains from packed parts (remote_job/pack.py) on a borrowed machine: PyTorch, NumPy and OpenCV are all it needs.

python lease.py unpack PARTS [FOLDER]                      as parts arrive, in any order; again and again
python lease.py train [FOLDER] [--out OUT] --minutes M     decode, train, validate; weights and results into OUT
python lease.py start [FOLDER] [--out OUT] --minutes M     the same in a process that outlives the shell
python lease.py wait [OUT] --seconds S [--to TO]           until it is done, or S seconds; then copies OUT to TO

Time on such a machine is short, so everything that can be done before it is done in `pack`, and only training is left.
A second `train` on the same machine goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

FOLDER, OUT = (Path(tempfile.gettempdir()) / name for name in ("reenact_job", "reenact_out"))
"""where parts are unpacked and what is trained lies, unless said otherwise: a machine that is borrowed for one run has one"""
LOG, DONE = "train.log", "done"
"""in OUT: what the process says, and its exit status once it has one"""
RUNNING = 75
"""exit status of `wait` where the process goes on"""


def unpack(parts: Path, folder: Path) -> int:
    """Puts the pieces of every part_*.zip that is there in their places; gives the number of parts."""
    found = sorted(parts.glob("part_*.zip"))
    for path in found:
        with zipfile.ZipFile(path) as part:
            for entry in part.namelist():
                name, offset = entry.rsplit("@", 1)
                target = folder / name
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise SystemExit(f"error: {path} names {name}, outside the folder: pack anew")
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "r+b" if target.exists() else "w+b") as file:
                    file.seek(int(offset))
                    file.write(part.read(entry))
    return len(found)


def missing(folder: Path) -> list[str]:
    """Files that have not wholly arrived."""
    if not (folder / "manifest.json").exists():
        return ["manifest.json"]
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return [name for name, about in files.items() if not _whole(folder / name, about)]


def _whole(path: Path, about: dict[str, Any]) -> bool:
    if not path.exists() or path.stat().st_size != about["bytes"]:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == about["sha256"]


def train(folder: Path, out: Path, minutes: float, device: str, compiled: bool, graph: str) -> dict[str, Any]:
    """Trains for `minutes`, of which decoding is a part, and writes what goes home (remote_job/home.py) into `out`."""
    begun = time.monotonic()
    if lacking := missing(folder):
        raise SystemExit(f"error: {len(lacking)} files have not arrived ({lacking[0]}): unpack every part first")
    sys.path.insert(0, str(folder / "code"))
    os.environ["PYTHONPATH"] = str(folder / "code")  # of the processes that draw pairs
    os.environ["REENACT_NETWORKS"] = os.environ["REENACT_CACHE"] = str(folder / "networks")
    from reenact.methods import recipe
    from reenact.remote_job.home import bring_home
    from reenact.remote_job.rows import read_pool
    from reenact.train.config import Machine
    from reenact.train.run import configured, folder_of, run

    about = json.loads((folder / "lease.json").read_text(encoding="utf-8"))
    start = [str(folder / "start")] if about["start"] else []
    machine = Machine(device=device, compiled=compiled, graph=graph, by_clock=True)  # type: ignore[arg-type]
    stages = configured(recipe(about["recipe"]), about["images"], start, machine)
    pool = read_pool(folder / "pool")
    prepared = time.monotonic() - begun
    say(f"{len(pool.split)} frames decoded, {prepared:.1f} s")
    run(stages, pool, folder / "runs", minutes - prepared / 60, tell)
    seconds = {"prepare": round(prepared, 1), "train": round(time.monotonic() - begun - prepared, 1)}
    runs = {stage.name: folder_of(stage, stages, folder / "runs") for stage in stages}
    return bring_home(runs, out, {**about, "seconds": seconds})


def start(folder: Path, out: Path, options: list[str]) -> int:
    """Begins `train` in a session of its own, which no shell's end ends; gives the process's number."""
    out.mkdir(parents=True, exist_ok=True)
    (out / DONE).unlink(missing_ok=True)
    train = [sys.executable, "-u", str(Path(__file__).resolve()), "train", str(folder.resolve()), "--out", str(out.resolve())]
    shell = 'log=$1 done=$2; shift 2; "$@" >"$log" 2>&1; echo $? >"$done.part"; mv "$done.part" "$done"'
    command = ["sh", "-c", shell, "sh", str(out / LOG), str(out / DONE), *train, *options]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True).pid


def wait(out: Path, seconds: float, to: Path | None) -> int:
    """Says what the process says until it ends, or for `seconds`. Gives its exit status and copies what it made, or RUNNING."""
    end, told = time.monotonic() + seconds, 0
    while True:
        text = (out / LOG).read_text(errors="replace", encoding="utf-8") if (out / LOG).exists() else ""
        sys.stdout.write(text[told:])
        sys.stdout.flush()
        told = len(text)
        if (out / DONE).exists() or time.monotonic() >= end:
            break
        time.sleep(min(1.0, max(0.0, end - time.monotonic())))
    if not (out / DONE).exists():
        return RUNNING
    if to is not None:
        for path in out.iterdir():
            if path.name != DONE and path.is_file():
                shutil.copy(path, to / path.name)
    return int((out / DONE).read_text(encoding="utf-8"))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(line: Any) -> None:
    say(" ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in line.items()))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    arrived = commands.add_parser("unpack")
    arrived.add_argument("parts", type=Path)
    arrived.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    for name in ("train", "start"):
        begun = commands.add_parser(name)
        begun.add_argument("folder", type=Path, nargs="?", default=FOLDER)
        begun.add_argument("--out", type=Path, default=OUT)
        begun.add_argument("--minutes", type=float, required=True)
        begun.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        begun.add_argument("--compile", action="store_true")
        begun.add_argument("--graph", choices=("auto", "on", "off"), default="auto")
    waited = commands.add_parser("wait")
    waited.add_argument("out", type=Path, nargs="?", default=OUT)
    waited.add_argument("--seconds", type=float, required=True)
    waited.add_argument("--to", type=Path)
    return parser


def main() -> None:
    given = parser().parse_args()
    if given.command == "unpack":
        count = unpack(given.parts, given.folder)
        say(f"{count} parts unpacked, {len(missing(given.folder))} files to come")
    elif given.command == "wait":
        raise SystemExit(wait(given.out, given.seconds, given.to))
    elif given.command == "start":
        options = ["--minutes", str(given.minutes), "--device", given.device, "--graph", given.graph]
        say(f"process {start(given.folder, given.out, options + ['--compile'] * given.compile)}")
    else:
        results = train(given.folder, given.out, given.minutes, given.device, given.compile, given.graph)
        say(f"{results['seconds']}")


if __name__ == "__main__":
    main()
