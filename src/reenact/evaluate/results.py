"""Results that say where they come from: command, commit, weights, networks and hardware beside every figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reenact.core.files import explained, replaced

METRICS: dict[str, tuple[str, str, str]] = {
    "l1": ("L1", ".4f", "mean |difference|, RGB in [0, 1]; lower is better"),
    "psnr": ("PSNR", ".2f", "dB, a frame at a time, then the mean; higher is better"),
    "ssim": ("SSIM", ".3f", "RGB in [0, 1], Gaussian window 11, sigma 1.5, whole windows; higher is better"),
    "ms_ssim": ("MS-SSIM", ".3f", "five scales, the same window; higher is better"),
    "lpips_alex": ("LPIPS-Alex", ".4f", "AlexNet, v0.1 heads; lower is better"),
    "lpips_vgg": ("LPIPS-VGG", ".4f", "VGG16, v0.1 heads, frames at least 5 apart; lower is better"),
    "fid": (
        "FID",
        ".1f",
        "Inception of 2015 (fid-helper weights), fid_frames frames against the true (cross: driving) ones; lower is better",
    ),
    "kid": ("KID", ".4f", "the same features, cubic kernel, unbiased; lower is better"),
    "akd_mesh": ("AKD-mesh", ".2f", "mean distance of 468 mesh points, px at 256; lower is better"),
    "akd_68": ("AKD-68", ".2f", "the mesh's 68 points nearest iBUG's markup, px at 256; lower is better"),
    "ard": ("ARD", ".2f", "mean |yaw, pitch, roll| difference, Procrustes fit of the mesh, degrees; lower is better"),
    "apd": ("APD", ".4f", "mean |difference| of yaw, pitch, roll (rad), x, y, log scale of that fit; lower is better"),
    "aed_exp": ("AED-exp", ".4f", "mean |difference| of 52 ARKit blendshapes; lower is better"),
    "au_agreement": ("AU-agree", ".3f", "share of 20 action units on or off alike, from blendshapes at 0.5; higher is better"),
    "au_overlap": ("AU-overlap", ".3f", "of the units on in either, the share on in both; higher is better"),
    "gaze": ("gaze", ".2f", "difference of the irises' direction in the head, degrees, open eyes only; lower is better"),
    "blink_correlation": ("blink r", ".3f", "Pearson's correlation of eyeBlink over a clip, then the mean; higher is better"),
    "mouth_correlation": ("mouth r", ".3f", "the same of the mouth's opening; higher is better"),
    "emotion": ("emotion", ".4f", "1 - cosine of the 1024-d embedding of DenseNet-121, FER2013; lower is better"),
    "emotion_l2": ("emotion-L2", ".3f", "Euclidean distance of the same embeddings; lower is better"),
    "aed_id_sface": ("AED-id", ".3f", "distance of unit embeddings to the truth's, SFace; lower is better"),
    "aed_id_arcface": ("AED-id (ArcFace)", ".3f", "the same, ArcFace w600k_mbf; lower is better"),
    "csim_sface": (
        "CSIM (SFace)",
        ".3f",
        "cosine with the source's embedding, 1 for the still source; higher is better",
    ),
    "csim_arcface": ("CSIM (ArcFace)", ".3f", "the same, ArcFace w600k_mbf (evaluation only); higher is better"),
    "jitter_ratio": (
        "jitter",
        ".2f",
        "second difference of the mesh over the truth's (cross: the driver's) own; 1 is as steady",
    ),
    "background": ("background", ".4f", "mean |difference| from the source outside heads and shoulders; lower is better"),
    "seam": ("seam", ".4f", "the same in the outer ring of 1/32 of the side, shoulders included; lower is better"),
    "detection_rate": (
        "found",
        ".3f",
        "share of frames with a face to find where the generated frame has one; the others have no face figures",
    ),
}
"""key in the JSON -> column, format, what it means"""
LOWER_IS_BETTER = frozenset(key for key, (_, _, text) in METRICS.items() if "lower is better" in text)
COUNTS = ("frames", "target_faces", "found_faces", "fid_frames")


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Whole or not at all; lists of plain values take one line. Raises ReenactError where it cannot be written."""
    advice = "choose another --out"
    with explained(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path, advice) as part:
        part.write_text(_text(results) + "\n", encoding="utf-8")


def _text(value: Any, indent: int = 0) -> str:
    """JSON with an indent of 1, but a list without lists or maps in it on one line."""
    inner = " " * (indent + 1)
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{json.dumps(str(key))}: {_text(entry, indent + 1)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(entry, (list, Mapping)) for entry in value):
        return "[\n" + ",\n".join(inner + _text(entry, indent + 1) for entry in value) + "\n" + " " * indent + "]"
    return json.dumps(value)


def rows(clips: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, list]:
    """clip -> contender -> figures, as columns and one row a clip and contender."""
    every = [figures for contenders in clips.values() for figures in contenders.values()]
    keys = [key for key in (*METRICS, *COUNTS) if any(key in figures for figures in every)]
    return {
        "columns": ["clip", "contender", *keys],
        "rows": [
            [clip, name, *(figures.get(key) for key in keys)]
            for clip, contenders in clips.items()
            for name, figures in contenders.items()
        ],
    }


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Contender -> figures, as a Markdown table; a figure that is missing is a dash."""
    keys = [key for key in METRICS if any(key in figures for figures in rows.values())]
    lines = [["", *(METRICS[key][0] for key in keys), "frames"]]
    for name, figures in rows.items():
        values = [figures.get(key) for key in keys]
        cells = ["-" if value is None else format(value, METRICS[key][1]) for key, value in zip(keys, values, strict=True)]
        lines.append([name, *cells, str(figures["frames"])])
    return markdown(lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first the header, as an aligned Markdown table."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
