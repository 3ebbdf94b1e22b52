"""A pool of nobody: smooth colours, and a mesh that is the canonical face in random poses."""

from pathlib import Path

import numpy as np

from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix


def make_pool(folder: Path, frames: int = 24) -> Path:
    """Four people of one clip each; the first half to train on, the second to check."""
    folder.mkdir(exist_ok=True)
    numbers = np.random.default_rng(0)
    face = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])
    poses = rotation_matrix(numbers.uniform(-0.4, 0.4, (frames, 3)))
    landmarks = (1.1 * face @ np.swapaxes(poses, -1, -2) + 0.05) * 128
    landmarks[..., :2] += 128
    colours = numbers.integers(0, 255, (frames, 4, 4, 3), dtype=np.uint8)
    np.save(folder / "frames0.npy", np.repeat(np.repeat(colours, 64, 1), 64, 2))
    people = np.repeat(["p", "q", "r", "s"], frames // 4)
    blendshapes = numbers.uniform(0, 1, (frames, 52)).astype(np.float32)
    labels = {"split": np.repeat(["train", "val"], frames // 2), "ident": people, "clip": people}
    np.savez(folder / "labels0.npz", lm=landmarks.astype(np.float32), bs=blendshapes, **labels)
    return folder
