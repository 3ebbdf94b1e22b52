"""Takes: what is recorded is what is replayed, and what is no take says so in one line."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from motions import STILL
from reenact.core.errors import ReenactError
from reenact.motion.takes import SCHEMA, Take, single

RATE = Fraction(30000, 1001)


def take(count: int = 5, reference=None) -> Take:
    vectors = np.random.default_rng(3).normal(size=(count, 10)).astype(np.float32)
    vectors[:, 3] = 1.1
    faces = np.arange(count) != 2
    return Take("mmfa", "0123456789abcdef", RATE, tuple(i / RATE for i in range(count)), vectors, faces, reference)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("reference", [None, STILL])
def test_a_round_trip_keeps_everything(tmp_path: Path, suffix: str, reference):
    made = take(reference=reference)
    made.save(tmp_path / f"take{suffix}")
    read = Take.load(tmp_path / f"take{suffix}")
    assert (read.method, read.weights, read.rate, read.times) == (made.method, made.weights, made.rate, made.times)
    np.testing.assert_allclose(read.vectors, made.vectors, rtol=1e-6)
    np.testing.assert_array_equal(read.faces, made.faces)
    assert (read.reference is None) == (reference is None)
    assert [path.name for path in tmp_path.iterdir()] == [f"take{suffix}"]
    if suffix == ".npz":
        np.testing.assert_array_equal(read.vectors, made.vectors)


def test_a_take_that_a_windows_editor_saved_is_read(tmp_path: Path):
    take().save(tmp_path / "take.json")
    text = (tmp_path / "take.json").read_text(encoding="utf-8")
    (tmp_path / "take.json").write_text(text, encoding="utf-8-sig")
    assert len(Take.load(tmp_path / "take.json")) == 5


def test_one_motion_is_a_take_of_one_frame(tmp_path: Path):
    single(STILL, "mmfa", "").save(tmp_path / "one.json")
    np.testing.assert_array_equal(Take.load(tmp_path / "one.json").motion(0).vector(), STILL.vector())


def test_frames_at_another_rate_and_in_a_range():
    made = take(6)
    assert len(list(made.frames())) == 6
    assert [motion is None for motion in made.frames()] == [False, False, True, False, False, False]
    doubled = [motion for motion in made.frames(2 * RATE)]
    assert len(doubled) == 12
    np.testing.assert_array_equal(doubled[2].vector(), made.vectors[1])
    part = list(made.frames(RATE, 3 / RATE, 5 / RATE))
    np.testing.assert_array_equal([motion.vector() for motion in part], made.vectors[3:5])
    with pytest.raises(ReenactError, match="`start`"):
        list(made.frames(None, Fraction(9)))


def test_another_method_and_other_weights():
    made = take()
    made.check("mmfa", "0123456789abcdef", 4)
    made.check("mmfa", "", 4)
    for wrong, words in (
        (("sfd", "x", 4), "sfd"),
        (("mmfa", "fedcba9876543210", 4), "other weights"),
        (("mmfa", "", 5), "other weights"),
    ):
        with pytest.raises(ReenactError, match=words):
            made.check(*wrong)


def _json(**changes) -> bytes:
    good = {
        "schema": SCHEMA, "method": "mmfa", "weights": "", "rate": "25", "reference": None,
        "frames": [{"time": "0", "face": True, "motion": [0, 0, 0, 1, 0, 0, 0.5]}],
    }  # fmt: skip
    return json.dumps({**good, **changes}).encode()


FRAME = {"time": "0", "face": True, "motion": [0, 0, 0, 1, 0, 0, 0.5]}
BAD = {
    "empty.json": b"",
    "text.json": b"hello",
    "list.json": b"[]",
    "schema.json": _json(schema="reenact.take/99"),
    "none.json": _json(frames=[]),
    "short.json": _json(frames=[{**FRAME, "motion": [0, 0, 0]}]),
    "nan.json": _json(frames=[{**FRAME, "motion": [0, 0, 0, 1, 0, 0, float("nan")]}]),
    "scale.json": _json(frames=[{**FRAME, "motion": [0, 0, 0, 0, 0, 0, 0]}]),
    "blind.json": _json(frames=[{**FRAME, "face": False}]),
    "time.json": _json(frames=[FRAME, FRAME]),
    "rate.json": _json(rate="1/0"),
    "fast.json": _json(rate="1e9"),
    "deep.json": b"[" * 100_000,
    "text.npz": b"hello",
    "pickle.npz": pickle.dumps({"a": 1}),
    "take.csvx": b"a,b",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_take_says_so_in_one_line(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(ReenactError) as caught:
        Take.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_object_array_is_never_unpickled(tmp_path: Path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "trap.npz", head=np.array([Trap()], object), times=np.array([]), motions=np.array([]), faces=np.array([]))
    with pytest.raises(ReenactError, match="no take"):
        Take.load(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


@settings(max_examples=60)
@example(971, 1, False)  # says that it is encrypted
@given(st.integers(0, 2000), st.integers(1, 255), st.booleans())
def test_a_flipped_or_cut_file_never_crashes(tmp_path_factory, at: int, flip: int, cut: bool):
    path = tmp_path_factory.mktemp("damage") / "take.npz"
    take().save(path)
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at] ^= flip
    path.write_bytes(data[:at] if cut else data)
    try:
        assert isinstance(Take.load(path), Take)
    except ReenactError as error:
        assert "\n" not in str(error)


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(ReenactError, match="folder does not exist"):
        take().save(tmp_path / "none" / "take.npz")
    with pytest.raises(ReenactError, match="npz or .json"):
        take().save(tmp_path / "take.pkl")


@pytest.mark.parametrize(
    ("rate", "times", "motions"),
    [
        (25, (0, 1), [STILL]),
        (25, (), []),
        (25, (0,), [None]),
        (0, (0,), [STILL]),
        ("x", (0,), [STILL]),
        (25, (1, 0), [STILL, STILL]),
        (25, (-1,), [STILL]),
        (25, (0,), ["x"]),
        (25, (0, 1), [STILL, STILL.replace(expression=np.zeros(9, np.float32))]),
    ],
)
def test_what_makes_no_take_is_said_before_it_is_saved(rate, times, motions):
    with pytest.raises(ReenactError) as caught:
        Take.of("mmfa", "", rate, times, motions)
    assert "\n" not in str(caught.value)


def test_a_take_of_floats_is_exact_and_survives_its_file(tmp_path: Path):
    made = Take.of("mmfa", "", 29.97, [0.0, 1 / 3], [STILL, STILL])
    assert made.rate == Fraction(2997, 100) and made.times == (0, Fraction(1, 3))
    made.save(tmp_path / "take.npz")
    assert Take.load(tmp_path / "take.npz") == made


@pytest.mark.parametrize("rate", [-1, 0, Fraction(-25), float("nan"), float("inf"), 10**9, "25", True])
def test_what_is_no_rate_is_one_line(rate):
    for asked in (take().count, lambda rate: list(take().frames(rate))):
        with pytest.raises(ReenactError, match="a take's rate must lie between 0.1 and 1000") as caught:
            asked(rate)
        assert "\n" not in str(caught.value)
