"""Judges that taught nothing here: a second landmarker and its pose, DISTS, an expression network; and how sure means are."""

import json
from pathlib import Path

import numpy as np
import pytest

from places import EXAMPLES
from reenact.evaluate import command, intervals, landmarks106
from reenact.evaluate.baselines import still, true_video
from reenact.evaluate.command import Options
from reenact.evaluate.face_api import read_weights
from reenact.evaluate.figures import METRICS, measured
from reenact.evaluate.landmarks106 import RIGID, Landmarks106, Outline, akd_106, expression_series, likeliest, outline
from reenact.evaluate.motion_slopes import FRAMES_MIN, KINDS, slope_sums
from reenact.evaluate.protocols import Item
from reenact.evaluate.readings import Reading
from reenact.evaluate.registry import TRUTH, Frame, headlines
from reenact.evaluate.report.tables import tables
from reenact.evaluate.results import HEADLINES, TAUGHT, table
from reenact.evaluate.runner import Outcome
from reenact.evaluate.shots import Shot
from reenact.evaluate.systems import System, systems
from reenact.evaluate.tally import Tally
from reenact.faces.pose import HeadFit
from reenact.geometry.rotation import rotation_matrix

TEACHERS = ("found.landmarks", "found.blendshapes", "found.fit", "identity.sface", "lpips.alex")


def points(head_pose: tuple[float, float, float] = (0, 0, 0), scale: float = 120) -> np.ndarray:
    """106 points of a head turned by this: the rigid ones where the table has them, the others somewhere on the face."""
    places = np.random.default_rng(0).uniform(-0.3, 0.3, (106, 3))
    places[list(RIGID)] = list(RIGID.values())
    turned = places @ rotation_matrix(np.array(head_pose, float)).T * scale + [128, 120, 0]
    return turned[:, :2].astype(np.float32)


@pytest.mark.parametrize("head_pose", [(0, 0, 0), (0.5, 0, 0), (0, -0.3, 0), (0, 0, 0.4), (-0.4, 0.2, -0.3)])
def test_the_pose_of_106_points_is_the_heads(head_pose):
    face = outline(points(head_pose))
    np.testing.assert_allclose(face.head_pose, head_pose, atol=2e-3)


def test_the_rigid_points_are_alike_on_both_sides():
    places = np.array(list(RIGID.values()))
    mirrored = sorted(map(tuple, (places * [-1, 1, 1] + 0.0).round(3).tolist()))
    assert mirrored == sorted(map(tuple, (places + 0.0).round(3).tolist()))
    assert places[list(RIGID).index(86), 2] == places[:, 2].max(), "the nose's tip is nearest"


def test_akd_106_is_a_mean_distance():
    face = outline(points())
    moved = Outline(face.points + np.float32([3, 4]), face.head_pose)
    assert akd_106(face, moved) == pytest.approx(5.0)
    assert akd_106(face, moved, side=512) == pytest.approx(2.5)


def test_the_detectors_grid_is_read_row_by_row():
    stride = 16
    cells = landmarks106.DETECTOR_SIDE // stride
    score, reach = np.zeros(cells * cells * 2), np.zeros((cells * cells * 2, 4))
    place = (3 * cells + 5) * 2 + 1  # row 3, column 5, second anchor
    score[place], reach[place] = 0.9, (1, 2, 3, 4)
    found, box = likeliest(score, reach, stride)
    assert found == 0.9
    np.testing.assert_allclose(box, np.array([5 - 1, 3 - 2, 5 + 3, 3 + 4]) * stride)


def opened(mouth: float, pitch: float, lids: float = 5.0) -> Outline:
    base = points()
    base[landmarks106.LIPS[0]], base[landmarks106.LIPS[1]] = (128, 150), (128, 150 + mouth)
    for outer, inner, upper, lower in landmarks106.EYES:
        middle = (base[outer] + base[inner]) / 2
        base[upper], base[lower] = middle - [0, lids], middle + [0, lids]
    return Outline(base, np.float32([0, pitch, 0]))


def test_slopes_say_how_far_a_mouth_follows():
    gaps = np.abs(np.sin(np.arange(12))) * 20
    pitches = np.cos(np.arange(12) * 1.7) * 0.2
    wanted = [opened(gap, pitch) for gap, pitch in zip(gaps, pitches, strict=True)]
    half = [opened(3 + gap / 2, pitch) for gap, pitch in zip(gaps, pitches, strict=True)]
    sums = slope_sums(list(zip(half, wanted, strict=True)))
    tally = Tally(frames=12)
    tally.add(sums)
    report = tally.report()
    assert report["slope_mouth"] == pytest.approx(0.5, abs=1e-3)
    assert not {"slope_mouth_cov", "slope_mouth_var"} & report.keys()
    tally.merge(tally)  # another clip like it
    assert tally.report()["slope_mouth"] == pytest.approx(0.5, abs=1e-3)
    assert slope_sums(list(zip(half, wanted, strict=True))[: FRAMES_MIN - 1]) == {}
    assert {f"slope_{kind}" for kind in KINDS} <= METRICS.keys()


def test_what_pitch_explains_is_no_motion():
    pitches = np.linspace(-0.2, 0.2, 12)
    nodding = [opened(10 + 20 * pitch, pitch) for pitch in pitches]
    sums = slope_sums(list(zip(nodding, nodding, strict=True)))
    assert sums["slope_mouth_var"] == pytest.approx(0, abs=1e-9)
    assert expression_series(opened(12, 0))[0] > expression_series(opened(4, 0))[0]


def test_a_headline_reads_no_network_that_taught():
    for one in METRICS.values():
        if any(need.startswith(TEACHERS) or need.endswith(TEACHERS) for need in one.needs):
            assert one.taught, f"{one.key} is read by a loss's or a teacher's network and does not say so"
    first, second = headlines(METRICS)
    assert {"lpips_vgg", "dists", "fid", "akd_106", "ard_106", "csim_arcface", "emotion", "emotion_api", "slope_lids"} <= set(
        first
    )
    assert {"lpips_alex", "akd_mesh", "ard", "aed_exp", "csim_sface", "l1", "jitter_ratio"} <= set(second)


def test_tables_part_judges_from_teachers():
    mean = {"a": {"lpips_vgg": 0.2, "lpips_alex": 0.1, "frames": 3}}
    text = table(mean, {"a": {"lpips_vgg": [0.15, 0.25]}})
    assert text.index(HEADLINES) < text.index("LPIPS-VGG") < text.index(TAUGHT) < text.index("LPIPS-Alex")
    assert "0.2000 [0.1500, 0.2500]" in text
    assert HEADLINES not in table({"a": {"lpips_vgg": 0.2, "frames": 3}})
    page = tables(
        {
            "mean": {TRUTH: {"dists": 0.0}, "a": {"dists": 0.10}, "b": {"dists": 0.12}, "c": {"dists": 0.3}},
            "intervals": {"a": {"dists": [0.08, 0.11]}},
            "ties": {"dists": ["a", "b"]},
        }
    )
    assert page.count('class="best"') == 2 and "the true video" in page and "0.0800 to 0.1100" in page


def tally(**figures: tuple[float, int]) -> Tally:
    return Tally(sums={k: total for k, (total, _) in figures.items()}, counts={k: count for k, (_, count) in figures.items()})


def test_intervals_hold_the_mean_and_tell_methods_apart():
    numbers = np.random.default_rng(1)
    clips = []
    for value in numbers.uniform(0.1, 0.3, 13):
        better, worse, same = value, value + 0.02, value + numbers.normal(0, 0.01)
        names = {"better": better, "worse": worse, "same": same}
        clips.append({name: tally(dists=(figure * 10, 10)) for name, figure in names.items()})
    draws = intervals.resampled(clips)
    spans = intervals.intervals(draws)
    means = {name: {"dists": float(np.mean([clip[name].sums["dists"] / 10 for clip in clips]))} for name in clips[0]}
    for name, figures in means.items():
        low, high = spans[name]["dists"]
        assert low < figures["dists"] < high
    ties = intervals.tied(draws, means, list(means))["dists"]
    assert set(ties) == {"better", "same"}, "paired: .02 more in each clip is told apart within clips that differ by .2"
    assert intervals.resampled(clips[:2]) == {}


def test_intervals_weigh_clips_by_their_frames_and_keep_ratios():
    clips = [{"a": tally(jitter=(2.0, 1), jitter_driver=(1.0, 1))}, {"a": tally(jitter=(20.0, 10), jitter_driver=(10.0, 10))}] * 2
    draws = intervals.resampled(clips, 50)
    np.testing.assert_allclose(draws["a"]["jitter_ratio"], 2.0)
    assert intervals.resampled(clips, 50)["a"].keys() == {"jitter_ratio"}


def test_pairs_of_one_driver_are_drawn_together():
    """Four pairs a driver that are copies of one another say no more than one, and the interval is no narrower."""
    values = np.random.default_rng(1).uniform(0.1, 0.3, 13)
    once = [{"a": tally(dists=(value * 10, 10))} for value in values]
    pairs, drivers = [clip for clip in once for _ in range(4)], [str(i) for i in range(13) for _ in range(4)]
    wanted = intervals.intervals(intervals.resampled(once))["a"]["dists"]
    found = intervals.intervals(intervals.resampled(intervals.by_driver(pairs, drivers)))["a"]["dists"]
    alone = intervals.intervals(intervals.resampled(pairs))["a"]["dists"]
    assert found == wanted and alone[1] - alone[0] < 0.7 * (wanted[1] - wanted[0])
    assert intervals.resampled(intervals.by_driver(pairs[:8], drivers[:8])) == {}, "of two drivers nothing is said"


def test_what_drives_a_pair():
    def item(driving: str) -> Item:
        return Item("x", Shot(Path("a.png")), Path(driving), None)

    assert item("val/a.mp4").driver == item("val/a.mp4").driver != item("val/b.mp4").driver
    assert item("m03_i001.mp4").driver == item("m03_i002.mp4").driver != item("m04_i001.mp4").driver


def test_the_report_draws_drivers():
    """Two pairs of each of two drivers are two, too few for an interval."""
    options, outcome = Options(("still",), Path("."), "cross", Path("x.json")), Outcome({"still": tally(dists=(1.0, 4))}, {})
    for drivers, known in ((["a", "a", "b", "b"], False), (["a", "b", "c", "d"], True)):
        report = command._report(options, (), ["x"], list("1234"), drivers, [outcome] * 4)
        assert bool(report["intervals"]) == known


def test_a_run_goes_on_with_its_own_code_only(monkeypatch: pytest.MonkeyPatch):
    options = Options(("still",), Path("."), "self", Path("x.json"))
    found = []
    for text in ("abc", "abc+changes", "abc"):
        monkeypatch.setattr(command, "commit", lambda text=text: text)
        found.append(command._fingerprint(options, (), [], "f32"))
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize(("only", "left"), [("a,c*", ["a", "cat"]), ("b", ["b"]), ("?", ["a", "b"])])
def test_controls_patterns_are_of_names_without_an_ending(tmp_path: Path, only: str, left: list[str]):
    for name in ("a", "b", "cat"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    options = Options(("mmfa",), tmp_path, "control", tmp_path / "x.json", only=only)
    shots, _ = command._control(options, (System("mmfa", "mmfa", None),))
    assert [shot.path.stem for shot in shots] == left


def test_weights_as_bytes():
    entries = [
        {"name": "a", "shape": [2], "dtype": "float32"},
        {"name": "b", "shape": [1, 3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
    ]
    data = np.float32([1, -2]).tobytes() + bytes([0, 2, 4])
    read = read_weights(json.dumps([{"weights": entries}]), data)
    assert read["a"].tolist() == [1, -2] and read["b"].tolist() == [[-1, 0, 1]]
    with pytest.raises(ValueError, match="left over"):
        read_weights(json.dumps([{"weights": entries}]), data + b"x")
    entries[0]["dtype"] = "int64"
    with pytest.raises(ValueError, match="unknown type"):
        read_weights(json.dumps([{"weights": entries}]), data)


def test_the_true_video_is_a_row_of_its_own():
    assert [one.name for one in systems(("still", TRUTH))] == [TRUTH, "still"]
    source, driving = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)
    assert true_video(source, None)(driving, None) is driving and still(source, None)(driving, None) is source


def reading(face: Outline | None) -> Reading:
    fit = HeadFit(rotation_matrix(np.float32([0.1, 0, 0])), np.float32(100), np.float32([120, 120, 0]))
    spread = np.random.default_rng(0).uniform(20, 200, (478, 3)).astype(np.float32)
    return Reading(spread, np.zeros(52, np.float32), fit, {}, None, outline=face)


def test_figures_of_the_second_landmarker():
    face, other = reading(outline(points())), reading(outline(points((0.1, 0, 0))))
    found = measured(Frame(256, found=face, wanted=other, person=other))
    assert found["ard_106"] == pytest.approx(np.degrees(0.1) / 3, rel=0.05) and found["akd_106"] > 0
    across = measured(Frame(256, found=face, wanted=other))
    assert "ard_106" in across and "akd_106" not in across, "points of two people are not compared"
    assert not {"akd_106", "ard_106"} & measured(Frame(256, found=reading(None), wanted=other, person=other)).keys()
    assert measured(Frame(256, dists=0.1)) == {"dists": 0.1}


@pytest.mark.slow
def test_the_second_landmarker_sees_the_example():
    from reenact.faces.landmarker import Landmarker
    from reenact.faces.pose import fit_head
    from reenact.media.image import read_image

    photo = read_image(EXAMPLES / "portrait.jpg")
    side = min(photo.shape[:2])
    face = Landmarks106(1).read(photo[:side, :side])
    mesh = Landmarker(1).detect(photo[:side, :side])[0]
    assert face is not None
    fit = fit_head(mesh.landmarks)
    assert np.abs(np.degrees(face.head_pose - fit.head_pose)).max() < 10
    assert np.linalg.norm(face.points[86] - mesh.landmarks[4, :2]) < 0.05 * float(fit.scale), "the nose's tip"
    assert Landmarks106(1).read(np.zeros((256, 256, 3), np.uint8)) is None


@pytest.mark.slow
def test_dists_is_0_for_the_same_and_small_for_texture_moved():
    pytest.importorskip("torch")
    from reenact.evaluate.dists import Dists

    grain = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    flat = np.full((64, 64, 3), grain.mean((0, 1)), np.uint8)
    same, moved, blank = Dists(1).distances([grain, np.roll(grain, 3, 1), flat], grain)
    assert abs(same) < 1e-4 and 0 < moved < blank / 3
