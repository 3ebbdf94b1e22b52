"""The profile that the recipe makes: it costs fewer bits at the same error, and survives its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from reenact.calibrate.codec_profile import changes, directions, fit, with_start
from reenact.codec.clip import encode_clip
from reenact.codec.profile import Profile, read_profile
from reenact.core.types import Motion

CODE, HIDDEN = 8, 2


def clips(count: int, seed: int) -> list[np.ndarray]:
    """Pose moves by itself; the code's eight numbers by two hidden ones."""
    mix = np.random.default_rng(9).normal(0, 1, (HIDDEN, CODE))
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        steps = random.normal(0, 0.02, (60, 6 + HIDDEN)) * (random.random((60, 1)) < 0.5)
        path = np.cumsum(steps, 0)
        found.append(np.concatenate([path[:, :6], path[:, 6:] @ mix], 1).astype(np.float32))
    return found


def bits(profile: Profile, rows: np.ndarray, quality: int) -> int:
    motions = [Motion.from_vector(row) for row in rows]
    return 8 * sum(map(len, encode_clip(profile, 0, motions, quality=quality, longest_gap=1)))


def test_a_made_profile_saves_bits_and_keeps_its_error(tmp_path: Path):
    train, test = clips(6, 0), clips(2, 1)
    along = directions(changes(train), 6 + CODE)
    price = (along @ along.T) * 1000.0  # every number costs the same: px^2 for its square
    made = with_start(fit("test", train, along, price), train)
    no_start = fit("test", train, along, price)
    unturned = Profile("test", made.mean, np.eye(6 + CODE), np.full(6 + CODE, float(made.steps[0])), no_start.start)
    spent = [sum(bits(profile, rows, 8) for rows in test) for profile in (made, no_start, unturned)]
    assert spent[0] < 0.9 * spent[1] < spent[2]
    (tmp_path / "motion.onnx").write_bytes(b"weights")
    (tmp_path / "codec.json").write_text(json.dumps(made.as_json()))
    read = read_profile(tmp_path, "test", CODE)
    off = [
        np.abs(read.motion(np.floor(read.coefficients(m, 0) + 0.5), 0).vector() - m.vector())
        for m in map(Motion.from_vector, test[0])
    ]
    assert np.max(off) < 0.002
    assert read.start == made.start


def test_a_number_that_never_moves_is_coded_as_such():
    train = clips(4, 0)
    for rows in train:
        rows[:, 3] = 1  # a method without a scale
    along = directions(changes(train), 6 + CODE)
    made = with_start(fit("test", train, along, (along @ along.T) * 1000.0), train)
    assert np.isfinite(made.steps).all() and (made.steps > 0).all()
    assert abs(made.motion(np.floor(made.coefficients(Motion.from_vector(train[0][0]), 0) + 0.5), 0).scale[0] - 1) < 0.02
