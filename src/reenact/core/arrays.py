"""Named arrays of a safetensors file, in NumPy: how frozen networks are read on a bare machine (train/tensors.py writes them)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from reenact.core.errors import ReenactError

CARRIED = "REENACT_NETWORKS"
"""environment variable: the folder of plain files that frozen networks are read from, whichever packages are installed"""
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError)
"""what reading a file that is damaged, or no safetensors file at all, may raise"""
_TYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I64": np.int64, "I32": np.int32, "U8": np.uint8}


def carried(name: str) -> dict[str, np.ndarray] | None:
    """The arrays of a frozen network out of the folder that REENACT_NETWORKS names, halves as float32; None where it names none.

    Raises ReenactError where the folder lacks the file, or holds none that can be read.
    """
    folder = os.environ.get(CARRIED)
    if not folder:
        return None
    path = Path(folder) / f"{name}.safetensors"
    if not path.exists():
        raise ReenactError(f"{path} is missing, and {CARRIED} says to read {name} there: pack anew, or unset it")
    return {key: value.astype(np.float32) if value.dtype == np.float16 else value for key, value in read(path).items()}


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array. Raises ReenactError where it is no such file, or a number format is not NumPy's."""
    try:
        with open(path, "rb") as file:
            entries, _, start = header(file)
            return {name: _array(file, start, entry) for name, entry in entries.items()}
    except DAMAGED as error:
        raise ReenactError(f"{path} is no whole safetensors file ({error}): take another, or delete it") from error


def header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, str], int]:
    """Entries by name (dtype, shape, data_offsets), the metadata, and where the numbers begin. Raises ValueError where the file
    ends before the last number: whoever asks for the metadata alone is told of a cut file too."""
    length = int.from_bytes(file.read(8), "little")
    entries = json.loads(file.read(length))
    about = entries.pop("__metadata__", None) or {}
    last = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    if os.fstat(file.fileno()).st_size < 8 + length + last:
        raise ValueError("it ends early")
    return entries, about, 8 + length


def data_of(file: BinaryIO, start: int, entry: Mapping[str, Any]) -> bytearray:
    """An entry's numbers as they lie. Raises ValueError where the file ends before."""
    first, last = entry["data_offsets"]
    file.seek(start + first)
    data = bytearray(file.read(last - first))
    if len(data) != last - first:
        raise ValueError("it ends early")
    return data


def _array(file: BinaryIO, start: int, entry: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(data_of(file, start, entry), _TYPES[entry["dtype"]]).reshape(entry["shape"])
