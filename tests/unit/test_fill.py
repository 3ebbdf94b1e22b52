"""What a crop shows beyond its photo's border."""

import numpy as np

from reenact.core.types import Placement
from reenact.faces.crop import cut
from reenact.faces.fill import calmed, filled


def stripes(side: int = 64) -> np.ndarray:
    """Columns of black and white: an edge repeated downwards would be a bundle of lines."""
    picture = np.zeros((side, side, 3), np.uint8)
    picture[:, ::8], picture[:, 1::8] = 255, 255
    return picture


def test_beyond_the_border_the_edge_goes_on_and_fades():
    crop = cut(stripes(), Placement(32, 48, 64, 0.0), 64)
    assert np.array_equal(crop[:48], cut(stripes(), Placement(32, 32, 64, 0.0), 64)[16:]), "what is known stays"
    contrast = crop[48:].astype(float).std((1, 2))
    assert contrast[0] > 0.95 * crop[47].std(), "next to the border all of the edge is there"
    assert (np.diff(contrast) < 0).all() and contrast[-1] < 0.2 * contrast[0] and 30 < crop[63].mean() < 100


def test_what_people_look_at_has_no_bundle_of_lines():
    plain, calm = (cut(stripes(128), Placement(64, 96, 128, 0.0), 128, calm=calm) for calm in (False, True))
    assert np.array_equal(plain[:96], calm[:96]), "what is known stays"
    contrast = [crop[96:].astype(float).std((1, 2)) for crop in (plain, calm)]
    assert contrast[1][0] > 0.9 * contrast[0][0], "at the border all of the edge is there"
    assert contrast[1][16] < 0.3 * contrast[0][16]
    assert np.abs(plain[96:].astype(float).mean((1, 2)) - calm[96:].mean((1, 2))).max() < 4


def test_a_turned_crop_knows_its_border():
    white = np.full((64, 64, 3), 255, np.uint8)
    assert (cut(white, Placement(32, 32, 80, 0.5), 64) == 255).all()


def test_nothing_to_fill_and_nothing_to_fill_from():
    picture = stripes(33)
    assert filled(picture, np.zeros((33, 33), np.float32)) is picture
    assert calmed(picture, np.zeros((33, 33), np.float32)) is picture
    assert filled(picture, np.ones((33, 33), np.float32)) is picture
    far = np.ones((33, 33), np.float32)
    far[5, 8] = 0
    assert (filled(picture, far) == picture[5, 8]).all(), "one known pixel gives its colour to all that is far from it"
