"""How fast, and how much of what the machine can do: operations counted in one step, against a large matrix product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second (a multiply and an add are two) of a square matrix product, the best of three; 0.1 s or less."""
    side = 8192 if device.type == "cuda" else 768
    a = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(4):
        _wait(device)
        start = time.perf_counter()
        a @ a
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


@contextmanager
def counted(found: list[float]) -> Iterator[None]:
    """Appends the operations of the convolutions and matrix products run inside, backward passes included."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        yield
    found.append(float(counter.get_total_flops()))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
