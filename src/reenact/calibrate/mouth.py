"""Teaches the network that draws mouths once more (nn/mouth.py), and writes its graph.

python -m reenact.calibrate.mouth POOL RUN --rendering 40 [--part 1/2] [--weights src/reenact/weights/mmfa]
python -m reenact.calibrate.mouth POOL RUN --windows 60000 [--from RUN]
python -m reenact.calibrate.mouth POOL RUN --out src/reenact/weights/shared

First windows: pairs of frames of one clip each, rendered by both renderers that ship, in fp32; kept with the true ones in
RUN/windows_*.npz, as many as the minutes allow (parts may be made at once). Then the network learns to make the true window of
the rendered one: L1, LPIPS, a patch discriminator with feature matching (losses/). Last its graph is written beside those that
methods share, where the fast renderer finds it. People that the weights were trained on; the figures are of others.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as PILImage
from safetensors.torch import load_file, save_file
from torch import Tensor

from reenact.calibrate.teaching import as_bytes, average_in, rate_share, say
from reenact.core.download import sha256
from reenact.core.errors import ReenactError, as_options
from reenact.core.graph_names import FAST, MOUTH
from reenact.core.types import Motion
from reenact.data.pool import Pool, mirror_order
from reenact.evaluate.results import write_json
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.points import EYES, LIPS, MESH_POINTS, template
from reenact.faces.pose import canonical_face
from reenact.geometry.grid import sample
from reenact.losses.lpips import LPIPS
from reenact.losses.patch_gan import PatchDiscriminator, feature_matching, hinge_discriminator, hinge_generator
from reenact.methods.export import write_graph
from reenact.nn.graphs import mouth_graph
from reenact.nn.mouth import COLUMNS, ROWS, MouthPlace, MouthRefiner
from reenact.runtime.graph import Chain, OpenVinoGraph
from reenact.runtime.onnx_method import OnnxMethod
from reenact.runtime.renderer import render_files
from reenact.runtime.trust import write_hashes

SIDE = 256
CODE = 2 * 3 * len(MESH_POINTS) + 2 * 3
"""numbers of the generator's code (nn/keypoint_method.py)"""
EACH = 16
"""ours: driving frames of a clip; half of each portrait's pairs are rendered by either renderer"""
MOUTH_SHAPES = slice(BLENDSHAPE_NAMES.index("jawForward"), BLENDSHAPE_NAMES.index("mouthUpperUpRight") + 1)
SHOWN = ("mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight")
LEAST = 0.3
"""ours: how often a window with a closed mouth is trained on, where a wide one is 1 and more"""
BATCH, RATE, JUDGE_RATE, AVERAGE, WARM = 16, 8e-4, 4e-4, 0.998, 300
WEIGHTS = {"l1": 4.0, "lpips": 1.0, "adversarial": 0.05, "matching": 0.25}
"""ours"""
INNER = (slice(12, 60), slice(16, 80))
"""ours: rows and columns that LPIPS compares, enlarged to the window's side"""
GAMMA, GAIN, TINT = 0.25, 0.08, 0.06
"""ours: deviations of the logarithms by which both windows are changed, alike"""
SAY, CURVE, ABOUT, JUDGE = 500, "curve.json", "mouth.json", "discriminator.safetensors"
Windows = Mapping[str, np.ndarray]


class Renderers:
    """Both renderers as they ship, without what this network adds."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.methods = [OnnxMethod(folder, "cpu", threads, renderer=renderer) for renderer in ("full", "fast")]
        files = [render_files(method.config, folder, method.renderer) for method in self.methods]
        self._chains = [Chain([OpenVinoGraph(file, "f32", threads) for file, _ in own if file.name != MOUTH]) for own in files]
        self.place = window_place()

    def windows(
        self, crop: np.ndarray, driving: np.ndarray, motions: list[Motion], first: int
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """One of each driving frame, with its number. first: 0 or 1, from which on every other one is the whole renderer's."""
        for which, (method, chain) in enumerate(zip(self.methods, self._chains, strict=True)):
            portrait = method.encode_crop(crop)
            held = {**portrait.tensors, **portrait.motion.tensors("source")}
            for number in range((first + which) % 2, len(motions), 2):
                drawn = chain.run({**held, **motions[number].tensors("driving")})
                yield number, {**self._window(drawn, motions[number], driving[number]), "fast": np.array(which == 1)}

    def _window(self, drawn: Mapping[str, np.ndarray], motion: Motion, true: np.ndarray) -> dict[str, np.ndarray]:
        code, *head = (torch.from_numpy(np.array(x)) for x in (drawn["code"], motion.scale[None], motion.translation[None]))
        into = self.place(code, *head).into
        pictures = {"frame": drawn["frame"], "keep": drawn["keep"], "truth": true.transpose(2, 0, 1)[None] / np.float32(255)}
        cut = {name: as_bytes(sample(torch.from_numpy(np.array(value)), into)[0].numpy()) for name, value in pictures.items()}
        return {**cut, "code": drawn["code"][0].astype(np.float16)}


def window_place() -> MouthPlace:
    """Of the keypoints that the shared renderer's code is made of."""
    points = torch.from_numpy(template(canonical_face().points))
    corners = [points[MESH_POINTS.index(point)] for point in EYES[:: len(EYES) // 2]]
    return MouthPlace(points[: len(LIPS)], float((corners[0] - corners[1]).norm()), len(MESH_POINTS), SIDE)


def render(pool: Pool, folder: Path, minutes: float, part: tuple[int, int], random: np.random.Generator) -> Windows:
    """Windows of every clip's portrait with the mouth closed most, and of another of its frames, moved by frames whose mouths
    are unlike one another. part: (0, 1) is all clips."""
    renderers, began = Renderers(folder), time.monotonic()
    clips = [rows for clip in np.unique(pool.clip) if len(rows := np.flatnonzero(pool.clip == clip)) > EACH // 2]
    random.shuffle(clips)
    found: list[dict[str, np.ndarray]] = []
    for rows in clips[part[0] :: part[1]]:
        if time.monotonic() - began > 60 * minutes:
            break
        opened = openness(pool.blendshapes[rows]).astype(np.float32)
        chosen = unlike(pool.blendshapes[rows][:, MOUTH_SHAPES], EACH, random)
        driving = pool.read(rows[chosen])
        motions = [renderers.methods[0].encode_motion(frame) for frame in driving]
        for first, source in enumerate((rows[np.argmin(opened)], random.choice(rows))):
            moved = renderers.windows(pool.read(np.array([source]))[0], driving, motions, first)
            found += [{**window, "open": opened[chosen[number]], "clip": np.array(rows[0])} for number, window in moved]
        say(f"{len(found)} windows, {time.monotonic() - began:.0f} s")
    if not found:
        raise ReenactError("no clip of the pool has frames enough: prepare clips first")
    return {name: np.stack([window[name] for window in found]) for name in found[0]}


def openness(blendshapes: np.ndarray) -> np.ndarray:
    """[n,52] -> [n]: how far a mouth shows what is in it."""
    return blendshapes[:, BLENDSHAPE_NAMES.index("jawOpen")] + blendshapes[:, [BLENDSHAPE_NAMES.index(n) for n in SHOWN]].mean(1)


def unlike(values: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Rows far from one another, the first at random: each next one is far from all before, by a distance that is shaken."""
    chosen = [int(random.integers(len(values)))]
    away = np.linalg.norm(values - values[chosen[0]], axis=1)
    while len(chosen) < min(count, len(values)):
        chosen.append(int(np.argmax(away * random.uniform(0.5, 1, len(away)))))
        away = np.minimum(away, np.linalg.norm(values - values[chosen[-1]], axis=1))
    return np.array(chosen)


def read(run: Path, split: str) -> Windows:
    """Raises ReenactError where the run has none."""
    parts = [np.load(path) for path in sorted(run.glob(f"windows_{split}*.npz"))]
    if not parts:
        raise ReenactError(f"{run} has no windows of {split}: render them first")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}


def to_tensors(windows: Windows, rows: np.ndarray) -> dict[str, Tensor]:
    """Pictures in [0, 1], fp32."""
    found = {name: torch.from_numpy(windows[name][rows]).float() for name in ("frame", "keep", "truth", "code")}
    return {name: value if name == "code" else value / 255 for name, value in found.items()}


def varied(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Half of them mirrored; each in other colours."""
    count = len(batch["code"])
    mirrored = torch.rand(count) < 0.5
    code = torch.where(mirrored[:, None], mirrored_code(batch["code"]), batch["code"])
    gamma = (GAMMA * torch.randn(count, 1, 1, 1)).exp()
    gain = (GAIN * torch.randn(count, 1, 1, 1) + TINT * torch.randn(count, 3, 1, 1)).exp()
    made = {
        name: torch.where(mirrored[:, None, None, None], batch[name].flip(3), batch[name]) for name in ("frame", "keep", "truth")
    }
    colours = {name: (made[name].clamp(min=1e-4) ** gamma * gain).clamp(0, 1) for name in ("frame", "truth")}
    return {**made, **colours, "code": code}


def mirrored_code(code: Tensor) -> Tensor:
    """[B,246] of a mirrored portrait and a mirrored driving face."""
    count = len(MESH_POINTS)
    order = torch.from_numpy(mirror_order()[:count])
    shapes = code[:, : 6 * count].reshape(len(code), 2, count, 3)[:, :, order] * torch.tensor([-1.0, 1.0, 1.0])
    return torch.cat([shapes.flatten(1), code[:, 6 * count :] * torch.tensor([-1.0, 1.0, -1.0] * 2)], 1)


class Objective:
    """What a window that was drawn again is compared by."""

    def __init__(self) -> None:
        self.lpips, self.judge = LPIPS("alex"), PatchDiscriminator(32, 3)
        across, down = (torch.linspace(-1, 1, n) for n in (COLUMNS, ROWS))
        self.near = (0.3 + torch.exp(-2.5 * (across[None].square() + down[:, None].square())))[None, None]

    def terms(self, made: Tensor, truth: Tensor) -> dict[str, Tensor]:
        self.judge.requires_grad_(False)
        fake, real = self.judge(made), self.judge(truth)
        return {
            **self.figures(made, truth),
            "adversarial": hinge_generator(fake.logits),
            "matching": feature_matching(fake.features, real.features),
        }

    def figures(self, made: Tensor, truth: Tensor) -> dict[str, Tensor]:
        l1 = ((made - truth).abs() * self.near).mean()
        return {"l1": l1, "lpips": self.lpips(_enlarged(made), _enlarged(truth)).mean()}

    def judged(self, made: Tensor, truth: Tensor) -> Tensor:
        self.judge.requires_grad_(True)
        return hinge_discriminator(self.judge(truth).logits, self.judge(made.detach()).logits)


def train(refiner: MouthRefiner, run: Path, count: int, start: Path | None = None) -> None:
    """On so many windows. start: the run whose discriminator goes on. Writes the average, its curve and a
    sheet into `run`."""
    windows, others = read(run, "train"), read(run, "val")
    random, objective, average = np.random.default_rng(0), Objective(), copy.deepcopy(refiner)
    if start is not None:
        objective.judge.load_state_dict(load_file(start / JUDGE))
    often = LEAST + windows["open"]
    often = often / often.sum()
    drawing = torch.optim.AdamW(refiner.parameters(), RATE, betas=(0.5, 0.99), weight_decay=1e-2)
    judging = torch.optim.AdamW(objective.judge.parameters(), JUDGE_RATE, betas=(0.5, 0.99))
    curve, began, steps = [check(average, objective, others, 0)], time.monotonic(), -(-count // BATCH)
    for step in range(steps):
        for optimiser, rate in ((drawing, RATE), (judging, JUDGE_RATE)):
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_share(step, WARM, step / steps)
        batch = varied(to_tensors(windows, random.choice(len(often), BATCH, p=often)))
        made, _ = refiner.refine(batch["frame"], batch["keep"], batch["code"])
        grown = min(1, step / WARM)  # a discriminator that knows nothing yet teaches nothing
        weights = {**WEIGHTS, **{name: grown * WEIGHTS[name] for name in ("adversarial", "matching")}}
        terms = objective.terms(made, batch["truth"])
        _stepped(drawing, torch.stack([weights[name] * value for name, value in terms.items()]).sum())
        _stepped(judging, objective.judged(made, batch["truth"]))
        average_in(average, refiner, AVERAGE, step)
        if (step + 1) % SAY == 0 or step + 1 == steps:
            say(f"{(step + 1) * BATCH / (time.monotonic() - began):.1f} windows/s")
            curve.append(check(average, objective, others, BATCH * (step + 1)))
            _save(average, objective.judge, curve, run)
    sheet(average, others, run / "sheet.png")


def _stepped(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    for group in optimiser.param_groups:
        torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
    optimiser.step()


@torch.no_grad()
def check(refiner: MouthRefiner, objective: Objective, windows: Windows, seen: int) -> dict[str, float]:
    """Means on people never trained on: as rendered, drawn again; of all windows, and of the wide third."""
    wide = np.argsort(-windows["open"])[: len(windows["open"]) // 3]
    found: dict[str, float] = {"windows": float(seen)}
    for name, rows in (("", np.arange(len(windows["open"]))), ("wide ", wide)):
        sums: dict[str, list[float]] = {}
        for some in np.array_split(rows, -(-len(rows) // 32)):
            batch = to_tensors(windows, some)
            made, _ = refiner.refine(batch["frame"], batch["keep"], batch["code"])
            for what, picture in (("rendered", batch["frame"]), ("again", made)):
                for figure, value in objective.figures(picture, batch["truth"]).items():
                    sums.setdefault(f"{name}{figure} {what}", []).append(value.item() * len(some))
        found |= {key: round(sum(values) / len(rows), 5) for key, values in sums.items()}
    say(json.dumps(found))
    return found


@torch.no_grad()
def sheet(refiner: MouthRefiner, windows: Windows, path: Path) -> None:
    """Of each clip three wide mouths: as rendered, drawn again, true, how much was. Research material: not to be published."""
    rows = []
    for clip in np.unique(windows["clip"]):
        own = np.flatnonzero(windows["clip"] == clip)
        batch = to_tensors(windows, own[np.argsort(-windows["open"][own])][[0, 2, 6]])
        made, share = refiner.refine(batch["frame"], batch["keep"], batch["code"])
        pictures = torch.cat([batch["frame"], made, batch["truth"], share.expand(-1, 3, -1, -1)], 3)
        rows.append(torch.cat(list(pictures), 2))
    picture = PILImage.fromarray(as_bytes(torch.cat(rows, 1).numpy()).transpose(1, 2, 0))
    picture.save(path)


def _save(refiner: MouthRefiner, judge: PatchDiscriminator, curve: list[dict[str, float]], run: Path) -> None:
    save_file(dict(refiner.state_dict()), run / "refiner.safetensors")
    save_file({name: value.contiguous() for name, value in judge.state_dict().items()}, run / JUDGE)
    (run / CURVE).write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


def _enlarged(window: Tensor) -> Tensor:
    inner = window[:, :, INNER[0], INNER[1]]
    return F.interpolate(inner, size=(ROWS, COLUMNS), mode="bilinear", align_corners=False)


def write(refiner: MouthRefiner, folder: Path, run: Path) -> None:
    """The graph in the folder that methods share, and beside it what it learned from and how."""
    known = {"code": torch.zeros(1, CODE), "driving_scale": torch.full((1, 1), 0.6), "driving_translation": torch.zeros(1, 2)}
    known |= {"frame": torch.rand(1, 3, SIDE, SIDE), "keep": torch.rand(1, 1, SIDE, SIDE)}
    graph = mouth_graph(window_place(), refiner)
    write_graph(graph, tuple(known[name] for name in graph.inputs), folder / graph.file, packed=True)
    write_hashes(folder)
    seen = {name: sha256(folder / name) for name in (*FAST, *FAST.values()) if (folder / name).exists()}
    curve = json.loads((run / CURVE).read_text(encoding="utf-8"))
    said = {"file": graph.file, "sha256": sha256(folder / graph.file), "rendered_by_sha256": seen, "curve": curve}
    write_json(folder / ABOUT, {**said, "date": datetime.now(UTC).date().isoformat()})


def begun(run: Path | None) -> MouthRefiner:
    """From a run, or fresh."""
    refiner = MouthRefiner(CODE)
    if run is not None and (run / "refiner.safetensors").exists():
        refiner.load_state_dict(load_file(run / "refiner.safetensors"))
    return refiner


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("run", type=Path, help="folder for windows, weights and their curve")
    parser.add_argument("--rendering", type=float, default=0, help="minutes in which windows of training clips are rendered (0)")
    parser.add_argument("--part", default="1/1", help="which part of the clips this process renders")
    parser.add_argument("--windows", type=int, default=0, help="how many are trained on (0)")
    parser.add_argument("--weights", type=Path, default=Path("src/reenact/weights/mmfa"), help="whose frames are rendered")
    parser.add_argument("--from", type=Path, dest="start", help="run to go on from")
    parser.add_argument("--out", type=Path, help="folder for mouth.onnx")
    return parser.parse_args()


def _rendered(given: argparse.Namespace) -> None:
    part, parts = (int(number) for number in given.part.split("/"))
    for split, minutes in (("train", given.rendering), ("val", given.rendering if part == 1 else 0)):
        if minutes:
            pool = Pool.load(given.pool, splits=(split,))
            windows = render(pool, given.weights, minutes, (part - 1, parts), np.random.default_rng(0))
            np.savez(given.run / f"windows_{split}_{part}.npz", **windows)  # type: ignore[arg-type]


def main() -> None:
    given = _arguments()
    given.run.mkdir(parents=True, exist_ok=True)
    try:
        if given.rendering:
            _rendered(given)
        if given.windows:
            torch.manual_seed(0)
            train(begun(given.start), given.run, given.windows, given.start)
        if given.out is not None:
            write(begun(given.run).eval(), given.out, given.run)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None


if __name__ == "__main__":
    main()
