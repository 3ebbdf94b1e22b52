"""The figures, each in one place: key in the JSON, column, form, what it means, which way is better, what it is measured on.

To add one, write a pure function of what it needs and register it here: `reenact evaluate` measures it, tables and page show it.
`needs` names what the function is given, attributes of `registry.Frame`: a figure that misses one of them (no face, no truth, a
network that was not asked for) does not exist in that frame. `taught` says where the measure, or its network, was used in our
own training; without it a figure is a headline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reenact.evaluate import expression, metrics, steadiness
from reenact.evaluate.landmarks106 import akd_106
from reenact.evaluate.registry import METRICS, measured, metric

if TYPE_CHECKING:
    from reenact.evaluate.readings import Reading

__all__ = ["METRICS", "measured"]

LOSS, TEACHER = "a training loss", "its network, MediaPipe's landmarker, was the motion's teacher"

metric("l1", "L1", ".4f", "mean |difference|, RGB in [0, 1]", better="lower", needs="picture truth", taught=LOSS)(metrics.l1)
metric("psnr", "PSNR", ".2f", "dB, a frame at a time, then the mean", better="higher", needs="picture truth", unit="dB")(
    metrics.psnr
)


@metric("ssim", "SSIM", ".3f", "RGB in [0, 1], Gaussian window 11, sigma 1.5, whole windows", better="higher", needs="ssims")
def _ssim(both: tuple[float, float]) -> float:
    return both[0]


@metric("ms_ssim", "MS-SSIM", ".3f", "five scales, the same window", better="higher", needs="ssims")
def _ms_ssim(both: tuple[float, float]) -> float:
    return both[1]


metric("lpips_alex", "LPIPS-Alex", ".4f", "AlexNet, v0.1 heads", better="lower", needs="lpips.alex", taught=LOSS)(float)
metric("lpips_vgg", "LPIPS-VGG", ".4f", "VGG16, v0.1 heads, frames at least 5 apart", better="lower", needs="lpips.vgg")(float)
metric("dists", "DISTS", ".4f", "structure and texture in VGG16, frames at least 5 apart", better="lower", needs="dists")(float)
metric(
    "fid",
    "FID",
    ".1f",
    "Inception of 2015 (fid-helper weights), fid_frames frames against the true (cross: driving) ones",
    better="lower",
    needs="set",
)(None)
metric("kid", "KID", ".4f", "the same features, cubic kernel, unbiased", better="lower", needs="set")(None)
metric(
    "akd_106",
    "AKD-106",
    ".2f",
    "mean distance of InsightFace's 106 points, px at 256",
    better="lower",
    needs="found.outline person.outline side",
    unit="px at 256",
    table="motion",
)(akd_106)
metric(
    "ard_106",
    "ARD-106",
    ".2f",
    "mean |yaw, pitch, roll| difference, of the eyes' corners and the nose among those points, degrees",
    better="lower",
    needs="found.outline.head_pose wanted.outline.head_pose",
    unit="degrees",
    table="motion",
)(metrics.ard)
for _kind, _of in (("mouth", "the inner lips' gap"), ("brows", "the brows' height"), ("lids", "the eyes' opening")):
    metric(
        f"slope_{_kind}",
        f"{_kind} slope",
        ".2f",
        f"of {_of} on the truth's (cross: the driver's) in each clip, from the 106 points; 1 moves as far",
        better="one",
        needs="clip",
        table="motion",
    )(None)
POINTS = "found.landmarks person.landmarks side"
metric(
    "akd_mesh",
    "AKD-mesh",
    ".2f",
    "mean distance of 468 mesh points, px at 256",
    better="lower",
    needs=POINTS,
    unit="px at 256",
    table="motion",
    taught=TEACHER,
)(metrics.akd_mesh)
metric(
    "akd_68",
    "AKD-68",
    ".2f",
    "the mesh's 68 points nearest iBUG's markup, px at 256",
    better="lower",
    needs=POINTS,
    unit="px at 256",
    table="motion",
    taught=TEACHER,
)(metrics.akd_68)
metric(
    "ard",
    "ARD",
    ".2f",
    "mean |yaw, pitch, roll| difference, Procrustes fit of the mesh, degrees",
    better="lower",
    needs="found.fit.head_pose wanted.fit.head_pose",
    unit="degrees",
    table="motion",
    taught=TEACHER,
)(metrics.ard)


@metric(
    "apd",
    "APD",
    ".4f",
    "mean |difference| of yaw, pitch, roll (rad), x, y, log scale of that fit",
    better="lower",
    needs="found wanted side",
    table="motion",
    taught=TEACHER,
)
def _apd(found: Reading, wanted: Reading, side: int) -> float:
    return metrics.apd(found.pose(side), wanted.pose(side))


SHAPES = "found.blendshapes wanted.blendshapes"
metric(
    "aed_exp",
    "AED-exp",
    ".4f",
    "mean |difference| of 52 ARKit blendshapes",
    better="lower",
    needs=SHAPES,
    table="motion",
    taught=TEACHER,
)(metrics.aed_exp)
metric(
    "au_agreement",
    "AU-agree",
    ".3f",
    "share of 20 action units on or off alike, from blendshapes at 0.5",
    better="higher",
    needs=SHAPES,
    table="motion",
    taught=TEACHER,
)(expression.au_agreement)
metric(
    "au_overlap",
    "AU-overlap",
    ".3f",
    "of the units on in either, the share on in both",
    better="higher",
    needs=SHAPES,
    table="motion",
    taught=TEACHER,
)(expression.au_overlap)


@metric(
    "gaze",
    "gaze",
    ".2f",
    "difference of the irises' direction in the head, degrees, open eyes only",
    better="lower",
    needs="found wanted",
    unit="degrees",
    table="motion",
    taught=TEACHER,
)
def _gaze(found: Reading, wanted: Reading) -> float | None:
    return expression.gaze_error(found.head, wanted.head) if expression.eyes_open(wanted.blendshapes) else None


metric(
    "blink_correlation",
    "blink r",
    ".3f",
    "Pearson's correlation of eyeBlink over a clip, then the mean",
    better="higher",
    needs="clip",
    table="motion",
    taught=TEACHER,
)(None)
metric(
    "mouth_correlation",
    "mouth r",
    ".3f",
    "the same of the mouth's opening",
    better="higher",
    needs="clip",
    table="motion",
    taught=TEACHER,
)(None)
FELT = "found.emotion wanted.emotion"


@metric(
    "emotion",
    "emotion",
    ".4f",
    "1 - cosine of the 1024-d embedding of DenseNet-121, FER2013",
    better="lower",
    needs=FELT,
    table="motion",
)
def _emotion(found: np.ndarray, wanted: np.ndarray) -> float:
    return 1.0 - metrics.cosine(found, wanted)


@metric(
    "emotion_l2", "emotion-L2", ".3f", "Euclidean distance of the same embeddings", better="lower", needs=FELT, table="motion"
)
def _emotion_l2(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted))


@metric(
    "emotion_api",
    "emotion (face-api)",
    ".4f",
    "1 - cosine of the 256-d embedding of face-api's expression network",
    better="lower",
    needs="found.emotion_api wanted.emotion_api",
    table="motion",
)
def _emotion_api(found: np.ndarray, wanted: np.ndarray) -> float:
    return 1.0 - metrics.cosine(found, wanted)


metric(
    "aed_id_sface",
    "AED-id",
    ".3f",
    "distance of unit embeddings to the truth's, SFace",
    better="lower",
    needs="found.identity.sface person.identity.sface",
    taught=LOSS,
)(metrics.aed_id)
metric(
    "aed_id_arcface",
    "AED-id (ArcFace)",
    ".3f",
    "the same, ArcFace w600k_mbf",
    better="lower",
    needs="found.identity.arcface person.identity.arcface",
)(metrics.aed_id)
metric(
    "csim_sface",
    "CSIM (SFace)",
    ".3f",
    "cosine with the source's embedding, 1 for the still source",
    better="higher",
    needs="found.identity.sface portrait.identity.sface",
    baselines_win=True,
    taught=LOSS,
)(metrics.cosine)
metric(
    "csim_arcface",
    "CSIM (ArcFace)",
    ".3f",
    "the same, ArcFace w600k_mbf (evaluation only)",
    better="higher",
    needs="found.identity.arcface portrait.identity.arcface",
    baselines_win=True,
)(metrics.cosine)
metric(
    "jitter_ratio",
    "jitter",
    ".2f",
    "second difference of the mesh over the truth's (cross: the driver's) own; 1 is as steady",
    better="one",
    needs="clip",
    table="motion",
    taught=TEACHER,
    baselines_win=True,
)(None)
metric(
    "background",
    "background",
    ".4f",
    "mean |difference| from the source outside heads and shoulders",
    better="lower",
    needs="picture source background",
    baselines_win=True,
)(steadiness.background_change)
metric(
    "seam",
    "seam",
    ".4f",
    "the same in the outer ring of 1/32 of the side, shoulders included",
    better="lower",
    needs="picture source",
    baselines_win=True,
)(steadiness.seam_change)
metric(
    "detection_rate",
    "found",
    ".3f",
    "share of frames with a face to find where the generated frame has one; the others have no face figures",
    better="higher",
    needs="set",
    taught=TEACHER,
    baselines_win=True,
)(None)
