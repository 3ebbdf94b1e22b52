"""Which figures in results/ are of weights that no longer ship, and measuring them again (tools/measurements.py has the list).

scripts/measure [--list]                                       one line a file: state, minutes, command
scripts/measure NAME... [--data DATA] [--pool POOL]            these
scripts/measure --stale --data DATA --pool POOL                all whose weights no longer ship
scripts/measure --all --data DATA --pool POOL                  everything that can be made again

One command after the other, each a process of its own whose output goes to out/measure/NAME.log; one that fails is told at the
end and stops no other. Then the pages that are made of results/ are made anew. What times something runs when it is named, or
with --quiet-ones: last, and wants a machine with nothing beside it.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.measurements import KEPT, KEPT_STATE, MEASUREMENTS, PLACES, Measurement, stale, state

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("python tools/results_tables.py", "python tools/cited_figures.py")
"""what makes pages of results/"""
BUSY = 0.5
"""ours: load average from which times would be of a machine that does something else, too"""


def table(root: Path, known: Sequence[Measurement]) -> str:
    """One line a file; the last column is the command, or why there is none."""
    rows = [("file", "state", "minutes", "command")]
    for one in known:
        minutes = f"{one.minutes}{', quiet' if one.quiet else ''}"
        rows.append((one.name, state(one, _file(root, one)), minutes, shlex.join(one.words(_named(), _out(one)))))
    rows += [(one.name, KEPT_STATE, "-", one.reason) for one in KEPT]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows)


def chosen(given: argparse.Namespace, root: Path, known: Sequence[Measurement]) -> list[Measurement]:
    """What is to run, what needs a quiet machine last. Raises ValueError, one line, for a name that is none."""
    names = {one.name for one in known}
    for name in given.names:
        if kept := next((one for one in KEPT if one.name == name), None):
            raise ValueError(f"{name} is kept as it is: {kept.reason}")
        if name not in names:
            raise ValueError(f"there is no {name}: scripts/measure --list has the names")
    found = [one for one in known if one.name in given.names]
    if given.all or given.stale:
        more = [one for one in known if given.all or stale(state(one, _file(root, one)))]
        found += [one for one in more if one not in found and (given.quiet_ones or not one.quiet)]
    return sorted(found, key=lambda one: (one.quiet, known.index(one)))


def places(given: argparse.Namespace, wanted: Sequence[Measurement], root: Path) -> dict[str, str]:
    """What commands ask for, as seen from the clone: published commands name no folder of this machine above that. Raises
    ValueError, one line, where one is not given or not there; with --dry-run their names stand for them."""
    found = _named() if given.dry_run else {}
    for place in PLACES:
        needing = [one.name for one in wanted if place in one.needs()]
        folder: Path | None = getattr(given, place)
        if folder is not None:
            whole = (given.start / folder).resolve()
            if not whole.is_dir():
                raise ValueError(f"--{place} {folder}: no such folder")
            found[place] = os.path.relpath(whole, root)
        elif needing and not given.dry_run:
            raise ValueError(f"{needing[0]} wants --{place}: {PLACES[place]}")
    return found


def program(command: str | Sequence[str], root: Path) -> list[str]:
    """A command as it is published, as this interpreter runs it."""
    head, *rest = shlex.split(command) if isinstance(command, str) else command
    if head == "python":
        return [sys.executable, *rest]
    return [sys.executable, "-m", "reenact", *rest] if head == "reenact" else [str(root / head), *rest]


def run(one: Measurement, found: Mapping[str, str], root: Path) -> str | None:
    """Runs one; None, or in one line why there is no new file."""
    out, log = _file(root, one), _log(root, one)
    log.parent.mkdir(parents=True, exist_ok=True)
    before = out.stat().st_mtime_ns if out.exists() else None
    words = one.words(found, _out(one))
    with log.open("w", encoding="utf-8") as written:
        written.write(shlex.join(words) + "\n")
        written.flush()
        try:
            code = subprocess.run(
                program(words, root), cwd=root, stdout=written, stderr=subprocess.STDOUT, check=False
            ).returncode
        except OSError as error:
            return str(error)
    if code:
        return f"exit code {code}: {log.read_text(encoding='utf-8', errors='replace').strip().splitlines()[-1][:300]}"
    after = out.stat().st_mtime_ns if out.exists() else None
    return f"it left no new {_out(one)}" if after == before else None


def run_all(wanted: Sequence[Measurement], found: Mapping[str, str], root: Path, pages: Sequence[str]) -> int:
    """All, then the pages; 1 where any failed, 130 where they were interrupted."""
    failed: dict[str, str] = {}
    try:
        for one in wanted:
            if one.quiet and (load := os.getloadavg()[0]) > BUSY:
                _say(f"{one.name}: this machine is busy (load {load:.1f}), times will be of that")
            _say(f"{one.name}: about {one.minutes} minutes, {_log(root, one).relative_to(root)}")
            began = time.monotonic()
            if (reason := run(one, found, root)) is not None:
                failed[one.name] = reason
            _say(f"{one.name}: {'failed' if reason else 'done'} after {(time.monotonic() - began) / 60:.1f} minutes")
    except KeyboardInterrupt:
        _say("interrupted: the same command measures what is missing")
        return 130
    for page in pages if len(failed) < len(wanted) else ():
        done = subprocess.run(program(page, root), cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            failed[page] = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    for name, reason in failed.items():
        _say(f"failed: {name}: {reason}")
    return int(bool(failed))


def main(
    arguments: Sequence[str] | None = None,
    known: Sequence[Measurement] = MEASUREMENTS,
    root: Path = ROOT,
    pages: Sequence[str] = PAGES,
) -> int:
    """The command; its exit code. known, root and pages are others in tests."""
    parser = argparse.ArgumentParser(
        prog="scripts/measure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of results/NAME.json")
    parser.add_argument("--list", action="store_true", help="what there is, and its state; the same as nothing at all")
    parser.add_argument("--stale", action="store_true", help="all that are missing or of weights that no longer ship")
    parser.add_argument("--all", action="store_true", help="all that can be made again")
    parser.add_argument("--quiet-ones", action="store_true", help="with --stale or --all: what times something, too")
    parser.add_argument("--dry-run", action="store_true", help="say the commands and run nothing")
    for place, told in PLACES.items():
        parser.add_argument(f"--{place}", type=Path, help=told)
    parser.add_argument("--from", dest="start", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.list or not (given.names or given.stale or given.all):
        _say(table(root, known))
        return 0
    try:
        wanted = chosen(given, root, known)
        found = places(given, wanted, root)
    except ValueError as error:
        parser.error(str(error))
    if not wanted:
        _say("nothing to measure" + ("" if given.quiet_ones else "; what times something wants --quiet-ones"))
    if given.dry_run:
        for one in wanted:
            _say(shlex.join(one.words(found, _out(one))))
        return 0
    return run_all(wanted, found, root, pages) if wanted else 0


def _named() -> dict[str, str]:
    """Capitals in the place of folders."""
    return {place: place.upper() for place in PLACES}


def _out(one: Measurement) -> str:
    return f"results/{one.name}.json"


def _file(root: Path, one: Measurement) -> Path:
    return root / _out(one)


def _log(root: Path, one: Measurement) -> Path:
    return root / "out/measure" / f"{one.name}.log"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # as in `scripts/measure | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
