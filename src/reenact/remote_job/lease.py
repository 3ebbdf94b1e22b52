"""Trains from packed parts (remote_job/pack.py) on a lent machine: PyTorch, NumPy, and a JPEG reader are all it needs.

python lease.py unpack PARTS FOLDER                      as parts arrive, in any order; again and again
python lease.py train FOLDER --out OUT --minutes M       decode, train, validate; weights and results into OUT

Time on such a machine is short, so everything that can be done before it is done in `pack`, and only training is left.
A second `train` on the same machine goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


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
    files = json.loads((folder / "manifest.json").read_text())
    return [name for name, about in files.items() if not _whole(folder / name, about)]


def _whole(path: Path, about: dict[str, Any]) -> bool:
    if not path.exists() or path.stat().st_size != about["bytes"]:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == about["sha256"]


def decode(folder: Path, unit: int, side: int = 256) -> Path:
    """The packed pictures -> a pool (data/pool.py), once, on all cores; gives its folder."""
    import numpy as np

    pool = folder / "decoded"
    if (pool / "labels0.npz").exists():
        return pool
    pool.mkdir(exist_ok=True)
    labels = dict(np.load(folder / "pool" / "labels.npz"))
    lengths = labels.pop("lengths")
    frames = np.lib.format.open_memmap(pool / "frames0.npy", "w+", np.uint8, (len(lengths), side, side, 3))
    read = jpeg_reader()

    def fill(row: int, data: bytes) -> None:
        frames[row] = read(data)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        jobs, row = [], 0
        for path in sorted((folder / "pool").glob("jpeg_*.bin")):
            data, place = path.read_bytes(), 0
            while place < len(data):
                end = place + int(lengths[row])
                jobs.append(threads.submit(fill, row, data[place:end]))
                place, row = end, row + 1
        for job in jobs:
            job.result()
    frames.flush()
    labels["lm"] = labels["lm"].astype(np.float32) / unit
    np.savez(pool / "labels0.part.npz", **labels)
    os.replace(pool / "labels0.part.npz", pool / "labels0.npz")
    return pool


def jpeg_reader() -> Callable[[bytes], Any]:
    """JPEG -> uint8 [side, side, 3]: torchvision where it is installed, else Pillow."""
    import numpy as np

    try:
        import torch
        from torchvision.io import ImageReadMode, decode_jpeg
    except (ImportError, RuntimeError):
        import io

        from PIL import Image

        return lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return lambda data: (
        decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB).permute(1, 2, 0).numpy()
    )


def train(folder: Path, out: Path, minutes: float, device: str, compiled: bool) -> dict[str, Any]:
    """Trains for `minutes` and writes weights_*.safetensors (fp16), results.json, results.md and a page for each stage."""
    begun = time.monotonic()
    if lacking := missing(folder):
        raise SystemExit(f"error: {len(lacking)} files have not arrived ({lacking[0]}): unpack every part first")
    sys.path.insert(0, str(folder / "code"))
    os.environ["REENACT_CACHE"] = str(folder / "networks")
    from reenact.data.pool import Pool
    from reenact.methods import recipe
    from reenact.train.config import Machine
    from reenact.train.run import configured, run

    about = json.loads((folder / "lease.json").read_text())
    start = [str(folder / "start")] if about["start"] else []
    stages = configured(recipe(about["recipe"]), about["images"], start, Machine(device=device, compiled=compiled))
    pool = Pool.load(decode(folder, about["unit"], about["side"]))
    prepared = time.monotonic() - begun
    runs = run(stages, pool, folder / "runs", minutes)
    done = {stage.name: path for stage, path in zip(stages, runs, strict=False) if (path / "checkpoint.safetensors").exists()}
    seconds = {"prepare": round(prepared, 1), "train": round(time.monotonic() - begun - prepared, 1)}
    return report(done, out, {**about, "seconds": seconds})


def report(done: dict[str, Path], out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Everything that goes home: averaged weights of all stages, later ones over earlier, logs, table, pages."""
    from reenact.remote_job.pack import write_weights
    from reenact.train.journal import read_log
    from reenact.train.state import read_average

    out.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Any] = {}
    stages = {}
    for name, path in done.items():
        average, seen = read_average(path)
        tensors |= {key: value for key, value in average.items() if not key.startswith("probe.")}
        stages[name] = {"images": seen, "log": read_log(path)}
        (out / f"{name}.html").write_bytes((path / "index.html").read_bytes())
    written = [path.name for path in write_weights(out, tensors)]
    results = {**about, "weights": written, "stages": stages}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "results.md").write_text(table(results))
    return results


def table(results: dict[str, Any]) -> str:
    """A line a stage and figure: images, value at the first check, value at the last."""
    lines = ["| stage | images | figure | first | last |", "|---|---|---|---|---|"]
    for name, stage in results["stages"].items():
        log, figures = stage["log"], dict.fromkeys(key for line in stage["log"] for key in line if key != "images")
        for figure in figures:
            values = [line[figure] for line in log if figure in line]
            lines.append(f"| {name} | {stage['images']} | {figure} | {values[0]:.5g} | {values[-1]:.5g} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("unpack")
    first.add_argument("parts", type=Path)
    first.add_argument("folder", type=Path)
    second = commands.add_parser("train")
    second.add_argument("folder", type=Path)
    second.add_argument("--out", type=Path, required=True)
    second.add_argument("--minutes", type=float, required=True)
    second.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    second.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    if given.command == "unpack":
        count = unpack(given.parts, given.folder)
        lacking = missing(given.folder)
        sys.stdout.write(f"{count} parts unpacked, {len(lacking)} files to come\n")
    else:
        results = train(given.folder, given.out, given.minutes, given.device, given.compile)
        sys.stdout.write(table(results) + f"{results['seconds']}\n")


if __name__ == "__main__":
    main()
