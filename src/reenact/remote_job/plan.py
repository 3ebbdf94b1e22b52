"""What a packed recipe weighs, transfer by transfer, and the calls that train it on a machine borrowed for 15 minutes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.methods import recipe
from reenact.remote_job.pack import pack
from reenact.runtime.onnx_method import weights_folder
from reenact.train.config import Machine
from reenact.train.run import configured

MIB = 2**20
TRANSFER = 64
"""MiB that one call may carry, tracked files of the checkout among them"""
TRANSFERS = 3
"""for which the time was planned"""
LENT, START, CARRY, DECODE, CHECK = 900, 35, 5, 15, 25
"""seconds: the whole lease; until the machine is there; a transfer; decoding and warming up; the last check and writing"""
CALL, MARGIN = 570, 40
"""seconds: how long one call waits (a call ends after 600); what is left over for what nobody has planned"""
MINUTES = 9.5
"""of the process on the machine, decoding and all, unless more transfers leave less"""


def pack_and_say(name: str, data: Path, out: Path, images: int | None, start: Sequence[str], say: Callable[[str], None]) -> None:
    """Packs a recipe, and says sizes and calls.

    start: by default, of a recipe that goes on from earlier stages, the weights of its method that ship.
    """
    stages = recipe(name)
    if not start and len(stages) == 1 and stages[0].after:
        start = [str(weights_folder() / name.partition("_")[0])]
        say(f"starts from {start[0]}")
    configured(stages, images, start, Machine())
    parts = pack(name, stages, data, out, images, start, say)
    for line in (*sizes(parts, tracked(Path.cwd())), *calls(out, len(parts))):
        say(line)


def sizes(parts: Sequence[Path], tree: int | None) -> list[str]:
    """A line a transfer. tree: bytes of the tracked files that travel too; None outside a git checkout."""
    weights = [path.stat().st_size for path in parts]
    lines = [f"{path}  {weight / MIB:.1f} MiB" for path, weight in zip(parts, weights, strict=True)]
    count = "1 transfer" if len(parts) == 1 else f"{len(parts)} transfers"
    lines.append(f"together {sum(weights) / MIB:.1f} MiB in {count} of at most {TRANSFER} MiB")
    if len(parts) > TRANSFERS:
        lines.append(f"more than {TRANSFERS} transfers: {CARRY} s of training less for each")
    if tree is not None and tree + max(weights) > TRANSFER * MIB:
        lines.append(
            f"this checkout's tracked files weigh {tree / MIB:.1f} MiB and travel too: begin with "
            "`git sparse-checkout set --no-cone /pyproject.toml`, end with `git sparse-checkout disable`"
        )
    return lines


def calls(out: Path, count: int) -> list[str]:
    """What to run on the machine, call by call; a call carries the files that it names. Raises ReenactError where no time is left
    to train."""
    seconds = min(60 * MINUTES, LENT - START - CARRY * (count + 1) - CHECK - MARGIN)
    if seconds < 60:
        raise ReenactError(f"{count} transfers leave no time to train: train on fewer splits")
    lease = f"python3 {out}/lease.py"
    lines = [f"{START} s start, {count + 1} x {CARRY} s transfer, {seconds:.0f} s on the machine; no pause between the calls:"]
    for number in range(count):
        command = f"{lease} unpack {out}"
        if number == count - 1:
            command += f" && {lease} start --minutes {seconds / 60:.2f} && {lease} wait --seconds {CALL - CARRY}"
        lines.append(f"call {number + 1}, carry {out}/lease.py {out}/part_{number:02d}.zip: {command}")
    home = f"{lease} wait --seconds {CALL} --to $OUT"
    lines.append(f"call {count + 1}, carry {out}/lease.py: {home}  (it takes home at most 8 files of 15 MiB)")
    return lines


def tracked(folder: Path) -> int | None:
    """Bytes of the files of the git checkout that `folder` lies in, as they are on disk; None where it lies in none."""
    try:
        done = subprocess.run(["git", "ls-files", "-z", "--full-name", ":/"], cwd=folder, capture_output=True, timeout=60)
        root = subprocess.run(["git", "rev-parse", "--show-toplevel"], cwd=folder, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode or root.returncode:
        return None
    paths = (Path(root.stdout.strip()) / name for name in done.stdout.decode(errors="surrogateescape").split("\0") if name)
    return sum(path.lstat().st_size for path in paths if path.is_file())
