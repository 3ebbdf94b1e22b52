"""A head that is asked to turn by 30 degrees is seen to turn by less; by how much more an edit must ask. ours.

A rendered turn falls short of the one asked for, the far cheek most of all. calibrate/pose_gain.py measures the share that
arrives on the people that the weights were trained on; it lies beside the weights. Only edits ask for more: a driver's turn
is transferred as estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.types import Motion
from reenact.motion.edit import YAW_MAX
from reenact.motion.measured import read_measured, require

FILE = "pose_gain.json"
MOST = 2.0
"""ours: a head that is asked for more than twice its turn is not calibrated but broken"""


@dataclass(frozen=True)
class PoseGain:
    """What a change of yaw and of pitch is multiplied by; roll and scale arrive as they are asked for."""

    yaw: float = 1.0
    pitch: float = 1.0

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> PoseGain:
        """That of these weights; 1 where none was measured. Raises ReenactError where it is other weights' or damaged."""
        path = folder / FILE
        if not path.is_file():
            return cls()
        remedy = f"make it with: python -m reenact.calibrate.pose_gain {folder} POOL"
        return read_measured(path, fingerprint, cls._of, "gains", remedy)

    @classmethod
    def _of(cls, held: Mapping[str, Any]) -> PoseGain:
        found = cls(float(held["yaw"]), float(held["pitch"]))
        require(all(1 / MOST <= gain <= MOST for gain in (found.yaw, found.pitch)))
        return found

    def reached(self, own: Motion, edited: Motion) -> Motion:
        """`edited`, its turn away from `own` made larger by the gain; yaw stays within edit.YAW_MAX."""
        gain = np.array([self.yaw, self.pitch, 1.0])
        pose = own.head_pose + gain * (edited.head_pose - own.head_pose)
        pose[0] = np.clip(pose[0], -YAW_MAX, YAW_MAX)
        return replace(edited, head_pose=pose.astype(np.float32))
