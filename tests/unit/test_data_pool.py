"""The pool out of shards, the pairs that are drawn from it, and its way through packed parts."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data_material import clip
from reenact.core.errors import ReenactError
from reenact.data.batches import Batches
from reenact.data.pack import pack
from reenact.data.pairs import Mix, PairSampler, mirrored, mirrored_blendshapes
from reenact.data.pool import Pool
from reenact.data.shards import Clip, write_shard
from reenact.faces.blendshapes import BLENDSHAPE_NAMES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """anna has three clips, ben one; three rendered people share motion m1, and one of them also has m2, which nobody shares."""
    place = tmp_path_factory.mktemp("set")
    real = [clip(f"anna/{i}", 5, "anna") for i in range(3)] + [clip("ben/0", 7, "ben"), clip("vera/0", 3, "vera", "val")]
    rendered = [clip(f"m1_{i}", 6, f"synth{i}", "strain", "m1") for i in range(3)] + [clip("m2_0", 6, "synth0", "strain", "m2")]
    # One frame of m1_1 was not read: times, not numbers, must be matched.
    rendered[1] = without_frame(rendered[1], 2)
    write_shard(place / "clips-000000.tar", real)
    write_shard(place / "clips-000001.tar", rendered)
    return place


def without_frame(whole: Clip, number: int) -> Clip:
    kept = [i for i in range(whole.info.frames) if i != number]
    truth = {name: values[kept] for name, values in whole.truth.items()}
    return Clip(replace(whole.info, frames=len(kept)), [whole.encoded[i] for i in kept], truth)


@pytest.fixture(scope="module")
def pool(folder: Path) -> Pool:
    return Pool.load(folder)


def test_the_pool_holds_every_frame_with_its_truth(folder: Path, pool: Pool):
    assert len(pool.clip) == 3 * 5 + 7 + 3 + 6 + 5 + 6 + 6 == sum(map(len, pool.frames))
    wanted = clip("ben/0", 7, "ben")
    rows = np.flatnonzero(pool.clip == "ben/0")
    assert np.array_equal(pool.read(rows), wanted.images())
    assert np.abs(pool.landmarks[rows] - wanted.truth["landmarks"]).max() < 0.01
    assert np.abs(pool.truth.head_pose[rows] - wanted.truth["head_pose"]).max() < 1e-3
    assert (
        set(pool.split[rows]) == {"train"}
        and set(pool.identity[rows]) == {"ben"}
        and np.allclose(pool.time[rows], np.arange(7) / 25)
    )
    assert np.isnan(pool.exact["head_pose"][rows]).all()
    rendered = np.flatnonzero(pool.clip == "m1_0")
    assert set(pool.motion[rendered]) == {"m1"} and not np.isnan(pool.exact["blendshapes"][rendered]).any()


def test_the_cache_is_made_once_and_anew_for_another_view(folder: Path, pool: Pool):
    (made,) = (folder / "cache").glob("*.npy")
    stamp = made.stat().st_mtime_ns
    Pool.load(folder)
    assert made.stat().st_mtime_ns == stamp
    small = Pool.load(folder, size=128, stride=2, splits=("train",))
    assert small.frames[0].shape[1:] == (128, 128, 3)
    assert len(small.clip) == 3 * 3 + 4 and set(small.split) == {"train"}
    wanted = pool.landmarks[pool.split == "train"]
    assert np.abs(small.landmarks[:3] * 2 - wanted[:5:2]).max() < 0.02
    assert np.allclose(small.truth.scale[:3], pool.truth.scale[pool.split == "train"][:5:2], atol=1e-3)


def test_a_disk_too_small_for_the_cache_is_a_clear_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**6))
    with pytest.raises(ReenactError, match="the decoded frames need 0.0 GB"):
        Pool.load(folder, cache=tmp_path / "cache")
    with pytest.raises(ReenactError, match="no clips of test"):
        Pool.load(folder, splits=("test",))


def test_pairs_of_one_person_from_two_clips(pool: Pool):
    source, driving = PairSampler(pool, ("train",), 0, mix=Mix(same_clip=1, other_clip=1)).rows(200)
    assert (pool.identity[source] == pool.identity[driving]).all()
    apart = pool.clip[source] != pool.clip[driving]
    assert 60 < apart.sum() < 140 and set(pool.identity[source[apart]]) == {"anna"}
    with pytest.raises(ReenactError, match="nobody in the pool has two clips"):
        PairSampler(pool, ("val",), 0, mix=Mix(other_clip=1))


def test_same_motion_triples_have_a_target_in_the_driving_frame_s_motion(pool: Pool):
    sampler = PairSampler(pool, ("train", "strain"), 0, mix=Mix(same_clip=0, same_motion=1))
    source, driving, target = sampler.triples(100)
    assert (pool.identity[source] == pool.identity[target]).all() and (pool.identity[source] != pool.identity[driving]).all()
    assert (pool.clip[source] == pool.clip[target]).all()
    assert set(pool.motion[driving]) == {"m1"} and (pool.motion[target] == "m1").all()
    assert np.allclose(pool.time[target], pool.time[driving])
    mixed = PairSampler(pool, ("train", "strain"), 0, mix=Mix(same_clip=1, same_motion=1)).triples(200)
    crossed = pool.identity[mixed[0]] != pool.identity[mixed[1]]
    assert 60 < crossed.sum() < 140 and (mixed[1][~crossed] == mixed[2][~crossed]).all()
    with pytest.raises(ReenactError, match="no rendered clips that share one"):
        PairSampler(pool, ("train",), 0, mix=Mix(same_motion=1))


def test_pairs_of_singles_are_of_one_clip_or_of_one_moment(pool: Pool):
    data = Batches(pool, ("train", "strain"), 64, torch.device("cpu"), same_motion=0.5)
    data.learn("row", np.arange(len(pool.split)))
    rows = data.singles(0, 200, slice(0, 200), paired=True)[0]["row"].numpy()
    first, second = rows[::2], rows[1::2]
    twins = pool.clip[first] != pool.clip[second]
    assert 30 < twins.sum() < 70
    assert (pool.motion[first[twins]] == "m1").all() and (pool.motion[second[twins]] == "m1").all()
    assert np.allclose(pool.time[first[twins]], pool.time[second[twins]])
    assert (pool.identity[first[twins]] != pool.identity[second[twins]]).all()


def test_people_and_pose_gaps_are_weighted(pool: Pool):
    def share(mix: Mix) -> float:
        source, _ = PairSampler(pool, ("train",), 0, mix=mix).rows(400)
        return float((pool.identity[source] == "anna").mean())

    assert abs(share(Mix()) - 0.5) < 0.1
    assert abs(share(Mix(identity_power=1)) - 15 / 22) < 0.1

    def gap(mix: Mix) -> float:
        source, driving = PairSampler(pool, ("train",), 0, wide=0.0, mix=mix).rows(400)
        pose = pool.truth.head_pose
        return float(np.abs(pose[source] - pose[driving]).sum(1).mean())

    assert gap(Mix(gap_power=4)) > 1.3 * gap(Mix()) > 0


@pytest.mark.parametrize(
    ("asked", "parts", "other"), [("mouths", ("jaw", "mouth"), "eye"), ("lids", ("eyeBlink",), ("jaw", "mouth"))]
)
def test_mouths_or_lids_that_lie_apart_are_asked_for(pool: Pool, asked: str, parts: tuple[str, ...], other: str):
    """And nothing but these: what the rest of the face does is left to chance."""
    shapes = np.random.default_rng(0).random((len(pool.split), 52)).astype(np.float32)

    def gap(share: float, part: str | tuple[str, ...]) -> float:
        sampler = PairSampler(pool, ("train",), 0, wide=0.0, **{asked: share})
        sampler.truth = replace(pool.truth, blendshapes=shapes)
        source, driving = sampler.rows(400)
        apart = source != driving
        chosen = [name.startswith(part) for name in BLENDSHAPE_NAMES]
        return float(np.abs(shapes[source] - shapes[driving])[apart][:, chosen].mean())

    assert gap(1.0, parts) > 1.1 * gap(0.0, parts)
    assert gap(1.0, other) < 1.05 * gap(0.0, other)


def test_augmentation_is_alike_unless_asked(pool: Pool):
    """The frames are plain grays that differ by at most 6 levels within a clip: their tint is read off them."""
    sampler = PairSampler(pool, ("train",), 0)
    tints = {}
    for augment in ("alike", "apart"):
        source, driving = sampler.batch(32, 256, augment=augment)
        ratio = source["image"].mean((2, 3)) / driving["image"].mean((2, 3))
        tints[augment] = (ratio / ratio.mean(1, keepdim=True) - 1).abs().max()
    assert tints["alike"] < 0.02 < 0.05 < tints["apart"]


def test_triples_tint_the_target_as_the_source(pool: Pool):
    sampler = PairSampler(pool, ("strain",), 0, mix=Mix(same_clip=0, same_motion=1))
    source, driving, target = sampler.triple_batch(32, 256, augment="apart")
    ratio = source["image"].mean((2, 3)) / target["image"].mean((2, 3))
    assert (ratio / ratio.mean(1, keepdim=True) - 1).abs().max() < 0.02
    other = source["image"].mean((2, 3)) / driving["image"].mean((2, 3))
    assert (other / other.mean(1, keepdim=True) - 1).abs().max() > 0.05


def test_a_mirrored_picture_s_left_is_the_right(pool: Pool):
    order = mirrored_blendshapes()
    assert (order[order] == np.arange(52)).all()
    assert order[BLENDSHAPE_NAMES.index("eyeBlinkLeft")] == BLENDSHAPE_NAMES.index("eyeBlinkRight")
    assert order[BLENDSHAPE_NAMES.index("jawOpen")] == BLENDSHAPE_NAMES.index("jawOpen")
    sampler = PairSampler(pool, ("train",), 0)
    plain = sampler.read(np.arange(4), 256)
    flipped = mirrored(plain, torch.ones(4, dtype=torch.bool), torch.ones(4, 3, 1, 1), sampler.mirror)
    assert torch.equal(flipped["blendshapes"], plain["blendshapes"][:, order])


UNPACK = """
import sys
for name in ("reenact", "av", "openvino", "jaxtyping", "torchvision"):
    sys.modules[name] = None  # importing it fails
sys.path.insert(0, sys.argv[1])
import unpack
print(unpack.unpack(sys.argv[1], sys.argv[2]))
"""


def test_packed_parts_become_the_same_pool_without_this_package(folder: Path, tmp_path: Path):
    parts = tmp_path / "parts"
    packed = pack(folder, parts, part_mib=2)
    frames = 3 * 5 + 7 + 6 + 5 + 6 + 6
    assert (packed.frames, packed.people) == (frames, 5) and packed.largest_mib <= 2
    done = subprocess.run(
        [sys.executable, "-c", UNPACK, str(parts), str(tmp_path / "pool")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == frames
    pool, direct = Pool.load(tmp_path / "pool"), Pool.load(folder, splits=("train", "ptrain", "strain"))
    places = {(c, t): row for row, (c, t) in enumerate(zip(direct.clip, direct.time, strict=True))}
    order = np.array([places[c, t] for c, t in zip(pool.clip, pool.time, strict=True)])
    assert sorted(order) == list(range(frames))
    assert np.array_equal(pool.read(np.arange(frames)), direct.read(order))
    assert np.array_equal(pool.identity, direct.identity[order]) and np.array_equal(pool.motion, direct.motion[order])
    assert np.abs(pool.landmarks - direct.landmarks[order]).max() < 1e-3
    assert np.allclose(pool.exact["head_pose"], direct.exact["head_pose"][order], equal_nan=True)


def test_parts_keep_their_limit_and_frames_can_be_left_out(tmp_path: Path):
    """Noise, which JPEG hardly shrinks: some 85 kB a frame."""
    random = np.random.default_rng(0)
    noisy = []
    for number in range(4):
        plain = clip(f"n{number}", 24, f"p{number}")
        from reenact.data.jpeg import encode

        noisy.append(
            Clip(plain.info, [encode(random.integers(0, 255, (256, 256, 3), dtype=np.uint8)) for _ in range(24)], plain.truth)
        )
    write_shard(tmp_path / "set.tar", noisy)
    packed = pack(tmp_path, tmp_path / "all", part_mib=2)
    assert packed.frames == 96 and packed.parts > 3
    assert max(path.stat().st_size for path in (tmp_path / "all").glob("part-*.npz")) <= 2 << 20
    few = pack(tmp_path, tmp_path / "few", part_mib=2, max_parts=2)
    assert few.parts <= 2 and few.frames < 60 and few.people == 4
    small = pack(tmp_path, tmp_path / "small", part_mib=2, size=128, quality=70)
    assert small.frames == 96 and small.total_mib < packed.total_mib / 4
    for wrong in ({"part_mib": float("nan")}, {"size": -3}, {"quality": 500}, {"max_parts": -1}):
        with pytest.raises(ReenactError, match=f"`{next(iter(wrong))}` must be"):
            pack(tmp_path, tmp_path / "wrong", **wrong)
    with pytest.raises(ReenactError, match="holds parts already"):
        pack(tmp_path, tmp_path / "few", part_mib=2)
    with pytest.raises(ReenactError, match="no clips of val"):
        pack(tmp_path, tmp_path / "val", splits=("val",))
