"""The README's animated picture: portrait | driving clip | result, side by side.

python tools/readme_picture.py out/demo.mp4 docs/demo.webp    (after scripts/demo)
"""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from reenact import read_image
from reenact.media.video import VideoReader

SIDE, EVERY, FRAMES = 224, 2, 80


def frames(path: Path) -> list[Image.Image]:
    with VideoReader(path) as reader:
        return [Image.fromarray(frame.image).resize((SIDE, SIDE)) for frame in islice(reader, 0, EVERY * FRAMES, EVERY)]


def main(result: Path, target: Path) -> None:
    examples = Path(__file__).parent.parent / "examples"
    portrait = Image.fromarray(read_image(examples / "portrait.jpg")).resize((SIDE, SIDE))
    rows = [
        Image.fromarray(np.concatenate([np.asarray(part) for part in (portrait, driving, drawn)], 1))
        for driving, drawn in zip(frames(examples / "driving.mp4"), frames(result), strict=True)
    ]
    rows[0].save(target, save_all=True, append_images=rows[1:], duration=80, loop=0, quality=70, method=4)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
