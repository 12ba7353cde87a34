import numpy as np
import pytest

from gennari.records import Ribbon
from gennari.surface.laplace import laplace_potential


def painted(depth: np.ndarray) -> Ribbon:
    """A ribbon of which only the depth matters."""
    face = np.where(np.isnan(depth), -1, 0).astype(np.int32)
    weights = np.zeros((*depth.shape, 3), np.float32)
    columns = {"depth": depth.astype(np.float32), "face": face, "weights": weights, "side": face.astype(np.int8)}
    return Ribbon(section=1, spacing_um=64.0, **columns)


def radius(size: int = 181) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] - (size - 1) / 2
    return np.hypot(rows, cols)


def inside(depth: np.ndarray) -> np.ndarray:
    return np.where((depth >= 0) & (depth <= 1), depth, np.nan)


def test_between_two_circles_it_is_the_logarithm_of_the_radius():
    depth = inside((80 - radius()) / 40)
    potential = laplace_potential(painted(depth))
    law = np.log(80 / np.maximum(radius(), 1)) / np.log(2)
    cortex = ~np.isnan(depth)
    assert np.abs(potential - law)[cortex].max() < 0.015  # a pixel of depth stands for the surfaces
    assert np.abs(depth - law)[cortex].max() > 0.08
    assert np.isnan(potential[~cortex]).all()


def test_between_two_lines_it_is_depth_up_to_the_ends():
    depth = inside((np.arange(60)[:, None] - 9.5) / 40 * np.ones(70))
    depth[:, :5] = np.nan
    assert np.allclose(laplace_potential(painted(depth)), depth, equal_nan=True, atol=1e-4)


def test_within_the_rim_every_pixel_is_the_mean_of_its_neighbours(rng):
    rows, cols = np.mgrid[:90, :120]
    bent = 20 + 8 * np.sin(cols / 12)
    depth = inside((rows - bent) / (30 + 6 * np.cos(cols / 9)))
    potential = laplace_potential(painted(depth))
    padded = np.pad(potential, 1, constant_values=np.nan)
    around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    middle = (depth > 0.1) & (depth < 0.9) & (cols > 0) & (cols < 119)
    assert np.abs(around[:, middle].mean(axis=0) - potential[middle]).max() < 1e-4
    rim = (depth < 0.01) | (depth > 0.99) | (cols == 0) | (cols == 119)
    assert np.allclose(potential[rim], depth[rim], atol=1e-6, equal_nan=True)


def test_banks_that_touch_do_not_mix():
    rows = np.arange(60)[:, None] * np.ones(80)
    depth = np.abs(rows - 29.5) / 29.5
    assert np.allclose(laplace_potential(painted(depth)), depth, atol=1e-4)


@pytest.mark.parametrize("fill", [np.nan, 0.5])
def test_no_cortex_and_cortex_without_a_surface_end_as_they_are(fill):
    depth = np.full((6, 6), fill)
    assert np.array_equal(laplace_potential(painted(depth)), depth, equal_nan=True)
