"""Parts, in any order, give back what was packed; a machine with PyTorch and NumPy alone trains from them."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from reenact.core.errors import ReenactError
from reenact.remote_job import lease
from reenact.remote_job.pack import Parts, pack, write_weights
from reenact.train.start import begin, read_start
from training_pool import make_pool

# Stands for a machine without these packages: importing one of them fails as if it were not installed.
BARE = """
import sys
sys.modules.update(dict.fromkeys({absent!r}))
import runpy
sys.argv = {argv!r}
runpy.run_path({script!r}, run_name="__main__")
"""
OWN = """
import jaxtyping, reenact
assert jaxtyping.__file__.startswith({code!r}) and reenact.__file__.startswith({code!r}), (jaxtyping.__file__, reenact.__file__)
"""
ABSENT = ("av", "openvino", "onnxruntime", "safetensors", "typer", "rich", "scipy", "onnx", "lightning_fabric", "cv2")


def test_parts_in_any_order(tmp_path: Path):
    limit = 50_000
    files = {f"folder/{name}": random.Random(name).randbytes(size) for name, size in (("a", 1), ("b", 130_000), ("c", 0))}
    parts = Parts(tmp_path / "parts", limit)
    for name, data in files.items():
        parts.add(name, data)
    assert parts.close() == len(list((tmp_path / "parts").glob("part_*"))) >= 3
    assert all(path.stat().st_size <= limit for path in (tmp_path / "parts").iterdir())
    arriving, to = tmp_path / "arriving", tmp_path / "to"
    arriving.mkdir()
    for path in sorted((tmp_path / "parts").iterdir(), reverse=True):
        assert lease.missing(to)
        path.rename(arriving / path.name)
        lease.unpack(arriving, to)
        (arriving / path.name).unlink()
    assert lease.missing(to) == []
    assert all((to / name).read_bytes() == data for name, data in files.items())
    (to / "folder/b").write_bytes(b"x" * 130_000)
    assert lease.missing(to) == ["folder/b"]


def test_parts_stay_in_their_folder(tmp_path: Path):
    parts = Parts(tmp_path / "parts")
    parts.add("../outside", b"x")
    parts.close()
    with pytest.raises(SystemExit, match="outside the folder"):
        lease.unpack(tmp_path / "parts", tmp_path / "to")
    assert not (tmp_path / "outside").exists()


def test_weights_come_home_in_parts(tmp_path: Path):
    network = torch.nn.ModuleDict({"a": torch.nn.Linear(64, 64), "b": torch.nn.BatchNorm2d(3)})
    paths = write_weights(tmp_path, network.state_dict(), limit=10_000)
    assert len(paths) == 2 and all(path.stat().st_size <= 10_000 for path in paths)
    other = torch.nn.ModuleDict({"a": torch.nn.Linear(64, 64), "b": torch.nn.BatchNorm2d(3), "c": torch.nn.Linear(2, 2)})
    assert begin(other, read_start(tmp_path)) == ["a", "b"]
    assert torch.allclose(other["a"].weight, network["a"].weight, atol=1e-3)


def test_start_says_what_is_wrong(tmp_path: Path):
    with pytest.raises(ReenactError, match="holds no weights"):
        read_start(tmp_path)
    wrong = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)})
    with pytest.raises(ReenactError, match="another network"):
        begin(wrong, {"a.weight": torch.zeros(3, 3), "a.bias": torch.zeros(3)})


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    return make_pool(tmp_path / "pool")


def test_a_pool_comes_back(tmp_path: Path, pool: Path):
    assert pack("mmfa_tiny", pool, tmp_path / "parts", networks=(), limit=2**20) == len(list((tmp_path / "parts").glob("*.zip")))
    lease.unpack(tmp_path / "parts", tmp_path / "to")
    assert lease.missing(tmp_path / "to") == []
    decoded = lease.decode(tmp_path / "to", 64)
    before, after = (np.load(folder / "labels0.npz") for folder in (pool, decoded))
    assert np.abs(before["lm"] - after["lm"]).max() <= 0.5 / 64 + 1e-5
    assert all((before[name] == after[name]).all() for name in ("bs", "split", "ident", "clip"))
    frames = [np.load(folder / "frames0.npy").astype(int) for folder in (pool, decoded)]
    assert np.abs(frames[0] - frames[1]).mean() < 4, "the pictures are not what was packed"


@pytest.mark.slow
def test_twenty_steps_on_a_bare_machine(tmp_path: Path, pool: Path):
    """The whole way, as parts would arrive: unpack, decode, both stages for 20 steps, weights and table home."""
    parts, to, home = tmp_path / "parts", tmp_path / "to", tmp_path / "home"
    pack("mmfa_tiny", pool, parts, networks=("lpips_alexnet.ckpt", "sface.onnx"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "REENACT_CACHE": str(tmp_path / "none")}
    environment.pop("PYTHONPATH", None)
    for argv in (["unpack", str(parts), str(to)], ["train", str(to), "--out", str(home), "--minutes", "9", "--device", "cpu"]):
        script = str(parts / "lease.py")
        bare = BARE.format(absent=ABSENT, argv=[script, *argv], script=script)
        bare += OWN.format(code=str(to / "code")) if argv[0] == "train" else ""
        done = subprocess.run([sys.executable, "-c", bare], env=environment, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    results = json.loads((home / "results.json").read_text())
    assert [stage["images"] for stage in results["stages"].values()] == [160, 80, 16]
    assert "| render | 80 | val_lpips |" in (home / "results.md").read_text()
    files = list(home.iterdir())
    assert len(files) <= 8 and all(path.stat().st_size <= 15 * 2**20 for path in files)
    drawn = {"source", "dense_motion", "generator", "uncover"}
    assert {name.split(".")[0] for name in read_start(home)} == {"motion", "expression"} | drawn
