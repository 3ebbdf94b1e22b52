"""edit, interpolate, record and takes as drivers, from the command line, on the fake method (fake_method.py)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image as PILImage
from typer.testing import CliRunner

import reenact
from clips import face, moving_face, read_clip, scenery, write_clip
from fake_method import write_fake_method
from motions import small_map
from reenact.cli import app
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.compose import DRIVER, SOURCE
from reenact.motion.takes import Take
from reenact.pipeline.animate import animate_file
from reenact.pipeline.editing import Edit, Editor, Film, Sweep, several
from reenact.pipeline.options import Clip
from reenact.runtime.engine import Engine


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edit")
    PILImage.fromarray(face()).save(folder / "face.png")
    PILImage.fromarray(face() // 2).save(folder / "dark.png")
    write_clip(folder / "clip.mp4", moving_face(4))
    write_clip(folder / "nobody.mp4", [scenery()] * 3)
    fake = write_fake_method(folder / "fake")
    small_map(3).save(fake)
    return folder


def run(here: Path, *arguments: str, out: str = "out.png") -> Result:
    """The command with the fake method on the CPU; {here} stands for the folder."""
    filled = [argument.format(here=here) for argument in arguments]
    return CliRunner().invoke(
        app, [*filled, "--out", str(here / out), "--method", str(here / "fake"), "--device", "cpu"], catch_exceptions=False
    )


def picture(here: Path, name: str = "out.png") -> np.ndarray:
    return reenact.read_image(here / name).astype(int)


def expressions(*names: str) -> list[str]:
    return [word for name in names for word in ("--expression", name)]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_an_edited_picture_in_each_format(here: Path, suffix: str):
    assert run(here, "edit", "{here}/face.png", "--yaw", "-5", "--output", "crop", out=f"e.{suffix}").exit_code == 0
    with PILImage.open(here / f"e.{suffix}") as made:
        assert made.size == (256, 256) and made.format.lower() == suffix.replace("jpg", "jpeg")


def test_nothing_to_change_is_said(here: Path):
    assert "nothing to change" in run(here, "edit", "{here}/face.png").stderr
    assert "nothing to change" not in run(here, "edit", "{here}/face.png", "--yaw", "0").stderr
    assert "nothing to change" in run(here, "edit", "{here}/face.png", "--absolute", "--strength", "0.5").stderr


def test_what_runs_beside_a_sweep_is_kept():
    """shift and gaze are two numbers each: one is swept, the other stays."""
    base = Edit(shift=(0.0, 0.3), gaze=(0.2, 0.0), yaw=0.1, blendshapes={"jawOpen": 0.2})
    for name in ("shift-x", "gaze-pitch", "pitch", "smile"):
        Sweep(name, 0, 1).check_beside(base)
    assert Sweep("shift-x", 0, 1).at(1, base).shift == (1, 0.3)


def test_a_sweep_over_the_expression_that_is_asked_for_besides_is_refused():
    """It began at a whole smile, and went to twice one."""
    with pytest.raises(ReenactError, match="which is asked for besides"):
        Sweep("smile", 0, 1).check_beside(Edit(expression="smile"))
    Sweep("smile", 0, 1).check_beside(Edit(expression="surprise"))


def test_a_sweep_to_neutral_takes_the_portraits_own_expression_off():
    """It gave a film in which nothing moved."""
    sweep = Sweep("neutral", 0, 1)
    sweep.check_beside(Edit(yaw=0.1))
    halfway = sweep.at(0.5, Edit(yaw=0.1, strength=0.8))
    assert (halfway.expression, halfway.strength, halfway.yaw) == ("neutral", 0.4, 0.1)
    for base in (Edit(expression="smile"), Edit(blendshapes={"jawOpen": 0.2}), Edit(directions={"y7": 1})):
        with pytest.raises(ReenactError, match="which is asked for besides"):
            sweep.check_beside(base)


def test_a_film_takes_its_rate_as_a_float():
    """29.97 ended in an overflow of FFmpeg's, when the first frame was there."""
    assert Film(fps=29.97).fps == Fraction(30000, 1001) and Film(fps=25.0) == Film()


def test_an_expression_that_no_file_can_be_called_is_one_line():
    for name in ("a" * 300, "a\0b"):
        with pytest.raises(ReenactError, match="unknown expression"):
            Edit(expression=name).check()


def test_a_gaze_that_is_not_known_is_warned_of(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reenact.faces.eyes.gaze", lambda landmarks: None)
    for more, out in (((), "o.png"), (("--sweep", "gaze-yaw", "-5", "5", "--seconds", ".1"), "gaze.mp4")):
        done = run(here, "edit", "{here}/face.png", *(more or ("--gaze", "9", "0")), out=out)
        assert done.exit_code == 0 and "warning: --gaze does nothing" in done.stderr


def test_blendshapes_after_one_set_reach_the_code(here: Path):
    """The fake draws its first code number as red (jawOpen), its second as green (blinks)."""
    assert run(here, "edit", "{here}/face.png", "--output", "crop").exit_code == 0
    plain = picture(here)
    values = ["jawOpen=-0.1", "eyeBlinkLeft=-0.1", "eyeBlinkRight=-0.1"]
    made = run(here, "edit", "{here}/face.png", "--output", "crop", "--set", *values, "--strength", "0.5")
    assert made.exit_code == 0, made.stderr
    change = np.median(plain - picture(here), axis=(0, 1))
    np.testing.assert_allclose(change, [0.05 * 255, 0.05 * 255, 0], atol=1.01)


@pytest.mark.parametrize(("degrees", "warned"), [("35", False), ("50", True)])
def test_a_turn_that_breaks_the_picture_is_warned_of(here: Path, degrees: str, warned: bool):
    made = run(here, "edit", "{here}/face.png", "--yaw", degrees)
    assert made.exit_code == 0 and ("warning: a turn of 50 degrees" in made.stderr) == warned


@pytest.mark.parametrize(
    ("options", "words"), [(("--set", "smile=1"), "--expression"), (("--set", "mouthSmile=1"), "mouthSmileLeft, mouthSmileRight")]
)
def test_a_misspelt_blendshape_says_what_could_be_meant(here: Path, options: tuple[str, ...], words: str):
    made = run(here, "edit", "{here}/face.png", *options)
    assert made.exit_code == 2 and words in made.stderr


def test_an_expression_from_a_photo(here: Path):
    assert run(here, "edit", "{here}/face.png", "--output", "crop", "--expression", "{here}/dark.png").exit_code == 0
    assert picture(here).mean() < 0.75 * face().mean()


def test_a_signature_names_the_file_that_an_expression_comes_from(tmp_path: Path):
    (tmp_path / "smile").touch()
    assert Edit(expression=str(tmp_path / "smile")).inputs() == [("expression", str(tmp_path / "smile"))]
    assert Edit(expression="smile").inputs() == Edit(yaw=0.1).inputs() == []


def test_several_expressions_are_one_face(here: Path):
    """smile and blink: the second used to be all. The fake draws jaw_open as red and blinks as green."""
    made = {}
    for names in (("jaw_open", "blink"), ("blink", "jaw_open"), ("jaw_open",), ("blink",), ()):
        asked = [*expressions(*names), "--strength", "0.3", "--output", "crop"]
        assert run(here, "edit", "{here}/dark.png", *asked).exit_code == 0
        made[names] = np.median(picture(here), axis=(0, 1))
    both, other, jaw, lids, none = made.values()
    np.testing.assert_allclose(both, other, atol=1)
    np.testing.assert_allclose(both - none, (jaw - none) + (lids - none), atol=1.5)
    assert (jaw - none)[0] > 10 and (lids - none)[1] > 10
    asked = several(["blink", str(here / "dark.png")], {"eyeBlinkLeft": 0.2})
    assert asked == (str(here / "dark.png"), {"eyeBlinkLeft": 1.2, "eyeBlinkRight": 1.0}), "a whole face comes first"


def test_a_sweep_goes_there_and_back(here: Path):
    made = run(here, "edit", "{here}/face.png", "--sweep", "jawOpen", "-0.4", "0", "--seconds", "0.4", "--fps", "20", out="s.mp4")
    assert made.exit_code == 0, made.stderr
    frames, rate, size = read_clip(here / "s.mp4")
    assert (frames, rate, size) == (8, 20, (256, 256))


def test_an_interpolation_between_two_photos_and_from_takes(here: Path):
    common = ("--portrait", "{here}/face.png", "--seconds", "0.2", "--path", "slerp")
    made = run(here, "interpolate", "{here}/face.png", "{here}/dark.png", *common, out="i.mp4")
    assert made.exit_code == 0, made.stderr
    assert read_clip(here / "i.mp4")[0] == 5
    assert run(here, "record", "{here}/clip.mp4", out="t.npz").exit_code == 0
    assert run(here, "interpolate", "{here}/t.npz", "{here}/dark.png", *common, out="i2.mp4").exit_code == 0
    assert "--portrait" in run(here, "interpolate", "{here}/t.npz", "{here}/dark.png", out="i3.mp4").stderr


@pytest.mark.parametrize(
    ("text", "pose", "scale"), [("", DRIVER, SOURCE), ("pose=source", SOURCE, SOURCE), ("scale=driver", DRIVER, DRIVER)]
)
def test_a_head_on_its_way_stays_where_it_is_unless_told(text, pose, scale, monkeypatch: pytest.MonkeyPatch):
    """Naming one part frees no other."""
    asked = []
    monkeypatch.setattr("reenact.cli.edit.interpolate_file", lambda between, *_, **__: asked.append(between.parts) or 1)
    done = CliRunner().invoke(app, ["interpolate", "a.png", "b.png", *(["--parts", text] if text else [])])
    assert done.exit_code == 0 and (asked[0].pose, asked[0].scale, asked[0].translation) == (pose, scale, SOURCE)


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_recorded_take_drives_as_its_video_does(here: Path, suffix: str):
    assert run(here, "record", "{here}/clip.mp4", out=f"t.{suffix}").exit_code == 0
    take = Take.load(here / f"t.{suffix}")
    assert (len(take), take.rate, take.times[1], take.method) == (4, 25, Fraction(1, 25), "fake")
    method = reenact.load(str(here / "fake"), "cpu")
    portrait = method.encode_source(reenact.read_image(here / "face.png"))
    direct = np.array(list(reenact.animate(portrait, here / "clip.mp4", method=method)), int)
    replayed = np.array(list(reenact.animate(portrait, here / f"t.{suffix}", method=method)), int)
    assert np.abs(direct - replayed).max() <= 1
    assert np.abs(direct[1] - direct[0]).max() > 0


def test_a_take_and_blendshapes_become_videos(here: Path):
    assert run(here, "record", "{here}/clip.mp4", out="t.npz").exit_code == 0
    engine, clip = Engine(str(here / "fake"), "cpu"), Clip(fps=Fraction(50))
    report = animate_file(here / "face.png", here / "t.npz", here / "a.mp4", engine=engine, clip=clip)
    assert (report.frames, report.rate) == (8, 50) and read_clip(here / "a.mp4")[0] == 8
    (here / "shapes.csv").write_text("time,jawOpen\n0,0\n0.04,-0.2\n0.08,-0.4\n")
    assert run(here, "animate", "{here}/face.png", "{here}/shapes.csv", "--smooth", "0", out="b.mp4").exit_code == 0
    assert read_clip(here / "b.mp4")[:2] == (3, 25)


@pytest.mark.parametrize(
    ("arguments", "out", "words"),
    [
        (["edit", "{here}/face.png", "{here}/dark.png"], "o.png", "one photo"),
        (["edit", "{here}/face.png", "--set", "jawOpen"], "o.png", "NAME=VALUE"),
        (["edit", "{here}/face.png", "--set", "jawWide=1"], "o.png", "jawOpen"),
        (["edit", "{here}/face.png", "--yaw", "120"], "o.png", "yaw"),
        (["edit", "{here}/none.png", "--yaw", "400"], "o.png", "--yaw 400: the head's yaw must stay within"),
        (["edit", "{here}/none.png", "--yaw", "5", "--face", "0"], "o.png", "--face counts from 1"),
        (["edit", "{here}/none.png", "--pitch", "nan"], "o.png", "--pitch must be made of finite numbers"),
        (["edit", "{here}/none.png", "--shift", "inf", "0"], "o.png", "--shift must be made of finite numbers"),
        (["edit", "{here}/none.png", "--scale", "0"], "o.png", "--scale 0 must be more than 0"),
        (["edit", "{here}/none.png", "--scale", "99"], "o.png", "--scale 99: the head's scale must stay within 0.2..5"),
        (["edit", "{here}/none.png", "--shift", "100", "0"], "o.png", "--shift 100 0 is in halves of the crop's side"),
        (["edit", "{here}/none.png", "--shift", "0", "1e30"], "o.png", "--shift 0 1e+30 is in halves"),
        (["edit", "{here}/none.png", "--pitch", "1e300"], "o.png", "--pitch 1e+300 must lie within -89..89 degrees"),
        (["edit", "{here}/none.png", "--roll", "-200"], "o.png", "--roll -200 must lie within -180..180 degrees"),
        (["edit", "{here}/none.png", "--sweep", "gaze-yaw", "-300", "300"], "o.mp4", "--gaze must be"),
        (["edit", "{here}/none.png", "--sweep", "pitch", "0", "500"], "o.mp4", "--pitch 500 must lie"),
        (["edit", "{here}/none.png", "--sweep", "smile", "0", "9"], "o.mp4", "must lie between -2 and 2"),
        (["edit", "{here}/none.png", "--absolute", "--sweep", "yaw", "0", "120"], "o.mp4", "--yaw 120"),
        (["edit", "{here}/none.png", "--sweep", "yaw", "0", "9", "--yaw", "1"], "o.mp4", "--sweep runs over yaw, which"),
        (["edit", "{here}/none.png", "--sweep", "shift-y", "0", "1", "--shift", "0", "1"], "o.mp4", "runs over shift-y, which"),
        (["edit", "{here}/none.png", "--sweep", "gaze-yaw", "0", "1", "--gaze", "9", "0"], "o.mp4", "runs over gaze-yaw, which"),
        (
            ["edit", "{here}/none.png", "--sweep", "jaw_open", "0", "1", "--set", "jawOpen=.1"],
            "o.mp4",
            "runs over jaw_open, which",
        ),
        (["edit", "{here}/face.png", "--expression", "joyless"], "o.png", "joyless"),
        (
            ["edit", "{here}/face.png", "--expression", "smile", "wink_left"],
            "o.png",
            "give each by its own option: --expression wink_left",
        ),
        (["edit", "{here}/none.png", *expressions("smile", "smile")], "o.png", "smile and smile both move mouthSmileLeft"),
        (["edit", "{here}/none.png", *expressions("frown", "anger")], "o.png", "frown and anger both move browDownLeft"),
        (["edit", "{here}/none.png", *expressions("smile", "joy")], "o.png", "unknown expression 'joy'"),
        (["edit", "{here}/none.png", *expressions("neutral", "{here}/dark.png")], "o.png", "are a whole face each: give one"),
        (["edit", "{here}/face.png", "--set", "jawOpen=1", "0.5"], "o.png", "write a blendshape as NAME=VALUE"),
        (["edit", "{here}/face.png"], "o.gif", ".png"),
        (["edit", "{here}/face.png"], "face.png", "input"),
        (["edit", "{here}/face.png", "--expression", "{here}/dark.png"], "dark.png", "input"),
        (["edit", "{here}/face.png", "--expression", "{here}/clip.mp4", "--sweep", "yaw", "0", "9"], "clip.mp4", "input"),
        (["edit", "{here}/face.png", "--sweep", "nose", "0", "1"], "o.mp4", "nose"),
        (["edit", "{here}/face.png", "--sweep", "yaw", "0", "1", "--seconds", "0"], "o.mp4", "--seconds"),
        (["edit", "{here}/face.png", "--sweep", "yaw", "0", "1"], "o.png", ".mp4"),
        (["edit", "{here}/face.png", "--yaw", "5", "--seconds", "3"], "o.png", "--seconds belongs to a sweep"),
        (["edit", "{here}/face.png", "--fps", "25"], "o.png", "--fps belongs to a sweep"),
        (["edit", "{here}/face.png", "--yaw", "5", "--strength", "9"], "o.png", "--strength must lie between"),
        (["encode", "{here}/clip.mp4"], "o.mp4", "must end in .rnct"),
        (["interpolate", "{here}/face.png", "{here}/dark.png", "--path", "spline"], "o.mp4", "slerp"),
        (["interpolate", "{here}/face.png", "{here}/dark.png", "--ease", "bouncy"], "o.mp4", "smooth"),
        (["record", "{here}/nobody.mp4"], "o.npz", "no face"),
        (["record", "{here}/clip.mp4"], "o.pkl", ".npz"),
        (["animate", "{here}/face.png", "{here}/none.npz"], "o.mp4", "no such file"),
        (["animate", "{here}/face.png", "{here}/clip.mp4", "--parts", "nose=driver"], "o.mp4", "nose"),
        (["animate", "{here}/face.png", "{here}/clip.mp4", "--lock", "size"], "o.mp4", "size"),
        (["animate", "{here}/face.png", "{here}/clip.mp4", "--strength", "9"], "o.mp4", "strength"),
        (["animate", "{here}/face.png", "{here}/clip.mp4", "--smooth", "-1"], "o.mp4", "smooth"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(here: Path, arguments: list[str], out: str, words: str):
    before = {path.name: path.stat().st_mtime_ns for path in here.iterdir()}
    done = run(here, *arguments, out=out)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and words in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in here.iterdir()} == before


def test_a_take_of_other_weights_is_refused(here: Path):
    assert run(here, "record", "{here}/clip.mp4", out="t.npz").exit_code == 0
    take = Take.load(here / "t.npz")
    Take("sfd", "", take.rate, take.times, take.vectors, take.faces).save(here / "other.npz")
    done = run(here, "animate", "{here}/face.png", "{here}/other.npz", out="o.mp4")
    assert done.exit_code == 2 and "sfd" in done.stderr and not (here / "o.mp4").exists()


def test_neutral_takes_the_portraits_own_expression_off():
    """Added to a smile, nothing would change."""
    method = reenact.load("mmfa", "cpu", 1)
    own = method.encode_source(reenact.read_image("examples/portrait.jpg")).motion
    editor = Editor(method)
    moved = editor.apply(own, Edit(expression="neutral"))
    smile = BLENDSHAPE_NAMES.index("mouthSmileLeft")
    assert editor.map.read(own.expression)[smile] > 0.5 > 0.2 > editor.map.read(moved.expression)[smile]
    np.testing.assert_array_equal(moved.head_pose, own.head_pose)
