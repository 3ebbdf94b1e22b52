"""Are mouths nearer to the truth where they are drawn once more (nn/mouth.py)?

python -m experiments.mouth RUN --json results/mouth.json [--count 75]

RUN: a run of reenact.calibrate.mouth, with the windows of people that no weights were trained on. Of each renderer the windows
with the widest mouths, as rendered and drawn once more, enlarged twice, against the true ones: LPIPS of both networks (AlexNet's
was a loss of the refiner, VGG's was none), DISTS. Needs the extras `eval` and `train`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage

from reenact.calibrate import mouth
from reenact.core.errors import ReenactError, as_options
from reenact.core.provenance import measured_with
from reenact.core.types import Image
from reenact.evaluate.dists import Dists
from reenact.evaluate.networks import Perceptual
from reenact.evaluate.results import write_json
from reenact.runtime.onnx_method import weights_folder

TIMES = 2


def pictures(windows: torch.Tensor) -> list[Image]:
    """[n,3,rows,columns] in [0, 1] -> n pictures, enlarged."""
    found = (windows.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    size = (TIMES * found.shape[2], TIMES * found.shape[1])
    return [np.asarray(PILImage.fromarray(one).resize(size, PILImage.Resampling.BICUBIC)) for one in found]


def measure(run: Path, count: int) -> dict[str, dict[str, dict[str, float]]]:
    """Renderer -> rendered or again -> figure. Raises ReenactError for a run without windows."""
    windows, refiner = mouth.read(run, "val"), mouth.begun(run).eval()
    measures = {"lpips_vgg": Perceptual("vgg"), "dists": Dists(), "lpips_alex": Perceptual("alex")}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for renderer, fast in (("full", False), ("fast", True)):
        rows = np.flatnonzero(windows["fast"] == fast)
        batch = mouth.to_tensors(windows, rows[np.argsort(-windows["open"][rows])][:count])
        with torch.no_grad():
            again, _ = refiner.refine(batch["frame"], batch["keep"], batch["code"])
        sets = zip(pictures(batch["truth"]), pictures(batch["frame"]), pictures(again), strict=True)
        values = [{name: one.distances([before, after], true) for name, one in measures.items()} for true, before, after in sets]
        found[renderer] = {
            which: {name: round(float(np.mean([row[name][place] for row in values])), 5) for name in measures}
            for place, which in enumerate(("rendered", "again"))
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--count", type=int, default=75, help="windows of each renderer (75)")
    given = parser.parse_args()
    try:
        found = measure(given.run, given.count)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    about = {**measured_with(weights_folder() / "mmfa"), "command": "python -m experiments.mouth RUN --json results/mouth.json"}
    write_json(given.json, {**about, "windows": given.count, "renderers": found})
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
