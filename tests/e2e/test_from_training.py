"""From training to what ships: every stage, the exported folder, a frame; and the rendering network taken over from another
method."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from reenact.core.errors import ReenactError
from reenact.data.pool import Pool
from reenact.methods.export import DRAWING, draw_as, export, load, main
from reenact.methods.facevid2vid import recipe as facevid2vid
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.prior import recipe as prior
from reenact.runtime.onnx_method import OnnxMethod
from reenact.train.journal import LOG
from reenact.train.run import run
from reenact.train.tensors import write_tensors
from training_pool import make_pool


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [prior, facevid2vid])
def test_from_training_to_a_frame(recipe: ModuleType, tmp_path: Path):
    pool = Pool.load(make_pool(tmp_path / "pool"))
    folders = run(recipe.tiny(), pool, tmp_path / "runs")
    lines = [json.loads(line) for line in (folders[0] / LOG).read_text().splitlines()]
    assert any("val_offsets" in line for line in lines)
    made, seen = load(recipe, folders)
    assert len(seen) == len(folders) == 3
    export(made, tmp_path / "weights", {"images_seen": seen})
    method = OnnxMethod(tmp_path / "weights", "cpu")
    portrait = method.encode_crop(pool.frames[0][0])
    assert method.render(portrait, method.encode_motion(pool.frames[0][1])).std() > 1


def test_what_draws_is_taken_over(tmp_path: Path):
    """The drawing is the other method's, the reading stays."""
    other, own = mmfa.build(), facevid2vid.build()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    write_tensors(tmp_path / "weights_00.safetensors", dict(other.state_dict()), {})
    assert draw_as(own, tmp_path) == {f"drawing of {tmp_path.parent.name}/{tmp_path.name}": 0}
    theirs = other.state_dict()
    for name, value in own.state_dict().items():
        drawn = name.split(".")[0] in ("source", "dense_motion", "generator", "uncover")
        assert torch.equal(value, theirs[name] if drawn else before[name]), name
    write_tensors(tmp_path / "weights_00.safetensors", {n: v for n, v in theirs.items() if not n.startswith("source.")}, {})
    with pytest.raises(ReenactError, match="no weights for source"):
        draw_as(own, tmp_path)


@pytest.mark.slow
def test_only_what_draws_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The graphs that read stay, byte for byte: files beside them are tied to their hash."""
    weights, run = tmp_path / "weights", tmp_path / "run"
    run.mkdir()
    export(mmfa.build().eval(), weights, {"images_seen": {"before": 7}, "said": "before"})
    write_tensors(run / "weights_00.safetensors", dict(mmfa.build().state_dict()), {"images": "5"})
    before = {path.name: path.read_bytes() for path in weights.iterdir()}
    monkeypatch.setattr("sys.argv", ["export", str(weights), str(weights), "--renderer", str(run), "--only-renderer"])
    main()
    after = {path.name: path.read_bytes() for path in weights.iterdir()}
    assert after.keys() == before.keys() | {"lineage.json", "hashes.json"}
    changed = {name for name in before if after[name] != before[name]}
    assert {"source.onnx", "field.onnx", "draw.onnx", "config.json"} <= changed <= {*DRAWING, "config.json", "hashes.json"}
    config = json.loads(after["config.json"])
    assert config["images_seen"] == {"before": 7, f"drawing of {tmp_path.name}/run": 5} and config["said"] == "before"
    monkeypatch.setattr("sys.argv", ["export", str(tmp_path / "new"), str(weights), "--renderer", str(run), "--only-renderer"])
    with pytest.raises(SystemExit, match="name one, and --renderer"):
        main()


@pytest.mark.slow
def test_what_reads_is_renewed_alone(tmp_path: Path, monkeypatch):
    weights, run = tmp_path / "weights", tmp_path / "run"
    run.mkdir()
    export(mmfa.build().eval(), weights, {"images_seen": {"before": 7}, "said": "before"})
    write_tensors(run / "weights_00.safetensors", dict(mmfa.build().state_dict()), {"images": "5"})
    before = {path.name: path.read_bytes() for path in weights.iterdir()}
    monkeypatch.setattr("sys.argv", ["export", str(weights), str(run), "--only-encoder"])
    main()
    after = {path.name: path.read_bytes() for path in weights.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {
        "motion.onnx",
        "config.json",
        "lineage.json",
        "hashes.json",
    }
    config = json.loads(after["config.json"])
    assert config["images_seen"] == {"before": 7, f"{tmp_path.name}/run": 5} and config["said"] == "before"
    monkeypatch.setattr("sys.argv", ["export", str(tmp_path / "new"), str(run), "--only-encoder"])
    with pytest.raises(SystemExit, match="is none"):
        main()
