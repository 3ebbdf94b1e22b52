"""Photos and videos in and out: what a camera makes is read right, what is broken fails in one line."""

from __future__ import annotations

import resource
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PILImage

from media_clips import RATE, frame_image, index_of, make_clip, make_sound, sound_of, sound_shift, sound_span
from reenact.core import files
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.media.audio import Sound
from reenact.media.image import read_image, write_image
from reenact.media.video import VideoFrame, VideoReader, VideoWriter, resample


def copy_clip(source: Path, target: Path, start: Fraction | None = None, end: Fraction | None = None) -> list[int]:
    """Read and write again with sound; the indices that were read."""
    seen = []
    with VideoReader(source, start, end) as reader, VideoWriter(target, reader.rate, source, start, end) as writer:
        for frame in reader:
            seen.append(index_of(frame.image))
            writer.write(frame.image)
    return seen


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames at 30000/1001 with sound."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", [k / RATE for k in range(60)], sound="aac")


def test_more_pixels_than_a_format_holds_is_one_line(tmp_path: Path) -> None:
    for name, side in (("wide.webp", 16_384), ("wide.jpg", 65_501)):
        with pytest.raises(ReenactError, match=r"choose a name that ends in \.png"):
            write_image(tmp_path / name, np.zeros((4, side, 3), np.uint8))
    write_image(tmp_path / "wide.png", np.zeros((4, 16_384, 3), np.uint8))
    write_image(tmp_path / "wide.webp", np.zeros((16_383, 4, 3), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wide.png", "wide.webp"]


# Videos -------------------------------------------------------------------------------------------------------------


def test_reader_states_what_the_file_is(clip: Path) -> None:
    with VideoReader(clip) as reader:
        stated = (reader.rate, reader.width, reader.height, reader.frames, reader.duration, reader.has_audio)
        frames = list(reader)
    assert stated == (Fraction(30000, 1001), 128, 96, 60, 60 / RATE, True)
    assert [frame.time for frame in frames] == [k / RATE for k in range(60)]
    assert [index_of(frame.image) for frame in frames] == [k % 45 for k in range(60)]


def test_writing_keeps_count_rate_pictures_and_sound_length(clip: Path, tmp_path: Path) -> None:
    seen = copy_clip(clip, tmp_path / "out.mp4")
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert reader.rate == Fraction(30000, 1001)
        frames = list(reader)
    assert [index_of(frame.image) for frame in frames] == seen and len(seen) == 60
    assert [frame.time for frame in frames] == [k / RATE for k in range(60)]
    before, after = sound_span(clip), sound_span(tmp_path / "out.mp4")
    assert abs(before[0] - after[0]) < 1 / RATE and abs(before[1] - after[1]) < 1 / RATE


@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_sound_is_copied_not_encoded_again(codec: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", [k / RATE for k in range(60)], sound=codec)
    copy_clip(clip, tmp_path / "out.mp4")
    with av.open(str(clip)) as one, av.open(str(tmp_path / "out.mp4")) as two:
        packets = [[bytes(packet) for packet in file.demux(audio=0)] for file in (one, two)]
    assert packets[0] == packets[1]


@pytest.mark.parametrize(
    ("codec", "ending"), [("aac", "mp4"), ("libmp3lame", "mp4"), ("libopus", "mkv"), ("pcm_s16le", "mov"), ("pcm_s16le", "mkv")]
)
def test_a_part_keeps_its_frames_and_its_sound_in_time(codec: str, ending: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / f"in.{ending}", [k / RATE for k in range(60)], sound=codec)
    start, end = Fraction(1, 2), Fraction(3, 2)
    seen = copy_clip(source, tmp_path / "out.mp4", start, end)
    assert seen == list(range(15, 45))
    span = sound_span(tmp_path / "out.mp4")
    assert abs(span[0]) < 1 / RATE and abs(span[1] - 30 / RATE) < 1 / RATE
    assert abs(sound_shift(sound_of(source), sound_of(tmp_path / "out.mp4"), start)) < 1 / RATE


def test_where_the_part_begins_is_the_first_picture_that_is_shown(clip: Path, tmp_path: Path) -> None:
    """Sound that begins at `start` would part from lips by up to a frame, and by all that a cut stream has before a key frame."""
    with VideoReader(clip, Fraction(1, 100)) as reader:
        assert reader.begin == next(reader).time == 1 / RATE
    whole = make_clip(tmp_path / "whole.ts", [k / RATE for k in range(60)], sound="aac", gop=30)
    with av.open(str(whole)) as source, av.open(str(tmp_path / "cut.ts"), "w") as cut:
        streams = {stream.index: cut.add_stream_from_template(stream) for stream in source.streams}
        pictures = 0
        for packet in source.demux():
            pictures += packet.stream.type == "video"
            if packet.size and pictures > 10:
                packet.stream = streams[packet.stream.index]
                cut.mux(packet)
    with VideoReader(tmp_path / "cut.ts") as reader:
        begin, indices = reader.begin, [index_of(frame.image) for frame in reader]
        with VideoWriter(tmp_path / "out.mp4", reader.rate, tmp_path / "cut.ts", begin) as writer:
            for index in indices:
                writer.write(frame_image(index))
    assert indices[0] == 30 and begin > 15 / RATE
    lag = sound_shift(sound_of(whole), sound_of(tmp_path / "out.mp4"), 30 / RATE)
    assert abs(lag) < 1 / RATE


def test_sound_does_not_outlast_the_pictures(clip: Path, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", RATE, clip) as writer:
        for k in range(15):
            writer.write(frame_image(k))
    assert abs(sound_span(tmp_path / "out.mp4")[1] - 15 / RATE) < 1 / RATE


def test_a_silent_clip_gives_a_silent_clip(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [Fraction(k, 25) for k in range(5)], Fraction(25))
    copy_clip(source, tmp_path / "out.mp4")
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert not reader.has_audio and reader.rate == 25


def test_rotated_clip_is_shown_as_players_show_it(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [k / RATE for k in range(3)], turn=-90)
    data = source.read_bytes()
    header = data.index(b"tkhd") + 4 + 40
    a, b, _, c, d, _ = struct.unpack(">6i", data[header : header + 24])
    # QuickTime: x' = a x + c y, y' = b x + d y, so this matrix moves the upper left corner to the upper right.
    assert (a, b, c, d) == (0, 65536, -65536, 0)
    with VideoReader(source) as reader:
        assert (reader.width, reader.height) == (96, 128)
        image = next(reader).image
    assert image.shape == (128, 96, 3)
    assert image[3, -3].min() > 240 and image[3, 3].max() < 60 and image[-3, -3].max() < 60


def test_variable_rate_keeps_times_and_resamples_by_them(tmp_path: Path) -> None:
    times = [Fraction(ms, 1000) for ms in (0, 40, 80, 280, 320, 480)]
    source = make_clip(tmp_path / "in.mp4", times, Fraction(25))
    with VideoReader(source) as reader:
        frames = list(reader)
    assert [frame.time for frame in frames] == times
    even = list(resample(frames, Fraction(25)))
    assert [index_of(frame.image) for frame in even] == [0, 1, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5]
    assert [frame.time for frame in even] == [Fraction(k, 25) for k in range(16)]


@pytest.mark.parametrize(("rate", "count"), [(RATE, 60), (RATE / 2, 30), (RATE * 2, 120), (Fraction(25), 50)])
def test_resample_changes_the_count_as_the_rate(rate: Fraction, count: int) -> None:
    frames = [VideoFrame(np.full((2, 2, 3), k, np.uint8), Fraction(3) + k / RATE) for k in range(60)]
    out = list(resample(frames, rate))
    assert len(out) == count
    shown = [int(frame.image[0, 0, 0]) for frame in out]
    lag = [float(abs(frame.time - 3 - k / RATE) * RATE) for frame, k in zip(out, shown, strict=True)]
    assert max(lag) <= 1 and shown == sorted(shown)


def test_resample_takes_up_times_rounded_to_milliseconds() -> None:
    frames = [VideoFrame(np.full((2, 2, 3), k, np.uint8), Fraction(round(1000 * k / RATE), 1000)) for k in range(200)]
    assert [int(frame.image[0, 0, 0]) for frame in resample(frames, RATE)] == list(range(200))


def test_one_frame_video(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [Fraction(0)], Fraction(25))
    assert copy_clip(source, tmp_path / "out.mp4") == [0]
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert len(list(resample(reader, reader.rate))) == 1


def test_odd_sizes_become_even_and_colours_stay(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", Fraction(25)) as writer:
        for _ in range(3):
            writer.write(np.full((65, 63, 3), (200, 120, 80), np.uint8))
    with VideoReader(tmp_path / "out.mp4") as reader:
        image = next(reader).image
    assert image.shape == (66, 64, 3)
    assert np.abs(image.astype(int) - (200, 120, 80)).max() <= 4


def _text(path: Path, clip: Path) -> Path:
    path.write_text("not a video\n" * 50)
    return path


def _empty(path: Path, clip: Path) -> Path:
    path.touch()
    return path


def _missing(path: Path, clip: Path) -> Path:
    return path


def _cut_off(path: Path, clip: Path) -> Path:
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    return path


def _cut_off_behind_its_index(path: Path, clip: Path) -> Path:
    whole = make_clip(path, [k / RATE for k in range(60)], options={"movflags": "faststart"})
    return _cut_off(path, whole)


def _sound_only(path: Path, clip: Path) -> Path:
    return make_sound(path, Fraction(1))


@pytest.mark.parametrize("make", [_text, _empty, _missing, _cut_off, _cut_off_behind_its_index, _sound_only])
def test_bad_videos_fail_in_one_line_when_opened(make: object, clip: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "bad.mp4", clip)
    with pytest.raises(ReenactError) as caught:
        VideoReader(path)
    assert "\n" not in str(caught.value) and "bad.mp4" in str(caught.value)


@pytest.mark.parametrize("span", [(9, None), (2, 1), (-1, None)])
def test_bad_ranges_fail_when_opened(span: tuple[int, int | None], clip: Path) -> None:
    with pytest.raises(ReenactError, match="`start`"):
        VideoReader(clip, *span)


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("written", [0, 3])
def test_a_failure_leaves_the_folder_as_it_was(failure: type, written: int, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("older")
    with pytest.raises(failure), VideoWriter(tmp_path / "out.mp4", RATE, clip) as writer:
        for k in range(written):
            writer.write(frame_image(k))
        assert writer.part.exists()
        raise failure
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_text() == "older"


@pytest.mark.parametrize("name", ["none/out.mp4", "out.txt", "folder.mp4", "out"])
def test_outputs_that_cannot_be_written_fail_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ReenactError):
        VideoWriter(tmp_path / name, RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


@pytest.mark.parametrize("name", ["out.mp4", "out.png"])
def test_the_last_touch_comes_before_the_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("older")

    def write(finish) -> None:
        if name.endswith(".png"):
            write_image(tmp_path / name, frame_image(1), finish=finish)
        else:
            with VideoWriter(tmp_path / name, RATE, finish=finish) as writer:
                writer.write(frame_image(1))

    def seen(part: Path) -> None:
        assert (tmp_path / name).read_text() == "older" and part.stat().st_size > 100
        part.write_bytes(part.read_bytes() + b"touched")

    def refuse(part: Path) -> None:
        raise ReenactError("refused")

    with pytest.raises(ReenactError, match="refused"):
        write(refuse)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "older"
    write(seen)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_bytes().endswith(b"touched")


@pytest.mark.skipif(files.fcntl is None, reason="another system's way")
def test_another_run_beside_leaves_a_film_with_sound_alone(clip: Path, tmp_path: Path) -> None:
    """Its sound is laid, and it has no name yet: the sweep of a run that begins now."""

    def sweep(part: Path) -> None:
        files._sweep.cache_clear()
        files.check_writable(tmp_path / "other.mp4")
        assert part.exists()

    with VideoWriter(tmp_path / "out.mp4", RATE, clip, finish=sweep) as writer:
        for k in range(15):
            writer.write(frame_image(k))
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_tags_of_a_container(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", RATE, tags={"XMP": "said"}) as writer:
        writer.write(frame_image(1))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.metadata["XMP"] == "said"


def test_a_file_without_sound_is_no_sound(clip: Path, tmp_path: Path) -> None:
    Sound(clip, Fraction(0)).check()
    Sound(make_sound(tmp_path / "sound.mp4", Fraction(1)), Fraction(0)).check()
    make_clip(tmp_path / "silent.mp4", [Fraction(k, 25) for k in range(5)], Fraction(25))
    with pytest.raises(ReenactError, match="has no sound"):
        Sound(tmp_path / "silent.mp4", Fraction(0)).check()


def test_no_frame_no_file(tmp_path: Path) -> None:
    with pytest.raises(ReenactError), VideoWriter(tmp_path / "out.mp4", RATE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_bad_sound_source_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReenactError):
        VideoWriter(tmp_path / "out.mp4", RATE, tmp_path / "missing.mp4")
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_flat(clip: Path, tmp_path: Path) -> None:
    def peak_mb() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    image = np.zeros((256, 256, 3), np.uint8)
    with VideoWriter(tmp_path / "out.mp4", RATE, clip) as writer:
        for k in range(60):
            writer.write(image + np.uint8(k))
        begun = peak_mb()
        for k in range(540):
            writer.write(image + np.uint8(k % 200))
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert sum(1 for _ in reader) == 600
    assert peak_mb() - begun < 40  # the frames alone would be 118 MB to write and again to read


# Photos -------------------------------------------------------------------------------------------------------------


def left_dark(mode: str = "RGB") -> PILImage.Image:
    """40 x 20, dark on the left, bright on the right."""
    values = np.full((20, 40), 200, np.uint8)
    values[:, :20] = 50
    return PILImage.fromarray(values).convert(mode)


@pytest.mark.parametrize(("mode", "ending"), [("RGB", "png"), ("L", "png"), ("P", "png"), ("CMYK", "jpg"), ("1", "png")])
def test_every_mode_becomes_rgb(mode: str, ending: str, tmp_path: Path) -> None:
    left_dark(mode).save(tmp_path / f"a.{ending}")
    image = read_image(tmp_path / f"a.{ending}")
    assert image.shape == (20, 40, 3) and image.dtype == np.uint8
    assert image[:, :15].mean() < image[:, 25:].mean()


def test_gray_is_exact(tmp_path: Path) -> None:
    left_dark("L").save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[:, :20] == 50).all() and (image[:, 20:] == 200).all()


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    PILImage.fromarray(np.array([[0, 257 * 50, 257 * 200, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 50, 200, 255]


def test_alpha_lies_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    PILImage.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")[0].astype(int)
    assert image[0].tolist() == [10, 20, 30] and image[1].tolist() == [255] * 3 and abs(image[2] - 127).max() <= 1


def test_exif_turns_the_photo(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = 6  # the camera was held so that the file must be turned clockwise
    left_dark().save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (40, 20, 3)
    assert image[:15].mean() < 80 and image[25:].mean() > 170  # what was left is now on top


def test_png_round_trip_and_unwritable(tmp_path: Path) -> None:
    image = frame_image(7)
    write_image(tmp_path / "a.png", image)
    assert np.array_equal(read_image(tmp_path / "a.png"), image)
    with pytest.raises(ReenactError):
        write_image(tmp_path / "none" / "a.png", image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def _cut_photo(path: Path, clip: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    PILImage.fromarray(noise).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:1500])
    return path


def _video(path: Path, clip: Path) -> Path:
    path.write_bytes(clip.read_bytes())
    return path


def _folder(path: Path, clip: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("make", [_text, _empty, _missing, _cut_photo, _video, _folder])
def test_bad_photos_fail_in_one_line(make: object, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ReenactError) as caught:
        read_image(make(tmp_path / "bad.jpg", clip))
    assert "\n" not in str(caught.value) and "bad.jpg" in str(caught.value)


@pytest.mark.parametrize(("suffix", "most"), [(".webp", 3), (".gif", 6)])
def test_pictures_that_move_are_written_again_and_again(tmp_path, suffix, most):
    """Every frame at its time, no sound, of which a line is said; a quarter of a second takes 25 hundredths."""
    frames = [np.full((33, 48, 3), (20 * i, 60, 200 - 15 * i), np.uint8) for i in range(10)]
    sounding = make_clip(tmp_path / "in.mkv", [Fraction(i, 25) for i in range(10)], Fraction(25), sound="aac")
    with pytest.warns(ReenactWarning, match="has no sound"), VideoWriter(tmp_path / f"out{suffix}", RATE, sounding) as writer:
        for frame in frames:
            writer.write(frame)
    with PILImage.open(tmp_path / f"out{suffix}") as picture:
        assert picture.n_frames == 10 and picture.info["loop"] == 0 and picture.size == (48, 34)
        times = []
        for number, frame in enumerate(frames):
            picture.seek(number)
            shown = np.asarray(picture.convert("RGB")).astype(int)
            assert np.abs(shown[:33] - frame).mean() < most, number
            times.append(picture.info["duration"])
    assert all(abs(time - 1000 / float(RATE)) <= 10 for time in times)


@pytest.mark.parametrize(
    ("suffix", "rate", "shortest"), [(".gif", 60, 20), (".gif", 240, 20), (".webp", 120, 11), (".gif", 50, 20)]
)
def test_pictures_that_move_fast_are_no_slow_motion_in_a_browser(tmp_path, suffix, rate, shortest, recwarn):
    """Browsers show a frame of 10 ms or less for 100: so none is as short, and the film lasts as long as it should."""
    with VideoWriter(tmp_path / f"out{suffix}", Fraction(rate)) as writer:
        for i in range(rate // 4):
            writer.write(np.full((32, 48, 3), 4 * i % 256, np.uint8))
    with PILImage.open(tmp_path / f"out{suffix}") as picture:
        times = []
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            times.append(picture.info["duration"])
    assert min(times[:-1]) >= shortest and abs(sum(times) - 250) <= 20
    told = [str(warning.message) for warning in recwarn if warning.category is ReenactWarning]
    assert len(told) == (rate > 50) and all("frames a second at most" in line for line in told)
