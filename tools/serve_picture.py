"""docs/serve.webp and docs/serve-view.webp: the page with the example's portrait, driven by the example's rendered head, and
what a browser source of OBS shows beside it: python tools/serve_picture.py"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/helpers"))

from chromium import EXAMPLES, browser, served, tab, write_camera  # noqa: E402
from reenact.faces.landmarker import Landmarker  # noqa: E402

STEADY = """(() => { const place = document.querySelector('#parts select[aria-label=translation]'); place.value = 'source';
  place.onchange(); document.activeElement.blur(); document.getElementById('notice').hidden = true;
  document.querySelector('#cameras option').textContent = 'Camera'; })()"""
"""the head stays in the middle; the camera's name is a path of this computer"""
WIDE = 0.08
"""heights of a face: beyond it a mouth that smiles already shows more teeth than it has"""
PAUSE = 0.5
"""ours: seconds between two pictures of the page: each costs the page some of the delay that it shows"""
SIZE = {"width": 1180, "height": 820}
VIEW = 512


def liveliness(reader: Landmarker, picture: np.ndarray) -> float:
    """How far mouth and eyes are open: of all that is seen, the picture that says most is taken."""
    faces = reader.detect(picture)
    if not faces:
        return 0.0
    points, height = faces[0].landmarks[:, :2], faces[0].box[3] - faces[0].box[1]
    gaps = [float(np.linalg.norm(points[a] - points[b])) / height for a, b in ((13, 14), (159, 145), (386, 374))]
    return min(gaps[0], WIDE) - max(0.0, gaps[0] - WIDE) + 2 * min(gaps[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "serve.webp")
    parser.add_argument("--view", type=Path, default=ROOT / "docs" / "serve-view.webp")
    parser.add_argument("--seconds", type=float, default=10.0, help="of driving before the picture is taken")
    parser.add_argument("--dark", action="store_true")
    chosen = parser.parse_args()
    scheme = "dark" if chosen.dark else "light"
    with tempfile.TemporaryDirectory() as folder, browser(write_camera(Path(folder) / "c.y4m", 200, (640, 480))) as chromium:
        portrait = str(EXAMPLES / "portrait.jpg")
        with (
            served(Path(folder) / "served", portrait) as (address, _),
            tab(chromium, address, viewport=SIZE, color_scheme=scheme) as there,
        ):
            there.until("window.reenact?.painter.count > 0", 120)
            there.page.click("[data-drive=camera]")
            there.until("reenact.painter.samples.length > 10", 120)
            there.page.evaluate(STEADY)
            end = time.monotonic() + chosen.seconds
            shots = []
            while time.monotonic() < end:
                shots.append(there.page.screenshot())
                time.sleep(PAUSE)
            place = there.page.locator("#canvas").bounding_box()
            with tab(chromium, address.replace("/#", "/view#"), viewport={"width": VIEW, "height": VIEW}) as view:
                view.until("window.reenact?.painter.count > 20", 60)
                view.page.screenshot(path=str(Path(folder) / "view.png"))
                PILImage.open(Path(folder) / "view.png").convert("RGB").save(chosen.view, "WEBP", quality=86, method=6)
    reader = Landmarker()
    box = tuple(round(v) for v in (place["x"], place["y"], place["x"] + place["width"], place["y"] + place["height"]))
    cut = [np.asarray(PILImage.open(io.BytesIO(shot)).convert("RGB").crop(box)) for shot in shots]
    shot = shots[int(np.argmax([liveliness(reader, picture) for picture in cut]))]
    PILImage.open(io.BytesIO(shot)).convert("RGB").save(chosen.out, "WEBP", quality=86, method=6)


if __name__ == "__main__":
    main()
