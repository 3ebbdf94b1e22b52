"""Packed parts -> a training pool, on a machine that has NumPy and Pillow (which torchvision brings) and nothing else.

`reenact data pack` puts a copy of this file beside the parts, so it imports nothing of reenact:

    python unpack.py PARTS POOL          or          from unpack import unpack; unpack("PARTS", "POOL")

A part is an .npz without pickles: `jpeg` uint8 (all JPEGs, one after another), `ends` int64 [N] (where each ends), `landmarks`
int16 [N,478,3] in 1/16384 of the picture's side, `blendshapes` and `exact_blendshapes` float16 [N,52], `exact_pose` [N,3],
`gaze` [N,2] (NaN where a frame is real), `time` [N] s, `clip_of` int32 [N], and per clip `clip`, `identity`, `split`, `motion`,
`tier`.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

LANDMARK_UNITS = 16384
WORDS = {"clip": "clip", "identity": "ident", "split": "split", "motion": "motion", "tier": "tier"}
"""name in a part -> name in a pool's labels"""

Decoder = Callable[[np.ndarray], np.ndarray]
"""bytes of a JPEG as uint8 [n] -> RGB uint8 [height, width, 3]"""


def unpack(parts: str | Path | Sequence[str | Path], pool: str | Path, decode: Decoder | None = None, threads: int = 0) -> int:
    """Writes frames<i>.npy and labels<i>.npz (reenact.data.pool.Pool) for every part; gives the number of frames.

    parts: a folder of part-*.npz, or the files. A part whose labels are there already is left alone, so a killed run is gone on
    with by the same call. decode: by default simplejpeg's where it is installed, else Pillow's. threads: 0 is one for each core.
    """
    given = [Path(parts)] if isinstance(parts, str | Path) else [Path(part) for part in parts]
    files = [file for part in given for file in (sorted(part.glob("part-*.npz")) if part.is_dir() else [part])]
    if not files:
        raise FileNotFoundError(f"no part-*.npz in {given[0]}")
    pool = Path(pool)
    pool.mkdir(parents=True, exist_ok=True)
    total = 0
    for file in files:
        number = file.stem.rsplit("-", 1)[-1]
        total += _unpack_part(file, pool / f"frames{number}.npy", pool / f"labels{number}.npz", decode or decoder(), threads)
    return total


def decoder() -> Decoder:
    """The best JPEG decoder that this machine has."""
    try:
        from simplejpeg import decode_jpeg

        return lambda data: decode_jpeg(data.tobytes())
    except ImportError:
        from PIL import Image

        return lambda data: np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))


def _unpack_part(file: Path, frames: Path, labels: Path, decode: Decoder, threads: int) -> int:
    with np.load(file, allow_pickle=False) as arrays:
        part = {name: arrays[name] for name in arrays.files}
    ends = part["ends"]
    if frames.exists() and labels.exists():
        return len(ends)
    starts = np.concatenate([[0], ends[:-1]])
    size = decode(part["jpeg"][: ends[0]]).shape[0]
    unfinished = frames.with_name(f".{frames.name}.part")
    out = np.lib.format.open_memmap(unfinished, "w+", np.uint8, (len(ends), size, size, 3))

    def fill(row: int) -> None:
        out[row] = decode(part["jpeg"][starts[row] : ends[row]])  # noqa: F821  (it is let go only after the last)

    with ThreadPoolExecutor(threads or os.cpu_count()) as workers:
        for _ in workers.map(fill, range(len(ends)), chunksize=64):
            pass
    out.flush()
    del out
    os.replace(unfinished, frames)
    landmarks = part["landmarks"].astype(np.float32) * np.float32(size / LANDMARK_UNITS)
    whole = {"lm": landmarks, "bs": part["blendshapes"].astype(np.float32), "time": part["time"]}
    whole |= {name: part[name].astype(np.float32) for name in ("exact_blendshapes", "exact_pose", "gaze")}
    whole |= {label: part[name][part["clip_of"]] for name, label in WORDS.items()}
    unfinished = labels.with_name(f".{labels.name}.part.npz")
    np.savez(unfinished, **whole)
    os.replace(unfinished, labels)
    return len(ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", help="folder of part-*.npz")
    parser.add_argument("pool", help="folder to write")
    given = parser.parse_args()
    unpack(given.parts, given.pool)


if __name__ == "__main__":
    main()
