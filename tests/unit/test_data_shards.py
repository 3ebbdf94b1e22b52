"""Shards: what goes in comes out, by key and in a shuffled stream; a shard is there whole or not at all; damage is named."""

import errno
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_material import clip
from reenact.core.errors import ReenactError
from reenact.data.reader import Shards
from reenact.data.shards import ClipInfo, DiskFull, ShardWriter, disk, safe_key, write_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of 3, 2 and 2 clips."""
    place = tmp_path_factory.mktemp("set")
    names = iter("abcdefg")
    for number, count in enumerate((3, 2, 2)):
        write_shard(place / f"clips-{number:06d}.tar", [clip(f"p/{next(names)}", frames=number + 2) for _ in range(count)])
    return place


def test_a_clip_comes_back_as_it_went_in(folder: Path):
    before, after = clip("p/d", frames=3), Shards(folder).clip("p/d")
    assert after.info == before.info
    assert after.encoded == before.encoded
    assert np.array_equal(after.truth["time"], before.truth["time"])
    assert np.abs(after.truth["landmarks"] - before.truth["landmarks"]).max() <= 256 / 16384 / 2 + 1e-4
    assert np.abs(after.truth["blendshapes"] - before.truth["blendshapes"]).max() < 1e-3
    assert after.truth["landmarks"].dtype == np.float32


def test_single_frames_and_truth_are_reached_without_the_clip(folder: Path):
    shards = Shards(folder)
    whole = shards.clip("p/g")
    assert np.array_equal(shards.frame("p/g", 2), whole.image(2))
    assert np.array_equal(shards.truth("p/g")["head_pose"], whole.truth["head_pose"])
    with pytest.raises(ReenactError, match="no clip 'p/z'"):
        shards.clip("p/z")


def test_the_tar_is_a_webdataset(folder: Path):
    """Members of one sample follow each other and share the name up to the first dot; any tar reads them."""
    with tarfile.open(folder / "clips-000000.tar") as tar:
        names = [member.name for member in tar]
        facts = json.load(tar.extractfile("p/a.json"))
    samples = [name.split(".")[0] for name in names]
    assert [name for i, name in enumerate(samples) if i == 0 or samples[i - 1] != name] == ["p/a", "p/b", "p/c"]
    assert names[:4] == ["p/a.json", "p/a.npz", "p/a.000000.jpg", "p/a.000001.jpg"]
    assert facts["identity"] == "anna"


@settings(max_examples=15)
@given(seed=st.integers(0, 99), epoch=st.integers(0, 3), parts=st.integers(1, 9), skip=st.integers(0, 4))
def test_all_parts_together_see_each_clip_once(folder: Path, seed: int, epoch: int, parts: int, skip: int):
    shards = Shards(folder)
    streams = [[c.info.key for c in shards.stream(seed, epoch, part, parts)] for part in range(parts)]
    assert sorted(key for stream in streams for key in stream) == sorted(shards.keys)
    resumed = [[c.info.key for c in shards.stream(seed, epoch, part, parts, skip=skip)] for part in range(parts)]
    assert resumed == [stream[skip:] for stream in streams]


def test_epochs_are_shuffled_differently_but_repeatably(folder: Path):
    shards = Shards(folder)
    orders = [shards.order(5, epoch) for epoch in range(4)]
    assert len({tuple(order) for order in orders}) > 1
    assert orders[2] == Shards(folder).order(5, 2)
    short = shards.order(5, select=lambda info: info.frames == 2)
    assert sorted(short) == ["p/a", "p/b", "p/c"]


def test_an_interrupted_shard_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path / "x.tar") as writer:
        writer.add(clip("a"))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_joining_keeps_every_byte(folder: Path, tmp_path: Path):
    with ShardWriter(tmp_path / "all.tar") as writer:
        for part in sorted(folder.glob("*.tar")):
            writer.join(part)
    one, many = Shards(tmp_path), Shards(folder)
    assert one.keys == many.keys
    for key in one.keys:
        assert one.clip(key).encoded == many.clip(key).encoded
        assert np.array_equal(one.truth(key)["landmarks"], many.truth(key)["landmarks"])
    with tarfile.open(tmp_path / "all.tar") as tar:
        assert len(tar.getnames()) == sum(2 + many.info(key).frames for key in many.keys)


def test_a_cut_off_shard_is_named(folder: Path, tmp_path: Path):
    shard = write_shard(tmp_path / "x.tar", [clip("a")])
    shard.write_bytes(shard.read_bytes()[:-600])
    with pytest.raises(ReenactError, match=r"x\.tar: has .* delete"):
        Shards(tmp_path)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ReenactError, match=r"x\.json: cannot be read"):
        Shards(tmp_path)


def test_no_shards_says_what_to_do(tmp_path: Path):
    with pytest.raises(ReenactError, match="reenact data prepare"):
        Shards(tmp_path)


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = ShardWriter(tmp_path / "x.tar")

    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="the disk is full; free some space and run the same command again"), writer:
        monkeypatch.setattr(writer, "_file", type("Full", (), {"write": staticmethod(full), "close": writer._file.close})())
        writer.add(clip("a"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_says_so():
    with pytest.raises(ReenactError, match="choose another output"), disk(Path("/proc/nowhere/x.tar")):
        Path("/proc/nowhere/x.tar").write_bytes(b"")


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=120),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_keys_are_safe_and_unique(names: list[str]):
    keys = [safe_key(name + ".mp4") for name in names]
    assert len(set(keys)) == 2 or names[0].strip("/") == names[1].strip("/")
    for key in keys:
        assert len(key) <= 80 and "." not in key and key.isascii()


def test_infos_survive_unknown_fields_of_later_versions(tmp_path: Path):
    write_shard(tmp_path / "x.tar", [clip("a")])
    index = json.loads((tmp_path / "x.json").read_text())
    index["clips"][0]["colour"] = "blue"
    (tmp_path / "x.json").write_text(json.dumps(index))
    assert isinstance(Shards(tmp_path).info("a"), ClipInfo)
