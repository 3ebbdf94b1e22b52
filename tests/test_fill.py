"""What a crop shows beyond its photo's border."""

import numpy as np

from reenact.core.types import Placement
from reenact.faces.crop import cut
from reenact.faces.fill import filled


def stripes(side: int = 64) -> np.ndarray:
    """Columns of black and white: an edge repeated downwards would be a bundle of lines."""
    picture = np.zeros((side, side, 3), np.uint8)
    picture[:, ::8], picture[:, 1::8] = 255, 255
    return picture


def test_beyond_the_border_colours_fade():
    crop = cut(stripes(), Placement(32, 48, 64, 0.0), 64)
    assert np.array_equal(crop[:40], cut(stripes(), Placement(32, 32, 64, 0.0), 64)[16:56]), "what is known stays"
    near, far = crop[50].astype(float), crop[62].astype(float)
    assert near.std() > far.std() and far.std() < 20 and 30 < far.mean() < 100


def test_a_turned_crop_knows_its_border():
    white = np.full((64, 64, 3), 255, np.uint8)
    assert (cut(white, Placement(32, 32, 80, 0.5), 64) == 255).all()


def test_nothing_to_fill_and_nothing_to_fill_from():
    picture = stripes(33)
    assert filled(picture, np.ones((33, 33), bool)) is picture
    assert filled(picture, np.zeros((33, 33), bool)) is picture
    one = np.zeros((33, 33), bool)
    one[5, 8] = True
    assert (filled(picture, one) == picture[5, 8]).all(), "one known pixel gives its colour to all"
