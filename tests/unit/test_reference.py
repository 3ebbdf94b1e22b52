"""The driver's neutral: a clip that begins in the middle of a word neither mutes the portrait nor overdoes it."""

import json
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from reenact.cli.shared import reference_of
from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Portrait
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.compose import DRIVER, SOURCE, Share, compose, parse_parts
from reenact.motion.expression import ExpressionMap
from reenact.motion.reference import SEARCH, calmest, check_reference, unrest
from reenact.motion.rest import UNREAD, WITHIN, Rest
from reenact.pipeline import animator
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.portrait import PHOTO, Output
from reenact.pipeline.sources import MotionSource

JAW, SMILE = 0, 1
OWN = 0.1
"""the portrait's own jaw"""


@pytest.fixture
def map_() -> ExpressionMap:
    """Code 0 is the jaw, code 1 both corners of a smile."""
    to_code, from_code = np.zeros((52, 2), np.float32), np.zeros((2, 52), np.float32)
    from_code[JAW, BLENDSHAPE_NAMES.index("jawOpen")] = to_code[BLENDSHAPE_NAMES.index("jawOpen"), JAW] = 1
    for side in ("Left", "Right"):
        from_code[SMILE, BLENDSHAPE_NAMES.index(f"mouthSmile{side}")] = 1
    ones = np.ones(2, np.float32)
    return ExpressionMap(to_code, from_code, np.zeros(52, np.float32), 0 * ones, ones, np.ones(52, np.float32))


def face(jaw: float, smile: float = 0.0, yaw: float = 0.0) -> Motion:
    return Motion(np.float32([yaw, 0, 0]), np.float32([1]), np.zeros(2, np.float32), np.float32([jaw, smile]))


class Drawn:
    """A method whose picture is the motion that it was to draw."""

    name, size, folder = "drawn", 256, None

    def render(self, portrait: Portrait, motion: Motion) -> Motion:
        return motion


@pytest.fixture
def follow(map_: ExpressionMap, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(animator, "expression_map", lambda *_: map_)
    portrait = Portrait("drawn", {}, face(OWN), np.zeros((256, 256, 3), np.uint8))

    def make(wanted, **kwargs) -> Animator:
        control = Control("relative", smooth=0.0, reference=wanted)
        return Animator(Drawn(), portrait, control, Fraction(25), **kwargs)  # type: ignore[arg-type]

    return make


def clip(driver: Animator, motions, ahead: bool = True):
    """The pictures of a clip at 25 frames/s."""
    moments = ((Fraction(i, 25), motion) for i, motion in enumerate(motions))
    return driver.pictures(MotionSource(moments, Fraction(25), ahead=ahead))  # type: ignore[arg-type]


TALKING = [face(0.6), face(0.5), face(0.3), *([face(0.0)] * 10), face(0.6), face(0.0)]
"""begins with an open mouth"""


def jaws(pictures) -> list[float]:
    return [round(float(picture.expression[JAW]), 3) for picture in pictures]


def test_a_mouth_that_is_open_at_first_closes(follow):
    assert jaws(clip(follow("calm"), iter(TALKING)))[:4] == [0.7, 0.6, 0.4, OWN]
    assert jaws(clip(follow("first"), TALKING))[:4] == [OWN, 0.0, -0.2, -0.5], "what it was: a portrait that presses its lips"


def test_a_smile_at_first_closes_again(follow):
    smiling = [face(0, 0.8)] * 5 + [face(0)] * 5
    drawn = [round(float(p.expression[SMILE]), 3) for p in clip(follow("calm"), smiling)]
    assert drawn == [0.8] * 5 + [0.0] * 5


def test_frames_without_a_face_are_no_reference(follow):
    driver = follow("calm")
    assert jaws(clip(driver, [None, *TALKING]))[1:5] == [0.7, 0.6, 0.4, OWN]
    assert driver.missing == 1
    nobody = follow("calm")
    with pytest.raises(ReenactError, match="no face found"):
        list(clip(nobody, [None] * 3))


def test_a_second_is_said(follow):
    assert jaws(clip(follow(2 / 25), TALKING))[:4] == [0.4, 0.3, OWN, -0.2]
    with pytest.raises(ReenactError, match="beyond the driver's end"):
        jaws(clip(follow(99.0), TALKING))


def test_a_reference_that_is_given_stays(follow):
    assert jaws(clip(follow("calm", reference=face(0.2)), TALKING))[0] == 0.5


def test_live_glides_to_a_calmer_face(follow):
    driver = follow("calm")
    drawn = jaws(driver.follow(motion) for motion in [face(0.6)] * 5 + [face(0.0)] * 60)
    assert drawn[:5] == [OWN] * 5
    assert drawn[5] < OWN - 0.4 and drawn[-1] == pytest.approx(OWN, abs=0.005), "closed is closed in the end"
    assert max(np.diff(drawn[5:])) < 0.12, "no jump"
    assert driver.reference.expression[JAW] < 0.005


def test_a_slow_camera_has_glided_as_soon_as_a_fast_one(follow):
    """The glide takes seconds, not frames: at 5 a second it had not arrived when the search was over, and stayed on the way."""
    driver = follow("calm")
    for motion in [face(0.6)] * 2 + [face(0.0)] * 8:
        driver.follow(motion, 0.2)
    assert driver.reference.expression[JAW] < 0.01


def test_a_camera_is_not_read_ahead(follow):
    asked = []

    def camera():
        for i, motion in enumerate(TALKING):
            asked.append(i)
            yield motion

    next(clip(follow("calm"), camera(), ahead=False))
    assert asked == [0]
    next(clip(follow("calm"), camera()))
    assert len(asked) == 1 + len(TALKING)


def test_live_stops_searching(follow):
    driver = follow("calm")
    late = round((SEARCH + 2) * 25)
    for motion in [face(0.3)] * late + [face(0.0)] * 50:
        driver.follow(motion)
    assert driver.reference.expression[JAW] == pytest.approx(0.3)
    driver.calibrate()
    driver.follow(face(0.5))
    driver.follow(face(0.0))
    assert driver.reference.expression[JAW] == pytest.approx(0.5), "what was asked for is kept"


def test_weights_without_a_map_take_the_first_face(follow, monkeypatch: pytest.MonkeyPatch):
    def none(*_):
        raise ReenactError("no map")

    monkeypatch.setattr(animator, "expression_map", none)
    assert jaws(clip(follow("calm"), TALKING))[0] == OWN
    assert jaws(map(follow("calm").follow, TALKING))[0] == OWN


def test_what_is_calm(map_: ExpressionMap):
    assert calmest([face(0.5), face(0.02), face(0.0)], map_) == 1, "the first of those that are nearly as calm"
    assert calmest([face(0.0, yaw=0.5), face(0.05)], map_) == 1, "frontal"
    assert unrest(face(0, 0.5), map_) > unrest(face(0), map_)


def test_the_option_in_words():
    assert [reference_of(text) for text in ("rest", "calm", "first", "0:01.5")] == ["rest", "calm", "first", 1.5]
    for text in ("soon", "1e999999"):
        with pytest.raises(ReenactError, match="(--|`)reference"):
            check_reference(reference_of(text))
    for bad in (-1.0, float("nan"), float("inf"), "last"):
        with pytest.raises(ReenactError, match="`reference`"):
            check_reference(bad)


def test_the_head_stays_on_its_neck_in_the_whole_photo():
    """A driver who leans moves the crop's head; in the photo the neck stays, so size and place do, unless it is asked for."""
    for mode, kept in (("photo", True), ("crop", False)):
        parts = parse_parts("mouth=driver*1.3", Output(mode).parts())
        moved = compose(
            face(0),
            Motion(np.float32([0.2, 0, 0]), np.float32([1.5]), np.float32([0.3, 0]), np.float32([0, 0])),
            replace(parts, mouth=None),
        )
        assert (float(moved.scale[0]) == 1.0, float(moved.translation[0]) == 0.0) == (kept, kept)
        assert moved.head_pose[0] == pytest.approx(0.2), "it turns all the same"
    free = parse_parts("scale=driver,translation=driver", PHOTO.parts())
    assert (free.scale, free.translation) == (DRIVER, DRIVER)


@pytest.fixture
def rest(map_: ExpressionMap, monkeypatch: pytest.MonkeyPatch) -> Rest:
    """Faces at rest have the jaw .1 open and do not smile, more or less."""
    mean, spread = np.zeros(52, np.float32), np.zeros(52, np.float32)
    mean[BLENDSHAPE_NAMES.index("jawOpen")], spread[BLENDSHAPE_NAMES.index("jawOpen")] = OWN, 0.2
    found = Rest(mean, spread, map_)
    monkeypatch.setattr(animator.Rest, "of", lambda *_: found)
    return found


def test_a_driver_who_never_rests_still_opens_the_portraits_mouth(follow, rest):
    talking = [face(0.8)] * 3 + [face(0.6)] * 3 + [face(0.9)]
    assert jaws(clip(follow("calm"), talking))[::3] == [0.3, 0.1, 0.4], "counted from the calmest face"
    neutral = 0.6 - UNREAD * (0.6 - OWN - WITHIN * 0.2)
    assert jaws(clip(follow("rest"), talking))[::3] == [round(OWN + jaw - neutral, 3) for jaw in (0.8, 0.6, 0.9)]
    assert min(jaws(map(follow("rest").follow, talking))) > 0.5, "live, too, from the first face on"


def test_a_portraits_own_expression_is_taken_off(follow, rest):
    driver = follow("rest")
    driver._portrait = replace(driver._portrait, motion=face(0.7))
    driver.control = driver.control
    own = 0.7 - UNREAD * (0.7 - OWN - WITHIN * 0.2)
    assert jaws(clip(driver, [face(OWN), face(0.5)])) == [round(own, 3), round(own + 0.4, 3)]
    driver.control = replace(driver.control, reference="calm")
    assert jaws([driver.follow(face(0.5))]) == [1.1], "calm leaves it beneath"


def test_a_neutral_that_is_given_is_taken_as_it_is(follow, rest):
    assert jaws(clip(follow("rest", reference=face(0.6)), [face(0.6)])) == [OWN]
    driver = follow("rest")
    driver.follow(face(0.5))
    driver.calibrate()
    assert jaws([driver.follow(face(0.6))]) == [OWN], "who presses the key says that this is the face at rest"


def test_within_what_people_differ_by_nothing_is_taken_off(rest):
    assert rest.found(face(0.15)).expression[JAW] == np.float32(0.15)
    np.testing.assert_allclose(rest.found(face(0.0)).expression[JAW], 0.0, atol=1e-6)
    assert rest.found(face(-0.2)).expression[JAW] > -0.1


def test_faces_at_rest_of_weights(tmp_path, map_):
    method = SimpleNamespace(name="drawn", folder=tmp_path, fingerprint="these", code_size=2)
    assert Rest.of(method) is None, "none was measured"
    replace(map_, method="drawn", weights="these").save(tmp_path)
    values = dict.fromkeys(BLENDSHAPE_NAMES, 0.25)
    (tmp_path / "rest.json").write_text(json.dumps({"weights": "these", "mean": values, "spread": values}))
    assert Rest.of(method).mean.tolist() == [0.25] * 52
    whole = {"weights": "these", "mean": values, "spread": values}
    for damaged in (
        whole | {"spread": {**values, "jawOpen": -1}},
        {"weights": "these", "mean": values},
        whole | {"weights": "others"},
    ):
        (tmp_path / "rest.json").write_text(json.dumps(damaged))
        with pytest.raises(ReenactError, match="reenact.calibrate.rest"):
            Rest.of(method)


def test_only_some_parts_are_the_drivers():
    """Everything else stays the portrait's own, in the whole photo and in the square alike."""
    for mode in ("crop", "photo"):
        parts = parse_parts("only=mouth", Output(mode).parts())
        assert (parts.mouth, parts.eyes, parts.gaze) == (DRIVER, None, None)
        assert parts.pose == parts.scale == parts.translation == parts.expression == SOURCE
    both = parse_parts("only=pose+eyes,pose=driver*0.5")
    assert (both.pose, both.eyes, both.mouth, both.expression) == (Share(0.5), DRIVER, None, SOURCE)
    with pytest.raises(ReenactError, match="only=mouht: choose among"):
        parse_parts("only=mouht")
    with pytest.raises(ReenactError, match="did you mean mouth"):
        parse_parts("mouht=driver")
