"""The claim of a paper that sends motion: better than the baseline at the same bitrate.

python -m experiments.claim DATA --ours src/reenact/weights/prior --baseline src/reenact/weights/facevid2vid
    --out results/prior_claim.json [--kbps 0.5 1 3] [--every 10] [--minutes 10]

DATA: a folder with clips/val and synth_pairs. Three protocols (protocols.py): self-reenactment and large poses on clips/val,
rendered pairs on the identities and motions kept for validation. Each method codes every frame of the driver with its own codec
profile at the asked rate; every n-th decoded one is drawn and read. Motion is absolute. The paper (arXiv 2304.14471,
abstract) says -7 % keypoint distance and -15 % emotion embedding distance "under equivalent bandwidth".
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from reenact.codec.call import profile_of
from reenact.core.errors import ReenactError
from reenact.core.provenance import provenance, weights_digest
from reenact.core.types import Image
from reenact.evaluate.codec import RATE, UNCODED, Coded
from reenact.evaluate.figures import METRICS, measured
from reenact.evaluate.protocols import Item, large_pose_items, self_items, synth_items
from reenact.evaluate.readings import FaceReader
from reenact.evaluate.registry import Frame
from reenact.evaluate.results import write_json
from reenact.evaluate.shots import frames
from reenact.motion.expression_gain import reaching
from reenact.runtime.onnx_method import OnnxMethod

KEPT = "m2[0-3]_*,*_i05[6-9]*,*_i06[0-3]*"
"""rendered clips that nothing is trained on (the data's README)"""
FIGURES = ("akd_mesh", "emotion", "aed_exp", "ard")
CLAIMED = {"akd_mesh": 0.07, "emotion": 0.15}
"""share by which ours shall lie below the baseline"""
OURS, BASELINE = "ours", "yardstick"
"""keys of the file; those of earlier results stay"""

Figures = dict[str, dict[str, dict[str, list[float]]]]
"""method -> rate -> figure -> one number a scored frame; bits and frames: one number a clip"""


def score_item(item: Item, methods: Mapping[str, OnnxMethod], reader: FaceReader, rates: Iterable[float], every: int) -> Figures:
    """One clip, by every method at every rate."""
    size = next(iter(methods.values())).size
    source = item.source.read(size, reader.landmarker)
    driving = list(frames(item.driving, size))
    truth = driving if item.truth == item.driving else list(frames(item.truth or item.driving, size))
    wanted = {at: reader.read(truth[at]) for at in scored(item, min(len(driving), len(truth)), every)}
    out: Figures = {}
    for name, method in methods.items():
        motions = [method.encode_motion(frame) for frame in driving]
        portrait, profile = method.encode_crop(source), profile_of(method, motions[0].expression.size)
        reached = reaching(method)
        coded = {f"{kbps:g} kbit/s": Coded(profile, motions, kbps) for kbps in rates}
        sent = {UNCODED: motions, **{rate: one.motions for rate, one in coded.items()}}
        out[name] = {rate: {"frames": [float(len(driving))]} for rate in sent}
        for rate, one in coded.items():
            out[name][rate]["bits"] = [float(one.bits)]
        for at, reading in wanted.items():
            for rate, received in sent.items():
                _add(out[name][rate], method.render(portrait, reached(portrait.motion, received[at])), reading, reader, size)
    return out


def scored(item: Item, count: int, every: int) -> Sequence[int]:
    """Numbers of the frames that are scored."""
    if item.frames is not None:
        return [at for at in item.frames if at < count][::every]
    return range(0 if item.first else min(every, count - 1), count, every)


def _add(kept: dict[str, list[float]], picture: Image, wanted: Any, reader: FaceReader, size: int) -> None:
    found = reader.read(picture)
    kept.setdefault("missing", []).append(float(found is None and wanted is not None))
    if found is not None and wanted is not None:
        figures = measured(Frame(size, found=found, wanted=wanted, person=wanted))
        for key in FIGURES:
            if key in figures:
                kept.setdefault(key, []).append(figures[key])


def joined(items: Iterable[Figures]) -> dict[str, dict[str, dict[str, float]]]:
    """System -> rate -> means over all frames of all clips; kbps as measured."""
    total: Figures = {}
    for item in items:
        for name, rates in item.items():
            for rate, figures in rates.items():
                for key, values in figures.items():
                    total.setdefault(name, {}).setdefault(rate, {}).setdefault(key, []).extend(values)
    return {name: {rate: _mean(figures) for rate, figures in rates.items()} for name, rates in total.items()}


def _mean(figures: Mapping[str, list[float]]) -> dict[str, float]:
    out = {key: round(float(np.mean(figures[key])), 5) for key in FIGURES if figures.get(key)}
    if "bits" in figures:
        out["kbps"] = round(sum(figures["bits"]) / sum(figures["frames"]) * float(RATE) / 1000, 3)
    return {**out, "scored": len(figures.get("missing", ())), "without_face": round(sum(figures.get("missing", ())))}


def reached(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """Rate -> figure -> by which share ours lies below the baseline, and whether that is what is claimed."""
    out: dict[str, dict[str, Any]] = {}
    for rate, ours in table[OURS].items():
        theirs = table[BASELINE][rate]
        for key in FIGURES:
            if key in ours and theirs.get(key):
                share = round(1 - ours[key] / theirs[key], 4)
                out.setdefault(rate, {})[key] = {"lower_by": share}
                if key in CLAIMED:
                    out[rate][key] |= {"claimed": CLAIMED[key], "reached": share >= CLAIMED[key]}
    return out


def protocols(data: Path, size: int, reader: FaceReader) -> dict[str, list[Item]]:
    """Raises ReenactError where a folder is missing."""
    clips = data / "clips" / "val"
    return {
        "self": self_items(clips, None),
        "large-pose": large_pose_items(clips, None, size, reader.landmarker),
        "synth": synth_items(data / "synth_pairs", KEPT),
    }


def measure(
    data: Path, methods: Mapping[str, OnnxMethod], rates: Sequence[float], every: int, minutes: float = math.inf
) -> dict[str, Any]:
    """Every protocol; items of the three in turn, so that a run that ends early has some of each."""
    reader = FaceReader((), True, 1)
    items = protocols(data, next(iter(methods.values())).size, reader)
    found: dict[str, list[Figures]] = {name: [] for name in items}
    end = time.monotonic() + 60 * minutes
    for together in zip_longest(*([(name, item) for item in each] for name, each in items.items())):
        for name, item in filter(None, together):
            if time.monotonic() < end:
                found[name].append(score_item(item, methods, reader, rates, every))
                sys.stderr.write(f"{name}: {item.name}\n")
    return {
        name: {
            "clips": len(each),
            "of": len(items[name]),
            "figures": (table := joined(each)),
            "against_the_yardstick": reached(table),
        }
        for name, each in found.items()
        if each
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--ours", type=Path, required=True)
    parser.add_argument(
        "--baseline", "--yardstick", dest="baseline", type=Path, required=True, help="weights (formerly --yardstick)"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kbps", type=float, nargs="+", default=[0.5, 1.0, 3.0])
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further clip after these")
    given = parser.parse_args()
    try:
        folders = {OURS: given.ours, BASELINE: given.baseline}
        methods = {name: OnnxMethod(folder, "cpu", 1) for name, folder in folders.items()}
        found = measure(given.data, methods, given.kbps, given.every, given.minutes)
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    rates = " ".join(f"{kbps:g}" for kbps in given.kbps)
    command = f"python -m experiments.claim DATA --ours weights/{methods[OURS].name} --baseline weights/{methods[BASELINE].name}"
    digests = {methods[name].name: weights_digest(folder) for name, folder in folders.items()}
    about = provenance(
        [f"{command} --kbps {rates} --every {given.every}"], digests, ["face_landmarker.task", "fer_densenet121.onnx"]
    )
    meaning = {key: METRICS[key].text for key in FIGURES} | {"kbps": "kbit/s of a file at 25 frames/s, header left out"}
    named = {name: method.name for name, method in methods.items()}
    write_json(given.out, {**about, **named, "meaning": meaning, "protocols": found})
    for name, row in found.items():
        sys.stdout.write(f"{name}: {row['against_the_yardstick']}\n")


if __name__ == "__main__":
    main()
