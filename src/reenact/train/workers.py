"""One process, or several that torchrun started: the same loop for both.

Several processes go through Lightning Fabric rather than Accelerate. Both are thin; Fabric brings nothing beyond
PyTorch but small helpers (Accelerate brings huggingface_hub and its clients, for hubs we never reach), leaves the
step to us, and reads torchrun's environment without a configuration file. Its own FSDP wants CUDA, so `fsdp` is PyTorch's
`fully_shard`, which also runs on CPUs, where a test can see it. One process imports none of this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.train.config import Machine
from reenact.train.norm import sync_norms

CLOCK_EVERY = 16
"""ours: steps between two passes at the clock where several processes must agree on it"""


@dataclass(frozen=True)
class Workers:
    """This process's place among its kind."""

    device: torch.device
    rank: int = 0
    count: int = 1
    several: str = "ddp"
    fabric: Any = None

    @property
    def first(self) -> bool:
        """Does this process write the files?"""
        return self.rank == 0

    def share(self, module: nn.Module, make: Callable[[nn.Module], torch.optim.Optimizer]) -> tuple[nn.Module, Any]:
        """The module whose forward pass is to be called, and its optimiser."""
        if self.count == 1:
            return module, make(module)
        sync_norms(module, self.device)
        if self.several == "fsdp":
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard

            _without_scalars(module)
            fully_shard(module, mesh=init_device_mesh(self.device.type, (self.count,)))
            return module, make(module)
        optimiser = make(module)
        return self.fabric.setup(module, optimiser)[0], optimiser

    @contextmanager
    def gathering(self, module: nn.Module, last: bool) -> Iterator[None]:
        """Gradients are exchanged in the last part of an accumulated step only."""
        if self.count > 1 and self.several == "fsdp":
            module.set_requires_gradient_sync(last)  # type: ignore[operator]
        wait = self.count > 1 and self.several == "ddp" and not last
        with self.fabric.no_backward_sync(module) if wait else nullcontext():
            yield

    def backward(self, total: Tensor) -> None:
        if self.fabric is not None and self.several == "ddp":
            self.fabric.backward(total)
        else:
            total.backward()

    def mean(self, value: Tensor) -> Tensor:
        """Over the processes."""
        if self.count == 1:
            return value
        value = value.detach().clone()
        torch.distributed.all_reduce(value)
        return value / self.count

    def late(self, end: float, steps: int) -> bool:
        """Is it past `end` (time.monotonic)? Several processes must stop at the same step, so they ask each other."""
        if self.count == 1:
            return time.monotonic() >= end
        if end == float("inf") or steps % CLOCK_EVERY:
            return False
        return bool(self.mean(torch.tensor(float(time.monotonic() >= end), device=self.device)) > 0)

    def wait(self) -> None:
        """Until every process is here."""
        if self.count > 1:
            torch.distributed.barrier()

    def close(self) -> None:
        if self.count > 1:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


def gather(machine: Machine) -> Workers:
    """This process, on the device that `machine` names, with the others that torchrun started.

    Raises ReenactError where the device or the package for several processes is missing.
    """
    kind = machine.device if machine.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ReenactError("no CUDA device is to be seen: take `device` cpu")
    if machine.threads:
        torch.set_num_threads(machine.threads)
    if kind == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Workers(torch.device(kind))
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ImportError:
        raise ReenactError("several processes need lightning-fabric: pip install 'reenact[train]'") from None
    here = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    # Batch norms are kept alike by sync_norms, so their buffers need no broadcast.
    fabric = Fabric(accelerator=kind, devices=here, num_nodes=count // here, strategy=DDPStrategy(broadcast_buffers=False))
    fabric.launch()
    return Workers(fabric.device, fabric.global_rank, fabric.world_size, machine.several, fabric)


def _without_scalars(module: nn.Module) -> None:
    """Parameters without dimensions become vectors of one number: fully_shard refuses scalars."""
    for inner in module.modules():
        for name, parameter in inner.named_parameters(recurse=False):
            if parameter.dim() == 0:
                setattr(inner, name, nn.Parameter(parameter.detach().view(1)))


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that may lie in shards. Every process must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def laid_out_like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """A whole tensor on the device, and in the shards, of `pattern`."""
    if not hasattr(pattern, "device_mesh"):
        return tensor.to(pattern.device)
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(pattern.device), pattern.device_mesh, pattern.placements)
