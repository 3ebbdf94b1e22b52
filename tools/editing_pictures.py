"""The pictures of docs/editing.md: sheets of edits of the example portrait, with what was asked for under each.

python tools/editing_pictures.py docs
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import reenact
from reenact.core.types import Motion
from reenact.motion.edit import edit, interpolate
from reenact.motion.expression import expression_map
from reenact.pipeline.editing import Edit, Editor

ROOT = Path(__file__).parent.parent
SIDE, CAPTION, BYTES_MAX = 176, 16, 150_000


def sheet(method, portrait, rows: list[list[tuple[str, Motion | Edit]]]) -> Image.Image:
    width = max(len(row) for row in rows)
    out = Image.new("RGB", (width * SIDE, len(rows) * (SIDE + CAPTION)), "white")
    draw = ImageDraw.Draw(out)
    for y, row in enumerate(rows):
        for x, (caption, wanted) in enumerate(row):
            edited = isinstance(wanted, Edit)
            drawn = next(Editor(method).pictures(portrait, [wanted])) if edited else method.render(portrait, wanted)
            picture = Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            out.paste(picture, (x * SIDE, y * (SIDE + CAPTION)))
            draw.text((x * SIDE + 4, y * (SIDE + CAPTION) + SIDE + 2), caption, "black")
    return out


def save(picture: Image.Image, path: Path) -> None:
    for quality in (80, 65, 50):
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size <= BYTES_MAX:
            return
    raise SystemExit(f"{path} is too large")


def main(folder: Path) -> None:
    method = reenact.load("mmfa", "cpu", 1)
    portrait = method.encode_source(reenact.read_image(ROOT / "examples" / "portrait.jpg"))
    own, faces = portrait.motion, expression_map(method)
    rad = np.radians
    turns = [
        [(f"yaw {a:+d}", edit(own, yaw=rad(a))) for a in (-45, -30, -20, -10, 10, 20, 30, 45)],
        [(f"pitch {a:+d}", edit(own, pitch=rad(a))) for a in (-30, -20, -10, -5, 5, 10, 20, 30)],
        [(f"roll {a:+d}", edit(own, roll=rad(a))) for a in (-30, -15, 15, 30)]
        + [(f"scale {s:g}", edit(own, scale=s)) for s in (0.8, 0.9, 1.1, 1.25)],
    ]
    save(sheet(method, portrait, turns), folder / "editing-poses.webp")
    names = ("smile", "frown", "surprise", "anger", "blink", "wink_left", "jaw_open", "pucker")
    named = [
        [(name, Edit(expression=name)) for name in names],
        [(f"{name} x2", Edit(expression=name, strength=2)) for name in names],
        [(f"{name} --absolute", Edit(expression=name, mode="absolute")) for name in names],
    ]
    save(sheet(method, portrait, named), folder / "editing-expressions.webp")
    glances = [(f"gaze {a:+d} 0", Edit(gaze=(rad(a), 0.0))) for a in (-30, -15, 15, 30)]
    glances += [(name, Edit(expression=name)) for name in ("look_up", "look_down")]
    glances += [(f"yaw {a:+d}, gaze {-a:+d} 0", Edit(yaw=rad(a), gaze=(rad(-a), 0.0))) for a in (-20, 20)]
    save(sheet(method, portrait, [glances]), folder / "editing-gaze.webp")
    start = edit(own, yaw=rad(-20), expression=faces.preset("jaw_open"), strength=1.5)
    end = edit(own, yaw=rad(20), expression=faces.with_expression(own.expression, {}), mode="absolute")
    shares = np.linspace(0, 1, 8)
    ways = [[(f"{path} {share:.2f}", interpolate(start, end, share, path)) for share in shares] for path in ("lerp", "slerp")]
    save(sheet(method, portrait, ways), folder / "editing-interpolation.webp")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
