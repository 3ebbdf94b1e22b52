"""Where eyes look: read from landmarks, carried over, kept in takes, drawn by moving the irises."""

from fractions import Fraction

import numpy as np
import pytest

from motions import small_map
from places import EXAMPLES
from reenact.codec.container import Header
from reenact.codec.profile import plain_profile, with_gaze
from reenact.codec.still import Stillness
from reenact.codec.stream import Playout, Receiver, Sender
from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Placement
from reenact.faces import eyes
from reenact.motion import gaze
from reenact.motion.compose import compose, parse_parts
from reenact.motion.edit import interpolate
from reenact.motion.smooth import MotionFilter
from reenact.motion.takes import Take
from reenact.motion.transfer import transfer
from reenact.pipeline.sinks import held
from reenact.runtime.gaze import GazeMover

SIDE = 128
PLACE = Placement(SIDE / 2, SIDE / 2, SIDE)


def landmarks(across: float = 0.0, down: float = 0.0, height: float = 0.35, roll: float = 0.0) -> np.ndarray:
    """Two eyes 30 px wide; the irises so far from their middle, in eye widths."""
    points = np.zeros((478, 3), np.float32)
    for row, middle in zip(eyes.POINTS, (40.0, 88.0), strict=True):
        x = np.linspace(-15, 15, eyes.LIDS)
        lid = height * 15 * (1 - (x / 15) ** 2)
        iris = np.array([30 * across, 30 * down]) + 6 * np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)])
        eye = np.concatenate([np.stack([x, -lid], 1), np.stack([x, lid], 1), iris])
        turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        points[row, :2] = eye @ turn + (middle, 64.0)
    return points


def picture(points: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Skin, white eyes, dark irises."""
    rows, columns = np.mgrid[0:side, 0:side] + 0.5
    out = np.full((side, side, 3), 150, np.uint8)
    for eye in eyes.outlines(points, PLACE) * side:
        upper, lower = (np.interp(columns[0], *lid.T) for lid in (eye[: eyes.LIDS], eye[eyes.LIDS : 2 * eyes.LIDS]))
        between = (rows > upper) & (rows < lower) & (columns > eye[0, 0]) & (columns < eye[eyes.LIDS - 1, 0])
        iris = np.hypot(columns - eye[18, 0], rows - eye[18, 1]) < 6 * side / SIDE
        out[between], out[between & iris] = 240, 30
    return out


def dark(image: np.ndarray, left: bool = True) -> float:
    """The middle of what is dark in one half, px across."""
    half = image.shape[1] // 2
    part = image[:, :half, 0] if left else image[:, half:, 0]
    return float(np.argwhere(part < 80)[:, 1].mean()) + (0 if left else half)


def identity(side: int = SIDE, right: float = 0.0) -> np.ndarray:
    """Each pixel from itself; or from so many px further left."""
    steps = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(steps - 2 * right / side, steps)
    return np.stack([x, y], -1).astype(np.float32)[None]


def looks(value: float | None) -> Motion:
    look = None if value is None else np.full((2, 2), value, np.float32)
    return Motion(np.zeros(3, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), np.zeros(4, np.float32), look)


@pytest.mark.parametrize("roll", [0.0, 0.5])
def test_irises_are_read_in_the_heads_frame(roll: float):
    found = eyes.gaze(landmarks(0.1, 0.05, roll=roll))
    assert found is not None
    np.testing.assert_allclose(found, [[0.1 / eyes.READ, 0.05 * eyes.HEIGHT_LEFT]] * 2, atol=1e-4)


def test_shut_eyes_look_nowhere():
    assert eyes.gaze(landmarks(0.1, height=0.05)) is None
    one = landmarks(0.2, height=0.05)
    one[eyes.POINTS[1]] = landmarks(-0.1)[eyes.POINTS[1]]
    assert eyes.gaze(one)[0, 0] == pytest.approx(-0.1 / eyes.READ, abs=1e-4), "the open one says it"  # type: ignore[index]


@pytest.mark.parametrize("side", [SIDE, 4 * SIDE])
@pytest.mark.parametrize("way", [-0.15, 0.1])
def test_irises_go_where_they_are_asked_and_lids_stay(side: int, way: float):
    points = landmarks()
    crop = picture(points, side)
    mover = GazeMover(crop, eyes.outlines(points, PLACE))
    moved = mover.put(crop.copy(), identity(), np.float32([[way, 0]] * 2))
    for left in (True, False):
        assert dark(moved, left) - dark(crop, left) == pytest.approx(way * 30 * side / SIDE, abs=1.0 * side / SIDE)
    outside = (crop == 150).all(-1)
    assert (moved[outside] == 150).all(), "skin is skin"
    assert (moved < 80).all(-1).sum() == pytest.approx((crop < 80).all(-1).sum(), rel=0.25), "the iris keeps its size"


def test_the_change_goes_with_the_moving_head_and_each_eye_by_itself():
    points = landmarks()
    crop = picture(points)
    mover = GazeMover(crop, eyes.outlines(points, PLACE))
    shifted = np.roll(crop, 10, axis=1)
    moved = mover.put(shifted.copy(), identity(right=10), np.float32([[0.1, 0], [0, 0]]))
    assert dark(moved) - dark(crop) == pytest.approx(13, abs=1) and dark(moved, False) == dark(shifted, False)


def shrunk(crop: np.ndarray, across: float, down: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture about its middle, so many times as wide and high; and where each pixel was taken from."""
    grid = identity(crop.shape[0]) / np.float32([across, down])
    at = (((grid[0] + 1) * crop.shape[0] / 2).astype(int)).clip(0, crop.shape[0] - 1)
    return crop[at[..., 1], at[..., 0]], grid


@pytest.mark.parametrize(("across", "size"), [(0.65, 0.65), (0.5, 0.5), (1.3, 1.3), (0.6, 1.0), (0.4, 0.7)])
def test_eyes_of_a_small_and_of_a_turned_head_look_as_far(across: float, size: float):
    """A turned head's eyes are narrower than its size says."""
    points = landmarks()
    frame, grid = shrunk(picture(points, 2 * SIDE), across, size)
    moved = GazeMover(picture(points, 2 * SIDE), eyes.outlines(points, PLACE)).put(
        frame.copy(), grid, np.float32([[0.12, 0]] * 2), size
    )
    assert dark(moved) - dark(frame) == pytest.approx(0.12 * 60 * across, rel=0.25)


@pytest.mark.parametrize("size", [0.65, 1.0, 1.3])
def test_lids_that_close_stop_the_gaze_whatever_the_heads_size(size: float):
    points = landmarks()
    frame, grid = shrunk(picture(points, 2 * SIDE), size, 0.35 * size)
    moved = GazeMover(picture(points, 2 * SIDE), eyes.outlines(points, PLACE)).put(
        frame.copy(), grid, np.float32([[0.12, 0]] * 2), size
    )
    assert np.array_equal(moved, frame)


def test_no_iris_leaves_its_eye_and_no_shut_eye_is_changed():
    points = landmarks()
    crop = picture(points)
    mover = GazeMover(crop, eyes.outlines(points, PLACE))
    far = mover.put(crop.copy(), identity(), np.float32([[5.0, 9.0]] * 2))
    assert dark(far) < 40 + 15 - 3 and (far[(crop == 150).all(-1)] == 150).all()
    closing = identity()
    closing[..., 1] = np.where(np.abs(closing[..., 1]) < 0.02, closing[..., 1] * 4, np.sign(closing[..., 1]) * 0.5)
    skin = np.full_like(crop, 150)
    assert (mover.put(skin.copy(), closing, np.float32([[0.2, 0]] * 2)) == 150).all(), "a lid is drawn over it"
    shut = GazeMover(crop, eyes.outlines(landmarks(height=0.05), PLACE))
    assert np.array_equal(shut.put(crop.copy(), identity(), np.float32([[0.2, 0]] * 2)), crop)


def test_a_gaze_is_carried_over():
    assert transfer(looks(0.1), looks(0.3), looks(0.2), "relative").gaze[0, 0] == pytest.approx(0.2)  # type: ignore[index]
    assert transfer(looks(0.1), looks(0.3), None, "absolute").gaze[0, 0] == pytest.approx(0.3)  # type: ignore[index]
    for one, reference in ((None, 0.2), (0.3, None)):
        assert transfer(looks(0.1), looks(one), looks(reference), "relative").gaze[0, 0] == np.float32(0.1)  # type: ignore[index]
    assert transfer(looks(None), looks(0.3), looks(0.2), "relative").gaze is None
    assert interpolate(looks(0.0), looks(0.4), 0.25).gaze[0, 0] == pytest.approx(0.1)  # type: ignore[index]
    assert gaze.usual([looks(0.1), looks(None), looks(0.9), looks(0.2)])[0, 0] == np.float32(0.2)  # type: ignore[index]
    assert gaze.usual([looks(None)]) is None


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("scale=driver", 0.5), ("gaze=source", 0.1), ("gaze=driver*0.5", 0.3), ("expression=source", 0.1),
        ("expression=source,gaze=driver", 0.5), ("gaze=0/0", 0.0),
    ],
)  # fmt: skip
def test_a_gaze_is_a_part(text: str, wanted: float):
    moved = compose(looks(0.1), looks(0.5), parse_parts(text))
    assert moved.gaze is not None and moved.gaze[0, 0] == pytest.approx(wanted)


@pytest.mark.parametrize("part", ["expression", "eyes"])
def test_a_named_look_is_the_portraits_own_and_the_named_one(part: str):
    for name, across in (("look_left", 0.8), ("look_right", -0.8), ("smile", 0.0)):
        moved = compose(looks(0.1), looks(0.5), parse_parts(f"{part}={name}"), 1.0, small_map())
        assert moved.gaze is not None and moved.gaze[:, 0] == pytest.approx([0.1 + across * gaze.ACROSS] * 2)
    kept = compose(looks(0.1), looks(0.5), parse_parts(f"{part}=look_left,gaze=driver"), 1.0, small_map())
    assert kept.gaze is not None and kept.gaze[0, 0] == pytest.approx(0.5)
    assert compose(looks(None), looks(0.5), parse_parts(f"{part}=look_left"), 1.0, small_map()).gaze is None


def test_a_part_of_the_gaze_is_two_angles():
    assert compose(looks(0.1), looks(0.5), parse_parts("gaze=30/-10")).gaze[0] == pytest.approx([0.175, 0.0608], abs=1e-3)  # type: ignore[index]
    for wrong in ("gaze=1", "gaze=smile", "gaze=1/2/3"):
        with pytest.raises(ReenactError, match="YAW/PITCH"):
            parse_parts(wrong)


def test_a_blink_holds_the_gaze():
    follow = MotionFilter(25)
    follow.step(looks(0.2))
    assert follow.step(looks(None)).gaze[0, 0] == pytest.approx(0.2)  # type: ignore[index]
    assert MotionFilter(25).step(looks(None)).gaze is None


def test_a_glance_is_no_stillness():
    still = Stillness(plain_profile("fake", 4), 8)
    assert still.moved(looks(0.1)) and not still.moved(looks(0.11)) and still.moved(looks(0.15)) and still.moved(looks(None))
    assert not still.moved(looks(None))


def test_a_call_carries_the_gaze_and_holds_it_while_eyes_are_shut():
    profile = with_gaze(plain_profile("fake", 4))
    header = Header.of(profile, Fraction(25))
    sender, receiver, playout = Sender(profile, header.tag, quality=0), Receiver(profile, header.tag), Playout()
    found = []
    for number, value in enumerate((0.1, None, 0.3, 0.3)):
        packet = sender.send(looks(value))
        playout.add(receiver.receive(packet) if packet else [])
        found.append(playout.at(number).gaze[1, 0])  # type: ignore[union-attr, index]
    assert found == pytest.approx([0.1, 0.1, 0.3, 0.3], abs=0.003)
    assert [motion.gaze[0, 0] for motion in held([looks(None), looks(0.2), None, looks(None)])] == [np.float32(0.2)] * 4


def test_blendshapes_look():
    left = gaze.of_names({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0})
    assert left[:, 0] == pytest.approx([gaze.ACROSS] * 2), "the person's left is on the picture's right"
    assert gaze.of_names({"eyeLookDownLeft": 1.0})[1, 1] == pytest.approx(gaze.DOWN)
    assert gaze.of_angles(np.pi / 2, 0)[0] == pytest.approx([gaze.RADIUS, 0])


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_take_keeps_the_gaze(tmp_path, suffix: str):
    motions = [looks(0.1), looks(None), looks(0.3)]
    rows = np.stack([motion.vector() for motion in motions])
    times = tuple(range(3))
    take = Take.of("mmfa", "", 25, times, motions, looks(0.25))  # type: ignore[arg-type]
    take.save(tmp_path / f"a{suffix}")
    kept = Take.load(tmp_path / f"a{suffix}")
    assert kept.motion(0).gaze[0, 0] == pytest.approx(0.1) and kept.motion(1).gaze is None  # type: ignore[index]
    assert kept.reference.gaze[1, 1] == pytest.approx(0.25)  # type: ignore[union-attr, index]
    bad = Take("mmfa", "", 25, times, rows, np.ones(3, bool), gazes=np.full((3, 2, 2), 7, np.float32))  # type: ignore[arg-type]
    bad.save(tmp_path / f"b{suffix}")
    with pytest.raises(ReenactError, match="damaged"):
        Take.load(tmp_path / f"b{suffix}")


def test_the_weights_that_ship_look_aside():
    from reenact.faces.landmarker import Landmarker
    from reenact.media.image import read_image
    from reenact.pipeline.editing import Edit, Editor
    from reenact.runtime.onnx_method import load

    method = load("mmfa", threads=1)
    portrait = method.encode_source(read_image(EXAMPLES / "portrait.jpg"))
    wanted = [Edit(expression=name) for name in ("look_left", "look_right")] + [Edit(gaze=(0.0, 0.0), mode="absolute")]
    landmarker, found = Landmarker(1), []
    for shown in Editor(method).pictures(portrait, wanted):
        face = landmarker.detect(shown)[0]
        found.append(eyes.gaze((landmarker.track(shown, face) or face).landmarks)[0, 0])  # type: ignore[index]
    assert found[0] > found[2] + 0.1 and found[1] < found[2] - 0.1
