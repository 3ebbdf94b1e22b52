"""Figures of peers. None of it was measured here; what the papers of our methods claim is said in their folders.

Every figure is second-hand where its source says so. Protocols differ between the tables: none of these figures may be
compared with ours; they say what order of size to expect.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One line of somebody's table."""

    test: str
    figures: str
    source: str


_WIZWAND = "wizwand's collection of results, second-hand"
PUBLISHED = (
    Published("VoxCeleb1, self, L1", "FOMM 0.0412 to 0.045, face-vid2vid 0.0445", _WIZWAND),
    Published("VoxCeleb1, self, SSIM", "FOMM 0.723, face-vid2vid 0.761", _WIZWAND),
    Published("VoxCeleb1, cross, ARD", "FOMM 3.122", _WIZWAND),
    Published("CelebV, cross, CSIM", "face-vid2vid 0.791", _WIZWAND),
    Published("HDTF, self", "face-vid2vid FID 22.27 and 20.57 (two papers), LPIPS 0.277", _WIZWAND),
    Published(
        "HDTF, self, PSNR / SSIM / LPIPS / FID",
        "LivePortrait 27.17 / 0.878 / 0.043 / 9.05; IMTalker 28.46 / 0.899 / 0.037 / 7.43; LIA PSNR 25.99, SSIM 0.839",
        "IMTalker, table 1, second-hand",
    ),
    Published("VoxCelebHQ 512, self, PSNR", "LivePortrait 17.45, LIA 22.14, LIA-X 24.39", "LIA-X, table 1, second-hand"),
    Published("TalkingHead-1KH, self, PSNR", "LivePortrait 20.26, LIA 23.37, LIA-X 26.07", "LIA-X, table 1, second-hand"),
    Published(
        "TalkingHead-1KH, self", "LivePortrait PSNR 32.01, SSIM 0.819, LPIPS 0.066, CSIM 0.913; cross FID 58.04", "second-hand"
    ),
    Published(
        "VFHQ 512", "face-vid2vid self LPIPS 0.289, FID 52.0, ID 0.826; cross FID 79.2, ID 0.606", "Portrait4D-v2, second-hand"
    ),
)
