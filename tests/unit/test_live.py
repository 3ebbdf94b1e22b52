"""The live loop: the newest frame only, steering between frames, hold and home, errors that end one frame."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import reenact
from clips import PORTRAIT, face, moving_face, scenery, write_clip
from fake_method import write_fake_method
from motions import small_map
from reenact.core.types import Motion
from reenact.live.follower import Follower
from reenact.live.newest import Newest
from reenact.live.session import RULES, Frame, Rules, Session, Shown, Steer
from reenact.live.stages import Stages, Times
from reenact.media.video import VideoReader
from reenact.pipeline.control import Control
from reenact.provenance.marks import NO_MARKS
from reenact.provenance.watermark import mark
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import OnnxMethod, load

PHOTO = reenact.read_image(PORTRAIT)
RAW = Control(smooth=0, reference="first")
CALM = replace(RULES, stale=60.0, say=600.0, home=600.0)
"""the test's machine may be busy: no frame waits too long, no face counts as lost"""
EVERY = replace(CALM, still=None)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_method(tmp_path_factory.mktemp("weights") / "fake")
    small_map(3, "fake", load(str(folder), "cpu").fingerprint).save(folder)
    return folder


@pytest.fixture(scope="module")
def engine(weights: Path) -> Loaded:
    return Loaded(load(str(weights), "cpu"))


class Loaded(Engine):
    """An engine whose method is loaded once for all tests of this file (which run one after another)."""

    def __init__(self, method: OnnxMethod) -> None:
        super().__init__()
        object.__setattr__(self, "held", method)

    def load(self) -> OnnxMethod:
        return self.held


class Running:
    """A session whose frames are collected in a thread, as a page or a sink would take them."""

    def __init__(self, engine: Engine, control: Control = RAW, rules: Rules = CALM) -> None:
        self.ready = threading.Semaphore(0)
        self.session = Session(engine, control, rules=rules, wanted=self.ready.release, marks=NO_MARKS)
        self.shown: list[Shown] = []
        self.error: Exception | None = None
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def _collect(self) -> None:
        try:
            for shown in self.session.frames():
                with self._came:
                    self.shown.append(shown)
                    self._came.notify_all()
        except Exception as error:
            self.error = error

    def __enter__(self) -> Running:
        self.session.portrait(PHOTO)
        self._thread.start()
        assert self.ready.acquire(timeout=20)
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def show(self, image: np.ndarray | None, number: int) -> Shown:
        """One frame, and what is shown of it."""
        self.session.offer(Frame(image, number / 25, number))
        return self.until(lambda shown: shown.number == number)

    def until(self, good) -> Shown:
        with self._came:
            assert self._came.wait_for(lambda: any(map(good, self.shown)), 20), "nothing was shown"
            return next(shown for shown in reversed(self.shown) if good(shown))


def test_newest_replaces_and_counts():
    place: Newest[int] = Newest()
    place.put(1)
    place.put(2)
    assert (place.take(), place.replaced, place.take(0.01)) == (2, 1, None)
    place.wake()
    assert place.take(20) is None
    place.put(3)
    place.close()
    place.put(4)
    assert not place.closed and (place.take(), place.take(20)) == (3, None) and place.closed


def test_newest_between_two_threads_never_goes_back():
    place: Newest[int] = Newest()

    def put() -> None:
        for i in range(20_000):
            place.put(i)
        place.close()

    thread = threading.Thread(target=put)
    thread.start()
    taken = []
    while not place.closed:
        if (item := place.take()) is not None:
            taken.append(item)
    thread.join()
    assert taken[-1] == 19_999 and taken == sorted(set(taken))
    assert len(taken) + place.replaced == 20_000


def test_delay_does_not_grow(engine, monkeypatch):
    """100 frames a second into 20 ms of drawing: for three seconds, only what comes while one is drawn is behind."""
    render = engine.held.render
    monkeypatch.setattr(engine.held, "render", lambda *given: (time.sleep(0.02), render(*given))[1])
    monkeypatch.setattr(engine.held.landmarker, "track", lambda image, face: face)  # the stage is the sleep alone
    lags = []
    with Running(engine, rules=replace(CALM, still=None)) as run:
        run.until(lambda shown: shown.drawn)
        pictures, first = moving_face(4), time.monotonic()
        for number in range(300):
            run.session.offer(Frame(pictures[number % 4], time.monotonic(), number))
            lags.append(number - run.shown[-1].number)
            time.sleep(max(0.0, first + (number + 1) / 100 - time.monotonic()))
        summary = run.session.summary()
    waits = [shown.stages.wait for shown in run.shown if shown.number >= 0]
    assert np.median(waits) < 0.03, "the frame that is taken is the newest"
    assert np.median(lags[-100:]) <= np.median(lags[50:150]) + 20, "a queue would be 100 frames further behind by now"
    assert summary.replaced > 100 and summary.frames > 20


def test_a_file_through_live_is_the_file_through_animate(engine, tmp_path):
    """Byte for byte, where nothing is dropped and nothing filtered: a file's filter looks ahead, live cannot."""
    clip = write_clip(tmp_path / "clip.mp4", [*moving_face(4), scenery(256), *moving_face(2)])
    portrait = engine.held.encode_source(PHOTO)
    expected = list(reenact.animate(portrait, clip, method=engine.held, control=Control(smooth=0)))
    with Running(engine, Control(smooth=0), EVERY) as run, VideoReader(clip) as reader:
        frames = iter(reader)
        for number, frame in enumerate(frames):
            run.session.offer(Frame(frame.image, frame.time, number))
            assert run.ready.acquire(timeout=20)
        run.until(lambda shown: shown.number == 6)
    numbered = {shown.number: shown for shown in run.shown if shown.number >= 0}
    np.testing.assert_array_equal([numbered[i].image for i in range(7)], expected)
    assert [numbered[i].face for i in (3, 4, 5)] == ["seen", "held", "seen"]


def test_the_portrait_is_shown_before_any_frame(engine):
    with Running(engine) as run:
        shown = run.until(lambda shown: shown.drawn)
    assert (shown.number, shown.face) == (-1, "home")
    np.testing.assert_array_equal(shown.image, engine.held.encode_source(PHOTO).image)


def test_nothing_is_drawn_while_nothing_moves(engine):
    with Running(engine) as run:
        run.show(face(), 0)
        assert not run.show(face(), 1).drawn
        moved = run.show(face() // 2, 2)
        assert moved.drawn and not run.show(face() // 2, 3).drawn
        assert run.session.summary().drawn < run.session.summary().frames == 4


def test_a_lost_face_is_held_told_and_then_the_portrait_goes_home(engine):
    follower = Follower(engine.held, RAW, RULES, NO_MARKS)
    follower.portrait(PHOTO, 1)
    asked = []

    def show(image: np.ndarray | None, number: int, now: float) -> Shown:
        return follower.frame(Frame(image, number / 25, number), Times(), now, lambda renders: asked.append((number, renders)))

    own = follower.tick(0.0)
    assert own is not None and follower.due(0.0) is None
    show(face(), 0, 1.0)
    moved = show(face() // 2, 1, 1.25)
    assert (moved.face, moved.driving is None, follower.due(1.25)) == ("seen", False, pytest.approx(0.5))
    held = show(None, 2, 1.375)
    assert (held.face, held.drawn, held.driving, asked) == ("held", False, None, [(0, False), (1, True), (2, False)])
    assert follower.tick(1.5) is None, "nothing new yet"
    lost = follower.tick(1.75)  # no further frame comes: the camera has died
    assert (lost.face, lost.drawn, lost.number) == ("lost", False, 2) and follower.tick(2.0) is None
    np.testing.assert_array_equal(lost.image, moved.image)
    assert follower.due(2.0) == pytest.approx(2.25)
    way = [follower.tick(4.25 + i / 4) for i in range(5)]
    assert [shown.face for shown in way] == ["home"] * 5
    assert len({shown.image.tobytes() for shown in way}) == 5, "not in one leap"
    np.testing.assert_array_equal(way[0].image, moved.image)
    np.testing.assert_array_equal(way[-1].image, own.image)
    assert follower.due(6.0) is None and follower.tick(6.0) is None, "at home nothing is drawn or said"
    again = show(face() // 2, 3, 7.0)
    assert again.face == "seen" and again.drawn


def test_a_slow_machine_is_not_a_lost_face(engine):
    follower = Follower(engine.held, RAW, RULES, NO_MARKS)
    follower.portrait(PHOTO, 1)
    follower.frame(Frame(face(), 0.0, 0), Times(), 1.0, lambda rendering: None)
    follower.ended(1.75)  # drawing took longer than one waits before one says so
    assert follower.tick(1.75) is None and follower.due(1.75) == pytest.approx(0.5)
    follower.frame(Frame(None, 0.1, 1), Times(), 2.0, lambda rendering: None)
    follower.ended(2.5)
    assert follower.tick(2.5).face == "lost", "a frame without a face counts from the last one with"


def test_a_camera_that_dies_is_noticed(engine):
    with Running(engine, rules=replace(CALM, say=0.05, home=0.1, way=0.1)) as run:
        run.show(face(), 0)
        moved = run.show(face() // 2, 1)
        home = run.until(lambda shown: shown.face == "home" and shown.number == 1 and (shown.image == run.shown[0].image).all())
        assert (home.image != moved.image).any()


def test_steering_between_frames(engine):
    with Running(engine, rules=EVERY) as run:
        run.show(face(), 0)
        moved = run.show(face() // 2, 1)
        run.session.steer(Steer(strength=0.0)).result(20)
        own = run.show(face() // 2, 2)
        np.testing.assert_array_equal(own.image, run.shown[0].image)
        run.session.steer(Steer(strength=1.0)).result(20)
        np.testing.assert_array_equal(run.show(face() // 2, 3).image, moved.image)
        run.session.steer(Steer(calibrate=True)).result(20)
        np.testing.assert_array_equal(run.show(face() // 2, 4).image, own.image)
        run.session.steer(Steer(blendshapes={"jawOpen": 0.25})).result(20)
        assert run.show(face() // 2, 5).motion.expression[0] == pytest.approx(own.motion.expression[0] + 0.25, abs=1e-5)


def test_sliders_alone_are_drawn_and_then_nothing(engine):
    with Running(engine) as run:
        first = run.until(lambda shown: shown.drawn)
        run.session.steer(Steer(blendshapes={"jawOpen": 0.5}, yaw=0.2))
        slid = run.until(lambda shown: shown.motion.head_pose[0] > first.motion.head_pose[0])
        assert slid.motion.expression[0] == pytest.approx(first.motion.expression[0] + 0.5, abs=1e-5)
        run.session.steer(Steer(blendshapes={}, yaw=0.0)).result(20)
        back = run.until(lambda shown: shown is run.shown[-1] and (shown.image == first.image).all())
        assert back.number == -1
        time.sleep(0.2)
        assert run.shown[-1] is back


def test_one_eye_alone_is_drawn_as_two_halves(engine, monkeypatch):
    """Codes hold no wink: the face is rendered once as its left and once as its right eye is."""
    drawn: list[Motion] = []
    render = engine.held.render
    monkeypatch.setattr(engine.held, "render", lambda portrait, motion: drawn.append(motion) or render(portrait, motion))
    with Running(engine, rules=EVERY) as run:
        run.until(lambda shown: shown.drawn)
        for values, halves in (
            ({"eyeBlinkLeft": 0.5}, 2),
            ({"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}, 1),
            ({"jawOpen": 0.5}, 1),
        ):
            drawn.clear()
            count = len(run.shown)
            run.session.steer(Steer(blendshapes=values)).result(20)
            run.until(lambda shown, count=count: len(run.shown) > count and shown is run.shown[-1] and shown.drawn)
            assert len(drawn) == halves, values
            codes = {tuple(np.round(motion.expression, 5)) for motion in drawn}
            assert len(codes) == halves


@pytest.mark.parametrize(
    "steer", [Steer(blendshapes={"jawOpne": 1}), Steer(strength=9), Steer(yaw=float("nan")), Steer(smooth=-1), Steer(scale=9)]
)
def test_bad_steering_is_told_and_changes_nothing(engine, steer):
    with Running(engine, rules=EVERY) as run:
        before = run.show(face(), 0)
        with pytest.raises(reenact.ReenactError):
            run.session.steer(steer).result(20)
        np.testing.assert_array_equal(run.show(face(), 1).image, before.image)


def test_another_portrait_between_frames_keeps_the_reference(engine):
    with Running(engine, rules=EVERY) as run:
        run.show(face(), 0)
        run.session.portrait(PHOTO[:, ::-1]).result(20)
        mirrored = engine.held.encode_source(np.ascontiguousarray(PHOTO[:, ::-1]))
        np.testing.assert_array_equal(run.show(face(), 1).image, mirrored.image)
        with pytest.raises(reenact.ReenactError, match="no face"):
            run.session.portrait(scenery(256)).result(20)
        np.testing.assert_array_equal(run.show(face(), 2).image, mirrored.image)


def test_an_error_ends_a_frame_and_three_the_session(engine, monkeypatch):
    encode, calls = engine.held.encode_motion, []

    def flaky(crop):
        calls.append(crop)
        if len(calls) in (2, 3, 5, 6, 7):
            raise RuntimeError("out of\nmemory")
        return encode(crop)

    with Running(engine, rules=EVERY) as run:
        monkeypatch.setattr(engine.held, "encode_motion", flaky)
        for number in range(7):
            run.session.offer(Frame(face(), number / 25, number))
            assert number == 6 or run.ready.acquire(timeout=20)
        run._thread.join(20)
    assert sorted({shown.number for shown in run.shown}) == [-1, 0, 3]
    assert isinstance(run.error, reenact.ReenactError) and "out of memory" in str(run.error)
    assert run.session.summary().failed == 5


def test_frames_that_waited_too_long_are_let_go(engine):
    with Running(engine, rules=replace(RULES, stale=0.0)) as run:
        run.session.offer(Frame(face(), 0.0, 0))
        assert run.ready.acquire(timeout=20), "the next one is asked for"
    assert run.session.summary().stale == 1 and not [shown for shown in run.shown if shown.number == 0]


def test_a_session_without_weights_says_so():
    session = Session(Engine("no-such-method"))
    late = session.portrait(PHOTO)
    with pytest.raises(reenact.ReenactError, match="unknown method"):
        next(session.frames())
    assert late.cancelled()
    with pytest.raises(reenact.ReenactError, match="strength"):
        Session(control=Control(strength=7))


def test_times_come_with_every_picture(engine):
    with Running(engine, rules=EVERY) as run:
        stages = run.show(face(), 0).stages
        assert min(stages.track, stages.read, stages.draw) > 0 and stages.total < 20
        run.until(lambda shown: shown.number == 0)
        run.session.offer(Frame(face(), Fraction(1, 25), 1))
        run.until(lambda shown: shown.number == 1)
        summary = run.session.summary(whole=True)
    assert set(summary.stages) == {"wait", "track", "read", "draw", "mark", "total"}
    assert summary.stages["total"].median <= summary.stages["total"].p95


def test_every_picture_that_is_shown_carries_the_watermark(engine):
    session = Session(engine)
    session.portrait(PHOTO)
    shown = next(session.frames())
    np.testing.assert_array_equal(shown.image, mark(engine.held.encode_source(PHOTO).image))
    assert shown.stages.mark > 0


def test_ten_seconds_are_summed_up_without_looking_at_the_hour_before():
    stages = Stages()
    for number in range(2000):
        stages.add(Times(draw=0.1 if number < 1700 else 0.02), number / 25, True)
    assert len(stages._recent) <= 251
    assert stages.now(1999 / 25)["draw"].median == 0.02 and stages.rate(1999 / 25) == pytest.approx(25)
    assert stages.whole()["draw"].median == 0.1
    assert stages.now(1000.0)["draw"].median == stages.rate(1000.0) == 0
