"""Videos as the world has them: what is damaged is left out and said, what is unusual is read as players show it."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_clips import frame_image, index_of, make_clip, sound_of, sound_span
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.files import Unfinished
from reenact.media.audio import Sound
from reenact.media.clock import LONGEST_GAP, Clock, exact_rate, finest_rate
from reenact.media.video import VideoFrame, VideoReader, VideoWriter, resample

RATE = Fraction(25)


def clip(path: Path, count: int = 50, **options) -> Path:
    return make_clip(path, [k / RATE for k in range(count)], RATE, **options)


def carried(source: Path, target: Path, start: Fraction | None = None) -> tuple[int, list[str]]:
    """The clip read and written with its sound: frames, and the warnings that were said."""
    count = 0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with VideoReader(source, start) as reader, VideoWriter(target, reader.rate, source, start) as writer:
            for frame in resample(reader, reader.rate):
                writer.write(frame.image)
                count += 1
    lines = [str(warning.message) for warning in said if issubclass(warning.category, UserWarning)]
    assert not [line for line in lines if "\n" in line]
    assert [path.name for path in target.parent.glob(".*.part")] == []
    return count, lines


def with_sound_packets(source: Path, target: Path, change) -> Path:
    """A copy whose sound packets have gone through `change` (bytes -> bytes)."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if not packet.size:
                continue
            out = streams[packet.stream.index]
            if packet.stream.type == "audio":
                other = av.Packet(change(bytes(packet)))
                other.pts, other.dts, other.time_base, other.duration = (
                    packet.pts, packet.dts, packet.time_base, packet.duration,
                )  # fmt: skip
                packet = other
            packet.stream = out
            new.mux(packet)
    return target


def broken_at(rnd: random.Random):
    def change(data: bytes) -> bytes:
        return bytes(rnd.randrange(256) for _ in data) if rnd.random() < 0.3 else data

    return change


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(("sound", "into"), [("flac", "mkv"), ("aac", "mkv"), ("pcm_s16le", "mkv"), ("libopus", "mkv")])
def test_a_damaged_sound_never_costs_the_film(sound: str, into: str, ending: str, tmp_path: Path) -> None:
    whole = clip(tmp_path / f"whole.{into}", sound=sound)
    bad = with_sound_packets(whole, tmp_path / f"bad.{into}", broken_at(random.Random(1)))
    count, _ = carried(bad, tmp_path / f"out.{ending}")
    assert count == 50
    with VideoReader(tmp_path / f"out.{ending}") as reader:
        assert len(list(reader)) == 50


def test_a_sound_of_an_unknown_kind_is_left_out_and_said(tmp_path: Path) -> None:
    data = clip(tmp_path / "in.mov", sound="pcm_s16le").read_bytes()
    assert b"sowt" in data
    (tmp_path / "in.mov").write_bytes(data.replace(b"sowt", b"qqqq"))
    count, lines = carried(tmp_path / "in.mov", tmp_path / "out.mp4")
    assert count == 50 and len(lines) == 1 and "sound" in lines[0]
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert not out.streams.audio


def test_nothing_left_of_the_sound_is_one_line(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mkv", sound="flac")
    bad = with_sound_packets(whole, tmp_path / "bad.mkv", lambda data: b"\x17" * len(data))
    count, lines = carried(bad, tmp_path / "out.mp4")
    assert count == 50 and len(lines) == 1 and "the film is silent" in lines[0]


@pytest.mark.parametrize("ending", ["ts", "mts", "mpg", "h264"])
@pytest.mark.parametrize("start", [Fraction(1, 2), Fraction(33, 10), Fraction(79, 10)])
def test_the_start_is_found_without_an_index(ending: str, start: Fraction, tmp_path: Path) -> None:
    codec = "mpeg1video" if ending == "mpg" else "libx264"
    source = clip(tmp_path / f"in.{ending}", 200, codec=codec)
    with VideoReader(source, start) as reader:
        frame = next(reader)
    assert frame.time - start < 1 / RATE
    assert abs(index_of(frame.image) - round(frame.time * RATE) % 45) <= (codec == "mpeg1video")


def test_pictures_and_sound_of_a_transport_stream_start_together(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.ts", 200, sound="ac3")
    count, lines = carried(source, tmp_path / "out.mp4", Fraction(33, 10))
    assert count == 200 - 83 and not lines
    span = sound_span(tmp_path / "out.mp4")
    assert abs(span[0]) < 2 / RATE and abs(span[1] - count / RATE) < 2 / RATE


def test_a_damaged_middle_goes_on_and_counts_what_was_lost(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [k / RATE for k in range(100)], RATE)
    with av.open(str(source)) as file:
        entries = file.streams.video[0].index_entries
        places = [(entries[i].pos, entries[i].size) for i in range(len(entries))]
    data = bytearray(source.read_bytes())
    for position, size in places[40:44]:
        data[position : position + size] = b"\xff" * size
    source.write_bytes(data)
    count, lines = carried(source, tmp_path / "out.mp4")
    assert count == 100 and len(lines) == 1 and "left out" in lines[0]


def test_an_edit_list_that_hides_nearly_all_is_told(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [k / RATE for k in range(50)], RATE)
    data = bytearray(source.read_bytes())
    length = data.index(b"elst") + 12  # after version, flags and the count of entries
    data[length : length + 4] = (60).to_bytes(4, "big")  # ms
    source.write_bytes(data)
    with pytest.warns(ReenactWarning, match="its edit list leaves out 48 of its 50") as told, VideoReader(source) as reader:
        assert len(list(reader)) == 2
    assert len(told) == 1


@pytest.mark.parametrize("part", [(None, Fraction(1, 10)), (Fraction(1), None)])
def test_a_part_of_a_clip_is_no_damage(part: tuple[Fraction | None, Fraction | None], tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", [k / RATE for k in range(50)], RATE)
    with warnings.catch_warnings(), VideoReader(source, *part) as reader:
        warnings.simplefilter("error")
        assert len(list(reader)) > 1


def test_empty_packets_hold_the_picture(tmp_path: Path) -> None:
    """Theora writes them for a picture that has not changed."""
    with av.open(str(tmp_path / "whole.mkv"), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p"
        for k in range(10):
            frame = av.VideoFrame.from_ndarray(frame_image(k), format="rgb24").reformat(format="yuvj420p")
            frame.pts = k
            for packet in stream.encode(frame):
                if k in (1, 5):
                    empty = av.Packet(0)
                    empty.pts, empty.dts, empty.time_base, empty.stream = packet.pts, packet.dts, packet.time_base, stream
                    packet = empty
                output.mux(packet)
        output.mux(stream.encode(None))
    with VideoReader(tmp_path / "whole.mkv") as reader:
        shown = [index_of(frame.image) for frame in resample(reader, RATE)]
    assert shown == [0, 0, 2, 3, 4, 4, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(16, 9), (96, 228)), (Fraction(3, 4), (128, 128)), (Fraction(9), (96, 128))]
)
def test_pixels_that_are_not_square_become_so(aspect: Fraction, size: tuple[int, int], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(frame_image(k), format="rgb24").reformat(format="yuv420p")
            frame.pts = k
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoReader(tmp_path / "in.mp4") as reader:
        image = next(reader).image
        assert image.shape[:2] == (reader.height, reader.width) == size


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_variable_rate_keeps_its_bursts(ending: str, tmp_path: Path) -> None:
    burst = [k for second in range(6) for k in range(25 * second, 25 * second + 14)]
    source = make_clip(tmp_path / f"in.{ending}", [k / RATE for k in burst], RATE)
    with VideoReader(source) as reader:
        assert reader.rate == 25
        shown = [index_of(frame.image) for frame in resample(reader, reader.rate)]
    assert shown[:14] == list(range(14)) and shown[14:25] == [13] * 11 and shown[25:28] == [14, 15, 16]


def test_jitter_is_no_variable_rate() -> None:
    rnd = random.Random(0)
    times = [Fraction(round(1000 * k / Fraction(30)) + rnd.randrange(-2, 3), 1000) for k in range(300)]
    assert finest_rate(times, Fraction(30)) == 30
    assert finest_rate([Fraction(k, 25) for k in range(100)], Fraction(25)) == 25


@pytest.mark.parametrize("given", [29.97, 29.97002997002997, "29.97", "30000/1001", Fraction(30000, 1001), "29.97002997002997"])
def test_a_rate_is_what_is_meant(given: object) -> None:
    assert exact_rate(given) == Fraction(30000, 1001)


@pytest.mark.parametrize("given", [0, -1, 241, float("nan"), float("inf"), 1e300, None, "x", "1/0", [25], "9" * 500])
def test_no_rate_is_one_line(given: object) -> None:
    with pytest.raises(ReenactError, match="`fps`") as caught:
        exact_rate(given)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 150


def stamps(*seconds: float | None) -> Iterator[Fraction | None]:
    for second in seconds:
        yield None if second is None else Fraction(second)


@pytest.mark.parametrize(
    "seconds",
    [(5, 6, 7), (0, None, 1), (0, 1, 1, 1), (0, 1, 0.5, 2), (0, 10, 0, 1), (0, 1, 1e12, 1e12 + 1), (1e9, 0, -1e9), (-5, -4)],
)
def test_times_rise_whatever_the_file_says(seconds: tuple[float | None, ...]) -> None:
    clock = Clock(Fraction(0), RATE)
    times = [clock.time(stamp) for stamp in stamps(*seconds)]
    assert all(0 < after - before <= LONGEST_GAP for before, after in zip(times, times[1:], strict=False))
    assert 0 <= times[0] <= LONGEST_GAP


def test_starts_beyond_any_clip_are_one_line(tmp_path: Path) -> None:
    for source in (clip(tmp_path / "in.mp4"), clip(tmp_path / "in.h264")):
        for start in (Fraction(10) ** 18, Fraction(10) ** 300, Fraction(3)):
            with pytest.raises(ReenactError, match="`start`"):
                VideoReader(source, start)


def test_pictures_beyond_all_bounds_are_one_line(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 8000, 6000, "yuvj420p"
        frame = av.VideoFrame(8000, 6000, "yuvj420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(ReenactError, match="too large"):
        VideoReader(tmp_path / "in.mkv")


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "ts"])
def test_mutated_videos_give_a_film_or_one_line(ending: str, tmp_path: Path) -> None:
    whole = clip(tmp_path / f"whole.{ending}", 12, sound="aac").read_bytes()
    rnd = random.Random(ending)
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(rnd.choice([1, 5, 40])):
            data[rnd.randrange(min(len(data), rnd.choice([2000, 10**9])))] = rnd.randrange(256)
        (tmp_path / f"in.{ending}").write_bytes(data)
        try:
            carried(tmp_path / f"in.{ending}", tmp_path / "out.mp4")
        except ReenactError as error:
            assert "\n" not in str(error)


def leaping(source: Path, target: Path, kinds: tuple[str, ...], by: int = 100) -> Path:
    """The same packets; from the first second on, timestamps of these kinds lie `by` seconds later."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                late = packet.stream.type in kinds and packet.pts * packet.time_base >= 1
                packet.stream = streams[packet.stream.index]
                if late:
                    packet.pts, packet.dts = packet.pts + by / packet.time_base, packet.dts + by / packet.time_base
                new.mux(packet)
    return target


def lay_under(film: Path, sound: Sound) -> None:
    """Two seconds of it, under a film that has a name already."""
    anew = Unfinished(film)
    shutil.copyfile(film, anew.part)
    sound.lay_under(anew, "mp4", Fraction(2), {})
    anew.finish()


@pytest.mark.parametrize("sound", ["aac", "flac"])
def test_where_the_clock_leaps_the_sound_stays_with_the_pictures(sound: str, tmp_path: Path) -> None:
    times = [Fraction(k, 25) for k in range(50)]
    whole = make_clip(tmp_path / "whole.mkv", times, Fraction(25), sound=sound)
    leapt = leaping(whole, tmp_path / "leapt.mkv", ("video", "audio"))
    film = make_clip(tmp_path / "film.mp4", times, Fraction(25))
    laid = Sound.of(leapt, Fraction(0))
    assert laid is not None
    lay_under(film, laid)
    heard, meant = sound_of(film), sound_of(whole)
    at = slice(60_000, 90_000)  # after the leap
    lags = range(-3000, 3001, 20)
    found = max(lags, key=lambda lag: float(np.dot(meant[at], heard[at.start + lag : at.stop + lag])))
    assert abs(found) <= 48000 * 0.045 and len(heard) > 90_000 + 3000, "within a frame"


def test_a_pause_of_the_sound_alone_stays_one(tmp_path: Path) -> None:
    times = [Fraction(k, 25) for k in range(50)]
    whole = make_clip(tmp_path / "whole.mkv", times, Fraction(25), sound="aac")
    paused = leaping(whole, tmp_path / "paused.mkv", ("audio",))
    film = make_clip(tmp_path / "film.mp4", times, Fraction(25))
    laid = Sound.of(paused, Fraction(0))
    assert laid is not None
    lay_under(film, laid)
    assert 0.9 < float(sound_span(film)[1]) < 1.1


def test_beyond_the_end_no_picture_is_held() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    frames = [VideoFrame(image, Fraction(k, 25)) for k in (0, 1, 2, 8, 9)]
    assert len(list(resample(frames[:4], Fraction(25), Fraction(2, 5)))) == 10
    assert len(list(resample(frames, Fraction(25)))) == 10
    assert len(list(resample(frames[:3], Fraction(25), Fraction(9, 100)))) == 3
