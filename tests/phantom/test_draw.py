"""Pixels against tables: what is drawn is what the layers say, the same each time, sharp where borders are sharp."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gennari.phantom.draw import (
    CELL_DARKNESS,
    NEUROPIL_DARKNESS,
    WHITE_COVERAGE,
    WHITE_DARKNESS,
    _poisson,
    _shares,
    draw_section,
    place_labels,
)
from gennari.phantom.individual import make_individual
from gennari.phantom.layers import COLUMN_LABEL, COLUMNS, LABEL_SET, SAMPLES
from gennari.phantom.plan import plan_sections
from gennari.surface.ribbon import cut_ribbon


@pytest.fixture(scope="module")
def section(plain, plain_settings):
    return plan_sections(plain, plain_settings.brains[0], plain_settings)[1]


@pytest.fixture(scope="module")
def drawn(plain, section, plain_settings):
    return draw_section(plain, section, plain_settings)


@pytest.fixture(scope="module")
def ribbon(plain, section):
    return cut_ribbon(plain.hemispheres, section, section.spacing_um)


def test_place_labels_agrees_with_a_loop(rng):
    faces = rng.integers(0, 30, size=(40, 3)).astype(np.int32)
    scores = rng.normal(size=(30, len(COLUMNS))).astype(np.float32)
    face = rng.integers(0, 40, size=500)
    weights = rng.dirichlet([1, 1, 1], size=500)
    expected = []
    for f, w in zip(face, weights, strict=True):
        corners = faces[f]
        candidates = [int(scores[corner].argmax()) for corner in corners]
        blended = {c: sum(w[k] * scores[corners[k], c] for k in range(3)) for c in candidates}
        expected.append(COLUMN_LABEL[max(blended, key=blended.__getitem__)])
    np.testing.assert_array_equal(place_labels(faces, scores, face, weights), expected)


def test_the_same_arguments_give_the_same_pixels(plain, section, plain_settings, drawn):
    again = draw_section(plain, section, plain_settings)
    np.testing.assert_array_equal(again.image, drawn.image)
    np.testing.assert_array_equal(again.labels, drawn.labels)


def test_another_texture_seed_gives_other_pixels_and_the_same_labels(plain, section, plain_settings, drawn):
    other = draw_section(replace(plain, texture_seed=plain.texture_seed + 1), section, plain_settings)
    cortex = drawn.labels >= 2
    assert (other.image[cortex] != drawn.image[cortex]).mean() > 0.5
    np.testing.assert_array_equal(other.labels, drawn.labels)


def test_glass_is_white_and_tissue_is_not(drawn):
    assert (drawn.image[drawn.labels == 0] == 255).all()
    assert (drawn.image[drawn.labels > 0] < 255).all()


def test_white_matter_has_the_darkness_of_its_glia(drawn):
    darkness = 255.0 - drawn.image[drawn.labels == 1]
    assert darkness.mean() == pytest.approx(WHITE_DARKNESS + CELL_DARKNESS * WHITE_COVERAGE, rel=0.01)


def _expected_coverage(plain, ribbon, rows, cols):
    """Layer and table entry of pixels, by hand: the borders are interpolated in the face, the layer is divided."""
    layers, coverage = np.empty(len(rows), int), np.empty(len(rows))
    for i, (row, col) in enumerate(zip(rows, cols, strict=True)):
        side = int(ribbon.side[row, col])
        corners = plain.hemispheres[side].pial.faces[ribbon.face[row, col]]
        tissue = plain.tissue[side]
        borders = np.concatenate([[0.0], ribbon.weights[row, col] @ tissue.boundaries[corners], [1.0]])
        depth = float(ribbon.depth[row, col])
        layer = min(int((depth >= borders[1:-1]).sum()), 5)
        along = (depth - borders[layer]) / (borders[layer + 1] - borders[layer])
        entry = layer * SAMPLES + min(max(int(along * SAMPLES), 0), SAMPLES - 1)
        layers[i] = layer
        coverage[i] = plain.tables.coverage[tissue.scores[corners[0]].argmax(), entry]
    return layers, coverage


@pytest.mark.parametrize("area", ["hOc1", "hOc2"])
def test_mean_darkness_of_a_layer_is_what_its_table_covers(plain, drawn, ribbon, area):
    column = COLUMNS.index(area)
    pure = np.zeros(ribbon.face.shape, bool)
    for side, (hemisphere, tissue) in enumerate(zip(plain.hemispheres, plain.tissue, strict=True)):
        inside = (tissue.scores.argmax(axis=1)[hemisphere.pial.faces] == column).all(axis=1)
        pure |= (ribbon.side == side) & inside[ribbon.face]
    rows, cols = np.nonzero(pure)
    assert len(rows) > 2000
    layers, coverage = _expected_coverage(plain, ribbon, rows, cols)
    darkness = 255.0 - drawn.image[rows, cols]
    for layer in range(6):
        there = layers == layer
        expected = NEUROPIL_DARKNESS + CELL_DARKNESS * coverage[there].mean()
        assert darkness[there].mean() == pytest.approx(expected, rel=0.04), layer


def test_labels_follow_the_ribbon_and_its_sides(plain, drawn, ribbon):
    assert ((drawn.labels >= 2) == ribbon.cortex).all()
    assert {"hOc1", "hOc2"} <= {LABEL_SET.names[k] for k in np.unique(drawn.labels)}


def test_at_contrast_zero_areas_cannot_be_told_from_the_image(geometry, plain_settings, section, rng):
    settings = plain_settings.model_copy(update={"area_contrast": 0.0})
    individual = make_individual("A", geometry, settings, np.random.SeedSequence(7))
    shuffled = rng.permutation(len(COLUMNS))
    other = replace(
        individual, tissue=tuple(replace(tissue, scores=tissue.scores[:, shuffled]) for tissue in individual.tissue)
    )
    one, two = (draw_section(brain, section, settings) for brain in (individual, other))
    assert (one.labels != two.labels)[one.labels >= 2].mean() > 0.3
    # sums of shares are rounded: a Poisson quantile may fall on the other side once in a while
    assert (one.image == two.image).mean() > 0.9999


def test_stain_and_light_vary_within_their_sd(plain, section, plain_settings, drawn):
    settings = plain_settings.model_copy(update={"illumination_sd": 0.02})
    lit = draw_section(plain, section, settings)
    tissue = drawn.labels > 0
    ratio = (255.0 - lit.image[tissue]) / (255.0 - drawn.image[tissue])
    assert 0.001 < np.std(ratio) < 0.06
    assert ratio.mean() == pytest.approx(1, abs=0.06)
    darker = draw_section(replace(plain, stain_gain=1.2), section, plain_settings)
    gain = (255.0 - darker.image[tissue]).sum() / (255.0 - drawn.image[tissue]).sum()
    assert gain == pytest.approx(1.2, abs=0.02)


@pytest.mark.parametrize("mean", [0.05, 0.7, 5.0, 40.0])
def test_poisson_numbers_are_quantiles_of_the_poisson_distribution(mean):
    uniform = (np.arange(4000) + 0.5) / 4000
    drawn = np.array([_poisson(mean, u) for u in uniform])
    np.testing.assert_array_equal(drawn, stats.poisson.ppf(uniform, mean))
    assert drawn.mean() == pytest.approx(mean, rel=0.02)
    assert drawn.var() == pytest.approx(mean, rel=0.03)


def test_very_large_poisson_means_are_kept_by_scaling():
    drawn = np.array([_poisson(200.0, u) for u in (np.arange(4000) + 0.5) / 4000])
    assert drawn.mean() == pytest.approx(200, rel=0.01)


def _width_mm(one: str, other: str) -> float:
    """Over how many mm the share of `one` falls from 90 to 10 % where signed distances cross."""
    columns = (COLUMNS.index(one), COLUMNS.index(other), COLUMNS.index(other))
    at_mm = np.linspace(-1, 1, 2001)
    scores = np.full((3, len(COLUMNS)), -60.0, np.float32)
    scores[0, columns[:2]] = 1.0, -1.0
    scores[1:, columns[:2]] = -1.0, 1.0
    shares = np.empty(len(at_mm))
    for i, x in enumerate(at_mm):
        share, weight = np.zeros(3), (1 - x) / 2
        _shares(scores, 0, 1, 2, weight, 1 - weight, 0.0, columns, share)
        assert share.sum() == pytest.approx(1)
        shares[i] = share[0]
    inside = (shares < 0.9) & (shares > 0.1)
    return float(np.ptp(at_mm[inside]))


def test_the_border_of_hoc1_and_hoc2_is_sharp_and_others_are_not():
    assert _width_mm("hOc1", "hOc2") == pytest.approx(0.2, abs=0.02)
    assert _width_mm("hOc2", "hOc1") == pytest.approx(0.2, abs=0.02)
    assert _width_mm("hOc2", "hOc3d") == pytest.approx(0.5, abs=0.05)
    assert _width_mm("hOc1", "PG") == pytest.approx(0.5, abs=0.05)
