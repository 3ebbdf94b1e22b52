"""Named tensors in one file, in the safetensors format, written whole or not at all.

The format is 8 bytes of length, a JSON header, and the raw numbers, so it is written here in a few lines: a lent GPU
machine has PyTorch and NumPy and little else. A test holds these files to the safetensors package.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from reenact.core.arrays import DAMAGED, data_of, header
from reenact.core.errors import ReenactError
from reenact.core.files import replaced

_CODES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_TYPES = {code: dtype for dtype, code in _CODES.items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Replaces `path`: a reader, or a kill at any moment, finds the old file or the new one. about: the file's metadata."""
    entries: dict[str, object] = {"__metadata__": dict(about)}
    place = 0
    for name, tensor in tensors.items():
        end = place + tensor.numel() * tensor.element_size()
        entries[name] = {"dtype": _CODES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    with replaced(path, sync=True) as part, open(part, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def read_tensors(path: Path, prefixes: Iterable[str] = ("",)) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors whose names begin with one of `prefixes`, and the metadata. Raises ReenactError where it is no such file."""
    try:
        with open(path, "rb") as file:
            entries, about, start = header(file)
            wanted = {name: entry for name, entry in entries.items() if name.startswith(tuple(prefixes))}
            return {name: _read(file, start, entry) for name, entry in wanted.items()}, about
    except DAMAGED as error:
        raise ReenactError(f"{path} is no whole safetensors file ({error}): take another, or delete it") from error


def read_about(path: Path) -> tuple[list[str], dict[str, str]]:
    """The tensors' names and the metadata, nothing else being read. Raises ReenactError where it is no such file."""
    try:
        with open(path, "rb") as file:
            entries, about, _ = header(file)
            return list(entries), about
    except DAMAGED as error:
        raise ReenactError(f"{path} is no whole safetensors file ({error}): take another, or delete it") from error


def _read(file, start: int, entry: dict) -> Tensor:
    data = data_of(file, start, entry)
    dtype = _TYPES[entry["dtype"]]
    return (torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)).view(entry["shape"])
