"""Two forms compared: what is said of them."""

from pathlib import Path

import pytest

from experiments.freed import measure, verdict
from fake_method import write_fake_method
from reenact.core.errors import ReenactError
from training_pool import make_pool


def form(folder: str, akd: float, moved: float) -> dict:
    turned = {f"yaw {turn}": {"blendshapes_moved": moved} for turn in ("-20", "+20")}
    return {"folder": folder, "drawn": {"akd_106": akd}, "turned": turned}


def test_what_is_said_of_two_forms():
    said = verdict([form("taught", 2.0, 0.034), form("free", 2.1, 0.009)])
    assert said["akd_106_ratio"] == pytest.approx(1.05) and said["akd_within"] and said["turn_within"]
    said = verdict([form("taught", 2.0, 0.034), form("free", 2.4, 0.030)])
    assert not said["akd_within"] and not said["turn_within"]


def test_a_pool_of_nobody_shows_no_face(tmp_path: Path):
    """Smooth colours: no portrait of it can be read, and that is said, not averaged."""
    weights = write_fake_method(tmp_path / "fake")
    with pytest.raises(ReenactError, match="no face is found"):
        measure([weights], make_pool(tmp_path / "pool"), 1, 2)
