"""docs/serve.webp: the page with the example's portrait, driven by the example's rendered head: python tools/serve_picture.py"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image as PILImage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from chromium import EXAMPLES, browser, served, tab, write_camera  # noqa: E402

SIZE = {"width": 1180, "height": 820}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "serve.webp")
    parser.add_argument("--seconds", type=float, default=6.0, help="of driving before the picture is taken")
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
            time.sleep(chosen.seconds)
            there.page.evaluate(
                "document.activeElement.blur(); document.getElementById('notice').hidden = true;"
                " document.querySelector('#cameras option').textContent = 'Camera'; 0"
            )  # else: a path of this computer
            shot = there.page.screenshot()
    PILImage.open(io.BytesIO(shot)).convert("RGB").save(chosen.out, "WEBP", quality=86, method=6)


if __name__ == "__main__":
    main()
