"""`reenact evaluate`: the whole run, from options to the results file and the table."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import make_folder_of
from reenact.core.provenance import commit, provenance
from reenact.evaluate import control, distribution, dists, face_api, landmarks106, path, results
from reenact.evaluate.contact import WorstFrame, write_pictures
from reenact.evaluate.control_table import control_table
from reenact.evaluate.curves import write_curves
from reenact.evaluate.figures import METRICS
from reenact.evaluate.identity import ASSET as IDENTITY_ASSET
from reenact.evaluate.identity import LABEL as IDENTITY_LABEL
from reenact.evaluate.identity import IdentityNet
from reenact.evaluate.intervals import by_driver, intervals, resampled, tied
from reenact.evaluate.networks import EMOTION_ASSET, IN_BF16, INCEPTION_ASSET, LPIPS_ASSET, Net, Precision
from reenact.evaluate.protocols import PROTOCOLS, Item, cross_items, large_pose_items, matches, self_items, synth_items
from reenact.evaluate.readings import FaceReader
from reenact.evaluate.registry import TRUTH
from reenact.evaluate.runner import Outcome, Scorer, run_item
from reenact.evaluate.session import Parts, Progress, Work, run_all
from reenact.evaluate.shots import Shot, check_clip
from reenact.evaluate.systems import BASELINES, System, load_methods, start_all, systems
from reenact.evaluate.tally import Tally
from reenact.faces.landmarker import Landmarker
from reenact.motion.transfer import Mode, check_mode
from reenact.runtime.background import Background, check_background
from reenact.runtime.graph import Speed, check_device, fast_precision

SIDE = 256
PROTOCOL_TEXT = {
    "self": "self-reenactment: frame 0 of a clip is the source, the clip drives it and is the truth",
    "cross": "cross-identity: another person's clip drives the source; no truth, motion figures are against the driver",
    "synth": "rendered pairs: source is frame 0 of identity A, B's clip of the same motion drives it, A's clip is the truth",
    "large-pose": "self-reenactment, driving frames more than 30 degrees of yaw from the source; FID's truth is those frames",
    "path": "frame 0 of a clip is the photo, the clip drives it and is the truth: fed directly, and through the steps of animate",
    "control": "one field of the portrait's own motion is changed; the output is measured against the unchanged rendering",
}

ABSOLUTE: Mode = "absolute"
OWN_MOTION = {"path": "each step's own", "control": "the portrait's own, one field changed"}
"""protocols to which no motion can be said"""
NOT_OF_CONTROL = ("every", "fid_every", "Options.nets", "networks", "pictures")
"""options of films and of their figures; control renders single pictures and measures head, expression and identity"""
WITH_TRUTH = ("self", "synth", "large-pose", "path")
"""protocols in which the true video is known, and a row of its own"""


@dataclass(frozen=True)
class Options:
    """What the user may choose."""

    methods: tuple[str, ...]
    """trivial baselines, names of methods, weights folders"""
    data: Path
    protocol: str
    out: Path
    """the results file, JSON"""
    pairs: Path | None = None
    """cross: a list of pairs"""
    donors: Path | None = None
    """control: pictures or clips whose expressions are put on"""
    only: str | None = None
    """patterns of clip names, as *_i05?,m2*; the others are left out"""
    every: int = 1
    """score every n-th frame"""
    fid_every: int = 0
    """FID and KID take every n-th frame of a clip, scored or not; 0: the scored ones, at least five apart"""
    motion: Mode | None = None
    """None is absolute; path and control say themselves how they move, and take no other"""
    nets: tuple[Net, ...] = ("alex", "vgg")
    """of LPIPS"""
    identities: tuple[IdentityNet, ...] = ("sface", "arcface")
    """of CSIM and AED-id"""
    pictures: Path | None = None
    """a folder for contact sheets and curves"""
    workers: int = 1
    """processes"""
    threads: int = 0
    device: str = "auto"
    background: Background = "still"
    """runtime/background.py; moved is each method by itself"""
    networks: Speed = "fast"
    """fast: the figures' heaviest networks in bf16 where this CPU is faster in it; exact: all in fp32"""


def evaluate(options: Options, command: list[str], progress: Progress | None = None) -> str:
    """Runs the protocol, writes the JSON (and pictures) and gives the table. Raises ReenactError for bad input."""
    _check(options)
    check_background(options.background)
    chosen = tuple(c for c in systems(options.methods) if c.name != TRUTH or options.protocol in WITH_TRUTH)
    if not chosen:
        raise ReenactError(f"`protocol` {options.protocol} has no true video: give `methods` something else")
    precision = _precision(options)
    items: list[Item] | list[Shot]
    control_only = options.protocol == "control"
    items, work = _control(options, chosen) if control_only else _protocol(options, chosen, precision)
    parts = Parts(options.out, _fingerprint(options, chosen, items, precision))
    began = time.perf_counter()
    finished = sum(parts.done(index) for index in range(len(items)))
    try:
        costs = [_cost(item) for item in items]
        outcomes = [outcome for _, outcome in run_all(parts, costs, work, options.workers, progress)]
    except BaseException:
        parts.leave()
        raise
    seconds = time.perf_counter() - began
    names = [item.name if isinstance(item, Item) else item.path.name for item in items]
    drivers = [item.driver if isinstance(item, Item) else item.path.name for item in items]
    report = _report(options, chosen, command, names, drivers, outcomes)
    if not control_only:
        report["networks_precision"] = {name: precision for name in sorted(IN_BF16)}
    if not finished:
        report["scored_frames_per_second"] = round(sum(t.frames for o in outcomes for t in o.tallies.values()) / seconds, 2)
    results.write_json(options.out, report)
    if options.pictures is not None:
        _pictures(options.pictures, names, outcomes, list(outcomes[0].tallies))
    parts.remove()
    if control_only:
        return control_table(report["mean"])
    tables = results.table(report["mean"], report["intervals"])
    lost = results.markdown(list(path.loss_table(report["more_than_direct"]))) if options.protocol == "path" else ""
    return f"{tables}\n\n{lost}" if lost else tables


def _fingerprint(options: Options, chosen: tuple[System, ...], items: list[Item] | list[Shot], precision: Precision) -> list[Any]:
    """What the outcomes depend on: the code, and how large the clips are, too."""
    files = [path for item in items for path in ((item.source.path, item.driving) if isinstance(item, Item) else (item.path,))]
    sizes = [path.stat().st_size for path in files]
    return [commit(), precision, sizes, *(asdict(entry) for entry in (replace(options, workers=1), *chosen, *items))]


def _precision(options: Options) -> Precision:
    return "bf16" if options.networks == "fast" and fast_precision() == "bf16" else "f32"


def _cost(item: Item | Shot) -> float:
    """About how long an item takes: a clip's bytes stand for its frames."""
    if isinstance(item, Shot):
        return 1.0
    return float(item.driving.stat().st_size) if item.frames is None else float(len(item.frames))


def _check(options: Options) -> None:
    if options.protocol not in PROTOCOLS:
        raise ReenactError(f"unknown protocol {options.protocol!r}: choose one of {', '.join(PROTOCOLS)}")
    if not options.data.is_dir():
        raise ReenactError(f"{options.data}: no such folder; give `data` the folder of clips")
    for name, given, known in (
        ("`Options.nets`", options.nets, get_args(Net)),
        ("`Options.identities`", options.identities, get_args(IdentityNet)),
    ):
        if not given or set(given) - set(known):
            raise ReenactError(f"{name} {','.join(given)}: choose of {', '.join(known)}")
    if options.networks not in get_args(Speed):
        raise ReenactError(f"`networks` {options.networks}: choose of {', '.join(get_args(Speed))}")
    if options.every < 1 or options.fid_every < 0:
        raise ReenactError(f"`every` {options.every}, `fid_every` {options.fid_every}: must be 1 or more (fid_every: 0 or more)")
    if options.pairs is not None and options.protocol != "cross":
        raise ReenactError("`pairs` belongs to `protocol` cross: leave one of them out")
    if options.donors is not None and options.protocol != "control":
        raise ReenactError("`donors` belongs to `protocol` control: leave one of them out")
    if options.motion is not None:
        check_mode(options.motion)
        if options.protocol in OWN_MOTION:
            own = OWN_MOTION[options.protocol]
            raise ReenactError(f"`protocol` {options.protocol} moves by itself ({own}): leave `motion` out")
    if options.protocol == "control":
        _check_control(options)
    if options.workers < 1:
        raise ReenactError(f"`workers` {options.workers}: must be 1 or more")
    check_device(options.device, options.threads)
    make_folder_of(options.out)
    if options.pictures is not None and options.pictures.exists() and not options.pictures.is_dir():
        raise ReenactError(f"{options.pictures}: is no folder; give `pictures` another")


def _check_control(options: Options) -> None:
    """Raises ReenactError for an option that changes nothing here."""
    for name in NOT_OF_CONTROL:
        field = name.rsplit(".", 1)[-1]
        if getattr(options, field) != getattr(Options, field):  # the class holds the defaults
            raise ReenactError(f"`protocol` control renders single pictures and has no use for `{name}`: leave it out")


def _protocol(options: Options, chosen: tuple[System, ...], precision: Precision) -> tuple[list[Item], Any]:
    """The items, and what sets up a process for them."""
    if options.protocol in ("self", "path"):
        items = self_items(options.data, options.only)
    elif options.protocol == "cross":
        items = cross_items(options.data, options.only, options.pairs)
    elif options.protocol == "synth":
        items = synth_items(options.data, options.only)
    else:
        items = large_pose_items(options.data, options.only, SIDE, Landmarker(options.threads))
    if not items:
        raise ReenactError(f"`only` {options.only} leaves nothing: change the pattern")
    for clip in dict.fromkeys(clip for item in items for clip in (item.driving, item.truth) if clip is not None):
        check_clip(clip)
    return items, partial(_set_up, options, chosen, items, precision)


def _set_up(options: Options, chosen: tuple[System, ...], items: list[Item], precision: Precision) -> Work:
    threads = options.threads or (1 if options.workers > 1 else 0)
    scorer = Scorer(options.nets, options.identities, threads, precision=precision)
    if options.protocol == "path":
        methods = load_methods(chosen, options.device, threads, options.background)
        baselines = {system.name: BASELINES[system.name] for system in chosen if system.method is None}

        def work(index: int) -> Outcome:
            starters = {**baselines, **path.step_starters(methods, items[index])}
            return run_item(items[index], starters, scorer, SIDE, options.every, options.fid_every)

        return work
    starters, size = start_all(chosen, options.device, threads, options.motion or ABSOLUTE, options.background)
    return lambda index: run_item(items[index], starters, scorer, size, options.every, options.fid_every)


def _control(options: Options, chosen: tuple[System, ...]) -> tuple[list[Shot], Any]:
    if not any(system.method for system in chosen):
        raise ReenactError("baselines have nothing to control: give `methods` a method's name or a weights folder")
    shots = [
        shot for shot in control.control_shots(options.data) if options.only is None or matches(shot.path.stem, options.only)
    ]
    if not shots:
        raise ReenactError(f"`only` {options.only} leaves nothing: change the pattern")
    return shots, partial(_set_up_control, options, chosen, shots)


def _set_up_control(options: Options, chosen: tuple[System, ...], shots: list[Shot]) -> Work:
    threads = options.threads or (1 if options.workers > 1 else 0)
    methods = load_methods(chosen, options.device, threads, options.background)
    size = next(iter(methods.values())).size
    reader = FaceReader(options.identities, emotion=False, threads=threads)
    donors = control.donor_shots(options.data, options.donors)
    shift = 0 if options.donors else 1  # by default the next portrait's

    def work(index: int) -> Outcome:
        donor = control.strongest_frame(donors[(index + shift) % len(donors)], size, reader)
        return control.run_control(shots[index].read(size, reader.landmarker), donor, methods, reader)

    return work


def _report(
    options: Options,
    chosen: tuple[System, ...],
    command: list[str],
    names: list[str],
    drivers: list[str],
    outcomes: list[Outcome],
) -> dict[str, Any]:
    networks = ["face_landmarker.task", *(IDENTITY_ASSET[net] for net in options.identities)]
    if options.protocol != "control":
        networks += [EMOTION_ASSET, face_api.BYTES, INCEPTION_ASSET, *(LPIPS_ASSET[net] for net in options.nets)]
        networks += [dists.ASSET, landmarks106.DETECTOR_ASSET, landmarks106.POINTS_ASSET]
    mean = {name: tally.report() for name, tally in _merged(outcomes).items()}
    for name, figures in _distances(outcomes).items():
        mean[name].update(figures)
    weights = {system.name: system.weights_sha256 for system in chosen if system.weights_sha256}
    motion = OWN_MOTION.get(options.protocol) or options.motion or ABSOLUTE
    report = {
        "protocol": options.protocol,
        "about": f"{PROTOCOL_TEXT[options.protocol]}; every {options.every}. frame, motion {motion}",
        **provenance(command, weights, networks),
        "device": options.device,
        "background": options.background,
        "networks": {f"csim_{net}": IDENTITY_LABEL[net] for net in options.identities},
        "items": len(names),
        "mean": mean,
    }
    if options.protocol == "control":
        return report
    if options.protocol == "path":
        report["steps"] = {name: step.means for name, step in path.STEPS.items()}
        report["more_than_direct"] = path.losses(mean)
    draws = resampled(by_driver([outcome.tallies for outcome in outcomes], drivers))
    report["intervals"] = intervals(draws)
    report["ties"] = tied(draws, mean, [name for name in mean if name not in BASELINES])
    report["metrics"] = {key: f"{one.label}: {one.text}" for key, one in METRICS.items()}
    report["taught"] = {key: one.taught for key, one in METRICS.items() if one.taught}
    clips = {name: {c: t.report() for c, t in outcome.tallies.items()} for name, outcome in zip(names, outcomes, strict=True)}
    return {**report, "clips": results.rows(clips)}


def _merged(outcomes: Iterable[Outcome]) -> dict[str, Tally]:
    out: dict[str, Tally] = {}
    for outcome in outcomes:
        for name, tally in outcome.tallies.items():
            out.setdefault(name, Tally()).merge(tally)
    return out


def _distances(outcomes: list[Outcome]) -> dict[str, dict[str, float | int]]:
    """FID and KID of each system over the whole set, with the number of frames behind them."""
    rows: dict[str, list[np.ndarray]] = {}
    for outcome in outcomes:
        for name, features in outcome.features.items():
            rows.setdefault(name, []).extend(features)
    reference = rows.pop("", [])
    if len(reference) < distribution.FID_MIN:
        return {}
    truth = np.stack(reference)
    found = {name: np.stack(features) for name, features in rows.items()}
    return {
        name: {
            "fid": round(distribution.fid(features, truth), 3),
            "kid": round(distribution.kid(features, truth), 5),
            "fid_frames": len(features),
        }
        for name, features in found.items()
    }


def _pictures(folder: Path, names: list[str], outcomes: list[Outcome], order: list[str]) -> None:
    worst: dict[str, WorstFrame] = {name: o.worst for name, o in zip(names, outcomes, strict=True) if o.worst is not None}
    if worst:
        write_pictures(folder, worst, order)
    write_curves(folder, {name: outcome.series for name, outcome in zip(names, outcomes, strict=True) if outcome.series})
