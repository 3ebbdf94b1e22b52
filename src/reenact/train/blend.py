"""Between two sets of weights, number by number: what the second has learned, without all that it has forgotten.

python -m reenact.train.blend OUT FIRST SECOND --share 0.75

Wortsman et al., Robust fine-tuning of zero-shot models (arXiv 2109.01903): the second must have been trained on from the first.
OUT becomes a folder that --start and the exporter take.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from reenact.core.errors import ReenactError, as_options
from reenact.core.files import explained
from reenact.train.start import PARTS, images_seen, read_start
from reenact.train.state import CHECKPOINT
from reenact.train.tensors import write_tensors

FILE = "weights_00.safetensors"


def blended(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float, part: str = "") -> dict[str, Tensor]:
    """first + share (second - first) of every tensor that both have and whose name `part` begins; of the others that both have,
    the second's; what only the first has, as it is.

    Raises ReenactError where a tensor has two shapes, or none is in both, or none of those that `part` begins.
    """
    if not first.keys() & second.keys():
        raise ReenactError("the two have no tensor in common: give a run, and one that started from it")
    if odd := sorted(name for name in first.keys() & second.keys() if first[name].shape != second[name].shape):
        raise ReenactError(f"{odd[0]} has two shapes: give a run, and one that started from it")
    both = sorted(first.keys() & second.keys())
    if not any(name.startswith(part) for name in both):
        known = ", ".join(dict.fromkeys(name.partition(".")[0] for name in both))
        raise ReenactError(f"the two have no {part.removesuffix('.')}: choose of {known}")
    return {
        name: value.lerp(second[name].to(value), share if name.startswith(part) else 1.0)
        if name in second and value.is_floating_point()
        else value
        for name, value in first.items()
    }


def check_empty(out: Path) -> None:
    """Raises ReenactError where a folder holds other weights, which would be read in the blend's place, or with it."""
    for path in (out / CHECKPOINT, *sorted(out.glob(PARTS))):
        if path.exists() and path.name != FILE:
            raise ReenactError(f"{out} holds other weights already ({path.name}): give the blend a folder of its own")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path, help="a run that started from the first")
    parser.add_argument("--share", type=float, required=True, help="0: the first, 1: the second")
    parser.add_argument("--of", default="", help="part that is blended, as in generator; the rest is the second's")
    given = parser.parse_args()
    try:
        if not 0 <= given.share <= 1:
            raise ReenactError(f"--share {given.share:g}: must be 0 to 1")
        check_empty(given.out)
        tensors = blended(read_start(given.first), read_start(given.second), given.share, f"{given.of}." if given.of else "")
        with explained(given.out):
            given.out.mkdir(parents=True, exist_ok=True)
        parents = [f"{path.resolve().parent.name}/{path.name}" for path in (given.first, given.second)]
        said = {"images": str(images_seen(given.second)), "parents": json.dumps([{"from": name} for name in parents])}
        write_tensors(given.out / FILE, tensors, said | {"share": json.dumps(given.share), "of": json.dumps(given.of)})
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None


if __name__ == "__main__":
    main()
