"""Measures where MediaPipe's 468 landmarks lie on the rendered heads' skin: prints the table of synth/landmarks.py.

Reads bald heads of many shapes and lights, frontal, with the landmarker, and takes for each landmark the vertex that is
nearest on the average of all. Run once, when the skin's mesh changes: python tools/synth_landmarks.py > table.txt
"""

import sys

import numpy as np

from reenact.faces.landmarker import Landmarker
from reenact.synth.avatar import shape_only_avatar
from reenact.synth.camera import aim
from reenact.synth.head import HeadModel
from reenact.synth.light import draw_backdrop, draw_lighting
from reenact.synth.render import Renderer, Stage

HEADS, SIZE, MIDDLE, UNIT = 24, 512, (0.0, 7.0, 1.0), 0.62


def main() -> None:
    head, renderer, landmarker = HeadModel.load(), Renderer(SIZE), Landmarker(1)
    camera = aim(np.array(MIDDLE), UNIT, np.zeros(2), 9.0, SIZE)
    total = None
    for number in range(HEADS):
        random = np.random.default_rng(number)
        avatar = shape_only_avatar(head, number)
        stage, wall = Stage(renderer, avatar), renderer.backdrop(draw_backdrop(random, SIZE))
        points = avatar.rig.rest
        stage.move(points, avatar.rig.normals(points))
        image = renderer.picture(stage, camera, draw_lighting(random), wall)
        surface = renderer.surface(stage, camera)
        stage.release()
        wall.release()
        faces = landmarker.detect(image)
        if not faces:
            continue
        skin = camera.project(points[: len(head.skin.offset)])
        column, row = (np.clip(skin[:, k], 0, SIZE - 1).astype(int) for k in range(2))
        hidden = skin[:, 2] > surface[row, column, 2] + 0.06
        gap = ((faces[0].landmarks[:468, None, :2] - skin[None, :, :2]) ** 2).sum(-1) + 1e4 * hidden[None]
        total = np.minimum(gap, 2e3) if total is None else total + np.minimum(gap, 2e3)
    sys.stdout.write(" ".join(map(str, total.argmin(1))) + "\n")


if __name__ == "__main__":
    main()
