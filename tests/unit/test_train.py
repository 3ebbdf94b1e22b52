"""The loop: it learns, it resumes where it stopped, it refuses changed settings; pairs and jitter keep the truth true."""

import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from places import EXAMPLES
from reenact.cli import run as command
from reenact.core.errors import ReenactError
from reenact.core.prefetch import drawn_ahead
from reenact.data import tiny_pool
from reenact.data.batches import Batches
from reenact.data.pairs import PairSampler, Shake, jitter
from reenact.data.pool import Pool, mirror_order
from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix
from reenact.methods import recipe
from reenact.methods.mmfa.model import place
from reenact.train.config import Discriminator, Machine, Schedule, Stage, Task, same_settings
from reenact.train.journal import read_log
from reenact.train.loop import train
from reenact.train.run import configured
from reenact.train.run import run as run_recipe
from reenact.train.state import load_average, read_average
from reenact.train.tensors import read_about, read_tensors, write_tensors
from reenact.train.workers import gather
from training_pool import make_pool

CPU = Machine("cpu", "fp32")


def run(folder: Path, images: int = 800, stop_at: int = 10**9, **changes) -> nn.Linear:
    """Fits y = 2 x with one weight; a batch beyond `stop_at` images is the kill."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)

    def batches(seen: int, share: slice) -> torch.Tensor:
        if seen >= stop_at:
            raise KeyboardInterrupt
        random = np.random.default_rng(seen)
        return torch.from_numpy(random.uniform(-1, 1, (4, 1)).astype(np.float32))[share]

    def objective(x: torch.Tensor) -> tuple[dict, dict]:
        return {"square": (model(x) - 2 * x).square().mean()}, {}

    schedule = Schedule(images, 4, 0.05, warm_up=8, ema=0.9, save_every=200, log_every=40)
    stage = Stage("line", run, schedule, {"square": 1.0}, model=None, machine=Machine(device="cpu", precision="fp32"))
    task = Task(nn.ModuleDict({"line": model}), objective, batches, **changes)
    train(folder, stage, task, gather(stage.machine))
    return model


def curve(folder: Path) -> dict[int, float]:
    return {line["images"]: line["square"] for line in read_log(folder)}


def test_it_learns_and_resumes_after_a_kill(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", stop_at=540)
    assert read_average(tmp_path / "killed")[1] == 400
    assert max(curve(tmp_path / "killed")) > 400
    resumed, whole = run(tmp_path / "killed"), run(tmp_path / "whole")
    assert torch.allclose(resumed.weight, whole.weight, atol=1e-6), "the kill cost more than the last interval"
    assert abs(float(whole.weight.detach()) - 2) < 0.05
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole"), "a line of the log is lost, doubled or another"


def test_the_log_says_how_fast(tmp_path: Path):
    run(tmp_path, 200)
    line = read_log(tmp_path)[-1]
    assert line["images_per_second"] > 0 and 0 < line["peak_share"] < 1 and 0 <= line["wait_share"] < 1


def test_minutes_end_a_call(tmp_path: Path):
    model = nn.Linear(1, 1)
    stage = Stage("line", run, Schedule(10**9, 1, 0.1), {"a": 1.0}, model=None)
    task = Task(nn.ModuleDict({"line": model}), lambda x: ({"a": model(x).mean()}, {}), lambda seen, share: torch.ones(1, 1))
    train(tmp_path, stage, task, gather(Machine("cpu")), minutes=0.2 / 60)
    assert 0 < read_average(tmp_path)[1] < 10**9


def test_accumulated_steps_are_whole_steps(tmp_path: Path):
    """Two halves of a batch move the weights as the whole does, and a batch that cannot be shared is refused."""
    weights = []
    for parts in (1, 2):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        data = torch.randn(400, 4, 1, generator=torch.Generator().manual_seed(1))

        def objective(x: torch.Tensor, model: nn.Linear = model) -> tuple[dict, dict]:
            return {"square": (model(x) - 2 * x).square().mean()}, {}

        stage = Stage("line", run, Schedule(400, 4, 0.02, accumulate=parts), {"square": 1.0}, None, machine=CPU)
        task = Task(nn.ModuleDict({"line": model}), objective, lambda seen, share, data=data: data[seen // 4][share])
        train(tmp_path / str(parts), stage, task, gather(CPU))
        weights.append(model.weight.detach())
    assert torch.allclose(*weights, atol=1e-6)
    stage = replace(stage, schedule=Schedule(400, 4, 0.02, accumulate=3))
    with pytest.raises(ReenactError, match="take a multiple"):
        train(tmp_path / "3", stage, task, gather(CPU))


def test_the_critic_learns_beside(tmp_path: Path):
    """A discriminator that can tell 0 from 3, and a generator of one number that it pulls over; both resume."""

    def pair() -> Task:
        torch.manual_seed(0)
        made, judge = nn.Embedding(1, 1), nn.Linear(1, 1)

        def objective(x: torch.Tensor) -> tuple[dict, dict]:
            fake = made.weight.expand(4, 1)
            return {"gan": -judge(fake).mean()}, {"fake": fake}

        def judged(shown: dict) -> dict:
            assert not shown["fake"].requires_grad
            margin = (1 + judge(shown["fake"])).relu().mean() + (1 - judge(torch.full((4, 1), 3.0))).relu().mean()
            return {"hinge": margin}

        discriminator = Discriminator(judge, judged, {"hinge": 1.0}, 0.05)
        return Task(
            nn.ModuleDict({"made": made}), objective, lambda seen, share: torch.zeros(4, 1)[share], discriminator=discriminator
        )

    schedule = Schedule(240, 4, 0.05, warm_up=0, save_every=120, log_every=40)
    stage = Stage("pair", run, schedule, {"gan": 1.0}, None, machine=CPU)
    task = pair()
    before = float(task.trained["made"].weight.detach())
    train(tmp_path / "whole", stage, task, gather(CPU))
    assert before < float(task.trained["made"].weight.detach()) - 0.5
    assert all(p.requires_grad for p in task.discriminator.network.parameters())
    assert {"gan", "hinge"} <= read_log(tmp_path / "whole")[-1].keys()


def test_changed_settings_are_named(tmp_path: Path):
    run(tmp_path, 400)
    with pytest.raises(ReenactError, match=r"schedule.images = 400, not 800"):
        run(tmp_path, 800)
    with pytest.raises(ReenactError, match=r"data.frames = None, not 7"):
        run(tmp_path, 400, data={"frames": 7})


def test_settings_of_a_stage_that_is_done_are_held_to_as_well(tmp_path: Path):
    """Another, shorter recipe in the folder of a finished run was said to be done."""
    run(tmp_path, 400)
    schedule = Schedule(200, 4, 0.05)
    other = Stage("other", run, schedule, {"square": 1.0}, model=None, machine=CPU)
    with pytest.raises(ReenactError, match="this run was started with name = line, not other"):
        run_recipe((other,), None, tmp_path)


@pytest.mark.parametrize("text", ['{"seed": 0', "[]", "\xff"])
def test_damaged_settings_are_named(tmp_path: Path, text: str):
    run(tmp_path, 200)
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ReenactError, match=r"config\.json is damaged .*: delete it"):
        run(tmp_path, 200)
    (tmp_path / "config.json").unlink()
    run(tmp_path, 200)
    assert (tmp_path / "config.json").exists()


def test_a_damaged_log_keeps_its_whole_lines(tmp_path: Path):
    whole = run(tmp_path / "whole") and curve(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", stop_at=540)
    log = tmp_path / "killed" / "log.jsonl"
    log.write_bytes(b'\xff\n3\n{"square": 1}\n' + log.read_bytes() + b'{"images": 4')
    run(tmp_path / "killed")
    assert curve(tmp_path / "killed") == whole


def test_a_checkpoint_that_is_none_is_named(tmp_path: Path):
    """A cut one has its table yet: a finished run was said to be done."""
    run(tmp_path, 200)
    path = tmp_path / "checkpoint.safetensors"
    tensors, about = read_tensors(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ReenactError, match="no whole safetensors file"):
        read_about(path)
    write_tensors(path, tensors, {})
    with pytest.raises(ReenactError, match="does not say how many images"):
        run(tmp_path, 200)
    write_tensors(path, {name: value for name, value in tensors.items() if name != "average.line.weight"}, about)
    with pytest.raises(ReenactError, match=r"no line\.weight of shape"):
        run(tmp_path, 200)
    write_tensors(path, tensors | {"adam.7.exp_avg": torch.zeros(1)}, about)
    with pytest.raises(ReenactError, match=r"adam\.7\.exp_avg is another network's"):
        run(tmp_path, 200)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ReenactError, match=r"run: cannot be written \(Not a directory\)"):
        run(tmp_path / "file" / "run", 200)

    def full(path: Path, mode: str, **_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reenact.train.journal.open", full, raising=False)
    with pytest.raises(ReenactError, match=r"log\.jsonl: cannot be written \(No space left on device\); free some space"):
        run(tmp_path / "run", 200)


def test_a_start_that_fits_no_stage_of_several_is_named(tmp_path: Path):
    """Each stage passed over it, so that all began from nothing."""
    run(tmp_path / "line", 200)
    stages = configured(recipe("mmfa_tiny"), None, [str(tmp_path / "line")], CPU)
    with pytest.raises(ReenactError, match=r"line holds none of source, .*motion.*: start from a run of one of these stages"):
        run_recipe(stages, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_tiny_pool_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(tiny_pool, "FRAMES", 2)
        patched.setattr(tiny_pool, "SPLITS", (("train", 2),))
        patched.setattr(np, "savez", killed)
        tiny_pool.make_pool(tmp_path / "pool", EXAMPLES / "driving.mp4")
    assert not (tmp_path / "pool" / "labels0.npz").exists()


def test_missing_run_says_so(tmp_path: Path):
    with pytest.raises(ReenactError, match="train first"):
        load_average(tmp_path, nn.Linear(1, 1))


def test_checkpoints_are_safetensors(tmp_path: Path):
    from safetensors.torch import load_file

    tensors = {
        "a": torch.randn(3, 4),
        "scalar": torch.tensor(2.5),
        "half": torch.randn(5).bfloat16(),
        "count": torch.tensor([7]),
        "none": torch.empty(0, 2),
        "turned": torch.randn(4, 3).t(),
    }
    write_tensors(tmp_path / "x.safetensors", tensors, {"images": "12"})
    theirs, (ours, about) = load_file(tmp_path / "x.safetensors"), read_tensors(tmp_path / "x.safetensors")
    assert about == {"images": "12"}
    for name, tensor in tensors.items():
        assert torch.equal(theirs[name], tensor) and torch.equal(ours[name], tensor), name
    assert list(read_tensors(tmp_path / "x.safetensors", ("scal",))[0]) == ["scalar"]


@given(st.integers(0, 400))
def test_a_cut_file_is_refused(length: int):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        write_tensors(path, {"a": torch.randn(64)}, {})
        data = path.read_bytes()
        path.write_bytes(data[: min(length, len(data) - 1)])
        with pytest.raises(ReenactError, match="no whole safetensors"):
            read_tensors(path)


def test_prefetched_batches_keep_order_and_errors():
    def draw(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    batches = drawn_ahead(draw, ((i,) for i in range(9)))
    assert [next(batches) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="five"):
        next(batches)
    before = threading.active_count()
    endless = drawn_ahead(lambda: 1, iter(lambda: (), None))
    next(endless)
    endless.close()
    assert threading.active_count() == before, "the thread outlives its iterator"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Two people, two clips each, whose mesh is the canonical face in random poses; the frames are noise."""
    folder, random = tmp_path_factory.mktemp("pool"), np.random.default_rng(0)
    face = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])
    poses = random.uniform(-0.5, 0.5, (24, 3))
    landmarks = (1.1 * face @ np.swapaxes(rotation_matrix(poses), -1, -2) + 0.05) * 128
    landmarks[..., :2] += 128
    np.save(folder / "frames0.npy", random.integers(0, 255, (24, 256, 256, 3), dtype=np.uint8))
    clips = np.repeat(["a", "b", "c", "d"], 6)
    labels = {"split": np.repeat("train", 24), "ident": np.repeat(["p", "q"], 12), "clip": clips}
    blendshapes = random.uniform(0, 1, (24, 52))
    np.savez(folder / "labels0.npz", lm=landmarks.astype(np.float32), bs=blendshapes.astype(np.float32), **labels)
    return Pool.load(folder)


def test_truth_is_read_back(pool: Pool):
    """Pose out of the landmarks; a face that never changes has no expression."""
    assert np.allclose(pool.truth.scale, 1.1, atol=1e-3)
    assert np.abs(pool.truth.head - pool.truth.canonical).max() < 1e-3


def test_pairs_stay_within_a_clip(pool: Pool):
    source, driving = PairSampler(pool, ("train",), 0).rows(64)
    assert (pool.clip[source] == pool.clip[driving]).all()
    assert len(set(pool.identity[source])) == 2


def test_an_empty_folder_says_so(tmp_path: Path):
    with pytest.raises(ReenactError, match="prepare"):
        Pool.load(tmp_path)


def test_jitter_moves_truth_and_picture_alike(pool: Pool):
    """A bright dot on a keypoint is still on it after roll, zoom and shift."""
    sampler = PairSampler(pool, ("train",), 0)
    batch = dict(sampler.read(np.arange(8), 256))
    spot = place(batch["head"], batch).keypoints[:, 0, :2]
    y, x = torch.meshgrid(*[(torch.arange(256) * 2 + 1) / 256 - 1] * 2, indexing="ij")
    distance = (x - spot[:, 0, None, None]) ** 2 + (y - spot[:, 1, None, None]) ** 2
    batch["image"] = (0.5 * torch.exp(-distance / (2 * 0.03**2)))[:, None].expand(-1, 3, -1, -1)
    moved = jitter(batch, Shake.draw(np.random.default_rng(1), 8), 256)
    expected = place(moved["head"], moved).keypoints[:, 0, :2]
    peak = moved["image"].mean(1).sub(0.1).clamp(min=0)
    weight = peak / peak.sum((1, 2), keepdim=True)
    found = torch.stack([(weight * x).sum((1, 2)), (weight * y).sum((1, 2))], 1)
    inside = expected.abs().amax(1) < 0.85
    assert inside.sum() >= 4
    assert (found - expected)[inside].abs().max() < 0.02


def test_batches_are_functions_of_the_images_seen(pool: Pool):
    """Twice the same; shares of a batch are cuts of it; other images seen, other batch. Mirroring keeps keypoints on dots."""
    data = Batches(pool, ("train",), 64, torch.device("cpu"), seed=3)
    whole = slice(0, 8)
    source, driving = data.pairs(80, 8, whole)
    again, _ = data.pairs(80, 8, whole)
    other, _ = data.pairs(88, 8, whole)
    _, part = data.pairs(80, 8, slice(5, 8))
    assert torch.equal(source["image"], again["image"]) and not torch.equal(source["image"], other["image"])
    assert all(torch.equal(value[5:8], part[name]) for name, value in driving.items())
    for single, cut in zip(data.singles(80, 8, whole), data.singles(80, 8, slice(2, 4)), strict=True):
        assert all(torch.allclose(value[2:4], cut[name], atol=1e-6) for name, value in single.items())
    assert source["image"].is_contiguous(memory_format=torch.channels_last)


def test_resident_frames_are_those_of_the_pool(pool: Pool):
    """What lies on a GPU is what would have been read, to half a grey level."""
    data = Batches(pool, ("train",), 64, torch.device("cpu"))
    read = data.read(np.arange(8))["image"]
    data.frames = data._resident()
    assert (data.read(np.arange(8))["image"] - read).abs().max() <= 0.5001 / 255


def test_mirror_keeps_the_nose_and_swaps_the_eyes():
    order = mirror_order()
    assert order[0] == 0 and order[10] == 14
    assert (order[order] == np.arange(47)).all()


def test_a_run_begun_under_former_names_goes_on(tmp_path: Path):
    (stage,) = recipe("mmfa_finetune_consistency")
    same_settings(tmp_path / "config.json", stage, {})
    text = (tmp_path / "config.json").read_text()
    for now, then in (
        ("finetune_consistency", "steady"),
        ('"consistency_shape"', '"tremble_gaps"'),
        ('"consistency"', '"tremble"'),
    ):
        assert now in text
        text = text.replace(now, then)
    (tmp_path / "config.json").write_text(text)
    same_settings(tmp_path / "config.json", stage, {})
    with pytest.raises(ReenactError, match="seed"):
        same_settings(tmp_path / "config.json", replace(stage, seed=stage.seed + 1), {})


def test_what_a_later_stage_asks_of_the_pool_is_said_before_the_first(tmp_path: Path):
    """People's own videos hold no rendered clips; a pool may have been packed smaller."""
    pool = Pool.load(make_pool(tmp_path / "pool"))
    own = replace(pool, motion=np.full(len(pool.split), ""))
    with pytest.raises(ReenactError, match=r"joint: .*reenact data synth"):
        run_recipe(recipe("mmfa"), own, tmp_path / "run")
    small = replace(pool, frames=[pool.frames[0][:, ::2, ::2]])
    with pytest.raises(ReenactError, match=r"motion trains on pictures of 256 px, and the pool's have 128: .*`size` 256"):
        run_recipe(recipe("mmfa"), small, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--minutes", "nan"), "--minutes must be more than 0"),
        (("--minutes", "0"), "--minutes must be more than 0"),
        (("--threads", "-3"), "threads must be 0 (automatic) to 1024, not -3"),
    ],
)
def test_options_that_cannot_be_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], said: str):
    assert command(["train", "mmfa_tiny", "--out", str(tmp_path / "run"), *words]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()
