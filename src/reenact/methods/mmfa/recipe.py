"""mmfa whole: its motion encoder by itself, the rendering network by itself, then both together, on one pool.

reenact train mmfa|mmfa_motion|mmfa_render|mmfa_render256|mmfa_joint|mmfa_tiny --data POOL --out RUN

A stage is one function that returns its configuration, and a task (train/tasks.py) that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.matting import backed
from reenact.methods.mmfa import free as freed
from reenact.methods.mmfa import unsupervised as untaught
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.objective import MotionObjective, motion_weights
from reenact.nn.sizes import Scales
from reenact.objectives import adversary, facial_features, patches
from reenact.objectives.consistency import CONSISTENCY_WEIGHTS
from reenact.objectives.disocclusion import WEIGHTS as DISOCCLUSION_WEIGHTS
from reenact.objectives.self_reenactment import RENDER_WEIGHTS
from reenact.train.config import Schedule, Stage
from reenact.train.recipe import Recipe

WHOLE = Config(offsets="without_pose", code="gaussian")
"""what ships: offsets that cannot imitate a pose, a Gaussian expression code; disoccluded areas show the inpainted
background"""


def build(config: Config = WHOLE) -> Mmfa:
    """A fresh model on the mean face's keypoints."""
    return backed(Mmfa(config, torch.from_numpy(template(canonical_face().points))))


def method(config: Config) -> Recipe:
    """What the shared stages need of mmfa in this form."""
    return Recipe(partial(build, config), motion_parts=("motion", "expression"), motion_objective=MotionObjective)


METHOD = method(WHOLE)


def motion() -> Stage:
    """Stage one: pictures in two passes, against the teacher's estimate."""
    return Stage(
        name="motion",
        method=method,
        task="motion",
        schedule=Schedule(images=100_000, batch=64, learning_rate=8e-4, save_every=8_000),
        weights=motion_weights(WHOLE),
        model=WHOLE,
        size=256,
        splits=("train", "strain", "ptrain"),
        wide=1.0,
    )


def render() -> Stage:
    """Stage two: one frame of a clip moved to another by the teacher's keypoints."""
    return Stage(
        name="render",
        method=method,
        task="render",
        schedule=Schedule(images=13_000, batch=16, learning_rate=5e-4, warm_up=1_300, save_every=2_000, log_every=500),
        weights=RENDER_WEIGHTS,
        model=WHOLE,
    )


def render256() -> Stage:
    """Stage two at full size, from the small one."""
    schedule = Schedule(images=4_000, batch=8, learning_rate=4e-4, warm_up=400, save_every=480, log_every=80)
    weights = RENDER_WEIGHTS | adversary.WEIGHTS
    return replace(render(), name="render256", schedule=schedule, weights=weights, size=256, after=("render",))


def joint() -> Stage:
    """Stage three: everything, driven by the method's own motion encoder."""
    schedule = Schedule(images=5_600, batch=8, learning_rate=2e-4, warm_up=240, save_every=480, log_every=80)
    weights, after = joint_weights(motion_weights(WHOLE)), ("motion", "render256")
    stage = replace(render256(), name="joint", task="joint", schedule=schedule, weights=weights, after=after)
    return replace(stage, same_motion=0.15, mouths=0.2)


def finetune_patches() -> Stage:
    """Stage four: the generator alone, patch by patch, on pairs whose mouths lie far apart."""
    schedule = Schedule(images=64_000, batch=16, learning_rate=2e-4, warm_up=640, save_every=8_000, log_every=800)
    stage = replace(
        render256(),
        name="finetune_patches",
        task="finetune_patches",
        schedule=schedule,
        weights=patches.WEIGHTS,
        after=("joint",),
    )
    return replace(stage, wide=0.3, mouths=0.6)


def finetune_features() -> Stage:
    """After everything: what the generator draws by itself in mouths and on lids, on pairs whose mouths or lids lie far apart,
    in skins that no clip shows; all else stays as it is."""
    schedule = Schedule(images=3_200, batch=16, learning_rate=2e-4, warm_up=320, ema=0.99, save_every=800, log_every=160)
    stage = replace(finetune_patches(), name="finetune_features", task="finetune_features", schedule=schedule)
    seen = replace(stage, weights=facial_features.WEIGHTS, wide=0.1, mouths=0.3, lids=0.25, augment=0.3, darkest=2.0)
    return replace(seen, read_share=0.5, after=("finetune_long",))


def finetune_projected() -> Stage:
    """The same, its discriminator on the features of a frozen network (losses/projected.py)."""
    return replace(finetune_features(), name="finetune_projected", task="finetune_projected")


def finetune_consistency() -> Stage:
    """After stage three, before the rendering network learns on: the motion encoder alone, at a fifth of its first rate, towards
    temporal consistency."""
    schedule = Schedule(images=100_000, batch=48, learning_rate=1.5e-4, warm_up=2_000, save_every=8_000)
    weights = consistency_weights(motion_weights(WHOLE))
    return replace(
        motion(), name="finetune_consistency", task="finetune_consistency", schedule=schedule, weights=weights, after=("joint",)
    )


def consistency_weights(motion: Mapping[str, float]) -> dict[str, float]:
    """The motion stage's terms and consistency. Not the blendshapes: their probe would begin from nothing, and pull the code
    about until it knows something. The first pass is frozen."""
    kept = {name: 0.0 if name == "blendshapes" else weight for name, weight in motion.items() if name != "rough"}
    return kept | CONSISTENCY_WEIGHTS


def finetune_encoder(joint: Stage) -> Stage:
    """Instead of stage three, for a method that renders with another one's weights: its motion encoder learns from losses on the
    rendered frames, and the rendering network is frozen (so it needs no discriminator)."""
    weights = {name: weight for name, weight in joint.weights.items() if name not in adversary.WEIGHTS}
    return replace(joint, name="finetune_encoder", task="finetune_encoder", weights=weights, after=("motion", "render256"))


def finetune_renderer() -> Stage:
    """Stage five: the rendering network, whole pictures again, with more weight on whose face it is, which patches blur."""
    schedule = Schedule(images=9_600, batch=8, learning_rate=2e-4, warm_up=240, save_every=1_200, log_every=80)
    stage = replace(
        render256(),
        name="finetune_renderer",
        task="finetune_renderer",
        schedule=schedule,
        after=("finetune_patches", "disocclusion"),
    )
    weights = RENDER_WEIGHTS | adversary.WEIGHTS | LAST_WEIGHTS
    return replace(stage, weights=weights, same_motion=0.15, mouths=0.4)


def finetune_flow() -> Stage:
    """After a change of the motion encoder: the expression decoder and the whole rendering network but the generator learn to
    follow it. Codes, and with them the codec, stay as they are; a discriminator would only dot edges (docs/log.md)."""
    weights = {name: weight for name, weight in (RENDER_WEIGHTS | LAST_WEIGHTS).items() if name not in adversary.WEIGHTS}
    return replace(
        finetune_renderer(),
        name="finetune_flow",
        task="finetune_flow",
        weights=weights,
        after=("finetune_consistency", "disocclusion"),
    )


def disocclusion() -> Stage:
    """Before stage five: the disocclusion mask alone, which shows the inpainted background where the head has moved away, on
    pairs that lie far apart."""
    schedule = Schedule(images=12_000, batch=16, learning_rate=1e-3, warm_up=640, save_every=2_400, log_every=320)
    stage = replace(
        render256(), name="disocclusion", task="disocclusion", schedule=schedule, weights=DISOCCLUSION_WEIGHTS, wide=0.7
    )
    return replace(stage, mouths=0.0, after=("finetune_patches",))


def free() -> Stage:
    """After everything: the teacher goes, what the paper names comes (free.py). At full size, everything learns."""
    schedule = Schedule(images=14_000, batch=8, learning_rate=1e-4, warm_up=240, save_every=1_280, log_every=80)
    after = ("finetune_renderer",)
    stage = replace(joint(), name="free", task=freed.free_task, schedule=schedule, weights=freed.WEIGHTS, after=after)
    return replace(stage, same_motion=0.0)


def free_reading() -> Stage:
    """The same through a frozen generator, at 128 px: a third of the arithmetic, and steps of half the pairs."""
    schedule = replace(free().schedule, batch=4, save_every=600, log_every=40)
    return replace(free(), name="free_reading", task=freed.reading_task, schedule=schedule)


def free_reading_without(term: str) -> Stage:
    """The same without one of its terms: which of them makes expressions reach less far (docs/methods/claims.md)."""
    stage = free_reading()
    return replace(stage, name=f"free_reading_without_{term}", weights={**stage.weights, term: 0.0})


SCALES_WEIGHT = 0.5
"""ours: of the losses of smaller pictures, in those of the whole one"""
LAST_WEIGHTS = {"identity_source": 2.0, "mesh": 12.0, "adversarial": 0.1, "matching": 0.6}
"""ours: of the stage that ends with the whole face. Identity, gaze and sharpness"""
LONG_WEIGHTS = {
    **RENDER_WEIGHTS,
    "lpips": 2.0,
    "features": 2.0,
    "mesh": 12.0,
    "identity_source": 0.75,
    "adversarial": 0.06,
    "matching": 0.4,
    "keypoints": 20.0,
    "offsets": 30.0,
    "gaps": 30.0,
    "gaps_head": 10.0,
    **dict.fromkeys(("canonical", "pose", "blendshapes", "code", "kl", "collapsed"), 0.0),
}
"""ours: of the stage that trains longest, on a GPU. What a frozen encoder says weighs nothing: it cannot learn"""
JOINT_SHARE = 0.5
"""ours: of the motion stage's weights, in the joint stage"""


def joint_weights(motion: Mapping[str, float]) -> dict[str, float]:
    """Both stages' terms; the first pass has nothing to learn from pairs."""
    return {
        **RENDER_WEIGHTS,
        **adversary.WEIGHTS,
        "identity_source": 0.5,
        **{name: JOINT_SHARE * weight for name, weight in motion.items() if name != "rough"},
    }


EXPRESSION = ("motion.expression.", "motion.log_variance.", "expression.")
"""of a model's state, what says an expression and undoes it"""


GENERATOR = ("generator.",)
"""the rendering network behind the flow"""


def anew(found: Mapping[str, Tensor], fresh: Mapping[str, Tensor], names: tuple[str, ...] = EXPRESSION) -> dict[str, Tensor]:
    """Weights as they were found; what the names begin begins from nothing, in every form alike."""
    kept = {name: value for name, value in found.items() if not name.startswith(names)}
    return kept | {name: value for name, value in fresh.items() if name.startswith(names)}


def method_anew(config: Config) -> Recipe:
    """The method, its expression heads from nothing."""
    return replace(method(config), adopt=anew)


def form(config: Config = WHOLE) -> Stage:
    """The motion stage of this form, for the ablation: same start, same pictures, same schedule
    (experiments/mmfa_ablation.py)."""
    schedule = replace(motion().schedule, images=32_000)
    return replace(motion(), method=method_anew, schedule=schedule, weights=motion_weights(config), model=config)


def without_vae() -> Stage:
    return form(replace(WHOLE, code="plain"))


def without_projection() -> Stage:
    return form(replace(WHOLE, offsets="free"))


def in_camera() -> Stage:
    """Offsets in the camera's frame, before scale: LivePortrait's equation."""
    return form(replace(WHOLE, offsets="free", transform="liveportrait"))


def without_scale() -> Stage:
    """Offsets in the camera's frame, no scale: face-vid2vid's equation."""
    return form(replace(WHOLE, offsets="free", transform="facevid2vid"))


def method_redrawn(config: Config) -> Recipe:
    """The method, its generator from nothing."""
    return replace(method(config), adopt=partial(anew, names=GENERATOR))


def drawn_in(scales: Scales) -> Stage:
    """The rendering stage at 128 px of a generator of these scales, for the ablation: same start, same pairs, same schedule."""
    schedule = replace(render().schedule, images=2_400, warm_up=240, save_every=1_200)
    weights = RENDER_WEIGHTS | ({"scales": SCALES_WEIGHT} if scales == "each" else {})
    return replace(render(), method=method_redrawn, schedule=schedule, weights=weights, model=replace(WHOLE, scales=scales))


def one_scale() -> Stage:
    return drawn_in("one")


def several_scales() -> Stage:
    return drawn_in("several")


def each_scale() -> Stage:
    return drawn_in("each")


def whole() -> tuple[Stage, ...]:
    """motion; render at 128; render at 256; joint; patches of the generator; disocclusion; the renderer once more."""
    return motion(), render(), render256(), joint(), finetune_patches(), disocclusion(), finetune_renderer()


def tiny() -> tuple[Stage, ...]:
    """Every stage for 20 steps or fewer, half a minute on a CPU: does it all still run?"""
    return shortened(motion(), render(), joint())


def shortened(motion: Stage, render: Stage, joint: Stage) -> tuple[Stage, ...]:
    """The same stages, small enough to be run in a test."""
    small = Schedule(images=160, batch=8, learning_rate=5e-4, warm_up=16, save_every=80, log_every=8)
    drawn = replace(small, images=80, batch=4, save_every=40, log_every=4)
    return (
        replace(motion, schedule=small),
        replace(render, schedule=drawn, size=64),
        replace(joint, schedule=replace(drawn, images=16), size=64, after=("motion", "render")),
    )


def finetune_long() -> Stage:
    """Nine minutes of a GPU, at 530 pairs a second: all but the motion encoder, from what ships. How the rendering network that
    ships was trained, but for what is named in docs/training.md."""
    schedule = Schedule(images=300_000, batch=64, learning_rate=5e-4, warm_up=9_600, save_every=48_000, log_every=6_400)
    stage = replace(finetune_renderer(), name="finetune_long", task="finetune_long", schedule=schedule, weights=LONG_WEIGHTS)
    seen = replace(stage, same_motion=0.12, wide=0.5, mouths=0.35, augment=0.3)
    return replace(seen, read_share=0.5, lpips_shift=7, identity="person", discriminator_width=48)


def finetune_stills() -> Stage:
    """The same with pseudo-pairs of single photos, people whom no clip shows."""
    return replace(finetune_long(), name="finetune_stills", stills=0.2)


def finetune_renderer_tiny() -> Stage:
    """Stage five for four steps at 64 px, from nothing: does what a borrowed machine gets still run?"""
    schedule = Schedule(images=16, batch=4, learning_rate=2e-4, warm_up=4, save_every=8, log_every=4)
    return replace(finetune_renderer(), schedule=schedule, size=64, after=())


RECIPES = {
    "": whole,
    "motion": motion,
    "render": render,
    "render256": render256,
    "joint": joint,
    "finetune_consistency": finetune_consistency,
    "finetune_patches": finetune_patches,
    "finetune_features": finetune_features,
    "finetune_projected": finetune_projected,
    "disocclusion": disocclusion,
    "finetune_renderer": finetune_renderer,
    "finetune_flow": finetune_flow,
    "free": free,
    "free_reading": free_reading,
    "free_reading_without_deformation": partial(free_reading_without, "deformation"),
    "free_reading_without_kl": partial(free_reading_without, "kl"),
    "unsupervised": untaught.unsupervised,
    "unsupervised64": untaught.unsupervised64,
    "unsupervised64_hybrid": untaught.hybrid64,
    "motion_anew": form,
    "motion_without_vae": without_vae,
    "motion_without_projection": without_projection,
    "motion_in_camera": in_camera,
    "motion_without_scale": without_scale,
    "render_one_scale": one_scale,
    "render_several_scales": several_scales,
    "render_each_scale": each_scale,
    "tiny": tiny,
    "finetune_renderer_tiny": finetune_renderer_tiny,
    "finetune_long": finetune_long,
    "finetune_stills": finetune_stills,
}
