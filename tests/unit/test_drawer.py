"""Frames drawn several at once come in their order, are the ones drawn in turn, and end where their reader ends."""

from __future__ import annotations

import threading
from copy import copy
from pathlib import Path

import numpy as np
import pytest

from fake_method import write_fake_method
from reenact.core.errors import WeightsError
from reenact.core.types import Image, Motion, Portrait
from reenact.runtime.background import GRID
from reenact.runtime.detail import Enlarger, Enlargers
from reenact.runtime.drawer import Drawer
from reenact.runtime.graph import Chain, Graph, Shapes, Speed, opener
from reenact.runtime.onnx_method import OnnxMethod, load, weights_folder
from reenact.runtime.onnx_text import input_names


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(write_fake_method(tmp_path / "fake"))


def portrait_of(method: OnnxMethod, value: int) -> Portrait:
    return method.encode_crop(np.full((method.size, method.size, 3), value, np.uint8))


def motions(portrait: Portrait, count: int) -> list[Motion]:
    return [portrait.motion.replace(head_pose=np.array([0.02 * i, 0, 0], np.float32)) for i in range(count)]


def test_several_at_once_are_those_drawn_in_turn(weights: str) -> None:
    one, three = load(weights, "cpu", 1), load(weights, "cpu", 3, lanes=3)
    portrait = portrait_of(one, 90)
    asked = motions(portrait, 9)
    wanted = [one.render(portrait, motion) for motion in asked]
    found = list(three.render_all(portrait, asked))
    assert len(found) == 9
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("lanes", [1, 2])
def test_no_motion_repeats_the_picture_before(weights: str, lanes: int) -> None:
    method = load(weights, "cpu", lanes, lanes=lanes)
    portrait = portrait_of(method, 90)
    first, second = motions(portrait, 4)[2:]
    found = list(method.render_all(portrait, [None, first, None, None, second]))
    still = method.render(portrait, portrait.motion)
    for picture, wanted in zip(found, [still, found[1], found[1], found[1], method.render(portrait, second)], strict=True):
        np.testing.assert_array_equal(picture, wanted)


def test_two_portraits_at_once_do_not_mix(weights: str) -> None:
    method = load(weights, "cpu", 2, lanes=2)
    portraits = [portrait_of(method, value) for value in (40, 200)]
    pairs = zip(*(method.render_all(one, motions(one, 6)) for one in portraits), strict=True)
    for dark, light in pairs:
        assert dark.mean() + 50 < light.mean()


def test_an_error_comes_where_its_picture_would(weights: str) -> None:
    method = load(weights, "cpu", 2, lanes=2)
    portrait = portrait_of(method, 90)
    bad = portrait.motion.replace(expression=np.zeros(99, np.float32))
    pictures = method.render_all(portrait, [*motions(portrait, 3), bad])
    seen: list[Image] = [next(pictures) for _ in range(3)]
    assert len(seen) == 3
    with pytest.raises(Exception, match="expression"):
        next(pictures)


def test_a_reader_that_leaves_ends_the_threads(weights: str) -> None:
    method = load(weights, "cpu", 2, lanes=2)
    portrait = portrait_of(method, 90)
    pictures = method.render_all(portrait, motions(portrait, 50))
    next(pictures)
    pictures.close()  # type: ignore[attr-defined]  # a generator
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reenact-draw")]


def test_encoders_that_were_let_go_encode_again(weights: str) -> None:
    method = load(weights, "cpu", 2, lanes=2)
    before = portrait_of(method, 90)
    method.let_go_of_encoders()
    assert method._source._graph is None
    after = portrait_of(method, 90)
    for name, value in before.tensors.items():
        np.testing.assert_array_equal(value, after.tensors[name])


def test_the_matting_network_is_let_go_too() -> None:
    """And with real weights the frames stay what they were."""
    method = load("mmfa", "cpu", 2, "still", lanes=2)
    portrait = method.encode_crop(np.full((256, 256, 3), 120, np.uint8))
    wanted = method.render(portrait, portrait.motion)
    method.let_go_of_encoders()
    assert method._backdrop is not None and method._backdrop._find._graph is None
    np.testing.assert_array_equal(method.render(portrait, portrait.motion), wanted)


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_method_that_was_let_go_still_works(weights: str, lanes: int) -> None:
    method = load(weights, "cpu", lanes, lanes=lanes)
    portrait = portrait_of(method, 90)
    (motion,) = motions(portrait, 1)
    wanted = method.render(portrait, motion)
    method.let_go()
    assert not {"_motion", "_render", "_drawers", "landmarker"} & set(method.__dict__)
    np.testing.assert_array_equal(method.render(portrait, motion), wanted)
    np.testing.assert_array_equal(
        method.encode_motion(np.full((256, 256, 3), 90, np.uint8)).expression, portrait.motion.expression
    )


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_damaged_render_graph_is_said(weights: str, lanes: int) -> None:
    """Where frames come one at a time, when it is loaded; of a film the portrait may be encoded meanwhile."""
    (Path(weights) / "render.onnx").write_bytes((Path(weights) / "motion.onnx").read_bytes()[:-40])
    with pytest.raises(WeightsError, match="render"):
        method = load(weights, "cpu", lanes, lanes=lanes)
        list(method.render_all(portrait_of(method, 90), motions(portrait_of(method, 90), 2)))


def test_what_a_graph_takes_is_read_from_its_file(weights: str) -> None:
    fields = ("head_pose", "scale", "translation", "expression")
    motions = [f"{who}_{name}" for who in ("source", "driving") for name in fields]
    assert input_names((Path(weights) / "render.onnx").read_bytes()) == ["features", *motions]
    shared = weights_folder() / "shared"
    assert "plate" in input_names((shared / "draw.onnx").read_bytes())
    assert input_names((shared / "source.onnx").read_bytes()) == ["image"]
    with pytest.raises(ValueError, match="cut off"):
        input_names((Path(weights) / "render.onnx").read_bytes()[:-9])


def test_lanes_share_the_graph_of_large_heads() -> None:
    """Compiled once for a side, not once a lane; each holds its own portrait."""
    opened: list[tuple[int, ...]] = []
    open_graph = opener("cpu", 1, lanes=2)

    def counted(path: Path, speed: Speed, shapes: Shapes | None = None) -> Graph:
        opened.append(tuple(shapes["detail"]) if shapes else ())
        return open_graph(path, speed, shapes)

    enlargers = Enlargers(lambda side: Enlarger(weights_folder() / "person", side, counted))
    first, second = enlargers(300), enlargers(300)
    assert opened == [(1, 3, 300, 300)] and first is not second
    image, random = np.full((1, 3, 256, 256), 0.5, np.float32), np.random.default_rng(0)
    large = [random.integers(90, 160, (300, 300, 3), np.uint8) for _ in range(2)]
    for enlarger, picture in zip((first, second), large, strict=True):
        enlarger.hold(image, picture, None)
    kept = {"keep": np.ones((1, 1, 256, 256), np.float32), GRID: identity_grid()}
    found = [enlarger.put(image, kept, None) for enlarger in (first, second)]
    for picture, wanted in zip(found, large, strict=True):
        assert np.abs(picture[20:-20, 20:-20].astype(int) - wanted[20:-20, 20:-20]).mean() < 3
    assert enlargers(320).side == 320 and len(opened) == 2


def identity_grid() -> np.ndarray:
    steps = (np.arange(256, dtype=np.float32) + 0.5) / 128 - 1
    return np.stack(np.meshgrid(steps, steps), -1)[None]


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_drawers_twins_ask_one_maker(tmp_path: Path, lanes: int) -> None:
    asked: list[int] = []

    class Plain(Enlarger):
        def __init__(self, side: int) -> None:
            asked.append(side)
            self.side = side

        def twin(self) -> Enlarger:
            return copy(self)

    large = np.zeros((300, 300, 3), np.uint8)
    drawer = Drawer(Chain([]), None, Enlargers(Plain), tmp_path)
    for one in (drawer, *(drawer.twin() for _ in range(lanes - 1))):
        assert one._enlarging(large).side == 300
    assert asked == [300]
