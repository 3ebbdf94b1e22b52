"""Weights between two runs."""

from pathlib import Path

import pytest
import torch

from reenact.core.errors import ReenactError
from reenact.train.blend import FILE, blended, check_empty


def test_a_share_of_the_way():
    first = {"a": torch.zeros(3), "count": torch.tensor(7), "own": torch.ones(1)}
    second = {"a": torch.full((3,), 4.0), "count": torch.tensor(9), "other": torch.ones(2)}
    found = blended(first, second, 0.75)
    assert found.keys() == first.keys()
    assert torch.equal(found["a"], torch.full((3,), 3.0)) and found["count"] == 7 and found["own"] == 1
    assert torch.equal(blended(first, second, 0.0)["a"], first["a"]) and torch.equal(
        blended(first, second, 1.0)["a"], second["a"]
    )


def test_one_part_alone_is_blended():
    first = {"generator.a": torch.zeros(2), "source.a": torch.zeros(2)}
    second = {"generator.a": torch.ones(2), "source.a": torch.ones(2)}
    found = blended(first, second, 0.25, "generator.")
    assert torch.equal(found["generator.a"], torch.full((2,), 0.25)) and torch.equal(found["source.a"], torch.ones(2))


def test_strangers_are_refused():
    with pytest.raises(ReenactError, match="no tensor in common"):
        blended({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, 0.5)
    with pytest.raises(ReenactError, match="two shapes"):
        blended({"a": torch.zeros(1)}, {"a": torch.zeros(2)}, 0.5)
    with pytest.raises(ReenactError, match="no generatr: choose of generator, source"):
        both = {"generator.a": torch.zeros(1), "source.a": torch.zeros(1)}
        blended(both, both, 0.5, "generatr.")


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "weights_01.safetensors"])
def test_a_folder_of_other_weights_is_refused(tmp_path: Path, name: str):
    """They would be read in the blend's place, or with it."""
    check_empty(tmp_path / "new")
    (tmp_path / FILE).touch()
    check_empty(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(ReenactError, match="holds other weights already"):
        check_empty(tmp_path)
