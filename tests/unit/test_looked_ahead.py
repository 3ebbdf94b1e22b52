"""Files and the temporal filter: an animator that may look ahead is not late, one that may not is."""

from fractions import Fraction

import numpy as np

from motions import STILL
from reenact.core.types import Motion, Portrait
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.sources import MotionSource

RATE = Fraction(25)


class Yaw:
    """A method that draws its yaw: a picture of one number."""

    name, size, fingerprint, folder = "yaw", 8, "", None
    config: dict = {}

    def render(self, portrait: Portrait, motion: Motion) -> np.ndarray:
        return np.full((1, 1, 1), motion.head_pose[0])


def drawn(ahead: bool, timed: bool = False, missing: tuple[int, ...] = ()) -> np.ndarray:
    """The yaw that comes out of a head that turns evenly, 40 frames."""
    rows = np.repeat(STILL.vector()[None], 40, 0)
    rows[:, 0] = np.arange(40) * 0.005
    moments = ((i / RATE, None if i in missing else Motion.from_vector(row)) for i, row in enumerate(rows))
    source = MotionSource(moments, RATE, 40, ahead=ahead, timed=timed)
    portrait = Portrait("yaw", {}, STILL, np.zeros((8, 8, 3), np.uint8))
    animator = Animator.of(Yaw(), portrait, Control("absolute"), source)  # type: ignore[arg-type]
    made = [float(picture[0, 0, 0]) for picture in animator.pictures(source)]
    assert animator.frames == 40 and animator.missing == len(missing)
    return np.array(made)


def test_a_file_is_not_late_and_a_camera_is():
    wanted = np.arange(40) * 0.005
    live, file = wanted - drawn(False), wanted - drawn(True)
    assert len(file) == 40 and live[10:30].min() > 0.002
    assert np.abs(file[10:30]).max() < 0.3 * live[10:30].min()
    assert np.abs(drawn(True, timed=True) - drawn(False)).max() < 1e-6, "uneven times are filtered as they come"


def test_a_frame_without_a_face_holds_the_picture():
    made = drawn(True, missing=(20, 21))
    assert made[20] == made[19] == made[21] and made[22] > made[21]
