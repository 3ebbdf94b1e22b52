"""Prints the table RIGID of src/reenact/evaluate/landmarks106.py: python tools/landmarks106.py CLIPS...

Where each of the 106 points lies in the canonical head: least squares over frames whose pose, scale and place the mesh says
(faces/pose.py), every fortieth frame of every third clip, then both halves of the face made alike. Only these places come from
the mesh: what is measured with them is read by InsightFace's points alone.
"""

import sys
from pathlib import Path

import numpy as np

from reenact.evaluate.landmarks106 import RIGID, Landmarks106
from reenact.evaluate.shots import frames
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head

PAIRS = {35: 93, 39: 89, 76: 82, 77: 83, 78: 84, 79: 85, 75: 81, **{middle: middle for middle in (72, 73, 74, 86, 80)}}
STEP, LAST, CLIPS = 40, 170, 3


def main() -> None:
    points, landmarker = Landmarks106(), Landmarker()
    squares, products, count = np.zeros((3, 3)), np.zeros((3, 106)), 0
    for clip in map(Path, sorted(sys.argv[1:])[::CLIPS]):
        for index, image in enumerate(frames(clip, 256)):
            if index > LAST:
                break
            found = points.read(image) if index % STEP == 0 else None
            faces = landmarker.detect(image) if found is not None else []
            if found is not None and faces:
                fit = fit_head(faces[0].landmarks)
                rows = np.asarray(fit.rotation[:2], np.float64)
                squares += rows.T @ rows
                products += rows.T @ ((found.points - fit.translation[:2]) / fit.scale).T
                count += 1
    lines: list[str] = []
    places = np.linalg.solve(squares, products).T
    for left, right in PAIRS.items():
        x, y, z = (places[left] + places[right] * [-1, 1, 1]) / 2
        for number, sign in ((left, 1), (right, -1))[: 1 + (left != right)]:
            lines.append(f"    {number}: ({sign * x:.3f}, {y:.3f}, {z:.3f}),\n")
    sys.stdout.write("".join(lines))
    sys.stderr.write(f"{count} frames; {len(RIGID)} points\n")


if __name__ == "__main__":
    main()
