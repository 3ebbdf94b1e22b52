"""Figures are registered once: what they are measured on, which way is better, and everything that shows them."""

import json

import numpy as np
import pytest

from places import ROOT
from reenact.evaluate import metrics
from reenact.evaluate.figures import METRICS, measured
from reenact.evaluate.readings import Reading
from reenact.evaluate.registry import SUMMED, Frame, Metric, metric
from reenact.evaluate.report.tables import best
from reenact.evaluate.results import table
from reenact.faces.pose import HeadFit
from reenact.geometry.rotation import rotation_matrix

SIDE = 256


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((SIDE, SIDE, 3), np.float32)


def reading(seed: int) -> Reading:
    numbers = np.random.default_rng(seed)
    fit = HeadFit(rotation_matrix(np.float32([0.1 * seed, 0, 0])), np.float32(100), np.float32([120, 120, 0]))
    points = numbers.uniform(20, 200, (478, 3)).astype(np.float32)
    shapes = numbers.uniform(0, 0.4, 52).astype(np.float32)
    return Reading(points, shapes, fit, {"sface": numbers.random(128, np.float32)}, None)


@pytest.mark.parametrize("one", METRICS.values(), ids=METRICS)
def test_every_figure_says_what_it_is(one: Metric):
    assert METRICS[one.key] is one and one.label and one.means
    assert format(0.5, one.form) and one.better in ("lower", "higher", "one")
    assert (one.of is None) == (one.needs[0] in SUMMED)
    assert one.better == "one" or one.text.endswith(f"{one.better} is better")
    first = {name.split(".")[0] for name in one.needs} - set(SUMMED)
    assert first <= set(Frame.__dataclass_fields__) | {"ssims", "background"}


def test_a_frame_has_the_figures_that_it_can_have():
    two, three = reading(2), reading(3)
    pictures = {"picture": picture(0), "truth": picture(1)}
    assert measured(Frame(SIDE)) == {}
    assert list(measured(Frame(SIDE, **pictures))) == ["l1", "psnr", "ssim", "ms_ssim"]
    assert list(measured(Frame(SIDE, picture=picture(0), source=picture(1)))) == ["background", "seam"]
    across = measured(Frame(SIDE, found=two, wanted=three))
    assert {"ard", "apd", "aed_exp", "au_agreement", "gaze"} <= across.keys() and not {"akd_mesh", "emotion"} & across.keys()
    same = measured(Frame(SIDE, found=two, wanted=three, person=three, portrait=three))
    assert same.keys() - across.keys() == {"akd_mesh", "akd_68", "aed_id_sface", "csim_sface"}
    assert measured(Frame(SIDE, wanted=three, person=three, portrait=three)) == {}, "no face was drawn"
    assert measured(Frame(SIDE, lpips={"alex": 0.25})) == {"lpips_alex": 0.25}


def test_figures_are_those_of_the_functions():
    two, three = reading(2), reading(3)
    found = measured(Frame(SIDE, picture=picture(0), truth=picture(1), found=two, wanted=three, person=three))
    assert found["l1"] == metrics.l1(picture(0), picture(1)) and found["ssim"] == metrics.ssim(picture(0), picture(1))
    assert found["akd_mesh"] == metrics.akd_mesh(two.landmarks, three.landmarks, SIDE)
    assert found["ard"] == pytest.approx(np.degrees(0.1) / 3, rel=1e-4)


def test_a_figure_is_added_in_one_place():
    try:

        @metric("greyer", "greyer", ".1f", "mean of the picture", better="one", needs="picture", unit="")
        def _greyer(image: np.ndarray) -> float:
            return float(image.mean())

        assert measured(Frame(SIDE, picture=picture(0)))["greyer"] == pytest.approx(0.5, abs=0.01)
        assert "greyer" in table({"x": {"greyer": 0.5, "frames": 1}})
        assert best({"a": 0.5, "b": 0.9}, "greyer") == "b"
        with pytest.raises(ValueError, match="already"):
            metric("greyer", "", "", "", better="one", needs="set")(None)
    finally:
        METRICS.pop("greyer", None)


def test_published_figures_are_known():
    for path in sorted((ROOT / "results").glob("*_val.json")):
        columns = json.loads(path.read_text(encoding="utf-8")).get("clips", {}).get("columns", [])
        unknown = set(columns) - METRICS.keys() - {"clip", "contender", "frames", "target_faces", "found_faces", "fid_frames"}
        assert not unknown, path
