"""The grid and the page: every row in its place, everything in one file; recipes and the command line in one line."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reenact.cli import run as command
from reenact.core.errors import ReenactError
from reenact.methods import recipe, recipe_names
from reenact.train.config import Machine, Stage
from reenact.train.grid import GAP, HEAD, dots, flow_colour, grey, write_grid
from reenact.train.page import write_page
from reenact.train.run import configured
from reenact.train.validation_grid import borrowed


def test_tiles_stand_where_their_columns_do(tmp_path: Path):
    size = 16
    rows = [(f"row {r}", [np.full((size, size, 3), 40 * r + 20 * c, np.uint8) for c in range(3)]) for r in range(2)]
    write_grid(tmp_path / "grid.png", ("a", "b", "c"), rows)
    sheet = np.asarray(Image.open(tmp_path / "grid.png"))
    for r, (_, tiles) in enumerate(rows):
        for c, tile in enumerate(tiles):
            top, left = HEAD + r * (HEAD + size + GAP) + HEAD, GAP + c * (size + GAP)
            assert (sheet[top : top + size, left : left + size] == tile).all()


def test_flow_colours():
    """Nothing moves: white. To the right: red. Opposite ways: unlike colours. Longer: stronger."""
    still, right, left, short = (torch.tensor(v).expand(4, 4, 2) for v in ([0.0, 0], [0.3, 0], [-0.3, 0], [0.1, 0]))
    tiles = [flow_colour(flow, 8)[0, 0].astype(int) for flow in (still, right, left, short)]
    assert (tiles[0] == 255).all()
    assert tiles[1].argmax() == 0 and tiles[1][0] > tiles[1][1] + 100
    assert tiles[2][0] < 40 and tiles[2][1] > 150
    assert tiles[0][1] > tiles[3][1] > tiles[1][1]


def test_grey_and_dots():
    assert grey(torch.tensor([[0.0, 1.0]]).expand(2, 2), 4)[:, :, 0].tolist() == [[0, 0, 255, 255]] * 4
    marked = dots(np.zeros((64, 64, 3), np.uint8), torch.tensor([[0.0, 0.5], [3.0, 0.0]]), (9, 8, 7))
    y, x = np.argwhere(marked[..., 0] == 9).mean(0)
    assert abs(x + 0.5 - 32) <= 1 and abs(y + 0.5 - 48) <= 1
    assert (marked[..., 0] == 9).sum() == 4, "what lies outside is not drawn"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.outside = [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href") and not str(v).startswith("data:")]


def test_the_page_is_one_file(tmp_path: Path):
    write_grid(tmp_path / "grid_000000200.png", ("a",), [("x", [np.zeros((8, 8, 3), np.uint8)])])
    lines = [{"images": 100 * i, "l1": 1 / i, "<name>": float("nan") if i == 2 else 3.0} for i in range(1, 5)]
    write_page(tmp_path, lines)
    text = (tmp_path / "index.html").read_text()
    page = Page(text)
    assert page.tags.count("polyline") == 2 and page.tags.count("img") == 1
    assert page.outside == [] and "script" not in page.tags
    assert "<name>" not in text and "nan" not in text.split("base64")[0]
    points = text.split('polyline points="')[1].split('"')[0].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights) and len(heights) == 4, "a falling loss must fall on the page"


def test_a_borrowed_motion_keeps_the_face():
    source = {"canonical": torch.ones(1, 4, 3), "head": torch.full((1, 4, 3), 1.5)}
    driving = {"canonical": torch.full((1, 4, 3), 3.0), "head": torch.full((1, 4, 3), 3.25), "scale": torch.ones(1, 1)}
    moved = borrowed(source, driving)
    assert torch.equal(moved["head"], torch.full((1, 4, 3), 1.25)) and moved["scale"] is driving["scale"]


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_are_complete_and_frozen(name: str):
    stages = recipe(name)
    assert stages and all(isinstance(stage, Stage) for stage in stages)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)
    with pytest.raises(AttributeError):
        stages[0].seed = 3  # type: ignore[misc]
    for stage in stages:
        assert stage.schedule.images >= stage.schedule.log_every <= stage.schedule.save_every
        assert len(stages) == 1 or set(stage.after) <= set(names[: names.index(stage.name)])


def test_images_shorten_the_warm_up():
    (stage,) = configured(recipe("mmfa_render"), 1_000, ("somewhere",), Machine())
    assert (stage.schedule.images, stage.schedule.warm_up, stage.start) == (1_000, 100, ("somewhere",))
    with pytest.raises(ReenactError, match="one stage"):
        configured(recipe("mmfa"), 1_000, (), Machine())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing", "--out", "x"], "there is no recipe 'nothing'"),
        (["mmfa"], "--out"),
        (["mmfa", "--out", "x"], "--data"),
        (["mmfa", "mmfa", "--out", "x"], "one recipe"),
        (["mmfa", "--out", "x", "--device", "tpu"], "none of auto, cpu, cuda"),
        (["mmfa_motion", "--out", "x", "--images", "0"], "1 or more"),
        (["mmfa_render256", "--out", "x", "--data", "y"], "weights of render: name their runs with --start"),
        (["mmfa_motion", "--out", "x", "--data", "nowhere"], "reenact data prepare"),
    ],
)
def test_mistakes_end_in_one_line(arguments: list, says: str, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(["train", *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir()), "something was written"


@pytest.mark.slow
def test_mmfa_tiny_runs_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture):
    """From nothing but the repository: both stages, their grids and pages; the same command again changes nothing."""
    for _ in range(2):
        assert command(["train", "mmfa_tiny", "--out", str(tmp_path), "--device", "cpu"]) == 0
    for stage, images in (("motion", 160), ("render", 80), ("joint", 16)):
        lines = [json.loads(line) for line in (tmp_path / stage / "log.jsonl").read_text().splitlines()]
        assert lines[-1]["images"] == images and len({line["images"] for line in lines}) == (4 if stage == "joint" else 20)
        assert (tmp_path / stage / f"grid_{images:09d}.png").exists() and (tmp_path / stage / "index.html").exists()
