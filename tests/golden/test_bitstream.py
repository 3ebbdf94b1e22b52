"""The format: golden bytes, a second decoder written from docs/bitstream.md, bad files, and the commands around it."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import bitstream_spec
from clips import face, moving_face, read_clip, scenery, write_clip
from fake_method import write_fake_method
from reenact.cli import app
from reenact.codec.call import Call
from reenact.codec.clip import encode_clip, play
from reenact.codec.container import Header, pack_portrait, read_frames, read_packets, unpack_portrait, write_call
from reenact.codec.profile import read_profile, with_gaze
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.runtime.onnx_method import weights_folder

GOLDEN = bytes.fromhex(
    "524e435401060008e6fcb17300007530000003e90000000800000000676f6c64656eee9826d000749eaa692a7b31a69cd0c6840b8a8800f2f9719da2056aff0230f36c835769d3236ef25200"
)
GOLDEN_SHA256 = "979678bf0fb67f57db895651b31e0d97779f0a035a685ce5f19a90e5b2aed1b2"
GOLDEN_GAZE_SHA256 = "60c1ba629d3538474310a8338cec8f2dc99694832a4f704ca84d29a278991b94"
WEIGHTS = weights_folder() / "mmfa"


def steady(frames: int, length: int) -> list[Motion]:
    """Motions without random numbers or transcendental functions: still, a ramp, a jump, a zigzag, sixteenths all of them."""
    rows = []
    for at in range(frames):
        ramp, zigzag, jump = min(max(at - 3, 0), 9), at % 3 - 1, 40 * (at > 15)
        rows.append([(ramp * (i % 3) + zigzag * (i % 2) + jump * (i == length - 1)) / 16 for i in range(length)])
    return [Motion.from_vector(np.float32(row)) for row in rows]


@pytest.fixture(scope="module")
def golden_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    (folder / "motion.onnx").write_bytes(b"golden")
    return folder


def written(folder: Path, method: str, motions: list[Motion], **options) -> bytes:
    profile = read_profile(folder, method, len(motions[0].expression))
    header = replace(Header.of(profile, Fraction(30000, 1001)), frames=len(motions))
    return write_call(header, encode_clip(profile, header.tag, motions, **options))


def test_golden_bytes(golden_folder: Path):
    """Version 1 stays what it is: a change here is a new version, with a reader for the old one."""
    data = written(golden_folder, "golden", steady(8, 8), quality=20)
    assert data.hex() == GOLDEN.hex()
    long = written(golden_folder, "golden", steady(300, 9), quality=11, key_interval=90)
    assert hashlib.sha256(long).hexdigest() == GOLDEN_SHA256


@pytest.mark.parametrize(("quality", "gap"), [(0, 1), (7, 4), (19, 31), (31, 2)])
def test_second_decoder_agrees(golden_folder: Path, quality: int, gap: int):
    motions = steady(150, 10)
    data = written(golden_folder, "golden", motions, quality=quality, longest_gap=gap, key_interval=70)
    check_agreement(data, golden_folder, "golden", 4, 150)


def test_second_decoder_agrees_on_the_shipped_profile():
    length = 6 + json.loads((WEIGHTS / "config.json").read_text())["expression_size"]
    random = np.random.default_rng(0)
    rows = np.cumsum(random.normal(0, 0.02, (80, length)), 0) + read_profile(WEIGHTS, "mmfa", length - 6).mean
    data = written(WEIGHTS, "mmfa", [Motion.from_vector(row) for row in np.float32(rows)], quality=9)
    check_agreement(data, WEIGHTS, "mmfa", length - 6, 80)


def check_agreement(data: bytes, folder: Path, method: str, code: int, frames: int) -> None:
    header, at = Header.read(data)
    ours = list(play(read_frames(read_profile(folder, method, code), header, data, at), header.frames))
    theirs = bitstream_spec.decode(data, folder)
    assert len(ours) == len(theirs) == frames
    assert np.allclose([motion.vector() for motion in ours], theirs, atol=1e-5, rtol=1e-5)


def test_second_decoder_agrees_on_a_gaze(golden_folder: Path):
    looks = [np.tile(np.float32([(at % 7 - 3) / 16, at / 1024]), (2, 1)) for at in range(80)]
    motions = [motion.replace(gaze=look) for motion, look in zip(steady(80, 10), looks, strict=True)]
    profile = with_gaze(read_profile(golden_folder, "golden", 4))
    header = replace(Header.of(profile, Fraction(25)), frames=80)
    data = write_call(header, encode_clip(profile, header.tag, motions, quality=3))
    assert hashlib.sha256(data).hexdigest() == GOLDEN_GAZE_SHA256
    ours = list(play(read_frames(profile, header, data, len(header.to_bytes())), 80))
    rows = [np.concatenate([motion.vector(), motion.gaze[1]]) for motion in ours]  # type: ignore[index]
    assert np.allclose(rows, bitstream_spec.decode(data, golden_folder, 4), atol=1e-5, rtol=1e-5)
    away = [np.abs(motion.gaze - look).max() for motion, look in zip(ours, looks, strict=True)]  # type: ignore[operator]
    assert max(away) < 0.01
    with pytest.raises(ReenactError):
        header.check(read_profile(golden_folder, "golden", 6)), "the same length, and no gaze in it"


def test_shipped_profile_fits_the_shipped_weights():
    """After new weights: python -m reenact.calibrate.codec_profile (it is in docs/bitstream.md)."""
    noted = json.loads((WEIGHTS / "codec.json").read_text())["motion_sha256"]
    assert noted == hashlib.sha256((WEIGHTS / "motion.onnx").read_bytes()).hexdigest()


def parsed(data: bytes, folder: Path) -> int:
    """How many frames the bytes give; ReenactError for what is no good call."""
    header, at = Header.read(data)
    return sum(1 for _ in play(read_frames(read_profile(folder, "golden", 2), header, data, at), 0))


def test_each_cut_and_each_flipped_byte_is_one_clear_error(golden_folder: Path):
    data = written(golden_folder, "golden", steady(8, 8), quality=20)
    for end in range(len(data)):
        with pytest.raises(ReenactError) as error:
            parsed(data[:end], golden_folder)
        assert "\n" not in str(error.value)
    passed = 0
    for at in range(len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            try:
                parsed(bytes(bad), golden_folder)
                passed += 1
            except ReenactError as error:
                assert "\n" not in str(error)
    assert passed == 0, "one packet, a key packet: no single bit passes"


def test_newer_version_and_other_weights_say_so(golden_folder: Path, tmp_path: Path):
    data = bytearray(written(golden_folder, "golden", steady(8, 8), quality=20))
    (tmp_path / "motion.onnx").write_bytes(b"other")
    with pytest.raises(ReenactError, match="other weights"):
        parsed(bytes(data), tmp_path)
    header, at = Header.read(bytes(data))
    with pytest.raises(ReenactError, match="method golden, not another: use `method` golden"):
        header.check(read_profile(golden_folder, "another", 2))
    data[4] = 2
    with pytest.raises(ReenactError, match="format is 2, this program reads 1: install the latest"):
        parsed(bytes(data), golden_folder)


@given(st.binary(max_size=80), st.binary(max_size=40), st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_any_file_ends_well(golden_folder: Path, tail: bytes, middle: bytes, at: int):
    data = written(golden_folder, "golden", steady(8, 8), quality=20)
    for file in (tail, data[:5] + tail, data[: at + 30] + middle + tail, data[:at] + middle + data[at + len(middle) :]):
        try:
            assert parsed(file, golden_folder) <= 1 << 12
        except ReenactError as error:
            assert "\n" not in str(error)


def test_portrait_travels():
    picture = face(300)
    packed = pack_portrait(picture)
    assert len(packed) < 20_000
    back = unpack_portrait(packed)
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture).mean() < 4
    with pytest.raises(ReenactError, match="portrait"):
        unpack_portrait(packed[:50])


@pytest.mark.parametrize("side", [5000, 30_000])
def test_a_portrait_that_claims_to_be_huge_is_refused(side: int):
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    with pytest.raises(ReenactError, match="too large"):
        unpack_portrait(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    from PIL import Image as PILImage

    folder = tmp_path_factory.mktemp("shared")
    PILImage.fromarray(face()).save(folder / "face.png")
    write_clip(folder / "clip.mp4", moving_face(5), audio=True)
    write_clip(folder / "empty.mp4", [scenery()] * 3)
    fake = str(write_fake_method(folder / "fake"))
    names = {"here": str(folder), "face": str(folder / "face.png"), "clip": str(folder / "clip.mp4"), "fake": fake}
    names["call"] = str(folder / "call.rnct")
    names["empty"] = str(folder / "empty.mp4")
    done = run(names, "encode {clip} -o {call} --portrait {face} --method {fake} --device cpu --quality 0")
    assert done.exit_code == 0, done.output
    return names


def run(names: dict[str, str], line: str):
    return CliRunner().invoke(app, [part.format(**names) for part in line.split()])


@pytest.mark.parametrize("portrait", ["{face} ", ""])
def test_commands_give_back_the_animation(shared: dict[str, str], tmp_path: Path, portrait: str):
    names = {**shared, "out": str(tmp_path / "out.mp4"), "whole": str(tmp_path / "whole.mp4")}
    done = run(names, f"decode {portrait}{{call}} -o {{out}} --method {{fake}} --device cpu --sound {{clip}}")
    assert done.exit_code == 0, done.output
    assert read_clip(tmp_path / "out.mp4") == (5, Fraction(25), (256, 256))
    assert run(names, "animate {face} {clip} -o {whole} --method {fake} --device cpu").exit_code == 0
    ours, theirs = (np.array(list(pictures(tmp_path / name)), int) for name in ("out.mp4", "whole.mp4"))
    assert np.abs(ours - theirs).mean() < (1.5 if portrait else 6)


def test_a_call_is_followed_as_much_as_is_asked_for(shared: dict[str, str], tmp_path: Path):
    spread = {}
    for strength in ("0", "1", "2"):
        out = tmp_path / f"{strength}.mp4"
        line = (
            f"decode {{face}} {{call}} -o {out} --strength {strength} --reference first --smooth 0 --method {{fake}} --device cpu"
        )
        assert (done := run(shared, line)).exit_code == 0, done.output
        means = [picture.mean() for picture in pictures(out)]
        spread[strength] = max(means) - min(means)
    assert spread["0"] < 0.5 < 1.6 * spread["1"] < spread["2"]


def pictures(path: Path):
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def test_inspect_adds_up(shared: dict[str, str]):
    done = run(shared, "inspect {call} --json --method {fake}")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    kbps = dict(found["kbps"])
    assert kbps.pop("total") == pytest.approx(sum(kbps.values()), abs=0.01)
    assert found["frames"] == 5 and found["key_packets"] == 1 and found["portrait_bytes"] > 500
    opened = Call.open(shared["call"])
    assert kbps["expression"] > 0 and len(opened.data) - opened.begin > 5
    assert "kbit/s" in run(shared, "inspect {call} --method {fake}").output


Damage = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("decode {face} {here}/none.rnct -o {here}/x.mp4", "no such file"),
        ("decode {face} {clip} -o {here}/x.mp4", "not a reenact call"),
        ("decode {face} {here}/stub.rnct -o {here}/x.mp4 --method {fake}", "cut off before its end: copy the file again"),
        ("decode {face} {here}/flip.rnct -o {here}/x.mp4 --method {fake}", "damaged: copy the file again"),
        ("decode {face} {here}/newer.rnct -o {here}/x.mp4 --method {fake}", "format is 2"),
        ("decode {face} {call} -o {here}/x.mp4 --method mmfa", "made with method fake, not mmfa"),
        ("decode {face} {call} -o {here}/x.mp4", "unknown method 'fake'"),
        ("decode {face} {call} -o {call}", "also an input"),
        ("decode {face} {call} -o {here}/x.mp4 --method {fake} --motion odd", "unknown motion"),
        ("decode {face} {call} -o {here}/x.mp4 --method {fake} --strength 9", "--strength"),
        ("decode {face} {call} -o {here}/x.mp4 --method {fake} --lock chin", "chin"),
        ("decode {face} {call} -o {here}/x.mp4 --method {fake} --renderer quick", "choose one of auto, full, fast"),
        ("decode {face} {call} -o {here}/x.mp4 --method {fake} --renderer fast", "no fast renderer"),
        ("encode {here}/none.mp4 -o {here}/y.rnct", "no such file"),
        ("encode {clip} -o {here}/missing/y.rnct", "folder does not exist"),
        ("encode {clip} -o {clip}", "also an input"),
        ("encode {empty} -o {here}/y.rnct --method {fake} --device cpu", "no face found"),
        ("encode {clip} -o {here}/y.rnct --target-kbps 0", "--target-kbps must lie"),
        ("encode {clip} -o {here}/y.rnct --quality 32", "--quality must lie"),
        ("encode {clip} -o {here}/y.rnct --longest-gap 0", "--longest-gap must lie"),
        ("encode {clip} -o {here}/y.rnct --portrait {here}/none.jpg", "no such file"),
        ("inspect {face}", "not a reenact call"),
    ],
)
def test_bad_input_is_one_line_and_no_file(shared: dict[str, str], line: str, message: str):
    data = Path(shared["call"]).read_bytes()
    here = Path(shared["here"])
    (here / "stub.rnct").write_bytes(data[: Call.open(shared["call"]).begin + 3])
    (here / "flip.rnct").write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    (here / "newer.rnct").write_bytes(data[:4] + b"\2" + data[5:])
    done = run(shared, line)
    assert done.exit_code == 2, done.output
    error = done.stderr.strip().splitlines()
    assert len(error) == 1 and message in error[0]
    assert not [path for path in here.iterdir() if path.name in ("x.mp4", "y.rnct") or path.name.endswith(".part")]
    assert Path(shared["call"]).read_bytes() == data


def test_a_call_that_is_cut_off_is_played_as_far_as_it_goes(shared: dict[str, str], tmp_path: Path):
    call, cut = tmp_path / "call.rnct", tmp_path / "cut.rnct"
    made = run(shared, f"encode {{clip}} -o {call} --key-seconds 0.04 --longest-gap 1 --method {{fake}} --device cpu")
    assert made.exit_code == 0, made.output
    data = call.read_bytes()
    packets = list(read_packets(data, Call.open(call).begin))
    assert len(packets) > 2
    cut.write_bytes(data[: -len(packets[-1]) // 2 - 1])
    done = run(shared, f"inspect {cut} --json --method {{fake}}")
    whole = json.loads(run(shared, f"inspect {call} --json --method {{fake}}").output)
    assert done.exit_code == 0 and f"warning: {cut}: the call is cut off" in done.stderr
    found = json.loads(done.stdout)
    assert 0 < found["frames"] < whole["frames"] and found["packets"] == whole["packets"] - 1
    made = run(shared, f"decode {{face}} {cut} -o {tmp_path / 'x.mp4'} --method {{fake}} --device cpu")
    assert made.exit_code == 0 and (tmp_path / "x.mp4").exists(), made.output
    assert f"{found['frames']} frames" in made.stderr + made.stdout
    cut.write_bytes(data[:-1])  # but for the end mark all is there
    assert json.loads(run(shared, f"inspect {cut} --json --method {{fake}}").stdout)["packets"] == whole["packets"]
