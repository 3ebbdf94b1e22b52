"""The adapters, each on a small folder of the data set's own layout, made here."""

import json
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_material import SquareLandmarker, photo, picture, square_of, video
from reenact.core.errors import ReenactError
from reenact.data import work
from reenact.data.figures import clip_figures
from reenact.data.jobs import Settings
from reenact.data.prepare import prepare
from reenact.data.reader import Shards
from reenact.data.sources import celebv, find_jobs
from reenact.data.work import Picture, ProcessedClip
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.landmarker import Face

FAST = Settings(min_seconds=0.2, min_face=20)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> None:
    landmarker = SquareLandmarker()
    monkeypatch.setattr(work, "_landmarker", lambda: landmarker)


def walking(count: int, size: tuple[int, int] = (320, 240), side: float = 60) -> list[np.ndarray]:
    """A square whose centre goes one px to the right a frame, from (100, 100)."""
    return [picture(100 + i, 100, side, *size) for i in range(count)]


def voxceleb(folder: Path, lines: list[str]) -> Path:
    header = "video_id,start,end,bbox,fps,width,height,partition,person_id"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vox-metadata.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def test_voxceleb_cuts_what_its_list_says(squares: None, tmp_path: Path):
    """Times in 25ths of a second, a box in px of a picture of twice the video's size, a video at 30 frames/s."""
    source = voxceleb(
        tmp_path / "vox", ["vid1,5,15,120-120-320-320,25,640,480,train,id1", "vid1,10,15,120-120-320-320,25,640,480,test,id2"]
    )
    video(source / "videos" / "vid1.mp4", walking(30), rate=30)
    done = prepare(source, tmp_path / "out", settings=FAST)
    assert (done.layout, done.clips) == ("voxceleb", 2)
    shards = Shards(tmp_path / "out")
    clip = shards.clip("id1/vid1/000005-000015")
    # 0.2 <= t < 0.6 s at 30 frames/s: frames 6 to 17.
    assert np.allclose(clip.truth["time"], np.arange(6, 18) / 30)
    # The box is (60, 60)-(160, 160) of the video; the square of 60 px at frame 6 has its left edge at 106 - 30 = 76.
    left, top, right, bottom = square_of(clip.image(0))
    assert abs(left - 16 * 2.56) < 3 and abs(top - 10 * 2.56) < 3 and abs(bottom - 70 * 2.56) < 3
    assert clip.info.figures["native_px"] == 100
    assert (clip.info.identity, clip.info.split, clip.info.tier) == ("id1", "train", "C")
    assert shards.info("id2/vid1/000010-000015").split == "val"


def test_voxceleb_s_missing_videos_and_odd_boxes_are_lines(squares: None, tmp_path: Path):
    lines = ["vid1,0,10,100-100-200-200,25,320,240,train,id1", "gone,0,10,1-1-9-9,25,320,240,train,id1"]
    lines += ["vid1,0,10,400-100-500-200,25,320,240,train,id3", "vid1,0,10,250-50-400-200,25,320,240,train,id4"]
    source = voxceleb(tmp_path / "vox", lines)
    video(source / "vid1.mp4", [picture(270, 120, 60)] * 12)
    said: list[str] = []
    done = prepare(source, tmp_path / "out", settings=FAST, tell=said.append)
    # id1's box holds no face, id3's lies outside, id4's is cut off at the border.
    assert [info.identity for info in map(Shards(tmp_path / "out").info, Shards(tmp_path / "out").keys)] == ["id4"]
    assert done.failed == 3
    assert any("no such file" in line for line in said) and any("outside its 320x240 picture" in line for line in said)


@pytest.mark.parametrize(
    "line",
    [
        "vid1,0,10,100-100-200,25,320,240,train,id1",
        "vid1,ten,10,1-1-9-9,25,320,240,train,id1",
        "vid1,9,3,1-1-9-9,25,320,240,train,id1",
        "vid1",
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str):
    source = voxceleb(tmp_path / "vox", ["vid1,0,10,1-1-9-9,25,320,240,train,id1", line])
    with pytest.raises(ReenactError, match=r"vox-metadata\.csv: line 3 cannot be read"):
        find_jobs(source)


def test_voxceleb_as_its_scripts_leave_it(squares: None, tmp_path: Path):
    video(tmp_path / "vox" / "train" / "id10001#7w0#000001#000010.mp4", [picture(128, 128, 90, 256, 256)] * 5)
    for number in range(3):
        photo(tmp_path / "vox" / "test" / "id10282#abc#000003#000006.mp4" / f"{number:07d}.png", picture(128, 128, 90, 256, 256))
    prepare(tmp_path / "vox", tmp_path / "out", settings=FAST)
    shards = Shards(tmp_path / "out")
    assert sorted((shards.info(k).identity, shards.info(k).split, shards.info(k).frames) for k in shards.keys) == [
        ("id10001", "train", 5),
        ("id10282", "val", 3),
    ]


def hdtf(folder: Path) -> Path:
    lists = folder / "HDTF_dataset"
    lists.mkdir(parents=True)
    (lists / "RD_annotion_time.txt").write_text("Radio1.mp4 00:00-00:01 00:01-00:02 \nRadio2.mp4 00:00-00:01\n")
    (lists / "RD_crop_wh.txt").write_text("Radio1_0.mp4 100 200 60 200\nRadio1_1.mp4 120 200 60 200\n")
    (lists / "RD_resolution.txt").write_text("Radio1.mp4 480\nRadio2.mp4 480\n")
    return folder


def test_hdtf_cuts_times_and_crops(squares: None, tmp_path: Path):
    """The lists count in a picture 480 high; the video is 240 high. Radio2 has no crop and is left out."""
    source = hdtf(tmp_path / "hdtf")
    video(source / "_videos_raw" / "RD_Radio1.mp4", walking(20), rate=10)
    done = prepare(source, tmp_path / "out", settings=Settings(size=512))
    assert (done.layout, done.clips) == ("hdtf", 2)
    shards = Shards(tmp_path / "out")
    first, second = shards.clip("RD/Radio1_0"), shards.clip("RD/Radio1_1")
    assert first.info.size == 512 and first.image(0).shape == (512, 512, 3)
    assert np.allclose(first.truth["time"], np.arange(10) / 10) and np.allclose(second.truth["time"], np.arange(10, 20) / 10)
    # Crop (50, 30)-(150, 130) of the video; the square's left edge is at 70 in frame 0, and at 80 in frame 10 of a crop from 60.
    assert abs(square_of(first.image(0))[0] - 20 * 5.12) < 6 and abs(square_of(second.image(0))[0] - 20 * 5.12) < 6
    assert first.info.identity == "RD_Radio1" and first.info.tier == "C"


def test_hdtf_s_lists_are_checked(tmp_path: Path):
    source = hdtf(tmp_path / "hdtf")
    (source / "HDTF_dataset" / "RD_crop_wh.txt").write_text("Radio1_0.mp4 100 200 60\n")
    with pytest.raises(ReenactError, match=r"RD_annotion_time\.txt: line 1: cannot be read, or its crop"):
        find_jobs(source)
    (source / "HDTF_dataset" / "RD_resolution.txt").unlink()
    with pytest.raises(ReenactError, match=r"RD_resolution\.txt: is missing"):
        find_jobs(source)


def test_celebv_s_people_become_clips(squares: None, tmp_path: Path):
    for person, numbers in (("Jack_Ma", [1, 2, 3, 400, 401]), ("Kathleen", [7, 8])):
        names = [f"{number:010d}.jpg" for number in numbers]
        for name in names:
            photo(tmp_path / "c" / person / "Image" / name, picture(128, 128, 90, 256, 256))
        landmarks = " ".join(["1.5"] * 196)
        (tmp_path / "c" / person / "all_98pt.txt").write_text("".join(f"{name} {landmarks}\n" for name in names))
    (tmp_path / "c" / "Kathleen" / "train_98pt.txt").write_text("0000000007.jpg 1 2\n")
    (tmp_path / "c" / "Kathleen" / "test_98pt.txt").write_text("0000000008.jpg 1 2\n")
    (tmp_path / "c" / "pairs.txt").write_text("Jack_Ma/0000000001.jpg Kathleen/0000000007.jpg\n")
    done = prepare(tmp_path / "c", tmp_path / "out", settings=FAST)
    assert done.layout == "celebv"
    shards = Shards(tmp_path / "out")
    found = sorted((i.identity, i.split, i.frames) for i in map(shards.info, shards.keys))
    assert found == [("Jack_Ma", "train", 2), ("Jack_Ma", "train", 3), ("Kathleen", "train", 1), ("Kathleen", "val", 1)]
    assert celebv.pairs(tmp_path / "c") == [("Jack_Ma/0000000001.jpg", "Kathleen/0000000007.jpg")]
    (tmp_path / "c" / "pairs.txt").write_text("Jack_Ma/1.jpg\n")
    with pytest.raises(ReenactError, match="line 1 is not two pictures"):
        celebv.pairs(tmp_path / "c")


def own(folder: Path) -> Path:
    (folder / "clips" / "train").mkdir(parents=True)
    video(folder / "clips" / "train" / "t1.mp4", [picture(128 + i, 128, 90, 256, 256) for i in range(9)])
    line = {"clip": "t1.mp4", "identity": "p1", "seconds": 0.36, "fps": 25.0, "tier": "A", "source": "somebody/something"}
    (folder / "clips" / "train.jsonl").write_text(json.dumps(line) + "\n")
    for name in ("london_neutral_025_03.jpg", "london_smiling_025_08.jpg"):
        photo(folder / "portraits" / "train" / name, picture(256, 256, 200, 512, 512))
    for name in ("m00_i003", "m21_i003"):
        video(folder / "synth_pairs" / f"{name}.mp4", [picture(128, 128, 90, 256, 256)] * 8, rate=10)
        rows = np.arange(8, dtype=np.float32)
        np.savez(
            folder / "synth_pairs" / f"{name}.npz",
            names=np.array(["tongueOut", *BLENDSHAPE_NAMES[:0:-1]]),
            blendshapes=np.tile(np.linspace(0, 1, 52), (8, 1)).astype(np.float16),
            pose=np.stack([0.1 * rows, 0.2 * rows, 0.3 * rows], 1),
            gaze=np.stack([0.01 * rows, 0.02 * rows], 1),
            points=np.full((8, 5, 2), 64, np.float16),
            point_ids=np.arange(5),
        )
    return folder


def test_our_own_layout(squares: None, tmp_path: Path):
    done = prepare(own(tmp_path / "own"), tmp_path / "out")
    assert (done.layout, done.clips) == ("own", 5)
    shards = Shards(tmp_path / "out")
    clip = shards.clip("clips/train/t1")
    assert (clip.info.identity, clip.info.tier, clip.info.source, clip.info.frames) == ("p1", "A", "somebody/something", 3)
    assert np.allclose(clip.truth["time"], [0, 0.12, 0.24])
    sitters = {shards.info(k).identity for k in shards.keys if shards.info(k).split == "ptrain"}
    assert sitters == {"london_025"}
    photo_clip = shards.clip("portraits/train/london_neutral_025_03")
    assert abs(square_of(photo_clip.image(0))[0] - 78) < 3, "portraits are crops already and are only scaled"
    assert shards.info("synth_pairs/m00_i003").split == "strain" and shards.info("synth_pairs/m21_i003").split == "sval"


def test_a_cut_inside_a_ready_crop_makes_two_clips(squares: None, tmp_path: Path):
    source = own(tmp_path / "own")
    frames = [picture(128 + i, 128, 90, 256, 256) for i in range(7)]
    frames += [picture(120, 128, 90, 256, 256, back=(220, 220, 200)) for i in range(5)]
    video(source / "clips" / "train" / "t1.mp4", frames)
    prepare(source, tmp_path / "out")
    shards = Shards(tmp_path / "out")
    times = [shards.truth(key)["time"].tolist() for key in ("clips/train/t1", "clips/train/t1-s001")]
    assert times == [[0, 0.12, 0.24], [0.36]]


def test_rendered_truth_comes_in_our_conventions(squares: None, tmp_path: Path):
    """The prototype wrote pitch down, yaw, roll anticlockwise, and blendshapes in its own order; every second frame is kept."""
    prepare(own(tmp_path / "own"), tmp_path / "out")
    truth = Shards(tmp_path / "out").truth("synth_pairs/m00_i003")
    rows = np.float32([0, 2, 4, 6])
    assert np.allclose(truth["exact_pose"], np.stack([0.2 * rows, -0.1 * rows, -0.3 * rows], 1), atol=1e-6)
    assert np.allclose(truth["gaze"], np.stack([0.02 * rows, -0.01 * rows], 1), atol=1e-6)
    values = dict(zip(["tongueOut", *BLENDSHAPE_NAMES[:0:-1]], np.linspace(0, 1, 52), strict=True))
    expected = [values.get(name, 0.0) for name in BLENDSHAPE_NAMES]
    assert np.allclose(truth["exact_blendshapes"], [expected] * 4, atol=1e-3)
    assert truth["points"].shape == (4, 5, 2) and np.allclose(truth["points"], 64)


def test_clips_of_our_renderer_are_known_by_their_truth(squares: None, tmp_path: Path):
    folder = own(tmp_path / "own") / "synth_pairs"
    job = {job.key: job for job in find_jobs(folder)[1]}["m21_i003"]
    assert find_jobs(folder)[0] == "rendered" and (job.identity, job.motion) == ("synth_pairs-i003", "synth_pairs-m21")
    prepare(folder, tmp_path / "out")
    truth = Shards(tmp_path / "out").truth("m21_i003")
    assert np.allclose(truth["exact_pose"][3], [0.3, 0.6, 0.9], atol=1e-5), "yaw, pitch, roll as they are"
    (folder / "m21_i003.npz").write_bytes(b"torn")
    said: list[str] = []
    prepare(folder, tmp_path / "again", tell=said.append)
    assert len(said) == 1 and "is no truth for the clip" in said[0]


def test_own_videos_and_rendered_clips_of_one_folder_are_both_taken(tmp_path: Path):
    shutil.copytree(own(tmp_path / "own") / "synth_pairs", tmp_path / "in" / "rendered")
    video(tmp_path / "in" / "anna" / "a.mp4", walking(4))
    np.savez(tmp_path / "in" / "anna" / "a.npz", rate=25)  # a take of hers, no truth
    layout, jobs = find_jobs(tmp_path / "in")
    of = {job.file: job for job in jobs}
    assert layout == "folder" and of["anna/a.mp4"].kind == "shots" and not of["anna/a.mp4"].truth
    assert (of["rendered/m21_i003.mp4"].motion, of["rendered/m21_i003.mp4"].kind) == ("in-m21", "crop")
    assert {job.split for job in jobs} == {"train", "strain"}


def test_a_plain_folder_knows_phones_photos_and_follows_links(tmp_path: Path):
    video(tmp_path / "disk" / "a.mp4", walking(4))
    photo(tmp_path / "in" / "me.jpg", picture(160, 120, 70)).rename(tmp_path / "in" / "me.HEIC")
    (tmp_path / "in" / "anna").symlink_to("../disk", target_is_directory=True)
    (tmp_path / "in" / "anna2").symlink_to("../disk", target_is_directory=True)
    (tmp_path / "in" / "round").symlink_to(".", target_is_directory=True)
    (tmp_path / "in" / "lost.mp4").symlink_to("nowhere.mp4")
    files = [job.file for job in find_jobs(tmp_path / "in")[1]]
    assert len(files) == 3 and {"lost.mp4", "me.HEIC"} < set(files) and {"anna/a.mp4", "anna2/a.mp4"} & set(files)


def test_a_wrong_line_of_our_own_list_is_named(tmp_path: Path):
    own(tmp_path / "own")
    (tmp_path / "own" / "clips" / "train.jsonl").write_text('{"clip": "t1.mp4"}\n')
    with pytest.raises(ReenactError, match=r"train\.jsonl: line 1 is not a clip's JSON"):
        find_jobs(tmp_path / "own")


@pytest.mark.parametrize(
    ("layout", "words"), [("auto", "holds no videos or photos"), ("hdtf", "layout of hdtf"), ("nope", "not known")]
)
def test_an_empty_or_other_folder_says_so(tmp_path: Path, layout: str, words: str):
    with pytest.raises(ReenactError, match=words):
        find_jobs(tmp_path, layout)
    with pytest.raises(ReenactError, match="no such folder"):
        find_jobs(tmp_path / "gone")


def test_jobs_travel(tmp_path: Path):
    """To other processes and machines, with exact times."""
    import pickle

    job = find_jobs(voxceleb(tmp_path / "vox", ["vid1,1,10,1-1-9-9,30,320,240,train,id1"]))[1][0]
    assert pickle.loads(pickle.dumps(job)) == job and job.start == Fraction(1, 30)


def test_sharpness_is_measured_all_over_a_clip_where_its_face_is():
    """Each frame is noise where its own face is, and flat elsewhere."""
    random, settings, taken = np.random.default_rng(0), SimpleNamespace(quality=90), ProcessedClip()
    boxes = []
    for number in range(100):
        left = number % 96
        image = np.full((128, 128, 3), 127, np.uint8)
        image[40:70, left : left + 30] = random.integers(0, 256, (30, 30, 3))
        landmarks = np.float32(random.uniform([left, 40, 0], [left + 30, 70, 1], (478, 3)))
        boxes.append(landmarks)
        taken.add(Picture(number / 25, image, 128.0), Face(landmarks, 1.0), settings)
    numbers = [number for number, _ in taken.images]
    assert numbers == list(range(0, 100, 8))
    still = {"head_pose": np.zeros((100, 3)), "blendshapes": np.zeros((100, 52))}
    truth = {"landmarks": np.stack(boxes), "time": np.arange(100) / 25, **still}
    assert clip_figures(taken.images, truth, 128.0)["sharpness"] > 50
