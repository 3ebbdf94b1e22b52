"""A slider is as long as the generator needs it, and no longer than faces bear."""

import json
from pathlib import Path

import numpy as np
import pytest

from reenact.calibrate.sliders import GAIN_MAX, LENGTH_MAX, solve
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import FILE, SLIDERS_FILE, ExpressionMap, SliderResponse
from reenact.runtime.onnx_method import known_methods, weights_folder

JAW, SMILE = BLENDSHAPE_NAMES.index("jawOpen"), BLENDSHAPE_NAMES.index("mouthSmileLeft")
SIZE = 4


def world(share: float, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A generator that shows `share` of the first number of the code as jawOpen and of the second as a smile."""
    random = np.random.default_rng(seed)
    changes = random.normal(0, spread, (400, SIZE))
    asked = changes * 1.2
    arrived = np.zeros((400, 52))
    arrived[:, JAW], arrived[:, SMILE] = share * asked[:, 0], share * asked[:, 1]
    return asked, arrived + random.normal(0, 0.01, arrived.shape), changes


def test_what_arrives_weakly_is_asked_for_more():
    rows = solve(*world(share=0.5, spread=1.0))
    assert rows[JAW, 0] == pytest.approx(2.0, rel=0.05), "half of it arrives"
    assert np.abs(rows[JAW, 1:]).max() < 0.2, "the smile is left alone"
    assert rows.dtype == np.float32 and rows.shape == (52, SIZE)


def test_no_slider_is_longer_than_faces_bear():
    asked, arrived, changes = world(share=0.5, spread=0.1)
    rows = solve(asked, arrived, changes)
    assert np.linalg.norm(rows[JAW]) / 0.1 <= LENGTH_MAX * 1.1 and GAIN_MAX > 1
    assert np.abs(rows[BLENDSHAPE_NAMES.index("cheekPuff")]).max() < 0.7, "what never arrives is not pulled at"


def held(**changes: object) -> str:
    kept = {"schema": "reenact.sliders/1", "weights": "x", "blendshapes": list(BLENDSHAPE_NAMES)}
    return json.dumps(kept | {"code": np.zeros((52, SIZE)).tolist()} | changes)


def test_they_come_back_as_they_were_kept(tmp_path: Path):
    rows = np.arange(52 * SIZE, dtype=np.float32).reshape(52, SIZE) / 8
    assert SliderResponse(rows, "fake", "x").save(tmp_path) == tmp_path / SLIDERS_FILE
    found = SliderResponse.load(tmp_path, SIZE, "x")
    assert found is not None and np.array_equal(found, rows)
    assert SliderResponse.load(tmp_path / "none", SIZE) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "holds no slider response"),
        (held(code=[[1.0]]), "holds no slider response"),
        (held(code=np.full((52, SIZE), np.nan).tolist()), "holds no slider response"),
        (held(weights="y"), "other weights"),
    ],
)
def test_a_bad_file_is_one_line(text: str, says: str, tmp_path: Path):
    (tmp_path / SLIDERS_FILE).write_text(text)
    with pytest.raises(ReenactError, match=says):
        SliderResponse.load(tmp_path, SIZE, "x")


def test_sliders_go_before_the_regression(tmp_path: Path):
    nothing, size = np.zeros(52, np.float32), np.zeros(SIZE, np.float32)
    to_code = np.ones((52, SIZE), np.float32)
    plain = ExpressionMap(to_code, to_code.T.copy(), nothing, size, size, nothing + 1)
    plain.save(tmp_path)
    assert np.array_equal(ExpressionMap.load(tmp_path, SIZE).code({"jawOpen": 1.0}), to_code[JAW])
    SliderResponse(to_code * 3).save(tmp_path)
    both = ExpressionMap.load(tmp_path, SIZE)
    assert np.array_equal(both.code({"jawOpen": 0.5}), to_code[JAW] * 1.5)
    assert both.save(tmp_path).is_file() and np.array_equal(ExpressionMap.load(tmp_path, SIZE).to_code, to_code)


@pytest.mark.parametrize("name", [name for name in known_methods() if (weights_folder() / name / FILE).is_file()])
def test_every_method_with_a_map_ships_them(name: str):
    assert (weights_folder() / name / SLIDERS_FILE).is_file()
