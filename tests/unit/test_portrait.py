"""What is said of a portrait before it is animated."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from reenact.core.errors import NoFaceError, ReenactWarning
from reenact.faces import portrait
from reenact.faces.doubt import accepting
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.portrait import faces_of, find_face, warn_if_turned
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


class Listed(Landmarker):
    """Finds a large thing that is no face first; at every scale it and the two people beside it, too."""

    def __init__(self, *found: Face) -> None:
        self.found = list(found)

    def detect(self, image: np.ndarray, least: float = 0.0) -> list[Face]:
        return self.found[:1]

    def detect_all(self, image: np.ndarray) -> list[Face]:
        return list(self.found)

    def score(self, image: np.ndarray, corner: tuple[float, float], side: float) -> float:
        return 0.0  # nor is a face in the photo when it is turned


PHOTO = np.zeros((512, 512, 3), np.uint8)


@pytest.fixture
def doubted(monkeypatch: pytest.MonkeyPatch) -> list[Face]:
    """Of which faces it was asked whether they are any; those with little presence are none."""
    asked: list[Face] = []
    monkeypatch.setattr(portrait, "doubtful", lambda _, __, face: asked.append(face) or face.presence < 0.9)
    return asked


def test_the_portraits_face_is_the_first_that_is_listed(doubted: list[Face]) -> None:
    ball, one, other = (Face(seen_at(0).landmarks, presence) for presence in (0.6, 1.0, 0.95))
    landmarker = Listed(ball, one, other)
    assert faces_of(PHOTO, landmarker) == [one, other]
    assert find_face(PHOTO, landmarker) is one and find_face(PHOTO, landmarker, 2) is other
    with pytest.raises(NoFaceError, match="2 faces"):
        find_face(PHOTO, landmarker, 3)
    with accepting():
        assert find_face(PHOTO, landmarker) is ball, "insisted on"


def test_what_is_none_is_refused_where_there_is_no_other(doubted: list[Face]) -> None:
    balls = [Face(seen_at(0).landmarks, presence) for presence in (0.6, 0.5)]
    for number in (1, 2):
        with pytest.raises(NoFaceError, match="looks like no face"):
            find_face(PHOTO, Listed(*balls), number)
    with pytest.raises(NoFaceError, match="no face found"):
        find_face(PHOTO, Listed())


def test_each_face_is_doubted_once(doubted: list[Face]) -> None:
    faces = [Face(seen_at(0).landmarks, presence) for presence in (1.0, 0.95)]
    find_face(PHOTO, Listed(*faces), 2)
    assert len(doubted) == 2
    doubted.clear()
    find_face(PHOTO, Listed(*faces))
    assert len(doubted) == 1
