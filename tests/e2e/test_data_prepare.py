"""From folders to shards: what is kept, what is dropped and why, bad files, kills, changed settings, several processes, Ray."""

import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from data_material import SquareLandmarker, photo, picture, square_of, video
from parallel_tasks import die_on_three, double, fail_on_three
from places import HELPERS
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.data import work
from reenact.data.jobs import Settings
from reenact.data.parallel import parallel_map
from reenact.data.prepare import prepare
from reenact.data.reader import Shards
from reenact.data.shards import DiskFull
from reenact.data.shots import CutDetector

FAST = Settings(min_seconds=0.3, min_face=40)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in landmarker."""
    landmarker = SquareLandmarker()
    monkeypatch.setattr(work, "_landmarker", lambda: landmarker)


def moving(count: int, side: float = 80, step: float = 1.0, back=(40, 60, 90)) -> list[np.ndarray]:
    return [picture(150 + step * i, 120, side, back=back) for i in range(count)]


def test_a_folder_becomes_shards_with_truth(squares: None, tmp_path: Path):
    video(tmp_path / "in" / "anna" / "a.mp4", moving(12))
    photo(tmp_path / "in" / "ben.jpg", picture(160, 120, 70))
    done = prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    assert (done.clips, done.frames, done.failed) == (2, 13, 0)
    shards = Shards(tmp_path / "out")
    clip = shards.clip("anna/a-mp4-s000")
    assert clip.info.identity == "anna" and shards.info("ben-jpg").identity == "ben"
    assert np.allclose(clip.truth["time"], np.arange(12) / 25)
    # One fixed crop: the square moves through it by one px a frame of the source, and the landmarks lie on it in every frame.
    lefts = []
    for image, landmarks in zip(clip.images(), clip.truth["landmarks"], strict=True):
        left, top, right, bottom = square_of(image)
        lefts.append(left)
        assert abs(landmarks[:, 1].min() - top) < 3 and abs(landmarks[:, 1].max() - bottom) < 3
        assert abs((landmarks[:, 0].min() + landmarks[:, 0].max()) / 2 - (left + right) / 2) < 3
    unit = 256 / clip.info.figures["native_px"]
    assert abs((lefts[-1] - lefts[0]) - 11 * unit) < 3
    assert abs(clip.info.figures["face_px"] - 80) < 4
    assert np.allclose(clip.truth["head_pose"], 0, atol=0.02)


def test_shots_are_split_at_cuts_and_useless_ones_dropped(squares: None, tmp_path: Path):
    frames = moving(12)
    frames += moving(12, side=100, back=(200, 210, 190))  # a cut, another place
    frames += [picture(0, 0, 0, back=(30, 200, 30))] * 6  # nobody
    frames += moving(12, side=24, back=(90, 20, 120))  # too small
    frames += moving(4, back=(20, 20, 20))  # too short
    frames += [picture(60 + 12 * i, 120, 80, back=(10, 90, 90)) for i in range(14)]  # runs through the picture
    video(tmp_path / "in" / "a.mp4", frames)
    prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert Shards(tmp_path / "out").keys == ["a-mp4-s000", "a-mp4-s001"]
    assert report["dropped_shots"] == {"small face": 1, "too short": 1, "unsteady face": 1}
    assert [Shards(tmp_path / "out").info(key).frames for key in ("a-mp4-s000", "a-mp4-s001")] == [12, 12]


def test_long_shots_are_split(squares: None, tmp_path: Path):
    video(tmp_path / "in" / "a.mp4", moving(44, step=0.2))
    prepare(tmp_path / "in", tmp_path / "out", settings=Settings(min_seconds=0.3, min_face=40, max_seconds=0.6))
    assert [Shards(tmp_path / "out").info(key).frames for key in Shards(tmp_path / "out").keys] == [16, 16, 12]


def test_a_shaking_camera_is_no_cut_and_a_cut_is_one():
    random = np.random.default_rng(0)
    ground = random.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
    cuts = CutDetector()
    assert not any(cuts.update(np.roll(ground, int(random.integers(-2, 3)), 1)) for _ in range(20))
    assert cuts.update(255 - ground)


def test_bad_files_are_a_line_each_and_the_rest_is_done(squares: None, tmp_path: Path):
    good = video(tmp_path / "in" / "good.mp4", moving(12))
    (tmp_path / "in" / "cut.mp4").write_bytes(good.read_bytes()[:900])
    (tmp_path / "in" / "empty.mp4").write_bytes(b"")
    (tmp_path / "in" / "text.mp4").write_text("not a video")
    (tmp_path / "in" / "text.jpg").write_text("not a photo")
    video(tmp_path / "in" / "nobody.mp4", [picture(0, 0, 0)] * 12)
    (tmp_path / "in" / "notes.txt").write_text("no business of ours")
    said: list[str] = []
    done = prepare(tmp_path / "in", tmp_path / "out", settings=FAST, tell=said.append)
    assert (done.jobs, done.failed, done.clips) == (6, 5, 1)
    assert len(said) == 5 and all("\n" not in line for line in said)
    failures = {line["file"]: line["error"] for line in json.loads((tmp_path / "out" / "report.json").read_text())["failures"]}
    assert set(failures) == {"cut.mp4", "empty.mp4", "text.mp4", "text.jpg", "nobody.mp4"}
    assert "empty" in failures["empty.mp4"] and "nothing to use" in failures["nobody.mp4"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 0}, "`size` must be 32 to 4096, not 0"),
        ({"quality": 200}, "`quality` must be 1 to 95, not 200"),
        ({"stride": -1}, "`stride` must be 0 or more"),
        ({"min_seconds": float("nan")}, "`min_seconds` must be"),
        ({"min_seconds": 3, "max_seconds": 2}, "`max_seconds` must be 3 or more, not 2"),
    ],
)
def test_a_data_set_is_not_begun_with_settings_that_cannot_be(tmp_path: Path, wrong: dict, words: str):
    photo(tmp_path / "in" / "ben.jpg", picture(160, 120, 70))
    with pytest.raises(ReenactError, match=words):
        prepare(tmp_path / "in", tmp_path / "out", settings=Settings(**wrong))
    assert not (tmp_path / "out").exists()


def test_what_lies_in_the_output_folder_is_no_source(squares: None, tmp_path: Path):
    """`reenact data report` draws its pictures there."""
    photo(tmp_path / "in" / "ben.jpg", picture(160, 120, 70))
    out = tmp_path / "in" / "out"
    prepare(tmp_path / "in", out, settings=FAST)
    photo(out / "report" / "faces.png", picture(160, 120, 70))
    assert prepare(tmp_path / "in", out, settings=FAST).jobs == 1
    with pytest.raises(ReenactError, match="SOURCE itself"):
        prepare(tmp_path / "in", tmp_path / "in", settings=FAST)


def test_clips_of_files_that_are_gone_or_changed_are_told_of(squares: None, tmp_path: Path):
    for name in ("ann", "ben", "cy"):
        photo(tmp_path / "in" / f"{name}.jpg", picture(160, 120, 70))
    prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    (tmp_path / "in" / "ann.jpg").unlink()
    photo(tmp_path / "in" / "ben.jpg", picture(160, 120, 100, back=(9, 90, 9)))
    with pytest.warns(ReenactWarning) as told:
        prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    assert [("ann.jpg" in str(w.message), "ben.jpg" in str(w.message)) for w in told] == [(True, False), (False, True)]
    assert "files that SOURCE no longer holds (ann.jpg)" in str(told[0].message)


def test_a_huge_frame_is_a_line(squares: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(work, "MAX_PIXELS", 320 * 240 - 1)
    video(tmp_path / "in" / "a.mp4", moving(12))
    said: list[str] = []
    with pytest.raises(ReenactError, match="not one clip came out"):
        prepare(tmp_path / "in", tmp_path / "out", settings=FAST, tell=said.append)
    assert "larger than 8K" in said[0]


def test_nothing_is_done_twice_and_new_or_mended_files_are(squares: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    video(tmp_path / "in" / "a.mp4", moving(12))
    (tmp_path / "in" / "b.mp4").write_text("broken")
    prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    done: list[str] = []
    run = work.run_job
    monkeypatch.setattr("reenact.data.prepare.run_job", lambda job, *rest: done.append(job.key) or run(job, *rest))
    prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    assert done == []
    video(tmp_path / "in" / "b.mp4", moving(12))
    video(tmp_path / "in" / "c.mp4", moving(12))
    summary = prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    assert done == ["b-mp4", "c-mp4"] and (summary.clips, summary.failed) == (3, 0)
    assert sorted(Shards(tmp_path / "out").keys) == ["a-mp4-s000", "b-mp4-s000", "c-mp4-s000"]


def test_other_settings_need_another_folder(squares: None, tmp_path: Path):
    video(tmp_path / "in" / "a.mp4", moving(12))
    prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    with pytest.raises(ReenactError, match="begun with `size` 256, not 128"):
        prepare(tmp_path / "in", tmp_path / "out", settings=Settings(size=128, min_seconds=0.3, min_face=40))


def test_a_full_disk_stops_it_with_one_line(squares: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    video(tmp_path / "in" / "a.mp4", moving(12))

    def full(self: object, clip: object) -> None:
        raise DiskFull("the disk is full")

    monkeypatch.setattr("reenact.data.shards.ShardWriter.add", full)
    with pytest.raises(DiskFull, match="the disk is full"):
        prepare(tmp_path / "in", tmp_path / "out", settings=FAST)
    assert not list((tmp_path / "out" / "shards").iterdir()) and not list((tmp_path / "out" / "parts").iterdir())


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from data_material import SquareLandmarker
from reenact.data import work
from reenact.data.jobs import Settings
from reenact.data.prepare import prepare

class Slow(SquareLandmarker):
    def detect(self, image):
        time.sleep(0.02)
        return super().detect(image)

slow = Slow()
work._landmarker = lambda: slow
prepare(Path(sys.argv[1]), Path(sys.argv[2]), settings=Settings(min_seconds=0.3, min_face=40), shard_bytes=40_000)
"""


def test_a_kill_costs_only_what_was_under_way(squares: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """SIGKILL after some of six videos; the second run does the others, and every clip is there once."""
    for number in range(6):
        video(tmp_path / "in" / f"v{number}.mp4", moving(9, back=(10 * number, 60, 90)))
    out = tmp_path / "out"
    script = KILLED.format(tests=str(HELPERS))
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "in"), str(out)])
    deadline = time.monotonic() + 100
    while len([*out.glob("shards/*.json"), *out.glob("parts/*.json")]) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (out / "parts" / ".torn.tar.1.part").write_bytes(b"half a shard")
    done: list[str] = []
    run = work.run_job
    monkeypatch.setattr("reenact.data.prepare.run_job", lambda job, *rest: done.append(job.key) or run(job, *rest))
    summary = prepare(tmp_path / "in", out, settings=FAST)
    assert 1 <= len(done) <= 4 and summary.done_before == 6 - len(done)
    assert summary.clips == 6
    assert sorted(Shards(out).keys) == [f"v{number}-mp4-s000" for number in range(6)]
    assert list((out / "parts").iterdir()) == []
    for key in Shards(out).keys:
        assert Shards(out).clip(key).images().shape == (9, 256, 256, 3)


def test_parts_already_in_a_shard_are_not_joined_twice(squares: None, tmp_path: Path):
    """The state that a kill between the shard's birth and its parts' removal leaves."""
    video(tmp_path / "in" / "a.mp4", moving(12))
    video(tmp_path / "in" / "b.mp4", moving(12))
    out = tmp_path / "out"
    prepare(tmp_path / "in", out, settings=FAST)
    job = work.Job("a-mp4", str(tmp_path / "in" / "a.mp4"), "a", "shots", "a.mp4")
    work.run_job(job, FAST, out / "parts" / "a-mp4.tar")
    shutil.copy(out / "parts" / "a-mp4.tar", out / "parts" / "b-mp4.tar")  # its index went first
    prepare(tmp_path / "in", out, settings=FAST)
    assert sorted(Shards(out).keys) == ["a-mp4-s000", "b-mp4-s000"]
    assert len(list((out / "shards").glob("*.tar"))) == 1 and not list((out / "parts").iterdir())


def test_a_parallel_map_does_every_task_and_outlives_a_dead_worker():
    results = list(parallel_map(die_on_three, [(number,) for number in range(7)], lambda task: -task[0], 2, None))
    assert sorted(results) == [-3, 0, 2, 4, 8, 10, 12]


def test_a_parallel_map_loses_no_task_when_its_pool_is_broken_at_handing_out(monkeypatch: pytest.MonkeyPatch):
    submit, broken = ProcessPoolExecutor.submit, []

    def third_fails(self: ProcessPoolExecutor, *arguments: object) -> object:
        broken.append(arguments)
        if len(broken) == 3:
            raise BrokenProcessPool("a process died")
        return submit(self, *arguments)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", third_fails)
    results = list(parallel_map(double, [(number,) for number in range(5)], lambda task: "lost", 2, None))
    assert sorted(results) == [0, 2, 4, 6, 8]


def test_a_parallel_map_stops_for_what_its_work_raises():
    tasks = [(number,) for number in range(5)]
    for workers in (1, 2):
        with pytest.raises(ValueError, match="three"):
            list(parallel_map(fail_on_three, tasks, lambda task: None, workers, None))
    assert list(parallel_map(double, tasks, lambda task: None, 1, None)) == [0, 2, 4, 6, 8]
    with pytest.raises(ReenactError, match="`workers`"):
        parallel_map(double, [], lambda task: None, 0, None)


def real_videos(folder: Path) -> None:
    from clips import moving_face

    for name in ("anna", "ben"):
        video(folder / name / "a.mp4", moving_face(8))
    (folder / "broken.mp4").write_text("broken")


@pytest.mark.slow
@pytest.mark.parametrize("ray", [None, "local"])
def test_two_workers_give_what_one_gives(ray: str | None, tmp_path: Path):
    """Two processes, then two Ray workers, with the real landmarker."""
    if ray:
        pytest.importorskip("ray")
    real_videos(tmp_path / "in")
    settings = Settings(min_seconds=0.2)
    said: list[str] = []
    one = prepare(tmp_path / "in", tmp_path / "one", settings=settings)
    two = prepare(tmp_path / "in", tmp_path / "two", settings=settings, workers=2, ray=ray, tell=said.append)
    assert (two.clips, two.frames, two.failed) == (one.clips, one.frames, one.failed) == (2, 16, 1)
    assert len(said) == 1 and "broken.mp4" in said[0]
    a, b = Shards(tmp_path / "one"), Shards(tmp_path / "two")
    assert sorted(a.keys) == sorted(b.keys)
    for key in a.keys:
        assert a.clip(key).encoded == b.clip(key).encoded
        assert np.array_equal(a.truth(key)["landmarks"], b.truth(key)["landmarks"])
