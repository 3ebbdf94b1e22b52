"""The pipeline on a fake method whose answers are known (fake_method.py)."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
import warnings
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from PIL import Image as PILImage

import reenact
from clips import PORTRAIT, face, moving_face, read_clip, scenery, tight_photo, write_clip
from fake_method import write_fake_method
from media_clips import make_sound, sound_of, sound_shift
from reenact.core.prefetch import DEPTH, ahead
from reenact.media.video import VideoReader, VideoWriter
from reenact.pipeline.animate import animate_file, in_clip
from reenact.pipeline.animator import Animator
from reenact.pipeline.batch import BatchOptions, batch_folder
from reenact.pipeline.control import Control, alignment
from reenact.pipeline.options import Clip
from reenact.pipeline.portrait import Output
from reenact.pipeline.sources import DrivingFile
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import OnnxMethod, known_methods, load


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture(scope="module")
def method(weights: Path) -> OnnxMethod:
    return load(str(weights), "cpu")


@pytest.fixture(scope="module")
def portrait(method: OnnxMethod) -> reenact.Portrait:
    return method.encode_source(reenact.read_image(PORTRAIT))


def on(weights: Path) -> Engine:
    return Engine(str(weights), "cpu")


def test_public_names_are_all_there_and_no_more():
    found = {name: getattr(reenact, name) for name in dir(reenact) if not name.startswith("_")}
    names = {name for name, value in found.items() if not isinstance(value, ModuleType)} - {"TYPE_CHECKING", "Any", "annotations"}
    assert names == set(reenact.__all__) and reenact.__all__ == sorted(reenact.__all__)
    assert callable(reenact.animate)


def test_the_method_keeps_the_protocol(method):
    assert isinstance(method, reenact.Method)
    assert (method.name, method.size, method.precision) == ("fake", 256, "f32")


def test_a_photo_is_cropped_and_remembered(method, portrait):
    assert portrait.image.shape == (256, 256, 3)
    assert portrait.photo.shape == (512, 512, 3)
    assert 128 < portrait.placement.side < 320
    assert {"features", "image"} <= set(portrait.tensors)


def test_a_ready_crop_goes_in_as_it_is(method):
    crop = face(256)
    made = method.encode_crop(crop)
    np.testing.assert_array_equal(made.image, crop)
    assert made.placement is None and made.photo is None
    with pytest.raises(reenact.ReenactError, match="256 x 256"):
        method.encode_crop(face(200))


def test_own_motion_gives_the_portrait_back(method, portrait):
    np.testing.assert_array_equal(method.render(portrait, portrait.motion), portrait.image)


def test_render_follows_the_portrait_it_is_given(method, portrait):
    other = method.encode_crop(face(256)[:, ::-1].copy())
    for which in (portrait, other, portrait):
        np.testing.assert_array_equal(method.render(which, which.motion), which.image)


def test_render_shows_the_change_of_expression(method, portrait):
    brighter = portrait.motion.replace(expression=portrait.motion.expression + np.float32(10 / 255))
    expected = np.minimum(portrait.image.astype(int) + 10, 255)
    assert np.abs(method.render(portrait, brighter).astype(int) - expected).max() <= 1


def test_animate_streams_one_frame_for_each_driving_frame(method, portrait):
    taken = []

    def camera():
        for image in itertools.cycle(moving_face(3)):
            taken.append(image)
            yield image

    frames = list(itertools.islice(reenact.animate(portrait, camera(), method=method), 5))
    assert len(frames) == len(taken) == 5  # endless input, no reading ahead
    assert all(frame.shape == (256, 256, 3) and frame.dtype == np.uint8 for frame in frames)
    np.testing.assert_array_equal(frames[0], portrait.image)  # the first driving frame is the reference
    assert np.abs(frames[1].astype(int) - frames[0]).max() > 0


def test_a_file_gives_what_its_frames_give(method, portrait, tmp_path):
    clip = write_clip(tmp_path / "driving.mp4", moving_face(4))
    with VideoReader(clip) as reader:
        images = [frame.image for frame in reader]
    raw = Control(smooth=0)  # the filter of a file looks ahead, that of pictures as they come cannot
    whole = list(reenact.animate(portrait, clip, method=method, control=raw))
    np.testing.assert_array_equal(whole, list(reenact.animate(portrait, images, method=method, control=raw)))
    filtered = list(reenact.animate(portrait, clip, method=method))
    np.testing.assert_array_equal(filtered, list(reenact.animate(portrait, clip, method=method)))


def test_without_a_face_the_last_picture_is_held_and_counted(method, portrait):
    driver = Animator(method, portrait, "relative")
    first = driver.step(None)
    np.testing.assert_array_equal(first, portrait.image)  # none seen yet: the portrait as it is
    with pytest.raises(reenact.ReenactError, match="no face"):
        driver.check()
    driver.step(face(256))
    moved = driver.step(face(256) // 2)
    np.testing.assert_array_equal(driver.step(None), moved)
    assert (driver.frames, driver.missing) == (4, 2)
    driver.check()


def test_a_method_says_how_it_is_aligned(weights, portrait, tmp_path):
    """Without --motion: as config.json says, relative where it says nothing."""
    folder = shutil.copytree(weights, tmp_path / "absolute")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "alignment": "absolute"}))
    chosen = load(str(folder), "cpu")
    assert (alignment(load(str(weights), "cpu")), alignment(chosen)) == ("relative", "absolute")
    by_default, asked = (Animator(chosen, portrait, mode).step(face(256) // 2) for mode in (None, "absolute"))
    np.testing.assert_array_equal(by_default, asked)
    assert (by_default != Animator(chosen, portrait, "relative").step(face(256) // 2)).any()


def test_a_decaying_alignment_goes_from_relative_to_absolute(method, portrait):
    crop = face(256) // 2

    def frames(mode: str, count: int = 4) -> list[np.ndarray]:
        driver = Animator(method, portrait, Control(mode, smooth=0, settle=2.0), Fraction(1))
        return [driver.step(crop) for _ in range(count)]

    relative, absolute, decaying = (frames(mode) for mode in ("relative", "absolute", "decaying"))
    np.testing.assert_array_equal(decaying[0], relative[0])
    np.testing.assert_array_equal(decaying[2], absolute[2])
    np.testing.assert_array_equal(decaying[3], absolute[3])
    between = [np.abs(decaying[1].astype(int) - other[1]).mean() for other in (relative, absolute)]
    assert min(between) > 1, "half way after one of two seconds"
    for bad in (Control("decaying", settle=0), Control("sideways")):
        with pytest.raises(reenact.ReenactError, match="settle|unknown motion"):
            bad.check()


def test_times_decide_how_a_decaying_alignment_settles(method, portrait):
    crop = face(256) // 2
    timed, counted = (Animator(method, portrait, Control("decaying", smooth=0, settle=2.0), Fraction(1)) for _ in range(2))
    whole = [counted.step(crop) for _ in range(3)]
    halves = [timed.step(crop, None if i == 0 else Fraction(1, 2)) for i in range(5)]
    np.testing.assert_array_equal(halves[::2], whole)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_frames_that_say_their_times_give_the_bytes_of_a_constant_rate(method, portrait, rate):
    crops = [None if i in (2, 3, 6) else image for i, image in enumerate(moving_face(9))]
    timed, counted = (Animator(method, portrait, Control("decaying", settle=0.2), rate) for _ in range(2))
    np.testing.assert_array_equal([timed.step(crop, 1 / rate) for crop in crops], [counted.step(crop) for crop in crops])


def test_the_next_face_becomes_the_reference(method, portrait):
    driver = Animator(method, portrait, Control(smooth=0))
    driver.step(face(256))
    assert (driver.step(face(256) // 2) != portrait.image).any()
    driver.calibrate()
    driver.step(None)
    np.testing.assert_array_equal(driver.step(face(256) // 2), portrait.image)


def test_control_may_be_exchanged_between_frames(method, portrait):
    driver = Animator(method, portrait, Control(smooth=0))
    driver.step(face(256))
    driver.control = Control(smooth=0, strength=0)
    np.testing.assert_array_equal(driver.step(face(256) // 2), portrait.image)
    with pytest.raises(reenact.ReenactError, match="strength"):
        driver.control = Control(strength=9)
    driver.control = Control("absolute", smooth=0)
    absolute = Animator(method, portrait, Control("absolute", smooth=0))
    np.testing.assert_array_equal(driver.step(face(256) // 2), absolute.step(face(256) // 2))


def test_no_face_at_all_is_an_error(method, portrait):
    with pytest.raises(reenact.ReenactError, match="no face"):
        list(reenact.animate(portrait, [scenery()] * 2, method=method))


def test_a_reference_is_a_second_of_the_video(method, portrait, tmp_path):
    """As --start and --end are; one that is not in the part is said before anything is loaded."""
    driving = write_clip(tmp_path / "driving.mp4", moving_face(20))
    with DrivingFile(driving, Clip(Fraction(1, 5), Fraction(3, 5))) as file:
        for asked, counted in ((0.2, 0.0), (0.3, 0.1), ("calm", "calm")):
            assert in_clip(lambda _, at=asked: Control(reference=at), file)(Output()).reference == pytest.approx(counted)
        for asked in (0.1, 0.6, 1000.0):
            with pytest.raises(reenact.ReenactError, match=f"`reference` {asked:g} is not in the part of .* 0.2 to 0.6 s"):
                file.second(asked)
    with pytest.raises(reenact.ReenactError, match="`reference` 1000 is not in the part"):
        animate_file(PORTRAIT, driving, tmp_path / "o.mp4", control=Control(reference=1000.0), engine=Engine("prior", "cpu"))
    with pytest.raises(reenact.ReenactError, match="beyond the driver's end"):
        list(reenact.animate(portrait, driving, method=method, control=Control(reference=1.0)))


def test_what_an_alignment_does_not_look_at_is_warned_of(method, portrait):
    with pytest.warns(UserWarning) as told:
        Control("absolute", settle=3.0, reference=1.0).warn_of_unused(method)
    said = [str(one.message) for one in told]
    assert [line.split(" does nothing")[0] for line in said] == ["`settle`", "`reference`"] and "not absolute" in said[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Control("absolute").warn_of_unused(method)
        Control("decaying", settle=3.0).warn_of_unused(method)
        Control(reference="calm").warn_of_unused(method)


def test_sound_begins_with_the_first_picture_that_is_shown(weights, tmp_path):
    """Of two frames a second none is due at --start .1: the film begins with the one at half a second, and so does its sound."""
    make_sound(tmp_path / "sound.mp4", Fraction(2))
    with VideoWriter(tmp_path / "driving.mp4", Fraction(2), tmp_path / "sound.mp4") as writer:
        for image in moving_face(4):
            writer.write(image)
    clip = Clip(Fraction(1, 10))
    animate_file(PORTRAIT, tmp_path / "driving.mp4", tmp_path / "out.mp4", engine=on(weights), clip=clip)
    (tmp_path / "folder").mkdir()
    shutil.copy(PORTRAIT, tmp_path / "folder/anna.jpg")
    shutil.copy(tmp_path / "driving.mp4", tmp_path / "folder/nod.mp4")
    batch_folder(tmp_path / "folder", tmp_path / "films", BatchOptions(clip=clip), engine=on(weights))
    for made in (tmp_path / "out.mp4", tmp_path / "films/anna--nod.mp4"):
        assert abs(sound_shift(sound_of(tmp_path / "driving.mp4"), sound_of(made), Fraction(1, 2))) < 0.03


def test_animate_file_keeps_frames_rate_and_sound(weights, tmp_path):
    rate = Fraction(30000, 1001)
    driving = write_clip(tmp_path / "driving.mp4", moving_face(12), rate, audio=True)
    seen = []
    report = animate_file(PORTRAIT, driving, tmp_path / "out.mp4", engine=on(weights), progress=lambda *a: seen.append(a))
    assert read_clip(tmp_path / "out.mp4") == (12, rate, (256, 256))
    assert (report.frames, report.frames_without_face, report.rate) == (12, 0, rate)
    assert seen == [(i, 12) for i in range(1, 13)]
    with av.open(str(tmp_path / "out.mp4")) as made:
        sound = made.streams.audio[0]
        assert abs(sound.duration * sound.time_base - 12 / rate) <= 1 / rate + Fraction(1024, 48000)


def test_photo_output_changes_only_the_head(weights, tmp_path):
    driving = write_clip(tmp_path / "driving.mp4", moving_face(3))
    out = tmp_path / "out.mp4"
    animate_file(PORTRAIT, driving, out, engine=on(weights), drawn=Output("photo"))
    assert read_clip(out) == (3, 25, (512, 512))
    with av.open(str(out)) as made:
        last = [frame.to_ndarray(format="rgb24") for frame in made.decode(video=0)][-1]
    photo = reenact.read_image(PORTRAIT)
    assert np.abs(last[450:].astype(int) - photo[450:]).mean() < 4  # below the head: only the codec's loss


def test_a_tight_photo_is_shown_whole_unless_the_crop_is_asked_for(weights, tmp_path):
    """The square around a head that the photo cuts off is filled with what nobody knows."""
    driving, tight = write_clip(tmp_path / "driving.mp4", moving_face(3)), tight_photo(reenact.load(weights))
    PILImage.fromarray(tight).save(tmp_path / "tight.png")
    asked = []

    def control(drawn):
        asked.append(drawn.mode)
        return Control(parts=drawn.parts())

    for given, mode, told in (("tight.png", "auto", "photo"), ("tight.png", "crop", "crop"), (PORTRAIT, "auto", "crop")):
        out = tmp_path / "out.mp4"
        animate_file(tmp_path / given, driving, out, engine=on(weights), drawn=Output(mode), control=control)
        assert asked[-1] == told
        sides = tuple(side // 2 * 2 for side in tight.shape[1::-1])
        assert (read_clip(out)[2] == sides) == (told == "photo")


def test_start_end_and_fps(weights, tmp_path):
    driving = write_clip(tmp_path / "driving.mp4", moving_face(20))
    out = tmp_path / "out.mp4"
    for fps, frames in ((None, 10), (Fraction(50), 20)):
        clip = Clip(Fraction(1, 5), Fraction(3, 5), fps)
        assert animate_file(PORTRAIT, driving, out, engine=on(weights), clip=clip).frames == frames


def test_a_break_leaves_nothing_behind(weights, tmp_path):
    driving = write_clip(tmp_path / "driving.mp4", moving_face(6))
    folder = tmp_path / "out"
    folder.mkdir()

    def stop(done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        animate_file(PORTRAIT, driving, folder / "out.mp4", engine=on(weights), progress=stop)
    assert list(folder.iterdir()) == []
    assert threading.active_count() <= before


def test_output_may_not_be_an_input(weights, tmp_path):
    driving = write_clip(tmp_path / "driving.mp4", moving_face(2))
    with pytest.raises(reenact.ReenactError, match="input"):
        animate_file(PORTRAIT, driving, driving, engine=on(weights))


def test_ahead_keeps_order_and_is_never_far_ahead():
    made = []

    def items():
        for i in range(50):
            made.append(i)
            yield i

    got = []
    with ahead(items()) as ready:
        for item in ready:
            got.append(item)
            assert len(made) <= len(got) + DEPTH + 1
    assert got == list(range(50))


def test_ahead_raises_where_the_item_would_have_come():
    def items():
        yield 1
        raise reenact.ReenactError("broken")

    got = []
    with pytest.raises(reenact.ReenactError, match="broken"), ahead(items()) as ready:
        got.extend(ready)
    assert got == [1]


def test_ahead_ends_its_thread_when_left_early():
    with ahead(itertools.count()) as ready:
        assert next(ready) == 0
        time.sleep(0.05)
    assert not any(thread.name == "reenact-ahead" for thread in threading.enumerate())


@pytest.mark.parametrize("name", ["fake", *known_methods()])
def test_two_runs_give_the_same_bytes_of_motion(name, weights):
    crops = moving_face(3)
    runs = []
    for _ in range(2):
        loaded = load(str(weights) if name == "fake" else name, "cpu", threads=2)
        runs.append(b"".join(loaded.encode_motion(crop).vector().tobytes() for crop in crops))
    assert runs[0] == runs[1]
