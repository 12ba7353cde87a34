"""Profile tables against the published numbers they are made of."""

import numpy as np
import pytest

from gennari.phantom.layers import AREAS, BASE_TYPES, COLUMN_LABEL, COLUMNS, LABEL_SET, SAMPLES, profile_tables


def test_gennaris_stripe_is_a_pale_band_between_iva_and_ivc():
    layer_iv = profile_tables().coverage[COLUMNS.index("hOc1"), 3 * SAMPLES : 4 * SAMPLES]
    iva, ivb, ivc = layer_iv[1], layer_iv[SAMPLES // 3], layer_iv[-2]
    assert ivb < 0.5 * iva
    assert ivb < 0.2 * ivc


def test_coverage_is_density_times_cell_area_times_section_thickness():
    table = profile_tables()
    assert table.coverage[COLUMNS.index("hOc1"), 1 * SAMPLES] == pytest.approx(150e3 * 1e-9 * 20 * 28, rel=1e-5)
    assert table.coverage[COLUMNS.index("hOc2"), 3 * SAMPLES] == pytest.approx(240e3 * 1e-9 * 20 * 44, rel=1e-5)


def test_layer_borders_are_fractions_of_the_published_thickness():
    thickness = np.array(BASE_TYPES["OB"].thickness_mm)
    np.testing.assert_allclose(
        profile_tables().boundaries[COLUMNS.index("hOc2")], np.cumsum(thickness)[:5] / thickness.sum()
    )


@pytest.mark.parametrize("contrast", [0.0, 0.5])
def test_contrast_draws_every_area_towards_the_mean(contrast):
    full, drawn = profile_tables().coverage, profile_tables(contrast).coverage
    np.testing.assert_allclose(drawn - full.mean(axis=0), contrast * (full - full.mean(axis=0)), atol=1e-6)


def test_sublayers_fill_their_layer():
    for name, base in BASE_TYPES.items():
        for layer in base.layers:
            assert sum(s.share for s in layer) == pytest.approx(1.0), name


def test_every_cytoarchitecture_has_its_class():
    assert len(LABEL_SET.areas) == 13
    assert [LABEL_SET.names[k] for k in COLUMN_LABEL[:13]] == list(AREAS)
    assert {LABEL_SET.names[k] for k in COLUMN_LABEL[13:]} == {"other cortex"}
