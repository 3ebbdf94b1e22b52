"""`reenact evaluate`: the whole run, from arguments to the results file and the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reenact.core.errors import ReenactError
from reenact.evaluate import results
from reenact.evaluate.floors import Starter, mesh_warp, of_method, still
from reenact.evaluate.identity import ASSET as IDENTITY_ASSET
from reenact.evaluate.lpips import ASSET as LPIPS_ASSET
from reenact.evaluate.lpips import Net
from reenact.evaluate.runner import Scorer, find_clips, run_self


@dataclass(frozen=True)
class Options:
    """What the user may choose."""

    clips: Path
    """a folder of square head crops"""
    out: Path
    """the results file, JSON"""
    every: int = 10
    """score every n-th frame"""
    weights: Path | None = None
    """a weights folder; without it the floors alone are run"""
    nets: tuple[Net, ...] = ("alex",)
    """of LPIPS; vgg takes ten times as long as alex"""
    device: str = "auto"
    threads: int = 0


def evaluate(options: Options, command: list[str], progress: Callable[[str], None] = lambda line: None) -> str:
    """Runs the self-reenactment protocol, writes the JSON and gives the table. Raises ReenactError for bad input."""
    clips = find_clips(options.clips)
    if options.out.is_dir():
        raise ReenactError(f"{options.out} is a folder: give the name of a .json file")
    starters: dict[str, Starter] = {"still": still, "mesh_warp": mesh_warp}
    about: dict[str, Any] = {}
    if options.weights is not None:
        name, starters_method, about = _method(options)
        starters[name] = starters_method
    found = run_self(clips, starters, Scorer(options.nets, options.threads), options.every, progress)
    mean = {name: tally.report() for name, tally in found.mean().items()}
    networks = ["face_landmarker.task", IDENTITY_ASSET, *(LPIPS_ASSET[net] for net in options.nets)]
    report = {
        "protocol": f"self-reenactment: source is frame 0, every {options.every}th frame after it, motion absolute",
        **results.provenance(command, options.weights, networks),
        **about,
        "metrics": {key: ": ".join((label, text)) for key, (label, _, text) in results.METRICS.items()},
        "scored_frames_per_second": round(found.frames_per_second, 2),
        "mean": mean,
        "clips": {clip: {name: t.report() for name, t in tallies.items()} for clip, tallies in found.clips.items()},
    }
    results.write_json(options.out, report)
    return results.table(mean)


def _method(options: Options) -> tuple[str, Starter, dict[str, Any]]:
    """The contender's name, itself, and what the results say of it."""
    from reenact.runtime.onnx_method import OnnxMethod

    method = OnnxMethod(options.weights, options.device, options.threads)
    about = {"method": method.name, "device": options.device, "precision": method.precision}
    return method.name, of_method(method, partial(method.encode_source, cropped=True)), about
