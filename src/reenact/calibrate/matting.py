"""Teaches a small network what of a picture is the person, and writes its graph and two in which nothing is
learned: still.onnx holds a backdrop still, enlarge.onnx draws large heads.

python -m reenact.calibrate.matting POOL src/reenact/weights/person [--images 120000] [--every 18] [--json FILE]

The teacher is MODNet (Apache-2.0; Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting via Objective Decomposition",
AAAI 2022), whose graph a package carries (core/assets.py). Its holes are filled: what no way from the picture's border
reaches is the person's. Figures are of people never trained on, against MODNet, which errs too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8
from scipy.ndimage import binary_fill_holes
from torch import Tensor, nn

from reenact.calibrate.teaching import say
from reenact.core.assets import fetch
from reenact.core.inference import cpu_options, load_openvino
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.geometry.grid import sample
from reenact.methods.export import write_graph
from reenact.nn.background import VIEW, Behind, PersonNet, StillBackground, free, only_near
from reenact.nn.blocks import pool as shrink
from reenact.nn.enlarge import Enlarge
from reenact.nn.graphs import Graph
from reenact.runtime.background import FIND, FOUND, GRID, HELD, POSE, STILL, STILL_FRAME, STILL_SHARE
from reenact.runtime.detail import ENLARGE, LARGE

TEACHER = "modnet.onnx"
TEACHER_SIDE = 512
SIDE = 256
BATCH, RATE, AVERAGE = 32, 2e-3, 0.998


class Find(nn.Module):
    """person.onnx: a portrait -> what runtime.background.FOUND names."""

    def __init__(self, network: Behind) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, *pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        person, plate = self.network(image)
        return person, free(person), only_near(plate, image, dict(zip(POSE, pose, strict=True)))


class Teacher:
    """MODNet's matte of pictures, its holes filled."""

    def __init__(self, threads: int = 1) -> None:
        openvino = load_openvino()
        graph = openvino.Core().read_model(fetch(TEACHER))
        graph.reshape([1, 3, TEACHER_SIDE, TEACHER_SIDE])
        self._request = openvino.Core().compile_model(graph, "CPU", cpu_options(threads, "f32")).create_infer_request()

    def matte(self, picture: UInt8[np.ndarray, "side side 3"]) -> Float32[np.ndarray, "128 128"]:
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
        large = F.interpolate(image, size=(TEACHER_SIDE, TEACHER_SIDE), mode="bicubic", align_corners=False).clamp(-1, 1)
        found = torch.from_numpy(next(iter(self._request.infer([large.numpy()]).values())).copy())
        matte = shrink(found, VIEW)[0, 0].numpy()
        return np.maximum(matte, binary_fill_holes(matte > 0.5)).astype(np.float32)


def taught(pool: Pool, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Pictures [n,3,256,256] as uint8 and mattes [n,1,128,128] of these rows."""
    teacher, pictures = Teacher(), pool.read(rows)
    mattes = np.stack([teacher.matte(picture) for picture in pictures])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(mattes)[:, None]


def varied(views: Tensor, mattes: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Views and mattes of 128 px: mirrored, turned, moved, at another size, in another light."""
    count = len(views)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=random)

    angle, size, mirrored = draw(-0.35, 0.35), draw(0.6, 1.25), torch.sign(draw(-1, 1))
    cos, sin = size * angle.cos(), size * angle.sin()
    rows = torch.stack([cos * mirrored, -sin, draw(-0.25, 0.25), sin * mirrored, cos, draw(-0.25, 0.25)], 1)
    grid = F.affine_grid(rows.view(count, 2, 3), [count, 3, VIEW, VIEW], align_corners=False)
    views, mattes = sample(views, grid), sample(mattes, grid)
    light = draw(0.6, 1.4)[:, None, None, None] + 0.1 * torch.randn(count, 3, 1, 1, generator=random)
    views = (views.clamp(1e-3, 1) ** draw(0.7, 1.4)[:, None, None, None] * light).clamp(0, 1)
    return views + 0.02 * torch.randn(views.shape, generator=random), mattes


def train(pictures: Tensor, mattes: Tensor, images: int, seed: int = 0) -> PersonNet:
    """The moving average of the weights after `images` views."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = PersonNet().to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    steps = max(20, images // BATCH)  # fewer have no warm-up
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    small = torch.cat([shrink(part.float() / 255, VIEW) for part in pictures.split(64)])
    began = time.monotonic()
    for step in range(steps):
        rows = torch.randint(len(pictures), (BATCH,), generator=random)
        views, wanted = varied(small[rows], mattes[rows], random)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.logits(views.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(logits.float(), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        if step % 200 == 0:
            speed = BATCH * (step + 1) / (time.monotonic() - began)
            say(f"{BATCH * (step + 1):,} images, {speed:.0f} a second, cross entropy {loss.item():.4f}")
    return average.module.eval()


@torch.no_grad()
def figures(network: PersonNet, pictures: Tensor, mattes: Tensor) -> dict[str, float]:
    """Mean absolute difference, and intersection over union at one half, from the teacher."""
    found = torch.cat([shrink(network(part.float() / 255), VIEW) for part in pictures.split(16)])
    one, other = found > 0.5, mattes > 0.5
    return {
        "mean_absolute_difference": round((found - mattes).abs().mean().item(), 4),
        "iou": round(((one & other).sum() / (one | other).sum()).item(), 4),
        "pictures": len(pictures),
    }


def write(network: Behind, folder: Path) -> None:
    """person.onnx, run once a portrait, and what `write_steps` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    image = torch.rand(1, 3, SIDE, SIDE)
    pose = torch.zeros(1, 3), torch.ones(1, 1), torch.zeros(1, 2)
    find = Graph(FIND, "source", "fast", Find(network), ("image", *POSE), FOUND)
    write_graph(find, (image, *pose), folder / find.file)
    write_steps(folder)


def write_steps(folder: Path) -> None:
    """still.onnx, run each frame, and enlarge.onnx, run where heads are larger than 256 px. Nothing in them is learned."""
    image, grid, share = torch.rand(1, 3, SIDE, SIDE), torch.rand(1, SIDE, SIDE, 2), torch.rand(1, 1, SIDE, SIDE)
    names = ("frame", "image", *HELD, GRID)
    still = Graph(STILL, "render", "exact", StillBackground(), names, (STILL_FRAME, STILL_SHARE))
    write_graph(still, (image, image, share, share, grid), folder / still.file)
    enlarge = Graph(ENLARGE, "render", "exact", Enlarge(), ("frame", GRID, "moved", "stayed", "detail"), (LARGE,))
    free = {"detail": {2: "side", 3: "side"}, LARGE: {1: "side", 2: "side"}}
    write_graph(enlarge, (image, grid, share, share, torch.rand(1, 3, 2 * SIDE, 2 * SIDE)), folder / enlarge.file, free)


def steps(every: int) -> dict[str, int]:
    """Split -> one row in so many is taken."""
    return {"train": every, "strain": max(1, every // 2), "ptrain": max(1, every // 18)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path, help="folder of the three graphs")
    parser.add_argument("--images", type=int, default=120_000, help="views seen (120,000)")
    parser.add_argument("--every", type=int, default=18, help="which rows of a split are taken: one in so many (18)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    pool = Pool.load(given.pool)
    trained = np.concatenate([np.flatnonzero(pool.split == name)[::every] for name, every in steps(given.every).items()])
    held = np.concatenate([np.flatnonzero(pool.split == name)[::every] for name, every in (("val", 25), ("pval", 1))])
    pictures, mattes = taught(pool, trained)
    say(f"{len(trained)} pictures from the teacher")
    network = train(pictures, mattes, given.images)
    said = {"teacher": TEACHER, "taught_with": len(trained), "views": given.images, **figures(network, *taught(pool, held))}
    say(str(said))
    both = Behind().eval()
    both.person = network
    write(both, given.out)
    if given.json:
        write_json(given.json, said)


if __name__ == "__main__":
    main()
