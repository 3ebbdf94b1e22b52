"""A media file stands for itself: texts that name other files play nothing, whatever they are called.

A cover is no film, and a WebP that moves is one."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image

from media_clips import frame_image, index_of, make_clip, make_sound
from reenact.core.errors import ReenactError
from reenact.media.audio import Sound
from reenact.media.video import VideoReader

POINTERS = {
    "ffconcat": "ffconcat version 1.0\nfile 'other.mp4'\n",
    "HLS": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nother.mp4\n#EXT-X-ENDLIST\n",
    "DASH": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>other.mp4</BaseURL>'
    '<SegmentList duration="1"><SegmentURL media="other.mp4"/></SegmentList></Representation></AdaptationSet></Period></MPD>',
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("ending", ["mp4", "txt", "m3u8", "mpd", "sdp", "ffconcat"])
@pytest.mark.parametrize("kind", POINTERS)
def test_a_text_that_names_another_file_plays_nothing(kind: str, ending: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "other.mp4", [Fraction(k, 25) for k in range(5)], Fraction(25), sound="aac")
    pointer = tmp_path / f"x.{ending}"
    pointer.write_text(POINTERS[kind])
    with pytest.raises(ReenactError, match="not a video"):
        VideoReader(pointer)
    with pytest.raises(ReenactError):
        Sound.of(pointer, Fraction(0))


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts", "mpg", "flv", "nut", "ogv", "webm"])
def test_usual_containers_still_open(ending: str, tmp_path: Path) -> None:
    codec = {"mpg": "mpeg1video", "ogv": "libtheora", "webm": "libvpx", "avi": "mpeg4"}.get(ending, "libx264")
    try:
        clip = make_clip(tmp_path / f"x.{ending}", [Fraction(k, 25) for k in range(5)], Fraction(25), codec=codec)
    except Exception as error:  # an FFmpeg without this encoder
        pytest.skip(f"{codec}: {error}")
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 5


def test_a_sound_file_still_opens(tmp_path: Path) -> None:
    assert Sound.of(make_sound(tmp_path / "x.mp4", Fraction(1)), Fraction(0)) is not None


def with_cover(source: Path, target: Path) -> Path:
    """The same packets, and a cover as songs and films of shops have one."""
    picture = BytesIO()
    Image.fromarray(frame_image(44)).save(picture, "JPEG")
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        cover = after.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 128, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        streams = {stream.index: after.add_stream_from_template(stream) for stream in before.streams}
        after.start_encoding()
        packet = av.Packet(picture.getvalue())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        after.mux(packet)
        for packet in before.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                after.mux(packet)
    return target


def test_the_cover_of_a_song_is_no_film(tmp_path: Path) -> None:
    song = with_cover(make_sound(tmp_path / "x.mp4", Fraction(1)), tmp_path / "song.mp4")
    with pytest.raises(ReenactError, match="no pictures but its cover"):
        VideoReader(song)
    assert Sound.of(song, Fraction(0)) is not None


def test_a_film_with_a_cover_is_the_film(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "x.mp4", [Fraction(k, 25) for k in range(5)], Fraction(25))
    with VideoReader(with_cover(film, tmp_path / "film.mp4")) as reader:
        assert len(list(reader)) == 5


def moving_webp(path: Path, lasting: list[int]) -> Path:
    """One `frame_image` for so many ms each; a small part changes between two, so that all but the first are pieces."""
    first, *others = (Image.fromarray(frame_image(number)) for number in range(len(lasting)))
    first.save(path, save_all=True, append_images=others, duration=lasting, lossless=True)
    return path


def test_a_webp_that_moves_is_a_film_with_its_times(tmp_path: Path) -> None:
    lasting = [40, 40, 40, 200, 40, 40, 40, 40, 40, 40]
    with VideoReader(moving_webp(tmp_path / "x.webp", lasting)) as reader:
        frames = list(reader)
        assert (reader.frames, reader.duration, reader.rate, reader.has_audio) == (10, Fraction(56, 100), 25, False)
    assert [index_of(frame.image) for frame in frames] == list(range(10))
    assert [frame.time for frame in frames] == [Fraction(sum(lasting[:k]), 1000) for k in range(10)]
    assert Sound.of(tmp_path / "x.webp", Fraction(0)) is None


def test_a_part_of_a_webp(tmp_path: Path) -> None:
    with VideoReader(moving_webp(tmp_path / "x.webp", [40] * 20), Fraction(1, 5), Fraction(2, 5)) as reader:
        assert [index_of(frame.image) for frame in reader] == [5, 6, 7, 8, 9]


def test_a_webp_without_haste_plays_as_in_browsers(tmp_path: Path) -> None:
    with VideoReader(moving_webp(tmp_path / "x.webp", [0, 10, 50])) as reader:
        assert [frame.time for frame in reader] == [0, Fraction(1, 10), Fraction(1, 5)]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_webp_that_is_cut_off_is_a_film_or_one_line(share: float, tmp_path: Path) -> None:
    data = moving_webp(tmp_path / "x.webp", [40] * 20).read_bytes()
    (tmp_path / "x.webp").write_bytes(data[: int(len(data) * share)])
    try:
        with VideoReader(tmp_path / "x.webp") as reader:
            assert 0 < len(list(reader)) < 20
    except ReenactError as error:
        assert "\n" not in str(error) and "x.webp" in str(error)


def test_a_webp_of_too_many_pixels_is_one_line(tmp_path: Path) -> None:
    data = bytearray(moving_webp(tmp_path / "x.webp", [40] * 3).read_bytes())
    data[24:30] = b"\xff\x3f\x00" * 2
    (tmp_path / "x.webp").write_bytes(data)
    with pytest.raises(ReenactError, match="16384 x 16384 pixels are too large"):
        VideoReader(tmp_path / "x.webp")
