"""Parts, in any order, give back what was packed; a machine with PyTorch, NumPy and OpenCV alone trains from them."""

import json
import random
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bare_machine
from reenact.cli import run as command
from reenact.core import arrays
from reenact.core.errors import ReenactError
from reenact.data import stills
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.losses.emotion import Expression
from reenact.losses.face_mesh import FaceMesh
from reenact.losses.identity import SFace
from reenact.losses.lpips import LPIPS
from reenact.methods import recipe
from reenact.methods.matting import behind
from reenact.remote_job import film, lease, networks, plan, rows
from reenact.remote_job.home import bring_home, write_weights
from reenact.remote_job.pack import pack, written
from reenact.remote_job.parts import Parts
from reenact.train.start import begin, read_start
from training_pool import make_pool

pytest.importorskip("cv2")


def test_parts_in_any_order(tmp_path: Path):
    limit = 50_000
    files = {f"folder/{name}": random.Random(name).randbytes(size) for name, size in (("a", 1), ("b", 130_000), ("c", 0))}
    with Parts(tmp_path / "parts", limit) as parts:
        for name, data in files.items():
            parts.add(name, data)
    assert len(parts.parts) == len(list((tmp_path / "parts").glob("part_*"))) >= 3
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
    with Parts(tmp_path / "parts") as parts:
        parts.add("../outside", b"x")
    with pytest.raises(SystemExit, match="outside the folder"):
        lease.unpack(tmp_path / "parts", tmp_path / "to")
    assert not (tmp_path / "outside").exists()


def test_a_pack_that_stops_leaves_the_one_before(tmp_path: Path):
    folder = tmp_path / "parts"
    for data in (b"x" * 130_000, b"first"):
        with Parts(folder, 50_000) as parts:
            parts.add("a", data)
    assert [path.name for path in folder.iterdir()] == ["part_00.zip"], "parts of a larger pack would be unpacked too"
    before = (folder / "part_00.zip").read_bytes()
    with pytest.raises(KeyboardInterrupt), Parts(folder, 50_000) as parts:
        parts.add("a", b"y" * 130_000)
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["part_00.zip"]
    assert (folder / "part_00.zip").read_bytes() == before
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ReenactError, match="cannot be written"):
        Parts(tmp_path / "file")


def test_a_start_that_fits_nothing_is_not_packed(tmp_path: Path, pool: Path):
    """The borrowed machine would say so when its minutes run already."""
    (tmp_path / "other").mkdir()
    write_weights(tmp_path / "other", torch.nn.ModuleDict({"a": torch.nn.Linear(4, 4)}).state_dict())
    stages = recipe("mmfa_finetune_renderer_tiny")
    with pytest.raises(ReenactError, match=r"other holds none of .*generator.*: start from a run"):
        pack("mmfa_finetune_renderer_tiny", stages, pool, tmp_path / "parts", start=[str(tmp_path / "other")])
    assert not (tmp_path / "parts").exists()


def test_weights_come_home_in_parts(tmp_path: Path):
    network = torch.nn.ModuleDict({"a": torch.nn.Linear(64, 64), "b": torch.nn.BatchNorm2d(3)})
    paths = write_weights(tmp_path, network.state_dict(), limit=10_000)
    assert len(paths) == 2 and all(path.stat().st_size <= 10_000 for path in paths)
    other = torch.nn.ModuleDict({"a": torch.nn.Linear(64, 64), "b": torch.nn.BatchNorm2d(3), "c": torch.nn.Linear(2, 2)})
    assert begin(other, read_start(tmp_path)) == ["a", "b"]
    assert torch.allclose(other["a"].weight, network["a"].weight, atol=1e-3)


def test_nothing_comes_home_of_what_has_not_begun(tmp_path: Path):
    results = bring_home({"motion": tmp_path / "none"}, tmp_path / "home", {"recipe": "x"})
    assert results["stages"] == {} and json.loads((tmp_path / "home" / "results.json").read_text())["recipe"] == "x"


def test_start_says_what_is_wrong(tmp_path: Path):
    with pytest.raises(ReenactError, match="holds no weights"):
        read_start(tmp_path)
    wrong = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)})
    with pytest.raises(ReenactError, match="another network"):
        begin(wrong, {"a.weight": torch.zeros(3, 3), "a.bias": torch.zeros(3)})


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    return make_pool(tmp_path / "pool")


@pytest.mark.parametrize("landmarks", [True, False])
def test_a_pool_comes_back(tmp_path: Path, pool: Path, landmarks: bool):
    """All of it, and some splits of it."""
    before = Pool.load(pool)
    for number, splits in enumerate((("train", "val"), ("val",))):
        taken, folder = rows.chosen(before, splits), tmp_path / str(number)
        folder.mkdir()
        lengths = []
        for length, content in film.films(before, taken):
            (folder / film.name(len(lengths))).write_bytes(content)
            lengths.append(length)
        (folder / rows.ROWS).write_bytes(rows.pack_rows(before, taken, lengths, landmarks))
        after = rows.read_pool(folder)
        for name in rows.WORDS:
            assert (getattr(after, name) == getattr(before, name)[taken]).all()
        for name in (*rows.SIZES, "canonical", "head"):
            assert np.abs(getattr(after.truth, name) - getattr(before.truth, name)[taken]).max() < 1e-4
        assert np.abs(after.truth.blendshapes - before.blendshapes[taken]).max() < 1e-3
        assert after.landmarks.shape == (len(taken), 478 if landmarks else 0, 3)
        if landmarks:
            assert np.abs(after.landmarks - before.landmarks[taken]).max() <= 0.5 / rows.LANDMARK_UNIT + 1e-4
        pictures = (one.read(where).astype(float) for one, where in ((after, np.arange(len(taken))), (before, taken)))
        difference = next(pictures) - next(pictures)
        assert np.abs(difference).mean() < 4 and np.abs(difference.mean((0, 1, 2))).max() < 1, "other pictures, or other colours"


def test_films_hold_whole_clips(pool: Path, monkeypatch: pytest.MonkeyPatch):
    known = Pool.load(pool)
    mixed = replace(known, split=np.where(known.clip == "q", "ptrain", known.split))
    assert [sorted(set(mixed.clip[some])) for some in film.portions(mixed, np.arange(24))] == [["p"], ["q"], ["r", "s"]]
    monkeypatch.setattr(film, "FRAMES", 12)
    assert [len(some) for some in film.portions(known, np.arange(24))] == [12, 12]
    monkeypatch.setattr(film, "FRAMES", 2)
    assert [len(some) for some in film.portions(known, np.arange(24))] == [6, 6, 6, 6]


def test_a_film_that_is_cut_off_is_named(tmp_path: Path, pool: Path):
    (tmp_path / "film").write_bytes(film.film(Pool.load(pool), np.arange(6)))
    with pytest.raises(ReenactError, match="ends after 6 of 8 pictures"):
        film.decode([tmp_path / "film"], [8], np.zeros((8, 256, 256, 3), np.uint8))


@pytest.fixture
def plain_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, tensors in networks.carried(networks.ALWAYS).items():
        (tmp_path / f"{name}.safetensors").write_bytes(written(tensors))
    monkeypatch.setenv(arrays.CARRIED, str(tmp_path))
    monkeypatch.setenv("REENACT_CACHE", str(tmp_path / "none"))
    return tmp_path


def test_carried_networks_answer_as_those_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request):
    """Exactly, but for the identity network, which is carried in halves."""
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))

    def answers() -> list[torch.Tensor]:
        behind.cache_clear()
        mesh = FaceMesh()
        with torch.no_grad():
            points = mesh(pictures)[0]
            small = pictures[..., :112, :112]
            rest = [LPIPS("alex")(pictures, pictures.flip(3)), mesh.blendshapes(points), *behind()(pictures)]
            return [SFace()(small), points, *rest]

    before = answers()
    request.getfixturevalue("plain_networks")
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "tflite", None)
    after = answers()
    behind.cache_clear()
    assert torch.nn.functional.cosine_similarity(before[0], after[0]).min() > 0.9999
    assert all(torch.equal(one, other) for one, other in zip(before[1:], after[1:], strict=True))


def test_the_emotion_network_goes_where_it_is_weighed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (plain,), (felt,) = recipe("mmfa_finetune_long"), recipe("prior_joint_emotion")
    assert "emotion" not in networks.needed([plain]) and "emotion" in networks.needed([plain, felt])
    projected = replace(plain, task=networks.PROJECTED)
    assert "dinov2" not in networks.needed([felt]) and "dinov2" in networks.needed([plain, projected])
    picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = Expression()(picture)
        (tmp_path / "emotion.safetensors").write_bytes(written(networks.carried(["emotion"])["emotion"]))
        monkeypatch.setenv(arrays.CARRIED, str(tmp_path))
        monkeypatch.setitem(sys.modules, "onnx", None)
        after = Expression()(picture)
    assert torch.nn.functional.cosine_similarity(before, after).min() > 0.9999


def test_a_carried_network_that_is_missing_is_named(plain_networks: Path):
    (plain_networks / "sface.safetensors").unlink()
    with pytest.raises(ReenactError, match="sface.safetensors is missing"):
        SFace()
    (plain_networks / "lpips_alex.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(ReenactError, match="no whole safetensors file"):
        LPIPS("alex")


def test_the_plan_fits_the_lease(tmp_path: Path):
    """Start, transfers, the process and what is kept back; a process waited for in calls short enough; each part carried once."""
    for count in (1, 3, 6):
        lines = plan.calls(Path("out"), count)
        minutes = float(lines[count].split("--minutes ")[1].split()[0])
        assert plan.START + (count + 1) * plan.CARRY + 60 * minutes + plan.CHECK <= plan.LENT and minutes > 8
        assert [f"part_{number:02d}.zip" in lines[1 + number] for number in range(count)] == [True] * count
        assert "--to $OUT" in lines[-1]
        asked = [
            lease.parser().parse_args(call.split())
            for call in re.findall(r"lease\.py ((?:unpack|start|wait) [^&(\n]+)", "\n".join(lines))
        ]
        assert len({one.folder for one in asked if one.command != "wait"}) == 1, "what is unpacked is what begins"
        assert len({one.out for one in asked if one.command != "unpack"}) == 1, "what begins is what is waited for"
    with pytest.raises(ReenactError, match="no time to train"):
        plan.calls(Path("out"), 160)
    part = tmp_path / "part_00.zip"
    part.write_bytes(b"x" * plan.MIB)
    assert "together 1.0 MiB in 1 transfer" in plan.sizes([part], 10 * plan.MIB)[-1]
    assert "sparse-checkout" in plan.sizes([part], 64 * plan.MIB)[-1]
    assert plan.sizes([part] * 4, None)[-1].startswith("more than 3 transfers")


def test_files_of_a_checkout_are_weighed(tmp_path: Path):
    assert plan.tracked(tmp_path) is None
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "a b").write_bytes(b"x" * 5)
    (tmp_path / "loose").write_bytes(b"x" * 7)
    subprocess.run(["git", "add", "a b"], cwd=tmp_path, check=True)
    assert plan.tracked(tmp_path) == 5


def trained(tmp_path: Path, pool: Path, more: tuple[str, ...] = ()) -> Path:
    """The whole way of a step, as parts would arrive: unpack, decode, train, weights and table home."""
    parts, to, home = tmp_path / "parts", tmp_path / "to", tmp_path / "home"
    assert (
        command(["train", "pack", "mmfa_finetune_renderer_tiny", "--data", str(pool), "--out", str(parts), "--images", "4"]) == 0
    )
    bare_machine.run(parts / "lease.py", "unpack", parts, to, code=to / "code", more=more)
    options = ("--out", home, "--minutes", "60", "--device", "cpu")
    own = ("jaxtyping", "reenact", "reenact.train.loop")
    bare_machine.run(parts / "lease.py", "train", to, *options, code=to / "code", more=more, own=own)
    return home


def test_warped_photos_travel_as_films(tmp_path: Path, pool: Path, monkeypatch: pytest.MonkeyPatch):
    """They are made before packing; there, without landmarks and Pillow, pairs are drawn from them to their photos."""
    labels = dict(np.load(pool / "labels0.npz"))
    photos = labels["ident"] == "q"
    labels["split"] = np.where(photos, "ptrain", labels["split"])
    labels["clip"] = np.where(photos, np.char.add("q", np.arange(len(photos)).astype(str)), labels["clip"])
    np.savez(pool / "labels0.npz", **labels)
    monkeypatch.setattr(networks, "ALWAYS", ())
    pack("mmfa_finetune_stills", recipe("mmfa_finetune_stills"), pool, tmp_path / "parts")
    lease.unpack(tmp_path / "parts", tmp_path / "to")
    there = rows.read_pool(tmp_path / "to" / "pool")
    assert (there.split == "warped").sum() == stills.EACH * photos.sum() and not there.landmarks.size
    assert stills.with_warped(there) is there
    source, _, target = Batches(there, ("train",), 64, torch.device("cpu"), stills=1.0).triples(0, 4, slice(None))
    assert (source["head_pose"] != target["head_pose"]).any(1).all()
    assert torch.equal(source["canonical"], target["canonical"]), "another person's"


@pytest.mark.slow
def test_a_step_on_a_bare_machine(tmp_path: Path, pool: Path, capfd: pytest.CaptureFixture[str]):
    home = trained(tmp_path, pool)
    said = capfd.readouterr()
    assert "together" in said.out + said.err and "lease.py start" in said.out + said.err
    results = json.loads((home / "results.json").read_text())
    assert results["stages"]["finetune_renderer"]["images"] == 4
    assert "| finetune_renderer | 4 | val_lpips |" in (home / "results.md").read_text()
    files = list(home.iterdir())
    assert len(files) < 8 and all(path.stat().st_size <= 15 * 2**20 for path in files)
    assert {name.split(".")[0] for name in read_start(home)} >= {"motion", "expression", "source", "generator", "uncover"}


@pytest.mark.slow
def test_a_step_where_onnx_is_installed(tmp_path: Path, pool: Path):
    """The matting network is read out of what was carried there too, for its graph was not."""
    trained(tmp_path, pool, more=("onnx", "google", "ml_dtypes"))


@pytest.mark.slow
def test_every_stage_on_a_bare_machine(tmp_path: Path, pool: Path):
    parts, to, home = tmp_path / "parts", tmp_path / "to", tmp_path / "home"
    for name in ("mmfa_tiny", "sfd_tiny", "prior_tiny"):
        pack(name, recipe(name), pool, parts, limit=2**22)
        bare_machine.run(parts / "lease.py", "unpack", parts, to / name, code=to / name / "code")
        options = ("--out", home / name, "--minutes", "60", "--device", "cpu")
        bare_machine.run(parts / "lease.py", "train", to / name, *options, code=to / name / "code")
        stages = json.loads((home / name / "results.json").read_text())["stages"]
        assert [stage["images"] for stage in stages.values()] == [160, 80, 16]


def test_a_process_outlives_the_shell_that_began_it(tmp_path: Path):
    """It says why it failed, its status comes back, and its log goes home."""
    (tmp_path / "home").mkdir()
    script = Path(lease.__file__)
    begun = ["sh", "-c", f"{sys.executable} {script} start {tmp_path} --out {tmp_path}/out --minutes 1"]
    assert "process" in subprocess.run(begun, capture_output=True, text=True, start_new_session=True, check=True).stdout
    end = time.monotonic() + 60
    while (status := lease.wait(tmp_path / "out", 0, None)) == lease.RUNNING and time.monotonic() < end:
        time.sleep(0.1)
    assert status == 1
    assert lease.wait(tmp_path / "out", 5, tmp_path / "home") == 1
    assert "files have not arrived" in (tmp_path / "home" / lease.LOG).read_text()
    assert lease.wait(tmp_path / "none", 0, None) == lease.RUNNING
