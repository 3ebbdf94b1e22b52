"""A newly trained rendering network in every method that renders with the shared one, and what goes with it, in order.

python tools/renew_renderer.py RUN --pool POOL [--share 0.75 [--of generator]] [--dry-run]

RUN: a run that started from what ships, or a folder of weights. --share: not it whole, but so far of the way to it, as
reenact.train.blend goes it. Then, each as a process of its own: the graphs of every method that shares its rendering network, the
ranges of int8, the training state. The fast renderer has then to learn from it (reenact.calibrate.fast; docs/weights.md);
a test fails until it has. A graph that computes what it did before stays, byte for byte, and what was measured on it.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reenact.core.provenance import shared_graphs

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src/reenact/weights"
SHARED, CHECKPOINTS = "shared", "checkpoints"
STATE = "mmfa"
"""the method whose training state is kept, beside the rendering network's (checkpoints/README.md)"""


def sharing(weights: Path) -> list[str]:
    """The methods whose config.json names graphs outside the folder, which are shared; STATE first."""
    found = [path.parent.name for path in weights.glob("*/config.json") if shared_graphs(path.parent)]
    return sorted(found, key=lambda name: (name != STATE, name))


def commands(run: str, pool: str, share: float | None, of: str, before: str) -> Iterator[list[str]]:
    """What is run, one after the other, in the repository's root. before: a copy of the weights that ship now, whose training
    state is known by their graphs."""
    weights = WEIGHTS.relative_to(ROOT).as_posix()
    renderer = run
    if share is not None:
        renderer = f"{run.rstrip('/')}_share{share:g}"
        part = ["--of", of] if of else []
        yield ["reenact.train.blend", renderer, f"{before}/{STATE}", run, "--share", f"{share:g}", *part]
    for name in sharing(WEIGHTS):
        folder = f"{weights}/{name}"
        also = ["--method", name, "--renderer", renderer, "--only-renderer", "--shared", f"{weights}/{SHARED}"]
        yield ["reenact.methods.export", folder, folder, *also]
    yield ["reenact.calibrate.int8", f"{weights}/{SHARED}", pool]
    yield ["reenact.methods.checkpoint", CHECKPOINTS, f"{before}/{STATE}", "--renderer", renderer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--pool", required=True, help="training pool, for the ranges of int8")
    parser.add_argument("--share", type=float, help="0: what ships, 1: the run (all of it without this option)")
    parser.add_argument("--of", default="", help="part that is blended, as in generator; the rest is the run's")
    parser.add_argument("--dry-run", action="store_true", help="say the commands, run none")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as held:
        before = Path(held) / "weights"
        shutil.copytree(WEIGHTS, before)
        for module, *arguments in commands(given.run, given.pool, given.share, given.of, str(before)):
            sys.stdout.write(f"python -m {shlex.join([module, *arguments])}\n")
            sys.stdout.flush()
            if not given.dry_run and subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=False).returncode:
                raise SystemExit(f"error: {module} failed: git checkout src/reenact/weights checkpoints brings back what was")


if __name__ == "__main__":
    main()
