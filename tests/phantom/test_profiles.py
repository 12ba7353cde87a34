"""Expected profiles against the law of light, done by hand."""

import dataclasses

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.phantom.individual import Tissue
from gennari.phantom.layers import SAMPLES, AreaRecipe, ProfileTables, recipe_tables
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, NEURON_OPACITY, PROCESSES
from gennari.phantom.profiles import equivolumetric_depths, expected_profiles, layer_counts

BOUNDARIES = np.array([[0.1, 0.2, 0.5, 0.6, 0.8]], np.float32)


@pytest.fixture
def tables() -> ProfileTables:
    """Two cytoarchitectures: cells of 10 x 8 µm, 1,000 per mm³ times the number of the layer, in the second doubled."""
    made = recipe_tables([AreaRecipe((("OA", 1.0),))] * 2)
    neurons = np.repeat(np.arange(1, 7) * 1e3, SAMPLES)
    even = {"soma_height_um": 10.0, "soma_width_um": 8.0, "glia_per_mm3": 20e3, "neuropil": 0.7, "pyramidal": 0.5}
    rows = {name: np.full((2, 6 * SAMPLES), value, np.float32) for name, value in even.items()}
    return dataclasses.replace(made, neurons_per_mm3=np.stack([neurons, 2 * neurons]).astype(np.float32), **rows)


def _tissue(winner: int, log_density: float = 0.0) -> Tissue:
    scores = np.eye(2, dtype=np.float32)[[winner]]
    return Tissue(scores=scores, boundaries=BOUNDARIES, log_density=np.full((1, 6), log_density, np.float32))


def _grey(neurons: float, gain: float = 1.0, thickness_um: float = 20.0) -> float:
    per_um2 = 1e-9 * thickness_um
    # half of the neurons are pyramids
    neuron_um2 = np.pi / 4 * 80 * (1 + 0.5 * PROCESSES)
    neuron, glia = (_opacity(at_one, gain) for at_one in (NEURON_OPACITY, GLIA_OPACITY))
    bodies = neurons * per_um2 * neuron_um2 * neuron + 20e3 * per_um2 * GLIA_AREA_UM2 * glia
    return 255 * 0.7**gain * np.exp(-bodies)


def _opacity(mean: float, gain: float) -> float:
    """Mean over cells in all depths of a section."""
    focus = (np.arange(100_000) + 0.5) / 100_000
    return float((1 - (3 * (1 - mean) * focus**2) ** gain).mean())


MIDDLES = np.array([0.05, 0.15, 0.35, 0.55, 0.7, 0.9])


@pytest.mark.parametrize("winner", [0, 1])
def test_each_layer_has_the_grey_of_its_cells(tables, winner):
    expected = [_grey((winner + 1) * 1e3 * layer) for layer in range(1, 7)]
    np.testing.assert_allclose(expected_profiles(_tissue(winner), tables, MIDDLES)[0], expected, rtol=1e-5)


def test_gain_deepens_all_and_density_only_neurons(tables):
    middle = np.array([0.9])
    dense = expected_profiles(_tissue(0, np.log(3.0)), tables, middle)[0, 0]
    assert dense == pytest.approx(_grey(18e3), rel=1e-5)
    stained = expected_profiles(_tissue(0), tables, middle, stain_gain=1.5)[0, 0]
    assert stained == pytest.approx(_grey(6e3, gain=1.5), rel=1e-5)
    thick = expected_profiles(_tissue(0), tables, middle, thickness_um=40.0)[0, 0]
    assert thick == pytest.approx(_grey(6e3, thickness_um=40.0), rel=1e-5)


def test_depths_may_differ_between_vertices(tables):
    two = Tissue(
        scores=np.eye(2, dtype=np.float32)[[0, 0]],
        boundaries=np.repeat(BOUNDARIES, 2, axis=0),
        log_density=np.zeros((2, 6), np.float32),
    )
    found = expected_profiles(two, tables, np.array([[0.05], [0.9]]))
    np.testing.assert_allclose(found[:, 0], [_grey(1e3), _grey(6e3)], rtol=1e-5)


@pytest.mark.parametrize("depth", [-0.1, 1.1])
def test_depths_outside_the_cortex_are_refused(tables, depth):
    with pytest.raises(InputError, match="depths lie between 0 and 1"):
        expected_profiles(_tissue(0), tables, np.array([depth]))


def test_equal_volumes_are_equal_depths_where_pial_and_white_surface_are_alike():
    shares = np.array([0.0, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(equivolumetric_depths(np.ones(1), np.ones(1), shares)[0], shares, atol=1e-12)


def test_on_a_crown_half_of_the_volume_lies_in_the_outer_part_of_the_depth():
    # a wedge: pial surface 3, white 1; volume above x is 3 x - x², half of 2 at x = (3 - sqrt 5) / 2
    found = equivolumetric_depths(np.array([3.0]), np.array([1.0]), np.array([0.5, 1.0]))[0]
    np.testing.assert_allclose(found, [(3 - np.sqrt(5)) / 2, 1.0])


def test_cells_in_a_strip_are_density_times_the_volume_of_each_layer(tables):
    tables = dataclasses.replace(tables, boundaries=np.repeat(BOUNDARIES, 2, axis=0).astype(float))
    found = layer_counts(tables, 1, cortex_mm=2.5, width_mm=2.0, thickness_um=40.0)
    layer = np.array([0.1, 0.1, 0.3, 0.1, 0.2, 0.2]) * 2.5 * 2.0 * 0.04
    np.testing.assert_allclose(found, layer * (2e3 * np.arange(1, 7) + 20e3), rtol=1e-5)
