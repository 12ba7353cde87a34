"""What tables say of cells, against cells counted by hand and squares dropped on pixels."""

import numpy as np
import pytest

from gennari.phantom.cell_tables import PROCESSES_LONG, SIZE_SD, SOFT_UM2, cell_tables, smear_um
from gennari.phantom.layers import profile_tables
from gennari.phantom.optics import GLIA_OPACITY, NEURON_OPACITY, PROCESSES, mean_opacity, opacity_square

PIXEL_UM, DROPS = 64.0, 40_000


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("opacity", [NEURON_OPACITY, GLIA_OPACITY])
def test_opacities_are_means_over_the_depths_of_a_section(opacity, gain):
    focus = (np.arange(100_000) + 0.5) / 100_000
    takes = 1 - (3 * (1 - opacity) * focus**2) ** gain
    assert mean_opacity(opacity, gain) == pytest.approx(takes.mean(), rel=1e-4)
    assert opacity_square(opacity, gain) == pytest.approx((takes**2).mean() / takes.mean() ** 2, rel=1e-4)


def test_at_gain_1_the_mean_opacity_is_the_constant():
    assert mean_opacity(NEURON_OPACITY, 1.0) == pytest.approx(NEURON_OPACITY)


def test_thickness_multiplies_cells_and_gain_their_opacity():
    tables = profile_tables()
    plain, thick, stained = cell_tables(tables), cell_tables(tables, 30.0), cell_tables(tables, gain=1.3)
    np.testing.assert_allclose(thick.strata[..., :2], 1.5 * plain.strata[..., :2], rtol=1e-6)
    np.testing.assert_array_equal(thick.strata[..., 2:], plain.strata[..., 2:])
    np.testing.assert_array_equal(stained.strata, plain.strata)
    assert plain.neuron_opacity < stained.neuron_opacity == pytest.approx(mean_opacity(NEURON_OPACITY, 1.3))


def _kept(sides_um: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share of the variance of points that squares about one centre leave, by weights (1, PROCESSES), by drawing."""
    centre = rng.uniform(0, PIXEL_UM, (DROPS, 2))
    # per square and axis: share of it in the pixel, and in those before and after
    edges = np.array([-np.inf, 0.0, PIXEL_UM, np.inf])
    low, high = (centre[:, :, None] + sign * sides_um / 2 for sign in (-1, 1))
    inside = [np.clip(np.minimum(high, edges[k + 1]) - np.maximum(low, edges[k]), 0, None) / sides_um for k in range(3)]
    shares = [[inside[a][:, 0] * inside[b][:, 1] for b in range(3)] for a in range(3)]
    weights = np.array([1.0, PROCESSES]) if len(sides_um) == 2 else np.ones(1)
    taken = np.array([[(share @ weights) for share in row] for row in shares]) / weights.sum()
    return (taken**2).sum(axis=(0, 1)).mean()


@pytest.mark.parametrize(("tall", "wide"), [(8.0, 8.0), (18.0, 12.0)])
@pytest.mark.parametrize("pyramidal", [0.0, 1.0])
def test_smeared_cells_leave_the_variance_of_squares_dropped_on_pixels(rng, tall, wide, pyramidal):
    biased = np.exp(4 * SIZE_SD**2)
    soma = biased * np.sqrt(np.pi / 4 * tall * wide + SOFT_UM2)
    sides = np.array([soma, biased * PROCESSES_LONG * tall]) if pyramidal else np.array([soma])
    width = smear_um(np.array([tall]), np.array([wide]), np.array([pyramidal]))[0]
    assert (1 - width / (3 * PIXEL_UM)) ** 2 == pytest.approx(_kept(sides, rng), abs=0.01)


def test_sizes_are_biased_towards_large_cells_as_the_square_of_their_area():
    sizes = np.exp(SIZE_SD * np.random.default_rng(0).normal(size=400_000))
    assert (sizes**5).mean() / (sizes**4).mean() / sizes.mean() == pytest.approx(np.exp(4 * SIZE_SD**2), rel=0.01)


def test_a_stratum_of_both_kinds_lies_between_them():
    tall, wide = np.full(3, 18.0), np.full(3, 12.0)
    round_, mixed, pyramids = smear_um(tall, wide, np.array([0.0, 0.5, 1.0]))
    assert round_ < mixed < pyramids
