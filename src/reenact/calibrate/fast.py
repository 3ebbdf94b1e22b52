"""Teaches the renderer at half the side (nn/fast.py) what the shipped one draws, and writes its graph.

python -m reenact.calibrate.fast POOL RUN [--minutes 60] [--makers 1] [--weights src/reenact/weights/mmfa] [--from RUN]
python -m reenact.calibrate.fast POOL RUN2 --from RUN --minutes 0 --out src/reenact/weights/shared

Knowledge distillation (Hinton et al., arXiv 1503.02531): the target is the frame that the renderer at the whole side gives, so
any portrait may be moved by anybody's motion, and no true frame is needed. It starts as that renderer's own weights. Portraits
and motions are of people that the weights were trained on; the figures, differences from that renderer, are of others.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import queue
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from reenact.calibrate.teaching import as_bytes, average_in, rate_share, say
from reenact.core.download import sha256
from reenact.core.errors import ReenactError, as_options
from reenact.core.graph_names import FAST
from reenact.core.types import Motion
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.rotation import rotation_matrix
from reenact.losses.pixels import l1
from reenact.losses.vgg import VggPyramid
from reenact.methods import import_onnx, trained
from reenact.methods.export import write_graph
from reenact.motion.transfer import transfer
from reenact.nn.background import FACE_MIDDLE
from reenact.nn.fast import FastDrawn, FastRenderer
from reenact.nn.generator import grids
from reenact.nn.graphs import BEHIND, GRIDS, HEAD, PYRAMID, SHARES, fast_graph
from reenact.runtime.graph import Chain, OpenVinoGraph
from reenact.runtime.onnx_method import OnnxMethod
from reenact.runtime.renderer import seen
from reenact.runtime.trust import write_hashes

SIDE = 256
BATCH, RATE, AVERAGE = 4, 3e-4, 0.998
EACH = 4
"""ours: motions of one portrait, half of them of its own clip where it has one"""
KEPT = 5000
"""ours: samples in memory, 1.6 MB each; they are drawn from at random"""
SHIFT = 16
"""ours: by how much the windows that VGG compares are off their middle at most, px"""
PIXELS = 4.0
"""ours: of differences of pixels and of their steps within a window"""
VGG_WEIGHTS = (0.125, 0.25, 1.0)
"""ours: of relu1_1, relu2_1, relu3_1"""
WINDOWS: dict[str, tuple[int, int, tuple[float, float, float]]] = {
    "face": (112, 112, FACE_MIDDLE),
    "mouth": (48, 64, (0.0, 0.215, 0.41)),
    "eyes": (40, 104, (0.0, -0.183, 0.32)),
}
"""ours: height and width, px at 256; their middle in the head's frame, face heights"""
WEIGHTS = {"pixels": 10.0, "edges": 10.0, "face": 1.5, "mouth": 1.5, "eyes": 0.7, "keep": 2.0, "uncovered": 0.3}
"""ours: of the terms of `distances`"""
WIDE = {"jawOpen": 2.0, "eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5, "mouthPucker": 0.5, "mouthSmileLeft": 0.3}
"""ours: a frame drives the oftener the more of these it shows, for the widest movements are the rarest"""
CHECKED = 24
"""ours: samples of people never trained on"""
WARM, SAY = 50, 50
CURVE, ABOUT = "curve.json", "draw_fast.json"
Sample = dict[str, np.ndarray]


class Teacher:
    """The shipped renderer, and what the student is given of a portrait and a motion."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.method = OnnxMethod(folder, "cpu", threads)
        self._render = Chain([OpenVinoGraph(folder / file, "f32", threads) for file, _ in self.method.config["render"]])
        half = SIDE // 2
        self._source = OpenVinoGraph(folder / self.method.config["source"], "f32", threads, {"image": (1, 3, half, half)})

    def samples(self, crop: np.ndarray, motions: list[Motion]) -> Iterator[Sample]:
        """One for each motion of the portrait."""
        portrait = self.method.encode_crop(crop)
        image = portrait.tensors["image"]
        pyramid = self._source.run({"image": seen(image, "fast")})
        features = {name: pyramid[name][0].astype(np.float16) for name in PYRAMID}
        behind = {"plate": as_bytes(portrait.tensors["plate"][0]), "person": as_bytes(portrait.tensors["person"][0])}
        for motion in motions:
            known = self._render.run({**portrait.tensors, **portrait.motion.tensors("source"), **motion.tensors("driving")})
            yield {
                "image": as_bytes(image[0]),
                **features,
                **behind,
                "flow": known[GRIDS[2]][0].copy(),
                **{name: known[name][0].astype(np.float16) for name in ("occlusion", "features")},
                "code": known["code"][0].copy(),
                **{name: getattr(motion, name) for name in HEAD},
                **{name: as_bytes(known[name][0]) for name in ("frame", *SHARES)},
            }


def chosen(pool: Pool, teacher: Teacher, random: np.random.Generator) -> Iterator[Sample]:
    """Samples without end: each portrait moved by frames of its own clip, and by what changes in another's."""
    clips = [np.flatnonzero(pool.clip == clip) for clip in np.unique(pool.clip)]
    talking = [rows for rows in clips if len(rows) > 1]
    shown = pool.blendshapes[:, [BLENDSHAPE_NAMES.index(name) for name in WIDE]]
    wide = 0.1 + shown @ np.array(list(WIDE.values()), np.float32)

    def read(row: int) -> np.ndarray:
        return pool.read(np.array([row]))[0]

    def moved(rows: np.ndarray) -> Motion:
        return teacher.method.encode_motion(read(int(random.choice(rows, p=wide[rows] / wide[rows].sum()))))

    while True:
        rows = clips[random.integers(len(clips))]
        source = int(random.choice(rows))
        own = teacher.method.encode_motion(read(source))
        motions = [moved(rows) for _ in range(EACH // 2) if len(rows) > 1]
        while len(motions) < EACH:
            others = talking[random.integers(len(talking))]
            reference = teacher.method.encode_motion(read(int(random.choice(others))))
            motions.append(transfer(own, moved(others), reference, "relative"))
        yield from teacher.samples(read(source), motions)


def make(pool: Path, folder: Path, seed: int, made: multiprocessing.Queue) -> None:
    """A process of its own: puts samples into `made` until it is ended."""
    random = np.random.default_rng(seed)
    for sample in chosen(Pool.load(pool, splits=("train",)), Teacher(folder), random):
        made.put(sample)


def to_tensors(samples: list[Sample]) -> dict[str, Tensor]:
    """A batch: pictures and shares in [0, 1], all in fp32."""
    joined = {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
    return {name: value.float() / 255 if value.dtype == torch.uint8 else value.float() for name, value in joined.items()}


def draw(renderer: FastRenderer, batch: dict[str, Tensor]) -> FastDrawn:
    """The student's frames of a batch."""
    features = (batch[PYRAMID[0]], batch[PYRAMID[1]], batch[PYRAMID[2]])
    given = (batch[name] for name in ("occlusion", "features", "code", *BEHIND))
    return renderer(batch["image"], features, grids(batch["flow"], SIDE), *given, {name: batch[name] for name in HEAD})


def distances(made: FastDrawn, batch: dict[str, Tensor], vgg: VggPyramid, shift: np.ndarray) -> dict[str, Tensor]:
    """How far the student is from its teacher. shift: [B,2], px by which the windows are off their middle."""
    uncovered, wanted = batch["uncovered"], batch["frame"]
    frame = made.drawn.frame + uncovered * (batch["plate"] - made.drawn.frame)
    terms = {"pixels": l1(frame, wanted), "edges": _edges(frame - wanted)}
    for name in WINDOWS:
        corners = _corners(batch, name, shift)
        seen, true = (_windows(pictures, name, corners) for pictures in (frame, wanted))
        with torch.no_grad():
            told = vgg.features(true, len(VGG_WEIGHTS))
        layers = zip(VGG_WEIGHTS, vgg.features(seen, len(VGG_WEIGHTS)), told, strict=True)
        near = torch.stack([weight * (a - b).abs().mean() for weight, a, b in layers]).sum()
        terms[name] = near + PIXELS * (l1(seen, true) + _edges(seen - true))
    terms["keep"] = l1(made.drawn.keep, batch["keep"])
    terms["uncovered"] = F.binary_cross_entropy_with_logits(made.logits, uncovered)
    return terms


def _corners(batch: dict[str, Tensor], name: str, shift: np.ndarray) -> list[tuple[int, int]]:
    """Row and column of a window in each of a batch's frames."""
    height, width, middle = WINDOWS[name]
    turned = rotation_matrix(batch["head_pose"].numpy()) @ np.array(middle, np.float32)
    at = (batch["translation"].numpy() + batch["scale"].numpy() * turned[:, :2] + 1) * SIDE / 2 + shift
    corners = at - np.array([width, height]) / 2
    return [(int(y), int(x)) for x, y in corners.clip(0, [SIDE - width, SIDE - height])]


def _windows(pictures: Tensor, name: str, corners: list[tuple[int, int]]) -> Tensor:
    height, width, _ = WINDOWS[name]
    cut = [picture[:, y : y + height, x : x + width] for picture, (y, x) in zip(pictures, corners, strict=True)]
    return torch.stack(cut)


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack([WEIGHTS[name] * value for name, value in terms.items()]).sum()


def train(renderer: FastRenderer, samples: Iterator[Sample | None], checked: list[Sample], minutes: float, run: Path) -> None:
    """Writes the moving average and its curve into `run`. Norms stay as they are: batches are small."""
    average = copy.deepcopy(renderer)
    optimiser = torch.optim.AdamW(renderer.parameters(), RATE, betas=(0.5, 0.99), weight_decay=1e-4)
    vgg, random, kept = VggPyramid(1).eval(), np.random.default_rng(1), list[Sample]()
    curve, began, step = [_check(renderer, vgg, checked, 0)], time.monotonic(), 0
    while (passed := (time.monotonic() - began) / 60 / minutes) < 1:
        for sample in samples:
            if sample is None:
                break
            kept.append(sample)
        del kept[:-KEPT]
        if len(kept) < 10 * BATCH:
            time.sleep(1)
            continue
        batch = to_tensors([kept[at] for at in random.choice(len(kept), BATCH, replace=False)])
        for group in optimiser.param_groups:
            group["lr"] = RATE * rate_share(step, WARM, passed)
        shift = random.integers(-SHIFT, SHIFT + 1, (BATCH, 2))
        loss = total(distances(draw(renderer, batch), batch, vgg, shift))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(renderer.parameters(), 5.0)
        optimiser.step()
        average_in(average, renderer, AVERAGE, step)
        step += 1
        if step % SAY == 0:
            say(f"{BATCH * step} frames of {len(kept)} samples, {step * BATCH / (time.monotonic() - began):.2f}/s, {loss:.4f}")
        if step % (5 * SAY) == 0:
            curve.append(_check(average, vgg, checked, BATCH * step))
            _save(average, curve, run)
    curve.append(_check(average, vgg, checked, BATCH * step))
    _save(average, curve, run)


@torch.no_grad()
def _check(renderer: FastRenderer, vgg: VggPyramid, checked: list[Sample], seen: int) -> dict[str, float]:
    """Mean distances on people never trained on."""
    found = []
    for sample in checked:
        batch = to_tensors([sample])
        terms = distances(draw(renderer, batch), batch, vgg, np.zeros((1, 2)))
        found.append({name: value.item() for name, value in terms.items()})
    means = {"frames": float(seen), **{name: round(float(np.mean([row[name] for row in found])), 5) for name in WEIGHTS}}
    say(json.dumps(means))
    return means


def _save(renderer: FastRenderer, curve: list[dict[str, float]], run: Path) -> None:
    save_file(dict(renderer.state_dict()), run / "renderer.safetensors")
    (run / CURVE).write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


def _waiting(made: multiprocessing.Queue) -> Iterator[Sample | None]:
    """What has been made; None where nothing waits."""
    while True:
        try:
            yield made.get_nowait()
        except queue.Empty:
            yield None


def _edges(difference: Tensor) -> Tensor:
    return difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def begun(folder: Path, run: Path | None, pool: Pool) -> FastRenderer:
    """From a run, else from the shipped renderer. Raises ReenactError for weights that cannot be used."""
    rows = np.random.default_rng(2).choice(len(pool.clip), 16, replace=False)
    pictures = torch.from_numpy(pool.read(np.sort(rows))).permute(0, 3, 1, 2).float() / 255
    model = trained(json.loads((folder / "config.json").read_text(encoding="utf-8"))["method"]).METHOD.build()
    model.load_state_dict(import_onnx.read(folder, pictures))
    if model.uncover is None:
        raise ReenactError(f"{folder} has no disocclusion mask: give weights that have one")
    renderer = FastRenderer.of(model.generator, model.uncover, model.config)
    if run is not None:
        renderer.load_state_dict(load_file(run / "renderer.safetensors"))
    return renderer.eval()


def write(renderer: FastRenderer, sample: Sample, folder: Path, run: Path) -> None:
    """draw_fast.onnx, and beside it what it learned from and how (`ABOUT`). run: whose curve that is."""
    batch = to_tensors([sample])
    known = {**batch, **dict(zip(GRIDS, grids(batch["flow"], SIDE), strict=True))}
    known |= {f"driving_{name}": batch[name] for name in HEAD}
    graph = fast_graph(renderer)
    write_graph(graph, tuple(known[name] for name in graph.inputs), folder / graph.file, packed=True)
    write_hashes(folder)
    teacher = {name: sha256(folder / name) for name, fast in FAST.items() if fast == graph.file}
    curve = json.loads((run / CURVE).read_text(encoding="utf-8")) if (run / CURVE).exists() else []
    said = {"file": graph.file, "sha256": sha256(folder / graph.file), "teacher_sha256": teacher, "curve": curve}
    write_json(folder / ABOUT, {**said, "date": datetime.now(UTC).date().isoformat()})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("run", type=Path, help="folder for the weights and their curve")
    parser.add_argument("--minutes", type=float, default=60, help="of training (60); 0: none")
    parser.add_argument("--makers", type=int, default=1, help="processes that make samples (1)")
    parser.add_argument("--weights", type=Path, default=Path("src/reenact/weights/mmfa"), help="whose renderer is the teacher")
    parser.add_argument("--from", type=Path, dest="start", help="run to go on from")
    parser.add_argument("--out", type=Path, help="folder for draw_fast.onnx")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    context = multiprocessing.get_context("spawn")
    made: multiprocessing.Queue = context.Queue(64)
    makers = [
        context.Process(target=make, args=(given.pool, given.weights, seed, made), daemon=True) for seed in range(given.makers)
    ]
    try:
        pool = Pool.load(given.pool, splits=("val",))
        renderer = begun(given.weights, given.start, pool)
        samples = chosen(pool, Teacher(given.weights), np.random.default_rng(7))
        checked = [next(samples) for _ in range(CHECKED if given.minutes else 1)]
        if given.minutes:
            given.run.mkdir(parents=True, exist_ok=True)
            for maker in makers:
                maker.start()
            train(renderer, _waiting(made), checked, given.minutes, given.run)
        if given.out is not None:
            write(renderer, checked[0], given.out, given.start or given.run)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    finally:
        for maker in makers:
            if maker.pid is not None:
                maker.kill()


if __name__ == "__main__":
    main()
