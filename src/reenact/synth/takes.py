"""Videos -> takes: coefficients and head pose over time, no pictures. Rendered heads follow them (motion.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import explained, replaced
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.pose import fit_head
from reenact.media.video import VideoReader

SHORTEST = 8
"""ours: frames; a shorter stretch with a face is no take"""


def write_take(video: Path, folder: Path, landmarker: Landmarker) -> Path:
    """Tracks the largest face of a video and writes its longest stretch without a gap as <video's name>.npz: blendshapes
    [T,52], head_pose [T,3] (yaw, pitch, roll, radians; their median taken out, so that the camera's place is not in it)
    and fps. Gives the path.

    Raises ReenactError for what cannot be read or written, and for a video without a face.
    """
    with VideoReader(video) as reader:
        rate, rows, face = float(reader.rate), [], None
        for frame in reader:
            face = _next_face(landmarker, frame.image, face)
            rows.append(None if face is None else (landmarker.blendshapes(face), face.landmarks[:468]))
    taken = [row for row in rows[_longest(rows)] if row is not None]
    if len(taken) < SHORTEST:
        raise ReenactError(f"{video}: no stretch of {SHORTEST} frames shows a face; give a video of a person who speaks")
    pose = fit_head(np.stack([points for _, points in taken])).head_pose
    values = np.stack([coefficients for coefficients, _ in taken])
    path = folder / f"{video.stem}.npz"
    advice = "choose another folder"
    with explained(path, advice):
        folder.mkdir(parents=True, exist_ok=True)
    with replaced(path, advice) as part, part.open("wb") as file:
        np.savez_compressed(file, blendshapes=values, head_pose=pose - np.median(pose, 0), fps=np.array(rate))
    return path


def _next_face(landmarker: Landmarker, image: np.ndarray, last: Face | None) -> Face | None:
    found = landmarker.track(image, last) if last is not None else None
    return found or next(iter(landmarker.detect(image)), None)


def _longest(rows: list) -> slice:
    """The longest run of rows that are not None."""
    best, start = slice(0, 0), 0
    for at, row in enumerate([*rows, None]):
        if row is None:
            if at - start > best.stop - best.start:
                best = slice(start, at)
            start = at + 1
    return best
