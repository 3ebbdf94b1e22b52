"""Forms that learn from nothing, beside the baselines that need no weights: still portrait, mesh warped by true landmarks.

python -m experiments.untaught mmfa_unsupervised64=RUN sfd_own64=RUN --data POOL --json results/untaught.json

Validation's pairs (frame 0 of each clip of people never trained on, later frames of it) at the side that the form draws;
LPIPS-Alex and L1, both of which are losses of the forms.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.core.provenance import dated
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.evaluate.baselines import mesh_warp
from reenact.evaluate.results import write_json
from reenact.losses.lpips import LPIPS
from reenact.methods import recipe
from reenact.methods.sfd.own import recipe as own
from reenact.methods.sfd.own.model import SfdOwn
from reenact.train.config import Stage
from reenact.train.state import read_average
from reenact.train.validation import averaged, draw_as_read, picture_figures, validation_rows


def opened(stage: Stage, run: Path) -> tuple[nn.Module, Callable[..., Any], int]:
    """The form with a run's averaged weights, how it draws, and the pairs that it has seen."""
    average, seen = read_average(run)
    if stage.method is None:
        return averaged(SfdOwn(stage.model), own.PARTS, average), own.draw_as_read, seen
    method = stage.method(stage.model)
    return averaged(method.build(), (*method.render_parts, *method.motion_parts), average), draw_as_read, seen


def warped(pool: Pool, size: int, lpips: nn.Module) -> dict[str, float]:
    """L1 and LPIPS of the mesh warp on the same pairs, warped at the pool's side and made smaller."""
    sums = {"l1": 0.0, "lpips": 0.0}
    pairs = list(zip(*validation_rows(pool), strict=True))
    for source, driving in pairs:
        image, truth = pool.read(np.array([source, driving]))
        read: list[Any] = [SimpleNamespace(landmarks=pool.landmarks[row]) for row in (source, driving)]
        made = mesh_warp(image, read[0])(truth, read[1])
        frame, wanted = (smaller(picture, size) for picture in (made, truth))
        sums["l1"] += float((frame - wanted).abs().mean()) / len(pairs)
        sums["lpips"] += float(lpips(frame, wanted).mean()) / len(pairs)
    return {name: round(value, 5) for name, value in sums.items()}


def smaller(picture: np.ndarray, size: int) -> Tensor:
    """uint8 [side,side,3] -> [1,3,size,size] in [0, 1]."""
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    return nn.functional.avg_pool2d(image, image.shape[-1] // size)


@torch.no_grad()
def measure(forms: Sequence[tuple[str, Path]], pool: Pool) -> dict[str, Any]:
    """The whole run. Raises ReenactError for a recipe or a run that is none."""
    lpips, out = LPIPS("alex"), {}
    for name, run in forms:
        (stage,) = recipe(name)
        model, draw, seen = opened(stage, run)
        data = Batches(pool, stage.splits, stage.size, torch.device("cpu"))
        found = picture_figures(draw, lpips, model, data)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        out[name] = {
            "pairs_seen": seen,
            "side": stage.size,
            "parameters": parameters,
            "form": {key: found[f"val_{key}"] for key in ("l1", "lpips")},
            "still": {key: found[f"still_{key}"] for key in ("l1", "lpips")},
            "mesh_warp": warped(pool, stage.size, lpips),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forms", nargs="+", help="RECIPE=RUN")
    parser.add_argument("--data", type=Path, required=True, help="pool")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    try:
        if odd := [form for form in given.forms if "=" not in form]:
            raise ReenactError(f"{odd[0]!r} is no RECIPE=RUN, as in sfd_own64=runs/own")
        forms = [(name, Path(run)) for name, _, run in (form.partition("=") for form in given.forms)]
        found = measure(forms, Pool.load(given.data))
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    told = " ".join(f"{name}=RUN" for name, _ in forms)
    command = f"python -m experiments.untaught {told} --data POOL --json FILE"
    write_json(given.json, {"command": command, **dated({}), "networks": "LPIPS AlexNet", "forms": found})
    sys.stdout.write(f"{given.json}: {json.dumps({name: one['form'] for name, one in found.items()})}\n")


if __name__ == "__main__":
    main()
