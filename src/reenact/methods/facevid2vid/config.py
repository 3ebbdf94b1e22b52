"""Every size of the method: those of mmfa, so that a comparison shows the papers and not the budgets."""

from __future__ import annotations

from dataclasses import dataclass

from reenact.nn.sizes import Sizes


@dataclass(frozen=True)
class Config(Sizes):
    method: str = "facevid2vid"
