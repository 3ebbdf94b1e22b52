"""Lists and protocols: what drives what; parts that survive a stop; a whole run on a moved portrait; the page."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fake_method import write_fake_method
from places import EXAMPLES
from reenact.cli import run
from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Portrait
from reenact.evaluate import control, results
from reenact.evaluate.baselines import mesh_warp, of_method, still
from reenact.evaluate.command import Options, evaluate
from reenact.evaluate.curves import line_chart
from reenact.evaluate.memo import Memo
from reenact.evaluate.pairs import fixed_list, read_pairs
from reenact.evaluate.protocols import Item, cross_items, self_items, synth_items, widest
from reenact.evaluate.readings import FaceReader
from reenact.evaluate.report.page import gain, write_report
from reenact.evaluate.report.tables import best
from reenact.evaluate.runner import Outcome, Scorer, run_item
from reenact.evaluate.session import Parts, run_all
from reenact.evaluate.shots import Shot
from reenact.evaluate.systems import systems
from reenact.evaluate.tally import Tally
from reenact.media.image import read_image, write_image
from reenact.media.video import VideoWriter

PORTRAIT = EXAMPLES / "portrait.jpg"


def crop(step: int = 0) -> np.ndarray:
    """The example portrait as 256 x 256, moved right by `step` px."""
    photo = read_image(PORTRAIT)
    side = min(photo.shape[:2])
    square = photo[:side, :side][:: side // 256, :: side // 256][:256, :256]
    return np.ascontiguousarray(np.roll(square, step, axis=1))


def write_clip(path: Path, steps: list[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 25) as video:
        for step in steps:
            video.write(crop(step))
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_failures_are_counted():
    tally = Tally(frames=4, target_faces=3, found_faces=1)
    tally.add({"akd_mesh": 2.0, "gaze": None})
    other = Tally(frames=1, target_faces=1, found_faces=1)
    other.add({"akd_mesh": 4.0, "jitter": 3.0, "jitter_driver": 2.0})
    tally.merge(other)
    report = Tally.from_dict(tally.as_dict()).report()
    assert report["akd_mesh"] == 3.0 and report["detection_rate"] == 0.5 and report["frames"] == 5
    assert report["jitter_ratio"] == 1.5 and "gaze" not in report
    assert "0.500" in results.table({"x": report})
    assert Tally(frames=1).report()["detection_rate"] is None


def test_our_own_list(tmp_path):
    touch(tmp_path, "clips/a.mp4", "clips/b.mp4", "pairs.csv", *(f"portraits/{i}.jpg" for i in range(9)))
    (tmp_path / "pairs.csv").write_text("source,driving\nportraits/1.jpg,clips/a.mp4\nclips/b.mp4#12,clips/a.mp4\n")
    one, two = read_pairs(tmp_path / "pairs.csv", tmp_path)
    assert one.source == Shot(tmp_path / "portraits/1.jpg") and one.driving.path.name == "a.mp4" and not one.single
    assert two.source == Shot(tmp_path / "clips/b.mp4", 12)
    drawn = fixed_list(tmp_path / "clips", tmp_path / "portraits", each=3)
    assert [pair.name for pair in drawn] == [pair.name for pair in fixed_list(tmp_path / "clips", tmp_path / "portraits", each=3)]
    assert len(drawn) == 6 and len({pair.name for pair in drawn}) == 6
    # by hand: the three photos whose hashes come first
    ranked = sorted(range(9), key=lambda i: hashlib.sha256(f"a {i}".encode()).digest())
    assert {pair.source.path.stem for pair in drawn[:3]} == {str(i) for i in ranked[:3]}
    assert len(cross_items(tmp_path, "*+a", None)) == 4


def test_published_lists(tmp_path):
    """The forms of VoxCeleb's list (FOMM, DaGAN) and of CelebV's (DaGAN): a header of three, rows of two or three."""
    touch(tmp_path, "test/id10280#Xi#0025#0028.mp4/0000005.png", "test/id10291#iP#0018#0019.mp4")
    touch(tmp_path, "CelebV/Jack_Ma/Image/P_MaYun_1.jpg_0059.jpg", "CelebV/Kathleen/Image/P_K_2.jpg_0035.jpg")
    vox = "source,driving,frame\ntest/id10291#iP#0018#0019.mp4,test/id10280#Xi#0025#0028.mp4,0.0\n"
    frames = (
        "source,driving,frame\n/data/x/vox1_frames/test/id10291#iP#0018#0019.mp4/0000073.png,"
        "/data/x/vox1_frames/test/id10280#Xi#0025#0028.mp4/0000005.png\n"
    )
    celebv = "source,driving,frame\n/d/CelebV/Jack_Ma/Image/P_MaYun_1.jpg_0059.jpg,/d/CelebV/Kathleen/Image/P_K_2.jpg_0035.jpg\n"
    found = []
    for text in (vox, frames, celebv):
        (tmp_path / "list.csv").write_text(text)
        found += read_pairs(tmp_path / "list.csv", tmp_path)
    clip, frame, photo = found
    assert not clip.single and clip.driving.path.is_dir() and clip.source.frame == 0
    assert frame.single and frame.source == Shot(tmp_path / "test/id10291#iP#0018#0019.mp4", 73)
    assert frame.driving.path.name == "0000005.png"
    assert photo.single and photo.source.path.name == "P_MaYun_1.jpg_0059.jpg"


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "first line"), ("source,driving\nnone.mp4,none.mp4\n", "line 2"), ("source,driving\n,x\n", "empty")],
)
def test_a_bad_list_is_named(tmp_path, text, words):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ReenactError, match=words):
        read_pairs(tmp_path / "list.csv", tmp_path)


def test_synth_pairs_another_identity_of_the_same_motion(tmp_path):
    touch(tmp_path, "m01_i002.mp4", "m01_i007.mp4", "m01_i009.mp4", "m02_i002.mp4", "other.mp4")
    items = synth_items(tmp_path, None)
    assert [(item.truth.stem, item.driving.stem) for item in items] == [
        ("m01_i002", "m01_i007"),
        ("m01_i007", "m01_i009"),
        ("m01_i009", "m01_i002"),
    ]
    assert all(item.source.path == item.truth and not item.first for item in items)
    with pytest.raises(ReenactError, match="mMM_iIII"):
        synth_items(tmp_path, "m02_*")


def test_large_pose_takes_the_source_most_frames_are_far_from():
    yaw = {0: 0.0, 3: 10.0, 6: 40.0, 9: 45.0, 12: -31.0}
    assert widest(yaw) == (12, (0, 3, 6, 9))
    assert widest({0: 0.0, 3: 30.0}) is None and widest({}) is None


def test_self_items_name_an_empty_folder_and_an_unmatched_pattern(tmp_path):
    with pytest.raises(ReenactError, match="no video"):
        self_items(tmp_path, None)
    touch(tmp_path, "a.mp4")
    with pytest.raises(ReenactError, match="`only`"):
        self_items(tmp_path, "b*")


def test_a_moved_portrait_by_itself(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [0, 6, 12])
    scorer = Scorer(("alex",), ("sface",), threads=1, full=False)
    item = Item("clip", Shot(clip), clip, clip, first=False)
    outcome = run_item(item, {"still": still, "mesh_warp": mesh_warp}, scorer, 256, every=1)
    figures = {name: tally.report() for name, tally in outcome.tallies.items()}
    assert figures["still"]["frames"] == 2 and figures["still"]["detection_rate"] == 1.0
    assert 6 < figures["still"]["akd_mesh"] < 12  # 6 px, then 12
    assert figures["mesh_warp"]["akd_68"] < 1.5
    assert figures["mesh_warp"]["lpips_alex"] < figures["still"]["lpips_alex"]
    assert figures["still"]["csim_sface"] > 0.99 and figures["still"]["background"] == 0
    assert len(outcome.series["still"]["lpips_alex"]) == 2 and outcome.worst.picture.shape[1] == 4 * 192
    short = run_item(item, {"still": still}, scorer, 256, every=50)
    assert short.tallies["still"].frames == 1, "a clip shorter than the interval is scored at its end"
    # across identities there is no truth: figures of motion and identity, none of pixels
    across = run_item(Item("x", Shot(clip, 1), clip, None), {"still": still}, scorer, 256, every=2).tallies["still"].report()
    assert across["frames"] == 2 and "ard" in across and not {"l1", "akd_mesh", "lpips_alex"} & set(across)
    longer = write_clip(tmp_path / "longer.mp4", [0, 2, 4, 6, 9, 12, 15, 19])
    steady = run_item(Item("l", Shot(longer), longer, longer, first=False), {"still": still}, scorer, 256, every=4)
    assert steady.tallies["still"].report()["jitter"] == 0, "a picture that stands still has no jitter"
    with VideoWriter(tmp_path / "wide.mp4", 25) as video:
        video.write(np.zeros((64, 128, 3), np.uint8))
    with pytest.raises(ReenactError, match="square"):
        run_item(Item("w", Shot(tmp_path / "wide.mp4"), tmp_path / "wide.mp4", None), {"still": still}, scorer, 256, 1)


class Shifter:
    """A method that can do one thing: move the picture sideways, by its translation; and its scale follows its yaw."""

    name, size, folder = "shifter", 256, None

    def encode_crop(self, image):
        return Portrait(self.name, {}, self.encode_motion(image), image)

    def encode_motion(self, frame):
        zero = np.zeros(1, np.float32)
        return Motion(np.zeros(3, np.float32), zero + 1, np.zeros(2, np.float32), zero)

    def render(self, portrait, motion):
        return np.roll(portrait.image, round(float(motion.translation[0]) * 128), axis=1)


def test_control_finds_what_arrives_and_what_does_not():
    asked = (control.Request("shift_x", 0.125), control.Request("yaw", 30.0))
    outcome = control.run_control(crop(), None, {"shifter": Shifter()}, FaceReader(emotion=False, threads=1), asked)
    shift, yaw = (outcome.tallies[f"shifter/{request.name}"].report() for request in asked)
    assert shift["arrival"] == pytest.approx(1.0, abs=0.1) and shift["leak_degrees"] < 1.5
    assert yaw["arrival"] == 0 and yaw["error"] == 30 and yaw["csim_sface"] > 0.99
    with pytest.raises(ReenactError, match="no face"):
        control.run_control(
            np.zeros((256, 256, 3), np.uint8), None, {"shifter": Shifter()}, FaceReader(emotion=False, threads=1), asked
        )


def test_relative_motion_starts_at_the_first_frame():
    class Recorder(Shifter):
        def encode_motion(self, frame):
            return super().encode_motion(frame).replace(translation=np.float32([frame[0, 0, 0] / 255, 0]))

        def render(self, portrait, motion):
            return motion.translation[0]

    black, white = np.zeros((256, 256, 3), np.uint8), np.full((256, 256, 3), 255, np.uint8)
    drive = of_method(Recorder(), "relative")(black, None)
    assert [drive(frame, None) for frame in (white, white, black)] == [0.0, 0.0, -1.0]
    assert of_method(Recorder(), "absolute")(black, None)(white, None) == 1.0


def test_a_stopped_run_goes_on_and_another_one_starts_anew(tmp_path):
    ran = []

    def setup():
        def work(index):
            ran.append(index)
            if len(ran) == 2:
                raise KeyboardInterrupt
            tally = Tally(frames=index + 1)
            return Outcome({"x": tally}, {"x": {"ard": [1.0, None]}}, {"": [np.ones(4, np.float32)] * 2})

        return work

    out = tmp_path / "out.json"
    with pytest.raises(KeyboardInterrupt):
        list(run_all(Parts(out, "a"), [1, 1, 1], setup, 1))
    told = []
    done = dict(run_all(Parts(out, "a"), [1, 1, 1], setup, 1, lambda *count: told.append(count)))
    assert ran == [0, 1, 1, 2], "item 0 is not run again"
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [done[i].tallies["x"].frames for i in range(3)] == [1, 2, 3]
    assert done[0].series == {"x": {"ard": [1.0, None]}} and np.stack(done[0].features[""]).shape == (2, 4)
    mark = tmp_path / "out.json.parts" / "run"
    before = mark.stat()
    Parts(out, "a")
    assert (mark.stat().st_ino, mark.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "a full disk would empty it"
    mark.unlink()
    assert not Parts(out, "a").done(0), "what a stopped removal left may be of other options"
    assert not Parts(out, "b").done(0), "other options: nothing is kept"
    with pytest.raises(ReenactError, match="`workers`"):
        list(run_all(Parts(out, "b"), [1, 1, 1], setup, 0))


def test_long_items_run_first_and_come_out_in_order(tmp_path):
    ran = []

    def setup():
        return lambda index: ran.append(index) or Outcome({"x": Tally(frames=index + 1)})

    done = list(run_all(Parts(tmp_path / "out.json", "a"), [2, 9, 2, 5], setup, 1))
    assert ran == [1, 3, 0, 2]
    assert [outcome.tallies["x"].frames for _, outcome in done] == [1, 2, 3, 4]


def test_a_picture_is_read_once_by_its_content():
    read = []
    memo: Memo[float] = Memo(capacity=2)

    def mean(image):
        read.append(1)
        return float(image.mean())

    picture = np.zeros((8, 8, 3), np.uint8)
    assert [memo.get(picture, mean), memo.get(picture.copy(), mean)] == [0.0, 0.0] and len(read) == 1
    picture[:] = 4
    assert memo.get(picture, mean) == 4.0 and len(read) == 2, "the same array with other pixels is another picture"
    memo.get(np.zeros((4, 16, 3), np.uint8), mean)  # as many zeros, another shape; the first picture is dropped
    memo.get(np.zeros((8, 8, 3), np.uint8), mean)
    assert len(read) == 4


def test_systems_by_name_and_folder(tmp_path):
    write_fake_method(tmp_path / "one")
    write_fake_method(tmp_path / "two")
    found = systems((str(tmp_path / "one"), "mesh_warp", str(tmp_path / "two"), "still"))
    assert [system.name for system in found] == ["still", "mesh_warp", "fake (one)", "fake (two)"]
    assert found[2].weights_sha256 == found[3].weights_sha256 and found[0].weights_sha256 is None
    with pytest.raises(ReenactError, match="unknown method"):
        systems(("nobody",))
    with pytest.raises(ReenactError, match="twice"):
        systems(("mesh_warp", str(tmp_path / "one"), str(tmp_path / "one")))


def test_the_command_on_a_weights_folder_by_control(tmp_path, capsys):
    """The one protocol that needs no large network: from the command line to the file and the page."""
    (tmp_path / "data").mkdir()
    write_image(tmp_path / "data" / "a.png", crop())
    folder = write_fake_method(tmp_path / "fake")
    line = [
        "evaluate",
        "--data",
        str(tmp_path / "data"),
        "--protocol",
        "control",
        "--method",
        str(folder),
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    assert run([*line, "-o", str(tmp_path / "out.json")]) == 0
    assert "yaw+30" in capsys.readouterr().out
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["mean"]["fake/yaw+30"]["arrival"] == 0 and len(report["weights_sha256"]["fake"]) == 64
    assert str(tmp_path) not in (tmp_path / "out.json").read_text(), "no whole path of a machine"
    assert not (tmp_path / "out.json.parts").exists()
    assert run(["report", str(tmp_path / "out.json"), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "yaw+30" in page and "<svg" in page and "Not measured here" in page and 'src="http' not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--protocol", "selfie"], "unknown protocol"),
        (["--method", "nobody"], "unknown method"),
        (["--lpips", "squeeze"], "--lpips"),
        (["--identity", "openface"], "--identity"),
        (["--every", "0"], "--every"),
        (["--pairs", "x.csv"], "--pairs"),
        (["--motion", "odd"], "unknown motion"),
        (["--protocol", "control", "--method", "still"], "baselines"),
        (["--protocol", "control", "--every", "2"], "has no use for --every: leave it out"),
        (["--protocol", "control", "--fid-every", "5"], "has no use for --fid-every: leave it out"),
        (["--protocol", "control", "--lpips", "alex"], "has no use for --lpips: leave it out"),
        (["--protocol", "control", "--networks", "exact"], "has no use for --networks: leave it out"),
        (["--protocol", "control", "--pictures", "sheets"], "has no use for --pictures: leave it out"),
    ],
)
def test_wrong_options_of_evaluate(tmp_path, capsys, arguments, words):
    assert run(["evaluate", "--data", str(tmp_path), "-o", str(tmp_path / "x.json"), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_a_folder(tmp_path):
    with pytest.raises(ReenactError, match="folder"):
        evaluate(Options(("still",), tmp_path, "self", tmp_path), [])


def test_the_page_marks_the_best_and_what_a_floor_beats(tmp_path):
    mean = {
        "still": {"lpips_alex": 0.3, "frames": 2},
        "mesh_warp": {"lpips_alex": 0.2, "frames": 2},
        "facevid2vid": {"lpips_alex": 0.25, "akd_68": 2.0, "frames": 2},
        "prior": {"lpips_alex": 0.1, "akd_68": 1.5, "frames": 2},
    }
    path = tmp_path / "a<b.json"
    clips = results.rows({"c": mean})
    results.write_json(path, {"protocol": "self", "about": "<text>", "mean": mean, "clips": clips})
    write_report([path], tmp_path / "page.html", "facevid2vid")
    page = (tmp_path / "page.html").read_text()
    assert '<td class="best">0.1000</td>' in page and '<td class="under">0.2500</td>' in page
    assert "AKD-68 -25.0 %" in page, "the gain beside the claim"
    assert "&lt;text&gt;" in page and "<text>" not in page.replace("<text ", "")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ReenactError, match="not a results file"):
        write_report([tmp_path / "bad.json"], tmp_path / "page.html", "x")


def test_gain_and_best():
    assert gain(0.9, 1.0) == pytest.approx(-10)
    with pytest.raises(ValueError, match="base of 0"):
        gain(1, 0)
    assert best({"a": 0.5, "b": 1.3}, "jitter_ratio") == "b" and best({"a": 1, "b": 2}, "psnr") == "b"
    assert best({"a": 1, "b": 2}, "l1") == "a" and best({}, "l1") is None


def test_chart():
    chart = line_chart("a & b", {"one": [(0, 1.0), (1, None), (2, 3.0), (3, 4.0)]})
    assert chart.count("<polyline") == 1 and chart.count("<circle") == 1 and "a &amp; b" in chart
    with pytest.raises(ValueError, match="point"):
        line_chart("x", {"one": [(0, None)]})


def test_json_of_lists_on_one_line(tmp_path):
    value = {"rows": [[1, "a", None], [2, "b", 0.5]], "empty": {}, "map": {"x": [1, 2]}}
    results.write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == value and '[1, "a", null]' in text


def test_a_missing_pytorch_is_one_line(tmp_path, monkeypatch):
    from reenact.evaluate import networks

    def build():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setenv("REENACT_CACHE", str(tmp_path))
    with pytest.raises(ReenactError, match=r"torch is not installed: pip install 'reenact\[eval\]'"):
        networks.compiled("lpips_alex", "lpips_alexnet.ckpt", build, 1)


SLEEPER = """
import os, sys, time
from pathlib import Path
from reenact.evaluate.session import Parts, run_all

def setup():
    Path(sys.argv[1], str(os.getpid())).touch()
    return lambda index: time.sleep(600)

if __name__ == "__main__":
    list(run_all(Parts(Path(sys.argv[1], "out.json"), "a"), [1, 1], setup, 2))
"""


def test_a_killed_run_leaves_nobody_behind(tmp_path: Path):
    """Else two processes work on for nobody, and the next run has half the machine."""
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    notes = tmp_path / "notes"
    notes.mkdir()
    run = subprocess.Popen([sys.executable, str(script), str(notes)])
    try:
        workers = _until(lambda: [int(path.name) for path in notes.iterdir() if path.name.isdigit()], 2)
        assert len(workers) == 2 and run.poll() is None
    finally:
        run.kill()
        run.wait()
    assert _until(lambda: [pid for pid in workers if not _running(pid)], 2) == workers


def _until(found: Callable[[], list], count: int, seconds: float = 60) -> list:
    end = time.monotonic() + seconds
    while len(found()) < count and time.monotonic() < end:
        time.sleep(0.1)
    return found()


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"donors": Path("faces")}, "`donors` belongs to `protocol` control"),
        ({"threads": -1}, "`threads` must be 0"),
        ({"device": "gpu"}, "gpu"),
        ({"workers": 0}, "`workers` 0: must be 1 or more"),
        ({"motion": "sideways"}, "sideways"),
        ({"protocol": "path", "motion": "relative"}, "path moves by itself .*: leave `motion` out"),
        ({"protocol": "control", "motion": "absolute"}, "control moves by itself .*: leave `motion` out"),
        ({"pictures": Path(__file__)}, "is no folder; give `pictures` another"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(tmp_path: Path, more: dict, words: str):
    write_clip(tmp_path / "clips" / "a.mp4", [0, 1])
    with pytest.raises(ReenactError, match=words):
        evaluate(
            Options(
                **{"methods": ("still",), "data": tmp_path / "clips", "protocol": "self", "out": tmp_path / "a.json", **more}
            ),
            [],
        )
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


def test_what_fails_before_the_first_item_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ReenactError("these weights cannot be read")

    write_clip(tmp_path / "clips" / "a.mp4", [0, 1])
    monkeypatch.setattr("reenact.evaluate.command._set_up", broken)
    with pytest.raises(ReenactError, match="cannot be read"):
        evaluate(Options(("still",), tmp_path / "clips", "self", tmp_path / "a.json"), [])
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


def test_a_clip_that_cannot_be_used_is_said_before_the_others_are_measured(tmp_path: Path):
    """Once it is taken away the items are others, so that what was measured before would be lost."""
    write_clip(tmp_path / "clips" / "a.mp4", [0, 1])
    with VideoWriter(tmp_path / "clips" / "b.mp4", 25) as video:
        video.write(crop()[:128])
    with pytest.raises(ReenactError, match=r"b\.mp4: a square head crop is wanted, not 256 x 128"):
        evaluate(Options(("still",), tmp_path / "clips", "self", tmp_path / "a.json"), [])
    (tmp_path / "clips" / "b.mp4").write_text("not a video")
    with pytest.raises(ReenactError, match=r"b\.mp4: not a video"):
        evaluate(Options(("still",), tmp_path / "clips", "self", tmp_path / "a.json"), [])
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]
