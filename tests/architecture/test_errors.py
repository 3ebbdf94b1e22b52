"""What goes wrong, by kind: all below ReenactError, so that one `except` is enough."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from places import ROOT
from reenact import ReenactError, load, read_image
from reenact.core.errors import InputError, NoFaceError, ReenactWarning, WeightsError
from reenact.media.video import VideoReader
from reenact.motion.expression import ExpressionMap


def test_a_photo_and_a_video_that_are_none(tmp_path: Path):
    path = tmp_path / "text.mp4"
    path.write_text("no film")
    with pytest.raises(InputError, match="text.mp4"):
        VideoReader(path)
    with pytest.raises(InputError, match="text.mp4"):
        read_image(path)


def test_a_portrait_without_a_face():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NoFaceError):
            load("mmfa").encode_source(np.full((300, 400, 3), 90, np.uint8))


def test_weights_that_are_none(tmp_path: Path):
    for folder in ("no_such_method", str(tmp_path)):
        with pytest.raises(WeightsError):
            load(folder)
    with pytest.raises(WeightsError, match="expression"):
        ExpressionMap.load(tmp_path, 32)


@pytest.mark.parametrize("kind", [InputError, NoFaceError, WeightsError])
def test_one_except_catches_all(kind: type[Exception]):
    assert issubclass(kind, ReenactError) and not issubclass(ReenactWarning, ReenactError)


def test_every_warning_is_of_our_category():
    """So that a program that embeds the package can silence or catch them alone."""
    package = ROOT / "src/reenact"
    for path in package.rglob("*.py"):
        for call in path.read_text(encoding="utf-8").split("warnings.warn(")[1:]:
            kind = call[:500].split("stacklevel")[0]
            assert "ReenactWarning" in kind or "DeprecationWarning" in kind, path
