"""One eye alone: rendered as two faces with like eyes, joined along the face's middle."""

import numpy as np
import pytest

from reenact.core.types import Motion, Portrait
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import PRESETS, ExpressionMap
from reenact.motion.sides import joined, left_of_face, sided, unlike
from reenact.pipeline.editing import Edit, Editor

SIZE = 64


def head(yaw: float = 0.0, roll: float = 0.0, x: float = 0.0, code: np.ndarray | None = None) -> Motion:
    code = np.zeros(52, np.float32) if code is None else code
    return Motion(np.float32([yaw, 0, roll]), np.float32([1.0]), np.float32([x, 0]), code)


def test_what_is_unlike():
    assert unlike(PRESETS["wink_left"]) and unlike({"browDownLeft": 0.4, "browDownRight": 0.2})
    assert not any(unlike(PRESETS[name]) for name in PRESETS if not name.startswith("wink"))
    assert not unlike({"mouthSmileLeft": 1.0, "eyeLookOutLeft": 0.5, "browInnerUp": 0.3})


def test_each_side_has_its_own_for_both():
    values = {"eyeBlinkLeft": 0.9, "browDownRight": 0.3, "jawOpen": 0.2, "mouthSmileLeft": 0.4}
    left = {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9, "browDownLeft": 0.0, "browDownRight": 0.0}
    right = {"eyeBlinkLeft": 0.0, "eyeBlinkRight": 0.0, "browDownLeft": 0.3, "browDownRight": 0.3}
    rest = {"jawOpen": 0.2, "mouthSmileLeft": 0.4}
    assert sided(values, "Left") == left | rest and sided(values, "Right") == right | rest and sided(values, None) == values


def test_the_persons_left_is_on_the_right_of_the_picture():
    share = left_of_face(head(), SIZE)
    assert share[32, 40] == 1 and share[32, 24] == 0 and (np.diff(share, axis=1) >= 0).all()
    assert left_of_face(head(x=0.5), SIZE)[32, 40] == 0, "where the head is"
    turned = left_of_face(head(yaw=0.5), SIZE)
    assert turned[32, 36] < share[32, 36], "the bridge of the nose goes with the turn"
    tilted = left_of_face(head(roll=np.pi / 2), SIZE)
    assert tilted[45, 32] == 1 and tilted[15, 32] == 0, "clockwise: the person's left is below"


def test_pictures_meet_without_a_step():
    white, black = np.full((SIZE, SIZE, 3), 255, np.uint8), np.zeros((SIZE, SIZE, 3), np.uint8)
    row = joined(white, black, head())[32, :, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255 and np.diff(row).max() < 128
    assert np.array_equal(joined(white, white, head()), white)


class Lids:
    """A method whose picture is as bright as both lids together are shut; it counts."""

    def __init__(self) -> None:
        self.rendered = 0

    def render_all(self, portrait: Portrait, motions):
        for motion in motions:
            self.rendered += 1
            shut = sum(float(motion.expression[BLENDSHAPE_NAMES.index(f"eyeBlink{side}")]) for side in ("Left", "Right"))
            yield np.full((SIZE, SIZE, 3), round(100 * shut), np.uint8)


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch) -> Editor:
    one, nothing = np.eye(52, dtype=np.float32), np.zeros(52, np.float32)
    made = Editor(Lids())  # type: ignore[arg-type]
    monkeypatch.setattr(Editor, "map", ExpressionMap(one, one, nothing, nothing, nothing, np.ones(52, np.float32)))
    monkeypatch.setattr(Editor, "gain", type("Gain", (), {"reached": lambda self, own, wanted: wanted})())
    return made


@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_a_wink_shuts_one_eye(editor: Editor, mode):
    portrait = Portrait("lids", {}, head(), np.zeros((SIZE, SIZE, 3), np.uint8))
    wink, blink, named = editor.pictures(
        portrait,
        [
            Edit(blendshapes={"eyeBlinkLeft": 1.0}, mode=mode),
            Edit(expression="blink", mode=mode),
            Edit(expression="wink_right", mode=mode),
        ],
    )
    assert (wink[32, 45, 0], wink[32, 20, 0]) == (200, 0)
    assert (blink == 200).all()
    assert (named[32, 45, 0], named[32, 20, 0]) == (0, 200)
    assert editor._method.rendered == 5, "like eyes are rendered once"
