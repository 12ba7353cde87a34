import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.grey import to_grey


def test_grey_stays_and_colours_become_luma(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (5, 6), dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(grey, "x"), grey)
    np.testing.assert_array_equal(to_grey(np.repeat(grey[..., None], 3, axis=2), "x"), grey)
    colour = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    expected = np.floor(colour @ [0.299, 0.587, 0.114] + 0.5 + 1e-9)
    np.testing.assert_array_equal(to_grey(colour, "x"), expected)


def test_glass_shines_through_what_is_transparent() -> None:
    opacity = np.array([[0, 255, 51]], np.uint8)
    grey = np.full((1, 3), 100, np.uint8)
    np.testing.assert_array_equal(to_grey(np.stack([grey, opacity], axis=2), "x"), [[255, 100, 224]])
    np.testing.assert_array_equal(to_grey(np.stack([grey] * 3 + [opacity], axis=2), "x"), [[255, 100, 224]])


def test_a_mask_is_black_and_white() -> None:
    np.testing.assert_array_equal(to_grey(np.array([[True, False]]), "x"), [[255, 0]])


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.uint16), np.zeros((2, 2, 5), np.uint8)])
def test_other_values_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(
        InputError, match=r"x must hold grey or RGB values of 8 bits, but it holds uint(16 in 1|8 in 5)"
    ):
        to_grey(pixels, "x")
