"""Results that say where they come from: command, commit, weights, networks and hardware beside every figure."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from reenact.core.assets import ASSETS
from reenact.evaluate.identity import CSIM_NAME

METRICS: dict[str, tuple[str, str, str]] = {
    "l1": ("L1", ".4f", "mean |difference|, RGB in [0, 1]; lower is better"),
    "psnr": ("PSNR", ".2f", "dB, a frame at a time, then the mean; higher is better"),
    "ssim": ("SSIM", ".3f", "RGB in [0, 1], Gaussian window 11, sigma 1.5, whole windows; higher is better"),
    "lpips_alex": ("LPIPS-Alex", ".4f", "AlexNet, v0.1 heads; lower is better"),
    "lpips_vgg": ("LPIPS-VGG", ".4f", "VGG16, v0.1 heads; lower is better"),
    "akd_mesh": ("AKD-mesh", ".2f", "mean distance of 468 mesh points, px at 256; lower is better"),
    "ard": ("ARD", ".2f", "mean |yaw, pitch, roll| difference, Procrustes fit of the mesh, degrees; lower is better"),
    "aed_exp": ("AED-exp", ".4f", "mean |difference| of 52 ARKit blendshapes; lower is better"),
    "csim_source": (
        CSIM_NAME,
        ".3f",
        "cosine with the source's embedding; higher is better; 1 by construction for the still source",
    ),
    "csim_target": ("CSIM-target", ".3f", "w600k_mbf, cosine with the driving frame's embedding; higher is better"),
    "detection_rate": (
        "found",
        ".3f",
        "share of frames with a true face where the generated one has a face too; the others have no face figures",
    ),
}
"""key in the JSON -> column, format, what it means"""


def provenance(command: list[str], weights: Path | None, networks: Iterable[str]) -> dict[str, Any]:
    """What one needs to repeat a run. networks: names of assets that were used."""
    return {
        "command": " ".join(command),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "weights_sha256": None if weights is None else weights_digest(weights),
        "networks_sha256": {name: ASSETS[name].sha256 for name in networks},
        "hardware": hardware(),
        "versions": {name: metadata.version(name) for name in ("numpy", "openvino", "torch", "pillow", "av")},
    }


def commit() -> str | None:
    """The commit of the source tree, with "+changes" where the package differs from it; None outside a repository."""
    here = Path(__file__).resolve().parent.parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+changes" if _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def weights_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a weights folder's files, by name; model cards and the codec's profile left out."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix in (".json", ".onnx", ".bin", ".safetensors") and path.name != "codec.json":
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, whether it has bf16, operating system."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores,
        "bf16": "avx512_bf16" in text,
        "system": f"{platform.system()} {platform.machine()}",
    }


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Contender -> figures, as a Markdown table; a figure that is missing is a dash."""
    keys = [key for key in METRICS if any(key in figures for figures in rows.values())]
    lines = [["", *(METRICS[key][0] for key in keys), "frames"]]
    for name, figures in rows.items():
        values = [figures.get(key) for key in keys]
        cells = ["-" if value is None else format(value, METRICS[key][1]) for key, value in zip(keys, values, strict=True)]
        lines.append([name, *cells, str(figures["frames"])])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
