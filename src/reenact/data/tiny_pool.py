"""A pool of nobody's data, for recipes that end in _tiny: frames of the rendered head in examples/, labelled by a landmarker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.files import explained, replaced

EXAMPLE = Path("examples/driving.mp4")
EVERY, FRAMES, SIZE = 4, 40, 256
SPLITS = (("train", 24), ("val", 8), ("val", 8))
"""ours: a clip to train on; two clips, taken as two people, to check and to show another's motion with"""


def make_pool(folder: Path, video: Path = EXAMPLE) -> None:
    """Writes a pool of 40 frames; nothing where there is one. Raises ReenactError where the example is not to be found."""
    if (folder / "labels0.npz").exists():
        return
    if not video.exists():
        raise ReenactError(f"{video} is not here: run this in the repository, or give a pool with `data`")
    from reenact.faces.landmarker import Landmarker
    from reenact.media.video import VideoReader

    landmarker = Landmarker(threads=1)
    frames, faces = [], []
    with VideoReader(video) as reader:
        for number, frame in enumerate(reader):
            if number % EVERY or len(frames) == FRAMES:
                continue
            image = np.asarray(PILImage.fromarray(frame.image).resize((SIZE, SIZE), PILImage.Resampling.LANCZOS))
            found = landmarker.detect(image)
            if found:
                frames.append(image)
                faces.append((found[0].landmarks, landmarker.blendshapes(found[0])))
    splits = np.concatenate([np.repeat(split, count) for split, count in SPLITS])[: len(frames)]
    clips = np.concatenate([np.repeat(f"example{i}", count) for i, (_, count) in enumerate(SPLITS)])[: len(frames)]
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with replaced(folder / "frames0.npy") as part, part.open("wb") as file:
        np.save(file, np.array(frames))
    points, blendshapes = (np.array(values, np.float32) for values in zip(*faces, strict=True))
    # last, since where it is the pool counts as made
    with replaced(folder / "labels0.npz") as part, part.open("wb") as file:
        np.savez(file, lm=points, bs=blendshapes, split=splits, ident=clips, clip=clips)
