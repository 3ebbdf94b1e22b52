"""The stages that methods which move keypoints share: a method's recipe fills in `Recipe`, the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.core.groups import off_the_mean
from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.grid import identity_grid, sample
from reenact.methods import uncovering, windows
from reenact.methods.adversary import CRITIC_WEIGHTS, Adversary
from reenact.methods.reading import SHOWN_GAPS, gaps
from reenact.methods.self_reenactment import RenderObjective, enlarged
from reenact.methods.steadying import SteadyObjective, grained
from reenact.nn.keypoint_method import KeypointMethod, Rendered
from reenact.recipes import shown
from reenact.train.config import Critic, Shown, Stage, Task, Terms, Validation
from reenact.train.state import fill

CHECKED_TERMS = ("lpips", "features", "mesh", "mesh_gaps", "mesh_shapes", "identity", "identity_source", "behind")
CHECKED_AT_ONCE = 32
"""ours: pictures of one validation batch"""


CRITIC_SHARE = 2.0
"""ours: the critic's learning rate in those of what it judges; it begins from nothing"""
RENDER_PARTS = ("source", "dense_motion", "generator", "uncover")
"""what draws, in every method that moves keypoints; the last only where there is a plate to show"""


@dataclass(frozen=True)
class Recipe:
    """What a method brings to the shared stages."""

    build: Callable[[], KeypointMethod]
    motion_parts: tuple[str, ...]
    motion_objective: Callable[[Any], nn.Module]
    render_parts: tuple[str, ...] = RENDER_PARTS
    prepare: Callable[[Any, Pool], None] | None = None
    """fits what a fresh model knows beforehand of the pool's faces"""
    adopt: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]] = lambda found, _: found
    """(weights to start from, a fresh model's state) -> the same as this method's, where they may be another method's"""
    learn: Callable[[Batches], None] | None = None
    """tells the batches what the motion objective wants besides the teacher's reading"""
    paired: bool = False
    """the motion objective wants two frames of each clip"""
    figures: Callable[[Any, Batches, np.ndarray], dict[str, float]] | None = None
    """(model, data, rows) -> more to say at validation"""

    def fresh(self, pool: Pool) -> KeypointMethod:
        """A model to begin training with."""
        model = self.build()
        if self.prepare is not None:
            self.prepare(model, pool)
        return model


def draw(model: KeypointMethod, source: Batch, driving: Batch) -> Rendered:
    """The source frame moved by the teacher's keypoints, with all that the grid shows of the way there."""
    return model.render_poses(source["image"], model.pyramid(source["image"]), model.teacher(source), model.teacher(driving))


def draw_as_read(model: KeypointMethod, source: Batch, driving: Batch) -> Rendered:
    """The source frame moved by the method's own reading of both pictures, as it will run."""
    read, portrait = model.encode_motion(source["image"]), model.encode_source(source["image"])
    return model.render(source["image"], portrait, read, model.encode_motion(driving["image"]))


def keypoints(model: KeypointMethod, batch: Batch) -> tuple[Tensor, Tensor]:
    """The teacher's and the encoder's, of the same pictures."""
    found = model.motion(batch["image"])
    return model.teacher(batch).keypoints, model.pose(found[model.person], found).keypoints


def parts(model: nn.Module, names: tuple[str, ...]) -> nn.ModuleDict:
    """The sub-networks that one stage trains, those that this model has."""
    found = {name: getattr(model, name) for name in names}
    return nn.ModuleDict({name: part for name, part in found.items() if part is not None})


def motion_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage one: the motion encoder, one picture at a time, against the teacher's reading."""
    model = method.fresh(pool).to(device).train()
    objective = method.motion_objective(model).to(device)
    trained = parts(model, method.motion_parts)
    trained["probe"] = objective
    trained.to(memory_format=torch.channels_last)
    data = _data(method, stage, pool, device)
    rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        return objective(model, *batch), {}

    batch, adopt = stage.schedule.batch, _adopter(method, model)
    return Task(
        trained,
        compute,
        lambda seen, share: data.singles(seen, batch, share, method.paired),
        partial(_reading_check, method, data, rows),
        data=about(pool),
        adopt=adopt,
    )


def steady_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """After stage three: the second look learns on, through windows that it has set itself, to read alike what is alike
    (methods/steadying.py)."""
    model = method.build().to(device).train()
    objective = SteadyObjective(method.motion_objective(model)).to(device)
    trained = parts(model, method.motion_parts)
    trained["probe"] = objective.reading
    trained.to(memory_format=torch.channels_last)
    for part in (model.motion.first, model.motion.place):
        part.requires_grad_(False)
    data = _data(method, stage, pool, device)
    rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        return objective(model, batch[0]), {}

    batch, adopt, check = stage.schedule.batch, _adopter(method, model), partial(_reading_check, method, data, rows)
    return Task(trained, compute, lambda seen, share: data.singles(seen, batch, share), check, data=about(pool), adopt=adopt)


def render_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage two: everything that draws, driven by the teacher's keypoints."""
    model = method.fresh(pool).to(device).train()
    objective = RenderObjective().to(device)
    checked = method.fresh(pool).to(device)
    trained = parts(model, method.render_parts).to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide, mouths=stage.mouths)
    judge, critic = adversary(stage, device)

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        terms, rendered = objective(model, *batch)
        more, exhibit = judge(rendered.frame, batch[1])
        return terms | more, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(checked, method.render_parts, average)
        figures = _render_figures(draw, objective, validation, data)
        return Validation(figures, *shown.drawn_rows(draw, validation, data))

    batch, adopt = stage.schedule.batch, _adopter(method, model)
    return Task(
        trained, compute, lambda seen, share: data.pairs(seen, batch, share), check, critic, data=about(pool), adopt=adopt
    )


def joint_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device, still: tuple[str, ...] = ()) -> Task:
    """Stage three: everything, driven by the method's own reading, so that what is read is taught by what is drawn.

    still: parts that do not learn.

    Some sources are rendered people whom another one drives, with the exact truth. All batch norms stand still:
    batches are small here, pairs of one clip are alike, and weights that shipped have lost their norms (recipes/revive.py).
    """
    model = method.build().to(device).train()  # the stages before it have done what `fresh` does
    reads = method.motion_parts[0] not in still
    objective, reading = RenderObjective().to(device), method.motion_objective(model).to(device)
    names = (*method.render_parts, *method.motion_parts)
    trained = parts(model, names)
    parts(model, still).requires_grad_(False)  # the optimiser passes over what has no gradient
    trained["probe"] = reading
    trained.to(memory_format=torch.channels_last)
    data = _data(method, stage, pool, device)
    judge, critic = adversary(stage, device)

    def compute(batch: tuple[Batch, Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        terms, rendered, read = objective.joint(model, *batch)
        more, exhibit = judge(rendered.frame, batch[2])
        if reads:
            terms |= reading.compare(model, in_turn(*read), in_turn(*batch[:2]))
        return {**terms, **more}, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(method.build().to(device), names, average)
        rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]
        figures = _render_figures(draw_as_read, objective, validation, data) | _agreement(validation, data, rows)
        figures |= _more(method, validation, data, rows)
        return Validation(figures, *shown.drawn_rows(draw_as_read, validation, data))

    batch, adopt = stage.schedule.batch, _adopter(method, model)
    return Task(
        trained, compute, lambda seen, share: data.triples(seen, batch, share), check, critic, data=about(pool), adopt=adopt
    )


def through_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `joint_task`, through a drawing that stands still: methods that draw with the same weights go on doing so."""
    return joint_task(method, stage, pool, device, still=RENDER_PARTS)


def drawing_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `joint_task`, by a reading that stands still: what is measured on it (sliders, the codec's steps) stays true."""
    return joint_task(method, stage, pool, device, still=method.motion_parts)


def flow_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `drawing_task`, but the generator stands still too, and what decides where things go learns: of the reading the
    decoder of expression codes, so that a code goes on meaning the same."""
    return joint_task(method, stage, pool, device, still=("motion", "generator"))


def windows_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """After stage three: the generator alone, window by window (methods/windows.py), most of them mouths."""
    objective, judge = windows.WindowObjective().to(device), windows.Judge().to(device)

    def step(model: KeypointMethod, batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        terms, exhibit = objective(model, *batch)
        return {**terms, **judge.terms(exhibit)}, exhibit

    critic = Critic(judge, judge, CRITIC_WEIGHTS, CRITIC_SHARE * stage.schedule.learning_rate)
    return _part_task(method, stage, pool, device, "generator", step, critic)


def uncover_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Before the last stage: the mask alone that shows the plate (methods/uncovering.py)."""
    objective = uncovering.UncoverObjective().to(device)

    def step(model: KeypointMethod, batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        model.uncover.train()
        return objective(model, *batch), {}

    return _part_task(method, stage, pool, device, "uncover", step)


def _part_task(
    method: Recipe,
    stage: Stage,
    pool: Pool,
    device: torch.device,
    part: str,
    step: Callable[[Any, tuple[Batch, Batch]], tuple[Terms, Shown]],
    critic: Critic | None = None,
) -> Task:
    """One part of what draws learns, by the method's own reading; all else stands still."""
    model = method.build().to(device).train()
    names = (*method.render_parts, *method.motion_parts)
    trained = parts(model, names).to(memory_format=torch.channels_last)
    trained.requires_grad_(False)
    trained[part].requires_grad_(True)
    data = _data(method, stage, pool, device)
    checked, drawn = method.build().to(device), RenderObjective().to(device)

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(checked, names, average)
        figures = _render_figures(draw_as_read, drawn, validation, data)
        return Validation(figures, *shown.drawn_rows(draw_as_read, validation, data))

    batch, adopt = stage.schedule.batch, _adopter(method, model)
    return Task(
        trained,
        lambda pairs: step(model, pairs),
        lambda seen, share: data.pairs(seen, batch, share),
        check,
        critic,
        data=about(pool),
        adopt=adopt,
    )


def in_turn(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Two batches as one: a row of the first, a row of the second, as `Batches.singles` gives pairs."""
    return {name: torch.stack([value, other[name]], 1).flatten(0, 1) for name, value in one.items()}


def hold_norms(model: nn.Module) -> None:
    """Batch norms work with what they have seen, and see no more."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def adversary(stage: Stage, device: torch.device) -> tuple[Callable[[Tensor, Batch], tuple[Terms, Shown]], Critic | None]:
    """(drawn picture, driving) -> the terms that a critic adds and what it is shown, and the critic; of a stage whose weights
    name `adversarial`. Else nothing, and none."""
    if "adversarial" not in stage.weights:
        return lambda frame, driving: ({}, {}), None
    network = Adversary().to(device).to(memory_format=torch.channels_last)

    def judge(frame: Tensor, driving: Batch) -> tuple[Terms, Shown]:
        shown = network.shown(frame, driving)
        return network.terms(shown), shown

    return judge, Critic(network, network, CRITIC_WEIGHTS, CRITIC_SHARE * stage.schedule.learning_rate)


def _data(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Batches:
    """The stage's batches, with all that the method's own objective wants."""
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide, stage.same_motion, stage.mouths)
    if method.learn:
        method.learn(data)
    return data


def _reading_check(method: Recipe, data: Batches, rows: np.ndarray, average: Mapping[str, Tensor]) -> Validation:
    """Of a stage that teaches what reads: its figures, and keypoints shown."""
    validation = averaged(method.build().to(data.device), method.motion_parts, average)
    figures = _reading_figures(method, validation, data, rows)
    return Validation(figures, *shown.keypoint_rows(keypoints, validation, data, rows))


def _reading_figures(method: Recipe, model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """How well faces are read, and how alike two readings of one picture are, each with its own grain."""
    objective = method.motion_objective(model).to(data.device)
    terms = _means(objective, model, data, rows)
    return {
        "val_keypoints_px": round(terms["keypoints"] * 128, 3),
        "val_tremble_px": round(_trembling(model, data, rows) * 128, 3),
        "val_offsets": round(terms["offsets"], 5),
        "val_pose": round(terms["pose"], 4),
        "val_rough": round(terms["rough"], 4),
        **_agreement(model, data, rows),
        **_more(method, model, data, rows),
    }


@torch.no_grad()
def _trembling(model: KeypointMethod, data: Batches, rows: np.ndarray) -> float:
    """Mean distance between keypoints read twice, in halves of the side: as it is and shifted by half a pixel, with grain."""
    total = 0.0
    with torch.random.fork_rng(devices=[data.device] if data.device.type == "cuda" else []):
        torch.manual_seed(0)
        for first in range(0, len(rows), CHECKED_AT_ONCE):
            image = data.read(rows[first : first + CHECKED_AT_ONCE])["image"]
            shift = 1 / image.shape[-1]
            moved = sample(image, identity_grid(*image.shape[-2:], image)[None].expand(len(image), -1, -1, -1) + shift)
            both = torch.cat([grained(image), grained(moved)])
            found = model.motion(both)
            points = model.pose(found[model.person], found).keypoints[..., :2]
            one, other = points.chunk(2)
            total += float((other + shift - one).abs().mean()) * len(image)
    return total / len(rows)


def _more(method: Recipe, model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    return method.figures(model, data, rows) if method.figures else {}


def _adopter(method: Recipe, model: nn.Module) -> Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]:
    """Of what a stage starts from, as the model stands now."""
    fresh = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return lambda found: method.adopt(found, fresh)


def about(pool: Pool) -> dict[str, Any]:
    """What config.json says of the pool."""
    return {"frames": len(pool.split), "clips": len(np.unique(pool.clip))}


def validation_rows(pool: Pool, each: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Frame 0 of every validation clip against `each` frames spread over it."""
    source, driving = [], []
    for clip in np.unique(pool.clip[pool.split == shown.held_out(pool)]):
        rows = np.flatnonzero(pool.clip == clip)
        source += [rows[0]] * each
        driving += list(rows[np.linspace(len(rows) // 5, len(rows) - 1, each).astype(int)])
    return np.array(source), np.array(driving)


def averaged(model: nn.Module, names: tuple[str, ...], average: Mapping[str, Tensor]) -> Any:
    """A model for validation, with one stage's averaged weights."""
    for name, part in parts(model, names).items():
        prefix = f"{name}."
        fill(part, {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)})
    return model.eval()


@torch.no_grad()
def _means(objective: nn.Module, model: nn.Module, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """Mean terms over rows."""
    sums: dict[str, float] = {}
    for first in range(0, len(rows), CHECKED_AT_ONCE):
        some = rows[first : first + CHECKED_AT_ONCE]
        for name, value in objective(model, data.read(some)).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(some) / len(rows)
    return sums


@torch.no_grad()
def _render_figures(draw: Callable, objective: RenderObjective, model: KeypointMethod, data: Batches) -> dict[str, float]:
    """Means over frames drawn from another frame of their clip: L1, and the objective's terms, beside the still source's."""
    sums = {"val_mouths": round(_mouths(draw, objective, model, data), 5)}
    source_rows, driving_rows = validation_rows(data.pool)
    for first in range(0, len(source_rows), CHECKED_AT_ONCE):
        cut = slice(first, first + CHECKED_AT_ONCE)
        source, driving = data.read(source_rows[cut]), data.read(driving_rows[cut])
        rendered, truth = draw(model, source, driving), driving["image"]
        terms = objective.terms(model, rendered, driving, source)
        found = {name: float(value) for name, value in terms.items() if name in CHECKED_TERMS}
        found["l1"] = float((rendered.frame - truth).abs().mean())
        still = {
            "l1": float((source["image"] - truth).abs().mean()),
            "lpips": float(objective.lpips(source["image"], truth).mean()),
        }
        named = {f"val_{name}": value for name, value in found.items()} | {f"still_{name}": x for name, x in still.items()}
        for name, value in named.items():
            sums[name] = sums.get(name, 0.0) + value * len(truth) / len(source_rows)
    return {name: round(value, 5) for name, value in sums.items()}


@torch.no_grad()
def _mouths(draw: Callable, objective: RenderObjective, model: KeypointMethod, data: Batches) -> float:
    """LPIPS of mouths enlarged, the widest open of each clip drawn from the one most shut: what a source does not show."""
    jaw, losses = BLENDSHAPE_NAMES.index("jawOpen"), []
    for clip in np.unique(data.pool.clip[data.pool.split == shown.held_out(data.pool)]):
        rows = np.flatnonzero(data.pool.clip == clip)
        order = np.argsort(data.pool.blendshapes[rows, jaw], kind="stable")
        source, driving = data.read(rows[order[:1]]), data.read(rows[order[-1:]])
        pictures = [enlarged(x, driving)[-1:] for x in (draw(model, source, driving).frame, driving["image"])]
        losses.append(float(objective.lpips(*pictures)))
    return float(np.mean(losses))


@torch.no_grad()
def _agreement(model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """Correlation and slope (1 is best) of the opening of lids and lips and the turn of the eyes with the teacher's.

    Read off the keypoints in the head's frame, each person's mean taken out.
    """
    pairs: list[list[Tensor]] = [[], []]
    for first in range(0, len(rows), CHECKED_AT_ONCE):
        batch = data.read(rows[first : first + CHECKED_AT_ONCE])
        found = model.motion(batch["image"])
        for kept, pose in zip(pairs, (model.pose(found[model.person], found), model.teacher(batch)), strict=True):
            kept.append(gaps(pose.head).double().cpu())
    person = data.pool.clip[rows]
    found, truth = (torch.from_numpy(off_the_mean(torch.cat(kept).numpy(), person)) for kept in pairs)
    out = {}
    for name, (which, axis) in SHOWN_GAPS.items():
        a, b = found[:, which, axis].flatten(), truth[:, which, axis].flatten()
        product = (a * b).sum()
        out[f"{name}_r"] = round(float(product / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-12)), 3)
        out[f"{name}_slope"] = round(float(product / b.square().sum().clamp(min=1e-12)), 3)
    return out
