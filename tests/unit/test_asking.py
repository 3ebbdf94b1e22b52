"""A frame is asked for so that it comes when the one before it has been rendered."""

from __future__ import annotations

import threading

import pytest

from reenact.live.asking import KEPT, Asking


class Asked:
    """An `Asking` on a clock that stands until it is set."""

    def __init__(self) -> None:
        self.at, self.questions = 0.0, threading.Semaphore(0)
        self.asking = Asking(self.questions.release, lambda: self.at)

    def came(self, after: float) -> None:
        """A frame is asked for and comes so many seconds later."""
        self.asking.now()
        assert self.questions.acquire(timeout=20)
        self.at += after
        self.asking.came()

    def rendered(self, seconds: float) -> None:
        self.asking.rendering()
        self.at += seconds
        self.asking.ready()


@pytest.fixture
def asked():
    made = Asked()
    yield made
    made.asking.close()


def test_nothing_is_known_at_first_so_the_question_comes_at_once(asked):
    assert asked.asking.pause() == 0
    asked.asking.rendering()
    assert asked.questions.acquire(timeout=20)


def test_a_frame_is_asked_for_as_long_before_the_end_as_it_needs(asked):
    asked.came(0.25)
    asked.rendered(0.5)
    assert asked.asking.pause() == pytest.approx(0.25)
    assert asked.questions.acquire(timeout=20), "that of the first rendering, which knew nothing of how long one takes"
    asked.asking.rendering()
    assert not asked.questions.acquire(timeout=0.05)
    asked.at += 0.25
    assert asked.questions.acquire(timeout=20)


def test_frames_that_need_longer_than_a_rendering_are_asked_for_at_once(asked):
    asked.came(2.0)
    asked.rendered(1.0)
    assert asked.asking.pause() == 0


def test_one_late_frame_changes_little_and_is_forgotten(asked):
    for _ in range(KEPT):
        asked.came(0.25)
    asked.came(60.0)
    asked.asking.rendering()
    asked.at += 1.0
    asked.asking.ready()
    assert asked.asking.pause() == pytest.approx(0.75)


def test_frames_that_nobody_asked_for_say_nothing(asked):
    asked.at = 5.0
    asked.asking.came()
    asked.rendered(1.0)
    assert asked.asking.pause() == pytest.approx(1.0)


def test_after_the_end_nothing_is_asked(asked):
    asked.asking.close()
    asked.asking.now()
    assert not asked.questions.acquire(timeout=0.05)
