"""One individual: drawn from its seed alone, warped smoothly, with layers that add up."""

from typing import Any

import numpy as np
import pytest

from gennari.phantom.folding import sulcal_depth_mm
from gennari.phantom.individual import Individual, make_individual, make_tissue
from gennari.phantom.layers import AREAS, LABEL_SET, SAMPLES, profile_tables
from gennari.phantom.settings import NO_NUISANCE
from gennari.surface.curvature import mean_curvature_per_mm

UNFOLDED: dict[str, Any] = {"sulcal_depth_sd": 0.0, "folding_mm": 0.0}


def _make(geometry, settings, seed: int = 7, **changes: Any) -> Individual:
    changed = settings.model_copy(update=changes)
    return make_individual("A", geometry, changed, np.random.SeedSequence(seed))


def test_the_same_seed_gives_the_same_brain(geometry, plain_settings, plain):
    again = _make(geometry, plain_settings)
    for a, b in zip(plain.hemispheres, again.hemispheres, strict=True):
        np.testing.assert_array_equal(a.pial.vertices_mm, b.pial.vertices_mm)
    for a, b in zip(plain.tissue, again.tissue, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)
    assert plain.texture_seed == again.texture_seed


def test_another_seed_gives_another_shape_other_borders_other_cells(geometry, plain_settings, plain):
    other = _make(geometry, plain_settings, seed=8)
    assert np.abs(plain.hemispheres[0].pial.vertices_mm - other.hemispheres[0].pial.vertices_mm).max() > 1
    assert 0.02 < (plain.tissue[0].labels() != other.tissue[0].labels()).mean() < 0.5
    assert plain.texture_seed != other.texture_seed


def test_an_individual_has_all_thirteen_areas(plain):
    for tissue in plain.tissue:
        assert {LABEL_SET.names[k] for k in np.unique(tissue.labels())} == {*AREAS, "other cortex"}


def test_without_shape_noise_the_surfaces_are_the_geometrys(geometry, plain_settings):
    individual = _make(geometry, plain_settings, shape_sd_mm=0.0, scale_sd=0.0, **UNFOLDED)
    for drawn, given in zip(individual.hemispheres, geometry.hemispheres, strict=True):
        np.testing.assert_allclose(drawn.pial.vertices_mm, given.pial.vertices_mm, atol=1e-5)
        np.testing.assert_allclose(drawn.white.vertices_mm, given.white.vertices_mm, atol=1e-5)


def test_the_warp_moves_by_its_sd_and_keeps_the_thickness(geometry, plain_settings):
    moved, thicker = [], []
    given = geometry.hemispheres[0]
    thickness = np.linalg.norm(given.pial.vertices_mm - given.white.vertices_mm, axis=1)
    for seed in range(3):
        drawn = _make(geometry, plain_settings, seed=seed, scale_sd=0.0, **UNFOLDED).hemispheres[0]
        moved.append(drawn.pial.vertices_mm - given.pial.vertices_mm)
        new = np.linalg.norm(drawn.pial.vertices_mm - drawn.white.vertices_mm, axis=1)
        thicker.append(new[thickness > 1] / thickness[thickness > 1])
    assert np.std(moved) == pytest.approx(2.0, rel=0.25)
    assert np.abs(np.concatenate(thicker) - 1).mean() < 0.1


def test_layer_borders_are_in_order_and_inside_the_cortex(geometry, plain_settings):
    individual = _make(geometry, plain_settings, boundary_sd=0.3)
    for tissue in individual.tissue:
        assert (np.diff(tissue.boundaries, axis=1, prepend=0.0, append=1.0) > 0).all()


def test_on_crowns_deep_layers_take_more_of_the_cortex_than_in_fundi(geometry, plain):
    given, tissue = geometry.hemispheres[0], plain.tissue[0]
    curvature = mean_curvature_per_mm(given.mid)
    same = tissue.labels() == LABEL_SET.index("other cortex")
    deep = 1 - tissue.boundaries[:, 3]
    crown, fundus = curvature > np.quantile(curvature, 0.9), curvature < np.quantile(curvature, 0.1)
    assert deep[same & crown].mean() > deep[same & fundus].mean() + 0.03


def test_measured_layer_borders_are_taken_where_they_are_known(geometry, plain_settings):
    hemisphere = geometry.hemispheres[0]
    measured = np.full((len(hemisphere.pial.vertices_mm), 5), np.nan)
    measured[::2] = [0.1, 0.2, 0.5, 0.6, 0.8]
    tables = profile_tables(1.0)
    tissue = make_tissue(geometry.layouts[0], hemisphere, measured, tables, plain_settings, np.random.SeedSequence(1))
    flat = np.abs(mean_curvature_per_mm(hemisphere.mid)) < 0.005
    known, unknown = flat & np.isfinite(measured[:, 0]), flat & np.isnan(measured[:, 0])
    expected = tables.boundaries[tissue.scores.argmax(axis=1)]
    np.testing.assert_allclose(tissue.boundaries[known], measured[known], atol=0.01)
    np.testing.assert_allclose(tissue.boundaries[unknown], expected[unknown], atol=0.01)


def test_density_varies_at_two_ranges_with_the_sd_asked_for(geometry, plain_settings):
    individual = _make(geometry, plain_settings, density_sd=0.3)
    values = np.concatenate([tissue.log_density for tissue in individual.tissue])
    assert np.std(values) == pytest.approx(0.3 * np.sqrt(2), rel=0.15)
    assert abs(values.mean()) < 0.1


def test_at_contrast_zero_all_areas_have_one_cytoarchitecture(geometry, plain_settings):
    individual = _make(geometry, plain_settings, area_contrast=0.0)
    assert np.ptp(individual.tables.neurons_per_mm3, axis=0).max() == 0
    assert np.ptp(individual.tables.boundaries, axis=0).max() == 0
    assert np.ptp(individual.tables.soma_height_um, axis=0).max() == 0


def test_brains_differ_in_stain_only_if_asked(geometry, plain_settings, plain):
    assert plain.stain_gain == 1.0
    gain = _make(geometry, plain_settings, nuisance=NO_NUISANCE.model_copy(update={"brain_stain_sd": 0.15})).stain_gain
    assert gain != 1.0
    assert 0.5 < gain < 2


def test_trends_are_shared_by_all_individuals_and_raise_the_density_from_front_to_back(geometry, plain_settings):
    one, other = (_make(geometry, plain_settings, seed=seed, gradient=0.7).tissue[0].log_density for seed in (1, 2))
    np.testing.assert_array_equal(one, other)
    y = geometry.hemispheres[0].mirrored_inflated_mm[:, 1]
    front, back = one[np.argmax(y)].mean(), one[np.argmin(y)].mean()
    assert back - front == pytest.approx(0.7, abs=0.25)


@pytest.mark.slow
def test_two_individuals_fold_differently_and_a_smooth_warp_does_not(geometry, plain_settings):
    folded, warped = (
        [sulcal_depth_mm(_make(geometry, plain_settings, seed, **amounts).hemispheres[0]) for seed in (1, 2)]
        for amounts in ({}, UNFOLDED)
    )
    assert np.corrcoef(warped)[0, 1] > 0.99
    assert np.corrcoef(folded)[0, 1] < 0.98


def test_inflated_places_stay_the_geometrys(geometry, plain):
    for drawn, given in zip(plain.hemispheres, geometry.hemispheres, strict=True):
        assert drawn.inflated is given.inflated


def test_individuals_vary_around_the_measured_layers(geometry, plain_settings):
    hemisphere = geometry.hemispheres[0]
    measured = np.tile(np.array([0.1, 0.2, 0.5, 0.6, 0.8]), (len(hemisphere.pial.vertices_mm), 1))
    measured[::3] = np.nan
    settings = plain_settings.model_copy(update={"boundary_sd": 0.1})
    tables = profile_tables(1.0)
    flat = np.abs(mean_curvature_per_mm(hemisphere.mid)) < 0.005
    known = flat & np.isfinite(measured[:, 0])
    found = []
    for seed in range(8):
        tissue = make_tissue(geometry.layouts[0], hemisphere, measured, tables, settings, np.random.SeedSequence(seed))
        thickness = np.diff(tissue.boundaries, axis=1, prepend=0.0, append=1.0)
        assert (thickness > 0).all()
        found.append(np.log(thickness[known] / np.array([0.1, 0.1, 0.3, 0.1, 0.2, 0.2])))
    assert np.abs(np.mean(found, axis=(0, 1))).max() < 0.04
    # the layers share one thickness: the thinnest keep nearly all of the SD asked for
    np.testing.assert_allclose(np.std(found, axis=(0, 1))[[0, 1, 3]], 0.1, rtol=0.2)


def test_one_cytoarchitecture_changes_the_tables_and_no_area(geometry, plain_settings, plain):
    same = _make(geometry, plain_settings, one_cytoarchitecture=True)
    assert np.ptp(same.tables.neurons_per_mm3, axis=0).max() == pytest.approx(0, abs=1e-3)
    assert np.ptp(plain.tables.neurons_per_mm3, axis=0).max() > 1e3
    for a, b in zip(same.tissue, plain.tissue, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)


def test_the_layer_order_reaches_the_tables(geometry, plain_settings, plain):
    turned = _make(geometry, plain_settings, layer_order=(5, 4, 3, 2, 1, 0)).tables.neurons_per_mm3
    given = plain.tables.neurons_per_mm3
    np.testing.assert_array_equal(turned[:, :SAMPLES], given[:, -SAMPLES:])
