"""Profile tables against the published numbers they are made of."""

import dataclasses

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.phantom.layers import (
    AREAS,
    COLUMN_LABEL,
    COLUMNS,
    LABEL_SET,
    OTHER_TYPES,
    RECIPES,
    SAMPLES,
    SHARP_PAIR,
    AreaRecipe,
    cortex_mm,
    layer_entries,
    pair_contrasts,
    profile_tables,
    recipe_tables,
)
from gennari.phantom.published import BASE_TYPES, NEUROPIL, PYRAMIDAL_STRIATE_IV, SMALLEST_UM

PER_SAMPLE = ("neurons_per_mm3", "soma_height_um", "soma_width_um", "pyramidal", "glia_per_mm3", "neuropil")
NEIGHBOURS = (
    ("hOc1", "hOc2"), ("hOc2", "hOc3d"), ("hOc2", "hOc3v"), ("hOc3d", "hOc4d"), ("hOc3v", "hOc4v"), ("hOc4d", "hOc4lp"),
    ("hOc4lp", "hOc4la"), ("hOc4la", "hOc5"), ("hOc4v", "FG1"), ("FG1", "FG2"), ("FG1", "FG3"), ("FG2", "FG4"),
    ("FG3", "FG4"), ("hOc4la", "FG2"),
)  # fmt: skip


def _pair(one: str, other: str) -> tuple[int, int]:
    return COLUMNS.index(one), COLUMNS.index(other)


def test_gennaris_stripe_is_a_pale_band_between_iva_and_ivc():
    layer_iv = profile_tables().neurons_per_mm3[COLUMNS.index("hOc1"), 3 * SAMPLES : 4 * SAMPLES]
    iva, ivb, ivc = layer_iv[1], layer_iv[SAMPLES // 2], layer_iv[-2]
    assert ivb < 0.5 * iva
    assert ivb < 0.3 * ivc


def test_hoc1_is_von_economos_oc_with_cells_as_small_as_in_paraffin():
    tables, row = profile_tables(), COLUMNS.index("hOc1")
    expected = {  # sample: cells per mm³, printed height and width (middle of the range)
        0: (9e3, 5, 6), 3 * SAMPLES: (150e3, 5, 5), 4 * SAMPLES - 1: (220e3, 8, 8), 4 * SAMPLES: (45e3, 12.5, 11),
    }  # fmt: skip
    for entry, (cells, height, width) in expected.items():
        assert tables.neurons_per_mm3[row, entry] == pytest.approx(cells)
        assert tables.soma_height_um[row, entry] == pytest.approx(max(height, SMALLEST_UM))
        assert tables.soma_width_um[row, entry] == pytest.approx(max(width, SMALLEST_UM))


def test_a_mixture_mixes_densities_and_sizes_by_the_cells_that_have_them():
    factors = (1.0, 1.0, 1.0, 1.0, 2.0, 1.0)
    mixed = recipe_tables([AreaRecipe((("OA", 0.25), ("PH", 0.75)), density_factor=factors)])
    cells, entry = 0.25 * 40e3 + 0.75 * 40e3, 4 * SAMPLES  # layer V: OA 10 x 9 µm, PH 16 x 15 µm
    assert mixed.neurons_per_mm3[0, entry] == pytest.approx(2 * cells)
    assert mixed.soma_height_um[0, entry] == pytest.approx(0.25 * 10 + 0.75 * 16)
    assert mixed.soma_width_um[0, entry] == pytest.approx(0.25 * 9 + 0.75 * 15)


def test_neuropil_runs_from_the_top_to_the_bottom_of_each_layer_alike_in_all_columns():
    neuropil = profile_tables().neuropil.reshape(len(COLUMNS), 6, SAMPLES)
    assert np.ptp(neuropil, axis=0).max() < 1e-6
    top, bottom = np.array(NEUROPIL).T
    np.testing.assert_allclose(neuropil[0].mean(axis=1), (top + bottom) / 2, rtol=1e-5)
    np.testing.assert_allclose(neuropil[0, :, -1] - neuropil[0, :, 0], (bottom - top) * 15 / 16, atol=1e-6)


def test_layer_borders_are_fractions_of_the_published_thickness():
    thickness = np.array(BASE_TYPES["OB"].thickness_mm)
    np.testing.assert_allclose(
        profile_tables().boundaries[COLUMNS.index("hOc2")], np.cumsum(thickness)[:5] / thickness.sum()
    )
    assert cortex_mm(RECIPES["hOc2"]) == pytest.approx(1.61)


def test_factors_of_thickness_change_the_layer_they_name():
    plain, thick = (AreaRecipe((("OA", 1.0),), (1.0, 1.0, k, 1.0, 1.0, 1.0)) for k in (1.0, 1.5))
    assert cortex_mm(thick) - cortex_mm(plain) == pytest.approx(0.3)


def test_striate_layer_iv_has_fewer_pyramids_than_any_other():
    pyramidal = profile_tables().pyramidal[:, 3 * SAMPLES]
    assert pyramidal[COLUMNS.index("hOc1")] == pytest.approx(PYRAMIDAL_STRIATE_IV)
    assert (np.delete(pyramidal, COLUMNS.index("hOc1")) > PYRAMIDAL_STRIATE_IV).all()


@pytest.mark.parametrize("contrast", [0.0, 0.5])
@pytest.mark.parametrize("name", ["neurons_per_mm3", "soma_height_um", "boundaries"])
def test_contrast_draws_every_column_towards_the_mean_of_the_areas(contrast, name):
    full, drawn = (getattr(profile_tables(c), name) for c in (1.0, contrast))
    mean = full[: len(AREAS)].mean(axis=0)
    np.testing.assert_allclose(drawn - mean, contrast * (full - mean), rtol=1e-4, atol=1e-4 * np.abs(full).max())


def test_one_cytoarchitecture_is_the_mean_over_the_areas_everywhere():
    full, one = profile_tables(), profile_tables(one_cytoarchitecture=True)
    for name in (*PER_SAMPLE, "boundaries"):
        expected = getattr(full, name)[: len(AREAS)].mean(axis=0)
        np.testing.assert_allclose(getattr(one, name), np.broadcast_to(expected, getattr(full, name).shape), rtol=1e-5)


def test_an_order_of_layers_moves_their_cells_and_leaves_their_borders():
    order = (2, 0, 1, 5, 3, 4)
    full, permuted = profile_tables(), profile_tables(layer_order=order)
    for name in PER_SAMPLE:
        blocks = getattr(full, name).reshape(len(COLUMNS), 6, SAMPLES)
        np.testing.assert_array_equal(getattr(permuted, name).reshape(len(COLUMNS), 6, SAMPLES), blocks[:, order])
    np.testing.assert_array_equal(permuted.boundaries, full.boundaries)
    np.testing.assert_array_equal(permuted.border_width_mm, full.border_width_mm)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (0, 0, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6)])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(InputError, match="layer_order names each of the layers"):
        profile_tables(layer_order=order)


@pytest.mark.parametrize("contrast", [-0.1, 1.1])
def test_a_contrast_beyond_the_published_areas_is_refused(contrast):
    with pytest.raises(InputError, match="a contrast lies between 0 and 1"):
        profile_tables(contrast)


def test_contrast_of_a_pair_is_the_difference_of_its_cell_bodies():
    tables = recipe_tables([AreaRecipe((("OA", 1.0),))] * 2)
    rows = {name: getattr(tables, name).copy() for name in ("neurons_per_mm3", "soma_height_um", "soma_width_um")}
    rows["neurons_per_mm3"][:] = [[10e3], [30e3]]
    rows["soma_height_um"][:], rows["soma_width_um"][:] = 10.0, 8.0
    contrasts = pair_contrasts(dataclasses.replace(tables, **rows))
    assert contrasts[0, 1] == pytest.approx(20e3 * np.pi / 4 * 80 * 1e-6, rel=1e-5)
    assert contrasts[0, 0] == 0


def test_hoc1_and_hoc2_differ_most_among_neighbours():
    contrasts = pair_contrasts(profile_tables())
    others = [contrasts[_pair(*pair)] for pair in NEIGHBOURS[1:]]
    assert contrasts[SHARP_PAIR] > 1.1 * max(others)
    assert min(others) < 0.5 * max(others)


def test_borders_are_the_narrower_the_higher_their_contrast():
    tables = profile_tables()
    contrasts, width = pair_contrasts(tables), tables.border_width_mm
    np.testing.assert_array_equal(width, width.T)
    assert 0.1 <= width[SHARP_PAIR] <= 0.3
    others = sorted(NEIGHBOURS[1:], key=lambda pair: contrasts[_pair(*pair)])
    widths = [width[_pair(*pair)] for pair in others]
    assert widths == sorted(widths, reverse=True)
    assert 0.3 <= widths[-1] < widths[0] - 0.2 < 0.8


def test_depths_find_their_sample_of_their_layer():
    boundaries = np.array([[0.1, 0.2, 0.5, 0.6, 0.8], [0.2, 0.4, 0.6, 0.8, 0.9]])
    entries = layer_entries(np.array([0.0, 0.05, 0.1, 0.36, 0.999, 1.0]), boundaries)
    np.testing.assert_array_equal(entries[0], [0, 8, 16, 2 * 16 + 8, 5 * 16 + 15, 95])
    np.testing.assert_array_equal(entries[1], [0, 4, 8, 16 + 12, 5 * 16 + 15, 95])


def test_sublayers_fill_their_layer():
    for name, base in BASE_TYPES.items():
        assert len(base.layers) == 6
        for layer in base.layers:
            assert sum(s.share for s in layer) == pytest.approx(1.0), name


def test_every_cytoarchitecture_has_its_class():
    assert len(LABEL_SET.areas) == 13
    assert [LABEL_SET.names[k] for k in COLUMN_LABEL[:13]] == list(AREAS)
    assert [LABEL_SET.names[k] for k in COLUMN_LABEL[13:]] == ["other cortex"] * len(OTHER_TYPES)
