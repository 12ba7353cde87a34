"""The grain of neuropil keeps the mean, and coarse pixels have the variance that averaging leaves."""

import numpy as np
import pytest

from gennari.phantom.expose import tissue_light
from gennari.phantom.grain import Lattice, grain_of
from gennari.phantom.paint import Grid

NOTHING = np.zeros((1, 1), np.float32)


def _everywhere(value: float) -> Lattice:
    return Lattice(0.0, 0.0, 1e6, np.full((2, 2), value, np.float32))


def _neuropil(spacing_um: float, size: int) -> np.ndarray:
    grid = Grid(0.0, 0.0, 1.0, 0.0, spacing_um, size, size)
    ones = np.ones((size, size), np.float32)
    return tissue_light(
        5, grid, _everywhere(1.0), _everywhere(0.4), _everywhere(1.0), 1.0, ones, NOTHING, NOTHING, NOTHING, NOTHING
    )[0]


@pytest.mark.parametrize(("spacing_um", "size"), [(2.0, 1200), (8.0, 300), (32.0, 150)])
def test_the_mean_transmission_is_that_of_even_neuropil(spacing_um: float, size: int) -> None:
    assert _neuropil(spacing_um, size).mean() == pytest.approx(np.exp(-0.4), rel=0.004)


def test_coarse_pixels_vary_as_averages_of_fine_ones() -> None:
    averaged = _neuropil(2.0, 1600).reshape(100, 16, 100, 16).mean(axis=(1, 3))
    assert _neuropil(32.0, 100).var() == pytest.approx(averaged.var(), rel=0.08)


def test_windows_that_overlap_show_the_same_grain() -> None:
    whole, part = (
        grain_of(3, Grid(0.0, col, 1.0, 0.0, 2.0, 64, size)).lattices[0] for col, size in ((0.0, 96), (60.0, 40))
    )
    shift = round((part.col0_um - whole.col0_um) / whole.step_um)
    shared = min(whole.values.shape[1] - shift, part.values.shape[1])
    np.testing.assert_array_equal(whole.values[:, shift : shift + shared], part.values[:, :shared])
