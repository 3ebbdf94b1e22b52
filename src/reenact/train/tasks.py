"""The stages that methods which move keypoints share: a method's recipe fills in `Recipe`, the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.data.stills import with_warped
from reenact.losses.emotion import Expression
from reenact.nn.keypoint_method import KeypointMethod
from reenact.objectives import disocclusion, facial_features, patches
from reenact.objectives.adversary import DISCRIMINATOR_WEIGHTS, Adversary, Discriminators
from reenact.objectives.consistency import ConsistencyObjective
from reenact.objectives.self_reenactment import RenderObjective
from reenact.train import validation_grid as shown
from reenact.train.config import Discriminator, Shown, Stage, Task, Terms, Validation
from reenact.train.people import KNOWN_AS, known_people
from reenact.train.recipe import RENDER_PARTS, Recipe, parts
from reenact.train.validation import agreement, averaged, draw, draw_as_read, more_figures, reading_check, render_figures

BEFORE = "before"
"""of what a stage keeps: the generator that it began with"""
DISCRIMINATOR_SHARE = 2.0
"""ours: the discriminator's learning rate in those of the generator's; it begins from nothing"""


def motion_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage one: the motion encoder, one picture at a time, against the teacher's estimate."""
    model = method.fresh(pool).to(device).train()
    objective = method.motion_objective(model).to(device)
    trained = parts(model, method.motion_parts)
    trained["probe"] = objective
    trained.to(memory_format=torch.channels_last)
    data = _data(method, stage, pool, device)
    rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        return objective(model, *batch), {}

    batch, adopt = stage.schedule.batch, adopter(method, model)
    return Task(
        trained,
        compute,
        lambda seen, share: data.singles(seen, batch, share, method.paired),
        partial(reading_check, method, data, rows),
        data=about(pool),
        adopt=adopt,
        capturable=True,
    )


def consistency_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """After stage three: the second pass's temporal consistency, on windows that it has set itself
    (objectives/consistency.py)."""
    model = method.build().to(device).train()
    objective = ConsistencyObjective(method.motion_objective(model)).to(device)
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

    batch, adopt, check = stage.schedule.batch, adopter(method, model), partial(reading_check, method, data, rows)
    return Task(
        trained,
        compute,
        lambda seen, share: data.singles(seen, batch, share),
        check,
        data=about(pool),
        adopt=adopt,
        capturable=True,
    )


def render_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage two: the rendering network, driven by the teacher's keypoints."""
    model = method.fresh(pool).to(device).train()
    objective = RenderObjective().to(device)
    checked = method.fresh(pool).to(device)
    trained = parts(model, method.render_parts).to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide, mouths=stage.mouths)
    against, discriminator = adversary(stage, device)

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        terms, rendered = objective(model, *batch)
        more, exhibit = against(rendered.frame, batch[1])
        return terms | more, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(checked, method.render_parts, average)
        figures = render_figures(draw, objective, validation, data)
        return Validation(figures, *shown.drawn_rows(draw, validation, data))

    batch, adopt = stage.schedule.batch, adopter(method, model)
    return Task(
        trained,
        compute,
        lambda seen, share: data.pairs(seen, batch, share),
        check,
        discriminator,
        data=about(pool),
        adopt=adopt,
        capturable=True,
    )


def joint_task(
    method: Recipe, stage: Stage, pool: Pool, device: torch.device, frozen: tuple[str, ...] = (), reads: bool | None = None
) -> Task:
    """Stage three: everything, driven by the method's own motion encoder, which learns from the rendered frames.

    frozen: parts that do not learn. reads: are the motion's own terms there? By default where its encoder learns.

    Some sources are rendered people whom another one drives, with the exact truth. All batch norms are frozen:
    batches are small here, pairs of one clip are alike, and weights that shipped have lost their norms (methods/import_onnx.py).
    """
    model = method.build().to(device).train()  # the stages before it have done what `fresh` does
    reads = method.motion_parts[0] not in frozen if reads is None else reads
    emotion = Expression() if "emotion" in stage.weights else None
    objective = RenderObjective(emotion, stage.read_share, stage.lpips_shift).to(device)
    reading = method.motion_objective(model).to(device)
    names = (*method.render_parts, *method.motion_parts)
    trained = parts(model, names)
    parts(model, frozen).requires_grad_(False)  # the optimiser passes over what has no gradient
    trained["probe"] = reading
    trained.to(memory_format=torch.channels_last)
    data = _data(method, stage, pool, device)
    if stage.identity == "person":
        data.learn(KNOWN_AS, known_people(data, objective, model))
    against, discriminator = adversary(stage, device)

    def compute(batch: tuple[Batch, Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        terms, rendered, read = objective.joint(model, *batch)
        more, exhibit = against(rendered.frame, batch[2])
        if reads:
            terms |= reading.compare(model, in_turn(*read), in_turn(*batch[:2]))
        return {**terms, **more}, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(method.build().to(device), names, average)
        rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]
        figures = render_figures(draw_as_read, objective, validation, data) | agreement(validation, data, rows)
        figures |= more_figures(method, validation, data, rows)
        return Validation(figures, *shown.drawn_rows(draw_as_read, validation, data))

    batch, adopt = stage.schedule.batch, adopter(method, model)
    return Task(
        trained,
        compute,
        lambda seen, share: data.triples(seen, batch, share),
        check,
        discriminator,
        data=about(pool),
        adopt=adopt,
        capturable=True,
    )


def finetune_encoder_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `joint_task`, through a frozen rendering network: methods that render with the same weights go on doing so."""
    return joint_task(method, stage, pool, device, frozen=RENDER_PARTS)


def finetune_renderer_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `joint_task`, by a frozen motion encoder: what is measured on it (sliders, the codec's steps) stays true."""
    return joint_task(method, stage, pool, device, frozen=method.motion_parts)


def finetune_long_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `finetune_renderer_task`, and the decoder of expression codes learns too, by the motion's own terms: the encoder alone
    is frozen, so that a code goes on meaning the same."""
    return joint_task(method, stage, pool, device, ("motion",), reads=True)


def finetune_flow_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `finetune_renderer_task`, but the generator is frozen too, and what decides where things go learns: of the encoder
    the decoder of expression codes, so that a code goes on meaning the same."""
    return joint_task(method, stage, pool, device, frozen=("motion", "generator"))


def patches_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """After stage three: the generator alone, patch by patch (objectives/patches.py), most of them mouths."""
    return _windows_task(method, stage, pool, device, patches.PatchObjective(), patches.WindowDiscriminator())


def facial_features_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """After everything: the generator alone, mouths and eyes, what it draws there by itself (objectives/facial_features.py)."""
    return _features_task(method, stage, pool, device, patches.WindowDiscriminator())


def projected_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """As `facial_features_task`, the discriminator on frozen features (losses/projected.py)."""
    return _features_task(method, stage, pool, device, facial_features.ProjectedWindows())


def _features_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device, discriminators: Discriminators) -> Task:
    """The generator that the stage begins with goes with its checkpoints, for what is to stay is compared with that."""
    before = method.build().generator.to(device).eval().requires_grad_(False)
    task = _windows_task(
        method, stage, pool, device, facial_features.FacialFeatureObjective(before, stage.read_share), discriminators
    )
    task.trained[BEFORE] = before

    def adopt(found: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        known = task.adopt(found)
        begun = {f"{BEFORE}.{name.removeprefix('generator.')}": x for name, x in known.items() if name.startswith("generator.")}
        return {**begun, **known}

    return replace(task, adopt=adopt)


def _windows_task(
    method: Recipe, stage: Stage, pool: Pool, device: torch.device, objective: nn.Module, discriminators: Discriminators
) -> Task:
    """The generator learns by windows of its pictures. objective: (model, source, driving) -> terms, windows shown;
    discriminators: of those windows."""
    objective, discriminators = objective.to(device), discriminators.to(device)

    def step(model: KeypointMethod, batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        terms, exhibit = objective(model, *batch)
        return {**terms, **discriminators.terms(exhibit)}, exhibit

    discriminator = Discriminator(
        discriminators, discriminators, DISCRIMINATOR_WEIGHTS, DISCRIMINATOR_SHARE * stage.schedule.learning_rate
    )
    # windows are cropped at places that Python must know, so no graph holds this step
    return replace(_part_task(method, stage, pool, device, "generator", step, discriminator), capturable=False)


def disocclusion_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Before the last stage: the mask alone that shows the inpainted background (objectives/disocclusion.py)."""
    objective = disocclusion.DisocclusionObjective().to(device)

    def step(model: KeypointMethod, batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        hold_norms(model)
        model.uncover.train()
        return objective(model, *batch), {}

    return _part_task(method, stage, pool, device, "uncover", step)


TASKS: Mapping[str, Callable[[Recipe, Stage, Pool, torch.device], Task]] = {
    "motion": motion_task,
    "finetune_consistency": consistency_task,
    "render": render_task,
    "joint": joint_task,
    "finetune_encoder": finetune_encoder_task,
    "finetune_renderer": finetune_renderer_task,
    "finetune_flow": finetune_flow_task,
    "finetune_long": finetune_long_task,
    "finetune_patches": patches_task,
    "finetune_features": facial_features_task,
    "finetune_projected": projected_task,
    "disocclusion": disocclusion_task,
}
"""what `Stage.task` may name"""


def task_of(stage: Stage, data: Any, device: torch.device) -> Task:
    """A stage, made: by its own function, or by the named task out of what its method brings."""
    if not isinstance(stage.task, str):
        return stage.task(stage, data, device)
    assert stage.method is not None, "a named task wants a method"
    return TASKS[stage.task](stage.method(stage.model), stage, data, device)


def _part_task(
    method: Recipe,
    stage: Stage,
    pool: Pool,
    device: torch.device,
    part: str,
    step: Callable[[Any, tuple[Batch, Batch]], tuple[Terms, Shown]],
    discriminator: Discriminator | None = None,
) -> Task:
    """One part of the rendering network learns, by the method's own motion encoder; all else is frozen."""
    model = method.build().to(device).train()
    names = (*method.render_parts, *method.motion_parts)
    trained = parts(model, names).to(memory_format=torch.channels_last)
    trained.requires_grad_(False)
    trained[part].requires_grad_(True)
    data = _data(method, stage, pool, device)
    checked, drawn = method.build().to(device), RenderObjective().to(device)

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(checked, names, average)
        figures = render_figures(draw_as_read, drawn, validation, data)
        return Validation(figures, *shown.drawn_rows(draw_as_read, validation, data))

    batch, adopt = stage.schedule.batch, adopter(method, model)
    return Task(
        trained,
        lambda pairs: step(model, pairs),
        lambda seen, share: data.pairs(seen, batch, share),
        check,
        discriminator,
        data=about(pool),
        adopt=adopt,
        capturable=True,
    )


def in_turn(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Two batches as one: a row of the first, a row of the second, as `Batches.singles` gives pairs."""
    return {name: torch.stack([value, other[name]], 1).flatten(0, 1) for name, value in one.items()}


def hold_norms(model: nn.Module) -> None:
    """Batch norms work with what they have seen, and see no more."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def adversary(stage: Stage, device: torch.device) -> tuple[Callable[[Tensor, Batch], tuple[Terms, Shown]], Discriminator | None]:
    """(frame made, driving) -> the terms that a discriminator adds and what it is shown, and the discriminator; of a stage whose
    weights name `adversarial`. Else nothing, and none."""
    if "adversarial" not in stage.weights:
        return lambda frame, driving: ({}, {}), None
    network = Adversary(stage.discriminator_width).to(device).to(memory_format=torch.channels_last)

    def against(frame: Tensor, driving: Batch) -> tuple[Terms, Shown]:
        shown = network.shown(frame, driving)
        return network.terms(shown), shown

    return against, Discriminator(network, network, DISCRIMINATOR_WEIGHTS, DISCRIMINATOR_SHARE * stage.schedule.learning_rate)


def _data(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Batches:
    """The stage's batches, with all that the method's own objective wants."""
    if stage.stills:
        pool = with_warped(pool)
    shares = stage.wide, stage.same_motion, stage.mouths, stage.stills, stage.augment, stage.lids, stage.darkest
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, *shares)
    if method.learn:
        method.learn(data)
    return data


def adopter(method: Recipe, model: nn.Module) -> Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]:
    """Of what a stage starts from, as the model stands now."""
    fresh = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return lambda found: method.adopt(found, fresh)


def about(pool: Pool) -> dict[str, Any]:
    """What config.json says of the pool."""
    return {"frames": len(pool.split), "clips": len(np.unique(pool.clip))}
