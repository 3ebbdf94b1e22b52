"""Run by tests as processes of their own: python training_process.py OUT MACHINE [IMAGES]. A small network with batch norm, whose
data are a function of the images seen; slow enough to be killed in the middle."""

import sys
import time
from pathlib import Path

import torch
from torch import nn

from reenact.train.config import Machine, Schedule, Stage, Task
from reenact.train.loop import train
from reenact.train.workers import gather


class Gain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * x


def make(stage: Stage, pause: float) -> Task:
    torch.manual_seed(0)
    # No bias in front of the norm: its gradient is nothing but rounding, which Adam makes steps of, others in each process.
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Gain(), nn.Conv2d(8, 3, 1))

    def batches(seen: int, share: slice) -> torch.Tensor:
        time.sleep(pause)
        return torch.randn(stage.schedule.batch, 3, 8, 8, generator=torch.Generator().manual_seed(seen))[share]

    def objective(x: torch.Tensor) -> tuple[dict, dict]:
        out = network(x)
        return {"l1": (out - x.flip(1)).abs().mean(), "square": (out - x).square().mean()}, {}

    return Task(nn.ModuleDict({"network": network}), objective, batches)


def main(out: str, several: str, images: str = "320", pause: str = "0") -> None:
    schedule = Schedule(int(images), 8, 1e-2, warm_up=80, save_every=80, log_every=8)
    stage = Stage("small", make, schedule, {"l1": 1.0, "square": 0.5}, None, machine=Machine("cpu", "fp32", several=several))
    workers = gather(stage.machine)
    train(Path(out), stage, make(stage, float(pause)), workers)
    workers.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
