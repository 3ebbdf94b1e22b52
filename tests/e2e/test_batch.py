"""reenact batch: every portrait with every driving, resumed, reported; several faces of one photo."""

from __future__ import annotations

import errno
import inspect
import json
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import PORTRAIT, moving_face, read_clip, scenery, tight_photo, write_clip
from fake_method import write_fake_method
from heic import write_tiled_heic
from reenact.cli import app, register, run
from reenact.core.errors import ReenactError
from reenact.core.types import Placement
from reenact.media.image import read_image, write_image
from reenact.media.video import VideoReader
from reenact.motion.compose import ALL_DRIVEN, KEEP_PLACE
from reenact.pipeline import batch
from reenact.pipeline.animate import animate_file
from reenact.pipeline.animator import Animator
from reenact.pipeline.group import Group, encode_faces, own_mask
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import OnnxMethod, load


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture(scope="module")
def method(weights: Path) -> OnnxMethod:
    return load(str(weights), "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One good photo, one without a face, two short drivings."""
    shutil.copy(PORTRAIT, tmp_path / "anna.jpg")
    write_image(tmp_path / "wall.png", scenery(256))
    write_clip(tmp_path / "nod.mp4", moving_face(3))
    write_clip(tmp_path / "turn.mp4", moving_face(2)[::-1], Fraction(30))
    return tmp_path


def call(weights: Path, folder: Path, *arguments: object) -> int:
    return run(["batch", str(folder), "--method", str(weights), "--device", "cpu", *map(str, arguments)])


def group_photo() -> np.ndarray:
    """Two people side by side, the right one smaller."""
    one = read_image(PORTRAIT)
    other = np.pad(one[::2, ::2], ((128, 128), (0, 0), (0, 0)), mode="edge")
    return np.ascontiguousarray(np.concatenate([one, other], 1))


def test_every_photo_with_every_driving_and_a_report(weights, folder, capsys, monkeypatch):
    assert call(weights, folder) == 2, "one photo has no face"
    told = capsys.readouterr().err
    assert "anna--nod.mp4: 3 frames" in told and "wall--nod.mp4: failed: no face found in the portrait" in told
    assert told.splitlines()[-1].startswith("error: 2 of 4 films")
    out = folder / "animated"
    assert sorted(path.name for path in out.iterdir()) == ["anna--nod.mp4", "anna--turn.mp4", "report.json"]
    assert read_clip(out / "anna--turn.mp4")[:2] == (2, Fraction(30))
    report = json.loads((out / "report.json").read_text())
    assert (report["schema"], report["done"], report["failed"], report["waiting"]) == ("reenact.batch/1", 2, 2, 0)
    assert [job["state"] for job in report["jobs"]] == ["done", "failed", "done", "failed"]

    animate_file(folder / "anna.jpg", folder / "nod.mp4", folder / "alone.mkv", engine=Engine(str(weights), "cpu"))
    with VideoReader(folder / "alone.mkv") as alone, VideoReader(out / "anna--nod.mp4") as many:
        for a, b in zip(alone, many, strict=True):
            np.testing.assert_array_equal(a.image, b.image)


def test_a_photo_that_goes_meanwhile_costs_its_films_alone(weights, folder):
    """It ended the batch."""
    (folder / "wall.png").unlink()
    shutil.copy(folder / "anna.jpg", folder / "bert.jpg")
    engine = Engine(str(weights), "cpu")
    told = []

    def tell(job: batch.Job) -> None:
        told.append(job)
        (folder / "bert.jpg").unlink(missing_ok=True)

    jobs = batch.batch_folder(folder, folder / "out", batch.BatchOptions(), engine=engine, tell=tell)
    assert [job.state for job in jobs] == ["done", "failed", "done", "failed"] and "no such file" in told[1].error


def test_a_stopped_batch_goes_on(weights, folder, capsys, monkeypatch):
    (folder / "wall.png").unlink()
    made, plain = [], batch.Maker.make

    def counted(self, job):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(job.output)
        plain(self, job)

    with monkeypatch.context() as patch:
        patch.setattr(batch.Maker, "make", counted)
        assert call(weights, folder) == 130
        assert made == ["anna--nod.mp4"]
    before = (folder / "animated" / "anna--nod.mp4").stat().st_mtime_ns
    assert call(weights, folder) == 0
    assert "anna--nod.mp4: there already" in capsys.readouterr().err
    assert (folder / "animated" / "anna--nod.mp4").stat().st_mtime_ns == before

    (folder / "animated" / "anna--turn.mp4").unlink()
    write_clip(folder / "nod.mp4", moving_face(4))
    assert call(weights, folder) == 0, "what is gone and what has changed is made anew"
    told = capsys.readouterr().err
    assert "anna--nod.mp4: 4 frames" in told and "anna--turn.mp4: 2 frames" in told
    assert call(weights, folder, "--strength", 0.5) == 0
    assert "there already" not in capsys.readouterr().err, "other options make other films"
    (folder / "animated" / "report.json").write_text("{damaged")
    assert call(weights, folder) == 0


def test_folders_of_their_own_and_names_that_are_twice_there(weights, tmp_path, capsys):
    for name in ("portraits", "drivings"):
        (tmp_path / name).mkdir()
    shutil.copy(PORTRAIT, tmp_path / "portraits" / "anna.jpg")
    shutil.copy(PORTRAIT, tmp_path / "portraits" / "anna.jpeg")
    (tmp_path / "portraits" / ".hidden.jpg").write_bytes(b"x")
    write_clip(tmp_path / "drivings" / "nod.mp4", moving_face(2))
    assert call(weights, tmp_path, "--out", tmp_path / "films" / "here", "--output", "photo") == 0
    films = sorted(path.name for path in (tmp_path / "films" / "here").glob("*.mp4"))
    assert films == ["anna.jpeg--nod.mp4", "anna.jpg--nod.mp4"]
    assert read_clip(tmp_path / "films" / "here" / films[0])[2] == (512, 512)


def test_all_faces_of_a_photo_by_one_driver_and_each_by_its_own(weights, tmp_path, capsys):
    write_image(tmp_path / "two.png", group_photo())
    write_clip(tmp_path / "a.mp4", moving_face(3))
    write_clip(tmp_path / "b.mp4", [moving_face(1)[0]] * 5)
    assert call(weights, tmp_path, "--face", "all", "--out", tmp_path / "one") == 0
    report = json.loads((tmp_path / "one" / "report.json").read_text())
    assert [(job["output"], job["faces"], job["frames"]) for job in report["jobs"]] == [
        ("two--a.mp4", 2, 3),
        ("two--b.mp4", 2, 5),
    ]
    assert call(weights, tmp_path, "--face", "all", "--drivers", "own", "--out", tmp_path / "own") == 0
    assert read_clip(tmp_path / "own" / "two.mp4") == (5, Fraction(25), (512, 768)), "as long as the longest driving"

    def change(film: Path) -> tuple[float, float]:
        """Of the two heads, from the first picture to the second."""
        with VideoReader(film) as reader:
            first, second = next(reader).image.astype(float), next(reader).image.astype(float)
        moved = np.abs(second - first)
        return float(moved[60:200, 170:280].mean()), float(moved[160:228, 597:652].mean())

    both, own = change(tmp_path / "one" / "two--a.mp4"), change(tmp_path / "own" / "two.mp4")
    assert min(both) > 2 and own[0] > 2 > 1 > own[1], (both, own)


def test_faces_are_pasted_over_their_own_heads_only(method):
    photo = group_photo()
    portraits = encode_faces(method, photo)
    assert len(portraits) == 2 and portraits[0].placement.side > portraits[1].placement.side
    group = Group(portraits)
    np.testing.assert_allclose(group.frame([portrait.image for portrait in portraits]), photo, atol=60)
    red, blue = np.full((256, 256, 3), (255, 0, 0), np.uint8), np.full((256, 256, 3), (0, 0, 255), np.uint8)
    frame = group.frame([red, blue])
    for portrait, colour in zip(portraits, (red[0, 0], blue[0, 0]), strict=True):
        place = portrait.placement
        np.testing.assert_array_equal(frame[round(place.centre_y), round(place.centre_x)], colour)
    np.testing.assert_array_equal(frame[500, 500], photo[500, 500])
    alone, other = group.frame([red]), portraits[1].placement
    top, left = (round(centre - other.side / 3) for centre in (other.centre_y, other.centre_x))
    there = np.s_[top : top + 30, left : left + 30]
    np.testing.assert_array_equal(alone[there], photo[there], "a face that nobody drives is the photo's own pixels")


def test_every_head_of_a_group_is_encoded_as_one_alone(method):
    """Its gaze is known, and it has the photo's own detail where frames are larger than the network's."""
    group, alone = encode_faces(method, group_photo())[0], method.encode_source(group_photo())
    assert group.eyes is not None and group.around is not None and group.motion.gaze is not None
    assert group.placement.side == pytest.approx(alone.placement.side, rel=0.05) and group.framing.side > 1
    np.testing.assert_allclose(group.motion.head_pose, alone.motion.head_pose, atol=0.05)


def test_where_squares_overlap_the_nearer_head_keeps_its_pixels():
    left, right = Placement(100, 100, 120), Placement(160, 100, 120)
    mine, theirs = own_mask(left, [right], 120), own_mask(right, [left], 120)
    # row 60 is y = 100; the square of the left one ends at x = 160, that of the right one begins at x = 100
    assert mine[60, 60] == 1 and mine[60, 118] == 0, "over the other's head nothing of mine"
    both = mine[60, 60:] + theirs[60, :60]
    assert both.max() <= 1.001 and both.min() > 0.9, "between them one fades into the other"
    np.testing.assert_array_equal(own_mask(left, [], 120), own_mask(left, [Placement(1e4, 100, 120)], 120))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--face", "2"], "--face"),
        (["--drivers", "own"], "--face all"),
        (["--drivers", "each", "--face", "all"], "unknown drivers"),
        (["--output", "head"], "unknown output"),
        (["--fps", "0"], "--fps"),
        (["--out", "FOLDER"], "--out"),
        (["--strength", "9"], "--strength"),
        (["--start", "5", "--end", "2"], "change --start or --end"),
    ],
)
def test_what_concerns_all_is_one_line(weights, folder, capsys, arguments, words):
    assert call(weights, folder, *(str(folder) if item == "FOLDER" else item for item in arguments)) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


def test_folders_without_photos_or_drivings(weights, tmp_path, capsys):
    assert call(weights, tmp_path / "nothing") == 2 and "no such folder" in capsys.readouterr().err
    assert call(weights, tmp_path) == 2 and "holds no photo" in capsys.readouterr().err
    shutil.copy(PORTRAIT, tmp_path)
    assert call(weights, tmp_path) == 2 and "holds no driving" in capsys.readouterr().err
    assert not (tmp_path / "animated").exists()


def test_every_film_has_a_name_of_its_own():
    """a with b--c, and a--b with c: whoever came last overwrote the other's film."""
    portraits, drivings = [Path("a.jpg"), Path("a--b.jpg")], [Path("b--c.mp4"), Path("c.mp4"), Path("b--c--2.mp4")]
    jobs = batch.plan(portraits, drivings, batch.BatchOptions())
    assert len({job.output for job in jobs}) == 6
    assert [job.output for job in jobs if job.portrait == "a--b.jpg"][1] == "a--b--c--3.mp4", "--2 is another's"
    own = batch.plan(
        [Path("a.jpg"), Path("a.png"), Path("a.jpg.png")], drivings, batch.BatchOptions(all_faces=True, drivers="own")
    )
    assert [job.output for job in own] == ["a.jpg.mp4", "a.png.mp4", "a.jpg--2.mp4"]
    assert batch.Job("a.mp4", "a.jpg", [], state="done", frames=1).line() == "a.mp4: 1 frame, 0.0 s"


def test_films_of_every_ending_are_drivings_and_what_is_none_is_named(tmp_path):
    films = sorted(f"{index:02d}{ending}" for index, ending in enumerate(batch.DRIVINGS))
    for name in (*films, "a.jpg", "notes.txt", "b.txt", "c.txt", "d.txt", ".hidden"):
        (tmp_path / name).touch()
    assert {".mts", ".ts", ".mpg", ".wmv", ".3gp", ".gif", ".ogv"} < set(batch.DRIVINGS)
    with pytest.warns(UserWarning, match=r"passed over, by the ending of their names: b.txt, c.txt, d.txt and 1 more$"):
        portraits, drivings = batch.find(tmp_path, tmp_path / "out")
    assert [path.name for path in portraits] == ["a.jpg"] and [path.name for path in drivings] == films


def test_a_webp_drives_in_a_folder_of_drivings_and_is_a_photo_elsewhere(tmp_path):
    for folder in ("portraits", "drivings"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.webp").touch()
    assert [len(files) for files in batch.find(tmp_path, tmp_path / "out")] == [1, 1]
    with pytest.raises(ReenactError, match="holds no driving"):
        batch.find(tmp_path / "portraits", tmp_path / "out")


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ("d", "^the film is in "),
        ("f", "^error: the film is not made; .*report.json says what it lacks"),
        ("df", "^error: 1 of 2 films is in .* what the other lacks"),
        ("ddff", "^error: 2 of 4 films are in .* what the other 2 lack"),
        ("dd", "^2 of 2 films are in .* tells of each"),
    ],
)
def test_one_film_is_and_several_are(states, words, monkeypatch, capsys):
    made = [batch.Job("a.mp4", "a.jpg", [], state={"d": "done", "f": "failed"}[state]) for state in states]
    monkeypatch.setattr("reenact.cli.batch.batch_folder", lambda *_, **__: made)
    assert run(["batch", "folder"]) == (2 if "f" in states else 0)
    assert re.search(words, capsys.readouterr().err)


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_, **__) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ReenactError, match=r"report.json: cannot be written \(No space left on device\); free some space"):
        batch._save(tmp_path / "report.json", [])
    assert list(tmp_path.iterdir()) == []


def test_what_animate_takes_batch_takes_too(weights, folder):
    """The same film, of a part of the driving, counted from another face, marked alike."""
    (folder / "wall.png").unlink()
    (folder / "turn.mp4").unlink()
    write_clip(folder / "nod.mp4", moving_face(20), audio=True)
    asked = ["--start", "0.2", "--end", "0:00.6", "--reference", "0.3", "--badge", "--unsigned", "--output", "crop"]
    assert call(weights, folder, *asked) == 0
    alone = ["animate", folder / "anna.jpg", folder / "nod.mp4", "-o", folder / "alone.mkv"]
    assert run([*map(str, alone), *asked, "--method", str(weights), "--device", "cpu"]) == 0
    film = folder / "animated" / "anna--nod.mp4"
    assert read_clip(film)[0] == 10
    with VideoReader(folder / "alone.mkv") as one, VideoReader(film) as many:
        for a, b in zip(one, many, strict=True):
            np.testing.assert_array_equal(a.image, b.image)
    with av.open(str(film)) as container:
        assert container.streams.audio and float(container.duration / av.time_base) < 0.5, "the sound of that part alone"


def test_a_phone_s_photos_are_portraits(weights, folder):
    (folder / "anna.jpg").unlink()
    write_tiled_heic(folder / "Anna.HEIC", read_image(PORTRAIT), side=256)
    portraits, _ = batch.find(folder, folder / "animated")
    assert [path.name for path in portraits] == ["Anna.HEIC", "wall.png"]
    job = batch.Job("o.mp4", str(portraits[0]), [str(folder / "nod.mp4")])
    batch.Maker(load(str(weights), "cpu"), batch.BatchOptions(), folder).make(job)
    assert (job.state, job.frames) == ("done", 3), job.error


def test_every_option_of_animate_is_there():
    """Save that a batch has no --seed, which does nothing; what they share is defined once (cli/follow.py)."""
    register()
    taken = {}
    for command in ("animate", "batch"):
        (found,) = [one.callback for one in app.registered_commands if one.callback and one.callback.__name__ == command]
        taken[command] = set(inspect.signature(found).parameters)
    assert taken["animate"] - taken["batch"] == {"portrait", "driving", "seed"}


def test_a_tight_photo_is_shown_whole_as_in_animate(weights, folder, method):
    write_image(folder / "tight.png", tight := tight_photo(method))
    sizes = {}
    (folder / "turn.mp4").unlink()
    for mode in ("auto", "crop"):
        call(weights, folder, "--output", mode, "--out", folder / mode)
        sizes[mode] = [read_clip(folder / mode / f"{name}--nod.mp4")[2] for name in ("tight", "anna")]
    assert sizes["auto"][0] == tuple(side // 2 * 2 for side in tight.shape[1::-1]) != sizes["crop"][0]
    assert sizes["auto"][1] == sizes["crop"][1]
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "Animator", lambda *given: made.append(given[2].parts) or Animator(*given))
        call(weights, folder, "--out", folder / "again")
    assert made == [ALL_DRIVEN, KEEP_PLACE], "anna's crop follows; in tight's photo size and place stay"


def test_a_certificate_that_cannot_sign_stops_all(weights, folder, capsys):
    assert call(weights, folder, "--sign-cert", folder / "none.pem", "--sign-key", folder / "none.key") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and not (folder / "animated").exists()
