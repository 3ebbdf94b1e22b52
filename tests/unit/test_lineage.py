"""Weights say how they came to be, and the clone keeps the training state that they came from."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from reenact.core.errors import ReenactError
from reenact.core.provenance import weights_digest
from reenact.methods import METHODS, checkpoint
from reenact.methods.checkpoint import stored
from reenact.methods.export import export
from reenact.methods.lineage import command_line, source, sources, write_lineage
from reenact.methods.mmfa import recipe as mmfa
from reenact.runtime.onnx_method import weights_folder
from reenact.train import start
from reenact.train.blend import main as blend
from reenact.train.start import kept_state, read_start
from reenact.train.tensors import write_tensors


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run that went on from weights which ship with a lineage, and a folder that a lent machine wrote."""
    shipped, run, lent = (tmp_path / name for name in ("weights/mmfa", "runs/joint", "runs/lent"))
    for folder in (shipped, run, lent):
        folder.mkdir(parents=True)
    (shipped / "lineage.json").write_text(json.dumps({"licence": "nobody's", "by": "hand", "sources": []}))
    stage = {"name": "joint", "task": "joint", "schedule": {"images": 9}, "start": [str(shipped)], "data": {"clips": 3}}
    (run / "config.json").write_text(json.dumps(stage))
    values = {"average.motion.a": torch.ones(2), "motion.a": torch.ones(2), "average.expression.b": torch.ones(2)}
    write_tensors(run / "checkpoint.safetensors", values, {"images": "8"})
    write_tensors(lent / "weights_00.safetensors", {"generator.a": torch.ones(2)}, {})
    (lent / "results.json").write_text(json.dumps({"recipe": "mmfa_drawing", "images": 5, "seconds": {"train": 1}}))
    return tmp_path


def test_a_source_says_what_it_is(runs: Path):
    run, lent = source(runs / "runs/joint"), source(runs / "runs/lent")
    assert run["from"] == "runs/joint" and run["images"] == 8 and run["parts"] == ["expression", "motion"]
    assert run["data"] == {"clips": 3} and run["schedule"] == {"images": 9}
    assert run["parents"] == [{"from": "weights/mmfa", "lineage": {"licence": "nobody's", "by": "hand", "sources": []}}]
    assert lent["recipe"] == "mmfa_drawing" and lent["parts"] == ["generator"]
    assert source(runs / "nowhere") == {"from": f"{runs.name}/nowhere"}


def test_the_way_back_is_written_whole(runs: Path):
    weights = runs / "weights/new"
    weights.mkdir()
    (weights / "config.json").write_text(json.dumps({"method": "mmfa", "images_seen": {"runs/joint": 8}}))
    (weights / "motion.onnx").write_bytes(b"graph")
    before = weights_digest(weights)
    found = sources([runs / "weights/mmfa", runs / "runs/joint"], runs / "runs/lent")
    write_lineage(weights, found, "python -m something")
    said = json.loads((weights / "lineage.json").read_text())
    assert [one["from"] for one in said["sources"]] == ["weights/mmfa", "runs/joint", "runs/lent"]
    assert said["sources"][-1]["role"] == "drawing" and said["licence"] == "nobody's" and said["commit"]
    assert said["images_seen"] == {"runs/joint": 8} and list(said["graphs_sha256"]) == ["motion.onnx"]
    assert str(runs) not in json.dumps(said), "no path of this machine"
    assert weights_digest(weights) == before, "what is said of weights does not change them"


def test_kept_graphs_keep_their_lineage(runs: Path):
    kept = runs / "weights/mmfa"
    assert [one["from"] for one in sources([kept], None, kept)] == ["weights/mmfa"]
    assert sources([runs / "runs/joint"], None, kept)[-1]["role"] == "kept"


def test_commands_hold_no_path_of_a_machine(runs: Path):
    said = command_line([str(runs / "weights/mmfa"), str(runs / "runs/joint"), "--method", "mmfa"], "reenact.methods.export")
    assert said == "python -m reenact.methods.export weights/mmfa runs/joint --method mmfa"


def test_a_blend_names_its_parents(runs: Path, monkeypatch: pytest.MonkeyPatch):
    out = runs / "runs/blend"
    monkeypatch.setattr("sys.argv", ["blend", str(out), str(runs / "runs/joint"), str(runs / "runs/joint"), "--share", "0.25"])
    blend()
    said = source(out)
    assert said["parents"] == [{"from": "runs/joint"}] * 2 and said["share"] == 0.25 and said["images"] == 8


@pytest.mark.parametrize(("shape", "halved"), [((4, 3), True), ((3, 3), False), ((4,), False), ((4, 4, 3, 3), True)])
def test_what_is_stored_as_fp16(shape: tuple[int, ...], halved: bool):
    assert (stored("a", torch.rand(shape)).dtype == torch.float16) == halved
    assert stored("count", torch.tensor(3)).dtype == torch.int64


def test_the_clone_holds_the_state_of_what_ships():
    """After another export: python -m reenact.methods.checkpoint (checkpoints/README.md)."""
    if not start.CHECKPOINTS.exists():
        pytest.skip("checkpoints lie in a clone alone")
    state, whole = kept_state(weights_folder() / "mmfa")
    assert whole and state.keys() == mmfa.build().state_dict().keys()
    others = {name: kept_state(weights_folder() / name)[0] for name in METHODS if name != "mmfa"}
    assert all("generator" in {part.split(".")[0] for part in held} for held in others.values()), "all draw with the same weights"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory):
    """A model whose norms have seen something, exported, and its checkpoint."""
    torch.manual_seed(0)
    model = mmfa.build().train()
    with torch.no_grad():
        pictures = torch.rand(2, 3, 256, 256)
        model.render(
            pictures, model.encode_source(pictures), model.encode_motion(pictures), model.encode_motion(pictures.flip(0))
        )
    weights, kept = tmp_path_factory.mktemp("weights") / "mmfa", tmp_path_factory.mktemp("checkpoints")
    export(model.eval(), weights, {"images_seen": {}})
    (path,) = checkpoint.write(model, weights, kept, images=7)
    assert path == kept / "mmfa" / "weights_00.safetensors"
    return model, weights, kept


@pytest.mark.slow
def test_training_goes_on_from_the_state_itself(exported, monkeypatch: pytest.MonkeyPatch):
    model, weights, kept = exported
    monkeypatch.setattr(start, "CHECKPOINTS", kept)
    monkeypatch.setattr(start, "import_module", None)  # nothing is read out of the graphs
    found, own = read_start(weights), model.state_dict()
    assert found.keys() == own.keys()
    for name, value in own.items():
        assert torch.allclose(found[name].float(), value.float(), rtol=2e-3, atol=1e-6), name
    running = [name for name in own if name.endswith(("running_mean", "running_var"))]
    assert running and all(torch.equal(found[name], own[name]) for name in running)


@pytest.mark.slow
def test_a_checkpoint_is_of_its_graphs_alone(exported, tmp_path: Path):
    model, weights, kept = exported
    assert kept_state(weights, kept)[1]
    other = tmp_path / "mmfa"
    other.mkdir()
    for path in weights.iterdir():
        os.link(path, other / path.name)
    (other / "motion.onnx").unlink()
    (other / "motion.onnx").write_bytes(b"other")
    assert kept_state(other, kept) == ({}, False)
    stranger = mmfa.build().eval()
    with torch.no_grad():
        stranger.motion.place.weight.add_(0.5)
        for parameter in stranger.source.parameters():
            parameter.mul_(3)
    with pytest.raises(ReenactError, match="renders other frames"):
        checkpoint.write(stranger, weights, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert np.isfinite(checkpoint.difference(model, weights))
