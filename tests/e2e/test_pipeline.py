"""Sources and sinks: whatever drives, whatever is written, one loop between them (pipeline/sources.py, sinks.py)."""

from __future__ import annotations

import inspect
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import reenact
from clips import PORTRAIT, face, moving_face, read_clip, scenery, tight_photo, write_clip
from fake_method import write_fake_method
from motions import STILL
from reenact.cli import run
from reenact.codec.call import Call, CallOptions, profile_of
from reenact.core.errors import ReenactWarning
from reenact.core.types import Motion
from reenact.media.video import VideoReader
from reenact.motion.compose import ALL_DRIVEN, KEEP_PLACE, SOURCE
from reenact.pipeline import animate, bench, calls, editing, identity, record
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.heads import crops
from reenact.pipeline.portrait import placer
from reenact.pipeline.sinks import CallbackSink, CallSink, ImageSink, TakeSink, VideoSink, pump
from reenact.pipeline.sources import DrivingFile, MotionSource, of_call, of_pictures, of_take, open_source
from reenact.provenance.marks import NO_MARKS
from reenact.provenance.output import MarkedOutput
from reenact.runtime.onnx_method import OnnxMethod, load

FILE_FUNCTIONS = (
    animate.animate,
    animate.animate_file,
    bench.bench,
    calls.encode_file,
    calls.decode_file,
    editing.edit_file,
    editing.sweep_file,
    editing.interpolate_file,
    identity.describe_file,
    identity.mix_file,
    record.record_file,
)


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> OnnxMethod:
    return load(str(write_fake_method(tmp_path_factory.mktemp("weights") / "fake")), "cpu", threads=1)


@pytest.fixture(scope="module")
def portrait(method: OnnxMethod) -> reenact.Portrait:
    return method.encode_crop(face(256))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "driving.mp4", moving_face(6))


def some(method: OnnxMethod, count: int = 5, missing: tuple[int, ...] = (2,)) -> MotionSource:
    """A source without a video behind it."""
    step = np.zeros(3, np.float32)
    motions = [Motion.from_vector([0, 0, 0, 1, 0, 0, *(step + i / 10)]) for i in range(count)]
    return MotionSource(
        ((Fraction(i, 25), None if i in missing else motion) for i, motion in enumerate(motions)), Fraction(25), count
    )


@pytest.mark.parametrize("function", FILE_FUNCTIONS)
def test_at_most_eight_parameters(function):
    assert len(inspect.signature(function).parameters) <= 8


def test_any_path_will_do(method, clip, tmp_path):
    class Anywhere(os.PathLike):
        def __init__(self, path: Path) -> None:
            self._path = path

        def __fspath__(self) -> str:
            return str(self._path)

    engine = reenact.Engine(str(method.folder), "cpu", 1)
    photo, film, out, packets = map(Anywhere, (PORTRAIT, clip, tmp_path / "out.mp4", tmp_path / "k.rnct"))
    assert reenact.animate_file(photo, film, out, engine=engine).frames == 6
    assert len(record.record_file(film, Anywhere(tmp_path / "t.npz"), engine=engine)) == 6
    editing.edit_file(photo, Anywhere(tmp_path / "e.png"), editing.Edit(yaw=0.1), engine=engine)
    assert calls.encode_file(film, packets, CallOptions(longest_gap=1), engine=engine).frames == 6
    assert calls.decode_file(photo, packets, out, engine=engine).frames == 6


def test_a_call_moves_a_tight_photo_as_a_film_does(method, clip, tmp_path, monkeypatch):
    """--output auto, the default: shown whole, its head's size and place kept."""
    PILImage.fromarray(tight := tight_photo(method)).save(tmp_path / "tight.png")
    where = ["--method", str(method.folder), "--device", "cpu", "--threads", "1"]
    assert run(["encode", str(clip), "-o", str(tmp_path / "k.rnct"), *where]) == 0
    parts, plain = [], Animator.of.__func__
    monkeypatch.setattr(Animator, "of", classmethod(lambda *given: parts.append(given[3].parts) or plain(*given)))
    sizes = []
    for photo in (tmp_path / "tight.png", PORTRAIT):
        assert run(["decode", str(photo), str(tmp_path / "k.rnct"), "-o", str(tmp_path / "o.mp4"), *where]) == 0
        sizes.append(read_clip(tmp_path / "o.mp4")[2])
    assert sizes[0] == tuple(side // 2 * 2 for side in tight.shape[1::-1]) != sizes[1]
    assert parts == [KEEP_PLACE, ALL_DRIVEN]


def test_whatever_drives_gives_the_same_motion(method, clip, tmp_path):
    """A video, its pictures, a take of them, and that take's file."""
    with open_source(clip, method, method.landmarker) as source:
        rows = [(time, motion.vector()) for time, motion in source]
    assert [time for time, _ in rows] == [Fraction(i, 25) for i in range(6)]
    pictures = [crop for _, crop in shown(clip, method)]
    with open_source(pictures, method, method.landmarker) as source, TakeSink(None, method, source.rate) as sink:
        assert pump(source, sink) == 6
    sink.take.save(tmp_path / "t.json")
    for again in (sink.take, tmp_path / "t.json"):
        with open_source(again, method, method.landmarker) as source:
            np.testing.assert_allclose([motion.vector() for _, motion in source], [row for _, row in rows], atol=1e-6)


def shown(clip: Path, method: OnnxMethod) -> list:

    with VideoReader(clip) as reader:
        return [(frame.time, frame.image) for frame in reader]


def test_pictures_that_say_their_time_are_followed_by_it(method, portrait):
    """Ten a second or a hundred: the filter goes by seconds."""
    still, moved = face(256), face(256) // 2
    drawn = {}
    for gap in (Fraction(1, 100), Fraction(1, 2)):
        images = iter([(Fraction(7), still), (7 + gap, moved)])
        drawn[gap] = list(reenact.animate(portrait, images, method=method))[1].astype(int)
    plain = list(reenact.animate(portrait, [still, moved], method=method, rate=Fraction(100)))[1]
    np.testing.assert_array_equal(drawn[Fraction(1, 100)], plain)
    target = list(reenact.animate(portrait, [still, moved], method=method, control=Control(smooth=0)))[1].astype(int)
    assert np.abs(drawn[Fraction(1, 2)] - target).mean() < 0.2 * np.abs(plain - target).mean()


def test_time_that_stands_still_is_one_line(method, portrait):
    images = [(0.0, face(256)), (0.0, face(256))]
    with pytest.raises(reenact.ReenactError, match="picture 2 is not after"):
        list(reenact.animate(portrait, images, method=method))


def test_blendshapes_keep_the_portraits_place(method, portrait):
    source = some(method)
    assert source.placed
    taken = Animator.of(method, portrait, Control(), MotionSource(source.moments, Fraction(25), placed=False)).control
    assert (taken.parts.scale, taken.parts.translation) == (SOURCE, SOURCE)
    assert Animator.of(method, portrait, Control(), some(method)).control == Control()


def test_a_file_that_is_left_early_ends_its_thread(method, clip):
    before = threading.active_count()
    with DrivingFile(clip) as file:
        moments = iter(file.source(method, method.landmarker))
        assert next(moments)[1] is not None
    assert threading.active_count() <= before
    assert next(moments, None) is None


def test_a_bad_file_fails_before_a_method_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(reenact.Engine, "load", lambda *_: pytest.fail("it was loaded"))
    for name, words in (("none.mp4", "no such file"), ("none.npz", "no such file"), ("empty.csv", "empty")):
        if name.startswith("empty"):
            (tmp_path / name).touch()
        with pytest.raises(reenact.ReenactError, match=words):
            animate.animate_file(PORTRAIT, tmp_path / name, tmp_path / "o.mp4")


def test_crops_carry_times_and_say_where_no_face_is(method):
    read = list(crops([(0.5, face(256)), (Fraction(3, 4), scenery())], method.landmarker, 64))
    assert [time for time, _ in read] == [Fraction(1, 2), Fraction(3, 4)]
    assert read[0][1].shape == (64, 64, 3) and read[1][1] is None


def test_several_people_in_a_driver_are_said_and_the_largest_is_followed(method):
    both = np.full((320, 620, 3), 128, np.uint8)
    both[60:260, :200], both[:, 240:560] = face(200), face(320)
    with pytest.warns(ReenactWarning, match="shows 2 faces, of which the largest is followed") as said:
        list(crops([(0, both), (0.1, both)], method.landmarker, 64))
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(crops([(0, face(256))], method.landmarker, 64))


def test_every_sink_takes_what_it_is_given_and_leaves_nothing_behind(method, portrait, tmp_path):
    place = placer(portrait, "crop")
    told, drawn = [], []
    sinks = {
        "v.mp4": lambda path: VideoSink(MarkedOutput(path), Fraction(25), place),
        "i.png": lambda path: ImageSink(MarkedOutput(path, NO_MARKS), place),
        "t.npz": lambda path: TakeSink(path, method, Fraction(25)),
        "k.rnct": lambda path: CallSink(path, method, Fraction(25), CallOptions(longest_gap=1)),
    }
    for name, sink_of in sinks.items():
        pictures = name[0] in "vi"
        for broken in (True, False):
            source = some(method)
            items = Animator.of(method, portrait, Control(), source).pictures(source) if pictures else source

            def stop(done: int, total: int | None, broken: bool = broken) -> None:
                told.append((done, total))
                if broken and done == 3:
                    raise KeyboardInterrupt

            path = tmp_path / name
            if broken:
                with pytest.raises(KeyboardInterrupt), sink_of(path) as sink:
                    pump(items, sink, 5, stop)
                assert list(tmp_path.glob(f"*{name}*")) == []
            else:
                with sink_of(path) as sink:
                    assert pump(items, sink, 5, stop) == 5
                assert path.stat().st_size > 0
    assert told[-5:] == [(i, 5) for i in range(1, 6)]
    source = some(method)
    with CallbackSink(drawn.append) as sink:
        pump(Animator.of(method, portrait, Control(), source).pictures(source), sink)
    assert len(drawn) == 5
    np.testing.assert_array_equal(reenact.read_image(tmp_path / "i.png"), drawn[-1])
    call = Call.open(tmp_path / "k.rnct")
    again = list(of_call(call, profile_of(method, 3)))
    assert [time for time, _ in again] == [Fraction(i, 25) for i in range(5)]
    take = reenact.Take.load(tmp_path / "t.npz")
    assert take.faces.tolist() == [True, True, False, True, True]
    for (_, read), (_, sent) in zip(of_take(take, method), again, strict=True):
        assert read is None or np.abs(read.vector() - sent.vector()).max() < 0.1


@pytest.mark.parametrize("sink", ["take", "call", "pictures"])
def test_no_face_at_all_is_one_line_and_no_file(sink: str, method, portrait, tmp_path):
    source = some(method, 3, (0, 1, 2))
    with pytest.raises(reenact.ReenactError, match="no face"):
        if sink == "take":
            with TakeSink(tmp_path / "t.npz", method, source.rate) as made:
                pump(source, made)
        elif sink == "call":
            with CallSink(tmp_path / "k.rnct", method, source.rate, CallOptions()) as made:
                pump(source, made)
        else:
            with VideoSink(MarkedOutput(tmp_path / "v.mp4"), source.rate, placer(portrait, "crop")) as made:
                pump(Animator.of(method, portrait, Control(), source).pictures(source), made)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_asked_for_before_it_is_read(method):
    asked = []

    def camera():
        for image in moving_face(3):
            asked.append(image)
            yield image

    for count, _ in enumerate(of_pictures(camera(), method, method.landmarker), 1):
        assert len(asked) == count


GRAY = np.zeros((256, 256), np.uint8)
NO_PICTURES = (
    "photo.jpg",
    PILImage.new("RGB", (256, 256)),
    face() / 255,
    face().astype(np.int64),
    GRAY,
    np.dstack([face(), GRAY]),
)


@pytest.mark.parametrize("given", [*NO_PICTURES, np.zeros((0, 0, 3), np.uint8)], ids=lambda given: type(given).__name__)
def test_what_is_no_picture_is_one_line_with_what_is_wanted(method, portrait, given):
    """Floats in [0, 1] of a crop's size were taken for a black picture, the rest ended somewhere in Pillow."""
    for way in (method.encode_source, method.encode_crop, method.encode_motion):
        with pytest.raises(reenact.ReenactError, match="a picture must be .* uint8.* not .*read_image"):
            way(given)
    with pytest.raises(reenact.ReenactError, match="a picture must be"):
        list(reenact.animate(portrait, [face(), given], method=method))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "now"])
def test_times_of_pictures_are_finite_numbers(method, portrait, bad):
    with pytest.raises(reenact.ReenactError, match="the time of picture 2 is .*: give seconds"):
        list(reenact.animate(portrait, [(0, face()), (bad, face())], method=method))


def test_times_are_given_to_all_pictures_in_any_number_type(method, portrait):
    shown = [(np.float32(0.5), face()), (Fraction(3, 4), face()), (np.int64(1), face())]
    assert len(list(reenact.animate(portrait, shown, method=method))) == 3
    for mixed in ([shown[0], face()], [face(), shown[0]]):
        with pytest.raises(reenact.ReenactError, match="picture 2 has (no|a) time: give one to all"):
            list(reenact.animate(portrait, mixed, method=method))


@pytest.mark.parametrize("rate", [0, -1, float("nan"), "fast"])
def test_a_rate_of_pictures_is_a_number_above_0(method, portrait, rate):
    with pytest.raises(reenact.ReenactError, match="a rate of"):
        list(reenact.animate(portrait, [face()], method=method, rate=rate))


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("head_pose", np.full(3, np.nan, np.float32)),
        ("scale", np.zeros(1, np.float32)),
        ("scale", 1.0),
        ("translation", np.full(2, np.inf, np.float32)),
        ("translation", np.full(2, 1e30, np.float32)),
        ("expression", np.zeros(5, np.float32)),
        ("expression", [0.0, 0.0, 0.0]),
    ],
)
def test_a_motion_that_is_none_is_said_to_be_and_not_the_weights_damaged(method, portrait, field, bad):
    with pytest.raises(reenact.ReenactError, match=f"the motion's {field}") as caught:
        method.render(portrait, portrait.motion.replace(**{field: bad}))
    assert "damaged" not in str(caught.value) and "\n" not in str(caught.value)
    assert method.render(portrait, portrait.motion).shape == (256, 256, 3)


def test_render_says_what_it_wants(method, portrait):
    for given in (None, portrait, portrait.motion.vector()):
        with pytest.raises(reenact.ReenactError, match="a motion must be a reenact.Motion"):
            method.render(portrait, given)
    for given in (None, face(256), "portrait.jpg"):
        with pytest.raises(reenact.ReenactError, match="a portrait must be a reenact.Portrait") as caught:
            method.render(given, portrait.motion)
        assert "\n" not in str(caught.value)
    with pytest.raises(reenact.ReenactError, match="encoded by other, not fake"):
        method.render(replace(portrait, method="other"), portrait.motion)
    with pytest.raises(reenact.ReenactError, match="for `renderer` fast, not full"):
        method.render(replace(portrait, renderer="fast"), portrait.motion)


@pytest.mark.parametrize(
    "given", [None, 3, face(256), STILL, [(0.0, face(256), 1)], [(face(256), 0.0)]], ids=lambda given: type(given).__name__
)
def test_what_is_no_driver_is_one_line(method, portrait, given):
    with pytest.raises(reenact.ReenactError) as caught:
        list(reenact.animate(portrait, given, method=method))
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


def test_portraits_encoded_by_two_threads_wait_for_each_other(method, monkeypatch):
    run, inside, most = method._source.run, [], []

    def slow(tensors):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return run(tensors)

    monkeypatch.setattr(method._source, "run", slow)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(method.encode_crop, [face(256)] * 4))
    assert most == [1] * 4 and all(portrait.motion == made[0].motion for portrait in made)


def test_one_landmarker_serves_two_threads(method):
    photo = reenact.read_image(PORTRAIT)
    alone = method.landmarker.detect(photo)[0].landmarks
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(method.landmarker.detect, [photo] * 6):
            np.testing.assert_array_equal(found[0].landmarks, alone)


def test_what_is_no_method_or_portrait_is_one_line(method, portrait):
    for other in ("fake", object()):
        with pytest.raises(reenact.ReenactError, match=r"`method` must be what reenact.load\(name\) gives"):
            reenact.animate(portrait, [], method=other)
    with pytest.raises(reenact.ReenactError, match="`portrait` must be a reenact.Portrait"):
        reenact.animate(face(256), [])


def test_a_portrait_of_another_method_is_told_so(method, portrait):
    other = replace(portrait, method="mmfa")
    with pytest.raises(reenact.ReenactError, match="was encoded by mmfa, not fake"):
        list(reenact.animate(other, [face()], method=method))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1"])
def test_a_clip_of_no_numbers_is_one_line(bad):
    for clip in (reenact.Clip(start=bad), reenact.Clip(end=bad)):
        with pytest.raises(reenact.ReenactError, match="is no time: give seconds"):
            clip.check()
    assert reenact.Clip(start=np.float32(0.5), end=0.7) == reenact.Clip(Fraction(1, 2), Fraction(7, 10))
    reenact.Control(reference=Fraction(1, 2)).check()
