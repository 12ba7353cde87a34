import numpy as np
import pytest

from gennari.classical.gli import cell_mask, grey_level_index
from gennari.errors import InputError


def test_cells_are_darker_than_the_mean_around_them(rng):
    image = rng.uniform(0, 255, (20, 23))
    got = cell_mask(image, 2.0, window_um=10.0, offset_grey=30.0)
    mirrored = np.pad(image, 2, mode="symmetric")
    for i in range(20):
        for j in range(23):
            assert got[i, j] == (image[i, j] < mirrored[i : i + 5, j : j + 5].mean() - 30)


def test_slow_changes_of_the_stain_do_not_make_cells():
    slope = np.linspace(100, 250, 400)[None].repeat(50, 0)
    dotted = slope.copy()
    dotted[25, ::40] -= 60
    assert not cell_mask(slope, 1.0, 50.0).any()
    assert cell_mask(dotted, 1.0, 50.0).sum() == 10


def test_index_is_the_percentage_of_each_field(rng):
    cells = rng.random((35, 50)) < 0.3
    got = grey_level_index(cells, 2.0, 16.0)
    assert got.shape == (4, 6)
    for i in range(4):
        for j in range(6):
            assert got[i, j] == pytest.approx(100 * cells[8 * i : 8 * i + 8, 8 * j : 8 * j + 8].mean())


@pytest.mark.parametrize("spacing", [3.0, 16.0, 32.0])
def test_fields_that_are_no_whole_number_of_pixels_are_refused(spacing):
    with pytest.raises(InputError, match="whole number of pixels, at least two"):
        grey_level_index(np.zeros((9, 9), bool), spacing)
