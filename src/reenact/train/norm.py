"""Batch norm over all processes: without it, two processes would not train what one with twice the batch trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed import all_reduce, get_world_size


class _Sum(torch.autograd.Function):
    """Over the processes; what one process's result weighs, every process's part weighs."""

    @staticmethod
    def forward(context: object, own: Tensor) -> Tensor:
        total = own.clone()
        all_reduce(total)
        return total

    @staticmethod
    def backward(context: object, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        all_reduce(total)
        return total


class ProcessBatchNorm(nn.BatchNorm2d):
    """nn.SyncBatchNorm for CPUs, which PyTorch's own refuses: mean and variance over every process's part of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        wide = x.float()
        own = torch.stack([wide.mean((0, 2, 3)), wide.square().mean((0, 2, 3))])
        mean, square = _Sum.apply(own) / get_world_size()
        variance = square - mean.square()
        count = get_world_size() * x.numel() / x.shape[1]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        gain = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * gain
        return (wide * gain[:, None, None] + shift[:, None, None]).to(x.dtype)


def sync_norms(module: nn.Module, device: torch.device) -> None:
    """Replaces every batch norm inside by one over all processes, in place, under the same name."""
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(module)
        return
    for inner in module.modules():
        for name, child in inner.named_children():
            if type(child) is nn.BatchNorm2d:
                new = ProcessBatchNorm(child.num_features, child.eps, child.momentum)
                new.load_state_dict(child.state_dict())
                setattr(inner, name, new)
