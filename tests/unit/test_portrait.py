"""What is said of a portrait before it is animated."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from reenact.core.errors import ReenactWarning
from reenact.faces.landmarker import Face
from reenact.faces.portrait import warn_if_turned
from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix


def seen_at(yaw: float, pitch: float = 0.0) -> Face:
    """A face of 200 px whose head is turned so, degrees."""
    turn = rotation_matrix(np.radians([yaw, pitch, 0]).astype(np.float32))
    points = 200 * canonical_face().points @ turn.T + [256, 256, 0]
    irises = points[:10]
    return Face(np.concatenate([points, irises]).astype(np.float32), 1.0)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-25, 10), (0, 40)])
def test_a_portrait_from_the_front_is_taken_without_a_word(yaw: float, pitch: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_turned(seen_at(yaw, pitch))


@pytest.mark.parametrize("yaw", [40, -40])
def test_one_from_the_side_is_warned_of(yaw: float) -> None:
    with pytest.warns(ReenactWarning, match="turned aside by (39|40|41) degrees"):
        warn_if_turned(seen_at(yaw))
