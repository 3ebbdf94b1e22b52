"""The map between blendshapes and codes, and blendshapes over time as a driver."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motions import small_map
from reenact.calibrate.expression_map import RIDGES, drop_old_sliders, fit
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.arkit import coefficient_motion, is_coefficients, read_coefficients
from reenact.motion.expression import PRESETS, ExpressionMap, check_blendshapes


def test_the_fit_finds_a_linear_map_again_whatever_the_person():
    random = np.random.default_rng(0)
    true = random.normal(size=(52, 60)) * 0.3
    shapes = random.random((3000, 52))
    person = np.arange(3000) // 100
    codes = random.normal(size=(30, 60))[person] * 5 + shapes @ true + random.normal(size=(3000, 60)) * 0.01
    found = fit(codes, shapes, person, person >= 25, "m", "w")
    np.testing.assert_allclose(found.map.to_code, true, atol=0.02)
    assert found.code_explained > 0.99 and found.blendshapes_explained.min() > 0.95
    np.testing.assert_allclose(found.map.code({"jawOpen": 0.5}), 0.5 * true[BLENDSHAPE_NAMES.index("jawOpen")], atol=0.02)
    with pytest.raises(ReenactError, match="pool with both"):
        fit(codes, shapes, person, person >= 0)


def test_a_number_of_the_code_that_never_moves_leaves_the_choice_of_the_ridge_as_it_is():
    random = np.random.default_rng(0)
    shapes, clip = random.random((200, 52)) * 0.1, np.arange(200) // 20
    codes = shapes @ random.normal(size=(52, 3)) + random.normal(size=(200, 3)) * 0.2
    plain, still = (fit(np.hstack([codes, rest]), shapes, clip, clip >= 7) for rest in (codes[:, :0], np.ones((200, 1))))
    assert still.ridge == plain.ridge != RIDGES[0]
    np.testing.assert_allclose(still.map.to_code[:, :3], plain.map.to_code, atol=1e-5)


def test_a_map_comes_back_from_its_file(tmp_path: Path):
    made = small_map(weights="abc")
    made.save(tmp_path)
    read = ExpressionMap.load(tmp_path, 4, "abc")
    np.testing.assert_allclose(read.to_code, made.to_code, atol=1e-5)
    np.testing.assert_allclose(read.region("mouth"), made.region("mouth"), atol=1e-5)
    for size, weights, words in ((5, "abc", "no expression map"), (4, "xyz", "other weights")):
        with pytest.raises(ReenactError, match=words):
            ExpressionMap.load(tmp_path, size, weights)
    with pytest.raises(ReenactError, match="calibrate.expression_map"):
        ExpressionMap.load(tmp_path / "none", 4)


def test_eyes_and_mouth_do_not_overlap_where_no_blendshape_does():
    eyes, mouth = (small_map().region(region) for region in ("eyes", "mouth"))
    np.testing.assert_allclose(eyes @ mouth, 0, atol=1e-6)
    np.testing.assert_allclose(np.diag(eyes), [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.diag(mouth), [1, 0, 0, 0], atol=1e-6)


def test_every_named_expression_is_made_of_blendshapes():
    for values in PRESETS.values():
        check_blendshapes(values)
    assert {"smile", "surprise", "blink", "jaw_open"} <= set(PRESETS)


@pytest.mark.parametrize(
    ("values", "words"), [({"jawopen": 1}, "jawOpen"), ({"tongueOut": 1}, "tongue"), ({"jawOpen": 9}, "between")]
)
def test_a_bad_blendshape_is_one_line(values, words):
    with pytest.raises(ReenactError, match=words):
        small_map().code(values)


def test_a_blendshape_that_never_moved_warns():
    with pytest.warns(UserWarning, match="noseSneerLeft"):
        assert not small_map().code({"noseSneerLeft": 1.0}).any()


HEADER = "Timecode,BlendShapeCount,EyeBlinkLeft,EyeBlinkRight,JawOpen,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw"


def live_link(folder: Path, rows: list[str]) -> Path:
    (folder / "take.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return folder / "take.csv"


def test_live_link_face(tmp_path: Path):
    rows = [f"10:00:{i // 30:02d}:{i % 30:02d}.000,61,0.5,0.5,{i / 100},0,0.2,0,-0.1,0" for i in range(90)]
    take = read_coefficients(live_link(tmp_path, rows), small_map())
    assert (take.rate, len(take), take.times[1]) == (30, 90, Fraction(1, 30))
    np.testing.assert_allclose(take.vectors[50], [0.2, 0, -0.1, 1, 0, 0, 0.5, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(take.reference.vector(), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])


def test_a_tongue_that_moves_is_named(tmp_path: Path):
    with pytest.warns(UserWarning, match="tongueOut is left out"):
        read_coefficients(live_link(tmp_path, ["10:00:00:00,61,0,0,0,0.6,0,0,0,0"]), small_map())


def test_our_csv_and_json_say_the_same(tmp_path: Path):
    (tmp_path / "a.csv").write_text("time,jawOpen,yaw\n0,0.1,0\n0.04,0.2,10\n0.08,0.3,20\n")
    frames = [{"jawOpen": 0.1, "yaw": 0}, {"jawOpen": 0.2, "yaw": 10}, {"jawOpen": 0.3, "yaw": 20}]
    (tmp_path / "a.json").write_text(json.dumps({"fps": 25, "frames": frames}))
    takes = [read_coefficients(tmp_path / name, small_map()) for name in ("a.csv", "a.json")]
    np.testing.assert_allclose(takes[0].vectors, takes[1].vectors)
    assert takes[0].times == takes[1].times and takes[0].rate == takes[1].rate == 25
    np.testing.assert_allclose(np.degrees(takes[0].vectors[:, 0]), [0, 10, 20], atol=1e-4)
    assert is_coefficients(tmp_path / "a.csv") and is_coefficients(tmp_path / "a.json")


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig"])
def test_files_of_any_spreadsheet_and_editor_say_the_same(tmp_path: Path, code: str):
    """Semicolons and decimal commas, tabs, the mark that Windows programs put before a text, a list of frames."""
    rows = [("time", "jawOpen", "yaw"), ("0", "0.1", "0"), ("0.04", "0.2", "10")]
    frames = [{"time": float(time), "jawOpen": float(jaw), "yaw": float(yaw)} for time, jaw, yaw in rows[1:]]
    texts = {
        "a.csv": "\n".join(",".join(row) for row in rows),
        "b.csv": "\r\n".join(";".join(row).replace(".", ",") for row in rows),
        "c.csv": "\n".join("\t".join(row) for row in rows),
        "d.json": json.dumps({"frames": frames}),
        "e.json": json.dumps(frames),
    }
    takes = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding=code, newline="")
        assert is_coefficients(tmp_path / name)
        takes.append(read_coefficients(tmp_path / name, small_map()))
    for take in takes[1:]:
        np.testing.assert_array_equal(take.vectors, takes[0].vectors)
        assert take.times == takes[0].times


BAD = {
    "empty.csv": "",
    "names.csv": "time,jawOpen\n",
    "foreign.csv": "time,price\n0,1\n",
    "untimed.csv": "jawOpen\n0.1\n",
    "word.csv": "time,jawOpen\n0,wide\n",
    "hole.csv": "time,jawOpen\n0,0.1\n0.1\n",
    "percent.csv": "time,jawOpen\n0,40\n",
    "back.csv": "time,jawOpen\n1,0.1\n0,0.1\n",
    "degrees.csv": "Timecode,JawOpen,HeadYaw\n00:00:00:00,0.1,12\n",
    "code.csv": "Timecode,JawOpen\nnow,0.1\n",
    "list.json": "[]",
    "rate.json": '{"frames": [{"jawOpen": 1}]}',
    "zero.json": '{"fps": 0, "frames": [{"jawOpen": 1}]}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_blendshapes_is_one_line(tmp_path: Path, name: str):
    (tmp_path / name).write_text(BAD[name])
    with pytest.raises(ReenactError) as caught:
        read_coefficients(tmp_path / name, small_map())
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_one_face_of_coefficients_is_the_same_motion_as_its_row_of_a_file(tmp_path: Path):
    (tmp_path / "a.csv").write_text("time,jawOpen,yaw\n0,0.2,10\n0.1,0.5,-20\n", encoding="utf-8")
    values = np.zeros(52, np.float32)
    values[BLENDSHAPE_NAMES.index("jawOpen")] = 0.5
    made = coefficient_motion(values, np.float32([np.radians(-20), 0, 0]), small_map())
    np.testing.assert_allclose(made.vector(), read_coefficients(tmp_path / "a.csv", small_map()).vectors[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("held", "kept"), [('{"weights": "these"}', True), ('{"weights": "others"}', False), ("[]", False), ("{", False)]
)
def test_a_new_map_takes_other_weights_sliders_away(tmp_path, held, kept):
    """No map is read beside sliders of other weights, so nothing could be measured anew."""
    (tmp_path / "sliders.json").write_text(held)
    drop_old_sliders(tmp_path, "these")
    assert (tmp_path / "sliders.json").exists() == kept
